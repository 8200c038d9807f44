"""The index on Milvus Lite: right answers, safe writes, plain errors. No server, no network."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.dataset.pictures import Picture
from helpers.index import Index, Labels, MilvusError, MissingRowsWarning, index_types, milvus_lite
from helpers.index.schema import RowError

NAME = "vgg16-conv5-max-224"
COLLECTION = "vgg16_conv5_max_224"
ROOT = Path(__file__).resolve().parent.parent
NAMES = ("bus", "car", "dog", "person")


def clustered(count, seed=0, centres=20, noise=0.7):
    """Return (count, 512) unit vectors around a few centres, as real features lie."""
    middle = np.random.default_rng(7).standard_normal((centres, 512))
    random = np.random.default_rng(seed)
    values = middle[random.integers(0, centres, count)]
    values = (values + noise * random.standard_normal((count, 512))).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def some_pictures(count):
    """Return pictures whose labels differ: the binary digits of their number pick the names."""
    return [
        Picture(
            id=f"2007_{number:06d}",
            path=Path("JPEGImages") / f"2007_{number:06d}.jpg",
            labels=tuple(name for bit, name in enumerate(NAMES) if number >> bit & 1),
            width=500,
            height=375,
        )
        for number in range(count)
    ]


def nearest(values, query, k, keep=None):
    """Return the ids of the k nearest rows by numpy, the oracle: (-score, id) decides."""
    scores = np.round(values @ query, 6)
    rows = [n for n in range(len(values)) if keep is None or keep(n)]
    return [f"2007_{n:06d}" for n in sorted(rows, key=lambda n: (-scores[n], n))[:k]]


def ids(hits):
    return [hit.id for hit in hits]


def release(here):
    """Let go of a database that was opened without an Index."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(here.milvus_uri)
    milvus_lite._opened.clear()


@pytest.fixture
def filled(here):
    """An index of 300 pictures, and the settings to open it again."""
    with Index(NAME, here) as index:
        index.sync(some_pictures(300), clustered(300), progress=False)
        yield index, here


# Right answers


def test_finds_what_numpy_finds(filled):
    index, values = filled[0], clustered(300)
    for query in clustered(5, seed=0)[:5]:
        hits = index.search(query, k=12)
        assert ids(hits) == nearest(values, query, 12)
        assert np.allclose([h.score for h in hits], np.sort(values @ query)[::-1][:12], atol=1e-5)


def test_a_hit_carries_path_and_labels(filled):
    hit = filled[0].search(clustered(300)[7], k=1)[0]
    assert (hit.id, hit.path) == ("2007_000007", "JPEGImages/2007_000007.jpg")
    assert hit.labels == ("bus", "car", "dog")
    assert hit.score == pytest.approx(1, abs=1e-5)


def test_search_many_is_search_for_each(filled):
    queries = clustered(230, seed=3)
    many = filled[0].search_many(queries, k=5)
    assert len(many) == 230
    for place in (0, 99, 100, 229):
        assert ids(many[place]) == ids(filled[0].search(queries[place], k=5))


@pytest.mark.parametrize(
    ("label_filter", "keep"),
    [
        (Labels(any="bus"), lambda n: n & 1),
        (Labels(any=("bus", "car")), lambda n: n & 3),
        (Labels(all=("bus", "car")), lambda n: n & 3 == 3),
        (Labels(all="bus", none="person"), lambda n: n & 9 == 1),
        (Labels(none=("bus", "car", "dog", "person")), lambda n: n & 15 == 0),
        (
            Labels(any=("car", "dog"), all="bus", none="person"),
            lambda n: n & 1 and n & 6 and not n & 8,
        ),
        (Labels(any="zeppelin"), lambda n: False),
        (Labels(), lambda n: True),
    ],
)
def test_filters_agree_with_numpy(filled, label_filter, keep):
    index, values = filled[0], clustered(300)
    for query in clustered(3, seed=9):
        assert ids(index.search(query, 10, label_filter)) == nearest(values, query, 10, keep)


STRANGE = ['a"b', "a'b", "a\\", '\\"', "100%", "_ar", "naïve 日本", "a\nb", "tab\t", "\x01"]
STRANGE += ['" or id != "', "label_1", "|car|", "\\n", "true"]


def test_strange_labels_find_themselves_and_nothing_else(here):
    pictures = [Picture(f"p{n:02d}", Path("p"), (label,)) for n, label in enumerate(STRANGE)]
    values = clustered(len(STRANGE))
    with Index(NAME, here) as index:
        index.sync(pictures, values, progress=False)
        for number, label in enumerate(STRANGE):
            found = index.search(values[0], 99, Labels(any=label))
            assert ids(found) == [f"p{number:02d}"], label
            assert found[0].labels == (label,)
            assert len(index.search(values[0], 99, Labels(none=label))) == len(STRANGE) - 1


def test_floor_cuts_at_the_score(filled):
    query = clustered(300)[0]
    best = filled[0].search(query, 12)
    min_score = best[4].score
    assert filled[0].search(query, 12, min_score=min_score) == [
        h for h in best if h.score >= min_score
    ]
    assert filled[0].search(query, 12, min_score=1.1) == []


def test_ties_are_broken_by_id_however_many_there_are(here):
    values = np.tile(clustered(1), (60, 1))
    pictures = some_pictures(60)
    order = np.random.default_rng(1).permutation(60)
    with Index(NAME, here) as index:
        index.sync([pictures[n] for n in order], values, progress=False)
        assert ids(index.search(values[0], k=7)) == [p.id for p in pictures[:7]]
        assert ids(index.search_many(values[:2], k=7)[1]) == [p.id for p in pictures[:7]]


def test_vector_and_row_come_back_as_they_went_in(filled):
    index, values = filled[0], clustered(300)
    assert index.vector("2007_000042").dtype == np.float32
    assert np.array_equal(index.vector("2007_000042"), values[42])
    row = index.get("2007_000042")
    assert row["labels"] == ("car", "person")
    assert (row["width"], row["height"]) == (500, 375)


@pytest.mark.parametrize("index_type", ["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_every_kind_finds_nearly_all_also_with_a_filter(here, index_type):
    values, pictures = clustered(2500), some_pictures(2500)
    queries = clustered(20, seed=5)
    with Index(NAME, here, index_type=index_type) as index:
        index.sync(pictures, values, progress=False)
        assert index.describe()["index"] == index_type
        for label_filter, keep in (
            (None, None),
            (Labels(all=("bus", "dog")), lambda n: n & 5 == 5),
        ):
            found = index.search_many(queries, 10, label_filter)
            truth = [nearest(values, query, 10, keep) for query in queries]
            hit = sum(len(set(ids(f)) & set(t)) for f, t in zip(found, truth, strict=True))
            assert hit / 200 >= (0.99 if index_type == "FLAT" else 0.9), (index_type, label_filter)


@pytest.mark.parametrize("index_type", ["EXACT", "IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_a_filter_finds_rows_that_lie_far_from_the_query(here, index_type):
    values, query = clustered(2500), clustered(1, seed=5)[0]
    far = set(np.argsort(values @ query)[:250])  # where an approximate search does not look
    pictures = [
        replace(picture, labels=("far",) if number in far else ("near",))
        for number, picture in enumerate(some_pictures(2500))
    ]
    with Index(NAME, here, index_type=index_type) as index:
        index.sync(pictures, values, progress=False)
        found = ids(index.search(query, 10, Labels(any="far")))
    truth = nearest(values, query, 10, far.__contains__)
    assert len(set(found) & set(truth)) >= (8 if index_type == "IVF_SQ8" else 10)


def test_the_index_is_built_with_our_parameters_and_not_with_defaults(here):
    faiss = pytest.importorskip("faiss", reason="ABSENT: faiss-cpu, which Milvus Lite brings")
    with Index(NAME, here, index_type="IVF_FLAT") as index:
        index.sync(some_pictures(2500), clustered(2500), progress=False)
        assert index.describe()["parameters"] == {"nlist": 64}
    files = list(Path(here.milvus_uri).rglob("*.idx"))
    assert [faiss.read_index(str(file)).nlist for file in files] == [64]


def test_parameters_follow_the_rows():
    assert index_types.build_parameters("IVF_FLAT", 17_125) == {"nlist": 439}  # 39 rows a bucket
    assert index_types.build_parameters("IVF_FLAT", 1_000_000) == {"nlist": 4000}  # 4 √rows
    assert index_types.build_parameters("IVF_FLAT", 0) == {"nlist": 2}  # 1 would be EXACT
    assert index_types.build_parameters("EXACT", 17_125) == {"nlist": 1}
    assert index_types.search_parameters("HNSW", k=10) == {"ef": 256}
    assert index_types.search_parameters("HNSW", k=100) == {"ef": 400}
    assert index_types.search_parameters("IVF_FLAT", 10, nlist=128) == {"nprobe": 16}
    assert index_types.search_parameters("IVF_FLAT", 10, nlist=128, everywhere=True) == {
        "nprobe": 128
    }


def test_changing_the_kind_keeps_the_rows(filled):
    filled[0].close()
    with Index(NAME, filled[1], index_type="HNSW") as index:
        assert (index.describe()["index"], index.count()) == ("HNSW", 300)
    with Index(NAME, filled[1]) as index:
        assert index.describe()["index"] == "HNSW"


# Life cycle


def test_a_second_sync_writes_nothing(filled):
    index, here = filled
    before = milvus_lite.size(here.milvus_uri, COLLECTION)
    change = index.sync(some_pictures(300), clustered(300), progress=False)
    assert (change.written, change.deleted, change.unchanged) == (0, 0, 300)
    assert milvus_lite.size(here.milvus_uri, COLLECTION) == before
    assert index.upsert(some_pictures(5), clustered(300)[:5], progress=False).written == 0


def test_sync_deletes_what_is_gone_and_rewrites_what_changed(filled):
    pictures, values = some_pictures(310), clustered(310)
    values[:300] = clustered(300)
    pictures[5] = replace(pictures[5], labels=("zebra",))
    values[6] = clustered(1, seed=99)
    change = filled[0].sync(pictures[3:], values[3:], progress=False)
    assert (change.written, change.deleted, change.unchanged) == (12, 3, 295)
    assert filled[0].count() == 307
    assert filled[0].get("2007_000005")["labels"] == ("zebra",)
    assert np.array_equal(filled[0].vector("2007_000006"), values[6])
    assert ids(filled[0].search(values[309], 1)) == ["2007_000309"]


def test_vectors_with_ids_of_their_own_may_skip_pictures(here):
    ids = ["2007_000001", "2007_000003", "somebody-else"]
    vectors = SimpleNamespace(ids=ids, values=clustered(3))
    with Index(NAME, here) as index:
        assert index.sync(some_pictures(5), vectors, progress=False).written == 2
        assert np.array_equal(index.vector("2007_000003"), vectors.values[1])


def test_delete_drop_and_begin_again(filled):
    index, here = filled
    assert index.delete(["2007_000000", "2007_000001", "never-there"]) == 2
    assert index.count() == 298
    assert "2007_000000" not in ids(index.search(clustered(300)[0], 20))
    assert index.collections() == [COLLECTION]
    index.drop()
    with Index(NAME, here) as again:
        assert (again.count(), again.missing) == (0, 0)
        assert again.search(clustered(1)[0]) == []


def test_reopening_finds_everything_indexed(filled):
    index, here = filled
    found = index.search(clustered(300)[3])
    index.close()
    with Index(NAME, here) as again:
        assert (again.count(), again.missing) == (300, 0)
        assert again.search(clustered(300)[3]) == found
        folder = Path(here.milvus_uri) / "collections" / COLLECTION
        assert len(list(folder.rglob("*.idx"))) == len(list(folder.rglob("*.parquet"))) == 1


def test_describe_says_what_is_there(filled):
    told = filled[0].describe()
    assert (told["rows"], told["dimension"], told["index"]) == (300, 512, "EXACT")
    assert told["metric"] == "COSINE"
    assert told["bytes"] > 300 * 512 * 4
    assert "lite" in told["milvus"]


def test_two_indexes_share_a_database_until_both_are_closed(here):
    first, second = Index(NAME, here), Index("vgg16-conv5-max-224-int8", here)
    first.close()
    second.sync(some_pictures(3), clustered(3), progress=False)
    assert second.count() == 3
    second.close()
    assert milvus_lite._lock_holder(Path(here.milvus_uri)) is None


def test_closing_leaves_a_client_opened_by_hand_alone(here):
    from pymilvus import MilvusClient

    client = MilvusClient(here.milvus_uri)
    Index(NAME, here).close()
    assert client.list_collections() == [COLLECTION]
    client.close()
    release(here)


def test_a_closed_index_says_so(here):
    index = Index(NAME, here)
    index.close()
    index.close()
    with pytest.raises(MilvusError, match="closed"):
        index.count()


# What is refused, before anything is written


def with_value(row, value):
    values = clustered(4)
    values[row] = value
    return values


@pytest.mark.parametrize(
    ("pictures", "values", "told"),
    [
        (some_pictures(4), with_value(2, np.nan), "1 of 4 vectors .* first row 2"),
        (some_pictures(4), with_value((2, 7), np.inf), "1 of 4 vectors .* first row 2"),
        (some_pictures(4), with_value(3, 0), "1 of 4 vectors .* first row 3"),
        (some_pictures(4), clustered(4)[:, :100], r"\(4, 100\), but this index keeps 512"),
        (some_pictures(4), clustered(3), "3 vectors for 4 pictures"),
        ([Picture("é" * 101, Path("p"))], clustered(1), "cannot be a picture's id"),
        ([Picture("", Path("p"))], clustered(1), "cannot be a picture's id"),
        ([Picture("a", Path("p")), Picture("a", Path("q"))], clustered(2), "Two pictures"),
        ([Picture("a", Path("p"), tuple("abcdefghi"))], clustered(1), "9 labels"),
        ([Picture("a", Path("p"), ("",))], clustered(1), "cannot be a label"),
        ([Picture("a", Path("p"), ("x" * 201,))], clustered(1), "cannot be a label"),
        ([Picture("a", Path("p" * 5000))], clustered(1), "path .* longer than"),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_written(filled, pictures, values, told):
    for write in (filled[0].sync, filled[0].upsert):
        with pytest.raises(RowError, match=told):
            write(pictures, values, progress=False)
    assert filled[0].count() == 300


@pytest.mark.parametrize("bad", [np.nan * np.ones(512), np.zeros(512), np.ones(100), np.ones(())])
def test_bad_queries_are_refused(filled, bad):
    with pytest.raises(RowError):
        filled[0].search(bad)


def test_bad_questions_are_refused(filled):
    for k in (0, -1, 100_000):
        with pytest.raises(MilvusError, match="must lie between"):
            filled[0].search(clustered(1)[0], k)
    for label in ("", None, 7, "x" * 201):
        with pytest.raises(ValueError, match="cannot be a label"):
            Labels(any=(label,))
    with pytest.raises(MilvusError, match="no picture 'nobody'"):
        filled[0].vector("nobody")


@pytest.mark.parametrize("index_type", ["SCANN", "DISKANN", "hnsw", "BEST"])
def test_a_kind_that_is_not_here_is_refused(here, index_type):
    with pytest.raises(MilvusError, match="Choose one of EXACT, FLAT, IVF_FLAT, IVF_SQ8, HNSW"):
        Index(NAME, here, index_type=index_type)


# Accidents

CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started it all
sys.path.insert(0, "tests")
from test_index import *
from helpers import settings
from helpers.index import collection
here = settings.from_environment({"MILVUS_URI": sys.argv[1]})
"""


def child(code, here, **environment):
    """Start another Python that opens the same database, and return it."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, here.milvus_uri],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


@pytest.mark.slow
def test_another_process_is_named_and_nothing_is_harmed(here):
    holding = "index = Index(NAME, here); index.sync(some_pictures(9), clustered(9), False)\n"
    holding += 'print("held", flush=True); time.sleep(60)'
    other = child(holding, here, JPY_SESSION_NAME="notebooks/03_build_milvus_index.ipynb")
    try:
        assert other.stdout.readline() == "held\n"
        quiet = child("Index(NAME, here)", here)
        text = quiet.communicate(timeout=60)[1]
        last = text.strip().splitlines()[-1]
        assert f"03_build_milvus_index.ipynb (process {other.pid})" in last
        assert "Shut that kernel down" in last
        assert "DataDirLockedError" not in text  # Milvus Lite's own traceback
    finally:
        other.kill()
        other.communicate()
    with Index(NAME, here) as index:
        assert index.count() == 9


SLOWLY = """
collection.BATCH = 50
index = Index(NAME, here)
upsert = index._collection.client.upsert
def told(*arguments, **options):
    answer = upsert(*arguments, **options)
    print(answer["upsert_count"], flush=True)
    return answer
index._collection.client.upsert = told
"""


@pytest.mark.slow
@pytest.mark.parametrize("batches", [1, 5, 17])
def test_kill_9_while_writing_loses_nothing_that_was_acknowledged(here, batches):
    writing = SLOWLY + "index.sync(some_pictures(2000), clustered(2000), progress=False)"
    other = child(writing, here)
    for _ in range(batches):
        assert other.stdout.readline() == "50\n"
    other.kill()
    acknowledged = 50 * (batches + len(other.communicate()[0].split()))
    with Index(NAME, here) as index:
        assert acknowledged <= index.count() < 2000
        change = index.sync(some_pictures(2000), clustered(2000), progress=False)
        assert change.unchanged >= acknowledged
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


def test_a_lost_file_is_told_and_sync_mends_it(here):
    pictures, values = some_pictures(900), clustered(900)
    with Index(NAME, here) as index:
        index.sync(pictures[:500], values[:500], progress=False)
        index.sync(pictures, values, progress=False)
    max(Path(here.milvus_uri).rglob("*.parquet"), key=lambda file: file.stat().st_size).unlink()
    with pytest.warns(
        MissingRowsWarning, match="holds 400 rows, but 900 were confirmed: 500 are lost"
    ):
        index = Index(NAME, here)
    with index:
        assert index.missing == 500
        index.upsert(some_pictures(901)[900:], clustered(1), progress=False)
    with pytest.warns(MissingRowsWarning, match="holds 401 rows, but 901 were confirmed"):
        index = Index(NAME, here)  # adding one must not make it forget the 500
    with index:
        assert index.sync(pictures, values, progress=False).written == 900
        assert (index.count(), index.missing) == (900, 0)
    with Index(NAME, here) as index:
        assert index.missing == 0


def test_rows_deleted_on_purpose_are_not_called_lost(filled):
    index, here = filled
    index._collection.remove(["2007_000001"])  # and nothing after it, as when killed just then
    index.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingRowsWarning)
        with Index(NAME, here) as again:
            assert (again.count(), again.missing) == (299, 0)


def test_a_damaged_log_is_told_and_no_wrong_vector_stays(here):
    pictures, values = some_pictures(600), clustered(600)
    code = "index = Index(NAME, here); index._collection.write(list(schema.rows("
    code += "some_pictures(600), clustered(600), 512).values())); "
    code += "milvus.acknowledge(None, index._collection.uri, COLLECTION, 600)\n"
    code += "os.kill(os.getpid(), 9)"
    child(
        "from helpers.index import connection, schema; collection.BATCH = 100\n" + code, here
    ).communicate()
    log = max(Path(here.milvus_uri).rglob("wal/*"), key=lambda file: file.stat().st_size)
    content = bytearray(log.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = os.urandom(5000)
    log.write_bytes(content)
    with pytest.warns(MissingRowsWarning):
        index = Index(NAME, here)
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
    with Index(NAME, here) as again:
        assert again.search(clustered(300)[3]) == found


def test_a_collection_left_without_an_index_gets_one(filled):
    index, here = filled
    found = index.search(clustered(300)[3])
    index._collection.ask("release", "release_collection", COLLECTION)
    index._collection.ask("drop the index of", "drop_index", COLLECTION, "vector")
    index.close()
    with Index(NAME, here) as again:
        assert again.describe()["index"] == "EXACT"
        assert again.search(clustered(300)[3]) == found


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
        Index(NAME, here)
    shutil.rmtree(here.milvus_uri)
    with Index(NAME, here) as again:
        assert again.sync(some_pictures(300), clustered(300), progress=False).written == 300


def test_a_file_of_an_older_milvus_lite_is_left_alone(here):
    old = Path(here.milvus_uri)
    old.write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(MilvusError, match=r"older versions .* Move the file away"):
        Index(NAME, here)
    assert old.read_bytes().startswith(b"SQLite")


def test_a_name_that_milvus_lite_would_not_take(here):
    with pytest.raises(MilvusError, match=r"ends in \.db"):
        Index(NAME, replace(here, milvus_uri=here.milvus_uri + ".sqlite"))


def test_somebody_elses_collection_is_left_alone(here):
    from pymilvus import MilvusClient

    client = MilvusClient(here.milvus_uri)
    client.create_collection(COLLECTION, dimension=8)
    with pytest.raises(MilvusError, match="made by another program"):
        Index(NAME, here)
    assert client.list_collections() == [COLLECTION]
    client.close()
    release(here)


def test_another_dimension_is_refused(filled):
    filled[0].close()
    with pytest.raises(MilvusError, match="keeps vectors of 512 numbers, not 64"):
        Index(NAME, filled[1], dim=64)


@pytest.fixture
def mounted(tmp_path):
    """A function that mounts a small file system; skips, loudly, where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"ABSENT: the right to mount a tmpfs ({done.stderr.decode().strip()})")
        return place

    yield mount
    subprocess.run(["umount", "-l", place], capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("reopened", [True, False])
def test_a_full_disk_is_told_and_loses_nothing(here, mounted, reopened):
    disk = mounted("size=6m")
    here = replace(here, milvus_uri=str(disk / "milvus.db"))
    pictures, values = some_pictures(3500), clustered(3500)
    index = Index(NAME, here)
    index.sync(pictures[:500], values[:500], progress=False)
    with pytest.raises(MilvusError, match="disk is full"):
        index.sync(pictures, values, progress=False)
    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
    if reopened:
        index.close()
        index = Index(NAME, here)
        assert index.count() >= 500
    with index:
        index.sync(pictures, values, progress=False)
        assert index.count() == 3500
        assert ids(index.search(values[4], 9)) == nearest(values, values[4], 9)
    with Index(NAME, here) as index:
        assert (index.count(), index.missing) == (3500, 0)


def test_a_read_only_folder_is_told(here, mounted):
    disk = mounted("size=1m", "ro")
    with pytest.raises(MilvusError, match=r"Nothing can be written to .* \(Read-only"):
        Index(NAME, replace(here, milvus_uri=str(disk / "milvus.db")))


def test_importing_the_index_loads_and_writes_nothing(tmp_path):
    code = "import sys, json, helpers.index, helpers.metrics; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"tensorflow", "matplotlib", "pymilvus", "milvus_lite"} & set(
        json.loads(done.stdout)
    )
    assert list(tmp_path.iterdir()) == []


def test_a_sync_leaves_no_rows_in_the_log_where_searching_them_is_slow(here):
    with Index(NAME, here) as index:
        index.sync(some_pictures(2000), clustered(2000), progress=False)
        assert (
            milvus_lite.log_size(here.milvus_uri, index.name) < 2000 * 512
        )  # a quarter of the vectors


def test_milvus_uri_may_name_a_file_although_pymilvus_refuses_one(tmp_path):
    """pymilvus reads MILVUS_URI at import; ours must open the file all the same."""
    code = (
        "from helpers.index import Index; i = Index('vgg16-conv5-max-224'); print(i.count());"
        "i.close(); import os; print(os.environ['MILVUS_URI'])"
    )
    uri = str(tmp_path / "other.db")
    env = os.environ | {"MILVUS_URI": uri, "BOOTCAMP_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["0", uri], done.stderr
