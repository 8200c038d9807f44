"""A real Milvus server for tests, from the wheel `milvus`: started, killed and stopped by them.

The server listens on free ports, keeps its data in a temporary folder, and wants a token, so that
every test also shows that the token is passed on. Its etcd uses a fixed port, so only one can run
on a machine: a second test run waits its turn.
"""

import fcntl
import importlib.util
import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.index import connection

TOKEN = "root:Milvus"
TURN = Path(tempfile.gettempdir()) / "bootcamp-milvus-server.turn"


class Server:
    """One Milvus server; `uri` and `token` are what a client needs."""

    def __init__(self, folder):
        self.folder, self.token, self.process = str(folder), TOKEN, None
        self.turn = TURN.open("w")

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.process.listen_port}"

    def start(self):
        """Start it on ports that were never used: those of a killed server stay closed a while."""
        from milvus import MilvusServer, MilvusServerConfig

        fcntl.flock(self.turn, fcntl.LOCK_EX)
        config = MilvusServerConfig(data_dir=self.folder, proxy_port=free_port())
        config.set("authorization_enabled", True)
        self.process = MilvusServer(config)
        self.process.webservice_port = free_port()
        self.process.start()
        return self

    def stop(self):
        if self.process:
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
