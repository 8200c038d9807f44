"""Files that are written whole or not at all, one process at a time, and how much they take."""

import errno
import hashlib
import json
import os
import secrets
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path


@contextmanager
def atomic_write(path, durable=False):
    """Yield a binary file that becomes `path` when the block ends, and vanishes when it fails.

    Readers see the old file or the new one, never half of one, even after a kill. The
    temporary name (".….part") is unique, so two processes can write the same file at once.
    With `durable`, this returns only once the disk has both content and name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
        durable_replace(part, path) if durable else os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def durable_replace(part, path):
    """Rename the finished file `part` to `path`; return when the disk has both content and name."""
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    with suppress(OSError):  # Windows can't sync a folder, and needn't
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def write_json(path, content, indent=None):
    """Write `content` as JSON to `path`, atomically and durably."""
    with atomic_write(path, durable=True) as file:
        file.write(json.dumps(content, indent=indent).encode())


def read_json(path):
    """Return the dict in the JSON file `path`, or {} when there is none or it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def file_lock(path, on_wait=None):
    """Hold the lock file `path` while the block runs; it is freed however the process ends.

    While another process holds it, wait, calling `on_wait()` once; without `on_wait`, raise
    BlockingIOError at once. Where nothing can be written, nothing needs a lock.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        file = None
    with file or nullcontext():
        if file and not try_lock(file):
            if on_wait is None:
                raise BlockingIOError(f"{path} is locked by another process")
            on_wait()
            while not try_lock(file):
                time.sleep(0.2)
        yield


def try_lock(file):
    """Return True when this process now has the lock on the open `file`, False when another has.

    Also True where there are no locks, as on some network drives.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def sha256(path):
    """Return the SHA-256 of the file at `path` in hexadecimal; raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_size(*paths):
    """Return the bytes of these files and of all files below these folders; 0 for what is gone."""
    total = 0
    for path in map(Path, paths):
        below = (Path(place, name) for place, _, names in os.walk(path) for name in names)
        for file in (path, *below):
            with suppress(FileNotFoundError):  # files may vanish while they are counted
                total += file.stat().st_size if file.is_file() else 0
    return total
