"""The widget carries messages between the page and the session, and survives bad ones."""

import base64
import gc
import io
import shutil
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import app_kit
import matplotlib
import pytest
from matplotlib import pyplot as plt
from PIL import Image

import search_app
from search_app import SearchApp, widget
from search_app.worker import DETAILS, FETCH, FOLDERS, SEARCH

pytestmark = pytest.mark.weights
matplotlib.use("agg")

POOLS = (SEARCH, FETCH, DETAILS, FOLDERS)


@pytest.fixture
def app(engine, tmp_path):
    app = SearchApp(engine, roots=[tmp_path])
    app_kit.wait(app.session)
    yield app
    app.close()


def test_a_page_without_widgets_gets_a_figure_in_its_place(app, engine, monkeypatch):
    data, _ = app._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == app.model_id
    figure = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert figure.format == "JPEG"
    assert figure.width > 800
    assert not plt.get_fignums()  # or the notebook would draw it once more
    gone = [replace(picture, path=Path("gone.jpg")) for picture in engine.dataset.pictures]
    monkeypatch.setattr(engine, "pictures", {picture.id: picture for picture in gone})
    data, _ = app._repr_mimebundle_()
    assert "image/jpeg" not in data


def receive(app, content, *buffers):
    """Deliver a message as the browser's would arrive."""
    app._handle_custom_msg(content, [memoryview(buffer) for buffer in buffers])


def test_it_opens_with_pictures_to_click_on(app, engine):
    assert len(app.samples) == 12
    assert app.facts["count"] == engine.index.count()
    assert [one["name"] for one in app.facts["engines"]] == [engine.index.name]
    assert app.options["engine"] == engine.index.name
    assert app.results == app.query == app.status == {}
    assert "search_app.search(" in repr(app)


def test_a_browser_message_is_answered_in_the_traits(app, engine):
    picture = engine.dataset.pictures[6]
    receive(app, {"do": "upload", "name": "mine.jpg"}, picture.path.read_bytes())
    app_kit.wait(app.session)
    assert app.results["hits"][0]["id"] == picture.id
    options = {"k": 4, "labels": [], "mode": "any", "min_score": None}
    receive(app, {"do": "choose", "options": options})
    app_kit.wait(app.session)
    assert len(app.results["hits"]) == 4
    assert app.get_state(["results"])["results"] is not None


def our_threads():
    """Return how many threads work for visitors."""
    ours = {pool.name for pool in POOLS}
    return sum(thread.name in ours for thread in threading.enumerate())


def test_running_the_cell_again_leaves_no_threads_and_no_sessions(engine, tmp_path):
    def run():
        app = SearchApp(engine, roots=[tmp_path])
        receive(app, {"do": "pick", "id": engine.dataset.pictures[0].id})
        receive(app, {"do": "groups", "min_score": 0.9})
        app_kit.wait(app.session)
        app.close()
        assert app.session.closed
        return weakref.ref(app.session)

    sessions = [run() for _ in range(sum(pool.size for pool in POOLS) + 5)]
    assert our_threads() <= sum(pool.size for pool in POOLS)
    gc.collect()
    assert not any(session() for session in sessions[:-1])


def test_the_folders_of_an_earlier_run_are_offered_in_the_notebook_too(engine, tmp_path):
    (tmp_path / "mine").mkdir()
    shutil.copy(engine.dataset.pictures[0].path, tmp_path / "mine")
    first = SearchApp(engine, roots=[tmp_path])
    receive(first, {"do": "load", "text": "mine"})
    app_kit.wait(first.session)
    name = first.folder["collection"]
    first.close()
    again, offered = SearchApp(engine, roots=[tmp_path]), threading.Event()
    again.observe(lambda change: name in str(change.new) and offered.set(), "folder")
    if name not in str(again.folder):
        assert offered.wait(600)
    assert again.folder["folders"] == [["mine", 1, name, False]]
    for job in again.catalogue.jobs.values():
        job.wait()
    receive(again, {"do": "unload", "folder": name})
    app_kit.wait(again.session)
    assert [one["name"] for one in again.facts["engines"]] == [engine.index.name]
    again.close()


def test_every_message_is_acknowledged_even_a_malformed_one(app, monkeypatch):
    answers = []
    monkeypatch.setattr(app, "send", answers.append)
    for number, message in enumerate(({"do": "ping"}, {"do": "nothing"}, {"do": "suggest"})):
        receive(app, message | {"number": number})
    assert answers == [{"heard": 0}, {"heard": 1}, {"heard": 2}]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"do": "exec", "code": "1"},
        {"do": "__init__"},
        {"do": ["ping"]},
        {"do": "upload", "name": "x"},
        {"do": "choose"},
        {"do": "choose", "options": [1]},
        {"do": "choose", "options": {"k": "many"}},
        {"do": "choose", "options": {"k": float("inf")}},
        {"do": "choose", "options": {"engines": 1}},
        {"do": "choose", "options": {"min_score": float("nan")}},
        {"do": "choose", "options": {"labels": 3}},
        {"do": "region", "region": ["a", 0, 1, 1]},
        {"do": "region", "region": [float("nan"), 0, 1, 1]},
        {"do": "upload", "names": ["x"] * 11},
        {"do": "upload", "names": "x"},
        {"do": "mark"},
        {"do": "mark", "marks": ["x"]},
        {"do": "mark", "marks": {"x": "yes"}},
        {"do": "refine", "marks": {"x": 1}},
        {"do": "refine", "marks": {f"{number}": True for number in range(51)}},
        {"do": "remove"},
        {"do": "remove", "at": float("nan")},
        {"do": "groups", "min_score": "x"},
        {"do": "groups", "min_score": float("inf")},
        {"do": "groups"},
        {"do": "pick", "id": 'x" or id != "'},
        {"do": "pick", "id": ["x"]},
        {"do": "pick", "id": "x" * 1_000_000},
        {"do": "open", "text": "x" * 1_000_000},
        {"do": "open", "text": None},
        {"do": "complete", "text": 1},
        {"do": "load", "text": {}},
        {"do": "unload", "folder": 1},
    ],
)
def test_a_malformed_message_becomes_a_sentence(app, engine, message):
    receive(app, {"do": "pick", "id": engine.dataset.pictures[0].id})
    app_kit.wait(app.session)
    before = engine.index.count()
    receive(app, message)
    app_kit.wait(app.session)
    assert app.status["error"]
    assert "Something went wrong" not in app.status["error"]  # which is for what nobody foresaw
    assert len(app.status["error"]) < 300
    assert engine.index.count() == before
    assert app.results["hits"]


def test_the_page_is_made_of_text_that_cannot_run(engine):
    scripts = [path.read_text("utf-8") for path in widget.BROWSER.glob("*.js")]
    assert len(scripts) == 11
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert not any(door in script for script in scripts)
    assert all(script in SearchApp(engine, roots=[])._esm for script in scripts)


def test_without_widgets_a_figure_shows_the_same_gallery(engine):
    picture = engine.dataset.pictures[2]
    figure = search_app.search(engine, picture.id, k=5)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    hits = engine.search(picture.id, k=5)
    assert all(f"{hit.score:.3f}" in title for hit, title in zip(hits, titles[1:], strict=True))
    assert len(search_app.search(engine, picture.path, k=3).axes) >= 4
