"""What a visitor does, without a browser: real pictures, the real network, a real index."""

import io
import shutil
import threading

import app_kit
import pytest
from PIL import Image

from helpers.dataset.pictures import Picture
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

    def __init__(self, engines, roots):
        self.shown, self.history = {}, []
        self.session = Session(engines, self._publish, roots)

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
        return [value["state"] for name, value in self.history if name == "folder"]


@pytest.fixture
def visit(engines, tmp_path):
    visit = Visit(engines, [tmp_path])
    yield visit
    visit.session.folder.stop()
    visit.session.folder.worker.wait()
    visit.session.folder.unload()
    visit.wait()


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


def test_the_controls_search_again_without_embedding_again(visit, engines, pictures):
    visit.session.upload(pictures[3].path.read_bytes(), "a.jpg")
    visit.wait()
    label = visit.shown["facts"]["classes"][0]
    with engines[0].lock:  # so that whoever needs the network has to wait
        visit.session.choose(k=24, labels=[label], mode="none")
        visit.session.worker.wait(20)
    assert all(label not in hit["labels"] for hit in visit.shown["results"]["hits"])
    visit.session.choose(mode="any")
    visit.wait()
    expected = {picture.id for picture in pictures if label in picture.labels}
    assert set(visit.ids()) == expected
    visit.session.choose(labels=[], min_score=0.999)
    visit.wait()
    assert visit.ids() == [pictures[3].id]


def test_the_other_embedding_has_other_scores(visit, engines, pictures):
    visit.session.pick(pictures[3].id)
    visit.wait()
    before = visit.shown["results"]["hits"]
    visit.session.choose(engine=engines[1].extractor.name)
    visit.wait()
    assert visit.shown["results"]["hits"][0]["score"] != before[0]["score"]
    assert visit.shown["facts"]["engines"] == [e.extractor.name for e in engines]


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
    for text in ("../x.jpg", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/a.jpg", "mine"):
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


def test_a_folder_is_loaded_with_a_ledger_and_only_once(visit, mine, engines):
    before = engines[0].index.count()
    visit.session.folder.load(str(mine))
    visit.session.folder.load(str(mine))  # an impatient second click
    visit.wait()
    assert engines[0].index.count() == before + 3 == visit.shown["facts"]["count"]
    folder = visit.shown["folder"]
    assert (folder["state"], folder["added"], folder["total"]) == ("done", 3, 5)
    assert [path for path, _ in folder["skipped"]] == ["cut.jpg", "text.jpg"]
    assert visit.states().count("done") == 1
    assert "loading" in visit.states()
    visit.session.folder.load(str(mine))
    visit.wait()
    assert engines[0].index.count() == before + 3
    assert visit.shown["folder"]["added"] == 0
    visit.session.folder.unload(str(mine))
    visit.wait()
    assert engines[0].index.count() == before
    assert (mine / "cut.jpg").exists()


def test_nothing_a_visitor_removes_takes_the_data_sets_own_pictures(visit, engines, pictures):
    index, ids = engines[0].index, {picture.id for picture in pictures}
    theirs = str(pictures[0].path.parent)
    visit.session.roots = (pictures[0].path.parent,)
    visit.session.folder.load(theirs)  # the data set's folder, as if it were the visitor's
    visit.wait()
    assert index.count() > len(ids)
    for folder in ("", "own", "/", pictures[0].id, str(pictures[0].path), theirs, None):
        visit.session.folder.unload(folder)
        visit.wait()
        assert all(index.get(one) for one in ids)
        assert ids <= set(engines[0].pictures)
    assert index.count() == len(ids)
    assert pictures[0].path.exists()


def test_own_pictures_are_found_looked_at_and_near_duplicates(visit, mine, pictures):
    visit.session.folder.load(str(mine))
    visit.wait()
    visit.session.pick(pictures[0].id)
    visit.wait()
    own = visit.ids()[0]
    assert own.startswith("own/")
    assert own.endswith(pictures[0].path.name)
    visit.session.details.large(own)
    visit.wait()
    assert visit.shown["large"]["path"] == str(mine / pictures[0].path.name)
    visit.session.details.groups(0.99)
    visit.wait()
    groups = [{m["id"] for m in group["members"]} for group in visit.shown["groups"]["groups"]]
    assert {own, pictures[0].id} in groups
    assert visit.shown["groups"]["pictures"] >= 6


def test_searching_goes_on_while_a_folder_loads_and_stop_stops(visit, tmp_path, pictures):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        shutil.copy(pictures[number % 24].path, folder / f"{number:02}.jpg")
    begun = threading.Event()
    publish = visit.session.publish
    visit.session.publish = lambda name, value: (
        publish(name, value),
        begun.set() if name == "folder" and value.get("done") else None,
    )
    visit.session.folder.load(str(folder))
    assert begun.wait(30)
    visit.session.upload(pictures[9].path.read_bytes(), "now.jpg")
    visit.session.worker.wait(30)
    assert visit.shown["query"]["name"] == "now.jpg"
    assert visit.shown["folder"]["state"] == "loading"
    visit.session.folder.stop()
    visit.wait()
    state = visit.shown["folder"]
    assert state["state"] == "stopped"
    assert 0 < state["added"] < 60


def test_links_that_lead_out_are_skipped_and_said(visit, tmp_path, tmp_path_factory, pictures):
    outside = tmp_path_factory.mktemp("outside")
    shutil.copy(pictures[0].path, outside / "secret.jpg")
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "one.jpg").symlink_to(outside / "secret.jpg")
    (folder / "all").symlink_to(outside)
    visit.session.folder.load(str(folder))
    visit.wait()
    assert visit.shown["folder"]["skipped"] == [
        ["one.jpg", "it links to a place outside the allowed folders"]
    ]
    assert visit.shown["folder"]["folders"] == []
    visit.session.folder.load(str(outside))
    visit.wait()
    assert visit.shown["folder"]["state"] == "error"


def test_a_row_that_points_out_of_the_roots_is_not_shown(
    visit, engines, tmp_path_factory, pictures
):
    secret = tmp_path_factory.mktemp("outside") / "secret.jpg"
    shutil.copy(pictures[0].path, secret)
    index = engines[0].index
    row = Picture("foreign", secret, (), (), 4, 4)
    index.upsert([row], index.vector(pictures[0].id)[None], progress=False)
    try:
        visit.session.pick(pictures[0].id)
        visit.wait()
        first = visit.shown["results"]["hits"][0]
        assert (first["id"], first["path"], first["thumb"]) == ("foreign", "", b"")
        for ask, part in ((visit.session.pick, "status"), (visit.session.details.large, "large")):
            ask("foreign")
            visit.wait()
            assert "outside the allowed folders" in visit.shown[part]["error"]
    finally:
        index.delete(["foreign"])


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
    assert "no picture 'nothing' in the index" in visit.shown["large"]["error"]
    assert "error" not in visit.shown.get("status", {})


def test_a_folder_that_is_refused_leaves_the_others_listed(visit, mine):
    visit.session.folder.load(str(mine))
    visit.wait()
    for text, reason in (("/etc", "wasn't found"), (str(mine / "cut.jpg"), "is a file")):
        visit.session.folder.load(text)
        visit.wait()
        folder = visit.shown["folder"]
        assert (folder["state"], folder["folders"]) == ("error", [[str(mine), 3]])
        assert reason in folder["error"]


def test_an_own_picture_is_a_query_for_the_other_embedding_too(visit, engines, mine, pictures):
    visit.session.folder.load(str(mine))
    visit.wait()
    own = visit.session.folder.vectors(engines[0])
    assert all(vector.shape == (512,) for vector in own.values())
    assert visit.session.folder.vectors(engines[1]) == {}
    first = next(name for name in own if name.endswith(pictures[0].path.name))
    visit.session.pick(first)
    visit.session.worker.wait(60)
    visit.session.choose(engine=engines[1].extractor.name)  # its index doesn't have the picture
    visit.wait()
    assert visit.ids()[0] == pictures[0].id
    visit.session.choose(engine=engines[0].extractor.name)
    visit.wait()
    assert first not in visit.ids()


def test_roots_are_those_of_the_settings_unless_given(visit, engines, tmp_path):
    assert visit.session.roots == (tmp_path,)
    assert Session(engines, lambda *_: None).roots == engines[0].extractor.settings.roots != ()
    assert Session(engines, lambda *_: None, []).roots == ()
