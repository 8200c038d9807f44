"""The two commands: what is saved comes back, and neither ever loses what it wasn't told to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from index_kit import COLLECTION, PAIR, clustered, some_pictures, whole_rows

from helpers.dataset.pictures import Picture
from helpers.index import Index, MilvusError, backup, collection_name, collections, names
from helpers.settings import ROOT

MINE = ("mine", "tuned")


@pytest.fixture
def two(filled):
    """Settings of a Milvus with two collections, 300 rows of 512 and 40 rows of 32 numbers."""
    index, here = filled
    index.close()
    fill_mine(here)
    return here


def fill_mine(settings, count=40):
    pictures = [Picture(f"mine-{n}", Path("p"), ("cat",)) for n in range(count)]
    with Index(*MINE, settings, 32, index_type="HNSW") as index:
        index.sync(pictures, clustered(count, seed=4)[:, :32], progress=False, delete_most=True)


def everything(settings):
    """Return all rows of both collections, and what is known of these."""
    rows = whole_rows(settings), whole_rows(settings, 32, MINE)
    return rows, collections(settings)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def run(settings, *arguments, before=""):
    """Run the command itself; return the finished process."""
    environment = {"MILVUS_URI": settings.milvus_uri, "MILVUS_TOKEN": settings.milvus_token}
    code = f"{before}\nfrom helpers.index import backup\nbackup.main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def saved_and_restored(settings, target, folder):
    """Save all, restore it elsewhere, twice, and compare everything."""
    told = []
    assert backup.save(folder, settings=settings, tell=told.append) == 0
    assert sorted(told) == [
        f"{collection_name(*MINE)}: 40 rows saved.",
        f"{COLLECTION}: 300 rows saved.",
    ]
    kept = manifest(folder)
    assert {name: entry["rows"] for name, entry in kept.items()} == {
        COLLECTION: 300,
        collection_name(*MINE): 40,
    }
    assert {path.name for path in folder.glob("*.parquet")} == {e["file"] for e in kept.values()}
    for expected in ("written", "unchanged"):
        told = []
        assert backup.restore(folder, settings=target, tell=told.append) == 0
        assert sum(f" {expected}" in one for one in told) == 2
        assert (
            f"{COLLECTION}: 300 written, 0 deleted, 0 unchanged." in told or expected != "written"
        )
        assert everything(target) == everything(settings)
    with Index(*MINE, target, 32) as index:
        assert index.index_type() == "HNSW"


def test_what_is_saved_comes_back(two, elsewhere, tmp_path):
    saved_and_restored(two, elsewhere, tmp_path / "kept")


@pytest.mark.server
@pytest.mark.slow
def test_what_is_saved_comes_back_on_a_server(two, there, tmp_path):
    saved_and_restored(two, there, tmp_path / "kept")


def test_the_commands_in_a_shell(two, elsewhere, tmp_path):
    folder = tmp_path / "kept"
    done = run(two, "save", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{COLLECTION}: 300 rows saved." in done.stdout
    done = run(elsewhere, "restore", folder, "--collection", COLLECTION)
    assert (done.returncode, done.stdout) == (
        0,
        f"{COLLECTION}: 300 written, 0 deleted, 0 unchanged.\n",
    )
    assert [info.name for info in collections(elsewhere)] == [COLLECTION]
    done = run(two, "save", folder, "--collection", "nobody")
    assert done.returncode == 1
    assert "has no collection nobody of ours. It has: " in done.stderr
    done = run(two, "restore", tmp_path)
    assert (done.returncode, "holds no backup" in done.stderr) == (1, True)


def test_a_second_backup_replaces_the_first(two, tmp_path):
    backup.save(tmp_path / "kept", settings=two)
    before = manifest(tmp_path / "kept")
    fill_mine(two, 41)
    backup.save(tmp_path / "kept", [collection_name(*MINE)], settings=two)
    after = manifest(tmp_path / "kept")
    assert after[COLLECTION] == before[COLLECTION]
    assert after[collection_name(*MINE)]["rows"] == 41
    files = {path.name for path in (tmp_path / "kept").glob("*.parquet")}
    assert files == {entry["file"] for entry in after.values()}


KILLED = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started it all
from helpers.index import copying, parquet
copying.ROWS_PER_CALL, checked, left = 50, copying.checked, iter(range(AFTER))
def dying(*arguments):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGNAL)
    return checked(*arguments)
copying.checked = dying
"""


@pytest.mark.slow
@pytest.mark.parametrize(("after", "signal"), [(0, "SIGKILL"), (2, "SIGINT"), (6, "SIGKILL")])
def test_an_interrupted_backup_leaves_the_older_one(two, elsewhere, tmp_path, after, signal):
    folder = tmp_path / "kept"
    backup.save(folder, settings=two)
    before = everything(two)
    with Index(*PAIR, two) as index:
        index.upsert(some_pictures(301), clustered(301, seed=8), progress=False)
    killed = KILLED.replace("AFTER", str(after)).replace("SIGNAL", signal)
    if signal == "SIGINT":
        killed = (
            killed.replace("import copying", "import copying")
            + "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        )
    done = run(two, "save", folder, before=killed)
    assert done.returncode in (1, -9)
    assert signal == "SIGKILL" or "Interrupted. Run the same command again" in done.stderr
    backup.restore(folder, [COLLECTION], settings=elsewhere)
    rows = whole_rows(elsewhere)
    assert rows in (before[0][0], whole_rows(two))
    assert backup.save(folder, settings=two) == 0
    assert len(list(folder.glob("*.parquet"))) == 2
    assert not list(folder.glob(".*.part"))


@pytest.mark.slow
def test_an_interrupted_restore_carries_on(two, elsewhere, tmp_path):
    backup.save(tmp_path, settings=two)
    killed = KILLED.replace("AFTER", "12").replace("SIGNAL", "SIGKILL")
    done = run(elsewhere, "restore", tmp_path, before=killed)
    assert done.returncode == -9
    told = []
    assert backup.restore(tmp_path, settings=elsewhere, tell=told.append) == 0
    assert everything(elsewhere) == everything(two)


def test_what_has_other_rows_is_left_alone(two, elsewhere, tmp_path):
    backup.save(tmp_path, settings=two)
    with Index(*PAIR, elsewhere) as index:
        index.sync(some_pictures(3), clustered(3, seed=6), progress=False)
    before, told = whole_rows(elsewhere), []
    assert backup.restore(tmp_path, settings=elsewhere, tell=told.append) == 1
    assert whole_rows(elsewhere) == before
    assert whole_rows(elsewhere, 32, MINE) == whole_rows(two, 32, MINE)
    (refused,) = [one for one in told if "NOT RESTORED" in one]
    assert refused.startswith(f"{COLLECTION}: NOT RESTORED. Milvus has 3 rows")
    assert backup.restore(tmp_path, replace=True, settings=elsewhere) == 0
    assert everything(elsewhere) == everything(two)


def test_a_changed_backup_is_refused_before_anything_is_written(two, elsewhere, tmp_path):
    backup.save(tmp_path, settings=two)
    path = tmp_path / manifest(tmp_path)[COLLECTION]["file"]
    content = path.read_bytes()
    for change in (lambda: path.write_bytes(content[:-1] + b"x"), path.unlink):
        change()
        with pytest.raises(MilvusError, match=r"(what was saved|missing).*nothing was"):
            backup.restore(tmp_path, settings=elsewhere)
        assert collections(elsewhere) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"file": "../a.20261127T000000000000.parquet"},
        {"file": "/etc/passwd"},
        {"rows": "many"},
        {"sha256": None},
        {"more": 1},
    ],
)
def test_a_changed_manifest_is_refused(two, elsewhere, tmp_path, entry):
    backup.save(tmp_path, settings=two)
    known = manifest(tmp_path)
    known[COLLECTION] |= entry
    (tmp_path / "manifest.json").write_text(json.dumps(known))
    for does, where in ((backup.restore, elsewhere), (backup.save, two)):
        with pytest.raises(MilvusError, match=r"manifest\.json is damaged"):
            does(tmp_path, settings=where)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(MilvusError, match=r"manifest\.json is damaged"):
        backup.restore(tmp_path, settings=elsewhere)


def test_rows_lost_in_milvus_are_not_lost_in_the_backup(two, elsewhere, tmp_path):
    backup.save(tmp_path, settings=two)
    before, known = everything(two), manifest(tmp_path)
    with Index(*MINE, two, 32) as index:
        index.sync([], [], progress=False, delete_most=True)
    with Index(*PAIR, two) as index:
        index._confirm(310)  # as if ten rows had been lost
    told = []
    with pytest.warns(match="10 are lost"):
        assert backup.save(tmp_path, settings=two, tell=told.append) == 2
    assert manifest(tmp_path) == known
    assert any("has lost 10 rows" in one for one in told)
    assert any("It has 0 rows, but 40 are kept as of 20" in one for one in told)
    backup.restore(tmp_path, settings=elsewhere)
    assert everything(elsewhere)[0] == before[0]
    assert backup.save(tmp_path, [collection_name(*MINE)], replace=True, settings=two) == 0
    assert manifest(tmp_path)[collection_name(*MINE)]["rows"] == 0


def test_what_is_gone_from_milvus_stays_in_the_backup(two, elsewhere, tmp_path):
    backup.save(tmp_path, settings=two)
    known, told = manifest(tmp_path), []
    with Index(*MINE, two, 32) as index:
        index.drop()
    backup.save(tmp_path, settings=two, tell=told.append)
    assert manifest(tmp_path)[collection_name(*MINE)] == known[collection_name(*MINE)]
    assert any("not in Milvus any more; kept as of" in one for one in told)
    with pytest.raises(MilvusError, match="has no collections of ours"):
        backup.save(tmp_path, settings=elsewhere)
    assert backup.restore(tmp_path, settings=two) == 0
    with Index(*MINE, two, 32) as index:
        assert index.count() == 40


def test_a_full_disk_leaves_the_older_backup(two, elsewhere, mounted):
    disk = mounted("size=1m")
    backup.save(disk, settings=two)
    known = manifest(disk)
    with Index(*PAIR, two) as index:
        index.upsert(some_pictures(301)[300:], clustered(1, seed=8), progress=False)
    told = []
    assert backup.save(disk, [COLLECTION], settings=two, tell=told.append) == 1
    assert "NOT SAVED" in told[0]
    assert "No space left" in told[0]
    assert manifest(disk) == known
    assert backup.restore(disk, settings=elsewhere) == 0
    assert len(whole_rows(elsewhere)) == 300


def test_an_old_collection_is_left_out(two, tmp_path, monkeypatch):
    (one, other) = collections(two)
    old = names.CollectionInfo("vgg16", "", "vgg16", 3, True, 512)
    monkeypatch.setattr(names, "collections", lambda _: [one, old, other])
    told = []
    assert backup.save(tmp_path, settings=two, tell=told.append) == 0
    assert "vgg16: left out, because an earlier version of this course made it." in told
