"""Which pictures a run works on, and that being killed at any moment costs nothing but time."""

import csv
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_voc
from faulty_server import Server, drop, firewall, status
from PIL import Image
from read_only import run_read_only

from helpers import dataset
from helpers.dataset import DatasetError, voc
from helpers.fetch.download import DownloadError, KitError
from helpers.files import file_lock, tree_size
from helpers.settings import ROOT, SAMPLE, VOC2012, from_environment

COUNT = 30
ARCHIVE = tiny_voc.pack(tiny_voc.files(COUNT))
RELEASE = tiny_voc.release(ARCHIVE, COUNT)


def settings(tmp_path, asked, *mirrors, **more):
    """Return settings for `asked` with data in `tmp_path`, and ARCHIVE at `mirrors` for VOC."""
    found = from_environment({"BOOTCAMP_DATA": str(tmp_path / "data"), "BOOTCAMP_DATASET": asked})
    return replace(found, voc_mirrors=mirrors, voc_release=RELEASE, timeout=0.4, **more)


def load(found):
    """Load without bars."""
    return dataset.load(found, progress=False)


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to open a connection or to look up a name fails the test."""

    def refuse(*args, **kw):
        pytest.fail(f"a connection was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def needs_sample():
    if not (SAMPLE / "JPEGImages").exists():
        pytest.skip("ABSENT: data/sample")


# --- the full set ------------------------------------------------------------------------------


def test_the_official_release_is_the_one_that_was_published():
    official = VOC2012
    assert official.size == 1_999_639_040
    assert official.file == "VOCtrainval_11-May-2012.tar"
    assert dict(official.digests)["md5"] == "6cd6e144f989b92b3379bac3b3de84fd"
    assert dict(official.counts) == {
        "pictures": 17_125,
        "annotations": 17_125,
        "objects": 40_138,
        "classes": 20,
    }
    assert len(official.urls) == 4
    assert all(u.endswith(official.file) for u in official.urls)


def test_the_full_set_is_fetched_verified_unpacked_and_then_left_alone(tmp_path):
    with Server(ARCHIVE, [drop(40_000)]) as server:
        found = load(settings(tmp_path, "voc", server.url))
        assert found.name == "voc"
        assert len(found.pictures) == COUNT
        assert len(found.ledger) == 0
        assert "downloaded and verified" in found.why
        assert len(server.requests) == 2
        assert not list((tmp_path / "data" / "downloads").glob("[!.]*"))
        again = load(settings(tmp_path, "voc", server.url))
        assert again.pictures == found.pictures
        assert "already here" in again.why
        assert len(server.requests) == 2


def test_a_full_set_that_lacks_something_is_refused(tmp_path):
    with Server(ARCHIVE) as server:
        found = load(settings(tmp_path, "voc", server.url))
    (found.pictures[3].path.parents[1] / "Annotations" / f"{found.pictures[3].id}.xml").unlink()
    with pytest.raises(DatasetError, match="29 annotations instead of 30"):
        load(settings(tmp_path, "voc"))


def test_the_disk_must_hold_archive_and_pictures(tmp_path, monkeypatch):
    free = [2 * len(ARCHIVE) + (50 << 20) - 1]
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free[0]}))
    with Server(ARCHIVE) as server:
        with pytest.raises(DownloadError, match="larger disk"):
            load(settings(tmp_path, "voc", server.url))
        assert server.requests == []
        free[0] += 1
        assert len(load(settings(tmp_path, "voc", server.url)).pictures) == COUNT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("asked", ["voc", "voc:5"])
def test_a_disk_that_fills_up_is_reported_in_plain_words(tmp_path, monkeypatch, asked):
    def copy(source, target):
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(source.read())

    monkeypatch.setattr("shutil.copyfileobj", copy)
    with Server(ARCHIVE) as server, pytest.raises(DatasetError, match="No space left"):
        load(settings(tmp_path, asked, server.url))
    assert not list((tmp_path / "data" / "datasets").rglob("*.part"))


# --- the first N -------------------------------------------------------------------------------


def test_the_first_n_are_streamed_once(tmp_path):
    with Server(ARCHIVE) as server:
        found = load(settings(tmp_path, "voc:10", server.url))
        assert found.name == "voc-10"
        assert len(found.pictures) == 10
        assert "the first 10 pictures" in found.why
        assert "MB of the archive's" in found.why
        load(settings(tmp_path, "voc:10", server.url))
        assert len(server.requests) == 1


def test_a_larger_set_that_is_here_saves_the_download(tmp_path, no_network):
    members = tiny_voc.files(COUNT)
    random.Random(5).shuffle(members)
    tar = tmp_path / "kit" / "voc" / "voc-20.tar"
    kit = make_kit(tar, tiny_voc.pack(members))
    first = load(settings(tmp_path, "voc:20", kit=kit))
    order = [m[0][-15:-4] for m in members if "JPEGImages" in m[0]]
    assert {p.id for p in first.pictures} == set(order[:20])
    some = load(settings(tmp_path, "voc:7", offline=True))
    assert some.name == "voc-7"
    assert {p.id for p in some.pictures} == set(order[:7])
    assert "part of voc-20" in some.why


@pytest.mark.parametrize("asked", ["voc:0", "voc:", "voc:-3", "voc:many", "voc:1e3", "voc:9999999"])
def test_a_wrong_number_is_reported(tmp_path, asked):
    with pytest.raises(DatasetError, match="write a number"):
        load(settings(tmp_path, asked))


# --- auto --------------------------------------------------------------------------------------


def test_auto_streams_where_it_can_and_takes_what_is_here_after_that(tmp_path):
    with Server(ARCHIVE) as server:
        found = load(settings(tmp_path, "auto", server.url))
        assert found.name == "voc-2000"
        assert "because no other was here" in found.why
        assert "30 is all that the archive has" in found.why
    again = load(settings(tmp_path, "auto"))
    assert again.pictures == found.pictures
    assert "no larger set is here" in again.why
    with Server(ARCHIVE) as server:
        load(settings(tmp_path, "voc", server.url))
    assert load(settings(tmp_path, "auto")).name == "voc"


def test_auto_falls_back_on_the_sample_when_no_address_works_and_shows_one_table(tmp_path, capsys):
    needs_sample()
    with Server(ARCHIVE, [firewall(200)]) as one, Server(ARCHIVE, [status(404)]) as two:
        found = dataset.load(settings(tmp_path, "auto", one.url, two.url))
        shown = capsys.readouterr().out
        assert shown.count(one.url) == shown.count(two.url) == 1
    assert "web page" in shown
    assert "404" in shown
    assert "Traceback" not in shown
    assert found.name == "sample"
    assert "could not be fetched" in found.why
    assert found.why.count(". ") == 0
    assert len(found.pictures) >= 200


def test_offline_opens_no_connection(tmp_path, no_network):
    for asked in ("voc", "voc:5"):
        with pytest.raises(DownloadError, match="BOOTCAMP_OFFLINE=1"):
            load(settings(tmp_path, asked, "http://127.0.0.1:9/a.tar", offline=True))
    needs_sample()
    found = load(settings(tmp_path, "auto", "http://127.0.0.1:9/a.tar", offline=True))
    assert found.name == "sample"
    assert "BOOTCAMP_OFFLINE=1" in found.why


def test_an_error_is_shown_without_a_traceback_in_a_notebook(tmp_path):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.user_ns["fail"] = lambda: load(settings(tmp_path, "voc:5", "http://127.0.0.1:9/a.tar"))
    shown = []
    shell._showtraceback = lambda kind, error, lines: shown.extend(lines)
    shell.run_cell("fail()")
    text = "\n".join(shown)
    assert "refused the connection" in text
    assert "Traceback" not in text
    assert "File" not in text
    InteractiveShell.clear_instance()


# --- the kit -----------------------------------------------------------------------------------


def make_kit(tar, content):
    """Write `content` as `tar` of a kit with its checksums and return the kit's folder."""
    tar.parent.mkdir(parents=True)
    tar.write_bytes(content)
    kit = tar.parents[1]
    digest = hashlib.sha256(content).hexdigest()
    (kit / "SHA256SUMS").write_text(f"{digest}  voc/{tar.name}\n")
    return kit


@pytest.mark.parametrize("name", ["voc-20.tar", RELEASE.file])
def test_with_a_kit_everything_comes_from_it_and_nothing_from_the_web(tmp_path, name, no_network):
    kit = make_kit(tmp_path / "kit" / "voc" / name, ARCHIVE)
    found = load(settings(tmp_path, "auto", kit=kit))
    assert found.name == ("voc" if name == RELEASE.file else "voc-20")
    assert len(found.pictures) == (COUNT if name == RELEASE.file else 20)
    assert "from the kit, verified" in found.why
    assert (kit / "voc" / name).read_bytes() == ARCHIVE


def test_a_damaged_or_empty_kit_is_refused_and_never_replaced_by_the_web(tmp_path, no_network):
    kit = make_kit(tmp_path / "kit" / "voc" / "voc-20.tar", ARCHIVE)
    (kit / "voc" / "voc-20.tar").write_bytes(ARCHIVE[:-1] + b"x")
    with pytest.raises(KitError, match="damaged"):
        load(settings(tmp_path, "auto", kit=kit))
    (kit / "voc" / "voc-20.tar").unlink()
    with pytest.raises(KitError, match="no PASCAL VOC archive"):
        load(settings(tmp_path, "voc:5", kit=kit))
    with pytest.raises(KitError, match=r"has no voc/voc\.tar"):
        load(settings(tmp_path, "voc", kit=kit))


# --- archives and folders ----------------------------------------------------------------------


def test_an_archive_is_a_data_set_and_changes_with_the_file(tmp_path):
    tar = tmp_path / "My pets!.tar"
    tar.write_bytes(tiny_voc.pack([("pets/cats/1.jpg", tiny_voc.jpeg(1))]))
    found = load(settings(tmp_path, str(tar)))
    assert found.name.startswith("my-pets_")
    assert found.pictures[0].labels == ("cats",)
    tar.write_bytes(ARCHIVE)
    assert [p.labels for p in load(settings(tmp_path, str(tar))).pictures][:2] == [
        ("cat",),
        ("dog",),
    ]


def test_every_folder_and_archive_of_ones_own_has_a_name_of_its_own_that_stays(tmp_path):
    names = []
    for place in ("a/pets", "b/pets", "c/voc-2000", "d/sample", "e/VOC", "a/pets"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "1.jpg").write_bytes(tiny_voc.jpeg(1))
        names.append(load(settings(tmp_path, str(tmp_path / place))).name)
    stems = [name.partition("_")[0] for name in names]
    assert stems == ["pets", "pets", "voc-2000", "sample", "voc", "pets"]
    assert len(set(names)) == 5
    assert names[5] == names[0]
    assert all(re.fullmatch(r"[a-z0-9-]+_[0-9a-f]{6}", name) for name in names)  # no "voc-2000"


def test_the_same_path_in_two_containers_names_two_data_sets(tmp_path):
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "1.jpg").write_bytes(tiny_voc.jpeg(1))
    mine = settings(tmp_path, str(tmp_path / "pets"))
    other = replace(mine, data=tmp_path / "another container's data")
    names = [load(each).name for each in (mine, other, mine)]
    assert names[0] == names[2] != names[1]


def test_the_ledger_is_written_as_csv(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "1.jpg").write_bytes(tiny_voc.jpeg(1))
    (tmp_path / "own" / "2.jpg").write_bytes(b"")
    found = load(settings(tmp_path, str(tmp_path / "own")))
    with (tmp_path / "data" / "ledgers" / f"{found.name}.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [["2.jpg", "it is empty (0 bytes)", "no"]]
    assert len(found.ledger) == 1


def test_nothing_usable_and_nothing_there_are_reported(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "2.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"No picture in .* could be used"):
        load(settings(tmp_path, str(tmp_path / "own")))
    (tmp_path / "pets.zip").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"not a \.tar archive. Unpack it"):
        load(settings(tmp_path, str(tmp_path / "pets.zip")))
    with pytest.raises(DatasetError, match="no such folder or archive"):
        load(settings(tmp_path, "pascal"))


def test_a_size_is_remembered_until_the_file_changes_and_a_fault_is_not(tmp_path):
    (tmp_path / "own").mkdir()
    good, bad = tmp_path / "own" / "1.jpg", tmp_path / "own" / "2.jpg"
    good.write_bytes(tiny_voc.jpeg(1))
    bad.write_bytes(b"")
    name = load(settings(tmp_path, str(good.parent))).name
    memory = tmp_path / "data" / "checks" / f"{name}.json"
    known = json.loads(memory.read_text())
    assert list(known.values()) == [[48, 32]]
    memory.write_text(json.dumps({key: [1, 2] for key in known}))
    assert load(settings(tmp_path, str(good.parent))).pictures[0].width == 1
    good.write_bytes(tiny_voc.jpeg(1, (64, 64)))
    bad.write_bytes(tiny_voc.jpeg(2))
    assert [p.width for p in load(settings(tmp_path, str(good.parent))).pictures] == [64, 48]


def test_a_file_changed_to_the_same_length_and_time_is_read_again(tmp_path):
    path = tmp_path / "own" / "a.bmp"
    path.parent.mkdir()
    Image.new("RGB", (8, 4)).save(path)
    assert load(settings(tmp_path, str(path.parent))).pictures[0].width == 8
    before = path.stat()
    Image.new("RGB", (4, 8)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert load(settings(tmp_path, str(path.parent))).pictures[0].width == 4


class StoppedError(Exception):
    pass


def test_a_listing_can_be_watched_and_stopped_and_keeps_what_it_had(tmp_path):
    (tmp_path / "own").mkdir()
    for number in range(9):
        (tmp_path / "own" / f"{number}.jpg").write_bytes(tiny_voc.jpeg(number))
    found, seen = settings(tmp_path, str(tmp_path / "own")), []

    def stop(done, total):
        seen.append((done, total))
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        dataset.load(found, progress=False, watch=stop)
    assert seen == [(0, n) for n in range(1, 10)] + [(n, 9) for n in range(6)]
    (memory,) = (tmp_path / "data" / "checks").iterdir()
    assert len(json.loads(memory.read_text())) == 5
    assert len(load(found).pictures) == 9


def test_a_folder_is_listed_while_another_program_downloads(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "1.jpg").write_bytes(tiny_voc.jpeg(1))
    found, listed = settings(tmp_path, str(tmp_path / "own")), threading.Event()
    with file_lock(tmp_path / "data" / "datasets" / ".lock"):
        work = lambda: load(found).pictures and listed.set()  # noqa: E731
        threading.Thread(target=work, daemon=True).start()
        assert listed.wait(600), "it waits for the lock"


def test_a_data_set_says_where_its_pictures_are_without_the_rest_of_the_path(tmp_path):
    path = tmp_path / "own" / "cats" / "1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(tiny_voc.jpeg(1))
    found = load(settings(tmp_path, str(tmp_path / "own")))
    assert found.folder == tmp_path / "own"
    assert found.relative(found.pictures[0]) == "cats/1.jpg"


def test_deleted_files_of_an_unpacked_set_are_told(tmp_path):
    tar = tmp_path / "pets.tar"
    tar.write_bytes(tiny_voc.pack([(f"{n}.jpg", tiny_voc.jpeg(n)) for n in range(4)]))
    found = load(settings(tmp_path, str(tar)))
    found.pictures[2].path.unlink()
    again = load(settings(tmp_path, str(tar)))
    assert [picture.id for picture in again.pictures] == ["0.jpg", "1.jpg", "3.jpg"]
    assert [(entry.path, entry.used) for entry in again.ledger.entries] == [("2.jpg", False)]
    assert f"delete {found.folder}" in again.ledger.entries[0].reason
    shutil.rmtree(found.folder)
    assert len(load(settings(tmp_path, str(tar))).pictures) == 4


@pytest.mark.parametrize("asked", ["~nobody-of-this-name/a", "/" + "a" * 5000, "/a\0b", "b" * 300])
def test_a_path_that_cannot_be_is_reported_like_one_that_is_not_there(tmp_path, asked):
    with pytest.raises(DatasetError, match="no such folder or archive"):
        load(settings(tmp_path, asked))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", [b"caf\xe9", b"space ", b" 'quoted\"", b"two\nlines"])
def test_a_folder_may_have_any_name(tmp_path, name):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)) / "cats"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(tiny_voc.jpeg(1))
    for place, picture_id in ((folder, "1.jpg"), (folder.parent, "cats/1.jpg")):
        found = load(settings(tmp_path, str(place)))
        assert [picture.id for picture in found.pictures] == [picture_id]
        assert found.why.encode("utf-8")
        assert len(found.ledger) == 0


READ = """
import sys
from helpers import dataset
from helpers.settings import from_environment
found = from_environment({"BOOTCAMP_DATA": sys.argv[1], "BOOTCAMP_DATASET": sys.argv[2]})
print(len(dataset.load(found, progress=False).pictures))
"""


def test_a_folder_that_cannot_be_written_does_not_stop_a_set_that_is_here(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "1.jpg").write_bytes(tiny_voc.jpeg(1))
    with Server(ARCHIVE) as server:
        load(settings(tmp_path, "voc:10", server.url))
    assert run_read_only(tmp_path / "data", READ, "voc:10") == "10\n"
    assert run_read_only(tmp_path / "data", READ, tmp_path / "own") == "1\n"
    (tmp_path / "new").mkdir()
    assert run_read_only(tmp_path / "new", READ, tmp_path / "own") == "1\n"


# --- killed ------------------------------------------------------------------------------------

RUN = """
import json, sys, time
from dataclasses import replace
from helpers import dataset, settings
from helpers.fetch import archive
slow, save = float(sys.argv[1]), archive.save
def save_slowly(*args):
    time.sleep(slow)
    save(*args)
archive.save = save_slowly
release = settings.Release(**json.loads(sys.argv[2]))
dataset.load(replace(settings.from_environment(), voc_release=release))
"""
KILLED = tiny_voc.pack(tiny_voc.files(200))


def start(tmp_path, asked, url, slow):
    """Start a run in another process, unpacking a file every `slow` seconds."""
    env = {
        **os.environ,
        "BOOTCAMP_DATA": str(tmp_path / "data"),
        "BOOTCAMP_DATASET": asked,
        "BOOTCAMP_VOC_MIRRORS": url,
    }
    release = json.dumps(vars(tiny_voc.release(KILLED, 200)))
    command = [sys.executable, "-c", RUN, str(slow), release]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **pipes)


def test_two_notebooks_at_once_fetch_it_once(tmp_path):
    with Server(KILLED) as server:
        both = [start(tmp_path, "voc:150", server.url, 0.002) for _ in range(2)]
        told = [process.communicate() for process in both]
        assert [process.returncode for process in both] == [0, 0], told
        assert len(server.requests) == 1
    waited = [out for out, _ in told if "Another notebook is fetching" in out]
    assert len(waited) == 1
    assert_complete(tmp_path, "voc:150")


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "step"), [("voc", 150_000), ("voc:150", 60_000)])
def test_killed_at_twenty_random_moments_it_ends_complete_and_correct(tmp_path, asked, step):
    """Up to `step` bytes further each time: it is hit while it downloads, streams and unpacks."""
    rng, kills = random.Random(asked), 0
    with Server(KILLED, rate=3_000_000) as server:
        while kills < 20:
            process = start(tmp_path, asked, server.url, 0.004)
            aim = tree_size(tmp_path / "data") + rng.random() * step
            while process.poll() is None and tree_size(tmp_path / "data") < aim:
                time.sleep(0.002)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            assert process.wait() in (0, -signal.SIGKILL), process.stderr.read()
            assert_nothing_wrong(tmp_path)
            if process.returncode == 0:
                assert_complete(tmp_path, asked)
                shutil.rmtree(tmp_path / "data")
        last = start(tmp_path, asked, server.url, 0)
        assert last.wait() == 0, last.stderr.read()
    assert_nothing_wrong(tmp_path)
    assert_complete(tmp_path, asked)


def assert_nothing_wrong(tmp_path):
    """Assert that whatever has its final name is whole."""
    content = {Path(path).name: data for path, data in tiny_voc.files(200)}
    for path in (tmp_path / "data").rglob("*"):
        if path.suffix in (".jpg", ".xml"):
            assert path.read_bytes() == content[path.name]
        if path.name == "voc.tar":
            assert path.read_bytes() == KILLED


def assert_complete(tmp_path, asked):
    """Assert that all wanted pictures and annotations are here, and nothing half done."""
    root = voc.find(tmp_path / "data" / "datasets" / asked.replace(":", "-"))
    stems = {f"2007_{i:06}" for i in range(1, (200 if asked == "voc" else 150) + 1)}
    for kind in ("JPEGImages", "Annotations"):
        assert {path.stem for path in (root / kind).iterdir()} == stems
    assert not list((tmp_path / "data" / "datasets").rglob("*.part"))


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such permissions")
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_what_may_not_be_read_is_not_blamed_on_writing(tmp_path, kind):
    path = tmp_path / ("pets" if kind == "folder" else "pets.tar")
    path.mkdir() if kind == "folder" else path.write_bytes(b"tar")
    path.chmod(0)
    # Even root can't read it then, without these two capabilities.
    root = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    code = "from helpers import dataset; dataset.load(progress=False)"
    env = {**os.environ, "BOOTCAMP_DATASET": str(path), "BOOTCAMP_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [*([] if os.geteuid() else root), sys.executable, "-c", code],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    path.chmod(0o700)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("helpers.dataset.pictures.DatasetError"), done.stderr
    assert str(path) in last
    assert "can't be read (Permission denied)" in last
