"""What is searched with and how: the query picture, its region, and the options around it."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from helpers.index.filters import Labels

MAX_K = 100
SAME = 0.9999  # the same pixels score 1 but for rounding; a re-saved JPEG scores less
SMALLEST = 0.02  # a region's width and height, as a part of the picture


@dataclass(frozen=True)
class Query:
    """The picture that is searched with; `region` is (left, top, right, bottom), each 0 to 1."""

    name: str
    image: Image.Image
    id: str = ""
    labels: tuple[str, ...] = ()
    region: tuple[float, float, float, float] | None = None

    def pixels(self):
        """Return the whole picture, or the region, as a PIL image of at least one pixel."""
        if self.region is None:
            return self.image
        width, height = self.image.size
        left, top = int(self.region[0] * width), int(self.region[1] * height)
        right, bottom = round(self.region[2] * width), round(self.region[3] * height)
        return self.image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


@dataclass(frozen=True)
class Options:
    """What the controls say: how many hits, of which classes, from which score on."""

    k: int = 12
    labels: tuple[str, ...] = ()
    mode: str = "any"
    min_score: float | None = None
    engine: str = ""

    def label_filter(self):
        """Return the class filter for the index, or None when no class is chosen."""
        return Labels(**{self.mode: self.labels}) if self.labels else None


def checked(options, engines, classes):
    """Return `options` forced into what the controls can say, because a browser can send anything.

    `engines` and `classes` are the names that exist; a class that does not is left out.
    """
    min_score = options.min_score
    return Options(
        k=max(1, min(MAX_K, int(options.k))),
        labels=tuple(label for label in options.labels if label in classes),
        mode=options.mode if options.mode in ("any", "all", "none") else "any",
        min_score=None if min_score is None else max(-1.0, min(1.0, float(min_score))),
        engine=options.engine if options.engine in engines else next(iter(engines)),
    )


def checked_region(region):
    """Return `region` forced into the picture, or None for one that means nothing."""
    if region is None or len(region) != 4:
        return None
    left, top, right, bottom = (max(0.0, min(1.0, float(value))) for value in region)
    left, top = min(left, 1 - SMALLEST), min(top, 1 - SMALLEST)
    return left, top, max(right, left + SMALLEST), max(bottom, top + SMALLEST)


def identical_hit(query, shown):
    """Return the name of the shown hit that the network cannot tell from `query`, or "".

    A picture that was picked from the index, or a region, has none.
    """
    foreign = not query.id and query.region is None
    same = foreign and shown and shown[0]["score"] >= SAME
    return Path(shown[0]["path"]).name if same else ""
