"""Notebook 03's own cells build a collection that answers as `Index` does."""

import contextlib
import io
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt

from helpers.course import plots
from helpers.course.run_notebooks import NOTEBOOKS
from helpers.dataset.pictures import Picture
from helpers.features import Vectors
from helpers.index import Index, connection

mpl.use("Agg")
COUNT = 60


@pytest.fixture
def run(here, tmp_path, monkeypatch):
    """A function that executes cells by their ids, and the names that they share."""
    monkeypatch.setenv("BOOTCAMP_DATA", str(here.data))
    monkeypatch.delenv("MILVUS_URI", raising=False)
    notebook = nbformat.read(NOTEBOOKS / "03_build_milvus_index.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}
    names = {}

    def execute(*ids):
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            for name in ids:
                exec(compile(sources[name], name, "exec"), names)
        return told.getvalue()

    imports = [line for line in sources["setup"].splitlines() if " import " in f" {line}"]
    exec("\n".join(imports), names)
    names |= small_set(tmp_path)
    yield execute, names
    if "client" in names:
        connection.close(names["client"], names["config"].milvus_uri)


def small_set(folder):
    """Return what the set-up cell would: pictures with labels, and their vectors."""
    values = np.random.default_rng(0).standard_normal((COUNT, 512)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    pictures = [
        Picture(
            f"p{n:02}", folder / f"p{n:02}.jpg", (("car",), ("bus", "person"), ("person",))[n % 3]
        )
        for n in range(COUNT)
    ]
    data = SimpleNamespace(name="cells", why="what a test made", pictures=pictures)
    return {"data": data, "vectors": Vectors([p.id for p in pictures], values, "test")}


def test_the_lessons_collection_answers_as_the_index_does(run, here):
    execute, names = run
    execute("exact", "connect", "schema", "create", "insert", "count", "search")
    told = execute("agree", "rerun", "restart")
    assert told.count("True") == 4
    assert "False" not in told
    with Index("cells", "test", here) as index:
        index.sync(names["data"].pictures, names["vectors"], progress=False)
        for query in names["vectors"].values[::7]:
            theirs, ours = names["nearest"](query, 8), index.search(query, 8)
            assert [hit["id"] for hit in theirs] == [hit.id for hit in ours]
            labels = [hit["entity"]["labels"] for hit in theirs]
            assert labels == [",".join(hit.labels) for hit in ours]
            distances = [hit["distance"] for hit in theirs]
            assert distances == pytest.approx([hit.score for hit in ours], abs=1e-5)


def test_the_lessons_second_run_and_filter_are_the_indexs(run):
    execute, names = run
    names["extractor"] = SimpleNamespace(name="test")
    execute("exact", "connect")
    try:
        assert f"{COUNT} rows" in execute("index")
        assert execute("sync-again") == "written by a second sync: 0\n"
        hits = execute("filtered").splitlines()[1:]
        assert len(hits) == 5
        assert all("person" in hit and "car" not in hit for hit in hits)
    finally:
        names["index"].close()


def test_the_walk_is_drawn_step_by_step(run):
    execute, names = run
    told = execute("plane", "walk", "walk-down")
    assert "It finds the nearest point: True" in told
    met, far, near = names["met"], names["far"], names["near"]
    assert {*far, *near} <= met
    assert far[-1] == near[0]
    assert {*far} <= {*names["upper"]}
    figure = plots.cells_and_walk(
        names["points"], names["asked"], names["centres"], names["in_cells"], names["upper"],
        [far, near], met,
    )  # fmt: skip
    cells, walk = figure.axes
    assert len(walk.texts) == len(far) + len(near) - 2  # its arrows
    assert not cells.texts
    plt.close(figure)
