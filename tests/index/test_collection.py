"""Accidents: kills, interruptions, lost and damaged files, a full disk, somebody else's data."""

import os
import signal
import subprocess
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_kit import COLLECTION, PAIR, child, clustered, ids, nearest, release, some_pictures

from helpers.files import tree_size
from helpers.index import Index, MilvusError, MissingRowsWarning, collection, connection

SLOWLY = """
from pymilvus import MilvusClient
collection.ROWS_PER_CALL = 50
index = Index(*PAIR, here)
upsert = MilvusClient.upsert
def reporting(*arguments, **options):
    answer = upsert(*arguments, **options)
    print(answer["upsert_count"], flush=True)
    return answer
MilvusClient.upsert = reporting
"""


@pytest.mark.slow
@pytest.mark.parametrize("batches", [1, 5, 17])
def test_kill_9_while_writing_loses_nothing_that_was_confirmed(here, batches):
    writing = SLOWLY + "index.sync(some_pictures(2000), clustered(2000), progress=False)"
    other = child(writing, here)
    for _ in range(batches):
        assert other.stdout.readline() == "50\n"
    other.kill()
    confirmed = 50 * (batches + len(other.communicate()[0].split()))
    with Index(*PAIR, here) as index:
        assert confirmed <= index.count() < 2000
        change = index.sync(some_pictures(2000), clustered(2000), progress=False)
        assert change.unchanged >= confirmed
        assert index.count() == 2000
        assert ids(index.search(clustered(2000)[77], 9)) == nearest(
            clustered(2000), clustered(2000)[77], 9
        )


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 0.01, 0.02, 0.03, 0.05])
def test_ctrl_c_keeps_what_was_written_and_the_index_usable(here, moment):
    writing = (
        SLOWLY
        + """
try:
    index.sync(some_pictures(2000), clustered(2000), progress=False)
except KeyboardInterrupt:
    before = index.count()
    change = index.sync(some_pictures(2000), clustered(2000), progress=False)
    print("kept", before, change.unchanged, index.count(), flush=True)
"""
    )
    other = child(writing, here)
    for _ in range(3):
        assert other.stdout.readline() == "50\n"
    time.sleep(moment)  # in the midst of a call, mostly
    other.send_signal(signal.SIGINT)
    out, _ = other.communicate(timeout=60)
    kept = next(line for line in out.splitlines() if line.startswith("kept")).split()
    assert 150 <= int(kept[1]) < 2000
    assert (int(kept[2]), kept[3]) == (int(kept[1]), "2000")


@pytest.mark.slow
def test_a_lost_file_is_reported_and_sync_restores_it(here):
    pictures, values = some_pictures(900), clustered(900)
    with Index(*PAIR, here) as index:
        index.sync(pictures[:500], values[:500], progress=False)
        index.sync(pictures, values, progress=False)
    max(Path(here.milvus_uri).rglob("*.parquet"), key=lambda file: file.stat().st_size).unlink()
    with pytest.warns(
        MissingRowsWarning, match="holds 400 rows, but 900 were confirmed: 500 are lost"
    ):
        index = Index(*PAIR, here)
    with index:
        assert index.missing == 500
        index.upsert(some_pictures(901)[900:], clustered(1), progress=False)
    with pytest.warns(MissingRowsWarning, match="holds 401 rows, but 901 were confirmed"):
        index = Index(*PAIR, here)  # adding one must not make it forget the 500
    with index:
        assert index.sync(pictures, values, progress=False).written == 900
        assert (index.count(), index.missing) == (900, 0)
    with Index(*PAIR, here) as index:
        assert index.missing == 0


def test_rows_deleted_on_purpose_are_not_called_lost(filled):
    index, here = filled
    index.delete_rows(["2007_000001"])  # and nothing after it, as when killed just then
    index.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingRowsWarning)
        with Index(*PAIR, here) as again:
            assert (again.count(), again.missing) == (299, 0)


IN_THE_LOG = """
collection.ROWS_PER_CALL, collection.LOG_FLUSH_BYTES = 100, 10_000_000
Index(*PAIR, here).sync(some_pictures(600), clustered(600), progress=False)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")  # of the damaged rows, in Milvus Lite
def test_a_damaged_log_is_reported_and_no_wrong_vector_stays(here):
    pictures, values = some_pictures(600), clustered(600)
    child(IN_THE_LOG, here).communicate()
    log = max(Path(here.milvus_uri).rglob("wal/*"), key=lambda file: file.stat().st_size)
    content = bytearray(log.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = os.urandom(5000)
    log.write_bytes(content)
    with pytest.warns(MissingRowsWarning):
        index = Index(*PAIR, here)
    with index:
        index.sync(pictures, values, progress=False)
        assert all(
            np.array_equal(index.vector(p.id), v) for p, v in zip(pictures, values, strict=True)
        )


def test_a_damaged_index_file_is_built_again(filled):
    index, here = filled
    found = index.search(clustered(300)[3])
    index.close()
    for file in Path(here.milvus_uri).rglob("*.idx"):
        file.write_bytes(file.read_bytes()[:1000])
    with Index(*PAIR, here) as again:
        assert again.search(clustered(300)[3]) == found


def test_a_collection_left_without_an_index_gets_one(filled):
    index, here = filled
    found = index.search(clustered(300)[3])
    index.close()
    client = connection.connect(here.milvus_uri)
    client.release_collection(COLLECTION)
    client.drop_index(COLLECTION, "vector")
    connection.close(client, here.milvus_uri)
    with Index(*PAIR, here) as again:
        assert again.describe()["index"] == "EXACT"
        assert again.search(clustered(300)[3]) == found


def test_somebody_elses_collection_is_left_alone(here):
    from pymilvus import MilvusClient

    client = MilvusClient(here.milvus_uri)
    client.create_collection(COLLECTION, dimension=8)
    with pytest.raises(MilvusError, match="made by another program"):
        Index(*PAIR, here)
    assert client.list_collections() == [COLLECTION]
    client.close()
    release(here)


def test_another_dimension_is_refused(filled):
    filled[0].close()
    with pytest.raises(MilvusError, match="keeps vectors of 512 numbers, not 64"):
        Index(*PAIR, filled[1], dim=64)


@pytest.mark.slow
@pytest.mark.parametrize("reopened", [True, False])
def test_a_full_disk_is_reported_and_loses_nothing(here, mounted, reopened):
    disk = mounted("size=6m")
    here = replace(here, milvus_uri=str(disk / "milvus.db"))
    pictures, values = some_pictures(3500), clustered(3500)
    index = Index(*PAIR, here)
    index.sync(pictures[:500], values[:500], progress=False)
    with pytest.raises(MilvusError, match="disk is full"):
        index.sync(pictures, values, progress=False)
    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
    if reopened:
        index.close()
        index = Index(*PAIR, here)
        assert index.count() >= 500
    with index:
        index.sync(pictures, values, progress=False)
        assert index.count() == 3500
        assert ids(index.search(values[4], 9)) == nearest(values, values[4], 9)
    with Index(*PAIR, here) as index:
        assert (index.count(), index.missing) == (3500, 0)


def test_a_sync_leaves_no_rows_in_the_log_where_searching_them_is_slow(here):
    with Index(*PAIR, here) as index:
        index.sync(some_pictures(2000), clustered(2000), progress=False)
        assert tree_size(index.folder / "wal") < 2000 * 512  # a quarter of the vectors


@pytest.mark.parametrize(("counts", "settled"), [([5, 5, 4], 4), ([4], 4), ([5] * 99, 5)])
def test_a_server_gets_time_to_agree_on_how_many_rows_it_has(filled, monkeypatch, counts, settled):
    index, told = filled[0], iter(counts)
    monkeypatch.setattr(index, "is_lite", False)
    monkeypatch.setattr(index, "count", lambda: next(told))
    monkeypatch.setattr(collection, "SETTLE_SECONDS", 1)
    assert index._settled(4) == settled
