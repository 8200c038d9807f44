"""What a cluster left in the store makes the collection that `Index.sync` makes, page by page."""

import numpy as np
import pytest
from index_kit import clustered, some_pictures

from helpers.features import VGG16
from helpers.features.pooling import POOLINGS
from helpers.features.vector_store import Fingerprint, open_for_writing
from helpers.index import Index
from helpers.scale.kept import sync_kept

COUNT = 2300  # more than two pages of a thousand


def kept(settings):
    """Return an extractor, pictures, and their vectors as its store has them."""
    extractor = VGG16("gem", "float32", settings=settings)
    pictures, values = some_pictures(COUNT), clustered(COUNT)
    rows = np.zeros((COUNT, VGG16.dim * len(POOLINGS)), np.float32)
    rows[:, extractor.columns()] = values
    prints = [Fingerprint(one.id, str(one.path), 1, 1, "", 1) for one in pictures]
    with open_for_writing(extractor.folder("kept"), extractor.provenance()) as store:
        store.append(prints, rows)
    return extractor, pictures, values


def the_same_collection(settings):
    extractor, pictures, values = kept(settings)
    with Index("kept", extractor.name, settings) as index:
        index.sync(pictures[:5], clustered(5, seed=9), progress=False)  # of an earlier run
        told = sync_kept(index, pictures, extractor, progress=False)
        assert (told.written, told.deleted, told.unchanged) == (COUNT, 0, 0)
        again = index.sync(pictures, values, progress=False)
        assert (again.written, again.deleted, again.unchanged) == (0, 0, COUNT)
        assert sync_kept(index, pictures[10:], extractor, progress=False).deleted == 10
        assert index.count() == COUNT - 10


def test_the_store_becomes_the_collection_that_sync_makes(here):
    the_same_collection(here)


@pytest.mark.server
@pytest.mark.slow
def test_the_store_becomes_the_same_collection_on_a_server(there):
    the_same_collection(there)
