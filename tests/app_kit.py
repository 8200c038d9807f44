"""A small real engine for the tests of the search page, and files that visitors bring."""

import copy
import functools
from dataclasses import replace

from needs import VOC_SUBSET, require
from vgg_kit import real

from helpers import dataset
from helpers import settings as _settings
from helpers.features import VGG16
from helpers.index import Index
from helpers.search import Engine
from helpers.search.engine import Tuned
from helpers.search.tuning import named

COUNT = 24


def source():
    """Return which data set the tests work on: the sample, else the real subset."""
    if (_settings.SAMPLE / "JPEGImages").is_dir():
        return "sample"
    require(VOC_SUBSET.exists(), "the sample's pictures (data/sample) and the VOC subset")
    return str(VOC_SUBSET)


@functools.cache
def extractor(settings):
    """Return the extractor, loaded once for all test files because that takes seconds."""
    return VGG16(settings=real(settings))


def engine(settings, folder, poolings=("max",), uri=""):
    """Return Engines over 24 pictures, one per pooling, with all that they keep in `folder`.

    Their collections are in Milvus at `uri`, by default in that folder, too.
    """
    own = replace(settings, dataset=source(), milvus_uri=uri or str(folder / "app.db"))
    whole = dataset.load(own, progress=False)
    step = len(whole.pictures) // COUNT
    data = replace(whole, name="app-test", pictures=whole.pictures[::step][:COUNT])
    network = extractor(replace(settings, milvus_uri="", milvus_token=""))
    return [_engine(replace(own, data=folder), network, data, pooling) for pooling in poolings]


def tuned_engine(settings, folder, count=60, uri=""):
    """Return an Engine over `count` pictures, tuned to them as `open_engine` does by default."""
    own = replace(settings, dataset=source(), milvus_uri=uri or str(folder / "app.db"))
    whole = dataset.load(own, progress=False)
    data = replace(whole, name="tuned-test", pictures=whole.pictures[:count])
    network = copy.copy(extractor(replace(settings, milvus_uri="", milvus_token="")))
    recipe = named("auto")
    network.pooling, network.settings = recipe.pooling, replace(own, data=folder)
    vectors = network.extract(data.pictures, data.name, progress=False)
    tuned = Tuned(network, recipe, data.name, vectors)
    index = tuned.open_index(network.settings)
    data, _ = tuned.write(index, data, progress=False)
    return Engine(network, index, data, None, tuned.tuning, recipe)


def _engine(settings, network, data, pooling):
    """Return one Engine; all poolings share the network."""
    pooled = copy.copy(network)
    pooled.pooling, pooled.settings = pooling, settings
    vectors = pooled.extract(data.pictures, data.name, progress=False)
    index = Index(data.name, pooled.name, settings=settings)
    index.sync(data.pictures, vectors, progress=False)
    return Engine(pooled, index, data)


class Noting:
    """An embedder around an extractor, as a Batcher is one, that notes what it was asked for."""

    def __init__(self, extractor):
        self.extractor, self.sources = extractor, []

    def embed(self, source):
        self.sources.append(source)
        return self.extractor.embed(source)


def wait(session):
    """Return when a search page's Session has nothing left to do, however busy the machine is."""
    session.fetcher.wait()  # which hands on to the next
    for worker in (session.worker, session.samples, session.details.worker, session.folders.worker):
        worker.wait()
    for job in session.catalogue.jobs.values():
        job.wait()
