"""What goes into the REST interface and comes out of it; the OpenAPI page shows these texts."""

from typing import Annotated, Any, Literal

from fastapi import UploadFile
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from search_app.query import MAX_K, MAX_LABELS, MAX_MARKS, MAX_PICTURES

MAX_IDS = 1000  # deleted in one call

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A picture's id, as listings and hits give it; slashes, quotes and anything else may be in it."""

Asked = Annotated[list[Id], Field(max_length=MAX_MARKS)]
Label = Annotated[str, StringConstraints(max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Region = Annotated[list[Fraction], Field(min_length=4, max_length=4)]


class Strict(BaseModel):
    """A body in which an unknown field is a mistake, not ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchOptions(Strict):
    """How many hits, of which classes, with which score, and what they should be like or unlike.

    `positive` and `negative` are ids of pictures that are wanted, too, and that aren't.
    """

    k: Annotated[int, Field(ge=1, le=MAX_K)] = 12
    labels: Annotated[list[Label], Field(max_length=MAX_LABELS)] = []
    mode: Literal["any", "all", "none"] = "any"
    min_score: Annotated[float, Field(ge=-1, le=1)] | None = None
    region: Region | None = Field(None, description="left, top, right, bottom, each 0 to 1")
    positive: Asked = []
    negative: Asked = []

    @field_validator("k", "min_score", mode="before")
    @classmethod
    def number(cls, value: object) -> object:
        """Refuse true and false, which Python takes for 1 and 0."""
        if isinstance(value, bool):
            raise ValueError("must be a number")
        return value

    @field_validator("region")
    @classmethod
    def area(cls, region: list[float] | None) -> list[float] | None:
        """Refuse a region of no area."""
        if region and (region[0] >= region[2] or region[1] >= region[3]):
            raise ValueError("left must be less than right, and top less than bottom")
        return region

    @model_validator(mode="after")
    def apart(self) -> "SearchOptions":
        """Refuse a picture that is wanted and unwanted."""
        if {*self.positive, getattr(self, "id", None)} & {*self.negative}:
            raise ValueError("the same id can't be both wanted and in negative")
        return self


class Search(SearchOptions):
    """A search with a picture of the data set (`id`, `positive`), or at a path or an address."""

    id: Id | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None
    url: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None

    @model_validator(mode="after")
    def one_source(self) -> "Search":
        """Refuse none, and more than one; `positive` alone says enough."""
        count = sum(value is not None for value in (self.id, self.path, self.url))
        if count > 1:
            raise ValueError("give exactly one of id, path and url")
        if not count and not self.positive:
            alone = "; negative alone says only what isn't wanted" if self.negative else ""
            raise ValueError(f"give one of id, path and url, or positive{alone}")
        if not count and self.region:
            raise ValueError("a region needs a picture that it is part of: id, path or url")
        return self


class Upload(SearchOptions):
    """A search with uploaded picture files, which are one query; a region is of the first.

    For lists, repeat the field: `file`, `labels`, `region`, `positive`, `negative`.
    """

    file: Annotated[list[UploadFile], Field(min_length=1, max_length=MAX_PICTURES)]


class Folder(Strict):
    """A folder to load, as a path below one of the allowed roots."""

    folder: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Ids(Strict):
    """Pictures to delete from a collection."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS)]


class CollectionFacts(BaseModel):
    """A data set that can be searched; `title` is for people, `folder` for a loaded folder."""

    name: str
    title: str
    count: int
    default: bool
    folder: str


class Collections(BaseModel):
    """All data sets that can be searched, the default first."""

    collections: list[CollectionFacts]


class Collection(CollectionFacts):
    """One data set, with its classes, how its vectors were made, and facts about its index.

    `tuning` names what was learned about the data set, "none" if nothing was; `dimension` is how
    many numbers that leaves of a picture.
    """

    dataset: str
    extractor: str
    tuning: str
    dimension: int
    classes: list[str]
    index: dict[str, Any]


class PictureFacts(BaseModel):
    """A picture: `path` is relative to the data set, `file` and `thumbnail` are addresses."""

    id: str
    path: str
    labels: list[str]
    width: int
    height: int
    file: str
    thumbnail: str


class PictureWithBoxes(PictureFacts):
    """A picture with its annotated boxes, in pixels from 1, inclusive, as VOC counts."""

    boxes: list[dict[str, Any]]


class Pictures(BaseModel):
    """Some of the `total` pictures that were asked for."""

    total: int
    offset: int
    pictures: list[PictureFacts]


class HitFacts(PictureFacts):
    """A hit; `score` is its cosine similarity to the query, or to what a tuning made of it.

    A tuning adds the query's nearest pictures to it first; what is nearly the query itself has the
    cosine to that, if it's larger. So the same picture scores 1, unless the query is several.
    """

    rank: int
    score: float


class Hits(BaseModel):
    """The hits, best first, out of `count` pictures, in `ms` milliseconds."""

    count: int
    ms: float
    hits: list[HitFacts]


class JobView(BaseModel):
    """Where loading a folder stands: `done` of `total` pictures of the present step.

    `state` is waiting, reading, embedding, writing, done, stopped or error; `seconds_left` is of
    the step, `skipped` the first [path, reason] of `skipped_count`.
    """

    id: str
    folder: str
    state: str
    done: int
    total: int
    seconds: float
    seconds_left: float | None
    written: int
    deleted: int
    unchanged: int
    skipped: list[list[str]]
    skipped_count: int
    collection: str
    error: str


class Jobs(BaseModel):
    """The latest jobs, and all that still run."""

    jobs: list[JobView]


class Deleted(BaseModel):
    """How many pictures were deleted."""

    deleted: int
