"""Milvus Lite's folder: who may open it, and what is said when it can't be opened."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from index_kit import COLLECTION, PAIR, child, clustered, release, some_pictures

from helpers.files import try_lock
from helpers.index import Index, MilvusError


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


def test_a_name_that_milvus_lite_does_not_take(here):
    with pytest.raises(MilvusError, match=r"ends in \.db"):
        Index(*PAIR, replace(here, milvus_uri=here.milvus_uri + ".sqlite"))


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
