"""Notebook 04's own `embed` and `search` find what helpers.search.Engine finds."""

from dataclasses import replace

import nbformat
import numpy as np
import pytest
from PIL import Image
from vgg_kit import real

from helpers import dataset
from helpers.course.run_notebooks import NOTEBOOKS
from helpers.features import VGG16
from helpers.index import Index
from helpers.search import Engine

pytestmark = pytest.mark.weights
CELLS = nbformat.read(NOTEBOOKS / "04_search_by_image.ipynb", as_version=4).cells


def run(cell, **names):
    """Execute one of the notebook's cells with what the cells before it made; return its names."""
    exec(next(each.source for each in CELLS if each.id == cell), names)
    return names


@pytest.fixture(scope="module")
def made(shared_settings, tmp_path_factory):
    """What the notebook's set-up makes, for 20 drawings, in a database of its own."""
    own = replace(real(shared_settings), milvus_uri=str(tmp_path_factory.mktemp("04") / "04.db"))
    whole = dataset.load(own, progress=False)
    data = replace(whole, name="notebook-04-test", pictures=whole.pictures[::12][:20])
    extractor = VGG16("max", "float32", settings=own, progress=False)
    with Index(data.name, extractor.name, own) as index:
        vectors = extractor.extract(data.pictures, data.name, progress=False)
        index.sync(data.pictures, vectors, progress=False)
        yield {"index": index, "extractor": extractor, "data": data}


def test_the_cell_finds_what_the_engine_finds(made):
    cell, engine = run("engine", **made), Engine(made["extractor"], made["index"], made["data"])
    one = made["data"].pictures[7]
    unseen = Image.open(one.path).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for query in (one.id, one.path, str(one.path), one.path.read_bytes(), unseen):
        np.testing.assert_allclose(cell["embed"](query), engine.embed(query), atol=1e-5)
        ours, theirs = cell["search"](query, k=8), engine.search(query, k=8)
        assert [hit.id for hit in ours] == [hit.id for hit in theirs]
        assert [hit.labels for hit in ours] == [hit.labels for hit in theirs]
        np.testing.assert_allclose(
            [hit.score for hit in ours], [hit.score for hit in theirs], atol=1e-5
        )
    assert one.id not in [hit.id for hit in cell["search"](one.id, k=19)]
    assert len(cell["search"](one.id, k=19)) == 19
