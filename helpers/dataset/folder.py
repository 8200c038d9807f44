"""Any folder as a data set: its pictures in a fixed order, labelled by the folder they are in."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from helpers.dataset.pictures import Box, Ledger, Picture
from helpers.files import sha256


def files(root: Path, ledger: Ledger) -> Iterator[tuple[str, Path]]:
    """Yield (id, path) of every file in or under `root` that isn't hidden.

    The id is the path relative to `root`, with `/` on every system and composed accents (NFC), so
    it is the same wherever the folder is copied. Links are followed, each folder is read once, and
    one that can't be read is in the `ledger`.
    """
    seen = set()

    def unreadable(error):
        path = Path(error.filename).relative_to(root)
        ledger.add(path, f"this folder can't be read: {error.strerror}")

    for place, folders, names in os.walk(root, followlinks=True, onerror=unreadable):
        real = os.path.realpath(place)
        if real in seen:
            ledger.add(Path(place).relative_to(root), "this folder is a link to one already read")
            folders.clear()
            continue
        seen.add(real)
        # Sorted, so that of two links to one folder the same one counts everywhere.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            yield unicodedata.normalize("NFC", path.relative_to(root).as_posix()), path


def describe(path: Path, root: Path, _ledger: Ledger) -> tuple[tuple[str, ...], tuple[Box, ...]]:
    """Return (labels, boxes) of a picture: the name of its folder, unless that is `root`."""
    labels = (unicodedata.normalize("NFC", path.parent.name),) if path.parent != root else ()
    return labels, ()


def remark_copies(pictures: list[Picture], ledger: Ledger) -> None:
    """Note in `ledger` each picture with the same bytes as an earlier one; both stay."""
    sizes, first = {}, {}
    for picture in pictures:
        with suppress(OSError):  # it's gone by now
            sizes[picture] = picture.path.stat().st_size
    often = Counter(sizes.values())
    for picture in (picture for picture, size in sizes.items() if often[size] > 1):
        with suppress(OSError):
            digest = sha256(picture.path)
            if first.setdefault(digest, picture.id) != picture.id:
                ledger.add(picture.id, f"it has the same content as {first[digest]}", used=True)
