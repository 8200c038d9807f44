"""Any folder as a data set: its pictures in a fixed order, labelled by the folder they are in."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from helpers.dataset.pictures import (
    MAX_ID_BYTES,
    SUFFIXES,
    Ledger,
    Picture,
    PictureError,
    SizeOf,
    Watch,
    decoded_size,
    read_all,
)


def list_pictures(
    folder: Path,
    size_of: SizeOf = decoded_size,
    progress: bool = False,
    watch: Watch | None = None,
) -> tuple[list[Picture], Ledger]:
    """Return ([Picture], Ledger) of every picture in or under `folder`, ordered by id.

    The id is the path relative to `folder`, with `/` on every system and composed accents (NFC),
    so it is the same wherever the folder is copied. The label is the parent folder's name; a
    picture in `folder` itself has none. Hidden files and folders are passed over; any other file
    that isn't used is in the ledger. `size_of(path)` returns (width, height) or raises
    PictureError.
    """
    root, ledger = Path(folder), Ledger()

    def read(path, taken):
        _refuse_by_name(path, root, taken)
        width, height = size_of(path)
        label = unicodedata.normalize("NFC", path.parent.name)
        labels = (label,) if path.parent != root else ()
        return Picture(_id(path, root), path, labels, (), width, height)

    # One order on every system; the names' bytes decide between two that are one when composed.
    files = sorted(walk(root, ledger), key=lambda path: (_id(path, root), os.fsencode(path)))
    pictures = read_all(files, root, read, ledger, progress, watch)
    _remark_copies(pictures, ledger)
    return pictures, ledger


def walk(root: Path, ledger: Ledger) -> Iterator[Path]:
    """Yield every file in or under `root` that isn't hidden, following links, each folder once."""
    seen = set()

    def unreadable(error):
        path = Path(error.filename).relative_to(root)
        ledger.add(path, f"it can't be read: {error.strerror}")

    for place, folders, files in os.walk(root, followlinks=True, onerror=unreadable):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            path = Path(place).relative_to(root)
            ledger.add(path, "this folder is a link to one already read")
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        # Sorted, so that of two links to one folder the same one counts everywhere.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in files if not name.startswith("."))


def _refuse_by_name(path, root, taken):
    """Raise PictureError when its name, or what it is, rules `path` out."""
    relative = str(path.relative_to(root))
    if relative != relative.encode("utf-8", "ignore").decode("utf-8"):
        raise PictureError("its name is not valid UTF-8; rename it")
    if path.is_symlink() and not path.exists():
        raise PictureError("it is a broken link: what it points to doesn't exist")
    if path.suffix.lower() not in SUFFIXES:
        raise PictureError(f"its extension isn't one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise PictureError("it isn't a plain file but a pipe, a socket or a device")
    if len(_id(path, root).encode()) > MAX_ID_BYTES:
        raise PictureError(f"its path is longer than {MAX_ID_BYTES} bytes; give it a shorter name")
    if _id(path, root) in taken:
        raise PictureError("its name differs from another's only in how accents are stored")


def _remark_copies(pictures, ledger):
    """Note in `ledger` each picture with the same bytes as an earlier one; both stay."""
    sizes, first = [picture.path.stat().st_size for picture in pictures], {}
    often = {size for size, times in Counter(sizes).items() if times > 1}
    for picture in (p for p, size in zip(pictures, sizes, strict=True) if size in often):
        with picture.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if first.setdefault(digest, picture.id) != picture.id:
            ledger.add(picture.id, f"it has the same content as {first[digest]}", used=True)


def _id(path, root):
    """Return `path` relative to `root` with `/` and composed accents."""
    return unicodedata.normalize("NFC", path.relative_to(root).as_posix())
