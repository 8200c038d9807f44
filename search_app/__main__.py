"""The command that serves the page and the REST interface: python -m search_app."""

import argparse
import errno
import logging
import socket
import sys
from contextlib import suppress
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI

from helpers import settings as _settings
from helpers.errors import PlainError
from search_app.safety import MAX_UPLOAD, is_loopback, new_token
from search_app.service import create_app


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C; what can't work is one sentence and exit status 1."""
    asked = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("search_app").setLevel(logging.INFO)
    try:
        settings = _settings.from_environment()
        listener = listen(asked.host, asked.port)
    except PlainError as error:
        sys.exit(str(error))
    local = is_loopback(asked.host)
    token = asked.token or ("" if local else new_token())
    link = address(asked.host, listener.getsockname()[1], token)
    app = create_app(settings, token, local, lambda: print(f"The search page is at {link}"))
    print(f"Starting. The page shows how far along it is: {link}", flush=True)
    with suppress(KeyboardInterrupt):  # Uvicorn raises it again when all is closed
        uvicorn.Server(configuration(app)).run(sockets=[listener])


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return what the command line asks for: host, port, token."""
    parser = argparse.ArgumentParser("python -m search_app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other computers in")
    parser.add_argument("--port", default=8866, type=int)
    parser.add_argument("--token", default="", help="what visitors must know; by default random")
    return parser.parse_args(arguments)


class AddressError(PlainError, OSError):
    """An address that can't be listened on; the text says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port`; raises AddressError when that can't be."""
    if not 0 <= port < 65536:
        raise AddressError(f"{port} isn't a port. Choose one from 0 to 65535.")
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place, family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            text = f"Port {port} is in use already. Stop what runs there, or choose another port"
            raise AddressError(f"{text}: --port {port + 1}.") from error
        raise AddressError(
            f"{host}:{port} can't be served ({error.strerror}). Choose another --host or --port."
        ) from error


def address(host: str, port: int, token: str) -> str:
    """Return the link to open, with the token where there is one."""
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"?{urlencode({'token': token})}" if token else "")


def configuration(app: FastAPI) -> uvicorn.Config:
    """Return how Uvicorn serves `app`."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would show tokens
        proxy_headers=False,  # who asks is never taken from a header
        server_header=False,
        ws_max_size=MAX_UPLOAD,
        ws_per_message_deflate=False,  # pictures are compressed already
        ws_ping_timeout=60,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
