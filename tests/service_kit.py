"""The real service for its tests: real photographs, real weights, Milvus Lite, a free port."""

import contextlib
import json
import os
import struct
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import requests
import uvicorn
from needs import TEST_DATA, VOC_SUBSET, require
from vgg_kit import real
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from helpers import settings as _settings
from search_app import __main__ as command
from search_app.service import create_app

ROOT = Path(__file__).resolve().parent.parent
COUNT = 24
LIMIT = 600  # seconds, after which a test that waits for an event fails


def photographs(folder, count=COUNT, start=0):
    """Unpack `count` pictures of the real subset, with annotations, into `folder`; return it."""
    require(VOC_SUBSET.exists(), f"real photographs at {VOC_SUBSET}; set BOOTCAMP_TEST_VOC")
    with tarfile.open(VOC_SUBSET) as tar:
        names = sorted(name for name in tar.getnames() if name.endswith(".jpg"))
        stems = [Path(name).stem for name in names[start::7][:count]]
        for member in tar.getmembers():
            path = Path(member.name)
            if path.stem in stems and path.suffix in (".jpg", ".xml"):
                place = folder / path.parent.name / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(tar.extractfile(member).read())
    return folder


def environment(folder, **more):
    """Return variables for a service that keeps everything but the weights in `folder`."""
    real(_settings.from_environment({"BOOTCAMP_DATA": str(TEST_DATA)}))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    if not (data / "weights").exists():
        (data / "weights").symlink_to(TEST_DATA / "weights")
    if not (folder / "VOC2012").exists():
        photographs(folder / "VOC2012")
    (folder / "open").mkdir(exist_ok=True)
    return {
        "BOOTCAMP_DATA": str(data),
        "BOOTCAMP_DATASET": str(folder / "VOC2012"),
        "BOOTCAMP_ROOTS": str(folder / "open"),
        "BOOTCAMP_OFFLINE": "1",
        "BOOTCAMP_PRECISION": "float32",
        **more,
    }


class Client(requests.Session):
    """A client of the service at `address`; `name` is its default collection."""

    def __init__(self, address, token=""):
        super().__init__()
        self.address = address
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method, url, **options):
        return super().request(method, self.address + url, timeout=LIMIT, **options)

    @property
    def name(self):
        return self.get("/api/collections").json()["collections"][0]["name"]

    def wait_until_ready(self):
        """Return when the service is ready; it must be within ten minutes."""
        end = time.monotonic() + LIMIT
        while (answer := self.get("/readyz")).status_code != 200:
            assert time.monotonic() < end, answer.text
            assert "Something went wrong" not in answer.text, answer.text
            time.sleep(0.1)
        return self

    def load(self, folder):
        """Load a folder, wait for the end, and return the job's view."""
        return self.wait_for(self.post("/api/jobs", json={"folder": folder}).headers["Location"])

    def wait_for(self, job):
        """Return the view of `job`, an address, once it has ended."""
        end = time.monotonic() + LIMIT
        while (view := self.get(job).json())["state"] not in ("done", "stopped", "error"):
            assert time.monotonic() < end, view
            time.sleep(0.05)
        return view


@contextlib.contextmanager
def running(app):
    """Serve `app` as the command does, in a thread; yield a Client."""
    listener = command.listen("127.0.0.1", 0)
    server = uvicorn.Server(command.configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def service(folder, **options):
    """Serve 24 real photographs, all kept in `folder`; yield (Client, app) when that is ready."""
    app = create_app(_settings.from_environment(environment(folder)), **options)
    with running(app) as client:
        yield client.wait_until_ready(), app


@contextlib.contextmanager
def process(environ, *options):
    """Run the command itself; yield (process, Client, log) at once."""
    listener = command.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    log = Path(environ["BOOTCAMP_DATA"]).parent / f"service-{port}.log"
    with log.open("w") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "search_app", f"--port={port}", *options], cwd=ROOT,
            env=os.environ | environ, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    client = Client(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: started.poll() is not None or _answers(client))
        yield started, client, log
    finally:
        started.kill()
        started.wait()


def _answers(client):
    try:
        return client.get("/healthz").ok
    except requests.ConnectionError:
        return False


def wait_until(condition):
    """Return what `condition()` returns once that is true; fail after ten minutes."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


class Visit:
    """A page's socket: it sends messages and keeps the latest value of every part."""

    def __init__(self, client, session, **options):
        """Connect, and receive all parts as they stand."""
        address = client.address.replace("http", "ws") + f"/ws?session={session}"
        self.socket = connect(address, max_size=None, open_timeout=LIMIT, legacy=True, **options)
        self.parts, self.heard, self.number = {}, 0, 0

    def send(self, do, *buffers, **more):
        """Send one message with the next number; return the number."""
        self.number += 1
        header = {"do": do, "number": self.number, "buffers": [len(b) for b in buffers]} | more
        text = json.dumps(header).encode()
        self.socket.send(struct.pack(">I", len(text)) + text + b"".join(buffers))
        return self.number

    def receive(self):
        """Take one frame."""
        frame = self.socket.recv(LIMIT)
        end = 4 + struct.unpack(">I", frame[:4])[0]
        header = json.loads(frame[4:end])
        buffers = []
        for length in header["buffers"]:
            buffers.append(frame[end : end + length])
            end += length
        assert end == len(frame)
        self.heard = header.get("heard", self.heard)
        self.parts |= _filled(header.get("parts", {}), buffers)
        return header

    def drain(self):
        """Take frames until the service closes the socket; return the code, None without one."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code

    def until(self, condition):
        """Take frames until `condition(parts)` holds; return what it returns."""
        while not (found := condition(self.parts)):
            self.receive()
        return found


def _filled(value, buffers):
    if isinstance(value, dict):
        if "$buffer" in value:
            return buffers[value["$buffer"]]
        return {key: _filled(one, buffers) for key, one in value.items()}
    return [_filled(one, buffers) for one in value] if isinstance(value, list) else value
