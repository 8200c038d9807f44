"""One door to Milvus, embedded or served: connecting, and what was acknowledged.

Milvus Lite runs inside this process and keeps a folder, `….db`; a server is reached by
`http://host:port`. Which one it is, is decided by MILVUS_URI alone.
"""

import json
import logging
import os
import re
import socket
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from urllib.parse import urlparse

from helpers.index import milvus_lite
from helpers.index.errors import MilvusError

OLDEST = (2, 3)  # the first server with upsert and COSINE
STRONG_CONSISTENCY = {
    "consistency_level": "Strong"
}  # a read that sees all that was written before it
RECEIPTS = "receipts.json"  # in the folder of a Milvus Lite database: {collection: rows}
PROPERTY = "bootcamp.rows"  # a collection's property that says the same on a server


def is_lite(uri):
    """Return True when `uri` is a Milvus Lite database and not a server."""
    return "://" not in uri


def call(function, *arguments, **options):
    """Return `function(…)`, run where Ctrl-C cannot reach it.

    Ctrl-C strikes the main thread. In the midst of gRPC it leaves a lock closed, and each later
    call hangs; so gRPC works in a thread of its own, where a call that has begun is also finished.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments, **options)
    return _hand().submit(function, *arguments, **options).result()


@cache
def _hand():
    """Return the one thread that works for the main thread, one call after the other."""
    return ThreadPoolExecutor(1, thread_name_prefix="milvus")


def connect(uri, token="", timeout=10):
    """Return a MilvusClient for a Milvus Lite path (`….db`) or a server (`http://host:port`).

    Raises MilvusError, saying what is wrong and what to do, when there is none to be had.
    """
    pymilvus()
    if is_lite(uri):
        return call(milvus_lite.open_client, uri)
    return call(_open_server, uri, token, timeout)


@cache
def pymilvus():
    """Return pymilvus, imported so that it keeps quiet; our errors say it without tracebacks.

    It reads MILVUS_URI while it is imported, and fails when that names a file, which ours may.
    """
    uri = os.environ.pop("MILVUS_URI", None)
    try:
        import pymilvus
    finally:
        if uri is not None:
            os.environ["MILVUS_URI"] = uri
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus


def close(client, uri):
    """Close a client; the lock of a Milvus Lite database is free after the last one."""
    if is_lite(uri):
        milvus_lite.close_client(client, uri)
    else:
        client.close()


# What was acknowledged: Milvus Lite serves what is left of a damaged database without a word, so
# the number of rows that it once confirmed is kept apart from the rows.


def acknowledged(client, uri, name):
    """Return how many rows the collection is known to have had, 0 where nobody noted it."""
    if is_lite(uri):
        return int(_receipts(uri).get(name, 0))
    properties = call(client.describe_collection, name).get("properties") or {}
    return int(dict(properties).get(PROPERTY, 0))


def acknowledge(client, uri, name, count):
    """Note that the collection has `count` rows."""
    if not is_lite(uri):
        call(client.alter_collection_properties, name, {PROPERTY: str(count)})
        return
    path, temporary = Path(uri) / RECEIPTS, Path(uri) / (RECEIPTS + ".part")
    temporary.write_text(json.dumps(_receipts(uri) | {name: count}))
    os.replace(temporary, path)  # whole or not at all, whenever the process ends


def _receipts(uri):
    """Return the receipts of a Milvus Lite database; none where they cannot be read."""
    try:
        return dict(json.loads((Path(uri) / RECEIPTS).read_text()))
    except (OSError, ValueError):
        return {}


# A server


def _open_server(uri, token, timeout):
    """Open a server, once it answers, is new enough and accepts the token."""
    from pymilvus import MilvusClient

    version = _knock(uri, token, timeout)
    number = re.match(r"v?(\d+)\.(\d+)", version)
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise MilvusError(
            f"The server at {uri} is Milvus {version}, too old for this course. "
            f"Use {OLDEST[0]}.{OLDEST[1]} or newer, or unset MILVUS_URI to work without a server."
        )
    try:
        return MilvusClient(uri, token=token, timeout=timeout)
    except Exception as error:
        raise MilvusError(_why_refused(uri, token, error)) from None


def _knock(uri, token, timeout):
    """Return the version of the server at `uri`, asking it without pymilvus.

    pymilvus tries again and again, and calls a wrong token an unavailable server.
    """
    import grpc
    from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

    _check_listens(uri, timeout)
    address = urlparse(uri).netloc
    if uri.startswith("https"):
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials())
    else:
        channel = grpc.insecure_channel(address)
    signed = (("authorization", b64encode(token.encode()).decode()),) if token else ()
    with channel:
        ask = milvus_pb2_grpc.MilvusServiceStub(channel).GetVersion
        try:
            return ask(milvus_pb2.GetVersionRequest(), metadata=signed, timeout=timeout).version
        except grpc.RpcError as error:
            raise MilvusError(_why_refused(uri, token, error)) from None


def _check_listens(uri, timeout):
    """Raise MilvusError when nobody listens at `uri`."""
    try:
        address = urlparse(uri)
        port = address.port or (443 if address.scheme == "https" else 19530)
        socket.create_connection((address.hostname, port), timeout).close()
    except (OSError, ValueError) as error:
        raise MilvusError(
            f"No Milvus server answers at {uri} ({error}). "
            "Start it, correct MILVUS_URI, or unset MILVUS_URI to work without a server."
        ) from None


def _why_refused(uri, token, error):
    """Return the reason why a server that listens did not let us in."""
    text = error.details() if hasattr(error, "details") else str(error)
    if any(word in text.lower() for word in ("auth", "credential", "permission")):
        what = "refuses this token" if token else "wants a token"
        return (
            f"The server at {uri} {what}. "
            "Set MILVUS_TOKEN to user:password, or to the API key of your cloud cluster."
        )
    return (
        f"Something listens at {uri}, but it does not answer as Milvus does ({text:.160}). "
        "Check address and port in MILVUS_URI, and wait a minute if the server has just started."
    )
