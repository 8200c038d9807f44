"""Folders of two visitors, and a notebook beside them, on a real Milvus server."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import app_kit
import pytest

from helpers.dataset.pictures import open_picture
from helpers.index import Index, collections
from helpers.search.tuning import FEWEST
from search_app.catalogue import Catalogue
from search_app.session import Session

pytestmark = [pytest.mark.server, pytest.mark.weights]


class Visit(Session):
    """A visitor who sees the latest value of each part."""

    def __init__(self, catalogue):
        self.shown = {}
        super().__init__(catalogue, self.shown.__setitem__)

    def load(self, name):
        """Load a folder, search in it, and return what its collection is called."""
        self.folders.load(name)
        app_kit.wait(self)
        assert self.shown["folder"]["state"] == "done"
        self.choose(engine=self.shown["folder"]["collection"])
        return self.options.engine

    def found(self, picture_id):
        """Return the ids of all hits for a picture of the data set, itself left out."""
        self.pick(picture_id)
        app_kit.wait(self)
        return {hit["id"] for hit in self.shown["results"]["hits"]}


@pytest.fixture
def engine(shared_settings, there, tmp_path):
    (engine,) = app_kit.engine(replace(shared_settings, milvus_token=there.milvus_token), tmp_path,
                               uri=there.milvus_uri)  # fmt: skip
    yield engine
    engine.index.close()


@pytest.fixture
def catalogue(engine, tmp_path):
    for name, first in (("cats", 0), ("dogs", 6)):
        (tmp_path / name).mkdir()
        for picture in engine.dataset.pictures[first : first + 6]:
            shutil.copy(picture.path, tmp_path / name / f"{name}-{picture.path.name}")
    catalogue = Catalogue([engine], [tmp_path])
    yield catalogue
    catalogue.close()


def test_each_visitor_and_a_notebook_keep_what_is_their_own(catalogue, engine, tmp_path):
    visits = {name: Visit(catalogue) for name in ("cats", "dogs")}
    with ThreadPoolExecutor() as pool:
        names = dict(zip(visits, pool.map(lambda one: visits[one].load(one), visits), strict=True))
    files = {name: sorted(path.name for path in (tmp_path / name).iterdir()) for name in visits}
    for name, visit in visits.items():
        assert visit.found(files[name][0]) == set(files[name][1:])
    with Index(engine.dataset.name, engine.extractor.name, catalogue.settings) as notebook:
        vectors = engine.extractor.extract(engine.dataset.pictures[:12], "half", progress=False)
        notebook.sync(engine.dataset.pictures[:12], vectors, progress=False, delete_most=True)
    (tmp_path / "dogs" / files["dogs"][1]).unlink()
    assert visits["dogs"].load("dogs") == names["dogs"]
    assert visits["dogs"].found(files["dogs"][0]) == set(files["dogs"][2:])
    visits["dogs"].folders.unload()
    app_kit.wait(visits["dogs"])
    rows = {one.name: one.rows for one in collections(catalogue.settings)}
    assert rows == {engine.index.name: 12, names["cats"]: 6}
    assert visits["cats"].found(files["cats"][0]) == set(files["cats"][1:])


def test_two_data_sets_with_tunings_of_their_own_live_side_by_side(
    shared_settings, there, tmp_path
):
    settings = replace(shared_settings, milvus_token=there.milvus_token)
    engine = app_kit.tuned_engine(settings, tmp_path, uri=there.milvus_uri)
    pictures, folder = engine.dataset.pictures, tmp_path / "mine"
    folder.mkdir()
    for picture in pictures[:FEWEST]:  # other pictures of these classes would teach something else
        open_picture(picture.path).rotate(90).save(folder / picture.path.name)
    catalogue = Catalogue([engine], [folder.parent])
    visit = Visit(catalogue)
    name = visit.load("mine")
    own = catalogue.engines[name]
    assert own.tuning.name != engine.tuning.name
    assert (own.index.dim, engine.index.dim) == (own.tuning.dims, engine.tuning.dims)
    rows = {one.name: one.rows for one in collections(catalogue.settings)}
    assert rows == {engine.index.name: 60, own.index.name: FEWEST}
    for one, asked in ((engine, pictures[3].path), (own, folder / pictures[3].path.name)):
        visit.choose(engine=one.index.name)
        visit.upload(asked.read_bytes(), "a.jpg")
        app_kit.wait(visit)
        hits = visit.shown["results"]["hits"]
        assert [hit["id"] for hit in hits] == [hit.id for hit in one.search(asked, 12)]
        assert visit.shown["results"]["identical_hit"] == asked.name
    catalogue.drop(own.index.name)
    assert {one.name for one in collections(catalogue.settings)} == {engine.index.name}
    catalogue.close()
    engine.index.close()
