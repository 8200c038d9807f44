"""One worker of a cluster: VGG16 loaded once, then batch after batch of pictures into rows."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from helpers.dataset.pictures import Picture, PictureError
from helpers.features import VGG16
from helpers.features.prefetch import prefetch, read
from helpers.features.vector_store import Fingerprint
from helpers.scale.sources import Remote, read_remote
from helpers.settings import from_environment

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

NOT_THERE = "it can't be read (No such file or directory)"
"""What `prefetch.read` says of a file that this machine doesn't have."""


class Embedder:
    """A Ray actor that keeps the network: `Embedder(…)(table)` returns one row per picture.

    `how` is what VGG16 is made with; `weights` are {file name: reference} in Ray's object store, so
    that no worker needs the internet or the driver's disk; `files` is where the pictures are,
    unless they have paths of this machine.
    """

    def __init__(
        self, how: Mapping[str, Any], weights: Mapping[str, Any], files: "FileSystem | None" = None
    ):
        import ray

        self.files, context = files, ray.get_runtime_context()
        self.who = {
            "node": context.get_node_id(),
            "machine": ray.util.get_node_ip_address(),
            "pid": os.getpid(),
        }
        with TemporaryDirectory(prefix="bootcamp-") as folder:  # once loaded, they aren't needed
            (Path(folder) / "weights").mkdir()
            for name, reference in weights.items():
                (Path(folder) / "weights" / name).write_bytes(ray.get(reference))
            here = from_environment({"BOOTCAMP_DATA": folder, "BOOTCAMP_OFFLINE": "1"})
            self.extractor = VGG16(**how, settings=here, progress=False).load()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `rows_schema` for a table of `pictures_table`, in the same order."""
        begun, rows, network = time.time(), [], self.extractor.network
        for loaded in prefetch(self._read, _pictures(table, self.files), network.batch):
            pixels = [pixels for _, fingerprint, pixels in loaded if fingerprint]
            outputs = iter(network(pixels) if pixels else [])
            rows += [self._row(*each, outputs) for each in loaded]
        when = {"begun": begun, "ended": time.time()}
        rows = [row | self.who | when for row in rows]
        return pa.Table.from_pylist(rows, rows_schema(self.extractor.provenance()["dim"]))

    def _read(self, picture):
        """Return what `prefetch.read` does."""
        if self.files is None:
            return read(picture, self.extractor.pixels)
        try:
            fingerprint, raw = read_remote(self.files, picture)
            return picture, fingerprint, self.extractor.pixels(raw)
        except OSError as error:
            return picture, None, f"it can't be read ({error.strerror or str(error)[:200]})"
        except PictureError as error:
            return picture, None, str(error)

    def _row(self, picture, fingerprint, reason, outputs):
        """Return a picture's row: its vectors where it could be read, else the reason."""
        if fingerprint is None:
            return {"id": picture.id, "path": os.fsencode(picture.path), "reason": reason}
        row = vars(fingerprint) | {"path": os.fsencode(fingerprint.path)}
        return row | {"vector": self.extractor.row(next(outputs))}


def pictures_table(pictures) -> pa.Table:
    """Return what a worker must know of pictures; paths are bytes, since not all are UTF-8."""
    return pa.table(
        {
            "id": [picture.id for picture in pictures],
            "path": [os.fsencode(picture.path) for picture in pictures],
            "size": [getattr(picture, "size", 0) for picture in pictures],
            "mtime_ns": [getattr(picture, "mtime_ns", -1) for picture in pictures],
        }
    )


def rows_schema(dim: int) -> pa.Schema:
    """Return the columns of what a worker gives back: a Fingerprint, the vectors, who and when.

    `vector` is (dim,) float32, of every pooling. An unreadable picture has a `reason` instead.
    `begun` and `ended` are seconds since 1970, by the worker's clock, of the batch.
    """
    texts = ("id", "sha256", "reason", "node", "machine")
    numbers = ("size", "mtime_ns", "ctime_ns", "pid")
    return pa.schema(
        [(name, pa.string()) for name in texts]
        + [("path", pa.binary())]
        + [(name, pa.int64()) for name in numbers]
        + [(name, pa.float64()) for name in ("begun", "ended")]
        + [("vector", pa.list_(pa.float32(), dim))]
    )


def fingerprints_of(table: pa.Table) -> list[Fingerprint]:
    """Return the Fingerprints in a table of `rows_schema`."""
    rows = table.select(["id", "path", "size", "mtime_ns", "sha256", "ctime_ns"]).to_pylist()
    return [Fingerprint(**row | {"path": os.fsdecode(row["path"])}) for row in rows]


def _pictures(table, files):
    """Return the pictures of a table: Picture, or Remote where `files` has them."""
    rows = [row | {"path": os.fsdecode(row["path"])} for row in table.to_pylist()]
    if files is not None:
        return [Remote(**row) for row in rows]
    return [Picture(row["id"], Path(row["path"])) for row in rows]
