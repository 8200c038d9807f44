"""Pictures as the bootcamp sees them: what one is, how any file becomes RGB, what was skipped."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps


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
    are pixels.
    """

    id: str
    path: Path
    labels: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in plain words."""

    path: str
    reason: str


@dataclass
class Ledger:
    """Everything that was left out of a run, so that nothing is lost in silence."""

    entries: list[Skipped] = field(default_factory=list)

    def add(self, path, reason):
        """Note that `path` was skipped because of `reason`."""
        self.entries.append(Skipped(str(path), reason))

    def __len__(self):
        """Return how many files were skipped."""
        return len(self.entries)


class PictureError(ValueError):
    """A file that is no usable picture; its text is the reason in plain words."""


def open_picture(source, size=None):
    """Return `source` (path, bytes, file or PIL image) as an upright RGB PIL image.

    `size` (width, height) is a hint: a JPEG may be decoded smaller, never below it.
    Raises PictureError when it cannot be read.
    """
    try:
        image = source if isinstance(source, Image.Image) else Image.open(source)
        if size:
            image.draft("RGB", size)
        return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError(f"it is no readable picture ({error})") from error
