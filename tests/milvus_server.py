"""A real Milvus server for tests, from the wheel `milvus`: started, killed and stopped by them.

The server listens on free ports, keeps its data in a temporary folder, and wants a token, so that
every test also shows that the token is passed on. Its etcd uses a fixed port, so only one can run
on a machine: a second test run waits its turn.
"""

import contextlib
import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from helpers.index import connection

TOKEN = "root:Milvus"
TURN = Path(tempfile.gettempdir()) / "bootcamp-milvus-server.turn"


class Server:
    """One Milvus server; `uri` and `token` are what a client needs.

    What a killed server was responsible for goes to the next one only after `lease` seconds.
    """

    def __init__(self, folder, lease=30):
        self.folder, self.token, self.process, self.lease = str(folder), TOKEN, None, lease
        self.turn = TURN.open("w")

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.process.listen_port}"

    def start(self):
        """Start it on ports that were never used: those of a killed server stay closed a while.

        It dies when it finds, on a port of its own, what the one before it had there; so try again.
        """
        fcntl.flock(self.turn, fcntl.LOCK_EX)
        for _ in range(5):
            self._launch()
            if self._comes_up():
                return self
            self.process.stop()
        raise RuntimeError(f"The Milvus server doesn't start; see {self.folder}/logs.")

    def _launch(self):
        from milvus import MilvusServer, MilvusServerConfig

        config = MilvusServerConfig(data_dir=self.folder, proxy_port=free_port())
        assert " ttl: 30 " in config.template_text
        config.template_text = config.template_text.replace(" ttl: 30 ", f" ttl: {self.lease} ")
        config.set("authorization_enabled", True)
        self.process = MilvusServer(config, wait_for_started=False)
        self.process.webservice_port = free_port()
        self.process.start()

    def _comes_up(self):
        """Return True once it is healthy, False when it has died or takes two minutes."""
        end = time.monotonic() + 120
        while self.process.server_proc.poll() is None and time.monotonic() < end:
            address = f"http://127.0.0.1:{self.process.webservice_port}/healthz"
            with contextlib.suppress(requests.RequestException):
                if "OK" in requests.get(address, timeout=5).text:
                    time.sleep(1)  # as the wheel does itself
                    return True
            time.sleep(0.1)
        return False

    def stop(self):
        """Stop it, giving it the time to sign off, so that the next one can start at once."""
        if self.process and self.process.server_proc:
            self.process.server_proc.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.server_proc.wait(timeout=10)
            self.process.stop()
        fcntl.flock(self.turn, fcntl.LOCK_UN)

    def kill(self):
        """Kill it at once, as a power cut would."""
        self.process.server_proc.kill()
        self.process.server_proc.wait()
        self.process.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session", name="server")
def running_server(tmp_path_factory):
    """A running Server; skips, loudly, where the wheel is absent (it exists for Linux x86-64)."""
    if importlib.util.find_spec("milvus") is None:
        reason = "ABSENT: the real Milvus server; install it with: pip install milvus==2.3.5"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    running = Server(tmp_path_factory.mktemp("milvus")).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def there(here, server):
    """Settings of the real server; its collections are dropped afterwards."""
    settings = replace(here, milvus_uri=server.uri, milvus_token=server.token)
    yield settings
    client = connection.connect(server.uri, server.token)
    for name in client.list_collections():
        client.drop_collection(name)
    client.close()
