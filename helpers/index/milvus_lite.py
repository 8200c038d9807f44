"""Milvus Lite's database on disk: opening it, who holds it, what lies in it.

It is a folder, `….db`, that one process may hold at a time (by a lock on the file LOCK in it), with
`collections/NAME/partitions/*/data/*.parquet` and an `indexes/*.idx` beside for each of those.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from helpers.index.errors import MilvusError

_opened = {}  # path of each database that this process holds -> how many clients use it


def open_client(uri):
    """Open the Milvus Lite database at `uri`, making its folder where there is none."""
    from pymilvus import MilvusClient

    path = Path(os.path.abspath(uri))
    _check_file(path)
    if str(path) in _running() and str(path) not in _opened:
        _opened[str(path)] = 1  # for a client that somebody else in this process has opened
    try:
        client = MilvusClient(str(path))
    except Exception as error:
        raise MilvusError(_why_not_opened(path, error)) from None
    _opened[str(path)] = _opened.get(str(path), 0) + 1
    return client


def _check_file(path):
    """Raise MilvusError when a Milvus Lite database cannot be at `path`."""
    if path.suffix != ".db":
        raise MilvusError(
            f"MILVUS_URI is {path}, but the name of a Milvus Lite database ends in .db. "
            f"Set it to {path}.db, or to http://host:19530 for a server."
        )
    if path.is_file():
        raise MilvusError(
            f"{path} is a file, as older versions of Milvus Lite wrote, but this version keeps a "
            f"folder. Move the file away or set MILVUS_URI to another name ending in .db, then run "
            "notebook 03 again: the index is rebuilt from the saved vectors."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MilvusError(_no_room_to_write(path, error)) from None


def _no_room_to_write(path, error):
    """Return the sentences for a folder in which nothing can be written."""
    return (
        f"Nothing can be written to {path} ({error.strerror or error}). "
        "Set MILVUS_URI (or BOOTCAMP_DATA) to a folder of your own with free space."
    )


def _why_not_opened(path, error):
    """Return the reason why Milvus Lite did not open the folder, and what to do."""
    holder = _lock_holder(path)
    if holder:
        return (
            f"{path} is in use by {holder}, and Milvus Lite lets in one process at a time. "
            "Shut that kernel down (Kernel > Shut Down Kernel) and run this cell again, or serve "
            f"several users with: milvus-lite server --data-dir {path} --host 127.0.0.1 "
            "--port 19530, and MILVUS_URI=http://127.0.0.1:19530."
        )
    try:
        probe = path / ".writable"
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as refused:
        return _no_room_to_write(path, refused)
    return (
        f"{path} is damaged, or no Milvus Lite database ({error}). "
        "Move the folder away and run notebook 03 again: the index is rebuilt from saved vectors."
    )


def _lock_holder(path):
    """Return who holds the database's lock in words, or None when it is free."""
    try:
        import fcntl

        with open(path / "LOCK", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _describe(_lock_pid(path / "LOCK"))
    except (ImportError, OSError):  # Windows has no flock; a missing LOCK is held by nobody
        return None
    return None


def _lock_pid(lock):
    """Return the process that holds a lock on the file, or None where Linux does not tell."""
    inode = str(lock.stat().st_ino)
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:123456 0 EOF
            if fields[1] == "FLOCK" and fields[5].split(":")[-1] == inode:
                return int(fields[4])
    return None


def _describe(pid):
    """Return a process in words: the notebook it runs, where Jupyter says so, and its number."""
    if pid is None:
        return "another program"
    with suppress(OSError):
        environment = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        names = [text[17:] for text in environment if text.startswith("JPY_SESSION_NAME=")]
        if names:
            return f"the notebook {Path(names[0]).name} (process {pid})"
    return f"process {pid}"


def close_client(client, uri):
    """Close a client; the last one to leave a database also gives up its lock."""
    from milvus_lite.server_manager import server_manager_instance

    client.close()
    path = os.path.abspath(uri)
    _opened[path] = _opened.get(path, 1) - 1
    if _opened[path] <= 0:
        _opened.pop(path)
        server_manager_instance.release_server(path)


def _running():
    """Return the paths of the databases that Milvus Lite serves in this process."""
    from milvus_lite.server_manager import server_manager_instance

    return getattr(server_manager_instance, "_servers", {})


# What lies in it


def size(uri, name):
    """Return the bytes that a collection takes on disk."""
    return _bytes((Path(uri) / "collections" / name).rglob("*"))


def log_size(uri, name):
    """Return the bytes of a collection that are in its log and not yet in a data file."""
    return _bytes((Path(uri) / "collections" / name / "wal").rglob("*"))


def _bytes(paths):
    """Return the sizes of all files among the paths, added up."""
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):  # Milvus Lite tidies up while we look
            total += path.stat().st_size if path.is_file() else 0
    return total


def forget_indexes(uri, name):
    """Delete a collection's index files, which loading builds again, and return how many."""
    files = list((Path(uri) / "collections" / name).rglob("*.idx"))
    for file in files:
        file.unlink()
    return len(files)


def wait_until_indexed(uri, name, timeout=120):
    """Wait until each data file has its index file; Milvus Lite calls an index finished earlier.

    Searches in the meantime are right, only slow. Returns True when all are there.
    """
    end, before = time.monotonic() + timeout, None
    while time.monotonic() < end:
        folder = Path(uri) / "collections" / name
        data = {file.stem for file in folder.rglob("data/*.parquet")}
        indexed = {file.name: file.stat().st_size for file in folder.rglob("indexes/*.idx")}
        done = data <= {file.split(".")[0] for file in indexed}
        if done and indexed == before:  # and nothing has grown since the last look
            return True
        before = indexed
        time.sleep(0.05)
    return False
