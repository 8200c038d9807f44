"""What a visitor does, without a browser: real pictures, the real network, a real index."""

import gc
import io
import json
import shutil
import threading
import tracemalloc

import app_kit
import pytest
from PIL import Image

from helpers.dataset.pictures import PictureError
from helpers.index import MilvusError
from search_app import jobs, safe_url
from search_app.catalogue import Catalogue
from search_app.messages import dispatch
from search_app.query import MessageError
from search_app.session import Session

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def engines(shared_settings, tmp_path_factory):
    engines = app_kit.engine(shared_settings, tmp_path_factory.mktemp("app"), ("max", "avg"))
    yield engines
    for engine in engines:
        engine.index.close()


class Visit:
    """A session with what it has published, the latest by name and everything in order."""

    def __init__(self, catalogue):
        self.shown, self.history = {}, []
        self.session = Session(catalogue, self._publish)

    def _publish(self, name, value):
        self.shown[name] = value
        self.history.append((name, value))

    def wait(self):
        """Return when nothing is being worked on; fail when something went wrong meanwhile."""
        app_kit.wait(self.session)
        assert not self.surprises()

    def surprises(self):
        errors = [value.get("error", "") for _, value in self.history if isinstance(value, dict)]
        return [error for error in errors if "Something went wrong" in error]

    def ids(self):
        return [hit["id"] for hit in self.shown["results"]["hits"]]

    def states(self):
        return [value.get("state") for name, value in self.history if name == "folder"]


@pytest.fixture
def catalogue(engines, tmp_path):
    catalogue = Catalogue(engines, [tmp_path])
    yield catalogue
    for name in list(catalogue.engines)[len(engines) :]:
        catalogue.drop(name)
    catalogue.close()


@pytest.fixture
def visit(catalogue):
    visit = Visit(catalogue)
    yield visit
    visit.session.folders.stop()
    visit.wait()
    visit.session.close()


@pytest.fixture
def pictures(engines):
    return engines[0].dataset.pictures


@pytest.fixture
def mine(tmp_path, pictures):
    """A visitor's folder: three copies of indexed pictures, and two files that are broken."""
    folder = tmp_path / "mine"
    (folder / "deeper").mkdir(parents=True)
    for picture in pictures[:2]:
        shutil.copy(picture.path, folder)
    shutil.copy(pictures[2].path, folder / "deeper")
    (folder / "cut.jpg").write_bytes(pictures[0].path.read_bytes()[:2000])
    (folder / "text.jpg").write_text("no picture")
    return folder


@pytest.fixture
def loaded(visit, mine):
    """The name of the collection of the folder `mine`, loaded."""
    visit.session.folders.load("mine")
    visit.wait()
    return visit.shown["folder"]["collection"]


def test_an_uploaded_picture_finds_itself(visit, pictures):
    visit.session.upload(pictures[7].path.read_bytes(), "holiday.jpg")
    visit.wait()
    assert visit.ids()[0] == pictures[7].id
    assert len(visit.ids()) == 12
    assert visit.shown["results"]["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert visit.shown["results"]["identical_hit"] == pictures[7].path.name
    assert not any(hit["same"] for hit in visit.shown["results"]["hits"])  # labels are unknown
    assert visit.shown["query"]["name"] == "holiday.jpg"
    assert visit.shown["query"]["size"] == [pictures[7].width, pictures[7].height]
    assert set(visit.shown["results"]["ms"]) == {"decode", "embed", "search", "draw"}


def test_only_a_picture_that_is_in_the_index_is_said_to_be(visit, pictures):
    image = Image.open(pictures[7].path)
    out = io.BytesIO()
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(out, "JPEG", quality=60)
    visit.session.upload(out.getvalue(), "mirrored.jpg")
    visit.wait()
    assert visit.shown["results"]["hits"][0]["score"] < 0.9999
    assert visit.shown["results"]["identical_hit"] == ""
    visit.session.pick(pictures[7].id)  # its labels say it already
    visit.wait()
    assert visit.shown["results"]["identical_hit"] == ""
    visit.session.upload(pictures[7].path.read_bytes(), "part.jpg")
    visit.wait()
    visit.session.select_region([0, 0, 0.5, 0.5])
    visit.wait()
    assert visit.shown["results"]["identical_hit"] == ""


def test_a_broken_file_gets_a_sentence_and_the_last_results_stay(visit, pictures):
    visit.session.pick(pictures[0].id)
    visit.wait()
    before, query = visit.shown["results"], visit.shown["query"]
    visit.session.upload(b"hello", "text.jpg")
    visit.wait()
    assert "“text.jpg” can't be used: it is not a picture" in visit.shown["status"]["error"]
    assert visit.shown["results"] is before
    assert visit.shown["query"] is query
    visit.session.choose(k=3)  # the old query still answers
    visit.wait()
    assert len(visit.ids()) == 3
    assert visit.shown["status"] == {}


def test_too_large_a_file_is_refused_before_it_is_opened(visit):
    visit.session.upload(bytes(20_000_001), "huge.png")
    visit.wait()
    assert "larger than 20 MB" in visit.shown["status"]["error"]


def test_an_indexed_picture_is_left_out_of_its_answer_and_labels_are_compared(visit, pictures):
    visit.session.pick(pictures[5].id)
    visit.wait()
    assert pictures[5].id not in visit.ids()
    assert len(visit.ids()) == 12
    for hit in visit.shown["results"]["hits"]:
        assert hit["same"] == sorted(set(hit["labels"]) & set(pictures[5].labels))
        assert hit["thumb"][:3] == b"\xff\xd8\xff"


def test_a_part_is_another_query_and_the_whole_comes_back(visit, pictures):
    visit.session.pick(pictures[5].id)
    visit.wait()
    whole = visit.ids()
    visit.session.select_region([0.1, 0.1, 0.6, 0.7])
    visit.wait()
    part = [hit["score"] for hit in visit.shown["results"]["hits"]]
    assert visit.shown["query"]["region"] == (0.1, 0.1, 0.6, 0.7)
    assert max(part) < 0.999
    assert visit.ids() != whole
    assert pictures[5].id in visit.ids()  # only the whole picture is left out of its own answer
    visit.session.select_region(None)
    visit.wait()
    assert visit.ids() == whole
    assert visit.shown["query"]["region"] is None


def test_the_controls_search_again_without_embedding_again(visit, engines, pictures, monkeypatch):
    visit.session.upload(pictures[3].path.read_bytes(), "a.jpg")
    visit.wait()
    label = visit.shown["facts"]["classes"][0]
    embedder = app_kit.Noting(engines[0].extractor)
    monkeypatch.setattr(engines[0], "embedder", embedder)
    visit.session.choose(k=24, labels=[label], mode="none")
    visit.wait()
    assert all(label not in hit["labels"] for hit in visit.shown["results"]["hits"])
    visit.session.choose(mode="any")
    visit.wait()
    expected = {picture.id for picture in pictures if label in picture.labels}
    assert set(visit.ids()) == expected
    visit.session.choose(labels=[], min_score=0.999)
    visit.wait()
    assert visit.ids() == [pictures[3].id]
    assert embedder.sources == []
    visit.session.select_region([0, 0, 0.5, 0.5])
    visit.wait()
    assert len(embedder.sources) == 1


def test_the_other_embedding_has_other_scores(visit, engines, pictures):
    visit.session.pick(pictures[3].id)
    visit.wait()
    before = visit.shown["results"]["hits"]
    assert [(e["name"], e["default"]) for e in visit.shown["facts"]["engines"]] == [
        (engines[0].index.name, True),
        (engines[1].index.name, False),
    ]
    titles = [e["title"] for e in visit.shown["facts"]["engines"]]
    assert titles == [f"app-test · {e.extractor.name}" for e in engines]
    visit.session.choose(engine=engines[1].index.name)
    visit.wait()
    assert visit.shown["options"]["engine"] == engines[1].index.name
    assert visit.shown["results"]["hits"][0]["score"] != before[0]["score"]


def test_removing_the_query_empties_the_page(visit, pictures):
    visit.session.pick(pictures[0].id)
    visit.session.clear()
    visit.wait()
    assert visit.shown["query"] == visit.shown["results"] == visit.shown["status"] == {}
    visit.session.choose(k=5)
    visit.wait()
    assert visit.shown["results"] == {}


def test_of_many_requests_the_last_one_is_answered(visit, pictures):
    for picture in pictures[:10]:
        visit.session.upload(picture.path.read_bytes(), picture.id)
    visit.wait()
    assert visit.shown["query"]["name"] == pictures[9].id
    assert visit.ids()[0] == pictures[9].id
    answered = [value for name, value in visit.history if name == "results"]
    assert len(answered) < 10


def test_paths_and_addresses_keep_to_the_rules(visit, tmp_path, pictures):
    shutil.copy(pictures[4].path, tmp_path / "here.jpg")
    visit.session.open("here.jpg")
    visit.wait()
    assert visit.ids()[0] == pictures[4].id
    texts = ("../x.jpg", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/a.jpg", "mine")
    for text in (*texts, "ä" * 3000, "~nobody-of-that-name/a.jpg", "http://ä..b/", "a\0b"):
        visit.session.open(text)
        visit.wait()
        assert visit.shown["status"]["error"]
        assert visit.ids()[0] == pictures[4].id


def test_what_nobody_foresaw_is_told_without_a_traceback_and_logged_with_it(visit, caplog):
    visit.session.worker.submit(lambda: {}["missing"], "status")
    app_kit.wait(visit.session)
    assert visit.surprises() == [visit.shown["status"]["error"]]
    assert "Traceback" not in visit.shown["status"]["error"]
    assert "KeyError" in visit.shown["status"]["error"]
    assert "KeyError: 'missing'" in caplog.text
    visit.history.clear()


def test_a_folder_becomes_a_data_set_that_everybody_can_choose(visit, loaded, mine, pictures):
    folder = visit.shown["folder"]
    assert (folder["state"], folder["added"], folder["folder"]) == ("done", 3, "mine")
    assert [path for path, _ in folder["skipped"]] == ["cut.jpg", "text.jpg"]
    assert folder["folders"] == [["mine", 3, loaded, True]]
    assert "loading" in visit.states()
    other = Visit(visit.session.catalogue)
    assert other.shown["folder"]["folders"] == [["mine", 3, loaded, False]]
    other.session.choose(engine=loaded)
    assert other.shown["facts"]["count"] == 3
    assert other.shown["facts"]["classes"] == ["deeper"]
    other.session.upload(pictures[2].path.read_bytes(), "a.jpg")
    other.wait()
    name = f"deeper/{pictures[2].path.name}"
    hit = other.shown["results"]["hits"][0]
    assert (hit["id"], hit["path"], hit["labels"]) == (name, name, ["deeper"])
    assert len(other.ids()) == 3
    visit.session.pick(pictures[0].id)  # the first visitor still searches the other data set
    visit.wait()
    assert len(visit.ids()) == 12
    other.session.close()


def test_taking_a_folder_out_sends_its_visitors_back_to_the_default(
    visit, loaded, engines, pictures
):
    visit.session.choose(engine=loaded)
    visit.session.pick("deeper")  # no picture of it
    visit.wait()
    assert "no picture “deeper”" in visit.shown["status"]["error"]
    visit.session.choose(labels=["deeper"], k=5)
    visit.session.upload(pictures[2].path.read_bytes(), "a.jpg")
    visit.wait()
    assert visit.ids() == [f"deeper/{pictures[2].path.name}"]
    other = Visit(visit.session.catalogue)
    other.session.folders.unload(loaded)
    other.wait()
    visit.wait()
    options = visit.shown["options"]
    assert (options["engine"], options["labels"]) == (engines[0].index.name, ())
    assert visit.shown["facts"]["count"] == engines[0].index.count()
    assert visit.ids()[0] == pictures[2].id  # the same query, answered from there
    assert len(visit.ids()) == options["k"] == 5
    assert {one["id"] for one in visit.shown["samples"]} <= set(engines[0].pictures)
    assert visit.shown["folder"]["folders"] == []
    assert other.shown["folder"]["state"] == "removed"
    visit.session.folders.unload()  # what somebody else has taken out is no error
    visit.wait()
    assert visit.shown["folder"]["state"] == "removed"
    other.session.close()


def test_all_my_folders_are_not_those_of_others(visit, loaded, mine):
    other = Visit(visit.session.catalogue)
    other.session.folders.unload()
    other.wait()
    assert other.shown["folder"]["folders"] == [["mine", 3, loaded, False]]
    visit.session.folders.unload()
    visit.wait()
    assert visit.shown["folder"]["folders"] == []
    assert (mine / "cut.jpg").exists()
    other.session.close()


def test_one_id_in_two_data_sets_is_two_pictures(visit, tmp_path, pictures):
    folder = tmp_path / "namesakes"
    folder.mkdir()
    shutil.copy(pictures[8].path, folder / "one.jpg")
    shutil.copy(pictures[9].path, folder / "two.jpg")
    other = tmp_path / "others"
    other.mkdir()
    shutil.copy(pictures[9].path, other / "one.jpg")
    shutil.copy(pictures[3].path, other / "two.jpg")
    names = []
    for text in ("namesakes", "others"):
        visit.session.folders.load(text)
        visit.wait()
        names.append(visit.shown["folder"]["collection"])
    visit.session.choose(engine=names[0])
    visit.session.pick("two.jpg")
    visit.wait()
    assert visit.ids() == ["one.jpg"]
    visit.session.choose(engine=names[1])
    visit.wait()
    assert visit.ids() == ["one.jpg", "two.jpg"]  # the same pixels have another name there
    assert visit.shown["results"]["hits"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_a_visitor_sees_no_path_of_the_server(visit, loaded, mine, tmp_path, pictures, engines):
    for ask in (
        lambda: visit.session.folders.complete(""),
        lambda: visit.session.folders.complete(str(tmp_path) + "/"),
        lambda: visit.session.folders.complete("mi"),
        lambda: visit.session.folders.load("nothing"),
        lambda: visit.session.folders.load("mine/cut.jpg"),
        lambda: visit.session.open("nothing.jpg"),
        lambda: visit.session.open("mine/cut.jpg"),
        lambda: visit.session.open("mine"),
        lambda: visit.session.choose(engine=loaded),
        lambda: visit.session.open(f"mine/deeper/{pictures[2].path.name}"),
        lambda: visit.session.details.large(f"deeper/{pictures[2].path.name}"),
        lambda: visit.session.details.why(pictures[0].path.name),
        lambda: visit.session.details.groups(0.8),
        visit.session.suggest,
        lambda: visit.session.choose(engine=engines[0].index.name),
        lambda: visit.session.details.large(pictures[0].id),
        lambda: visit.session.pick(pictures[0].id),
    ):
        ask()
        visit.wait()
    text = json.dumps([value for _, value in visit.history], default=lambda value: "")
    parts = {name for name, _ in visit.history}
    assert parts >= {"facts", "query", "results", "samples", "large", "why", "folder", "groups"}
    assert "mine" in text
    for place in (tmp_path, engines[0].dataset.folder, engines[0].extractor.settings.data):
        assert str(place) not in text
        assert str(place.parent) not in text


def test_a_sentence_about_a_damaged_database_does_not_say_where_it_is(visit, engines, tmp_path):
    places = {engines[0].index.uri: "app.db", tmp_path / "mine" / "a.jpg": "mine/a.jpg"}
    for place, told in places.items():
        text = f"The database {place} is damaged. Move it away."
        visit.session.failed(MilvusError(text))
        assert str(tmp_path.parent) not in visit.shown["status"]["error"]
        assert str(place) not in visit.shown["status"]["error"]
        assert told in visit.shown["status"]["error"]


def test_searching_goes_on_while_a_folder_loads_and_stop_stops(
    visit, tmp_path, pictures, monkeypatch
):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        shutil.copy(pictures[number % 24].path, folder / f"{number:02}.jpg")
    begun, answered, publish = threading.Event(), threading.Event(), visit.session._publish

    def hold(name, value):
        """Hold the loading, and it alone, until a search has been answered meanwhile."""
        publish(name, value)
        if name == "folder" and value.get("step") == "embedding" and value["done"]:
            begun.set()
            assert answered.wait(600)

    monkeypatch.setattr(jobs, "REPORT_SECONDS", -1)
    visit.session._publish = hold
    visit.session.folders.load("many")
    assert begun.wait(600)
    visit.session.upload(pictures[9].path.read_bytes(), "now.jpg")
    visit.session.worker.wait()
    assert visit.shown["query"]["name"] == "now.jpg"
    assert len(visit.ids()) == 12
    assert visit.shown["folder"]["state"] == "loading"
    visit.session.folders.stop()
    answered.set()
    visit.wait()
    folder = visit.shown["folder"]
    assert folder["state"] == "stopped"
    assert 0 < folder["added"] < 60
    assert folder["folders"] == [["many", folder["added"], folder["collection"], True]]
    visit.session.folders.load("many")
    visit.wait()
    folder = visit.shown["folder"]
    assert (folder["state"], folder["added"] + folder["unchanged"]) == ("done", 60)
    assert folder["unchanged"] > 0


def test_a_slow_address_holds_up_neither_its_visitor_nor_others(visit, pictures, monkeypatch):
    gate, asked = threading.Event(), threading.Semaphore(0)

    def slow(url):
        asked.release()
        assert gate.wait(600)
        return pictures[1].path.read_bytes()

    monkeypatch.setattr(safe_url, "fetch", slow)
    many = [Visit(visit.session.catalogue) for _ in range(20)]
    try:
        for other in (visit, *many):
            other.session.open("https://example.org/late.jpg?size=1")
        assert asked.acquire(timeout=600)
        visit.session.upload(pictures[5].path.read_bytes(), "mine.jpg")
        visit.session.worker.wait()
        assert visit.ids()[0] == pictures[5].id
    finally:
        gate.set()
    for other in many:
        other.wait()
        assert other.shown["query"]["name"] == "late.jpg"
        assert other.ids()[0] == pictures[1].id
        other.session.close()
    visit.wait()
    assert visit.shown["query"]["name"] == "mine.jpg"  # which was asked for later


def test_an_address_that_fails_late_is_told_only_while_it_is_wanted(visit, pictures, monkeypatch):
    gate = threading.Event()

    def fails(url):
        assert gate.wait(600)
        raise safe_url.UrlError("The server answered 404. Check the address in a browser tab.")

    monkeypatch.setattr(safe_url, "fetch", fails)
    visit.session.open("http://example.org/a.jpg")
    visit.session.pick(pictures[0].id)
    visit.session.worker.wait()
    gate.set()
    visit.wait()
    assert visit.shown["status"] == {}
    visit.session.open("http://example.org/a.jpg")
    visit.wait()
    assert "answered 404" in visit.shown["status"]["error"]
    assert len(visit.ids()) == 12


def test_a_visitor_who_leaves_is_told_nothing_and_leaves_nothing(visit, catalogue, pictures):
    other = Visit(catalogue)
    other.session.pick(pictures[0].id)
    other.wait()
    threads, told = threading.active_count(), len(other.history)
    other.session.close()
    other.session.pick(pictures[1].id)
    other.session.suggest()
    other.session.folders.publish()
    catalogue.changed()
    other.wait()
    assert len(other.history) == told
    assert other.session.query is None
    for _ in range(50):
        more = Visit(catalogue)
        more.session.suggest()
        more.wait()
        more.session.close()
    assert threading.active_count() <= threads + 4  # a pool may not have started all of its own
    assert len(catalogue._listeners) == 1  # the visitor of the fixture


def test_bad_uploads_leave_no_bytes_behind(visit):
    tracemalloc.start()
    gc.disable()  # what only the collector of cycles frees is kept for a while, too
    try:
        for number in range(6):
            content = memoryview(bytes(8_000_000) + bytes([number]))
            dispatch(visit.session, {"do": "upload", "name": f"{number}.jpg"}, [content])
            del content
            visit.wait()
            assert "can't be used" in visit.shown["status"]["error"]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        gc.enable()
        tracemalloc.stop()
    assert kept < 4_000_000


def test_a_query_keeps_little_of_a_large_picture(visit):
    out = io.BytesIO()
    Image.new("RGB", (4000, 3000), "green").save(out, "JPEG")
    visit.session.upload(out.getvalue(), "wide.jpg")
    visit.wait()
    assert visit.shown["query"]["size"] == [4000, 3000]
    assert visit.session.query.image.size == (1600, 1200)
    for number in range(40):
        visit.session.select_region([0, 0, 0.3 + number / 100, 0.5])
        visit.session.worker.wait()
    visit.wait()
    assert len(visit.session.query.vectors) <= 16


def test_a_page_that_reloads_finds_its_options(visit):
    visit.session.choose(k=7, labels=[], mode="all", min_score=0.25)
    visit.session.publish_facts()
    options = visit.shown["options"]
    assert (options["k"], options["mode"], options["min_score"]) == (7, "all", 0.25)
    assert options["engine"] == visit.shown["facts"]["engines"][0]["name"]


def test_a_file_swapped_for_a_link_after_loading_is_not_shown(
    visit, loaded, mine, tmp_path_factory, pictures
):
    secret = tmp_path_factory.mktemp("outside") / "secret.jpg"
    shutil.copy(pictures[5].path, secret)
    swapped = pictures[0].path.name
    (mine / swapped).unlink()
    (mine / swapped).symlink_to(secret)
    visit.session.choose(engine=loaded)
    visit.session.upload(pictures[0].path.read_bytes(), "a.jpg")
    visit.wait()
    hit = visit.shown["results"]["hits"][0]
    assert (hit["id"], hit["path"], hit["thumb"]) == (swapped, "", b"")
    for ask, part in (
        (visit.session.pick, "status"),
        (visit.session.details.large, "large"),
        (visit.session.details.why, "why"),
    ):
        ask(swapped)
        visit.wait()
        assert "outside the allowed folders" in visit.shown[part]["error"]


def test_near_duplicates_are_those_of_the_data_set(visit, tmp_path, pictures):
    folder = tmp_path / "twins"
    folder.mkdir()
    for number, picture in enumerate([pictures[0], pictures[0], pictures[1], pictures[2]]):
        shutil.copy(picture.path, folder / f"{number}.jpg")
    visit.session.folders.load("twins")
    visit.wait()
    visit.session.choose(engine=visit.shown["folder"]["collection"])
    visit.session.details.groups(0.999)
    visit.wait()
    (group,) = visit.shown["groups"]["groups"]
    assert [member["id"] for member in group["members"]] == ["0.jpg", "1.jpg"]
    assert (group["count"], group["best"]) == (2, pytest.approx(1, abs=1e-4))
    assert (visit.shown["groups"]["count"], visit.shown["groups"]["pictures"]) == (1, 2)
    visit.session.catalogue.delete_pictures(visit.session.engine, ["1.jpg"])
    visit.session.details.groups(0.999)  # a program deleted it, in the same state
    visit.wait()
    assert visit.shown["groups"] == {"groups": [], "count": 0, "pictures": 0}
    (folder / "1.jpg").unlink()
    visit.session.folders.load("twins")
    visit.wait()
    visit.session.details.groups(0.999)  # compared again, as it's another state
    visit.wait()
    assert visit.shown["groups"]["groups"] == []


def test_the_large_view_has_the_annotated_boxes(visit, pictures):
    picture = max(pictures, key=lambda one: len(one.boxes))
    visit.session.details.large(picture.id)
    visit.wait()
    view = visit.shown["large"]
    assert [box["label"] for box in view["boxes"]] == [box.label for box in picture.boxes]
    assert all(0 <= value <= 1 for box in view["boxes"] for value in box["box"])


def test_why_shows_both_pictures(visit, pictures):
    visit.session.pick(pictures[0].id)
    visit.wait()
    visit.session.details.why(visit.ids()[0])
    visit.wait()
    drawn = visit.shown["why"]["pictures"]
    assert [picture[:3] for picture in drawn] == [b"\xff\xd8\xff"] * 2
    assert drawn[0] != drawn[1]


def test_a_closer_look_that_fails_says_so_where_it_was_asked_for(visit, pictures):
    visit.session.details.why(pictures[0].id)  # there is no query to compare it with
    visit.wait()
    told = [value for name, value in visit.history if name == "why"]
    assert told[0] == {"busy": True}
    assert "query picture was removed" in told[1]["error"]
    visit.session.details.large("nothing")
    visit.wait()
    assert "has no picture “nothing”" in visit.shown["large"]["error"]
    assert "error" not in visit.shown.get("status", {})


def test_a_setting_changed_while_a_query_waits_does_not_drop_the_query(visit, pictures):
    go_on = threading.Event()
    visit.session.worker.submit(lambda: go_on.wait(600), "held up")
    visit.session.upload(pictures[3].path.read_bytes(), "mine.jpg")
    visit.session.choose(k=4)
    go_on.set()
    visit.wait()
    assert visit.shown["query"]["name"] == "mine.jpg"
    assert len(visit.ids()) == 4


# Several pictures, and what is wanted or not


def ids_of(hits):
    return [hit.id for hit in hits]


def test_several_files_are_one_query(visit, engines, pictures):
    files = [(pictures[n].path.read_bytes(), f"{n}.jpg") for n in (3, 11, 19)]
    visit.session.upload_all(files)
    visit.wait()
    paths = [pictures[n].path for n in (3, 11, 19)]
    assert visit.ids() == ids_of(engines[0].search(paths, 12))
    query = visit.shown["query"]
    assert (query["name"], query["number"]) == ("3.jpg", 0)
    assert [(one["name"], one["number"]) for one in query["more"]] == [("11.jpg", 1), ("19.jpg", 2)]
    assert all(one["picture"][:3] == b"\xff\xd8\xff" for one in query["more"])
    assert visit.shown["results"]["identical_hit"] == ""
    visit.session.select_region([0, 0, 0.5, 0.5])  # of the first one only
    visit.wait()
    region = visit.session.query.pixels()
    assert visit.ids() == ids_of(engines[0].search([region, *paths[1:]], 12))
    visit.session.select_region(None)
    visit.session.remove(1)
    visit.session.remove(1)  # clicked twice
    visit.wait()
    assert visit.ids() == ids_of(engines[0].search([paths[0], paths[2]], 12))
    visit.session.remove(0)  # the next one takes its place
    visit.wait()
    assert (visit.shown["query"]["name"], visit.shown["query"]["more"]) == ("19.jpg", [])
    assert visit.ids() == ids_of(engines[0].search(paths[2], 12))
    visit.session.remove(2)  # the only one stays
    visit.wait()
    assert visit.shown["query"]["name"] == "19.jpg"


def test_the_files_that_are_pictures_are_searched_with_and_the_others_named_once(visit, pictures):
    good = [(pictures[n].path.read_bytes(), f"{n}.jpg") for n in (3, 11)]
    visit.session.upload_all([(b"no", "first.jpg"), good[0], (b"no", "letter.jpg"), good[1]])
    visit.wait()
    said = visit.shown["status"]["error"]
    assert "“first.jpg” can't be used" in said
    assert said.endswith("Nor can 1 more of these files.")
    query = visit.shown["query"]
    assert [query["name"], *(one["name"] for one in query["more"])] == ["3.jpg", "11.jpg"]
    assert len(visit.ids()) == 12
    visit.session.remove(3)  # as the page counts them
    visit.wait()
    assert visit.shown["query"]["more"] == []
    assert visit.shown["status"] == {}
    before = visit.shown["query"]
    visit.session.upload_all([(b"no", "first.jpg"), (b"no", "letter.jpg")])
    visit.wait()
    assert "“first.jpg” can't be used" in visit.shown["status"]["error"]
    assert visit.shown["query"] is before


def test_ten_files_and_no_more(visit, pictures):
    content = pictures[3].path.read_bytes()
    names = [f"{number}.jpg" for number in range(11)]
    dispatch(visit.session, {"do": "upload", "names": names[:10]}, [content] * 10)
    visit.wait()
    assert len(visit.shown["query"]["more"]) == 9
    with pytest.raises(MessageError, match="At most 10 pictures"):
        dispatch(visit.session, {"do": "upload", "names": names}, [content] * 11)
    with pytest.raises(PictureError, match="larger than 20 MB"):
        dispatch(visit.session, {"do": "upload", "names": ["a", "b"]}, [bytes(10_000_001)] * 2)


def test_marks_change_nothing_until_they_are_searched_with(visit, engines, pictures):
    visit.session.upload(pictures[5].path.read_bytes(), "mine.jpg")
    visit.wait()
    before = visit.ids()
    marks = {before[2]: True, before[4]: False, "unknown": True, "/etc/passwd": False}
    visit.session.mark(marks)
    visit.wait()
    known = {before[2]: True, before[4]: False}
    assert visit.shown["marks"] == known
    assert (visit.ids(), visit.shown["query"]["marked"]) == (before, [])
    visit.session.refine(marks)
    visit.wait()
    liked = [pictures[5].path, before[2]]
    assert visit.ids() == ids_of(engines[0].search(liked, 12, unlike=[before[4]]))
    assert not set(known) & set(visit.ids())
    assert visit.ids() != before
    shown = {one["id"]: one["wanted"] for one in visit.shown["query"]["marked"]}
    assert shown == known
    assert all(one["thumb"][:3] == b"\xff\xd8\xff" for one in visit.shown["query"]["marked"])
    assert visit.shown["results"]["identical_hit"] == ""
    visit.session.refine({before[4]: False})  # one of them taken back
    visit.wait()
    assert visit.ids() == ids_of(engines[0].search(liked[:1], 12, unlike=[before[4]]))


def test_marks_stay_while_the_controls_move_and_go_with_their_query(visit, engines, pictures):
    visit.session.pick(pictures[5].id)
    visit.wait()
    marks = {visit.ids()[1]: True, visit.ids()[3]: False}
    visit.session.mark(marks)
    visit.session.refine(marks)
    visit.session.choose(k=24)
    visit.session.select_region([0, 0, 0.9, 0.9])
    visit.session.choose(min_score=-1)
    visit.wait()
    assert visit.shown["marks"] == marks
    assert set(visit.ids()) == {picture.id for picture in pictures} - set(marks)
    visit.session.choose(min_score=None, labels=[visit.shown["facts"]["classes"][0]], mode="none")
    visit.session.select_region(None)
    visit.wait()
    assert visit.shown["marks"] == marks
    assert len(visit.shown["query"]["marked"]) == 2
    assert pictures[5].id not in visit.ids()
    for another in (
        lambda: visit.session.pick(pictures[6].id),
        lambda: visit.session.upload(pictures[7].path.read_bytes(), "a.jpg"),
        lambda: visit.session.choose(engine=engines[1].index.name),
        lambda: visit.session.choose(engine=engines[0].index.name),
        visit.session.clear,
    ):
        visit.session.mark(marks)
        visit.session.refine(marks)
        visit.wait()
        another()
        visit.wait()
        assert visit.shown["marks"] == {}
        assert not visit.shown["query"].get("marked")
    assert visit.session.query is None


def test_marks_stay_where_the_new_query_is_no_picture(visit, pictures):
    visit.session.pick(pictures[5].id)
    visit.wait()
    marks = {visit.ids()[1]: True}
    visit.session.mark(marks)
    visit.session.upload(b"no", "letter.jpg")
    visit.wait()
    assert visit.shown["marks"] == marks


def test_marks_meant_for_an_old_query_do_not_reach_a_new_one(visit, engines, pictures):
    visit.session.pick(pictures[5].id)
    visit.wait()
    go_on, marks = threading.Event(), {visit.ids()[1]: True}
    visit.session.worker.submit(lambda: go_on.wait(600), "held up")
    visit.session.upload(pictures[3].path.read_bytes(), "new.jpg")
    visit.session.refine(marks)
    go_on.set()
    visit.wait()
    assert visit.shown["query"]["name"] == "new.jpg"
    assert visit.shown["query"]["marked"] == []
    assert visit.ids() == ids_of(engines[0].search(pictures[3].path, 12))


def test_a_marked_picture_that_somebody_deletes_counts_no_more(visit, loaded, pictures):
    visit.session.choose(engine=loaded)
    visit.session.upload(pictures[9].path.read_bytes(), "a.jpg")
    visit.wait()
    first, *rest = visit.ids()
    visit.session.refine({first: True, rest[0]: False})
    visit.wait()
    assert visit.ids() == rest[1:]
    visit.session.catalogue.delete_pictures(visit.session.engine, [first])
    visit.session.choose(k=5)
    visit.wait()
    expected = visit.session.engine.search(pictures[9].path, 5, unlike=[rest[0]])
    assert visit.ids() == ids_of(expected) == rest[1:]
