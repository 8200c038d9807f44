"""A file on the web, opened at any byte.

The rules are those of RFC 9110, sections 14 (Range requests) and 13.1.5 (If-Range).
"""

import re
import time
from dataclasses import dataclass
from typing import BinaryIO

from helpers.settings import Settings

# How an exception of requests, urllib3, http.client, ssl or socket reads; what it means in plain
# words; whether the same address deserves another try.
FAULTS = (
    ("NameResolution|getaddrinfo|Name or service|nodename", "its name is unknown here", False),
    ("ConnectTimeout", "it did not answer, as behind a firewall", False),
    ("Timeout|timed out", "it was silent for {seconds:g} seconds", True),
    ("[Rr]efused", "it refused the connection", False),
    ("SSL|CERTIFICATE", "its certificate isn't trusted here, as behind some proxies", False),
    ("Proxy", "the proxy in between did not let it through", False),
    ("MissingSchema|InvalidSchema|InvalidURL", "it isn't a web address", False),
    ("TooManyRedirects", "it only redirects to other addresses", False),
)


class RemoteError(Exception):
    """Why an address failed, in plain words; `again` is True if another try may succeed."""

    def __init__(self, reason, again=False):
        super().__init__(reason)
        self.again = again


@dataclass
class Body:
    """The bytes of one file from `start` on.

    `total` is the whole file's size (None when unknown), `version` what tells it from a changed
    one ("" when unknown), `taken` how many bytes were received so far. Use it as
    `with closing(body)`, which ends the connection also in the middle.
    """

    start: int
    total: int | None
    version: str
    raw: BinaryIO
    settings: Settings
    taken: int = 0
    waited: float = 0.0
    recent: int = 0

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, b"" at the end; raise RemoteError if the link breaks."""
        asked = time.monotonic()
        try:
            data = self.raw.read1(min(count, 1 << 16))  # it makes room for all that it is asked for
        except Exception as error:  # urllib3, http.client, ssl and socket have their own
            raise _broken(error, self.settings.timeout) from error
        self.taken += len(data)
        left = 0 if self.total is None else self.total - self.start - self.taken
        if not data and left > 0:
            raise RemoteError(f"the connection ended {left:,} bytes early", again=True)
        self._assert_rate(len(data), time.monotonic() - asked)
        return data

    def _assert_rate(self, count, seconds):
        """Raise RemoteError when all that came in the last minute of waiting is a trickle.

        Only waiting counts, so that a busy machine isn't blamed on the server.
        """
        self.waited, self.recent = self.waited + seconds, self.recent + count
        if self.waited < self.settings.rate_window:
            return
        if self.recent < self.settings.least_rate * self.waited:
            rate = self.recent / self.waited
            raise RemoteError(f"it sent only {rate:,.0f} bytes a second")  # and would for hours
        self.waited = self.recent = 0

    def close(self) -> None:
        """End the connection."""
        self.raw.close()


def open_at(url: str, start: int, version: str, size: int | None, settings: Settings) -> Body:
    """Return the `Body` of the file at `url` from byte `start`, or from 0.

    It begins at 0 when the server ignores Range, or when the file is no longer the `version` that
    the first bytes came from: look at `Body.start`. The line may be silent for `settings.timeout`
    seconds, and slower than `settings.least_rate` for less than a minute. Raises RemoteError, also
    when the file isn't of `size` bytes, where that is known.
    """
    body = _open(url, start, version, settings)
    if body.start and version and body.version != version:
        # A server that knows Range but not If-Range would splice two files together.
        body.close()
        return open_at(url, 0, "", size, settings)
    if size is not None and body.total not in (None, size):
        body.close()
        raise RemoteError(f"it offers {body.total:,} bytes instead of {size:,}")
    return body


def _open(url, start, version, settings):
    """Return the Body that the server at `url` gives when asked for byte `start` and on."""
    import requests  # 0.1 s, and most runs need no network

    headers = {"Accept-Encoding": "identity", "User-Agent": "reverse-image-search-bootcamp"}
    if start:
        headers["Range"] = f"bytes={start}-"
        headers |= {"If-Range": version} if version else {}
    patience = min(settings.timeout, 10), settings.timeout
    try:
        answer = requests.get(url, headers=headers, stream=True, timeout=patience)
    except requests.RequestException as error:
        raise _broken(error, settings.timeout) from error
    try:
        if start and answer.status_code == 416:
            answer.close()
            return _open(url, 0, "", settings)
        first, total = _range(answer, start)
    except RemoteError:
        answer.close()
        raise
    tag = answer.headers.get("ETag", "")  # If-Range takes a strong one, or else the date
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    return Body(first, total, version, answer.raw, settings)


def _range(answer, start):
    """Return (first byte, size of the whole file) of `answer`; raise RemoteError if it has none."""
    page = "html" in answer.headers.get("Content-Type", "")
    if answer.status_code not in (200, 206):
        also = ", with a web page such as a firewall shows" if page else ""
        again = answer.status_code >= 500 or answer.status_code in (408, 429)
        raise RemoteError(f"it answered {answer.status_code} {answer.reason}{also}", again)
    if page:
        raise RemoteError("it sent a web page instead of the file, as firewalls and log-ins do")
    if answer.status_code == 200:
        size = answer.headers.get("Content-Length", "")
        return 0, int(size) if size.isdecimal() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if not found or int(found[1]) != start:
        raise RemoteError("it sent a different part of the file than it was asked for")
    return start, int(found[2]) if found[2] != "*" else None


def _broken(error, timeout):
    """Return the RemoteError for what went wrong on the line."""
    text = f"{type(error).__name__}: {error}"
    for pattern, reason, again in FAULTS:
        if re.search(pattern, text):
            return RemoteError(reason.format(seconds=timeout), again)
    return RemoteError("the connection broke off", again=True)
