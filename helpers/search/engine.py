"""The search engine: a picture in, its nearest neighbours out.

Notebook 04 builds this class in the open; from there on everybody imports it.
"""

from dataclasses import dataclass
from pathlib import Path

from helpers.dataset.loader import Dataset
from helpers.features.vgg16 import VGG16
from helpers.index.index import Index


@dataclass
class Engine:
    """An extractor, an index and the data set they describe, ready to be asked."""

    extractor: VGG16
    index: Index
    dataset: Dataset

    def __post_init__(self):
        """Remember which pictures there are, so that a hit leads back to its boxes."""
        self.pictures = {picture.id: picture for picture in self.dataset.pictures}

    def embed(self, query):
        """Return the query's embedding, (dim,) float32 of length one.

        `query` is a path, the bytes of a picture file, a PIL image, or the id of an indexed
        picture, whose stored vector is used. Raises PictureError for a file that is no picture.
        """
        if isinstance(query, str) and query in self.pictures:
            return self.index.vector(query)
        return self.extractor.embed(Path(query) if isinstance(query, str) else query)

    def search(self, query, k=12, label_filter=None, min_score=None):
        """Return the `k` most similar pictures as Hits, best first; higher scores are closer.

        `label_filter` filters by labels and `min_score` by score. A query that is itself an indexed picture's
        id is left out of its own answer, because finding itself proves nothing.
        """
        itself = query if isinstance(query, str) and query in self.pictures else None
        hits = self.index.search(
            self.embed(query), k + (itself is not None), label_filter, min_score
        )
        return [hit for hit in hits if hit.id != itself][:k]


def open_engine(pooling="max", precision="float32", settings=None):
    """Return an Engine over whatever data set the settings name, extracting and indexing first.

    What is already on disk is kept, so a second call takes seconds.
    """
    from helpers import dataset

    data = dataset.load(settings)
    extractor = VGG16(pooling, precision, settings=settings, pictures=data.pictures)
    vectors = extractor.extract(data.pictures, data.name)
    index = Index(extractor.name, settings=settings)
    index.sync(data.pictures, vectors)
    return Engine(extractor, index, data)
