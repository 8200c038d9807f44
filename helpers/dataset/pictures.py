"""Pictures as the bootcamp sees them: what one is, how any file becomes RGB, what was skipped."""

import csv
import io
import os
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from helpers.dataset.decode import UnusableError, decode, upright_rgb
from helpers.errors import PlainError
from helpers.files import atomic_write

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

MAX_PIXELS = 2 * 89_478_485
"""A picture of more pixels than this (178,956,970) is refused: decoded, it would fill memory."""

REASONS = {
    Image.DecompressionBombError: f"it has more than {MAX_PIXELS:,} pixels and would fill memory",
    UnidentifiedImageError: "it is not a picture, or its format is unsupported",
    FileNotFoundError: "it doesn't exist",
    PermissionError: "it can't be read: permission denied",
}

MAX_ID_BYTES = 200
"""The longest id, as UTF-8, that the index keeps; a picture with a longer one is skipped."""

PictureSource = str | os.PathLike | bytes | BinaryIO | Image.Image
"""A picture to open: a path, the bytes of a picture file, an open file, or a PIL image."""

# Pillow warns of odd tags, and of honest large pictures from half of MAX_PIXELS on; for whatever
# makes a picture unusable it raises. The filter is set once here, because filters set in several
# threads get in each other's way.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class Box:
    """One annotated object: its class and its box in pixels, 1-based and inclusive as in VOC."""

    label: str
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    difficult: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    `id` is stable across runs and machines, `labels` are sorted and unique, `width` and `height`
    are pixels of the upright picture.
    """

    id: str
    path: Path
    labels: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Selection:
    """Which pictures to use: those in `folder`, or of these only the ids in `only`.

    `name` and `why` are those of the `Dataset` that they make.
    """

    name: str
    why: str
    folder: Path
    only: tuple[str, ...] | None = None


def printable(path: str | Path) -> str:
    """Return `path` with `/`, and bytes that aren't UTF-8 as \\xNN, so that it can be shown."""
    return os.fsencode(Path(path).as_posix()).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in plain words.

    `used` is True where the picture is used all the same, for example without its labels.
    """

    path: str
    reason: str
    used: bool = False


@dataclass
class Ledger:
    """Everything that was left out of a run, so that nothing is lost silently."""

    entries: list[Skipped] = field(default_factory=list)

    def add(self, path: str | Path, reason: str, used: bool = False) -> None:
        """Note `reason` against `path`."""
        self.entries.append(Skipped(printable(path), reason, used))

    def __len__(self) -> int:
        """Return how many files were skipped; remarks on pictures in use don't count."""
        return sum(not entry.used for entry in self.entries)

    def to_csv(self, path: Path) -> Path:
        """Write path, reason and used as CSV (UTF-8) to `path`, which is returned."""
        with atomic_write(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
            rows = csv.writer(text)
            rows.writerow(("path", "reason", "used"))
            rows.writerows((e.path, e.reason, "yes" if e.used else "no") for e in self.entries)
        return path


class DatasetError(PlainError, ValueError):
    """A data set that doesn't exist, isn't whole, holds no picture, or can't be stored."""


class PictureError(PlainError, ValueError):
    """A file that isn't a usable picture; its text is the reason in plain words, for the ledger."""

    def _render_traceback_(self):
        """Return what a notebook shows: the reason, and what to do."""
        return [f"This picture can't be used: {self}. Choose a .jpg or .png that opens elsewhere."]


def open_picture(source: PictureSource, size: tuple[int, int] | None = None) -> Image.Image:
    """Return `source` as an upright RGB PIL image.

    EXIF rotation is applied, transparency is laid over white, 16 bits become 8, and an animation
    gives its first frame. `size` (width, height) is a hint: a JPEG may be decoded smaller, but
    never below it. A picture of more than `decode.LARGE_PIXELS` comes back smaller in any case, so
    that it takes less than 300 MB of memory. Raises PictureError when it can't be read.
    """
    return _open(source, size)[0]


def decoded_size(path: Path) -> tuple[int, int]:
    """Return the upright (width, height) in pixels of the picture at `path`.

    Decodes all of it, because a truncated file can have a whole header; a JPEG is decoded at an
    eighth of its size, in half the time. Raises PictureError when it can't be read.
    """
    return _open(path, (64, 64))[1]


def _open(source, size=None):
    """Return the RGB image of `source`, perhaps smaller, and the upright (width, height)."""
    try:
        if isinstance(source, Image.Image):
            if 0 in source.size:  # such as a crop of nothing
                raise UnusableError("it has no pixels")
            image = upright_rgb(source)
            return image, image.size
        with _opened(source) as file:
            return decode(file, size)
    except Exception as error:  # a broken file makes decoders raise anything, even KeyError
        raise PictureError(_reason(error)) from error


def _opened(source):
    """Return `source` as an open file in a `with` block, which closes it if it was opened here."""
    if isinstance(source, str | os.PathLike):
        return open(source, "rb")
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    return nullcontext(source if source.seekable() else io.BytesIO(source.read()))


def _reason(error):
    """Return in plain words why a picture could not be read."""
    if isinstance(error, UnusableError):
        return str(error)
    if "truncated" in str(error).lower():
        return "it is cut off (truncated): a part of the picture is missing"
    damaged = f"it is damaged ({type(error).__name__}: {error})"
    return next((text for kind, text in REASONS.items() if isinstance(error, kind)), damaged)
