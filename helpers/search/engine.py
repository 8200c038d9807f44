"""The search engine: a picture in, its nearest neighbours out.

Notebook 04 writes `embed` and `search` step by step; from there on everybody imports this class.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.dataset import Dataset, load
from helpers.dataset.pictures import PictureSource
from helpers.features import VGG16, Vectors
from helpers.index import Hit, Index, LabelFilter, SyncResult
from helpers.settings import Settings

AnyQuery = PictureSource | NDArray[np.float32]


@dataclass(eq=False)
class Engine:
    """An extractor, an index and the data set they describe, for any number of threads.

    `embedder` is anything with the extractor's `embed`, such as the search page's, which gathers
    the queries of many visitors; None means the extractor. `pictures` maps ids to Pictures.
    """

    extractor: VGG16
    index: Index
    dataset: Dataset
    embedder: Any = None

    def __post_init__(self):
        """List the pictures by id."""
        self.pictures = {picture.id: picture for picture in self.dataset.pictures}

    def embed(self, query: AnyQuery) -> NDArray[np.float32]:
        """Return the query's embedding, (dim,) float32 of unit norm.

        `query` is a path, the bytes of a picture file, a PIL image, the id of an indexed picture,
        whose stored vector is used, or an embedding, which is returned as it is. Raises
        PictureError for a file that isn't a picture.
        """
        if isinstance(query, np.ndarray):
            return query
        if isinstance(query, str) and query in self.pictures:
            return self.index.vector(query)
        return (self.embedder or self.extractor).embed(query)

    def search(
        self,
        query: AnyQuery,
        k: int = 12,
        label_filter: LabelFilter | None = None,
        min_score: float | None = None,
        exclude: str | None = None,
    ) -> list[Hit]:
        """Return the `k` most similar pictures, best first, with cosine scores in [-1, 1].

        `query` is what `embed` takes. Only hits that pass `label_filter` and score at least
        `min_score` count. The picture with the id `exclude` is left out, and so is a query that is
        an id itself, because finding itself proves nothing.
        """
        if isinstance(query, str) and query in self.pictures:
            exclude = query
        wanted = k + (exclude is not None)
        hits = self.index.search(self.embed(query), wanted, label_filter, min_score)
        return [hit for hit in hits if hit.id != exclude][:k]


def open_engine(
    pooling: str = "max",
    precision: str = "auto",
    settings: Settings | None = None,
    embedder: Callable[[VGG16], Any] | None = None,
    watch: Callable[[str, int, int], object] = lambda _step, _done, _total: None,
) -> Engine:
    """Return an Engine over the data set that the settings name, extracted and indexed first.

    What is already on disk is kept, so a second call takes seconds. `embedder(extractor)` makes
    the Engine's embedder, if there is to be one. `watch(step, done, total)` is told what is going
    on; whatever it raises ends that, and what is done is kept.
    """

    def begin(step):
        watch(step, 0, 0)
        return functools.partial(watch, step)

    data = load(settings, watch=begin("Loading the pictures"))
    begin("Loading VGG16")
    extractor = VGG16(pooling, precision, settings=settings).load()  # the first query won't wait
    watch_vectors = begin("Embedding the pictures")
    vectors = extractor.extract(data.pictures, data.name, watch=watch_vectors)
    begin("Writing the index")
    index = Index(data.name, extractor.name, settings=settings)
    try:
        data, _ = write(index, data, vectors)
    except BaseException:
        index.close()
        raise
    return Engine(extractor, index, data, embedder and embedder(extractor))


def write(
    index: Index, data: Dataset, vectors: Vectors, progress: bool = True, delete_most: bool = False
) -> tuple[Dataset, SyncResult]:
    """Make `index` hold `data`; return the pictures that have a row now, and what that took.

    It takes and raises what `Index.sync` does.
    """
    result = index.sync(data.pictures, vectors, progress, delete_most)
    there = set(vectors.ids) - {name for name, _ in result.skipped}
    return replace(data, pictures=[one for one in data.pictures if one.id in there]), result
