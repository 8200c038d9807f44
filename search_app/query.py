"""What is searched with and how: pictures, a region, marked hits, and the options around them."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.dataset.pictures import PictureError
from helpers.errors import PlainError
from helpers.index.filters import LabelFilter
from search_app import thumbs

MAX_K = 100
MAX_LABELS = 50  # chosen at once: each is compared with every row
MAX_SIDE = 1600  # pixels of a query that are kept: VGG16 sees 224
MAX_VECTORS = 16  # per query
MAX_PICTURES, MAX_MARKS = 10, 50  # in one query
LIMITS = {"max_mb": thumbs.MAX_BYTES // 10**6, "max_pictures": MAX_PICTURES, "max_marks": MAX_MARKS}
MIN_SIDE = 0.02  # a region's least width and height, as a fraction of the picture's

Region = tuple[float, float, float, float]
"""(left, top, right, bottom), each a fraction of the picture's width or height, 0 to 1."""


class MessageError(PlainError, ValueError):
    """What a browser sent isn't what the page sends; the text says what to do."""


@dataclass(frozen=True)
class Query:
    """The picture that is searched with: all of it, or only its `region`; and what comes with it.

    `image` is kept within 1,600 pixels, `size` is the file's own. `id` is that of an indexed
    picture of the data set `dataset`. `vectors`, {(extractor, region): embedding}, is one for all
    regions of the picture. `more` are the pictures that are one query with it, `number` is its
    place among the files chosen with it, and `problem` the sentence about those that were of no
    use. `marks` says of pictures of the data set whether they're wanted, {id: bool}.
    """

    name: str
    image: Image.Image
    size: tuple[int, int] = (0, 0)
    dataset: str = ""
    id: str = ""
    labels: tuple[str, ...] = ()
    region: Region | None = None
    number: int = 0
    more: tuple["Query", ...] = ()
    marks: dict[str, bool] = field(default_factory=dict)
    problem: str = ""
    vectors: dict = field(default_factory=dict)

    def __post_init__(self):
        """Keep a small copy: a large photo would take 100 MB for as long as its visitor stays."""
        if not any(self.size):
            object.__setattr__(self, "size", self.image.size)
        if max(self.image.size) > MAX_SIDE:
            small = self.image.copy()
            small.thumbnail((MAX_SIDE, MAX_SIDE))
            object.__setattr__(self, "image", small)

    @classmethod
    def of(cls, files: Sequence[tuple[bytes, str]]) -> "Query":
        """Return one query of all `files`, [(content, name)], that are pictures.

        Raises PictureError when none is.
        """
        found, problems = [], []
        for number, (content, name) in enumerate(files):
            try:
                found.append(cls(name, thumbs.read_picture(content, name), number=number))
            except PictureError as error:
                problems.append(str(error))
        more = f" Nor can {len(problems) - 1} more of these files." if problems[1:] else ""
        problem = "".join(problems[:1]) + more
        if not found:
            raise PictureError(problem)
        return replace(found[0], more=tuple(found[1:]), problem=problem)

    def id_in(self, dataset: str) -> str | None:
        """Return the id of this picture in `dataset`; None for other pictures and for a region.

        Two data sets may use one id for two pictures.
        """
        return self.id if self.id and self.dataset == dataset and self.region is None else None

    def keep(self, key: tuple, vector: NDArray[np.float32]) -> None:
        """Keep an embedding in `vectors`, of which there are never many."""
        if len(self.vectors) >= MAX_VECTORS:
            self.vectors.clear()
        self.vectors[key] = vector

    def without(self, number: int) -> "Query":
        """Return the query without the picture of this number, unless that is the only one."""
        left = [one for one in (self, *self.more) if one.number != number] or [self]
        return replace(left[0], more=tuple(left[1:]), marks=self.marks)

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
    """What the controls say: how many hits, of which classes, with what minimum score, from where.

    `engine` is the name of the collection that is searched.
    """

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

    `engines` and `classes` are the names that exist; a class that doesn't is left out. Raises
    MessageError for what no control sends: another type, NaN, or more than 50 classes.
    """
    if not isinstance(options.labels, list | tuple):
        raise MessageError("The classes aren't a list. Reload the page, then choose them again.")
    known = set(classes)
    labels = [one for one in options.labels if isinstance(one, str) and one in known]
    labels = tuple(dict.fromkeys(labels))
    if len(labels) > MAX_LABELS:
        raise MessageError(f"At most {MAX_LABELS} classes can be chosen at once. Choose fewer.")
    min_score = options.min_score
    return Options(
        k=int(number(options.k, 1, MAX_K)),
        labels=labels,
        mode=options.mode if options.mode in ("any", "all", "none") else "any",
        min_score=None if min_score is None else number(min_score, -1, 1),
        engine=options.engine if options.engine in list(engines) else next(iter(engines)),
    )


def checked_region(region: Sequence[float] | None) -> Region | None:
    """Return `region` forced into the picture, or None for what isn't a region."""
    if region is None or not isinstance(region, list | tuple) or len(region) != 4:
        return None
    left, top, right, bottom = (number(value, 0, 1) for value in region)
    left, top = min(left, 1 - MIN_SIDE), min(top, 1 - MIN_SIDE)
    return left, top, max(right, left + MIN_SIDE), max(bottom, top + MIN_SIDE)


def checked_marks(marks: object, known: Collection[str]) -> dict[str, bool]:
    """Return which of the pictures `known` are wanted and which aren't, as the page sent it.

    Raises MessageError for anything but {id: bool}, and for more than 50.
    """
    if not isinstance(marks, dict) or not all(isinstance(one, bool) for one in marks.values()):
        raise MessageError("The marks can't be read. Reload the page, then mark pictures again.")
    if len(marks) > MAX_MARKS:
        raise MessageError(f"At most {MAX_MARKS} pictures can be marked. Forget some marks.")
    return {one: wanted for one, wanted in marks.items() if one in known}


def number(value: object, low: float, high: float) -> float:
    """Return `value` forced between `low` and `high`; raises MessageError for what isn't finite."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise MessageError("A setting isn't a number. Reload the page, then set it again.")
    return max(low, min(high, value))
