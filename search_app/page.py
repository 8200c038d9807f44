"""The page for people: its files, and the socket over which each visitor's session talks.

A visitor is a Session with the latest value of each part of the page. Only that value is kept until
it's sent: however slow a connection is, it costs bounded memory and holds up nobody.
"""

import asyncio
import functools
import mimetypes
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from starlette.exceptions import HTTPException

from search_app import frames
from search_app.catalogue import Catalogue
from search_app.messages import dispatch
from search_app.session import Session

BROWSER = Path(__file__).parent / "browser"
GRACE_SECONDS = 60  # that a session outlives its socket, so that a reload finds it
MAX_VISITORS = 100
TAKEN_OVER, TRY_AGAIN, BAD_REQUEST = 4001, 1013, 1008
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@functools.cache
def files() -> dict[str, bytes]:
    """Return the page's files by name; `app.js` is the same module that widget.py joins."""
    found = {path.name: path.read_bytes() for path in sorted((BROWSER / "page").iterdir())}
    found["app.css"] = (BROWSER / "app.css").read_bytes()
    found["app.js"] = b"\n".join(path.read_bytes() for path in sorted(BROWSER.glob("*.js")))
    return found


@router.get("/")
def page() -> Response:
    """Return the empty page, which then connects by itself."""
    content = (BROWSER / "page" / "index.html").read_bytes()
    headers = {"Content-Security-Policy": CSP, "Cache-Control": "no-cache"}
    return Response(content, media_type="text/html", headers=headers)


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    """Return one of the page's files, unless the browser has it already."""
    known = files()
    if name not in known:
        raise HTTPException(404, "The page has no such file. Reload the page.")
    kind = mimetypes.guess_type(name)[0]
    return cached(request, f"{hash(known[name])}", lambda: known[name], kind)


def cached(request: Request, tag: str, make: Callable[[], bytes], kind: str | None) -> Response:
    """Return what `make()` gives, or a 304 when the browser still has what `tag` stands for."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type=kind, headers=headers)


class Visitor:
    """A session, the latest value of each of its parts, and which of them weren't sent yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        """Wake the socket's sender in `loop`."""
        self.session, self.socket, self.leaving = None, None, None
        self.opening = asyncio.Lock()
        self._parts, self._unsent, self._lock = {}, {}, threading.Lock()
        self._loop, self._news = loop, asyncio.Event()

    def publish(self, part: str, value: object) -> None:
        """Take a part from any thread; what was published before and not sent yet is dropped."""
        with self._lock:
            self._parts[part] = self._unsent[part] = value
        self.wake()

    def wake(self) -> None:
        """Let the sender look again."""
        with suppress(RuntimeError):  # the service has ended
            self._loop.call_soon_threadsafe(self._news.set)

    def everything(self) -> dict[str, object]:
        """Return all parts as they are now; after that, only changes are news."""
        with self._lock:
            self._unsent = {}
            return dict(self._parts)

    async def news(self) -> dict[str, object]:
        """Wait until woken, then return the parts that changed, if any did."""
        await self._news.wait()
        self._news.clear()
        with self._lock:
            unsent, self._unsent = self._unsent, {}
        return unsent


class Visitors:
    """Everybody who has the page open, by session ID, and for a minute those who have just left."""

    def __init__(self, most: int = MAX_VISITORS, grace: float = GRACE_SECONDS):
        """Admit at most `most` at once; keep each `grace` seconds after its socket has closed."""
        self.most, self.grace, self._known = most, grace, {}

    async def enter(self, name: str, socket: WebSocket, catalogue: Catalogue) -> Visitor | None:
        """Return the visitor called `name`, from now on over `socket`; None if there's no room."""
        visitor = self._known.get(name)
        if visitor is None:
            if not self._make_room():
                return None
            visitor = self._known[name] = Visitor(asyncio.get_running_loop())
        before, visitor.socket = visitor.socket, socket
        if visitor.leaving:
            visitor.leaving.cancel()
        if before:
            await close(before, TAKEN_OVER)
        async with visitor.opening:  # two sockets may come at once
            if visitor.session is None:
                visitor.session = await asyncio.to_thread(Session, catalogue, visitor.publish)
                visitor.session.suggest()
        return visitor

    def leave(self, name: str, socket: WebSocket) -> None:
        """Note that `socket` has closed; unless there is a newer one, the session ends soon."""
        visitor = self._known.get(name)
        if visitor and visitor.socket is socket:
            visitor.socket = None
            loop = asyncio.get_running_loop()
            visitor.leaving = loop.call_later(self.grace, self._end, name)

    def close(self) -> None:
        """End all sessions."""
        for name in list(self._known):
            self._end(name)

    def _make_room(self):
        """Return whether one more fits, after ending the session that was left first."""
        gone = [name for name, visitor in self._known.items() if visitor.socket is None]
        if len(self._known) >= self.most and gone:
            self._end(gone[0])
        return len(self._known) < self.most

    def _end(self, name):
        visitor = self._known.pop(name)
        if visitor.leaving:
            visitor.leaving.cancel()
        if visitor.session:
            visitor.session.close()


@router.websocket("/ws")
async def connect(socket: WebSocket, session: str = "") -> None:
    """Serve one visitor for as long as the socket is open."""
    await socket.accept()
    service = socket.app.state.service
    if len(session) != 32 or not set(session) <= set("0123456789abcdef"):
        return await close(socket, BAD_REQUEST)
    if not service.catalogue:
        return await close(socket, TRY_AGAIN)
    visitor = await service.visitors.enter(session, socket, service.catalogue)
    if visitor is None:
        return await close(socket, TRY_AGAIN)
    try:
        await Talk(socket, visitor).run()
    finally:
        service.visitors.leave(session, socket)


class Talk:
    """One socket's two directions, of which neither waits for the other."""

    def __init__(self, socket: WebSocket, visitor: Visitor):
        """Connect `socket` and `visitor`."""
        self.socket, self.visitor, self.heard = socket, visitor, 0

    async def run(self) -> None:
        """Send all parts, then changes, and act on messages, until the socket closes."""
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self):
        with suppress(WebSocketDisconnect, RuntimeError):  # the visitor has left
            await self._say(parts=self.visitor.everything())
            told = 0
            while True:
                parts = await self.visitor.news()
                if self.heard > told:
                    told = self.heard
                    await self._say(heard=told)
                if parts:
                    await self._say(parts=parts)

    async def _say(self, **message):
        """Send a message, and wait until the connection has taken it."""
        await self.socket.send_bytes(await asyncio.to_thread(frames.encode, message))

    async def _receive(self):
        """Act on one message after the other; a malformed one becomes a sentence."""
        with suppress(WebSocketDisconnect, KeyError):  # it left, or it sent text
            while True:
                frame = await self.socket.receive_bytes()
                await asyncio.to_thread(self._obey, frame)

    def _obey(self, frame):
        session = self.visitor.session
        try:
            message, buffers = frames.decode(frame)
            number = message.get("number")
            if type(number) is int:
                self.heard = max(self.heard, number)
                self.visitor.wake()
            dispatch(session, message, buffers)
        except Exception as error:  # whatever it is, the visitor sees a sentence
            session.failed(error)


async def close(socket: WebSocket, code: int) -> None:
    """Close `socket` with `code`, unless that has happened already."""
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code)
