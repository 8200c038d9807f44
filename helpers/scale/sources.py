"""Pictures in an object store: the same ids and labels as in a folder, read by many machines.

`s3://`, `gs://`, `abfs://` and `hdfs://` are Arrow's own; any other address goes to fsspec, which
names the package that it lacks. Who may read comes from where those look, such as AWS_PROFILE.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from helpers.dataset.pictures import MAX_ID_BYTES, SUFFIXES, Ledger
from helpers.errors import PlainError
from helpers.features.vector_store import Fingerprint, Store

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class SourceError(PlainError, ValueError):
    """An address that can't be opened, or has no pictures."""


@dataclass(frozen=True)
class Remote:
    """A picture in an object store: `path` is its place there, `size` in bytes.

    `mtime_ns` is -1 where the store doesn't tell it.
    """

    id: str
    path: str
    size: int
    mtime_ns: int
    labels: tuple[str, ...] = ()


def list_remote(url: str) -> tuple["FileSystem", list[Remote], Ledger]:
    """Return (filesystem, pictures, ledger) of what is under `url`, ordered by id.

    As in a folder of one's own, the id is the path below `url`, and the label the folder's name.
    Nothing is read yet: a damaged picture is found out by who computes it. Raises SourceError.
    """
    from pyarrow.fs import FileSelector, FileType

    if not url.strip():
        raise SourceError(
            "The address of the pictures is empty. Give one, such as s3://bucket/folder."
        )
    ledger, pictures = Ledger(), {}
    files, root = open_filesystem(url)
    root = root.rstrip("/")
    try:
        found = files.get_file_info(FileSelector(root, recursive=True))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{shown(url)} can't be listed ({' '.join(str(error).split())[:200]}). Check the "
            "address, and that this computer may read it."
        ) from None
    for info in sorted(found, key=lambda info: info.path):
        relative = PurePosixPath(info.path.removeprefix(root).lstrip("/"))
        if info.type != FileType.File or any(part.startswith(".") for part in relative.parts):
            continue
        picture = _remote(relative, info)
        if reason := _refused(picture, pictures):
            ledger.add(picture.path, reason)
        else:
            pictures[picture.id] = picture
    if not pictures:
        raise SourceError(f"{shown(url)} holds no pictures. Check the address.")
    return files, sorted(pictures.values(), key=lambda picture: picture.id), ledger


def shown(url: str) -> str:
    """Return an address without the key that may be in it, and without its options."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])


def open_filesystem(url: str) -> tuple["FileSystem", str]:
    """Return (filesystem, path) of an address. Raises SourceError for one that nobody knows."""
    import pyarrow
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    try:
        return FileSystem.from_uri(url)
    except pyarrow.ArrowInvalid:  # not one of Arrow's
        import fsspec

    try:
        found, path = fsspec.core.url_to_fs(url)
    except (ImportError, OSError, ValueError) as error:
        raise SourceError(
            f"{shown(url)} can't be opened ({error}). Use s3://, gs://, a shared folder, or any "
            "other address that fsspec knows, after installing the package that it names."
        ) from None
    return PyFileSystem(FSSpecHandler(found)), path


def read_remote(files: "FileSystem", picture: Remote) -> tuple[Fingerprint, bytes]:
    """Return a picture's Fingerprint and its content. Raises OSError."""
    with files.open_input_stream(picture.path, compression=None) as file:
        raw = file.read()
    digest = hashlib.sha256(raw).hexdigest()
    return Fingerprint(picture.id, picture.path, picture.size, picture.mtime_ns, digest), raw


def unchanged(picture: Remote, store: Store) -> bool:
    """Return whether the store has the vector of what is listed; if it has another's, forget it.

    It's the same as far as place, size and, where the object store tells it, time agree.
    """
    row = store.row_of.get(picture.id)
    if row is not None:
        known = store.fingerprints[row]
        listed = picture.path, picture.size, picture.mtime_ns
        if (known.path, known.size, known.mtime_ns) == listed:
            return True
        del store.row_of[picture.id]
    return False


def _remote(relative, info):
    name = unicodedata.normalize("NFC", str(relative))
    folder = unicodedata.normalize("NFC", relative.parent.name)
    time = -1 if info.mtime_ns is None else info.mtime_ns
    return Remote(name, info.path, info.size or 0, time, (folder,) if folder else ())


def _refused(picture, taken):
    """Return why a listed file isn't used, or None."""
    if PurePosixPath(picture.path).suffix.lower() not in SUFFIXES:
        return f"its extension isn't one of {', '.join(SUFFIXES)}"
    if len(picture.id.encode()) > MAX_ID_BYTES:
        return f"its path is longer than {MAX_ID_BYTES} bytes; give it a shorter name"
    if picture.id in taken:
        return f"its id is that of {taken[picture.id].path}: rename one"
    return None
