"""A Milvus server that tests kill, stop and starve, at one address for as long as they like.

The server itself can't have one: for a minute, the port of a server that was killed stays closed.
So its address is a relay's, as the name of a service is in a cluster.
"""

import socket
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from milvus_server import TOKEN, Server

from helpers.index import Index, MilvusError
from helpers.settings import from_environment


class Relay:
    """Hands connections to `uri` on to the server at port `target`, which may be changed."""

    def __init__(self, target=0):
        self.target, self._open = target, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def cut(self):
        """End all connections that are open."""
        for one in self._open:
            _end(one)
        self._open.clear()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=[client], daemon=True).start()

    def _join(self, client):
        """Pass bytes on both ways; whichever side ends, both do."""
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._open += [client, server]
        threading.Thread(target=_pass_on, args=[server, client], daemon=True).start()
        _pass_on(client, server)


def _pass_on(source, drain):
    with suppress(OSError):
        while data := source.recv(1 << 16):
            drain.sendall(data)
    _end(source)
    _end(drain)


def _end(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


class Fragile:
    """A server of our own at one address, with all of its data on a disk of its own."""

    def __init__(self, disk, mounted):
        self.disk, self.mounted = disk, mounted
        self.server, self.relay = Server(disk, lease=8), Relay()
        self.settings = from_environment({"MILVUS_URI": self.relay.uri, "MILVUS_TOKEN": TOKEN})

    def start(self):
        """Start the server, unless it runs."""
        process = self.server.process and self.server.process.server_proc
        if process and process.poll() is None:
            return
        self.server.start()
        self.relay.target = self.server.process.listen_port

    def index(self, name, seconds=120):
        """Return an open Index, once the server, started again if it died, can be reached."""
        end = time.monotonic() + seconds
        while True:
            self.start()
            try:
                return Index(name, "vgg16-conv5-max-224", self.settings)
            except MilvusError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.5)


@pytest.fixture(scope="module")
def fragile(server, tmp_path_factory):
    """A Fragile, started, while the server of the other tests rests: only one can run."""
    server.stop()
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", disk]
    mounted = not subprocess.run(mount, capture_output=True, check=False).returncode
    own = Fragile(disk, mounted)
    try:
        own.start()
        yield own
    finally:
        own.server.stop()
        own.relay.close()
        if mounted:
            subprocess.run(["umount", "-l", disk], check=True)
        server.folder = str(tmp_path_factory.mktemp("milvus"))  # a new one starts sooner
        server.start()
