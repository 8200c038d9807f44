"""What pymilvus and Milvus Lite do wrong, shown without our code, so that we learn when they stop.

A failure here is good news: the workaround that names the test may go, and the test with it. Those
of the server are in test_server.py.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from index_kit import clustered

from helpers.files import try_lock
from helpers.index import connection
from helpers.settings import ROOT

fcntl = pytest.importorskip("fcntl")  # the faults were seen on Linux
pytestmark = pytest.mark.slow

LABEL = re.compile(
    r"Workaround \(((?:[\w-]+ [\d.]+(?:, )?)+)\): (.+)"
    r" Upstream: (none known|https://github\.com/\S+/\d+)\. Test: (test_\w+\.|none, .+)"
)


class Database:
    """A Milvus Lite database with one collection, "rows", by pymilvus alone."""

    def __init__(self, folder, count):
        self.path, self.values, self.client = folder / "plain.db", clustered(count), None
        self.far = set(np.argsort(self.values @ self.values[0])[: count // 10].tolist())

    def open(self):
        self.client = connection.pymilvus().MilvusClient(str(self.path))
        return self.client

    def close(self):
        """Close the client and, as Milvus Lite doesn't, the database."""
        from milvus_lite.server_manager import server_manager_instance

        self.client.close()
        server_manager_instance.release_server(str(self.path))

    def reopen(self, load=True):
        """Close and open; without `load`, leave the collection as Milvus Lite does."""
        self.close()
        self.open()
        if load:
            self.client.load_collection("rows")
        return self.client

    def create(self, index_type, **parameters):
        """Create the collection and write all rows, which stay in the log."""
        types, client = connection.pymilvus().DataType, self.open()
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", types.VARCHAR, is_primary=True, max_length=100)
        schema.add_field("label", types.VARCHAR, max_length=100)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=512)
        client.create_collection("rows", schema=schema)
        index = client.prepare_index_params()
        index.add_index("vector", index_type=index_type, metric_type="COSINE", params=parameters)
        client.create_index("rows", index)
        client.load_collection("rows")
        self.upsert(range(len(self.values)))
        return client

    def upsert(self, numbers):
        label = {True: "far", False: "near"}
        rows = [
            {"id": f"row-{n}", "label": label[n in self.far], "vector": self.values[n]}
            for n in numbers
        ]
        self.client.upsert("rows", rows)

    def flush(self):
        """Flush, and return the index file, once Milvus Lite has built it in the background."""
        self.client.flush("rows")
        for _ in range(600):
            if found := self.files("*.idx"):
                return found[0]
            time.sleep(0.1)
        raise AssertionError("Milvus Lite has built no index within a minute")

    def count(self):
        return self.client.query("rows", filter="", output_fields=["count(*)"])[0]["count(*)"]

    def files(self, pattern):
        return sorted(self.path.rglob(pattern))


@pytest.fixture
def database(tmp_path, request):
    plain = Database(tmp_path, getattr(request, "param", 400))
    yield plain
    plain.close()


def test_every_workaround_names_a_version_an_upstream_thread_and_a_test():
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "index").glob("test_*.py"))
    labels = []
    for path in (ROOT / "helpers" / "index").glob("*.py"):
        comments = re.findall(r"(?:^ *#.*\n)+", path.read_text(), re.M)
        joined = [re.sub(r"\s*#\s*", " ", comment).strip() for comment in comments]
        labels += [text for text in joined if "Workaround" in text]
    assert len(labels) > 12
    for text in labels:
        assert LABEL.fullmatch(text), text
        for name in re.findall(r"\btest_\w+", text):
            assert f"def {name}(" in tests, name


# Opening and closing


def test_importing_pymilvus_fails_when_milvus_uri_is_a_file(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import pymilvus"],
        env=os.environ | {"MILVUS_URI": str(tmp_path / "milvus.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Illegal uri" in done.stderr, "connection.pymilvus need not hide MILVUS_URI"


def test_a_locked_database_is_logged_but_not_explained(database, caplog):
    database.path.mkdir()
    connection.pymilvus()  # which silences it
    caplog.set_level(logging.ERROR, "milvus_lite")
    with (database.path / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Exception, match="Open local milvus failed") as caught:
            database.open()
    told = f"{caught.value}{caught.value.__cause__}"
    assert "lock" not in told, "_why_not_opened need not find out who holds the lock"
    assert "DataDirLockedError" in caplog.text, "the log of milvus_lite need not be silenced"
    database.open()


def test_closing_the_last_client_keeps_the_lock(database):
    database.open().close()
    with (database.path / "LOCK").open() as lock:
        assert not try_lock(lock), "close_client need not release the server"


def test_a_reopened_collection_must_be_loaded(database):
    database.create("FLAT")
    client = database.reopen(load=False)
    with pytest.raises(Exception, match="call load"):  # else _call need not load it
        client.search("rows", database.values[:1], limit=1)


def test_a_damaged_index_file_keeps_a_collection_from_loading(database):
    database.create("IVF_FLAT")
    index = database.flush()
    database.close()
    index.write_bytes(index.read_bytes()[:1000])
    client = database.open()
    with pytest.raises(Exception, match=index.name):  # else _load need not delete it
        client.load_collection("rows")


# Building an index and searching it


def test_build_parameters_are_ignored_silently(database):
    faiss = pytest.importorskip("faiss", reason="ABSENT: faiss-cpu, which Milvus Lite brings")
    database.create("IVF_FLAT", nlist=7)
    index = faiss.read_index(str(database.flush()))
    assert index.nlist != 7, "_create_index need not give the parameters twice"


def test_a_flat_index_is_not_searched_by_faiss(database):
    database.create("FLAT")
    assert database.flush().read_bytes().startswith(b"\x93NUMPY"), "FLAT may be as fast as EXACT"


def test_rows_stay_in_the_log_without_a_flush(database):
    database.create("IVF_FLAT")
    assert not database.files("*.parquet"), "_flush may be needless"
    assert not database.files("*.idx")
    assert database.flush()


def test_an_index_is_finished_before_it_is_built(database):
    client = database.create("IVF_FLAT")
    (database.path / "collections/rows/partitions/_default").mkdir(parents=True, exist_ok=True)
    (database.path / "collections/rows/partitions/_default/indexes").touch()  # so it can't be
    client.flush("rows")
    told = client.describe_index("rows", "vector")
    assert not database.files("*.idx")
    assert (told["state"], told["pending_index_rows"]) == ("Finished", 0), "wait_until_indexed"


@pytest.mark.parametrize("database", [2500], indirect=True)
def test_a_filtered_graph_search_loses_hits(database):
    database.create("HNSW", M=16, efConstruction=200)
    database.flush()
    client = database.reopen()  # so that the graph is what is searched, and not yet the log
    found = client.search(
        "rows",
        database.values[:1],
        filter='label == "far"',
        limit=10,
        search_params={"params": {"ef": 256}},
    )
    scores = database.values @ database.values[0]
    truth = {f"row-{n}" for n in sorted(database.far, key=lambda n: -scores[n])[:10]}
    kept = len(truth & {hit["id"] for hit in found[0]})
    assert kept < 8, "search_parameters need not look everywhere"


def test_an_array_field_cannot_be_indexed(database):
    types, client = connection.pymilvus().DataType, database.open()
    schema = client.create_schema()
    schema.add_field("id", types.INT64, is_primary=True)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=8)
    options = {"element_type": types.VARCHAR, "max_capacity": 8, "max_length": 100}
    schema.add_field("labels", types.ARRAY, **options)
    client.create_collection("rows", schema=schema)
    index = client.prepare_index_params()
    index.add_index("labels", index_type="INVERTED")
    with pytest.raises(Exception, match="does not support scalar index"):  # else: one ARRAY field
        client.create_index("rows", index)


# What is stored


def test_ids_are_not_escaped(database):
    client = database.create("FLAT")
    with pytest.raises(Exception, match="unterminated string"):  # else ids need no care
        client.get("rows", ["it's"])
    client.delete("rows", ids=["a'] or id not in ['b"])
    assert database.count() == 0, "an id that says so no longer deletes every row"


def test_nan_is_stored_silently(database):
    client = database.create("FLAT")
    database.values[7] = np.nan
    database.upsert([7])
    stored = client.get("rows", ["row-7"])[0]["vector"]
    assert np.isnan(stored).all(), "check_vectors may leave NaN to Milvus Lite"


def test_the_rest_of_a_damaged_database_is_served_silently(database):
    database.create("FLAT")
    database.flush()
    database.files("*.parquet")[0].unlink()
    client = database.reopen()
    assert database.count() == 0, "counting what was confirmed may be needless"
    assert client.search("rows", database.values[:1], limit=1)[0] == []


def test_a_damaged_log_is_read_as_if_it_were_whole(database):
    database.create("FLAT")
    copy = database.path.with_name("copy.db")  # as it is when the process is killed now
    shutil.copytree(database.path, copy)
    database.close()
    database.path = Path(copy)
    log = max(database.files("wal/*"), key=lambda file: file.stat().st_size)
    vector = database.values[7].tobytes()
    assert vector in log.read_bytes()
    log.write_bytes(log.read_bytes().replace(vector, bytes(len(vector))))
    client = database.open()
    client.load_collection("rows")
    assert database.count() == len(database.values)
    stored = client.get("rows", ["row-7"])[0]["vector"]
    assert not np.any(stored), "rows beside lost ones can be trusted: sync need not recreate"


@pytest.mark.parametrize("database", [10], indirect=True)
def test_dropping_a_few_rows_makes_faiss_warn(database, capfd):
    database.create("IVF_FLAT", nlist=1)
    assert "clustering" not in capfd.readouterr().err
    database.client.drop_collection("rows")
    assert "clustering 10 points" in capfd.readouterr().err
