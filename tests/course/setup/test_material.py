"""Pictures, weights and kit: here, in the kit, at an address, or nowhere; nothing is fetched."""

import hashlib
import tarfile
import time
from contextlib import suppress
from dataclasses import replace

import faulty_server
import pytest
import tiny_voc
from vgg_kit import real

from helpers import dataset
from helpers.course.setup import material
from helpers.dataset import DatasetError
from helpers.errors import PlainError
from helpers.features import weights as vgg16
from helpers.fetch.archive import MARKER
from helpers.files import file_lock, write_json
from helpers.settings import SAMPLE

NEVER = "http://127.0.0.1:9/archive.tar"


def silent(handler):
    """Accept the connection, and say nothing for as long as the test takes."""
    time.sleep(20)


def endless(handler):
    """Send headers without an end, often enough that the line is never silent."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    with suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.1)


def online(here, *mirrors, asked="voc:5"):
    return replace(here, dataset=asked, offline=False, voc_mirrors=mirrors)


def check(settings):
    return material.pictures(settings, material.plan(settings))


# Which pictures


def test_the_sample_and_a_folder_are_planned_as_they_will_be_loaded(here, tmp_path):
    archive = tmp_path / "some.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(SAMPLE / "JPEGImages", "JPEGImages")
    for asked in ("sample", str(SAMPLE / "JPEGImages"), str(archive)):
        settings = replace(here, dataset=asked)
        loaded = dataset.load(settings, progress=False)
        assert material.plan(settings).count == len(loaded.pictures), asked
        assert check(settings).ok


def test_offline_auto_takes_the_drawings_and_voc_is_nowhere(here):
    assert material.plan(replace(here, dataset="auto")).name == "sample"
    found = check(replace(here, dataset="voc:5"))
    assert found.ok is False
    assert found.brief == "voc:5 missing"


def test_auto_takes_the_largest_set_that_is_here(here):
    for count in (5, 30):
        folder = here.data / "datasets" / f"voc-{count}"
        folder.mkdir(parents=True)
        write_json(folder / MARKER, {"pictures": [f"p{i}" for i in range(count)], "files": []})
    planned = material.plan(replace(here, dataset="auto"))
    assert (planned.name, planned.count, planned.source) == ("voc:30", 30, "here")
    assert planned.bytes_to_fetch == 0
    assert check(replace(here, dataset="voc:7")).ok  # part of the larger one
    assert check(replace(here, dataset="voc:31")).ok is False


def test_online_auto_streams_two_thousand(here):
    planned = material.plan(replace(here, dataset="auto", offline=False))
    assert (planned.name, planned.count, planned.source) == ("voc:2000", 2000, "web")
    assert planned.fallback
    assert planned.bytes_to_fetch == pytest.approx(2 * 1_999_639_040 * 2000 / 17_125)


def test_a_kit_has_what_its_archive_has(here, tmp_path):
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "voc-40.tar").touch()
    kit = replace(here, kit=tmp_path)
    assert material.plan(replace(kit, dataset="auto")).name == "voc:40"
    assert check(replace(kit, dataset="voc:40")).brief == "voc:40 in the kit"
    assert "the kit has fewer" in check(replace(kit, dataset="voc:41")).found


@pytest.mark.parametrize("asked", ["voc:x", "voc:0", "voc:", "no-such-folder", "{empty}"])
def test_a_data_set_that_cannot_be_loaded_cannot_be_planned(here, asked, tmp_path):
    (tmp_path / "empty").mkdir()
    settings = replace(here, dataset=asked.format(empty=tmp_path / "empty"))
    for attempt in (material.plan, lambda s: dataset.load(s, progress=False)):
        with pytest.raises(DatasetError):
            attempt(settings)


# Within reach


def test_a_mirror_that_answers_is_enough_and_sends_nothing_of_the_file(here):
    content = tiny_voc.pack(tiny_voc.files(5))
    with (
        faulty_server.Server(content) as good,
        faulty_server.Server(content, [faulty_server.status(404)]) as gone,
    ):
        found = check(online(here, gone.url, good.url))
        assert found.ok is None
        assert found.brief == "voc:5 needs download"
        assert "1 of 2 addresses answer" in found.found
        assert len(good.requests) == len(gone.requests) == 1
    assert list(here.data.iterdir()) == []


def test_dead_mirrors_are_named_with_their_faults_and_nobody_waits_for_them(here):
    with (
        faulty_server.Server(b"x", [faulty_server.status(404)]) as gone,
        faulty_server.Server(b"x", [faulty_server.firewall(200)]) as wall,
        faulty_server.Server(b"x", [silent]) as dead,
        faulty_server.Server(b"x", [endless]) as slow,
    ):
        urls = [gone.url, wall.url, dead.url, slow.url, NEVER]
        found = material.answers(urls, here, patience=1.0)
    assert list(found) == urls
    assert "404" in found[gone.url]
    assert "web page" in found[wall.url]
    assert "silent" in found[dead.url] or "did not answer" in found[dead.url]
    assert found[slow.url] == "it did not answer within 1 seconds"
    assert "refused" in found[NEVER]


def test_unreachable_pictures_are_wrong_unless_auto_has_the_drawings_instead(here):
    assert check(online(here, NEVER)).ok is False
    found = check(online(here, NEVER, asked="auto"))
    assert found.ok is None
    assert "drawings" in found.fix


# Weights


def test_weights_that_are_nowhere(here, tmp_path, monkeypatch):
    nowhere = replace(here, keras_home=tmp_path / "keras", data=tmp_path / "data")
    found = material.weights(nowhere)
    assert found.ok is False
    assert found.brief == "weights missing"
    monkeypatch.setattr(vgg16, "KERAS_URL", NEVER)
    far = replace(nowhere, offline=False)
    assert material.weights(far, ask_index=lambda: False).brief == "weights unreachable"
    assert "the package index" in material.weights(far, ask_index=lambda: True).found
    with faulty_server.Server(b"weights") as server:
        monkeypatch.setattr(vgg16, "KERAS_URL", server.url)
        found = material.weights(far, ask_index=lambda: pytest.fail("Keras' address answers"))
    assert found.ok is None
    assert "Keras' address" in found.found
    assert not (tmp_path / "data").exists()


def test_wrong_weights_are_none(here, tmp_path):
    (here.data / "weights").mkdir()
    (here.data / "weights" / vgg16.FILE).write_bytes(b"half of it")
    assert material.weights(replace(here, keras_home=tmp_path / "keras")).ok is False


def test_weights_that_another_program_fetches_are_not_waited_for(here):
    with file_lock(here.data / "weights" / ".lock"):
        assert material.weights(here).brief == "weights arriving"


@pytest.mark.weights
def test_the_real_weights_are_right(shared_settings):
    assert material.weights(replace(real(shared_settings), offline=True)).ok


# The kit


@pytest.fixture
def kit(here, tmp_path):
    """Settings with a kit of three files that is whole."""
    folder = tmp_path / "kit"
    (folder / "voc").mkdir(parents=True)
    contents = {"voc/voc-5.tar": b"pictures" * 99, "README.txt": b"read", "weights.bin": b"ww"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in contents.items()]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return replace(here, kit=folder)


def test_a_whole_kit_is_right(kit):
    assert material.kit(kit, progress=False).brief == "kit whole"


def test_one_flipped_bit_is_found_and_its_file_named(kit):
    path = kit.kit / "voc" / "voc-5.tar"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    found = material.kit(kit, progress=False)
    assert found.ok is False
    assert found.found == "1 of 3 files are broken: voc/voc-5.tar is damaged"
    quickly = material.kit(kit, quick=True, progress=False)  # it doesn't read them, and says so
    assert (quickly.ok, quickly.brief) == (None, "kit not verified")


@pytest.mark.parametrize("content", [b"", b"garbage\n\n", b"\xff\xfe", b"00  README.txt\n"])
def test_damaged_sums_are_said_to_be_damaged(kit, content):
    (kit.kit / "SHA256SUMS").write_bytes(content)
    found = material.kit(kit, progress=False)
    assert (found.ok, found.found) == (False, "Its SHA256SUMS is damaged.")


@pytest.mark.parametrize("name", ["broken.tar", "picture.jpg", "~nobody-of-that-name/x"])
def test_what_loading_refuses_in_a_sentence_planning_refuses_too(here, tmp_path, name):
    path = name if name.startswith("~") else tmp_path / name
    if isinstance(path, type(tmp_path)):
        path.write_bytes(b"neither an archive nor a picture")
    settings = replace(here, dataset=str(path))
    for attempt in (material.plan, lambda s: dataset.load(s, progress=False)):
        with pytest.raises(PlainError):
            attempt(settings)


def test_a_missing_file_is_found_also_quickly(kit):
    (kit.kit / "README.txt").unlink()
    for quick in (True, False):
        assert "README.txt is missing" in material.kit(kit, quick, progress=False).found


def test_what_has_no_sums_is_not_a_kit(kit):
    (kit.kit / "SHA256SUMS").unlink()
    assert material.kit(kit, progress=False).brief == "kit unfinished"
