"""Servers on this computer start, stop, survive a kill, and say why they didn't start."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import pytest
import requests
from index_kit import PAIR, clustered, some_pictures
from needs import TEST_DATA
from vgg_kit import real

from helpers.index import Index
from helpers.scale import local
from helpers.scale.local import LocalServer, LocalServerError, milvus_server, search_service

pytestmark = pytest.mark.slow
SILENT = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_milvus_that_is_killed_comes_back_with_all_rows_at_the_same_address(here, tmp_path):
    with milvus_server(tmp_path / "served").start(progress=False) as server:
        there = replace(here, milvus_uri=server.uri)
        with Index(*PAIR, there) as index:
            index.sync(some_pictures(300), clustered(300), progress=False)
            before = index.search(clustered(1, seed=5)[0])
            server.kill()
            server.start(progress=False)
            assert index.count() == 300
            assert index.search(clustered(1, seed=5)[0]) == before
    assert server.process.returncode is not None
    server.stop()  # twice is harmless


def test_starting_one_that_runs_leaves_it_as_it_is(tmp_path):
    with milvus_server(tmp_path / "served").start(progress=False) as server:
        process = server.process
        assert server.start(progress=False).process is process
    assert process.returncode is not None


def test_another_program_on_its_port_is_not_taken_for_it(tmp_path):
    with milvus_server(tmp_path / "served").start(progress=False) as server:
        other = milvus_server(tmp_path / "other")
        other.port = server.port
        with pytest.raises(LocalServerError, match="Another program has taken port"):
            other.start(progress=False)


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LocalServerError, match="didn't start: FileNotFoundError"):
        LocalServer("It", ["no-such-program"], tmp_path / "it.log").start(progress=False)


KERNEL = """
import sys, time
from pathlib import Path
from helpers.scale import milvus_server
server = milvus_server(Path(sys.argv[1])).start(progress=False)
print(server.port, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_kernel_that_is_killed_leaves_no_server_behind(tmp_path, how):
    command = [sys.executable, "-c", KERNEL, str(tmp_path / "served")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
        port = int(kernel.stdout.readline())
        kernel.send_signal(how)
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.1)
            continue
        return
    pytest.fail("the server goes on")


@pytest.mark.weights
def test_the_service_answers_over_a_milvus_elsewhere(shared_settings, tmp_path):
    settings = replace(real(shared_settings), data=TEST_DATA)
    with milvus_server(tmp_path / "served").start(progress=False) as server:
        with search_service(server.uri, settings).start(progress=False) as service:
            (found,) = requests.get(f"{service.uri}/api/collections", timeout=30).json().values()
            assert found[0]["count"] > 100
            there = replace(settings, milvus_uri=server.uri)
            assert {found[0]["name"]} <= {one.name for one in local_names(there)}
        assert service.process.returncode == 0


def local_names(settings):
    from helpers.index import collections

    return collections(settings)


def test_one_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('The port is on holiday.')"]
    with pytest.raises(LocalServerError, match=r"It didn't start: The port is on holiday\. See"):
        LocalServer("It", command, tmp_path / "it.log").start(progress=False)


def test_one_that_never_gets_ready_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "START_SECONDS", 1)
    server = LocalServer("It", SILENT, tmp_path / "it.log")
    with pytest.raises(LocalServerError, match="it printed nothing"):
        server.start(progress=False)
    assert server.process.returncode is not None


def test_interrupting_the_notebook_leaves_the_server_alone_and_ends_one_that_starts(
    tmp_path, monkeypatch
):
    def interrupted(_server):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = milvus_server(tmp_path / "served").start(progress=False)
    starting = LocalServer("It", SILENT, tmp_path / "it.log")
    monkeypatch.setattr(LocalServer, "_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        starting.start(progress=False)
    assert starting.process.returncode is not None
    assert running.process.poll() is None
    running.stop()


def test_no_process_stays_when_nobody_holds_the_server_any_more(tmp_path):
    server = milvus_server(tmp_path / "served").start(progress=False)
    process = server.process
    del server
    assert process.wait(10) is not None
