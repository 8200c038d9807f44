"""Who may ask, from where, and how much: checked before anything else sees a request.

The page reads folders and starts work, so no website that a visitor has open elsewhere may reach
it. On loopback the Host header is checked (against DNS rebinding), on any other address a token;
the Origin header is checked everywhere. This follows the OWASP cheat sheets.
"""

import asyncio
import hashlib
import ipaddress
import re
import secrets
from contextlib import nullcontext
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.batcher import Busy, Slots
from search_app.messages import explain
from search_app.problems import answer
from search_app.thumbs import MAX_BYTES

LOCAL = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE | re.ASCII)
SAFE = {"GET", "HEAD", "OPTIONS"}
OPEN = {"/", "/healthz", "/readyz"}  # the bare page, which holds nothing, and the probes
MAX_UPLOAD = MAX_BYTES + 100_000  # with what a form adds around the file
MAX_JSON = 2_000_000  # ten thousand ids to delete
MAX_SECONDS = 60.0  # until a body has to be there
UPLOADS = 8  # at once
FORBIDDEN = 4003  # the socket's close code

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
DOCS = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


class Guard:
    """Around the whole application: refuses what isn't allowed, and limits what is."""

    def __init__(
        self,
        app: ASGIApp,
        token: str = "",
        local: bool = True,
        max_seconds: float = MAX_SECONDS,
        uploads: int = UPLOADS,
    ):
        """Ask for `token`, if any, and, when `local`, for a Host header that means this computer.

        A body has to arrive within `max_seconds`, and at most `uploads` of them at the same time.
        """
        self.app, self.token, self.local, self.max_seconds = app, token, local, max_seconds
        self.uploads = Slots(uploads, "uploads")
        # Cookies are shared by all ports of a host: each token has one of its own.
        self.cookie = f"search_{hashlib.sha256(token.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket; this is what ASGI calls."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if scope["type"] == "websocket":
            refusal = self._refusal(scope, headers)
            app = _closing(FORBIDDEN) if refusal and refusal.status_code == 401 else refusal
            return await (app or self.app)(scope, receive, send)
        send, answered = _with_headers(send, scope["path"])
        early = self._with_cookie(scope) or self._refusal(scope, headers) or _too_large(headers)
        if early:
            return await early(scope, receive, send)
        is_form = _is_form(headers)
        try:
            with self.uploads.one() if is_form else nullcontext():
                limit = MAX_UPLOAD if is_form else MAX_JSON
                receive = _limited(receive, limit, self.max_seconds)
                return await self.app(scope, receive, send)
        except Busy as error:
            return await answer(503, str(error), error.retry_after)(scope, receive, send)
        except Exception as error:  # unforeseen: the log gets all of it, the answer nothing
            if answered:
                raise
            return await answer(500, explain(error))(scope, receive, send)

    def _refusal(self, scope, headers) -> Response | None:
        """Return why this request isn't served, if so."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.local and not LOCAL.fullmatch(host):
            return answer(400, "This address isn't served here. Use http://localhost and the port.")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE
        if changes and origin is not None and _host_of(origin) != host:
            return answer(403, "Another website asked for this. Open the search page itself.")
        if self.token and not self._may_enter(scope, headers):
            refusal = answer(
                401,
                "A token is needed. Open the link that the service printed when it started, "
                "or send the token as Authorization: Bearer.",
            )
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return None

    def _may_enter(self, scope, headers):
        """Return whether the token came as a cookie or a header, or isn't needed."""
        path = scope["path"]
        if scope["type"] == "http" and (path in OPEN or path.startswith("/static/")):
            return True
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._is_token(bearer.strip())
        # As browsers do, and unlike http.cookies: what other programs on this host keep in their
        # cookies, whatever that is, hides none of ours.
        return self._is_token(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))

    def _is_token(self, given):
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _with_cookie(self, scope):
        """Return a redirect that moves the token from the address bar into a cookie."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        wanted = self.token and scope["path"] == "/" and scope["method"] in SAFE
        if not (wanted and given and self._is_token(given)):
            return None
        rest = urlencode([(key, value) for key, value in query if key != "token"])
        found = RedirectResponse(f"/?{rest}" if rest else "/", status_code=303)
        found.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
        return found


def _host_of(origin):
    """Return the host and port in an Origin header, None when it is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _closing(code):
    """Return an application that accepts a socket and closes it with `code`.

    If it were refused earlier, the browser wouldn't tell the page the code.
    """

    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code})

    return app


def _with_headers(send, path):
    """Return `send` that adds the security headers, and a list that then holds what they are."""
    answered, own = [], {"Content-Security-Policy": DOCS} if path == "/docs" else {}

    async def wrapped(message: Message):
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in (HEADERS | own).items():
                headers.setdefault(name, value)
            answered.append(headers)
        await send(message)

    return wrapped, answered


def _is_form(headers):
    """Return whether a body is a form, which may carry a picture; media types ignore case."""
    return headers.get("content-type", "").lower().startswith("multipart/")


def _too_large(headers):
    """Return a 413 when the request says itself that it is larger than anything allowed."""
    length = headers.get("content-length", "0")
    limit = MAX_UPLOAD if _is_form(headers) else MAX_JSON
    return answer(413, _too_much(limit)) if length.isdigit() and int(length) > limit else None


def _too_much(limit):
    return f"That is more than {limit // 10**6} MB. Send a smaller file."


def _limited(receive, limit, seconds):
    """Return `receive` that stops a body while it arrives: too large is 413, too slow is 408."""
    end, left, whole = asyncio.get_running_loop().time() + seconds, limit, False

    async def wrapped() -> Message:
        nonlocal left, whole
        if whole:  # all that can still come is that the visitor leaves
            return await receive()
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "The upload took too long. Send a smaller file.") from None
        whole = not message.get("more_body", False)
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _too_much(limit))
        return message

    return wrapped
