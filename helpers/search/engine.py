"""The search engine: a picture in, its nearest neighbours out.

Notebook 04 writes `embed` and `search` step by step; from there on everybody imports this class.
Notebook 05 adds the tuning, and queries of several pictures.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers import settings as _settings
from helpers.dataset import Dataset, load
from helpers.dataset.pictures import PictureSource
from helpers.features import VGG16, Vectors
from helpers.features.pooling import l2_normalise
from helpers.features.vgg16 import vectors_folder
from helpers.index import Hit, Index, LabelFilter, MilvusError, SyncResult, drop_collection
from helpers.index.names import collection_name
from helpers.search.tuning import Recipe, Tuning, named, tuning_of
from helpers.settings import Settings

AnyQuery = PictureSource | NDArray[np.float32]

UNLIKE = 0.5
"""How much the mean of the pictures that aren't wanted counts, beside that of those that are: of
0.15 to 1, what gained most in notebook 05's measurement on VOC's train part."""

ALIKE = 0.8
"""Cosine from which on a picture is nearly the query itself. Expansion asks for what a query shows;
by it alone, measured on 600 photographs, only four in ten found themselves first."""


@dataclass(eq=False)
class Engine:
    """An extractor, an index and the data set they describe, for any number of threads.

    `embedder` is anything with the extractor's `embed`, such as the search page's, which gathers
    the queries of many visitors; None means the extractor. `tuning` is what the index's vectors
    were tuned by, None where they are the extractor's; `recipe` is what other data sets beside this
    one are embedded by. `pictures` maps ids to Pictures.
    """

    extractor: VGG16
    index: Index
    dataset: Dataset
    embedder: Any = None
    tuning: Tuning | None = None
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self):
        """List the pictures by id."""
        self.pictures = {picture.id: picture for picture in self.dataset.pictures}

    def embed(self, query: AnyQuery) -> NDArray[np.float32]:
        """Return the query's embedding as the index has it, (dim,) float32 of unit norm.

        `query` is a path, the bytes of a picture file, a PIL image, the id of an indexed picture,
        whose stored vector is used, or such an embedding, which is returned as it is. Raises
        PictureError for a file that isn't a picture.
        """
        if isinstance(query, np.ndarray):
            return query
        if isinstance(query, str) and query in self.pictures:
            return self.index.vector(query)
        found = (self.embedder or self.extractor).embed(query)
        return self.tuning.apply(found) if self.tuning else found

    def search(
        self,
        query: AnyQuery | Sequence[AnyQuery],
        k: int = 12,
        label_filter: LabelFilter | None = None,
        min_score: float | None = None,
        exclude: str | Iterable[str] | None = None,
        unlike: Sequence[AnyQuery] = (),
    ) -> list[Hit]:
        """Return the `k` most similar pictures, best first, with cosine scores in [-1, 1].

        `query` is what `embed` takes, or a list of several that are one query together; `unlike`
        are pictures that aren't wanted. Only hits that pass `label_filter` and score at least
        `min_score` count. The pictures with the ids in `exclude` are left out, and so are queries
        and unwanted pictures that are ids themselves, because finding them proves nothing. With a
        tuning, the score is the cosine to the expanded query; of what is nearly the query itself
        (ALIKE), the cosine to that, if it is larger.
        """
        liked = list(query) if isinstance(query, list | tuple) else [query]
        left_out = {exclude} if isinstance(exclude, str) else set(exclude or ())
        asked = [one for one in (*liked, *unlike) if isinstance(one, str)]
        left_out |= {one for one in asked if one in self.pictures}
        query, count = self.combined(liked, unlike), k + len(left_out)
        expanded = self.expanded(query, left_out)
        hits = self.index.search(expanded, count, label_filter, min_score)
        if expanded is not query:
            least = max(ALIKE, min_score or ALIKE)
            hits = _best(hits + self.index.search(query, count, label_filter, least))
        return [hit for hit in hits if hit.id not in left_out][:k]

    def combined(
        self, liked: Sequence[AnyQuery], unlike: Sequence[AnyQuery] = ()
    ) -> NDArray[np.float32]:
        """Return one query (dim,) for several pictures: towards `liked`, away from `unlike`.

        Relevance feedback: Rocchio 1971; Manning, Raghavan, Schütze, Introduction to Information
        Retrieval, section 9.1.1. Raises ValueError when nothing is liked.
        """
        if not liked:
            raise ValueError("No picture says what is wanted. Give at least one.")
        if len(liked) == 1 and not unlike:
            return self.embed(liked[0])
        wanted = np.mean([self.embed(one) for one in liked], axis=0)
        if unlike:
            wanted = wanted - UNLIKE * np.mean([self.embed(one) for one in unlike], axis=0)
        return l2_normalise(wanted[None])[0]

    def expanded(
        self, vector: NDArray[np.float32], left_out: Iterable[str] = ()
    ) -> NDArray[np.float32]:
        """Return a query (dim,) with its nearest pictures added, as the tuning says.

        Those in `left_out` aren't taken.
        """
        count = self.tuning.neighbours(len(self.pictures)) if self.tuning else 0
        if not count:
            return vector
        left_out = set(left_out)
        ids, nearest = self.index.nearest_vectors(vector, count + len(left_out))
        kept = [row for row, name in enumerate(ids) if name not in left_out]
        return self.tuning.expand(vector, nearest[kept[:count]])


def _best(hits):
    """Return each picture once, with the larger of its scores, best first, ties by id."""
    rising = sorted(hits, key=lambda hit: hit.score)
    return sorted({hit.id: hit for hit in rising}.values(), key=lambda hit: (-hit.score, hit.id))


def open_engine(
    wanted: Recipe | str | None = None,
    precision: str = "auto",
    settings: Settings | None = None,
    embedder: Callable[[VGG16], Any] | None = None,
    watch: Callable[[str, int, int], object] = lambda _step, _done, _total: None,
) -> Engine:
    """Return an Engine over the data set that the settings name, extracted and indexed first.

    `wanted` says how pictures are embedded: a Recipe, or the name of one, by default the settings'
    `tuning`. What is already on disk is kept, so a second call takes seconds.
    `embedder(extractor)` makes the Engine's embedder, if there is to be one.
    `watch(step, done, total)` is told what is going on; whatever it raises ends that, and what is
    done is kept. Raises TuningError for a recipe that isn't known.
    """

    def begin(step):
        watch(step, 0, 0)
        return functools.partial(watch, step)

    settings = settings or _settings.from_environment()
    wanted = wanted if isinstance(wanted, Recipe) else named(wanted or settings.tuning)
    data = load(settings, watch=begin("Loading the pictures"))
    begin("Loading VGG16")
    extractor = extractor_for(wanted, precision, settings).load()  # the first query won't wait
    watch_vectors = begin("Embedding the pictures")
    vectors = extractor.extract(data.pictures, data.name, watch=watch_vectors)
    begin("Writing the index")
    tuned = Tuned(extractor, wanted, data.name, vectors)
    index = tuned.open_index(settings)
    try:
        data, _ = tuned.write(index, data)
        tuned.drop_replaced(settings)
    except BaseException:
        index.close()
        raise
    return Engine(extractor, index, data, embedder and embedder(extractor), tuned.tuning, wanted)


def extractor_for(wanted: Recipe, precision: str, settings: Settings) -> VGG16:
    """Return the VGG16 that a Recipe asks for."""
    return VGG16(wanted.pooling, precision, wanted.size, settings, keep_aspect=wanted.keep_aspect)


class Tuned:
    """A data set's vectors after its tuning, on their way to an index.

    `name` says how they were made; `tuning` is None where nothing is learned.
    """

    def __init__(self, extractor: VGG16, wanted: Recipe, dataset_name: str, vectors: Vectors):
        """Take what was learned before, or learn it."""
        folder = vectors_folder(dataset_name, extractor.name, extractor.settings)
        path = folder / f"tuning-{extractor.pooling}.npz"
        self.dataset_name, self.vectors = dataset_name, vectors
        self.tuning, replaced = tuning_of(vectors, wanted, path)
        self.name = f"{extractor.name}+{self.tuning.name}" if self.tuning else extractor.name
        self.replaced = replaced and f"{extractor.name}+{replaced}"

    def open_index(self, settings: Settings) -> Index:
        """Return the Index that these vectors belong in."""
        dim = self.tuning.dims if self.tuning else VGG16.dim
        return Index(self.dataset_name, self.name, settings, dim=dim)

    def write(
        self, index: Index, data: Dataset, progress: bool = True, delete_most: bool = False
    ) -> tuple[Dataset, SyncResult]:
        """Make `index` hold `data`, as the function `write` does."""
        values = self.vectors.values
        values = self.tuning.apply(values) if self.tuning else values
        return write(index, data, replace(self.vectors, values=values), progress, delete_most)

    def drop_replaced(self, settings: Settings) -> None:
        """Drop the collection of the tuning that this one replaces, if there is one."""
        if self.replaced:
            with suppress(MilvusError):  # gone already
                drop_collection(collection_name(self.dataset_name, self.replaced), settings)


def write(
    index: Index, data: Dataset, vectors: Vectors, progress: bool = True, delete_most: bool = False
) -> tuple[Dataset, SyncResult]:
    """Make `index` hold `data`; return the pictures that have a row now, and what that took.

    It takes and raises what `Index.sync` does.
    """
    result = index.sync(data.pictures, vectors, progress, delete_most)
    there = set(vectors.ids) - {name for name, _ in result.skipped}
    return replace(data, pictures=[one for one in data.pictures if one.id in there]), result
