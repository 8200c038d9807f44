"""The index on Milvus Lite: right answers, a life cycle without surprises, plain errors."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from index_kit import COLLECTION, PAIR, clustered, ids, nearest, some_pictures

from helpers.index import Index, MilvusError, RowError, SyncResult, connection


def test_finds_what_numpy_finds(filled):
    index, values = filled[0], clustered(300)
    for query in clustered(5, seed=0)[:5]:
        hits = index.search(query, k=12)
        assert ids(hits) == nearest(values, query, 12)
        assert np.allclose([h.score for h in hits], np.sort(values @ query)[::-1][:12], atol=1e-5)


def test_a_hit_carries_id_score_and_labels(filled):
    hit = filled[0].search(clustered(300)[7], k=1)[0]
    assert hit.id == "2007_000007"
    assert hit.labels == ("bus", "car", "dog")
    assert hit.score == pytest.approx(1, abs=1e-5)


def test_search_many_is_search_for_each(filled):
    queries = clustered(230, seed=3)
    many = filled[0].search_many(queries, k=5)
    assert len(many) == 230
    for place in (0, 99, 100, 229):
        assert ids(many[place]) == ids(filled[0].search(queries[place], k=5))


def test_hits_below_min_score_are_left_out(filled):
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
    with Index(*PAIR, here) as index:
        index.sync([pictures[n] for n in order], values, progress=False)
        assert ids(index.search(values[0], k=7)) == [p.id for p in pictures[:7]]
        assert ids(index.search_many(values[:2], k=7)[1]) == [p.id for p in pictures[:7]]


def test_a_vector_comes_back_as_it_went_in(filled):
    index, values = filled[0], clustered(300)
    assert index.vector("2007_000042").dtype == np.float32
    assert np.array_equal(index.vector("2007_000042"), values[42])


def test_a_second_sync_writes_nothing(filled):
    index = filled[0]
    before = index.describe()["bytes"]
    change = index.sync(some_pictures(300), clustered(300), progress=False)
    assert (change.written, change.deleted, change.unchanged) == (0, 0, 300)
    assert index.describe()["bytes"] == before > 0
    assert index.upsert(some_pictures(5), clustered(300)[:5], progress=False).written == 0


def test_sync_deletes_what_is_gone_and_rewrites_what_changed(filled):
    pictures, values = some_pictures(310), clustered(310)
    values[:300] = clustered(300)
    pictures[5] = replace(pictures[5], labels=("zebra",))
    values[6] = clustered(1, seed=99)
    change = filled[0].sync(pictures[3:], values[3:], progress=False)
    assert (change.written, change.deleted, change.unchanged) == (12, 3, 295)
    assert filled[0].count() == 307
    assert filled[0].search(values[5], 1)[0].labels == ("zebra",)
    assert np.array_equal(filled[0].vector("2007_000006"), values[6])
    assert ids(filled[0].search(values[309], 1)) == ["2007_000309"]


def test_a_sync_does_not_delete_most_rows_unless_told(filled):
    index, pictures, values = filled[0], some_pictures(300), clustered(300)
    for left in (0, 1, 149):
        with pytest.raises(
            MilvusError, match=rf"delete {300 - left} of the 300 .*delete_most=True"
        ):
            index.sync(pictures[:left], values[:left], progress=False)
        assert index.sync(pictures, values, progress=False).unchanged == 300
    assert index.sync(pictures[:150], values[:150], progress=False).deleted == 150  # just half
    told = index.sync(pictures[:9], values[:9], progress=False, delete_most=True)
    assert (told.deleted, told.unchanged, index.count()) == (141, 9, 9)


def test_an_index_is_emptied_by_a_sync_with_nothing_but_only_when_told(filled):
    with pytest.raises(MilvusError, match="delete 300 of the 300"):
        filled[0].sync([], [])
    assert filled[0].sync([], [], delete_most=True) == SyncResult(0, 300, 0)
    assert filled[0].sync([], []) == SyncResult(0, 0, 0)  # there is nothing left to lose
    assert filled[0].search(clustered(1)[0]) == []


def test_a_sync_of_the_same_set_kept_elsewhere_writes_nothing(filled):
    elsewhere = [replace(p, path=Path("/home/somebody") / p.path) for p in some_pictures(300)]
    assert filled[0].sync(elsewhere, clustered(300), progress=False).unchanged == 300


def test_rows_that_somebody_writes_meanwhile_are_told(filled, monkeypatch):
    index, here = filled
    flush = index.flush_and_index

    def meanwhile(*numbers):
        monkeypatch.undo()
        with Index(*PAIR, here) as other:
            other.upsert(some_pictures(302)[301:], clustered(1, seed=5), progress=False)
        flush(*numbers)

    monkeypatch.setattr(index, "flush_and_index", meanwhile)
    values = np.concatenate([clustered(300), clustered(1, seed=4)])
    with pytest.raises(MilvusError, match="holds 302 rows where 301 were written"):
        index.sync(some_pictures(301), values, progress=False)
    assert index.sync(some_pictures(301), values, progress=False).deleted == 1


def test_a_sync_result_reads_as_a_sentence():
    assert f"{SyncResult(1200, 3, 0)}" == "1,200 written, 3 deleted, 0 unchanged"
    skipped = tuple((f"{n}.jpg", "It has 9 labels.") for n in range(2000))
    told = repr(SyncResult(1, 0, 0, skipped))
    assert told.endswith("2,000 skipped: '0.jpg' (It has 9 labels.), '1.jpg' (It has 9 labels.), …")


def test_vectors_with_ids_of_their_own_may_skip_pictures(here):
    ids = ["2007_000001", "2007_000003", "somebody-else"]
    vectors = SimpleNamespace(ids=ids, values=clustered(3))
    with Index(*PAIR, here) as index:
        assert index.sync(some_pictures(5), vectors, progress=False).written == 2
        assert np.array_equal(index.vector("2007_000003"), vectors.values[1])


def test_dropping_a_small_index_prints_nothing(here, capfd):
    index = Index(*PAIR, here)
    index.upsert(some_pictures(10), clustered(10), progress=False)
    index.drop()
    assert "clustering" not in capfd.readouterr().err


def test_delete_drop_and_begin_again(filled):
    index, here = filled
    assert index.delete(["2007_000000", "2007_000001", "never-there"]) == 2
    assert index.count() == 298
    assert "2007_000000" not in ids(index.search(clustered(300)[0], 20))
    client = connection.connect(here.milvus_uri)
    assert client.list_collections() == [COLLECTION]
    index.drop()
    assert client.list_collections() == []
    connection.close(client, here.milvus_uri)
    with Index(*PAIR, here) as again:
        assert (again.count(), again.missing) == (0, 0)
        assert again.search(clustered(1)[0]) == []


def test_reopening_finds_everything_indexed(filled):
    index, here = filled
    found = index.search(clustered(300)[3])
    index.close()
    with Index(*PAIR, here) as again:
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


@pytest.mark.parametrize(
    "bad", [np.nan * np.ones(512), np.zeros(512), np.ones(100), np.ones(()), np.ones(0)]
)
def test_bad_queries_are_refused(filled, bad):
    with pytest.raises(RowError, match=r"row 0 is all zero|shape"):
        filled[0].search(bad)


def test_bad_values_of_k_and_unknown_ids_are_refused(filled):
    for k in (0, -1, 16_377, 100_000, 2.5, "5", None, np.nan):
        with pytest.raises(MilvusError, match="must be between"):
            filled[0].search(clustered(1)[0], k)
    with pytest.raises(MilvusError, match="no picture 'nobody'"):
        filled[0].vector("nobody")


def test_a_closed_index_says_so(here):
    index = Index(*PAIR, here)
    index.close()
    index.close()
    with pytest.raises(MilvusError, match="closed"):
        index.count()


@pytest.mark.parametrize("index_type", ["EXACT", "FLAT", "HNSW"])
def test_the_nearest_come_with_their_vectors(here, index_type):
    values = clustered(300)
    with Index(*PAIR, here, index_type=index_type) as index:
        index.sync(some_pictures(300), values, progress=False)
        for query in clustered(3, seed=5):
            for k in (1, 12, 1000):
                found, vectors = index.nearest_vectors(query, k)
                assert found[:12] == nearest(values, query, min(k, 12))
                assert len(set(found)) == min(k, 300)
                assert vectors.dtype == np.float32
                assert np.array_equal(vectors, values[[int(name[-6:]) for name in found]])


def test_the_nearest_of_an_empty_index_are_none(here):
    with Index(*PAIR, here) as index:
        found, vectors = index.nearest_vectors(clustered(1)[0], 5)
        assert (found, vectors.shape) == ([], (0, 512))


def test_bad_queries_have_no_nearest(filled):
    for bad in (np.zeros(512), np.ones(100), np.full(512, np.nan)):
        with pytest.raises(RowError, match=r"row 0 is all zero|shape"):
            filled[0].nearest_vectors(bad, 5)
