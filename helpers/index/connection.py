"""One way into Milvus, embedded or served: connecting, calling and closing.

Milvus Lite runs inside this process and keeps a folder, `….db`; a server is reached at
`http://host:port`. MILVUS_URI alone decides which.
"""

import functools
import logging
import os
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from helpers.errors import Plain
from helpers.index import milvus_lite
from helpers.index.errors import MilvusError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

OLDEST = (2, 3)  # the first server with upsert and COSINE
CONNECT_SECONDS = 10  # for a server to answer at all
# gRPC looks for a server that was away after 1.6 times as long as before, by default up to 120 s
RECONNECT = {f"grpc.{which}_reconnect_backoff_ms": 500 for which in ("initial", "min", "max")}
# Workaround (pymilvus 3.0.2): every ten seconds it asks whether a server is still there, also when
# nobody asks for anything. `milvus-lite server` hangs up after some minutes of that, "too many
# pings", and the next call fails. Upstream: none known. Test: none, it would take those minutes.
SELDOM = {"grpc.keepalive_time_ms": 60_000, "grpc.keepalive_permit_without_calls": False}

# The one thread that works for the main thread, one call after the other
_worker = ThreadPoolExecutor(1, thread_name_prefix="milvus")


def is_lite(uri: str) -> bool:
    """Return True when `uri` is a Milvus Lite database and not a server."""
    return "://" not in uri


def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return `function(…)`, run where Ctrl-C can't reach it."""
    # Workaround (grpcio 1.85.1): Ctrl-C strikes the main thread; in the middle of gRPC it can leave
    # a lock held, and every later call hangs. So gRPC gets a thread of its own, where a call that
    # has begun also finishes. Upstream: https://github.com/grpc/grpc/issues/19973. Test: none, it
    # takes the right microsecond; test_ctrl_c_keeps_what_was_written_and_the_index_usable is ours.
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments, **options)
    try:
        return _worker.submit(function, *arguments, **options).result()
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted. What Milvus has begun, it finishes; run this again."
        ) from None


class Interrupted(Plain, KeyboardInterrupt):
    """The learner interrupted a call of Milvus, which goes on in its own thread."""


class Client:
    """A MilvusClient, method by method, each of which runs where Ctrl-C can't reach it.

    What one raises shows its message in a notebook, and no traceback through pymilvus and gRPC.
    """

    def __init__(self, client: "MilvusClient"):
        self._client = client

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if not callable(found):
            return found
        return functools.wraps(found)(functools.partial(_told_shortly, found))

    def __dir__(self):
        return dir(self._client)


def _told_shortly(function, *arguments, **options):
    """Call a method; an error keeps its type, and renders as one line in a notebook."""
    try:
        return call(function, *arguments, **options)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        error._render_traceback_ = lambda: [text]
        raise


def connect(uri: str, token: str = "") -> Client:
    """Return a client for a Milvus Lite path (`….db`) or a server (`http://host:port`).

    It has the methods of pymilvus' MilvusClient, and Ctrl-C in one leaves it usable. Raises
    MilvusError, saying what is wrong and what to do about it.
    """
    opened = []
    call(pymilvus)  # Ctrl-C while the thread starts would give us another, and the order would go

    def open_client():
        opened.append(milvus_lite.open_client(uri) if is_lite(uri) else _open_server(uri, token))
        return opened[0]

    try:
        return Client(call(open_client))
    except KeyboardInterrupt:
        # The thread goes on opening; what it opens must not stay open without an owner.
        call(lambda: [close(client, uri) for client in opened])
        raise


@functools.cache
def pymilvus() -> ModuleType:
    """Return the module pymilvus, imported so that it neither fails nor logs."""
    # Workaround (pymilvus 3.0.2): importing it fails when MILVUS_URI names a file, as ours may.
    # Upstream: https://github.com/milvus-io/milvus-lite/issues/219.
    # Test: test_importing_pymilvus_fails_when_milvus_uri_is_a_file.
    uri = os.environ.pop("MILVUS_URI", None)
    try:
        import pymilvus
    finally:
        if uri is not None:
            os.environ["MILVUS_URI"] = uri
    # Workaround (pymilvus 3.0.2, milvus-lite 3.2.2): they log a traceback of what they also raise.
    # Upstream: none known. Test: test_a_locked_database_is_logged_but_not_explained.
    for name in ("pymilvus", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus


def close(client: Client, uri: str) -> None:
    """Close a client; the lock of a Milvus Lite database is free after the last one."""
    if is_lite(uri):
        call(milvus_lite.close_client, client, uri)
    else:
        client.close()


def _open_server(uri, token):
    """Open a server, once it answers, is new enough and accepts the token."""
    from pymilvus import MilvusClient

    _check_listens(uri)
    try:
        client = MilvusClient(
            uri, token=token, timeout=CONNECT_SECONDS, grpc_options=RECONNECT | SELDOM
        )
        version = client.get_server_version(timeout=CONNECT_SECONDS)
    except Exception as error:
        # Workaround (pymilvus 3.0.2): whatever the server refuses, it is called unavailable; only
        # the cause says more. Upstream: none known.
        # Test: test_a_wrong_token_is_called_an_unavailable_server.
        raise MilvusError(_why_refused(uri, token, error.__cause__ or error)) from None
    number = re.match(r"v?(\d+)\.(\d+)", version)
    if number and (int(number[1]), int(number[2])) < OLDEST:
        client.close()
        raise MilvusError(
            f"The server at {uri} is Milvus {version}, too old for this course. "
            f"Use {OLDEST[0]}.{OLDEST[1]} or newer, or unset MILVUS_URI to work without a server."
        )
    return client


def _check_listens(uri):
    try:
        address = urlparse(uri)
        port = address.port or (443 if address.scheme == "https" else 19530)
        socket.create_connection((address.hostname, port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise MilvusError(
            f"No Milvus server answers at {uri} ({error}). "
            "Start it, correct MILVUS_URI, or unset MILVUS_URI to work without a server."
        ) from None


def _why_refused(uri, token, error):
    text = error.details() if hasattr(error, "details") else str(error)
    if any(word in text.lower() for word in ("auth", "credential", "permission")):
        what = "refuses this token" if token else "wants a token"
        return (
            f"The server at {uri} {what}. "
            "Set MILVUS_TOKEN to user:password, or to the API key of your cloud cluster."
        )
    return (
        f"Something listens at {uri}, but it doesn't answer as Milvus does ({text:.160}). "
        "Check address and port in MILVUS_URI, and wait a minute if the server has just started."
    )
