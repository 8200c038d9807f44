"""Extraction on several machines: `make extract-cluster ADDRESS=auto`.

Ray Data keeps a pool of workers, each with its own VGG16, hands batches of pictures to whoever is
free, and repeats what a lost worker or machine had in hand. The rows come back here as they are
made, and go into the same store that notebook 02 writes, so everything that reads vectors finds
them, and whatever is there already isn't computed again. https://docs.ray.io/en/latest/data/data.html

All machines need the same Python environment (`pip install '.[scale]'`), and must see the pictures
at the same path, or in an object store. Weights, 8-bit network and this code travel with the job.
Vectors are the same to the last bit where the processors are of one kind.
"""

import argparse
import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from helpers import dataset
from helpers import settings as _settings
from helpers.dataset.pictures import Ledger, Picture
from helpers.errors import PlainError
from helpers.features import VGG16, ExtractionInterrupted, Vectors, int8, weights
from helpers.features.extractor import forecast, kept_when_interrupted, left_to_do
from helpers.features.vector_store import open_for_writing
from helpers.index import Index
from helpers.scale import sources
from helpers.scale.cluster import ClusterError, connected, plain_errors
from helpers.scale.kept import sync_kept
from helpers.scale.worker import NOT_THERE, Embedder, fingerprints_of, pictures_table
from helpers.search import tuning
from helpers.search.engine import extractor_for

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

BATCH = 64
"""Pictures handed out at once: what a lost worker has to do again. Fewer, and the time between two
batches, when the network waits for the first picture to be decoded, would show."""


@dataclass(frozen=True)
class Batch:
    """What one worker did at a time: when (seconds since 1970), where, and which pictures."""

    node: str
    machine: str
    pid: int
    begun: float
    ended: float
    ids: tuple[str, ...]


@dataclass(frozen=True)
class ClusterVectors(Vectors):
    """Vectors, and the batches that were computed for them, in the order they came back."""

    batches: list[Batch] = field(default_factory=list)


def extract_on_cluster(
    extractor: VGG16,
    pictures: Sequence[Picture | sources.Remote],
    dataset_name: str,
    address: str = "local",
    workers: int | None = None,
    files: "FileSystem | None" = None,
    progress: bool = True,
) -> ClusterVectors:
    """Return what `extractor.extract(pictures, dataset_name)` does, computed by many workers.

    `address` is "local" (this machine alone), "auto" (the cluster that this machine belongs to) or
    HOST:PORT; where Ray runs in this process already, that is used. By default there is one worker
    per machine, with all of its processors. `files` is the filesystem of pictures from
    `sources.list_remote`. Interrupting raises ExtractionInterrupted and keeps what was done. Raises
    ClusterError, and StoreError while another program extracts the same vectors.
    """
    with open_for_writing(extractor.folder(dataset_name), extractor.provenance()) as store:
        ledger, batches = _embed_missing(
            extractor, pictures, store, (address, workers), files, progress
        )
        made = extractor.gathered(pictures, store, ledger)
        return ClusterVectors(made.ids, made.values, made.name, ledger, batches)


# The driver: what is missing, a cluster to compute it, and what comes back


def _embed_missing(extractor, pictures, store, cluster, files, progress):
    """Embed what the store doesn't have yet; return the ledger of failures, and the batches."""
    is_done = store.done if files is None else lambda one: sources.unchanged(one, store)
    todo = left_to_do(extractor.name, pictures, is_done, progress)
    ledger, batches, total = Ledger(), [], len(pictures)
    if not todo:
        return ledger, batches
    with kept_when_interrupted(pictures, store), connected(*cluster) as (count, processors):
        if progress:
            print(_told(count, processors))
        stream = _computed(extractor, todo, files, count, processors)
        done = total - len(todo)
        with closing(stream), _Bar(extractor.name, total, done, count, progress) as bar:
            for table in stream:
                batches.append(_keep(table, store, ledger, files))
                bar.update(batches[-1])
    return ledger, batches


def _computed(extractor, todo, files, count, processors):
    """Yield tables of rows, one per batch, as workers finish them."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    how = {
        name: getattr(extractor, name) for name in ("pooling", "precision", "size", "keep_aspect")
    }
    shipped = {name: ray.put(content) for name, content in _weight_files(extractor)}
    context = DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with DataContext.current(context), plain_errors():
        tables = [
            pictures_table(todo[start : start + BATCH]) for start in range(0, len(todo), BATCH)
        ]
        rows = ray.data.from_arrow(tables).map_batches(
            Embedder,
            fn_constructor_args=(how, shipped, files),
            batch_size=None,  # a table is a batch
            batch_format="pyarrow",
            # Ray tries what a lost worker had in hand again, without limit. A limit was tried: the
            # attempts to reach a machine that is gone used it up within a second.
            compute=ActorPoolStrategy(size=min(count, len(tables))),
            num_cpus=processors,
        )
        yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")


def _weight_files(extractor):
    """Yield (name, bytes) of what workers need of data/weights: they convert nothing themselves.

    The conversion to 8 bits happens once, here, so that all workers have the same network.
    """
    yield weights.FILE, weights.load(extractor.settings)
    if extractor.precision == "int8":
        int8.quantised_model(extractor.settings)
        for path in (extractor.settings.data / "weights").glob("vgg16-int8-*.tflite"):
            yield path.name, path.read_bytes()


def _keep(table, store, ledger, files):
    """Put a table of rows into the store and the ledger; return the Batch."""
    ids, reasons = table["id"].to_pylist(), table["reason"].to_pylist()
    for path, reason in zip(table["path"].to_pylist(), reasons, strict=True):
        if files is None and reason == NOT_THERE and os.path.exists(path):
            raise ClusterError(
                f"The worker on {table['machine'][0]} doesn't have {os.fsdecode(path)}. Put the "
                "pictures where all machines see them at the same path, or into an object store."
            )
        if reason:
            ledger.add(os.fsdecode(path), reason)
    good = table.filter(table["vector"].is_valid())
    if len(good):
        values = good["vector"].combine_chunks().flatten().to_numpy()
        store.append(fingerprints_of(good), values.reshape(len(good), -1).astype(np.float32))
    who = (table[name][0].as_py() for name in ("node", "machine", "pid", "begun", "ended"))
    return Batch(*who, tuple(ids))


# What the user sees


def _told(count, processors):
    workers = "1 worker" if count == 1 else f"{count:,} workers"
    each = "1 processor" if processors == 1 else f"{processors} processors"
    return f"{workers} with {each} each; the first pictures come once TensorFlow is loaded there."


class _Bar:
    """A progress bar that begins with the first batch: before that, nothing can be forecast."""

    def __init__(self, name, total, done, workers, progress):
        self.name, self.total, self.done, self.workers = name, total, done, workers
        self.progress, self.bar = progress, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar:
            self.bar.close()

    def update(self, batch):
        """Count a batch; after the first one, say how long it will take, if that is long."""
        self.done += len(batch.ids)
        if self.bar:
            self.bar.update(len(batch.ids))
        elif self.progress:
            seconds = (batch.ended - batch.begun) / len(batch.ids) / self.workers
            forecast(self.total - self.done, seconds)
            options = {"initial": self.done, "desc": self.name, "unit": " pictures"}
            self.bar = tqdm(total=self.total, **options)


def summary(batches: Sequence[Batch]) -> str:
    """Return a line per worker: how many pictures it did, and how fast."""
    did = {}
    for batch in batches:
        did.setdefault((batch.machine, batch.pid), []).append(batch)
    lines = []
    for (machine, pid), mine in did.items():
        count, busy = sum(len(b.ids) for b in mine), sum(b.ended - b.begun for b in mine)
        lines.append(f"  {machine}, process {pid}: {count:,} pictures, {count / busy:.1f} a second")
    return "\n".join(lines)


# The command


def main(arguments: list[str] | None = None) -> int:
    """Extract, print who did what, write the index if asked to; return the exit status."""
    parser = argparse.ArgumentParser("make extract-cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="local", help="local, auto, or HOST:PORT")
    parser.add_argument("--workers", type=int, help="by default one per machine")
    parser.add_argument("--pictures", metavar="URL", help="s3://…, instead of BOOTCAMP_DATASET")
    parser.add_argument("--name", help="what to call the pictures of --pictures")
    parser.add_argument("--precision", default="auto", help="float32, bfloat16, int8 or auto")
    parser.add_argument("--milvus", action="store_true", help="then write the index at MILVUS_URI")
    asked = parser.parse_args(arguments)
    try:
        _run(asked)
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1
    except ExtractionInterrupted as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def _run(asked):
    here, files = _settings.from_environment(), None
    if asked.pictures:
        files, pictures, ledger = sources.list_remote(asked.pictures)
        name = asked.name or _slug(sources.shown(asked.pictures))
    else:
        data = dataset.load(here)
        print(f"Working on {data.why}")
        pictures, name, ledger = data.pictures, data.name, data.ledger
    extractor, begun = extractor_for(tuning.named(here.tuning), asked.precision, here), time.time()
    vectors = extract_on_cluster(extractor, pictures, name, asked.address, asked.workers, files)
    took, entries = time.time() - begun, ledger.entries + vectors.ledger.entries
    skipped = [entry for entry in entries if not entry.used]
    print(summary(vectors.batches), end="\n" if vectors.batches else "")
    print(f"{name}: {len(vectors.ids):,} vectors in {took:.0f} seconds, {len(skipped):,} skipped.")
    for entry in skipped[:5]:
        print(f"  {entry.path}: {entry.reason}")
    if asked.milvus:
        with Index(name, extractor.name, here) as index:
            print(f"{index.name}: {sync_kept(index, pictures, extractor)!r}")


def _slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    sys.exit(main())
