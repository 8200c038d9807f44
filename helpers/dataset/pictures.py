"""Pictures as the bootcamp sees them: what one is, how any file becomes RGB, what was skipped."""

import csv
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from tqdm.auto import tqdm

from helpers.dataset.decode import UnusableError, decode, upright_rgb
from helpers.errors import PlainError
from helpers.files import atomic_write, read_json, write_json

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

SizeOf = Callable[[Path], tuple[int, int]]
"""What gives a picture's (width, height) in pixels: `decoded_size`, or `remembered_sizes`."""

Watch = Callable[[int, int], None]
"""What is told (done, total) while pictures are listed; whatever it raises ends the listing."""

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
        """Note `reason` against `path`, whose odd bytes become \\xNN, so it can be printed."""
        name = os.fsencode(Path(path).as_posix()).decode("utf-8", "backslashreplace")
        self.entries.append(Skipped(name, reason, used))

    def __len__(self) -> int:
        """Return how many files were skipped; remarks on pictures in use don't count."""
        return sum(not entry.used for entry in self.entries)

    def table(self, limit: int = 20) -> str:
        """Return as text how many there are and the first `limit` entries, one per line."""
        shown, more = self.entries[:limit], len(self.entries) - limit
        width = max((len(entry.path) for entry in shown), default=0)
        remarks = len(self.entries) - len(self)
        skipped = "1 file was skipped" if len(self) == 1 else f"{len(self)} files were skipped"
        lines = [f"{skipped}, {remarks} used with a remark." if remarks else f"{skipped}."]
        for entry in shown:
            use = "used   " if entry.used else "skipped"
            lines.append(f"{use}  {entry.path:<{width}}  {entry.reason}")
        return "\n".join(lines + [f"... and {more} more"] * (more > 0))

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
    never below it. Raises PictureError when it can't be read.
    """
    return _open(source, size)[0]


def decoded_size(path: Path) -> tuple[int, int]:
    """Return the upright (width, height) in pixels of the picture at `path`.

    Decodes all of it, because a truncated file can have a whole header; a JPEG is decoded at an
    eighth of its size, in half the time. Raises PictureError when it can't be read.
    """
    return _open(path, (64, 64))[1]


@contextmanager
def remembered_sizes(memory: Path) -> Iterator[SizeOf]:
    """Yield a `decoded_size` that decodes only what is new or changed since the last time.

    The JSON file `memory` keeps the sizes of the files asked for and, if the block was interrupted,
    all earlier ones too.
    """
    known, current = read_json(memory), {}

    def size_of(path):
        status = path.stat()
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
        # A fault is not remembered: a permission may change without the file changing.
        current[key] = known.get(key) or decoded_size(path)
        return tuple(current[key])

    try:
        yield size_of
        known.clear()
    finally:
        write_json(memory, known | current)


def read_all(
    files: Sequence[Path],
    root: Path,
    read: Callable,
    ledger: Ledger,
    progress: bool,
    watch: Watch | None = None,
) -> list[Picture]:
    """Return the pictures that `read(path, {id: Picture so far})` makes of `files` below `root`.

    A file for which it raises PictureError or OSError goes to the `ledger`.
    """
    pictures = {}
    bar = tqdm(files, "checking pictures", leave=False, delay=1, disable=not progress)
    for done, path in enumerate(bar):
        if watch:
            watch(done, len(files))
        try:
            picture = read(path, pictures)
            pictures[picture.id] = picture
        except PictureError as error:
            ledger.add(path.relative_to(root), str(error))
        except OSError as error:
            ledger.add(path.relative_to(root), f"it can't be read: {error.strerror}")
    return list(pictures.values())


def _open(source, size=None):
    """Return the RGB image of `source`, perhaps smaller, and the upright (width, height)."""
    try:
        if isinstance(source, Image.Image):
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
