"""The command itself, in a process of its own: starting, what can't start, ending, being killed."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest
import service_kit
from service_kit import ROOT, Visit, environment, photographs, process, wait_until

from helpers.index import collections
from helpers.settings import from_environment
from search_app.__main__ import address

ID = "0123456789abcdef" * 2
pytestmark = [pytest.mark.weights, pytest.mark.slow]


def run(*options, **environ):
    """Run the command to its end; return (exit status, what it said)."""
    command = [sys.executable, "-m", "search_app", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_busy_port_is_a_sentence(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        status, said = run(f"--port={port}", BOOTCAMP_DATA=str(tmp_path))
    assert status == 1
    assert said.startswith(f"Port {port} is in use already.")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "environ", "sentence"),
    [
        (["--port=99999"], {}, "99999 isn't a port"),
        (["--host=no.such.host.example"], {}, "can't be served"),
        ([], {"BOOTCAMP_OFFLINE": "perhaps"}, "neither yes nor no"),
    ],
)
def test_what_can_not_be_served_is_a_sentence(tmp_path, options, environ, sentence):
    status, said = run(*options, BOOTCAMP_DATA=str(tmp_path), **environ)
    assert status == 1
    assert sentence in said
    assert "Traceback" not in said


def test_the_link_names_a_host_that_others_can_open():
    assert address("127.0.0.1", 1, "") == "http://127.0.0.1:1/"
    assert address("::1", 1, "a b") == "http://[::1]:1/?token=a+b"
    assert address("0.0.0.0", 1, "t") == f"http://{socket.gethostname()}:1/?token=t"


def test_page_and_probes_answer_before_anything_is_open_and_ctrl_c_frees_milvus(tmp_path):
    environ = environment(tmp_path)
    with process(environ) as (server, client, log):
        assert client.get("/healthz").status_code == 200
        assert client.head("/healthz").status_code == 200  # as some load balancers ask
        first = client.get("/readyz")
        assert first.status_code == 503  # TensorFlow alone takes seconds
        assert int(first.headers["retry-after"]) > 0
        assert {"step", "done", "total", "detail"} <= first.json().keys()
        assert client.get("/").status_code == 200
        assert client.get("/api/collections").status_code == 503
        assert Visit(client, ID).drain() == 1013
        client.wait_until_ready()
        assert "The search page is at" in log.read_text()
        photographs(tmp_path / "open" / "pets", 60, 2)
        job = client.post("/api/jobs", json={"folder": "pets"}).headers["Location"]
        visit = Visit(client, ID)
        wait_until(lambda: client.get(job).json()["done"])
        server.send_signal(signal.SIGINT)
        assert visit.drain() == 1012
        assert server.wait(600) == 0
        assert "Traceback" not in log.read_text()
    settings = from_environment(environ)
    assert collections(settings)  # opens Milvus, which nobody holds any more
    with process(environ) as (_, client, _log):  # what the job did is kept
        client.wait_until_ready()
        view = client.load("pets")
        assert view["written"] + view["unchanged"] == 60


def test_killed_and_started_again_it_serves_all_that_was_loaded(tmp_path):
    environ = environment(tmp_path)
    photographs(tmp_path / "open" / "pets", 4, 1)
    with process(environ) as (server, client, _):
        loaded = client.wait_until_ready().load("pets")
        before = client.get("/api/collections").json()
        assert len(before["collections"]) == 2
        server.send_signal(signal.SIGKILL)
        server.wait()
    with process(environ) as (_, client, _log):
        client.wait_until_ready()
        wait_until(lambda: client.get("/api/collections").json() == before)
        own = f"/api/collections/{loaded['collection']}"
        one = client.get(f"{own}/pictures").json()["pictures"][0]
        assert len(client.post(f"{own}/search", json={"id": one["id"]}).json()["hits"]) == 3


HOLD = """
import sys
from helpers.index import Index
from helpers.settings import from_environment
with Index("held", "vgg16-conv5-max-224", from_environment()):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_locked_milvus_is_said_and_waited_for(tmp_path):
    environ = environment(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=environ, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "open\n"
        with process(environ) as (_, client, log):
            said = wait_until(lambda: "milvus.db" in (a := client.get("/readyz").text) and a)
            assert "in use by process" in said
            assert str(tmp_path) not in said
            assert "Traceback" not in log.read_text()
            assert "milvus.db" in log.read_text()
            holder.stdin.close()
            holder.wait(600)
            client.wait_until_ready()  # it goes on by itself
    finally:
        holder.kill()
        holder.wait()


def test_absent_weights_are_said(tmp_path):
    environ = environment(tmp_path) | {"KERAS_HOME": str(tmp_path / "keras")}
    (tmp_path / "data" / "weights").unlink()
    with process(environ) as (_, client, log):
        said = wait_until(lambda: "weights" in (a := client.get("/readyz").text) and a)
        assert str(tmp_path) not in said
        answer = client.get("/api/collections")
        assert answer.status_code == 503
        assert answer.json()["detail"] == json.loads(said)["detail"]
        assert "weights" in log.read_text()
        assert "Traceback" not in log.read_text()
        assert client.get("/").status_code == 200


def test_on_any_other_address_the_token_of_the_link_is_needed(tmp_path):
    environ = environment(tmp_path)
    with process(environ, "--host=0.0.0.0") as (_, client, log):
        link = wait_until(lambda: "?token=" in log.read_text() and log.read_text().split()[-1])
        token = log.read_text().split("?token=")[1].split()[0]
        assert link
        assert client.get("/api/collections").status_code == 401
        assert Visit(client, ID).drain() == 4003
        allowed = service_kit.Client(client.address, token).wait_until_ready()
        assert allowed.get("/api/collections").status_code == 200
        assert "token" not in client.get(f"/?token={token}").url
        assert token not in log.read_text().replace(f"?token={token}", "")
