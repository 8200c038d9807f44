"""The page over an engine that is tuned to its data set, and folders with tunings of their own."""

import io
import threading

import app_kit
import numpy as np
import pytest
from PIL import ImageOps

from helpers.dataset.pictures import open_picture
from helpers.features import heatmap
from helpers.files import read_json
from helpers.index import collections
from helpers.search import Engine
from helpers.search.tuning import FEWEST, GROWTH, named
from search_app import jobs
from search_app.catalogue import Catalogue
from search_app.session import Session

pytestmark = pytest.mark.weights
COUNT = 60


@pytest.fixture(scope="module")
def engine(shared_settings, tmp_path_factory):
    """An Engine over 60 pictures, with the default tuning."""
    engine = app_kit.tuned_engine(shared_settings, tmp_path_factory.mktemp("tuned"), COUNT)
    assert engine.tuning.dims < COUNT
    yield engine
    engine.index.close()


@pytest.fixture
def catalogue(engine, tmp_path):
    catalogue = Catalogue([engine], [tmp_path])
    yield catalogue
    for name in list(catalogue.engines)[1:]:
        catalogue.drop(name)
    catalogue.close()


class Visit(Session):
    """A visitor who sees the latest value of each part."""

    def __init__(self, catalogue):
        self.shown = {}
        super().__init__(catalogue, self.shown.__setitem__)

    def ids(self):
        """Return the ids of the hits, once everything is answered."""
        app_kit.wait(self)
        return [hit["id"] for hit in self.shown["results"]["hits"]]


@pytest.fixture
def visit(catalogue):
    visit = Visit(catalogue)
    yield visit
    visit.close()


def test_a_copy_is_known_for_one_though_scores_are_to_the_expanded_query(visit, engine):
    picture = engine.dataset.pictures[7]
    visit.upload(picture.path.read_bytes(), "mine.jpg")
    assert visit.ids() == [hit.id for hit in engine.search(picture.path, 12)]
    assert visit.shown["results"]["identical_hit"] == picture.path.name
    out = io.BytesIO()
    ImageOps.mirror(open_picture(picture.path)).save(out, "JPEG", quality=60)
    visit.upload(out.getvalue(), "mirrored.jpg")
    assert picture.id in visit.ids()
    assert visit.shown["results"]["identical_hit"] == ""


def test_marks_work_on_tuned_vectors(visit, engine):
    asked = engine.dataset.pictures[7]
    visit.pick(asked.id)
    first = visit.ids()
    visit.refine({first[0]: True, first[1]: False})
    expected = engine.search([asked.id, first[0]], 12, unlike=[first[1]])
    assert visit.ids() == [hit.id for hit in expected]
    assert not {asked.id, *first[:2]} & set(visit.ids())


def test_heat_maps_weigh_the_channels_as_the_score_does(visit, engine, monkeypatch):
    weights = []
    drawn = heatmap.match_heatmap

    def noting(*pictures, **options):
        weights.append(options["weights"])
        return drawn(*pictures, **options)

    monkeypatch.setattr(heatmap, "match_heatmap", noting)
    visit.pick(engine.dataset.pictures[0].id)
    visit.details.why(visit.ids()[0])
    app_kit.wait(visit)
    assert len(visit.shown["why"]["pictures"]) == 2
    np.testing.assert_array_equal(weights[0], engine.tuning.weights)


def fill(folder, pictures, start, end):
    """Write the pictures from number `start` to `end`, all different, into a folder."""
    folder.mkdir(exist_ok=True)
    for number in range(start, end):
        image = open_picture(pictures[number % len(pictures)].path).resize((160, 120))
        image.rotate(90 * (number // len(pictures))).save(folder / f"{number:03}.jpg")


def loaded(catalogue, text):
    """Load a folder; return its Engine once it is there."""
    job = catalogue.load_folder(text)
    job.wait()
    assert job.view()["state"] == "done", job.view()
    return catalogue.engines[job.view()["collection"]]


def of_folder(catalogue, own):
    """Return the names of all collections of the data set that `own` searches."""
    found = collections(catalogue.settings)
    return [one.name for one in found if one.dataset_name == own.dataset.name]


def test_a_folder_that_more_than_doubles_is_tuned_again_and_its_visitors_stay_in_it(
    catalogue, visit, engine, tmp_path
):
    pictures, folder = engine.dataset.pictures, tmp_path / "grows"
    fill(folder, pictures, 0, 60)
    first = loaded(catalogue, "grows")
    assert first.tuning.fitted_on == 60
    assert first.index.dim == first.tuning.dims
    visit.choose(engine=first.index.name)
    visit.upload((folder / "003.jpg").read_bytes(), "a.jpg")
    assert visit.ids()[0] == "003.jpg"
    visit.refine({visit.ids()[1]: True})
    fill(folder, pictures, 60, 60 * GROWTH)
    same = loaded(catalogue, "grows")
    assert same.index is first.index  # not more than doubled: what was learned still holds
    assert same.tuning.name == first.tuning.name
    fill(folder, pictures, 60 * GROWTH, 130)
    second = loaded(catalogue, "grows")
    assert second.tuning.fitted_on == 130
    assert second.index.name != first.index.name
    assert of_folder(catalogue, second) == [second.index.name]
    assert list(catalogue.engines) == [engine.index.name, second.index.name]
    assert list(read_json(catalogue._memory)) == [second.index.name]
    app_kit.wait(visit)
    assert visit.shown["options"]["engine"] == second.index.name  # and not back at the default
    assert visit.ids()[0] == "003.jpg"
    assert visit.shown["marks"] == {}
    assert visit.shown["status"] == {}
    assert visit.shown["facts"]["count"] == 130
    again = loaded(catalogue, "grows")
    assert again.index is second.index
    later = Catalogue([engine], [tmp_path])  # as the next start does
    later._offer_again()
    for job in later.jobs.values():
        job.wait()
    assert list(later.engines) == [engine.index.name, second.index.name]
    assert [job.view()["unchanged"] for job in later.jobs.values()] == [130]
    later.close()


def test_a_folder_that_shrinks_keeps_its_tuning(catalogue, engine, tmp_path):
    fill(tmp_path / "shrinks", engine.dataset.pictures, 0, FEWEST)
    first = loaded(catalogue, "shrinks")
    for path in sorted((tmp_path / "shrinks").iterdir())[10:]:
        path.unlink()
    second = loaded(catalogue, "shrinks")
    assert second.index is first.index
    assert second.tuning.name == first.tuning.name
    assert second.index.count() == len(second.pictures) == 10
    hits = second.search(tmp_path / "shrinks" / "004.jpg", 20)
    assert hits[0].id == "004.jpg"
    assert len(hits) == 10


def test_a_folder_of_few_pictures_is_not_tuned_until_it_has_enough(catalogue, engine, tmp_path):
    fill(tmp_path / "few", engine.dataset.pictures, 0, FEWEST - 1)
    first = loaded(catalogue, "few")
    assert (first.tuning, first.index.dim) == (None, 512)
    assert first.index.name == of_folder(catalogue, first)[0]
    fill(tmp_path / "few", engine.dataset.pictures, FEWEST - 1, FEWEST)
    second = loaded(catalogue, "few")
    assert second.tuning.fitted_on == FEWEST
    assert of_folder(catalogue, second) == [second.index.name]
    assert list(catalogue.engines) == [engine.index.name, second.index.name]


def test_a_loading_that_is_stopped_has_no_tuning_yet_and_the_next_one_replaces_it(
    catalogue, engine, tmp_path, monkeypatch
):
    fill(tmp_path / "stopped", engine.dataset.pictures, 0, 60)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", -1)
    visit, stopped = Visit(catalogue), threading.Event()

    def stop(part, value):
        if part == "folder" and value.get("step") == "embedding" and value["done"]:
            stopped.set()
            visit.folders.stop()
        visit.shown[part] = value

    visit._publish = stop
    visit.folders.load("stopped")
    app_kit.wait(visit)
    assert stopped.is_set()
    state = visit.shown["folder"]
    assert state["state"] == "stopped"
    assert 0 < state["added"] < FEWEST
    partly = catalogue.engines[state["collection"]]
    assert partly.tuning is None
    visit.close()
    whole = loaded(catalogue, "stopped")
    assert whole.tuning.fitted_on == 60
    assert of_folder(catalogue, whole) == [whole.index.name]


def test_without_tuning_folders_are_searched_by_the_extractors_own_vectors(engine, tmp_path):
    plain = Engine(engine.extractor, engine.index, engine.dataset, recipe=named("none"))
    catalogue = Catalogue([plain], [tmp_path])
    fill(tmp_path / "plain", engine.dataset.pictures, 0, FEWEST)
    own = loaded(catalogue, "plain")
    assert (own.tuning, own.index.dim) == (None, 512)
    assert own.index.extractor_name == engine.extractor.name
    stored = own.index.vector("003.jpg")
    embedded = engine.extractor.embed(tmp_path / "plain" / "003.jpg")
    np.testing.assert_allclose(stored, embedded, atol=1e-2)
    catalogue.drop(own.index.name)
    catalogue.close()
