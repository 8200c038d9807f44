"""A file holds every row exactly, is written whole or not at all, and only ours are read."""

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from index_kit import COLLECTION, PAIR, clustered, ids, nearest, some_pictures, whole_rows
from test_ids import HOSTILE, random_ids

from helpers.dataset.pictures import Picture
from helpers.index import Index, MilvusError


def imported(settings, path, *options):
    with Index(*PAIR, settings) as index:
        return index.import_parquet(path, *options, progress=False)


def test_there_and_back(filled, elsewhere, tmp_path):
    index, here = filled
    path = index.export_parquet(tmp_path / "kept", progress=False)
    assert path == tmp_path / "kept" / f"{COLLECTION}.parquet"
    assert imported(elsewhere, path).written == 300
    assert whole_rows(elsewhere) == whole_rows(here)
    assert imported(elsewhere, path).unchanged == 300


def test_any_id_there_and_back(here, elsewhere, tmp_path):
    names = random_ids(1500)
    pictures = [Picture(name, Path("p"), (name, "x")[: n % 3]) for n, name in enumerate(names)]
    with Index(*PAIR, here) as index:
        index.sync(pictures, clustered(1500), progress=False)
        path = index.export_parquet(tmp_path / "a.parquet", progress=False)
    assert set(HOSTILE) < set(names)
    assert imported(elsewhere, path).written == 1500
    assert whole_rows(elsewhere) == whole_rows(here)


def test_other_programs_can_read_it(filled, tmp_path):
    path = filled[0].export_parquet(tmp_path, progress=False)
    table = pq.read_table(path)
    assert table.schema.field("vector").type == pa.list_(pa.float32())
    found = {row["id"]: row for row in table.to_pylist()}
    for picture, vector in zip(some_pictures(300), clustered(300), strict=True):
        row = found[picture.id]
        assert np.array_equal(np.float32(row["vector"]), vector)
        assert tuple(filter(None, (row[f"label_{n}"] for n in range(1, 9)))) == picture.labels
    facts = json.loads(table.schema.metadata[b"bootcamp.collection"])
    assert facts == {
        "dataset": PAIR[0],
        "extractor": PAIR[1],
        "dim": 512,
        "index_type": "EXACT",
    }


def test_rows_come_in_groups(filled, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.index.copying.ROWS_PER_CALL", 70)
    path = filled[0].export_parquet(tmp_path, progress=False)
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [
        *[70] * 4,
        20,
    ]


def test_it_is_written_whole_or_not_at_all(filled, tmp_path, monkeypatch):
    index, _ = filled
    path = index.export_parquet(tmp_path, progress=False)
    before = path.read_bytes()
    read = index.whole_rows
    monkeypatch.setattr("helpers.index.copying.ROWS_PER_CALL", 100)

    left = iter([1, 1])

    def interrupted(names):
        if not next(left, 0):
            raise KeyboardInterrupt
        return read(names)

    monkeypatch.setattr(index, "whole_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.export_parquet(path, progress=False)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))


def test_a_full_disk_is_told_and_leaves_nothing(filled, mounted):
    disk = mounted("size=300k")
    with pytest.raises(MilvusError, match=r"could not be written \(No space left on device\)"):
        filled[0].export_parquet(disk, progress=False)
    assert not list(disk.iterdir())


def test_writing_meanwhile_is_told(filled, tmp_path, monkeypatch):
    index, _ = filled
    monkeypatch.setattr(index, "count", lambda: 301)
    with pytest.raises(MilvusError, match="held 301 rows, then 300"):
        index.export_parquet(tmp_path, progress=False)
    assert not list(tmp_path.glob("*.parquet"))


def flipped(path):
    """Change one bit of a vector in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def changed(**columns):
    """Return a function that changes columns of the file, with checksums that are right again."""

    def change(path):
        table = pq.read_table(path)
        for name, function in columns.items():
            values = function(table[name].to_pylist())
            at = table.schema.get_field_index(name)
            table = table.set_column(
                at, table.schema.field(at), pa.array(values, table.schema.field(at).type)
            )
        pq.write_table(table, path)

    return change


def without_facts(path):
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)


def with_facts(facts):
    return lambda path: pq.write_table(
        pq.read_table(path).replace_schema_metadata({"bootcamp.collection": facts}), path
    )


DAMAGE = {
    "a bit": flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-2000]),
    "empty": lambda path: path.write_bytes(b""),
    "no Parquet": lambda path: path.write_text("id,label\n"),
    "another's": lambda path: pq.write_table(pa.table({"id": ["a"]}), path),
    "no facts": without_facts,
    "facts of no kind": with_facts("[1]"),
    "facts without a number": with_facts('{"dataset": "a", "extractor": "b", "dim": "x"}'),
    "another label": changed(label_1=lambda old: ["zebra", *old[1:]]),
    "another id": changed(id=lambda old: ["zebra", *old[1:]]),
    "no id": changed(id=lambda old: [None, *old[1:]]),
    "another digest": changed(digest=lambda old: ["0" * 32, *old[1:]]),
    "a vector too short": changed(vector=lambda old: [old[0][:-1], *old[1:]]),
    "no vector": changed(vector=lambda old: [None, *old[1:]]),
    "vectors exchanged": changed(vector=lambda old: [old[1], old[0], *old[2:]]),
    "a row twice": changed(
        **{name: lambda old: [old[1], *old[1:]] for name in ("id", "digest", "vector", "label_1")}
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_or_foreign_file_is_refused(filled, tmp_path, what):
    index, here = filled
    path = index.export_parquet(tmp_path, progress=False)
    index.upsert(some_pictures(1), clustered(1, seed=2), progress=False)
    before = whole_rows(here)
    DAMAGE[what](path)
    with pytest.raises(MilvusError, match=r"damaged.*[Uu]se another copy"):
        index.import_parquet(path, progress=False)
    assert whole_rows(here) == before


def test_a_file_that_is_not_there(filled, tmp_path):
    with pytest.raises(MilvusError, match="doesn't exist"):
        filled[0].import_parquet(tmp_path / "nobody.parquet")


def test_a_file_of_another_data_set_is_refused(filled, elsewhere, tmp_path):
    path = filled[0].export_parquet(tmp_path, progress=False)
    with Index("mine", PAIR[1], elsewhere) as index:
        with pytest.raises(MilvusError, match=r"made of sample, .*Index\('sample', .*dim=512\)"):
            index.import_parquet(path)
        assert index.count() == 0


def test_most_rows_are_deleted_only_on_demand(filled, here, tmp_path):
    index, _ = filled
    path = index.export_parquet(tmp_path, progress=False)
    pictures = [Picture(f"p{n}", Path("p")) for n in range(400)]
    index.sync(pictures, clustered(400), progress=False, delete_most=True)
    with pytest.raises(MilvusError, match=r"would delete 400 of the 400.*delete_most=True"):
        index.import_parquet(path, progress=False)
    told = index.import_parquet(path, delete_most=True, progress=False)
    assert (told.written, told.deleted) == (300, 400)


@pytest.mark.server
@pytest.mark.slow
def test_milvus_itself_imports_such_a_file(filled, there, tmp_path):
    """Into an empty collection: a bulk import doesn't look for ids that are there already."""
    path = filled[0].export_parquet(tmp_path, progress=False)
    with Index(*PAIR, there) as index:
        bulk_import(there, index.name, path)
        index.client.flush(index.name)
        index.client.release_collection(index.name)
        index.client.load_collection(index.name)
        told = index.sync(some_pictures(300), clustered(300), progress=False)
        assert (told.written, told.unchanged) == (0, 300)
        assert ids(index.search(clustered(300)[5], 9)) == nearest(
            clustered(300), clustered(300)[5], 9
        )


@pytest.mark.filterwarnings("ignore::FutureWarning")
def bulk_import(settings, name, path):
    """Let a server read a file that lies where it can see it, and wait for that."""
    from pymilvus import connections, utility

    connections.connect(uri=settings.milvus_uri, token=settings.milvus_token)
    task = utility.do_bulk_insert(name, files=[str(path)])
    end = time.monotonic() + 60
    while (state := utility.get_bulk_insert_state(task)).state_name != "Completed":
        assert "Failed" not in state.state_name, state.failed_reason
        assert time.monotonic() < end
        time.sleep(0.2)
    connections.disconnect("default")
