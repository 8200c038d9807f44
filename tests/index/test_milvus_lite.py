"""Milvus Lite's folder: who may open it, and what is said when it can't be opened."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from index_kit import COLLECTION, PAIR, child, clustered, release, some_pictures

from helpers.files import try_lock
from helpers.index import Index, MilvusError, collections, milvus_lite


def test_two_indexes_share_a_database_until_both_are_closed(here):
    first, second = Index(*PAIR, here), Index("sample", "vgg16-conv5-max-224-int8", here)
    first.close()
    second.sync(some_pictures(3), clustered(3), progress=False)
    assert second.count() == 3
    second.close()
    with (Path(here.milvus_uri) / "LOCK").open() as lock:
        assert try_lock(lock)


def test_closing_leaves_somebody_elses_client_alone(here):
    from pymilvus import MilvusClient

    client = MilvusClient(here.milvus_uri)
    Index(*PAIR, here).close()
    assert client.list_collections() == [COLLECTION]
    client.close()
    release(here)


@pytest.fixture
def linked(here, tmp_path):
    """The settings that reach the same database through a symbolic link."""
    link = tmp_path / "link"
    link.symlink_to(Path(here.milvus_uri).parent)
    return replace(here, milvus_uri=str(link / Path(here.milvus_uri).name))


def test_a_database_that_is_reached_by_two_paths_is_one(here, linked):
    with Index(*PAIR, here) as first, Index(*PAIR, linked) as second:
        first.sync(some_pictures(3), clustered(3), progress=False)
        assert second.count() == 3
    with (Path(here.milvus_uri) / "LOCK").open() as lock:
        assert try_lock(lock)


@pytest.fixture
def restless():
    """Threads that take turns as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_many_threads_open_and_close_the_database_at_once(here, restless):
    def visit(number):
        with Index(f"set{number % 4}", "vgg16", here) as index:
            rows = index.count()
        return rows, len(collections(here)) > 0

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(visit, range(48))) == {(0, True)}
    with (Path(here.milvus_uri) / "LOCK").open() as lock:
        assert try_lock(lock)


def test_this_program_is_not_told_to_end_itself(here, linked):
    from pymilvus import MilvusClient

    client = MilvusClient(linked.milvus_uri)  # without us, so that Milvus Lite takes it for another
    with pytest.raises(
        MilvusError, match="in use by this very program, which opened it by another"
    ):
        Index(*PAIR, here)
    client.close()
    release(linked)


@pytest.mark.slow
def test_another_process_is_named_and_nothing_is_harmed(here):
    holding = "index = Index(*PAIR, here); index.sync(some_pictures(9), clustered(9), False)\n"
    holding += 'print("held", flush=True); time.sleep(60)'
    other = child(holding, here, JPY_SESSION_NAME="notebooks/03_build_milvus_index.ipynb")
    try:
        assert other.stdout.readline() == "held\n"
        quiet = child("Index(*PAIR, here)", here)
        text = quiet.communicate(timeout=60)[1]
        last = text.strip().splitlines()[-1]
        assert f"03_build_milvus_index.ipynb (process {other.pid})" in last
        assert "allows one process at a time. End it" in last
        assert "DataDirLockedError" not in text  # Milvus Lite's own traceback
    finally:
        other.kill()
        other.communicate()
    with Index(*PAIR, here) as index:
        assert index.count() == 9


def test_a_file_of_an_older_milvus_lite_is_left_alone(here):
    old = Path(here.milvus_uri)
    old.write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(MilvusError, match=r"older versions .* Move the file away"):
        Index(*PAIR, here)
    assert old.read_bytes().startswith(b"SQLite")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("milvus.db.sqlite", r"ends in \.db\. Set it to .*milvus\.db\.sqlite\.db"),
        ("localhost:19530", r"or to http://host:19530 for a server"),
        ("notes.txt", r"ends in \.db"),
        ("notes.txt/milvus.db", r"Nothing can be written to .*milvus\.db \(Not a directory\)"),
    ],
)
def test_an_address_that_is_no_database_says_what_would_be(here, tmp_path, uri, told):
    (tmp_path / "notes.txt").write_text("not a database")
    with pytest.raises(MilvusError, match=told):
        Index(*PAIR, replace(here, milvus_uri=str(tmp_path / uri)))
    assert (tmp_path / "notes.txt").read_text() == "not a database"


@pytest.mark.parametrize("folder", ["new", "old"])
def test_a_read_only_folder_is_reported(here, mounted, folder):
    disk = mounted("size=1m")
    (disk / "old.db").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(MilvusError, match=r"Nothing can be written to .* \(Read-only"):
        Index(*PAIR, replace(here, milvus_uri=str(disk / f"{folder}.db")))


def damage_data(folder):
    for file in folder.rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:1000])


def damage_schema(folder):
    for file in folder.rglob("schema.json"):
        file.write_text("{")


@pytest.mark.parametrize("damage", [damage_data, damage_schema])
def test_a_damaged_database_says_so_and_what_to_do(filled, damage):
    index, here = filled
    index.close()
    damage(Path(here.milvus_uri))
    with pytest.raises(MilvusError, match="notebook 03"):
        Index(*PAIR, here)
    shutil.rmtree(here.milvus_uri)
    with Index(*PAIR, here) as again:
        assert again.sync(some_pictures(300), clustered(300), progress=False).written == 300


STRUCK = """
from milvus_lite.server_manager import server_manager_instance
from pymilvus import MilvusClient

def strike_during(owner, method):
    real = getattr(owner, method)
    def struck(*arguments, **options):
        setattr(owner, method, real)  # once is enough
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        return real(*arguments, **options)
    setattr(owner, method, struck)

def interrupted(action):
    try:
        action()
    except KeyboardInterrupt:
        return True

for _ in range(3):
    strike_during(MilvusClient, "__init__")
    print("opening", interrupted(lambda: Index(*PAIR, here)), flush=True)
    index = Index(*PAIR, here)
    strike_during(server_manager_instance, "release_server")
    print("closing", interrupted(index.close), flush=True)
    index.close()
Index(*PAIR, here).close()
print("still alive", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_ctrl_c_while_opening_or_closing_leaves_nothing_locked(here):
    other = child(STRUCK, here)
    for _ in range(3):
        assert other.stdout.readline() == "opening True\n"
        assert other.stdout.readline() == "closing True\n"
    assert other.stdout.readline() == "still alive\n"
    with Index(*PAIR, here) as index:  # while the other process still runs
        assert index.count() == 0
    other.kill()
    other.communicate()


def test_a_data_file_without_its_index_file_is_waited_for(tmp_path):
    place = tmp_path / "collections" / "rows" / "partitions" / "_default"
    for folder in ("data", "indexes"):
        (place / folder).mkdir(parents=True)
    (place / "data" / "data_1.parquet").touch()
    assert not milvus_lite.wait_until_indexed(str(tmp_path), "rows", timeout=0.2)
    (place / "indexes" / "data_1.vector.idx").touch()
    assert milvus_lite.wait_until_indexed(str(tmp_path), "rows", timeout=600)
