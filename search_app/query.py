"""What is searched with and how: the query picture, its region, and the options around it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from PIL import Image

from helpers.index.filters import LabelFilter

MAX_K = 100
MIN_SIDE = 0.02  # a region's least width and height, as a fraction of the picture's

Region = tuple[float, float, float, float]
"""(left, top, right, bottom), each a fraction of the picture's width or height, 0 to 1."""


@dataclass(frozen=True)
class Query:
    """The picture that is searched with: all of it, or only its `region`.

    `vectors`, {(extractor's name, region): embedding}, is one for all regions of the picture.
    """

    name: str
    image: Image.Image
    id: str = ""
    labels: tuple[str, ...] = ()
    region: Region | None = None
    vectors: dict = field(default_factory=dict)

    @property
    def indexed_id(self) -> str | None:
        """The id of the picture in the index that this is; None for others and for a region."""
        return self.id if self.id and self.region is None else None

    def pixels(self) -> Image.Image:
        """Return the whole picture, or the region, as a PIL image of at least one pixel."""
        if self.region is None:
            return self.image
        width, height = self.image.size
        left, top = int(self.region[0] * width), int(self.region[1] * height)
        right, bottom = round(self.region[2] * width), round(self.region[3] * height)
        return self.image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


@dataclass(frozen=True)
class Options:
    """What the controls say: how many hits, of which classes, with what minimum score."""

    k: int = 12
    labels: tuple[str, ...] = ()
    mode: str = "any"
    min_score: float | None = None
    engine: str = ""

    def label_filter(self) -> LabelFilter | None:
        """Return the class filter for the index, or None when no class is chosen."""
        return LabelFilter(**{self.mode: self.labels}) if self.labels else None


def checked(options: Options, engines: Collection[str], classes: Collection[str]) -> Options:
    """Return `options` forced into what the controls can say, because a browser can send anything.

    `engines` and `classes` are the names that exist; a class that doesn't is left out.
    """
    min_score = options.min_score
    return Options(
        k=max(1, min(MAX_K, int(options.k))),
        labels=tuple(label for label in options.labels if label in classes),
        mode=options.mode if options.mode in ("any", "all", "none") else "any",
        min_score=None if min_score is None else max(-1.0, min(1.0, float(min_score))),
        engine=options.engine if options.engine in engines else next(iter(engines)),
    )


def checked_region(region: Sequence[float] | None) -> Region | None:
    """Return `region` forced into the picture, or None for one that means nothing."""
    if region is None or len(region) != 4:
        return None
    left, top, right, bottom = (max(0.0, min(1.0, float(value))) for value in region)
    left, top = min(left, 1 - MIN_SIDE), min(top, 1 - MIN_SIDE)
    return left, top, max(right, left + MIN_SIDE), max(bottom, top + MIN_SIDE)
