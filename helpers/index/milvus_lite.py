"""Milvus Lite's database on disk: opening it, who holds it, and what is in it.

It is a folder, `….db`, that one process at a time may hold (by a lock on the file LOCK in it), with
`collections/NAME/partitions/*/data/*.parquet`, and an `indexes/*.idx` beside each of those.
"""

import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from helpers.files import try_lock
from helpers.index.errors import MilvusError

_lock = threading.Lock()  # one thread at a time opens or closes
_clients = Counter()  # how many clients use each database that this process holds, by path


def open_client(uri: str):
    """Return a client of the Milvus Lite database at `uri`, creating its folder if needed.

    Raises MilvusError when another process holds it, or when it can't be written or read.
    """
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    path = os.path.realpath(uri)
    _make_folder(Path(path))
    with _lock:
        if path in getattr(server_manager_instance, "_servers", {}) and not _clients[path]:
            _clients[path] = 1  # somebody else in this process has opened it without us
        try:
            client = MilvusClient(path)
        except Exception as error:
            raise MilvusError(_why_not_opened(Path(path), error)) from None
        _clients[path] += 1
    return client


def _make_folder(path):
    if path.suffix != ".db":
        raise MilvusError(
            f"MILVUS_URI is {path}, but the name of a Milvus Lite database ends in .db. "
            f"Set it to {path}.db, or to http://host:19530 for a server."
        )
    if path.is_file():
        raise MilvusError(
            f"{path} is a file, as older versions of Milvus Lite wrote, but this version keeps a "
            "folder. Move the file away or set MILVUS_URI to another name ending in .db, then run "
            "notebook 03 again: the index is rebuilt from the saved vectors."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise MilvusError(
            f"Nothing can be written to {path} ({error.strerror or error}). "
            "Set MILVUS_URI (or BOOTCAMP_DATA) to a folder of your own with free space."
        ) from None


def _why_not_opened(path, error):
    # Workaround (pymilvus 3.0.2, milvus-lite 3.2.2): the error never says why.
    # Upstream: https://github.com/milvus-io/milvus/issues/50390.
    # Test: test_a_locked_database_is_logged_but_not_explained.
    if _clients[str(path)]:
        return (
            f"{path} is open in this program, but doesn't answer ({error}). Try again in a minute."
        )
    holder = _lock_holder(path)
    if holder:
        return (
            f"{path} is in use by {holder}, and Milvus Lite allows one process at a time. End it "
            "(a notebook by Kernel > Shut Down Kernel) and run this cell again, or serve several "
            f"users with: milvus-lite server --data-dir {path} --host 127.0.0.1 "
            "--port 19530, and MILVUS_URI=http://127.0.0.1:19530."
        )
    return (
        f"{path} is damaged, or isn't a Milvus Lite database ({error}). Move the folder away and "
        "run notebook 03 again: the index is rebuilt from the saved vectors."
    )


def _lock_holder(path):
    """Return in words who holds the database's lock, or None when it is free."""
    lock = path / "LOCK"
    try:
        with lock.open("rb") as file:
            if try_lock(file):
                return None
    except OSError:  # a missing LOCK is held by nobody
        return None
    for process in psutil.process_iter(["open_files", "environ"]):  # None where we may not look
        if any(file.path == str(lock) for file in process.info["open_files"] or ()):
            if process.pid == os.getpid():
                return "this very program, which opened it by another path"
            notebook = (process.info["environ"] or {}).get("JPY_SESSION_NAME")
            number = f"process {process.pid}"
            return f"the notebook {Path(notebook).name} ({number})" if notebook else number
    return "another program"


def close_client(client, uri: str) -> None:
    """Close a client; the last one to leave a database also gives up its lock."""
    # Workaround (milvus-lite 3.2.2): closing the last client keeps the lock until the process ends.
    # Upstream: https://github.com/milvus-io/milvus-lite/issues/227.
    # Test: test_closing_the_last_client_keeps_the_lock.
    from milvus_lite.server_manager import server_manager_instance

    client.close()
    path = os.path.realpath(uri)
    with _lock:
        _clients[path] -= 1
        if _clients[path] <= 0:
            del _clients[path]
            server_manager_instance.release_server(path)


def folder(uri: str, name: str) -> Path:
    """Return the folder of a collection; in its `wal` are the rows that no data file has yet."""
    return Path(uri) / "collections" / name


def delete_index_files(uri: str, name: str) -> int:
    """Delete a collection's index files, which loading builds again, and return how many."""
    files = list(folder(uri, name).rglob("*.idx"))
    for file in files:
        file.unlink()
    return len(files)


def wait_until_indexed(uri: str, name: str, timeout: float = 120) -> bool:
    """Wait until each data file has its index file, at most `timeout` seconds; return success.

    Searches in the meantime are right, only slow.
    """
    # Workaround (milvus-lite 3.2.2): an index is called Finished before it is built.
    # Upstream: none known. Test: test_an_index_is_finished_before_it_is_built.
    end, before = time.monotonic() + timeout, None
    while time.monotonic() < end:
        data = {file.stem for file in folder(uri, name).rglob("data/*.parquet")}
        indexes = folder(uri, name).rglob("indexes/*.idx")
        sizes = {file.name: file.stat().st_size for file in indexes}
        done = data <= {file.split(".")[0] for file in sizes}
        if done and sizes == before:  # and nothing has grown since the last look
            return True
        before = sizes
        time.sleep(0.05)
    return False
