"""Every route of the REST interface, with every status it can answer, against the real service."""

import io
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psutil
import pytest
import service_kit
from PIL import Image

from search_app import api
from search_app.batcher import Slots

pytestmark = [pytest.mark.weights, pytest.mark.slow]


def problem(answer, status):
    """Check that `answer` is problem details with this status; return what it says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"].endswith(".")
    assert "/" + "tmp/" not in answer.text  # no path of the server
    return said["detail"]


@pytest.fixture
def collection(client):
    return f"/api/collections/{client.name}"


@pytest.fixture
def pictures(client, collection):
    return client.get(f"{collection}/pictures").json()["pictures"]


@pytest.fixture
def loaded(client, root, request):
    """A function that loads `count` photographs as a folder; all of them are taken out again."""
    names = []

    def load(name, count=3, start=1):
        service_kit.photographs(root / name, count, start)
        view = client.load(name)
        assert view["state"] == "done", view
        names.append(view["collection"])
        return view

    yield load
    for name in names:
        client.delete(f"/api/collections/{name}", params={"confirm": name})


# Collections


def test_collections_are_listed_and_described(client, collection):
    first = client.get("/api/collections").json()["collections"][0]
    assert (first["count"], first["default"]) == (service_kit.COUNT, True)
    facts = client.get(collection).json()
    assert facts["extractor"] == "vgg16-conv5-gem-224"
    # 24 pictures are too few to learn from.
    assert (
        (facts["tuning"], facts["dimension"])
        == ("none", facts["index"]["dimension"])
        == ("none", 512)
    )
    assert facts["index"]["metric"] == "COSINE"
    assert "car" in facts["classes"]
    assert "/" not in facts["dataset"]


def test_what_is_not_there_is_404(client, collection):
    for path in ("/api/collections/none", "/api/jobs/none", "/api/none", "/static/none"):
        problem(client.get(path), 404)
    for path in ("picture", "picture/file", "picture/thumbnail"):
        problem(client.get(f"{collection}/{path}", params={"id": "none"}), 404)
    problem(client.post(f"{collection}/search", json={"id": "none"}), 404)
    problem(client.delete("/api/jobs/none"), 404)
    problem(client.put("/api/collections"), 405)


def test_a_collection_is_dropped_only_when_its_name_is_repeated(client, collection, loaded):
    name = loaded("to drop")["collection"]
    own = f"/api/collections/{name}"
    problem(client.delete(own), 422)
    problem(client.delete(own, params={"confirm": "yes"}), 422)
    assert client.get(own).status_code == 200
    assert client.delete(own, params={"confirm": name}).status_code == 204
    problem(client.get(own), 404)
    said = problem(client.delete(collection, params={"confirm": client.name}), 409)
    assert "belongs to the page" in said


# Searching


def test_an_upload_finds_itself(client, collection, photo):
    hits = client.post(f"{collection}/search/upload", files={"file": ("a.jpg", photo)}).json()
    assert hits["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert [hit["rank"] for hit in hits["hits"]] == list(range(1, 13))
    assert hits["count"] == service_kit.COUNT


def test_an_id_finds_others(client, collection, pictures):
    asked = {"id": pictures[3]["id"], "k": 5}
    hits = client.post(f"{collection}/search", json=asked).json()["hits"]
    assert len(hits) == 5
    assert asked["id"] not in [hit["id"] for hit in hits]
    region = client.post(f"{collection}/search", json=asked | {"region": [0, 0, 0.5, 0.5]})
    assert region.json()["hits"] != hits


def test_a_path_is_searched_with_only_below_the_roots(client, collection, root, photo):
    (root / "one.jpg").write_bytes(photo)
    hits = client.post(f"{collection}/search", json={"path": "one.jpg", "k": 1}).json()["hits"]
    assert hits[0]["score"] == pytest.approx(1, abs=1e-3)
    for path in ("../one.jpg", "/etc/passwd", "none.jpg", ".", str(root.parent / "VOC2012")):
        problem(client.post(f"{collection}/search", json={"path": path}), 422)


def test_an_address_inside_the_network_is_not_fetched(client, collection):
    for url in (client.address + "/healthz", "file:///etc/passwd", "http://10.0.0.1/a.jpg", "x"):
        problem(client.post(f"{collection}/search", json={"url": url}), 422)


def test_labels_scores_and_modes_are_obeyed(client, collection, pictures):
    asked = {"id": pictures[0]["id"], "k": 100}
    cars = client.post(f"{collection}/search", json=asked | {"labels": ["car"]}).json()["hits"]
    assert cars
    assert all("car" in hit["labels"] for hit in cars)
    none = {"labels": ["car", "person"], "mode": "none"}
    others = client.post(f"{collection}/search", json=asked | none).json()["hits"]
    assert others
    assert not any({"car", "person"} & set(hit["labels"]) for hit in others)
    close = client.post(f"{collection}/search", json=asked | {"min_score": 0.6}).json()["hits"]
    assert 0 < len(close) < service_kit.COUNT - 1
    assert min(hit["score"] for hit in close) >= 0.6
    for label in ("unicorn", "\ud800"):
        problem(client.post(f"{collection}/search", json=asked | {"labels": [label]}), 422)


def test_a_form_has_the_same_wishes(client, collection, photo):
    form = {"k": 3, "labels": ["car", "bus"], "mode": "any", "region": [0, 0, 0.9, 0.9]}
    files = {"file": ("a.jpg", photo)}
    hits = client.post(f"{collection}/search/upload", files=files, data=form).json()["hits"]
    assert len(hits) == 3
    assert all({"car", "bus"} & set(hit["labels"]) for hit in hits)


def found(client, address, **asked):
    """Return the ids of the hits of a search with JSON."""
    answer = client.post(address, json=asked)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_more_and_less_like_this_is_what_the_engine_finds(client, app, collection, pictures):
    one, two, three = [pictures[number]["id"] for number in (0, 7, 15)]
    engine = app.state.service.catalogue.default
    for asked, liked, unlike in (
        ({"id": one, "positive": [two], "negative": [three]}, [one, two], [three]),
        ({"positive": [one, two, one]}, [one, two], []),
        ({"id": one, "positive": [one], "negative": [two, two]}, [one], [two]),
    ):
        expected = [hit.id for hit in engine.search(liked, 100, unlike=unlike)]
        assert found(client, f"{collection}/search", k=100, **asked) == expected
        assert len(expected) == service_kit.COUNT - len(liked) - len(unlike)


def test_several_files_and_marked_pictures_are_one_query(client, app, collection, served, pictures):
    engine = app.state.service.catalogue.default
    paths = [engine.pictures[pictures[number]["id"]].path for number in (2, 9)]
    liked, unlike = [pictures[number]["id"] for number in (4, 5)]
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    form = {"k": 100, "positive": [liked], "negative": [unlike]}
    hits = client.post(f"{collection}/search/upload", files=files, data=form).json()["hits"]
    expected = engine.search([*paths, liked], 100, unlike=[unlike])
    assert [hit["id"] for hit in hits] == [hit.id for hit in expected]
    assert not {liked, unlike} & {hit["id"] for hit in hits}
    assert [hit["score"] for hit in hits] == pytest.approx(
        [hit.score for hit in expected], abs=1e-3
    )
    part = form | {"region": [0, 0, 0.5, 0.5]}  # of the first file
    region = client.post(f"{collection}/search/upload", files=files, data=part).json()["hits"]
    swapped = client.post(f"{collection}/search/upload", files=files[::-1], data=part)
    scores = [one["score"] for one in hits], [one["score"] for one in region]
    assert len({*map(tuple, scores), tuple(o["score"] for o in swapped.json()["hits"])}) == 3


def test_what_is_asked_with_must_be_there_and_make_sense(client, collection, photo, pictures):
    one, two = pictures[0]["id"], pictures[1]["id"]
    files = {"file": ("a.jpg", photo)}
    for field in ("positive", "negative"):
        for unknown in ("none", "/etc/passwd", str(service_kit.ROOT / "README.md")):
            problem(client.post(f"{collection}/search", json={"id": one, field: [unknown]}), 404)
            form = client.post(f"{collection}/search/upload", files=files, data={field: unknown})
            problem(form, 404)
    both = {"positive": [one, two], "negative": [two]}
    for asked in (both, {"id": two, "negative": [two]}):
        said = problem(client.post(f"{collection}/search", json=asked), 422)
        assert "can't be both wanted and in negative" in said
    problem(client.post(f"{collection}/search/upload", files=files, data=both), 422)
    said = problem(client.post(f"{collection}/search", json={"negative": [one]}), 422)
    assert "negative alone says only what isn't wanted" in said
    region = {"positive": [one], "region": [0, 0, 0.5, 0.5]}
    assert "a region needs" in problem(client.post(f"{collection}/search", json=region), 422)
    many = {"id": one, "positive": [f"{number}" for number in range(51)]}
    problem(client.post(f"{collection}/search", json=many), 422)
    eleven = [("file", ("a.jpg", photo))] * 11
    problem(client.post(f"{collection}/search/upload", files=eleven), 422)
    broken = [("file", ("a.jpg", photo)), ("file", ("letter.jpg", b"text"))]
    assert "letter.jpg" in problem(client.post(f"{collection}/search/upload", files=broken), 422)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"positive": []},
        {"positive": "2007_000003"},
        {"positive": [5]},
        {"id": "2007_000003", "negative": [""]},
        {"id": "a", "path": "b"},
        {"id": "2007_000003", "k": 0},
        {"id": "2007_000003", "k": 101},
        {"id": "2007_000003", "k": "many"},
        {"id": "2007_000003", "min_score": 2},
        {"id": "2007_000003", "region": [0, 0, 1]},
        {"id": "2007_000003", "mode": "some"},
        {"id": "2007_000003", "unknown": 1},
        {"id": 5},
        [],
    ],
)
def test_a_wrong_search_is_422(client, collection, asked):
    problem(client.post(f"{collection}/search", json=asked), 422)


def test_broken_json_is_400_and_another_type_415(client, collection, photo):
    headers = {"Content-Type": "application/json"}
    problem(client.post(f"{collection}/search", data=b"{", headers=headers), 400)
    nan = b'{"id": "2007_000003", "min_score": NaN}'
    assert client.post(f"{collection}/search", data=nan, headers=headers).status_code in (400, 422)
    problem(client.post(f"{collection}/search", files={"file": ("a.jpg", photo)}), 415)
    problem(client.post(f"{collection}/search", data=b"id=1", headers={"Content-Type": "a/b"}), 415)
    problem(client.post(f"{collection}/search/upload", json={"id": "2007_000003"}), 415)
    problem(client.post("/api/jobs", data={"folder": "x"}), 415)


def test_what_is_no_picture_is_422(client, collection):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    for content in (b"", b"text", eps):
        files = {"file": ("a.jpg", content)}
        problem(client.post(f"{collection}/search/upload", files=files), 422)
    problem(client.post(f"{collection}/search/upload", files={"other": ("a.jpg", b"x")}), 422)


# Pictures


def test_pictures_are_listed_in_pages_and_by_label(client, collection, pictures):
    part = client.get(f"{collection}/pictures", params={"offset": 5, "limit": 4}).json()
    assert part["total"] == service_kit.COUNT
    assert part["pictures"] == pictures[5:9]
    cars = client.get(f"{collection}/pictures", params={"label": "car"}).json()
    assert 0 < cars["total"] < service_kit.COUNT
    assert all("car" in one["labels"] for one in cars["pictures"])
    problem(client.get(f"{collection}/pictures", params={"limit": 0}), 422)


def test_a_picture_comes_with_its_boxes_and_as_a_new_jpeg(client, collection, pictures):
    one = pictures[0]
    facts = client.get(f"{collection}/picture", params={"id": one["id"]}).json()
    assert {box["label"] for box in facts["boxes"]} == set(one["labels"])
    file = client.get(one["file"])
    assert Image.open(io.BytesIO(file.content)).size == (one["width"], one["height"])
    small = client.get(one["thumbnail"])
    assert len(small.content) < len(file.content)
    for answer in (file, small):
        assert answer.headers["content-type"] == "image/jpeg"
        assert "private" in answer.headers["cache-control"]
    tag = {"If-None-Match": small.headers["etag"]}
    again = client.get(one["thumbnail"], headers=tag)
    assert (again.status_code, again.content) == (304, b"")


def test_any_id_works(client, root, photo):
    names = ["deep/er/a.jpg", "mum's “cat”.jpg", "a..jpg", "a?b&c=d#e%20.jpg", "ünï—日本.jpg"]
    for number, name in enumerate(names):
        path = root / "odd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(photo)).rotate(20 * number)
        image.save(path, "JPEG")
    view = client.load("odd")
    own = f"/api/collections/{view['collection']}"
    listed = client.get(f"{own}/pictures").json()["pictures"]
    assert len(listed) == len(names), view
    for one in listed:
        assert client.get(one["thumbnail"]).status_code == 200
        assert client.get(f"{own}/picture?id={quote(one['id'], safe='')}").json()["id"] == one["id"]
        assert client.post(f"{own}/search", json={"id": one["id"]}).json()["hits"]
    gone = listed[1]["id"]
    assert client.delete(f"{own}/pictures", json={"ids": [gone]}).json() == {"deleted": 1}
    left = client.get(f"{own}/pictures").json()["pictures"]
    assert [one["id"] for one in left] == [one["id"] for one in listed if one["id"] != gone]
    client.delete(own, params={"confirm": view["collection"]})


def test_a_deleted_picture_is_found_no_more_until_its_folder_is_loaded_again(client, loaded):
    view = loaded("some", 6)
    own = f"/api/collections/{view['collection']}"
    ids = [one["id"] for one in client.get(f"{own}/pictures").json()["pictures"]]
    deleted = client.delete(f"{own}/pictures", json={"ids": [*ids[:2], "none"]})
    assert deleted.json() == {"deleted": 2}
    hits = client.post(f"{own}/search", json={"id": ids[2], "k": 100}).json()["hits"]
    assert {hit["id"] for hit in hits} == set(ids[3:])
    assert client.get(own).json()["count"] == 4
    problem(client.post(f"{own}/search", json={"id": ids[0]}), 404)
    problem(client.delete(f"{own}/pictures", json={"ids": []}), 422)
    again = client.load("some")
    assert (again["written"], again["unchanged"]) == (2, 4)
    assert client.get(own).json()["count"] == 6


def test_a_picture_outside_the_roots_is_not_served(client, root, photo):
    folder = service_kit.photographs(root / "swapped", 2, 3)
    view = client.load("swapped")
    own = f"/api/collections/{view['collection']}"
    one = client.get(f"{own}/pictures").json()["pictures"][0]
    file = next(folder.rglob(one["path"].rsplit("/", 1)[-1]))
    file.unlink()
    secret = root.parent / "secret.jpg"
    secret.write_bytes(photo)
    file.symlink_to(secret)
    problem(client.get(one["file"]), 404)
    problem(client.get(one["thumbnail"]), 404)
    client.delete(own, params={"confirm": view["collection"]})


# Jobs


def test_a_folder_is_loaded_as_a_job(client, root):
    service_kit.photographs(root / "pets", 4, 5)
    (root / "pets" / "JPEGImages" / "broken.jpg").write_bytes(b"no picture")
    answer = client.post("/api/jobs", json={"folder": "pets"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/jobs/{answer.json()['id']}"
    view = client.wait_for(answer.headers["Location"])
    assert (view["state"], view["written"], view["skipped_count"]) == ("done", 4, 1)
    assert "broken" in view["skipped"][0][0]
    assert view["id"] in [job["id"] for job in client.get("/api/jobs").json()["jobs"]]
    assert client.delete(f"/api/jobs/{view['id']}").status_code == 202  # ended: nothing to do
    client.delete(f"/api/collections/{view['collection']}", params={"confirm": view["collection"]})


def test_only_a_folder_below_the_roots_is_loaded(client, root, photo):
    (root / "file.jpg").write_bytes(photo)
    for folder in ("none", "../open", "/etc", "file.jpg", "", 7):
        problem(client.post("/api/jobs", json={"folder": folder}), 422)


def test_a_job_is_cancelled_and_goes_on_later(client, root):
    service_kit.photographs(root / "many", 80)
    job = client.post("/api/jobs", json={"folder": "many"}).headers["Location"]
    service_kit.wait_until(lambda: client.get(job).json()["done"] and
                           client.get(job).json()["state"] == "embedding")  # fmt: skip
    assert client.delete(job).status_code == 202
    view = client.wait_for(job)
    assert view["state"] == "stopped"
    again = client.load("many")
    assert (again["state"], again["written"] + again["unchanged"]) == ("done", 80)
    name = again["collection"]
    client.delete(f"/api/collections/{name}", params={"confirm": name})


def test_two_clients_load_different_folders_at_once(client, root, collection):
    for name, start in (("left", 2), ("right", 4)):
        service_kit.photographs(root / name, 5, start)
    with ThreadPoolExecutor(2) as both:
        views = list(both.map(client.load, ("left", "right")))
    assert [view["written"] for view in views] == [5, 5]
    for view in views:
        own = f"/api/collections/{view['collection']}"
        listed = {one["id"] for one in client.get(f"{own}/pictures").json()["pictures"]}
        asked = {"id": sorted(listed)[0], "k": 100}
        hits = client.post(f"{own}/search", json=asked).json()["hits"]
        assert {hit["id"] for hit in hits} == listed - {asked["id"]}
        client.delete(own, params={"confirm": view["collection"]})
    assert client.get(collection).json()["count"] == service_kit.COUNT


# Much at once


def test_forty_searches_against_a_small_limit(client, app, collection, photo, monkeypatch):
    monkeypatch.setattr(app.state.service, "searches", Slots(3, "searches"))
    start = threading.Barrier(40)

    def search(_):
        start.wait()
        return client.post(f"{collection}/search/upload", files={"file": ("a.jpg", photo)})

    with ThreadPoolExecutor(40) as many:
        answers = list(many.map(search, range(40)))
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
    after = client.post(f"{collection}/search/upload", files={"file": ("a.jpg", photo)})
    assert after.status_code == 200


def test_memory_does_not_grow_under_rejected_uploads(client, collection):
    files = {"file": ("a.jpg", os.urandom(5_000_000))}

    def rejected(count):
        for _ in range(count):
            problem(client.post(f"{collection}/search/upload", files=files), 422)
        return psutil.Process().memory_info().rss

    before = rejected(20)
    assert rejected(60) < before + 60_000_000  # what was sent since then is 300 MB


# Errors nobody foresaw


def test_an_unforeseen_error_is_told_without_paths_and_logged_in_full(
    client, collection, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("/tmp/secret/place")

    monkeypatch.setattr(api, "_facts", fail)
    with caplog.at_level(logging.ERROR):
        said = problem(client.get(f"{collection}/pictures"), 500)
    assert "secret" not in said
    assert "/tmp/secret/place" in caplog.text
    monkeypatch.undo()
    assert client.get(f"{collection}/pictures").status_code == 200


# The document


def test_the_docs_page_needs_no_other_server(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://github.com", "")
    assert client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_every_operation_documents_its_problems(client):
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            if path.startswith("/api"):
                content = operation["responses"]["404"]["content"]
                assert set(content) == {"application/problem+json"}
    assert "HTTPValidationError" not in json.dumps(document)


@pytest.mark.parametrize("wrong", [
    {"region": [0.9, 0.9, 0.1, 0.1]}, {"region": [0.5, 0.5, 0.5, 0.5]}, {"k": True},
    {"min_score": True},
])  # fmt: skip
def test_what_would_mean_something_else_is_refused(client, wrong):
    name = client.get("/api/collections").json()["collections"][0]["name"]
    picture = client.get(f"/api/collections/{name}/pictures").json()["pictures"][0]["id"]
    answer = client.post(f"/api/collections/{name}/search", json={"id": picture} | wrong)
    assert answer.status_code == 422
    assert "Value error" not in answer.json()["detail"]


def test_an_unknown_field_of_a_form_is_refused(client, photo):
    name = client.get("/api/collections").json()["collections"][0]["name"]
    where = f"/api/collections/{name}/search/upload"
    for fields, status in (({"k": "3"}, 200), ({"kk": "1"}, 422)):
        answer = client.post(where, files={"file": ("a.jpg", photo)}, data=fields)
        assert answer.status_code == status
    assert "kk" in answer.json()["detail"]
