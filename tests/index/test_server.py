"""The same calls on Milvus Lite and on a real Milvus server: only MILVUS_URI differs."""

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_kit import PAIR, STRANGE, clustered, ids, nearest, some_pictures
from milvus_server import TOKEN, Server, free_port
from test_ids import each_id_means_its_own_row, thousands_of_random_ids_come_back_and_go

from helpers.dataset.pictures import Picture
from helpers.index import Index, LabelFilter, MilvusError, RowError, connection
from helpers.index.schema import rows_by_id

pytestmark = [pytest.mark.server, pytest.mark.slow]
COUNT = 2500
FILTERS = [
    None,
    LabelFilter(any="bus"),
    LabelFilter(all=("bus", "dog")),
    LabelFilter(all="bus", none="person"),
    LabelFilter(any=("car", "dog"), none=("bus", "person")),
    LabelFilter(any="zeppelin"),
]


def both(here, there, index_type):
    """Yield an index on Milvus Lite and one on the server, with the same pictures."""
    for settings in (here, there):
        with Index(*PAIR, settings, index_type=index_type) as index:
            index.sync(some_pictures(COUNT), clustered(COUNT), progress=False)
            yield index


@pytest.mark.parametrize("index_type", ["EXACT", "FLAT"])
def test_exact_search_gives_the_same_hits_in_the_same_order(here, there, index_type):
    queries = clustered(20, seed=5)
    lite, served = both(here, there, index_type)
    lite, served = answers(here), answers(there)
    for label_filter in FILTERS:
        for one, other in zip(lite[label_filter], served[label_filter], strict=True):
            assert ids(one) == ids(other), label_filter
            assert [hit.labels for hit in one] == [hit.labels for hit in other]
            assert np.allclose([h.score for h in one], [h.score for h in other], atol=1e-4)
    assert [ids(hits) for hits in served[None]] == [
        nearest(clustered(COUNT), query, 10) for query in queries
    ]


def test_the_nearest_come_with_the_same_vectors(here, there):
    lite, served = [], []
    for index, told in zip(both(here, there, "EXACT"), (lite, served), strict=True):
        told += [index.nearest_vectors(query, 20) for query in clustered(5, seed=5)]
    for (ids_here, vectors_here), (ids_there, vectors_there) in zip(lite, served, strict=True):
        assert ids_here == ids_there
        assert np.array_equal(vectors_here, vectors_there)


def answers(settings):
    """Return {filter: hits of 20 queries}."""
    with Index(*PAIR, settings) as index:
        return {
            label_filter: index.search_many(clustered(20, seed=5), 10, label_filter)
            for label_filter in FILTERS
        }


@pytest.mark.parametrize("index_type", ["IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_approximate_search_finds_nearly_all_on_both(here, there, index_type):
    values, queries = clustered(COUNT), clustered(20, seed=5)
    for index in both(here, there, index_type):
        assert index.describe()["index"] == index_type
        for label_filter, keep in ((None, None), (FILTERS[2], lambda n: n & 5 == 5)):
            found = index.search_many(queries, 10, label_filter)
            truth = [nearest(values, query, 10, keep) for query in queries]
            hit = sum(len(set(ids(f)) & set(t)) for f, t in zip(found, truth, strict=True))
            assert hit / 200 >= 0.95, (index_type, label_filter, index.describe())


def test_the_life_cycle_is_the_same(here, there):
    told = {}
    for settings in (here, there):
        index = Index(*PAIR, settings)
        steps = [index.sync(some_pictures(500), clustered(500), progress=False)]
        steps += [index.sync(some_pictures(500), clustered(500), progress=False)]
        steps += [index.sync(some_pictures(500)[3:], clustered(500)[3:], progress=False)]
        steps += [index.upsert(some_pictures(5), clustered(500)[:5], progress=False), index.count()]
        steps += [
            index.delete(["2007_000004", "nobody"]),
            index.count(),
            index.digests(["2007_000007"]),
        ]
        steps += [index.vector("2007_000007").tolist()]
        steps += [{**index.describe(), "bytes": 0, "milvus": "", "uri": ""}]
        index.close()
        index = Index(*PAIR, settings)
        steps += [index.count(), index.missing]
        index.drop()
        index = Index(*PAIR, settings)
        steps += [index.count(), index.search(clustered(1)[0])]
        index.close()
        told[settings.milvus_uri] = steps
    lite, served = told.values()
    assert lite == served
    assert lite[4:7] == [500, 1, 499]


def test_strange_labels_are_the_same(there):
    pictures = [Picture(f"p{n:02d}", Path("p"), (label,)) for n, label in enumerate(STRANGE)]
    with Index(*PAIR, there) as index:
        index.sync(pictures, clustered(len(STRANGE)), progress=False)
        for number, label in enumerate(STRANGE):
            found = index.search(clustered(1)[0], 99, LabelFilter(any=label))
            assert [(hit.id, hit.labels) for hit in found] == [(f"p{number:02d}", (label,))]


def test_more_rows_than_one_answer_may_hold(there):
    pictures, values = some_pictures(16_500), clustered(16_500)
    with Index(*PAIR, there) as index:
        assert index.sync(pictures, values, progress=False).written == 16_500
        assert index.sync(pictures, values, progress=False).unchanged == 16_500
        assert len(index.search(values[0], k=16_000)) == 16_000


def test_an_index_type_that_only_a_server_has(there):
    with Index(*PAIR, there, index_type="SCANN") as index:
        index.sync(some_pictures(COUNT), clustered(COUNT), progress=False)
        assert index.describe()["index"] == "SCANN"
        found = index.search_many(clustered(20, seed=5), 10)
        truth = [nearest(clustered(COUNT), query, 10) for query in clustered(20, seed=5)]
        hit = sum(len(set(ids(f)) & set(t)) for f, t in zip(found, truth, strict=True))
        assert hit / 200 >= 0.95


def test_bad_rows_are_refused_before_the_server_sees_them(there):
    values = clustered(3)
    values[1] = np.nan
    with Index(*PAIR, there) as index:
        with pytest.raises(RowError):
            index.sync(some_pictures(3), values, progress=False)
        assert index.count() == 0


@pytest.mark.parametrize(("token", "told"), [("", "wants a token"), ("root:x", "refuses this")])
def test_a_token_is_asked_for(there, token, told):
    with pytest.raises(MilvusError, match=f"{told}.*MILVUS_TOKEN"):
        Index(*PAIR, replace(there, milvus_token=token))


def test_a_server_that_is_too_old(there, monkeypatch):
    monkeypatch.setattr(connection, "OLDEST", (99, 0))
    with pytest.raises(MilvusError, match=r"is Milvus v2\.3\.5-lite, too old"):
        Index(*PAIR, there)


def test_nobody_listens(here):
    with pytest.raises(MilvusError, match="No Milvus server answers at http://127"):
        Index(*PAIR, replace(here, milvus_uri=f"http://127.0.0.1:{free_port()}"))


@pytest.mark.parametrize("uri", ["http://no-such-host.invalid:19530", "http://127.0.0.1:notaport"])
def test_an_address_that_is_none(here, uri):
    with pytest.raises(MilvusError, match="No Milvus server answers"):
        Index(*PAIR, replace(here, milvus_uri=uri))


def test_something_else_listens(here):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_like_a_web_server, args=[listener], daemon=True).start()
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(MilvusError, match="doesn't answer as Milvus does"):
            Index(*PAIR, replace(here, milvus_uri=uri))


def _answer_like_a_web_server(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()


def test_milvus_lite_serves_several_processes(here, tmp_path):
    """The command that our own error message offers to a class."""
    port = free_port()
    command = [
        Path(sys.executable).parent / "milvus-lite",
        "server",
        "--data-dir",
        tmp_path / "s.db",
    ]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    shared = replace(here, milvus_uri=f"http://127.0.0.1:{port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            index = _when_up(lambda: Index(*PAIR, shared))
            with index, Index(*PAIR, shared) as second:
                index.sync(some_pictures(300), clustered(300), progress=False)
                assert second.count() == 300
                assert ids(second.search(clustered(300)[5], 9)) == nearest(
                    clustered(300), clustered(300)[5], 9
                )
        finally:
            process.terminate()


def test_kill_9_of_the_server_loses_nothing_that_was_confirmed(here, server, tmp_path):
    """Uses a server of its own, one after the other: only one can run on a machine."""
    server.stop()
    own = Server(tmp_path / "own")
    try:
        own.start()
        settings = replace(here, milvus_uri=own.uri, milvus_token=TOKEN)
        pictures, values = some_pictures(3000), clustered(3000)
        index = Index(*PAIR, settings)
        index.sync(pictures[:1000], values[:1000], progress=False)
        rows = rows_by_id(pictures[1000:2000], values[1000:2000], 512)
        index.upsert_rows(list(rows[0].values()))  # not flushed
        own.kill()
        with pytest.raises(MilvusError, match="stopped answering"):
            index.search(values[0])
        index.close()
        own.start()
        settings = replace(settings, milvus_uri=own.uri)
        with _when_up(lambda: Index(*PAIR, settings)) as index:
            assert (index.count(), index.missing) == (2000, 0)
            assert index.sync(pictures, values, progress=False).written == 1000
            assert ids(index.search(values[2500], 5)) == nearest(values, values[2500], 5)
    finally:
        own.stop()
        server.start()


def _when_up(make, seconds=60):
    """Return what `make` returns, once the server that it needs has come up."""
    end = time.monotonic() + seconds
    while True:
        try:
            return make()
        except MilvusError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


# What the server and pymilvus do wrong, shown without our code: see test_workarounds.py.


@pytest.mark.parametrize("token", ["", "root:x"])
def test_a_wrong_token_is_called_an_unavailable_server(server, token):
    with pytest.raises(Exception, match="server unavailable") as caught:
        connection.pymilvus().MilvusClient(server.uri, token=token, timeout=5)
    assert "auth" not in str(caught.value).lower(), "_open_server need not ask for the cause"
    assert "auth" in str(caught.value.__cause__).lower()


@pytest.fixture
def served(there):
    """A client of the server, and 8,000 vectors just flushed into the collection "plain"."""
    client = connection.connect(there.milvus_uri, there.milvus_token)
    values = np.random.default_rng(0).standard_normal((8000, 512), dtype=np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    types, schema = connection.pymilvus().DataType, client.create_schema()
    schema.add_field("id", types.INT64, is_primary=True)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=512)
    client.create_collection("plain", schema=schema)
    index = client.prepare_index_params()
    exact = {"index_type": "IVF_FLAT", "metric_type": "COSINE", "params": {"nlist": 1}}
    index.add_index("vector", **exact)
    client.create_index("plain", index, sync=False)
    client.load_collection("plain")
    for start in range(0, len(values), 1000):
        part = range(start, start + 1000)
        client.upsert("plain", [{"id": n, "vector": values[n]} for n in part])
    client.flush("plain")
    yield client, values
    client.close()


def test_an_index_is_finished_while_rows_are_pending(served):
    told = served[0].describe_index("plain", "vector")
    assert told["state"] == "Finished"
    assert told["pending_index_rows"] > 0, "_wait_for_server need not look at pending rows"


def test_new_rows_are_searched_in_part_until_reloaded(served):
    client, values = served
    while client.describe_index("plain", "vector")["pending_index_rows"]:
        time.sleep(0.2)
    queries = np.random.default_rng(1).standard_normal((20, 512), dtype=np.float32)
    assert exact_recall(client, values, queries) < 0.9, "flush_and_index need not reload"
    client.release_collection("plain")
    client.load_collection("plain")
    assert exact_recall(client, values, queries) > 0.99


def exact_recall(client, values, queries):
    """Return the share of the true nearest ten that an exact search finds."""
    truth = np.argsort(-(queries @ values.T), axis=1)[:, :10]
    parameters = {"params": {"nprobe": 1}}
    found = client.search("plain", list(queries), limit=10, search_params=parameters)
    pairs = zip(found, truth.tolist(), strict=True)
    return np.mean([len({hit["id"] for hit in hits} & set(true)) / 10 for hits, true in pairs])


def test_each_id_means_its_own_row_on_a_server(there):
    each_id_means_its_own_row(there)


def test_ten_thousand_random_ids_come_back_and_go_on_a_server(there):
    thousands_of_random_ids_come_back_and_go(there, 10_000)
