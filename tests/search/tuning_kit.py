"""What the tests of tuning and engine share: made-up vectors, pictures, and a way into Milvus."""

from pathlib import Path

import numpy as np

from helpers.dataset import Dataset
from helpers.dataset.pictures import Ledger, Picture
from helpers.features import VGG16, Vectors
from helpers.search.engine import Tuned
from helpers.search.tuning import Recipe

EXTRACTOR = "vgg16-conv5-gem-224"
SMALL = Recipe("gem", spread=1.25, dims=16, exponent=0.1, neighbours=4)


def features(count, seed=0, kinds=5, dim=512):
    """Return (count, dim) unit vectors of no negative number, of a few kinds, as pooled maps are.

    The first ones stay the same when more are asked for.
    """
    middles = np.random.default_rng(99).gamma(1.0, size=(kinds, dim))
    noise = np.random.default_rng(seed).gamma(1.0, size=(count, dim))
    rows = middles[np.arange(count) % kinds] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def vectors(values, name=EXTRACTOR):
    """Return Vectors with the ids p0000, p0001, … ."""
    return Vectors([f"p{number:04}" for number in range(len(values))], values, name)


def data_set(count, name="d"):
    """Return a Dataset of `count` pictures whose files nobody opens; each kind has its label."""
    pictures = [
        Picture(f"p{number:04}", Path(f"p{number:04}.jpg"), (f"kind{number % 5}",))
        for number in range(count)
    ]
    return Dataset(name, "because a test does", pictures, Ledger(), Path())


def extractor(settings):
    """Return an extractor that nobody asks to embed: its network is never loaded."""
    return VGG16("gem", "float32", settings=settings, progress=False)


def indexed(settings, values, name="d", recipe=SMALL):
    """Return (Tuned, Index, SyncResult) of made-up vectors, written as open_engine writes them."""
    tuned = Tuned(extractor(settings), recipe, name, vectors(values))
    index = tuned.open_index(settings)
    _, written = tuned.write(index, data_set(len(values), name), progress=False)
    tuned.drop_replaced(settings)
    return tuned, index, written
