"""Tar archives, read from the front like a stream: the same walk for files here and on the web.

Python's `tarfile` knows the formats: ustar, GNU, pax, sparse members. This module adds what it
leaves to others: a header that can't be read is damage and not the end, memory stays bounded, and
no name leads out of the folder.
"""

import errno
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from helpers.errors import PlainError
from helpers.fetch.download import byte_bar
from helpers.files import atomic_write, read_json, write_json

BEGUN, MARKER = ".archive.json", ".complete.json"

EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
EXTENSIONS += (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
MAX_EXTENSION = 1 << 20
"""Bytes of a pax record or a long name, which `tarfile` reads into memory."""

MAX_PADDING = 1 << 20
"""Bytes of zeros that may follow the last member: as many as the largest tape block."""

DAMAGE = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What `tarfile` raises over damaged headers, by Python's version and the kind of damage."""

ODD = r"[\\:\0-\x1f]" if os.name == "nt" else r"^[A-Za-z]:(/|$)|[\\\0-\x1f]"
"""What a file's name must not contain."""

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
"""How files of gzip, bzip2, xz, zstd and zip begin."""

BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)
BAD_NAME += (errno.EILSEQ,)


class ArchiveError(PlainError, RuntimeError):
    """An archive that is damaged, or that would write where it must not."""


class TruncatedArchiveError(ArchiveError):
    """An archive that ends before its end mark."""


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    `path` is relative and safe, `file` gives its `size` bytes until the next member is asked for,
    `end` is the offset in the archive where they end.
    """

    path: PurePosixPath
    size: int
    file: BinaryIO
    end: int


def members(read: Callable[[int], bytes]) -> Iterator[Member]:
    """Yield a `Member` for each file, one after the other.

    `read(n)` returns up to n bytes of the archive from its beginning on, none at the end. Folders
    and hidden files are passed over; our own markers are hidden, so no archive can write them.
    Raises TruncatedArchiveError when the archive ends early, and ArchiveError when it is damaged
    or compressed, a name is unsafe or a member is neither file nor folder.
    """
    at, source = 0, _Source(read)
    try:
        with tarfile.open(
            mode="r|", fileobj=source, tarinfo=_Header, encoding="utf-8", bufsize=1 << 16
        ) as tar:
            while header := tar.next():
                tar.members.clear()  # it would remember them all
                at = tar.offset
                path = _path_of_file(header)
                if path:
                    yield Member(path, header.size, tar.extractfile(header), at)
            _assert_end(tar.fileobj)
    except DAMAGE as error:
        text = f"The archive is damaged at byte {at:,} ({error}). Fetch it again."
        if source.head.startswith(COMPRESSED):
            text = "The archive is compressed, whatever its name says. Unpack it with tar -xf, and "
            text += "set BOOTCAMP_DATASET to the folder."
        raise ArchiveError(text) from error


def save(member: Member, target: Path) -> None:
    """Write `member` to `target`, which gets its name only when it is whole.

    Raises ArchiveError when the member is damaged or can't have that name here.
    """
    try:
        with atomic_write(target) as file:
            shutil.copyfileobj(member.file, file)
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno not in BAD_NAME:
            raise
        raise ArchiveError(
            f"The archive's {str(member.path)!r} can't be unpacked ({error}). Fetch the archive "
            "again; if that doesn't help, give the file a plainer name and pack it again."
        ) from error


def unpack(
    archive: Path,
    folder: Path,
    progress: bool = True,
    only: Collection[PurePosixPath] | None = None,
) -> None:
    """Unpack the tar `archive`, or `only` these of its files, into `folder`.

    It carries on where an earlier run stopped, and does nothing when exactly this archive is
    already unpacked. A file of the right size stays, because each gets its name only when it is
    whole; but a folder begun with another archive is emptied first. The marker is written last
    and names the files in the archive's order. Raises ArchiveError.
    """
    begun, status = read_json(folder / BEGUN), archive.stat()
    identity = {"bytes": status.st_size, "changed": status.st_mtime_ns}
    if begun == identity and (folder / MARKER).exists():
        return
    if not begun and any(folder.glob("[!.]*")):
        raise ArchiveError(f"{folder} holds other files. Move it away, and run this again.")
    if begun not in ({}, identity):
        shutil.rmtree(folder)
    write_json(folder / BEGUN, identity)
    files = {}  # in order, and each once
    with archive.open("rb") as file, byte_bar("unpacking", status.st_size, 0, progress) as bar:
        for member in members(file.read):
            bar.update(member.end - bar.n)
            if only and member.path not in only:
                continue
            target = folder / member.path
            # Of two members with the same name the later one counts, as for every tar program.
            whole = os.path.isfile(target) and target.stat().st_size == member.size
            if member.path in files or not whole:
                save(member, target)
            files[member.path] = None
            if only and len(files) == len(only):  # the archive may end here
                break
    for part in folder.rglob(".*.part"):  # what a killed run left
        part.unlink(missing_ok=True)
    if hasattr(os, "sync"):  # the disk has all files before the marker says so
        os.sync()
    write_json(folder / MARKER, {"files": [str(path) for path in files]})


@dataclass
class _Source:
    """What `tarfile` reads from: it takes a short read for the end, so here the end is an error."""

    read_some: Callable[[int], bytes]
    head: bytes = b""

    def read(self, count):
        data = self.read_some(count)
        self.head = self.head or data[:8]
        if not data:
            raise TruncatedArchiveError("The archive is cut off before its end. Fetch it again.")
        return data


class _Header(tarfile.TarInfo):
    """A member's header; `tarfile` takes one that it can't read for the end, this one raises."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        """Return the header in the block `buf`; raise HeaderError, also for an odd size."""
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in EXTENSIONS and header.size > MAX_EXTENSION):
            raise tarfile.HeaderError(f"a size of {header.size:,} bytes")
        return header

    @classmethod
    def fromtarfile(cls, tar):
        """Return the next header of `tar`; raise EOFHeaderError for the end, else ReadError."""
        try:
            header = super().fromtarfile(tar)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.size < 0:  # a pax record may overrule the header
            raise tarfile.ReadError(f"a size of {header.size:,} bytes")
        return header


def _path_of_file(header):
    """Return the relative path of a visible file, None for what isn't one; raise ArchiveError.

    Refused are links, devices, absolute paths, `..`, drive letters, backslashes and control
    characters: what is part of a name on one system leads out of the folder on another. A colon
    elsewhere, as in 12:30.jpg, is part of a name everywhere but on Windows.
    """
    if header.isdir() or header.name.endswith("/"):
        return None
    if not header.isreg():
        raise ArchiveError(
            f"The archive holds {header.name!r}, which is a link or a device and not a file, so it "
            "was not unpacked. Pack the pictures again as plain files."
        )
    path = PurePosixPath(header.name)
    odd = re.search(ODD, header.name)
    if not path.parts or path.is_absolute() or ".." in path.parts or odd:
        raise ArchiveError(
            f"The archive holds {header.name!r}, which could land outside its folder, so it was "
            "not unpacked. Use an archive from a source you trust."
        )
    return None if any(part.startswith(".") for part in path.parts) else path


def _assert_end(stream):
    """Raise ReadError when the block of zeros just read was a hole in the archive, not its end."""
    zeros = 0
    with suppress(TruncatedArchiveError):
        while block := stream.read(tarfile.BLOCKSIZE):
            zeros += len(block)
            with suppress(tarfile.HeaderError):
                tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
                zeros = MAX_PADDING + 1
            if zeros > MAX_PADDING:
                raise tarfile.ReadError("zeros where a header should be")
