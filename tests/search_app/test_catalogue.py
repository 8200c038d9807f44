"""The data sets of one process: folders are loaded, kept up to date, offered again, taken out."""

import json
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace

import app_kit
import numpy as np
import pytest
from PIL import ImageOps

from helpers.dataset.pictures import open_picture
from helpers.features.vgg16 import vectors_folder
from helpers.files import read_json
from helpers.index import collections, drop_collection
from helpers.search import Engine
from helpers.settings import from_environment
from search_app import catalogue as module
from search_app import thumbs
from search_app.batcher import Busy
from search_app.catalogue import Catalogue, CatalogueError
from search_app.safe_paths import PathError

pytestmark = pytest.mark.weights


@pytest.fixture
def pictures(engine):
    return engine.dataset.pictures


@pytest.fixture
def catalogue(engine, tmp_path):
    catalogue = Catalogue([engine], [tmp_path])
    yield catalogue
    catalogue.close()


@pytest.fixture
def pets(tmp_path, pictures):
    """A folder of four pictures, named after what they show."""
    folder = tmp_path / "pets"
    (folder / "more").mkdir(parents=True)
    for name, picture in zip(("a", "b", "c", "more/d"), pictures, strict=False):
        shutil.copy(picture.path, folder / f"{name}.jpg")
    return folder


def loaded(catalogue, text="pets"):
    """Load a folder, and return the Job's last view with the folder's Engine."""
    job = catalogue.load_folder(text)
    job.wait()
    view = job.view()
    return view, catalogue.engines.get(view["collection"])


def rows(view):
    return view["state"], view["written"], view["deleted"], view["unchanged"]


def test_loading_again_updates_exactly_what_changed(catalogue, pets, pictures):
    view, engine = loaded(catalogue)
    assert rows(view) == ("done", 4, 0, 0)
    assert (view["folder"], view["skipped"], view["error"]) == ("pets", [], "")
    kept, old = engine.index.vector("a.jpg"), engine.index.vector("b.jpg")
    thumb = thumbs.thumb(pets / "b.jpg")
    assert thumbs.thumb(pets / "b.jpg") is thumb
    ImageOps.mirror(open_picture(pictures[9].path)).save(pets / "b.jpg", "JPEG")
    (pets / "c.jpg").unlink()
    shutil.copy(pictures[10].path, pets / "e.jpg")
    view, again = loaded(catalogue)
    assert rows(view) == ("done", 2, 1, 2)
    assert again.index is engine.index
    assert set(again.pictures) == {"a.jpg", "b.jpg", "e.jpg", "more/d.jpg"}
    assert set(again.index.digests()) == set(again.pictures)
    np.testing.assert_array_equal(again.index.vector("a.jpg"), kept)
    assert not np.allclose(again.index.vector("b.jpg"), old, atol=1e-2)
    assert again.search(pets / "b.jpg", k=1)[0].id == "b.jpg"
    assert thumbs.thumb(pets / "b.jpg") != thumb
    assert rows(loaded(catalogue)[0]) == ("done", 0, 0, 4)
    catalogue.drop(view["collection"])


def test_a_folder_of_which_most_is_gone_is_what_it_is_now(catalogue, pets):
    loaded(catalogue)
    for name in ("a", "b", "c"):
        (pets / f"{name}.jpg").unlink()
    view, _ = loaded(catalogue)
    assert rows(view) == ("done", 0, 3, 1)
    catalogue.drop(view["collection"])


def test_taking_out_leaves_the_files_and_nothing_else(catalogue, pets, engine):
    before = engine.index.count()
    view, own = loaded(catalogue)
    name, vectors = (
        view["collection"],
        vectors_folder(own.dataset.name, own.extractor.name, catalogue.settings),
    )
    assert name in {one.name for one in collections(catalogue.settings)}
    assert vectors.is_dir()
    catalogue.drop(name)
    assert name not in {one.name for one in collections(catalogue.settings)}
    assert not vectors.exists()
    assert name not in read_json(catalogue._memory)
    assert [one["name"] for one in catalogue.data_sets()] == [engine.index.name]
    assert engine.index.count() == before
    assert len(list(pets.rglob("*.jpg"))) == 4
    for refused in (name, engine.index.name, "nothing"):
        with pytest.raises(CatalogueError):
            catalogue.drop(refused)
    assert engine.index.count() == before


def test_the_next_start_offers_the_folders_that_are_still_there(engine, pets, tmp_path, caplog):
    first, names = Catalogue([engine], [tmp_path]), {}
    for text in ("pets", "pets/more"):
        names[text] = loaded(first, text)[0]["collection"]
    first.close()
    (pets / "late.jpg").write_bytes((pets / "a.jpg").read_bytes())
    shutil.rmtree(pets / "more")
    second = Catalogue([engine], [tmp_path])
    assert len(second.engines) == 1
    offered = threading.Event()
    second.subscribe(lambda: names["pets"] in second.engines and offered.set())
    second.offer_again()
    assert offered.wait(600)
    (job,) = second.jobs.values()
    job.wait()
    assert list(second.engines) == [engine.index.name, names["pets"]]
    assert rows(job.view()) == ("done", 1, 1, 3)
    assert (job.view()["done"], job.view()["total"]) == (4, 4)
    assert f"index.drop_collection('{names['pets/more']}')" in caplog.text
    second.close()
    third = Catalogue([engine], [pets / "nowhere"])
    third._offer_again()
    assert third.jobs == {}  # the folder is outside what visitors may name now
    last = Catalogue([engine], [tmp_path])
    last._offer_again()
    for job in last.jobs.values():
        job.wait()
    last.drop(names["pets"])
    after = Catalogue([engine], [tmp_path])
    after._offer_again()
    assert after.jobs == {}


def test_one_folder_that_cannot_be_offered_keeps_no_other_back(engine, pets, tmp_path):
    first = Catalogue([engine], [tmp_path])
    names = [loaded(first, text)[0]["collection"] for text in ("pets", "pets/more")]
    first.close()
    second = Catalogue([engine], [pets / "more"])  # the first one is outside of that
    second._offer_again()
    for job in second.jobs.values():
        job.wait()
    assert list(second.engines) == [engine.index.name, names[1]]
    second.close()


def test_a_folder_whose_name_is_no_utf8_is_shown_all_the_same(catalogue, pets):
    folder = os.fsencode(pets.parent) + b"/p\xff"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this disk takes no such name")
    for text in ("p\udcff", "pets"):
        assert loaded(catalogue, text)[0]["folder"].isprintable()
        shutil.copy(pets / "a.jpg", os.fsdecode(folder))
    view, _ = loaded(catalogue, "p\udcff")
    told = [catalogue.data_sets(), view, [job.view() for job in catalogue.jobs.values()]]
    json.dumps(told, ensure_ascii=False).encode()
    assert view["folder"] == "p\\xff"


def test_a_folder_whose_collection_somebody_dropped_is_not_offered(engine, pets, tmp_path):
    first = Catalogue([engine], [tmp_path])
    name = loaded(first)[0]["collection"]
    first.close()
    drop_collection(name, first.settings)
    second = Catalogue([engine], [tmp_path])
    second._offer_again()
    assert second.jobs == {}
    view, _ = loaded(second)  # whoever wants it loads it again
    assert rows(view) == ("done", 4, 0, 0)
    second.drop(name)


def test_a_folder_is_searched_through_the_same_network_and_embedder(engine, pets, tmp_path):
    class Embedder:
        embed = engine.extractor.embed

    served = Engine(engine.extractor, engine.index, engine.dataset, Embedder())
    catalogue = Catalogue([served], [tmp_path])
    view, own = loaded(catalogue)
    assert own.extractor is served.extractor
    assert own.embedder is served.embedder
    catalogue.drop(view["collection"])


def test_what_links_lead_to_outside_is_neither_taken_nor_told(
    catalogue, pets, tmp_path_factory, pictures
):
    outside = tmp_path_factory.mktemp("outside")
    shutil.copy(pictures[0].path, outside / "secret.jpg")
    (outside / "broken.jpg").write_text("secret")
    (pets / "one.jpg").symlink_to(outside / "secret.jpg")
    (pets / "two.jpg").symlink_to(outside / "broken.jpg")
    (pets / "three.jpg").symlink_to(outside / "missing.jpg")
    (pets / "four.jpg").symlink_to(pets / "a.jpg")
    (pets / "all").symlink_to(outside)
    view, engine = loaded(catalogue)
    assert set(engine.pictures) == {"a.jpg", "b.jpg", "c.jpg", "more/d.jpg", "four.jpg"}
    skipped = [row for row in view["skipped"] if row[0] != "four.jpg"]
    names = ["all/broken.jpg", "all/secret.jpg", "one.jpg", "three.jpg", "two.jpg"]
    reason = "it links to a place outside the allowed folders"
    assert sorted(skipped) == [[name, reason] for name in names]
    catalogue.drop(view["collection"])
    with pytest.raises(PathError):
        catalogue.load_folder(str(outside))
    with pytest.raises(PathError):
        catalogue.load_folder("pets/all")


def test_a_folder_without_pictures_says_so_and_keeps_what_was_there(catalogue, tmp_path, pets):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "text.jpg").write_text("no picture")
    view, _ = loaded(catalogue, "empty")
    assert (view["state"], view["collection"]) == ("error", "")
    assert "empty" in view["error"]
    assert str(tmp_path) not in view["error"]
    assert "BOOTCAMP" not in view["error"]
    assert len(catalogue.engines) == 1


def test_only_folders_below_the_roots_that_are_not_served_yet(catalogue, engine, tmp_path, pets):
    for text in ("nothing", "../pets", "/etc", "pets/a.jpg", "~", "x" * 5000):
        with pytest.raises(PathError):
            catalogue.load_folder(text)
    folder = engine.dataset.folder
    with pytest.raises(CatalogueError, match="served already"):
        Catalogue([engine], [folder.parent]).load_folder(str(folder))
    assert catalogue.jobs == {}


@contextmanager
def nobody_loads():
    """Keep the threads that load folders busy, so that every job waits."""
    gate = threading.Event()
    for _ in range(module.FOLDERS.size):
        module.FOLDERS.submit(lambda: gate.wait(600))
    try:
        yield
    finally:
        gate.set()


def test_jobs_are_shared_listed_and_bounded(catalogue, pets, monkeypatch):
    monkeypatch.setattr(module, "MAX_JOBS", 3)
    (pets / "x").mkdir()
    (pets / "y").mkdir()
    with nobody_loads():
        first = catalogue.load_folder("pets")
        assert catalogue.load_folder(str(pets)) is first
        assert catalogue.load_folder("pets/more") is not first
        third = catalogue.load_folder("pets/x")
        with pytest.raises(Busy, match="Too many"):
            catalogue.load_folder("pets/y")
        assert {job.view()["state"] for job in catalogue.jobs.values()} == {"waiting"}
        for job in catalogue.jobs.values():
            job.cancel()
    for job in catalogue.jobs.values():
        job.wait()
    assert {job.view()["state"] for job in catalogue.jobs.values()} == {"stopped"}
    assert len(catalogue.engines) == 1
    view, _ = loaded(catalogue)
    assert list(catalogue.jobs)[-1] == view["id"]
    assert first.id not in catalogue.jobs  # the oldest made room
    assert third.id in catalogue.jobs
    catalogue.drop(view["collection"])


def test_a_folder_that_loads_is_not_taken_out_under_it(catalogue, pets):
    view, _ = loaded(catalogue)
    with nobody_loads():
        job = catalogue.load_folder("pets")
        with pytest.raises(CatalogueError, match="being loaded"):
            catalogue.drop(view["collection"])
    job.wait()
    catalogue.drop(view["collection"])


def test_roots_are_resolved_and_default_to_those_of_the_settings(engine, tmp_path, pets):
    (tmp_path / "link").symlink_to(pets)
    through = Catalogue([engine], [tmp_path / "link"])
    assert through.roots == (pets.resolve(),)
    view, own = loaded(through, "more")
    assert view["folder"] == "more"
    assert view["state"] == "done"
    assert through.may_show(own.dataset.pictures[0], own)
    through.drop(view["collection"])
    assert Catalogue([engine], []).roots == ()
    there = replace(engine.extractor.settings, roots=(tmp_path / "link",))
    changed = Engine(app_kit.copy.copy(engine.extractor), engine.index, engine.dataset)
    changed.extractor.settings = there
    assert Catalogue([changed]).roots == (pets.resolve(),)
    environ = {"BOOTCAMP_ROOTS": str(tmp_path / "link"), "BOOTCAMP_DATA": str(tmp_path / "data")}
    assert from_environment(environ).roots == (pets.resolve(),)
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "real")
    del environ["BOOTCAMP_ROOTS"]
    assert from_environment(environ).roots[0] == (tmp_path / "real").resolve()


def test_the_links_of_a_given_data_set_are_its_own_but_none_that_come_later(
    engine, tmp_path, pictures
):
    (tmp_path / "set").mkdir()
    inside, link = tmp_path / "set" / "in.jpg", tmp_path / "set" / "link.jpg"
    shutil.copy(pictures[0].path, inside)
    link.symlink_to(pictures[1].path)
    own = [replace(pictures[0], path=inside), replace(pictures[1], path=link)]
    data = replace(engine.dataset, pictures=own, folder=tmp_path / "set")
    given = Engine(engine.extractor, engine.index, data)
    catalogue = Catalogue([given], [])
    assert all(catalogue.may_show(picture, given) for picture in own)
    inside.unlink()
    inside.symlink_to(pictures[2].path)
    assert not catalogue.may_show(own[0], given)
    link.unlink()
    link.symlink_to(pictures[3].path)
    assert not catalogue.may_show(own[1], given)


def test_whoever_subscribes_is_told_of_every_change_until_they_stop(catalogue, pets, engine):
    told = []
    stop = catalogue.subscribe(lambda: told.append(catalogue.count(engine)))
    count = engine.index.count()
    first = engine.dataset.pictures[0]
    vector = engine.index.vector(first.id)
    engine.index.delete([first.id])
    catalogue.changed()
    engine.index.upsert([first], vector[None], progress=False)
    catalogue.changed()
    assert told == [count - 1, count]
    stop()
    stop()
    catalogue.changed()
    assert len(told) == 2
