"""A cluster of two machines in one, pictures for it, and an object store to read them from."""

import os
import signal
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from vgg_kit import jpeg, picture_of_noise, save

from helpers.dataset.pictures import Picture
from helpers.features.vector_store import read_manifest

RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}


class TwoNodes:
    """A Ray cluster of two nodes with a processor each; the second can be taken away."""

    def __init__(self):
        os.environ.update(RAY)
        from ray.cluster_utils import Cluster

        small = {"num_cpus": 1, "object_store_memory": 200 * 2**20}
        self.cluster = Cluster(initialize_head=True, head_node_args=small)
        self.address = self.cluster.address
        self.second = self.cluster.add_node(**small)

    def remove_second(self):
        """Take the second node away at once, with all of its processes."""
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = None

    def whole(self):
        """Bring the second node back, if it is gone."""
        if self.second is None:
            self.second = self.cluster.add_node(num_cpus=1, object_store_memory=200 * 2**20)


def many(folder, count):
    """Write so many pictures, and one that is none in their middle; return them all as Pictures."""
    folder.mkdir(exist_ok=True)
    pictures = [save(folder, f"p{number:03}", number) for number in range(count)]
    (folder / "p000-bad.jpg").write_bytes(b"This is no picture.")
    return [pictures[0], Picture("p000-bad", folder / "p000-bad.jpg"), *pictures[1:]]


def rows_kept(data):
    """Return how many rows the stores below a data folder have; of a part being replaced, none."""
    rows = 0
    for manifest in (data / "vectors").rglob("manifest.json"):
        part = read_manifest(manifest.parent).get("part")
        with suppress(FileNotFoundError):  # just now replaced
            rows += (manifest.parent / f"rows-{part}.jsonl").read_bytes().count(b"\n")
    return rows


def kill(pid):
    """Kill a process as the system does when memory is short."""
    os.kill(pid, signal.SIGKILL)


class Bucket(dict):
    """{key: content} of one bucket, served as S3 does, to whoever asks; `reads` are the keys read.

    Only what a reader needs: listing (version 2), HEAD, and GET of a part or of all.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reads, self.changed = [], {}

    def put(self, key, content, when=datetime(2026, 11, 1, tzinfo=UTC)):
        self[key], self.changed[key] = content, when


@contextmanager
def serving(bucket):
    """Serve a Bucket on a free port; yield the address of everything in it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            url = urlsplit(self.path)
            key, asked = unquote(url.path).removeprefix("/shop").lstrip("/"), parse_qs(url.query)
            if not key and "list-type" in asked:
                return self.answer(200, listing(bucket, asked.get("prefix", [""])[0]))
            if key not in bucket:
                return self.answer(200 if not key else 404, b"")
            if self.command == "GET":
                bucket.reads.append(key)
            return self.answer(200, bucket[key], bucket.changed[key])

        def answer(self, status, body, when=None):
            given, headers = self.headers.get("Range"), {}
            if when:
                headers["Last-Modified"] = format_datetime(when, usegmt=True)
            if given and status == 200:
                first, last = given.removeprefix("bytes=").split("-")
                part = slice(int(first), min(int(last or len(body)), len(body) - 1) + 1)
                headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
                status, body = 206, body[part]
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"endpoint_override=127.0.0.1:{server.server_port}&scheme=http&region=us-east-1"
        try:
            yield f"s3://key:secret@shop/pictures?{place}"
        finally:
            server.shutdown()


def listing(bucket, prefix):
    """Return the answer to ListObjectsV2."""
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(bucket[key])}</Size>"
        f"<LastModified>{bucket.changed[key]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
        for key in sorted(bucket)
        if key.startswith(prefix)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult><Name>shop</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>
""".encode()


def picture_bytes(seed):
    """Return the bytes of a JPEG of noise."""
    return jpeg(picture_of_noise(90, 70, seed))
