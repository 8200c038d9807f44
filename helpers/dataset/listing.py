"""The pictures of a folder: each is read once, and what can't be used is in the ledger instead."""

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm.auto import tqdm

from helpers.dataset import folder, voc
from helpers.dataset.pictures import (
    MAX_ID_BYTES,
    SUFFIXES,
    Ledger,
    Picture,
    PictureError,
    decoded_size,
)
from helpers.files import read_json, write_json

SizeOf = Callable[[Path], tuple[int, int]]
"""What gives a picture's (width, height) in pixels: `decoded_size`, or `remembered_sizes`."""

Watch = Callable[[int, int], None]
"""What is told (done, total) while pictures are listed; whatever it raises ends the listing."""


def list_pictures(
    place: Path,
    size_of: SizeOf = decoded_size,
    only: Collection[str] | None = None,
    progress: bool = False,
    watch: Watch | None = None,
) -> tuple[list[Picture], Ledger]:
    """Return ([Picture], Ledger) of the pictures in or under `place`, ordered by id.

    If there is a PASCAL VOC in `place`, these are its pictures; `only`, if given, limits them to
    those ids. `size_of(path)` returns (width, height) or raises PictureError. `watch` is called for
    each file found, as (0, files so far), and before each one is read.
    """
    place, ledger, pictures, files = Path(place), Ledger(), {}, []
    only = only and set(only)
    watch = watch or (lambda done, total: None)
    kind = voc if voc.find(place) else folder
    for found in kind.files(place, ledger):
        if only is None or found[0] in only:
            files.append(found)
            watch(0, len(files))
    # One order on every system; the names' bytes decide between two that have one id.
    files.sort(key=lambda found: (found[0], os.fsencode(found[1])))
    bar = tqdm(files, "checking pictures", leave=False, delay=1, disable=not progress)
    for done, (picture_id, path) in enumerate(bar):
        watch(done, len(files))
        relative = path.relative_to(place)
        try:
            _refuse(picture_id, path, relative, pictures)
            width, height = size_of(path)
            labels, boxes = kind.describe(path, place, ledger)
            pictures[picture_id] = Picture(picture_id, path, labels, boxes, width, height)
        except PictureError as error:
            ledger.add(relative, str(error))
        except OSError as error:
            ledger.add(relative, f"it can't be read: {error.strerror}")
    if kind is folder:
        folder.remark_copies(list(pictures.values()), ledger)
    return list(pictures.values()), ledger


@contextmanager
def remembered_sizes(memory: Path) -> Iterator[SizeOf]:
    """Yield a `decoded_size` that decodes only what is new or changed since the last time.

    The JSON file `memory` keeps the sizes of the files asked for and, if the block was interrupted,
    all earlier ones too.
    """
    known, current = read_json(memory), {}

    def size_of(path):
        status = path.stat()
        # A copy may keep the old modification time, but not the time of its change on this disk.
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}|{status.st_ctime_ns}"
        # A fault is not remembered: a permission may change without the file changing.
        current[key] = known.get(key) or decoded_size(path)
        return tuple(current[key])

    try:
        yield size_of
        known.clear()
    finally:
        with unless_read_only():
            write_json(memory, known | current)


@contextmanager
def unless_read_only() -> Iterator[None]:
    """End the block quietly where it may not write: what it keeps would only have saved time."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise


def _refuse(picture_id, path, relative, taken):
    """Raise PictureError when `path` is ruled out by its name or by what it is."""
    if str(relative) != str(relative).encode("utf-8", "ignore").decode("utf-8"):
        raise PictureError("its name is not valid UTF-8; rename it")
    if not path.exists():
        broken = "it is a broken link: what it points to doesn't exist"
        raise PictureError(broken if path.is_symlink() else "it was removed while we looked")
    if path.suffix.lower() not in SUFFIXES:
        raise PictureError(f"its extension isn't one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise PictureError("it isn't a plain file but a pipe, a socket or a device")
    if len(picture_id.encode()) > MAX_ID_BYTES:
        raise PictureError(f"its path is longer than {MAX_ID_BYTES} bytes; give it a shorter name")
    if picture_id in taken:
        raise PictureError(
            f"its id is that of {taken[picture_id].path.name}: their names differ only in the "
            "extension, or in how accents are stored; rename one"
        )
