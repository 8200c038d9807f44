"""Connecting to whatever MILVUS_URI names."""

import inspect
import os
import signal
import subprocess
import sys

import pytest
from index_kit import child, clustered

from helpers.features import ExtractionInterrupted
from helpers.index import MilvusError, build, connection, milvus_lite


def test_milvus_uri_may_name_a_file_although_pymilvus_refuses_one(tmp_path):
    """pymilvus reads MILVUS_URI at import; ours must open the file all the same."""
    code = (
        "from helpers.index import Index; i = Index('sample', 'vgg16'); print(i.count());"
        "i.close(); import os; print(os.environ['MILVUS_URI'])"
    )
    uri = str(tmp_path / "other.db")
    env = os.environ | {"MILVUS_URI": uri, "BOOTCAMP_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["0", uri], done.stderr


WRITING = """
from helpers.index import connection
from pymilvus import DataType, MilvusClient

client = connection.connect(here.milvus_uri, here.milvus_token)
client.create_collection("plain", dimension=512)
rows = [{"id": n, "vector": v} for n, v in enumerate(clustered(300))]
real = MilvusClient.upsert

def slowly(*arguments, **options):
    print("writing", flush=True)
    time.sleep(0.5)  # in which the signal comes
    return real(*arguments, **options)

MilvusClient.upsert = slowly
for _ in range(3):
    try:
        client.upsert("plain", rows)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
counted = client.query("plain", filter="", output_fields=["count(*)"])
print(counted[0]["count(*)"], len(client.search("plain", [rows[0]["vector"]], limit=3)[0]))
connection.close(client, here.milvus_uri)
"""


@pytest.mark.slow
def test_ctrl_c_in_a_client_of_ones_own_leaves_it_usable(here):
    other = child(WRITING, here)
    for _ in range(3):
        assert other.stdout.readline() == "writing\n"
        other.send_signal(signal.SIGINT)
        assert other.stdout.readline() == "interrupted\n"
    out, error = other.communicate(timeout=60)
    assert out == "300 3\n", error  # the call that had begun was finished


@pytest.fixture
def client(here):
    """A client of a database with the collection "plain", 300 rows and no index."""
    opened = connection.connect(here.milvus_uri)
    schema = opened.create_schema(auto_id=False)
    schema.add_field("id", connection.pymilvus().DataType.INT64, is_primary=True)
    schema.add_field("vector", connection.pymilvus().DataType.FLOAT_VECTOR, dim=512)
    opened.create_collection("plain", schema=schema)
    opened.upsert("plain", [{"id": n, "vector": v} for n, v in enumerate(clustered(300))])
    opened.flush("plain")
    yield opened
    connection.close(opened, here.milvus_uri)


def test_a_client_shows_what_pymilvus_documents(client):
    real = list(inspect.signature(connection.pymilvus().MilvusClient.search).parameters)
    assert ["self", *inspect.signature(client.search).parameters] == real
    assert "upsert" in dir(client)
    assert client.search.__doc__
    with pytest.raises(AttributeError, match="nothing"):
        client.nothing  # noqa: B018


def test_no_except_exception_swallows_an_interruption():
    for kind in (connection.Interrupted, ExtractionInterrupted):
        assert issubclass(kind, KeyboardInterrupt)
        assert not issubclass(kind, Exception)
    assert issubclass(MilvusError, Exception)


def test_what_a_client_raises_is_one_line_in_a_notebook(client):
    with pytest.raises(connection.pymilvus().MilvusException) as caught:
        client.load_collection("nowhere")
    (line,) = caught.value._render_traceback_()
    assert line.startswith(type(caught.value).__name__)
    assert "nowhere" in line
    assert len(line) <= 500


def test_an_index_is_built_with_the_parameters_asked_for_and_replaced(here, client):
    faiss = pytest.importorskip("faiss", reason="ABSENT: faiss-cpu, which Milvus Lite brings")
    for nlist in (7, 3):
        build.build_index(client, "plain", "IVF_FLAT", nlist=nlist)
        files = list(milvus_lite.folder(here.milvus_uri, "plain").rglob("*.idx"))
        assert [faiss.read_index(str(file)).nlist for file in files] == [nlist]
        found = client.search("plain", [clustered(300)[5]], limit=1)
        assert found[0][0]["id"] == 5


def test_an_index_that_is_never_built_is_told(client, monkeypatch):
    monkeypatch.setattr(build, "TIMEOUT_SECONDS", 0)
    with pytest.raises(MilvusError, match="has not built the index within 120 seconds"):
        build.wait_until_built(client, "plain")
