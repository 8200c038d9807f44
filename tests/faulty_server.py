"""A real HTTP server that serves one file and can go wrong in every way the web can.

`Server(content, faults)` answers request after request with the next of `faults`, then honestly.
A fault is a function of the request's handler; those below are the ones that we met or feared.
"""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<html><body><h1>Access denied</h1>Your organisation blocks this site.</body></html>"
ETAG = '"first"'


class Server(ThreadingHTTPServer):
    """Serves `content` at `url`; `requests` holds the headers of each request, in order."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, content, faults=(), rate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.rate = content, iter(faults), rate
        self.etag, self.requests, self.sent = ETAG, [], 0
        self.url = f"http://127.0.0.1:{self.server_port}/archive.tar"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that hangs up is nothing to report."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request with the next fault, or as a good server does."""

    def do_GET(self):
        self.server.requests.append(dict(self.headers))
        next(self.server.faults, honest)(self)

    def log_message(self, *_):
        """Log nothing."""

    @property
    def start(self):
        """The first byte that the request asks for."""
        wanted = self.headers.get("Range", "bytes=0-")
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def head(self, status, length, **more):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def body(self, data):
        """Send `data`, at the server's rate in bytes a second if it has one."""
        rate = self.server.rate
        for at in range(0, len(data), 16384):
            piece = data[at : at + 16384]
            self.wfile.write(piece)
            self.server.sent += len(piece)
            if rate:
                time.sleep(len(piece) / rate)

    def hang_up(self):
        """Close the connection in the middle."""
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(2)
        self.close_connection = True


def honest(handler, cut=None, check=True, etag=None):
    """Answer as RFC 9110 says: 206 for a part, 200 for all or when If-Range no longer holds."""
    server, start = handler.server, handler.start
    content, tag = server.content, etag or server.etag
    if check and handler.headers.get("If-Range", tag) != tag:
        start = 0
    if start >= len(content):
        handler.head(416, 0, Content_Range=f"bytes */{len(content)}")
        return
    body, more = content[start:], {"ETag": tag, "Content_Type": "application/x-tar"}
    if start:
        more["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.head(206 if start else 200, len(body), **more)
    handler.body(body if cut is None else body[:cut])


def drop(count):
    """Break the connection after `count` bytes of the body."""

    def fault(handler):
        honest(handler, cut=count)
        handler.hang_up()

    return fault


def stall(count, seconds=3):
    """Send `count` bytes and then nothing."""

    def fault(handler):
        honest(handler, cut=count)
        handler.wfile.flush()
        time.sleep(seconds)
        handler.hang_up()

    return fault


def drip(handler):
    """Send a byte now and then, for as long as anybody listens."""
    handler.head(200, len(handler.server.content), ETag=handler.server.etag)
    with suppress(OSError):
        for at in range(len(handler.server.content)):
            handler.wfile.write(handler.server.content[at : at + 1])
            time.sleep(0.02)


def hold(count, event):
    """Send `count` bytes, and the rest once `event` is set."""

    def fault(handler):
        content = handler.server.content
        handler.head(200, len(content), ETag=handler.server.etag)
        handler.body(content[:count])
        event.wait(600)
        handler.body(content[count:])

    return fault


def ignore_range(handler, cut=None):
    """Send the whole file with 200, whatever was asked."""
    content = handler.server.content
    handler.head(200, len(content), ETag=handler.server.etag, Accept_Ranges="bytes")
    handler.body(content if cut is None else content[:cut])
    if cut is not None:
        handler.hang_up()


def change(content, then=honest):
    """From now on it is a different file: `content`, with another ETag."""

    def fault(handler):
        handler.server.content, handler.server.etag = content, '"second"'
        then(handler)

    return fault


def ignore_if_range(handler):
    """Send the part that was asked for although the file has changed since."""
    honest(handler, check=False)


def other_part(handler):
    """Answer 206 with a different part than was asked for."""
    content, tag = handler.server.content, handler.server.etag
    part = f"bytes 0-{len(content) - 1}/{len(content)}"
    handler.head(206, len(content), ETag=tag, Content_Range=part)
    handler.body(content)


def status(code, page=b"", kind="text/plain"):
    """Answer with an error."""

    def fault(handler):
        handler.head(code, len(page), Content_Type=kind)
        handler.body(page)

    return fault


def firewall(code):
    """Answer with a firewall's web page."""
    return status(code, PAGE, "text/html; charset=utf-8")


def plain(handler, cut=None):
    """Send the part that was asked for, without an ETag or a date."""
    content, start = handler.server.content, handler.start
    part = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.head(206 if start else 200, len(content) - start, Content_Range=part)
    handler.body(content[start:][:cut])
    if cut is not None:
        handler.hang_up()


def redirect(url):
    """Send the client on to `url`."""

    def fault(handler):
        handler.head(302, 0, Location=url)

    return fault


def wrong_content(handler):
    """Send other bytes of the right number."""
    size = len(handler.server.content)
    handler.head(200, size, Content_Type="application/x-tar")
    handler.body(bytes(size))


def other_size(count):
    """Send a file of `count` bytes."""

    def fault(handler):
        handler.head(200, count, Content_Type="application/x-tar")
        handler.body(bytes(count))

    return fault


def no_length(handler, cut=None):
    """Send the file without telling its size; it ends when the connection does."""
    handler.head(200, None, Content_Type="application/x-tar")
    handler.body(handler.server.content[:cut])
    handler.hang_up()
