"""Tar archives, read from the front like a stream: one walk for files here and files on the net.

A tar archive is a row of members: a block of 512 bytes that tells name and size, then the bytes
of the file, padded to whole blocks; two empty blocks end it. Python's `tarfile` takes a damaged
block for the end; this walk does not, and it knows at each member where to begin again.
"""

import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from helpers.errors import PlainError
from helpers.files import read_json, write_json

BLOCK = 512
CHUNK = 1 << 18
BEGUN, MARKER = ".archive.json", ".complete.json"


class ArchiveError(PlainError, RuntimeError):
    """An archive that is damaged or would write where it must not."""


class TruncatedArchiveError(ArchiveError):
    """An archive that ends before its end mark."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its safe relative path, its bytes, where header and next begin."""

    path: PurePosixPath
    size: int
    start: int
    end: int


def members(read, start=0):
    """Yield a `Member` for each file; between two, the caller takes exactly `member.size` bytes.

    `read(n)` returns up to n bytes, none at the end; `start` is the offset of the first block, so
    that a walk can go on at any `Member.start`. Folders and extension records are passed over.
    Raises TruncatedArchiveError when the archive ends early and ArchiveError when a block or a name is bad.
    """
    while True:
        block = exactly(read, BLOCK)
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.EOFHeaderError:
            return
        except tarfile.HeaderError as error:
            raise ArchiveError(_damaged(start, error)) from error
        padded = -(-header.size // BLOCK) * BLOCK
        end = start + BLOCK + padded
        if _is_file(header):
            yield Member(safe_path(header.name), header.size, start, end)
            exactly(read, padded - header.size)
        else:
            skip(read, padded)
        start = end


def exactly(read, count):
    """Return exactly `count` bytes from `read`; raise TruncatedArchiveError when there are fewer."""
    parts = []
    while count:
        part = read(count)
        if not part:
            raise TruncatedArchiveError("The archive is cut off before its end. Fetch it again.")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def skip(read, count):
    """Read `count` bytes and forget them, a chunk at a time."""
    while count:
        count -= len(exactly(read, min(count, CHUNK)))


def safe_path(name):
    """Return the member `name` as a relative path; raise ArchiveError when it leads outside.

    Refused are absolute paths, `..`, drive letters, backslashes and control characters: what one
    system takes for a letter of a name another takes for a way out of the folder.
    """
    path = PurePosixPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or re.search(r"[\\:\0-\x1f]", name)
    ):
        raise ArchiveError(
            f"The archive holds {name!r}, which could land outside its folder, so it was not "
            "unpacked. Take an archive from a source that you trust."
        )
    return path


def save(read, size, target):
    """Copy `size` bytes to `target`, which gets its name only when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        while size:
            data = exactly(read, min(size, CHUNK))
            file.write(data)
            size -= len(data)
    os.replace(part, target)


def unpack(archive, folder, progress=True):
    """Unpack the tar `archive` into `folder`; go on where an earlier run stopped.

    A file that is already there with the right size is left alone, because each gets its name
    only when whole; but a folder begun with another archive is emptied first. The marker is
    written last, with the files in the archive's order. Raises ArchiveError.
    """
    archive, folder = Path(archive), Path(folder)
    if read_json(folder / BEGUN) not in ({}, identity(archive)):
        shutil.rmtree(folder)
    write_json(folder / BEGUN, identity(archive))
    files, size = [], archive.stat().st_size
    look = {"desc": "unpacking", "unit": "B", "unit_scale": True, "delay": 1}
    with archive.open("rb") as file, tqdm(total=size, disable=not progress, **look) as bar:
        for member in members(file.read):
            target = folder / member.path
            if target.is_file() and target.stat().st_size == member.size:
                file.seek(member.size, os.SEEK_CUR)
            else:
                save(file.read, member.size, target)
            files.append(str(member.path))
            bar.update(member.end - bar.n)
    write_marker(folder, {"files": files})


def is_unpacked(archive, folder):
    """Return True when `folder` holds all of exactly this `archive`."""
    return bool(read_marker(folder)) and read_json(folder / BEGUN) == identity(archive)


def identity(archive):
    """Return what tells this archive from another of the same name: bytes and time of change."""
    status = Path(archive).stat()
    return {"bytes": status.st_size, "changed": status.st_mtime_ns}


def write_marker(folder, content):
    """Write down in `folder` that it is all here, with `content` to tell of it."""
    write_json(Path(folder) / MARKER, content)


def read_marker(folder):
    """Return what the marker in `folder` tells, or {} when not all is here."""
    return read_json(Path(folder) / MARKER)


def _is_file(header):
    """Return True for a file, False for what needs no place; raise ArchiveError for the rest."""
    if header.type in tarfile.REGULAR_TYPES and not header.name.endswith("/"):
        return True
    if header.isdir() or header.name.endswith("/") or header.type in (b"x", b"g", b"L", b"K"):
        return False
    raise ArchiveError(
        f"The archive holds {header.name!r}, which is a link or a device and no file, so it was "
        "not unpacked. Pack the pictures again as plain files."
    )


def _damaged(offset, error):
    """Return the text for a bad block at `offset`."""
    return f"The archive is damaged at byte {offset:,} ({error}). Fetch it again."
