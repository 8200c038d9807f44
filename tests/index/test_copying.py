"""A copy holds and finds the same, carries on where it stopped, and loses nobody's rows."""

from pathlib import Path

import numpy as np
import pytest
from index_kit import COLLECTION, PAIR, child, clustered, ids, some_pictures, whole_rows
from test_ids import HOSTILE

from helpers.dataset.pictures import Picture
from helpers.index import Hit, Index, MilvusError, collections, copying


def hits(settings, queries):
    with Index(*PAIR, settings) as index:
        return index.search_many(queries, 12)


def test_a_copy_holds_and_finds_the_same(filled, elsewhere):
    index, here = filled
    told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert (told.rows.written, told.rows.deleted, told.rows.unchanged) == (300, 0, 0)
    assert (told.index_type, told.wanted_type, told.probes, told.alike) == ("EXACT", "EXACT", 20, 1)
    assert whole_rows(here) == whole_rows(elsewhere)
    assert hits(here, clustered(20, seed=5)) == hits(elsewhere, clustered(20, seed=5))
    (info,) = collections(elsewhere)
    assert [info] == collections(here)
    assert (info.name, info.rows) == (COLLECTION, 300)


def test_a_second_copy_writes_only_what_differs(filled, elsewhere):
    index, _ = filled
    index.copy_to(elsewhere.milvus_uri, progress=False)
    index.upsert(some_pictures(302)[299:], clustered(3, seed=9), progress=False)
    index.delete(["2007_000000"])
    told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert repr(told) == (
        f"301 rows at {elsewhere.milvus_uri} (3 written, 1 deleted, 298 unchanged); index: EXACT; "
        "20 searches on both sides, 100% of the hits the same"
    )
    told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert (told.rows.written, told.rows.deleted, told.rows.unchanged) == (0, 0, 301)


def test_hostile_ids_and_labels_arrive(here, elsewhere):
    pictures = [Picture(name, Path("p"), (name,)) for name in dict.fromkeys(HOSTILE)]
    with Index(*PAIR, here) as index:
        index.sync(pictures, clustered(len(pictures)), progress=False)
        index.copy_to(elsewhere.milvus_uri, progress=False)
    assert whole_rows(here) == whole_rows(elsewhere)


def test_an_empty_collection_and_other_dimensions(here, elsewhere):
    with Index(*PAIR, here, dim=32) as index:
        told = index.copy_to(elsewhere.milvus_uri, progress=False)
        assert (told.rows.written, told.probes, told.alike) == (0, 0, 1)
        index.sync(some_pictures(5), clustered(5)[:, :32], progress=False)
        assert index.copy_to(elsewhere.milvus_uri, progress=False).rows.written == 5
    assert whole_rows(here, 32) == whole_rows(elsewhere, 32)


def test_more_than_half_of_the_copy_is_deleted_only_on_demand(filled, elsewhere):
    index, _ = filled
    with Index(*PAIR, elsewhere) as other:
        theirs = [Picture(f"theirs-{n}", Path("p")) for n in range(300)]
        other.sync(theirs, clustered(300, seed=3), progress=False)
    before = whole_rows(elsewhere)
    with pytest.raises(MilvusError, match=r"would delete 300 of the 300 rows .*delete_most=True"):
        index.copy_to(elsewhere.milvus_uri, progress=False)
    assert whole_rows(elsewhere) == before
    told = index.copy_to(elsewhere.milvus_uri, delete_most=True, progress=False)
    assert (told.rows.written, told.rows.deleted) == (300, 300)


@pytest.mark.parametrize("kind", ["HNSW", "IVF_SQ8"])
def test_the_type_of_index_goes_along(here, elsewhere, kind):
    with Index(*PAIR, here, index_type=kind) as index:
        index.sync(some_pictures(300), clustered(300), progress=False)
        told = index.copy_to(elsewhere.milvus_uri, progress=False)
        assert (told.index_type, told.wanted_type) == (kind, kind)
        assert 0.8 < told.alike <= 1
    with Index(*PAIR, elsewhere) as index:
        assert index.index_type() == kind


def test_a_type_that_is_not_offered_there_is_told(filled, elsewhere, monkeypatch):
    index, _ = filled
    monkeypatch.setattr(index, "index_type", lambda: "SCANN")
    told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert (told.index_type, told.wanted_type) == ("EXACT", "SCANN")
    assert "; index: EXACT, not SCANN; " in repr(told)


def test_a_copy_onto_itself_is_refused(filled, tmp_path):
    index, here = filled
    (tmp_path / "link.db").symlink_to(here.milvus_uri)
    for uri in (here.milvus_uri, str(tmp_path / "link.db")):
        with pytest.raises(MilvusError, match=r"is at .* already"):
            index.copy_to(uri, progress=False)
    assert index.count() == 300


def test_what_has_lost_rows_is_not_copied(filled, elsewhere):
    index, _ = filled
    index.missing = 3
    with pytest.raises(MilvusError, match=r"has lost 3 rows.*Run sync"):
        index.copy_to(elsewhere.milvus_uri, progress=False)


def test_a_damaged_row_is_not_copied(filled, elsewhere):
    index, _ = filled
    (row,) = index.whole_rows(["2007_000123"])
    vector = np.float32(row["vector"])
    vector[5] += 1e-6
    index.upsert_rows([{**row, "vector": vector}])
    with pytest.raises(MilvusError, match="damaged: the row '2007_000123'"):
        index.copy_to(elsewhere.milvus_uri, progress=False)


def test_a_copy_that_has_lost_rows_is_made_anew(filled, elsewhere):
    index, _ = filled
    index.copy_to(elsewhere.milvus_uri, progress=False)
    with Index(*PAIR, elsewhere) as other:
        other._call("delete from", "delete", filter='id in ["2007_000007"]')
        other.flush_and_index(0)
        other._confirm(300)
    with pytest.warns(match="1 are lost"):
        told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert told.rows.written == 300
    with Index(*PAIR, elsewhere) as other:
        assert (other.count(), other.missing) == (300, 0)


def test_somebody_who_writes_meanwhile_is_told(filled, elsewhere, monkeypatch):
    index, _ = filled
    write = Index.upsert_rows

    def more(target, given, *options):
        monkeypatch.undo()
        write(target, [{**given[0], "id": "another"}])
        write(target, given, *options)

    monkeypatch.setattr(Index, "upsert_rows", more)
    with pytest.raises(MilvusError, match="holds 301 rows where 300 were written"):
        index.copy_to(elsewhere.milvus_uri, progress=False)


def test_a_copy_that_finds_others_is_told(filled, elsewhere, monkeypatch):
    index, _ = filled
    index.copy_to(elsewhere.milvus_uri, progress=False)
    monkeypatch.setattr(copying, "SETTLE_SECONDS", 0)
    search, shift = Index.search_many, iter([0, 1])
    monkeypatch.setattr(
        Index,
        "search_many",
        lambda one, vectors, k: search(one, np.roll(vectors, next(shift), axis=1), k),
    )
    with pytest.raises(MilvusError, match="has all rows, but finds others"):
        index.copy_to(elsewhere.milvus_uri, progress=False)


def test_hits_are_the_same_but_for_ties():
    def some(*pairs):
        return [Hit(name, score, ()) for name, score in pairs]

    one = some(("a", 0.9), ("b", 0.8), ("c", 0.5))
    assert copying.same_hits(one, some(("a", 0.90005), ("b", 0.8), ("c", 0.5)))
    assert copying.same_hits(one, some(("a", 0.9), ("b", 0.8), ("d", 0.5)))  # tied with the last
    assert copying.same_hits(
        some(("a", 0.9), ("b", 0.9), ("c", 0.5)), some(("b", 0.9), ("a", 0.9), ("c", 0.5))
    )
    assert not copying.same_hits(one, some(("a", 0.9), ("d", 0.8), ("c", 0.5)))
    assert not copying.same_hits(one, some(("a", 0.9), ("b", 0.8), ("c", 0.499)))
    assert not copying.same_hits(one, one[:2])


SLOWLY = """
from helpers.index import copying
copying.ROWS_PER_CALL = 50
write = Index.upsert_rows
def reporting(target, rows, *options):
    write(target, rows, *options)
    print(len(rows), flush=True)
index = Index(*PAIR, here)
index.sync(some_pictures(1000), clustered(1000), progress=False)
Index.upsert_rows = reporting
index.copy_to(sys.argv[3], progress=False)
"""


@pytest.mark.slow
def test_kill_9_while_copying_and_carrying_on(here, elsewhere):
    other = child(SLOWLY, here, elsewhere.milvus_uri)
    for _ in range(7):
        assert other.stdout.readline() == "50\n"
    other.kill()
    arrived = 50 * (7 + len(other.communicate()[0].split()))
    with Index(*PAIR, here) as index:
        told = index.copy_to(elsewhere.milvus_uri, progress=False)
    assert told.rows.unchanged >= arrived
    assert told.rows.written == 1000 - told.rows.unchanged
    assert whole_rows(here) == whole_rows(elsewhere)


@pytest.mark.server
@pytest.mark.slow
def test_to_a_server_and_back(here, there, elsewhere):
    queries, count = clustered(20, seed=5), 4500  # more than RELOAD_ROWS
    with Index(*PAIR, here) as index:
        index.sync(some_pictures(count), clustered(count), progress=False)
        for expected in ((count, 0), (0, count)):
            told = index.copy_to(there.milvus_uri, there.milvus_token, progress=False)
            assert (told.rows.written, told.rows.unchanged) == expected
            assert (told.index_type, told.alike) == ("EXACT", 1)
    with Index(*PAIR, there) as index:
        assert index.copy_to(elsewhere.milvus_uri, progress=False).rows.written == count
    assert whole_rows(here) == whole_rows(elsewhere)
    lite, served, again = (hits(one, queries) for one in (here, there, elsewhere))
    assert lite == again
    assert [ids(found) for found in lite] == [ids(found) for found in served]


@pytest.mark.parametrize("nowhere", ["", "  ", None])
def test_a_copy_to_nowhere_is_refused(filled, nowhere):
    with pytest.raises(MilvusError, match="isn't an address"):
        filled[0].copy_to(nowhere)
