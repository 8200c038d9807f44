"""The widget carries messages between the page and the session, and survives bad ones."""

import app_kit
import matplotlib
import pytest

import search_app
from search_app import SearchApp, widget

pytestmark = pytest.mark.weights
matplotlib.use("agg")


@pytest.fixture(scope="module")
def engine(shared_settings, tmp_path_factory):
    (engine,) = app_kit.engine(shared_settings, tmp_path_factory.mktemp("widgets"))
    yield engine
    engine.index.close()


@pytest.fixture
def app(engine, tmp_path):
    return SearchApp(engine, roots=[tmp_path])


def receive(app, content, *buffers):
    """Deliver a message as the browser's would arrive."""
    app._handle_custom_msg(content, [memoryview(buffer) for buffer in buffers])


def test_it_opens_with_pictures_to_click_on(app, engine):
    assert len(app.samples) == 12
    assert app.facts["count"] == engine.index.count()
    assert app.results == app.query == app.status == {}
    assert "search_app.search(" in repr(app)


def test_a_browser_message_is_answered_in_the_traits(app, engine):
    picture = engine.dataset.pictures[6]
    receive(app, {"do": "upload", "name": "mine.jpg"}, picture.path.read_bytes())
    app_kit.wait(app.session)
    assert app.results["hits"][0]["id"] == picture.id
    receive(
        app, {"do": "choose", "options": {"k": 4, "labels": [], "mode": "any", "min_score": None}}
    )
    app_kit.wait(app.session)
    assert len(app.results["hits"]) == 4
    assert app.get_state(["results"])["results"] is not None


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
        {"do": "upload", "name": "x"},
        {"do": "choose", "options": {"k": "many"}},
        {"do": "choose", "options": {"engines": 1}},
        {"do": "region", "region": ["a", 0, 1, 1]},
        {"do": "groups", "min_score": "x"},
        {"do": "pick", "id": 'x" or id != "'},
    ],
)
def test_a_malformed_message_becomes_a_sentence(app, engine, message):
    receive(app, {"do": "pick", "id": engine.dataset.pictures[0].id})
    app_kit.wait(app.session)
    before = engine.index.count()
    receive(app, message)
    app_kit.wait(app.session)
    assert app.status["error"]
    assert "Traceback" not in app.status["error"]
    assert engine.index.count() == before
    assert app.results["hits"]


def test_the_page_is_made_of_text_that_cannot_run(engine):
    scripts = [path.read_text("utf-8") for path in widget.BROWSER.glob("*.js")]
    assert len(scripts) == 10
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
