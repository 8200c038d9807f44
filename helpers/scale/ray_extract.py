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
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from helpers import dataset
from helpers import settings as _settings
from helpers.dataset.pictures import Ledger, Picture
from helpers.errors import PlainError
from helpers.features import VGG16, ExtractionInterrupted, Vectors, int8, runtime, weights
from helpers.features.vector_store import Store, open_for_writing
from helpers.index import Index, SyncResult
from helpers.index.copying import make_equal
from helpers.index.schema import rows_by_id
from helpers.scale import sources
from helpers.scale.worker import NOT_THERE, Embedder, fingerprints_of, pictures_table
from helpers.search import tuning
from helpers.search.engine import extractor_for

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

BATCH = 64
"""Pictures handed out at once: what a lost worker has to do again. Fewer, and the time between two
batches, when the network waits for the first picture to be decoded, would show."""

LONG = 60
"""Seconds from which on an extraction is announced."""


class ClusterError(PlainError, RuntimeError):
    """Ray isn't installed, no cluster answers, or its workers can't do what they should."""


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
        ids = [picture.id for picture in pictures if picture.id in store.row_of]
        store.compact(ids, [(entry.path, entry.reason) for entry in ledger.entries])
        values = store.vectors(ids, extractor.columns())
        return ClusterVectors(ids, values, extractor.name, ledger, batches)


def sync_kept(
    index: Index,
    pictures: Sequence[Picture | sources.Remote],
    extractor: VGG16,
    progress: bool = True,
    delete_most: bool = False,
) -> SyncResult:
    """Make `index` hold what the store has of these pictures, as `Index.sync` does, page by page.

    Never more than some thousand vectors are in memory. Returns and raises what `sync` does.
    """
    store = Store(extractor.folder(index.dataset_name), extractor.provenance())
    return make_equal(index, _Kept(pictures, store, extractor.columns()), delete_most, progress)


# The driver: what is missing, a cluster to compute it, and what comes back


def _embed_missing(extractor, pictures, store, cluster, files, progress):
    """Embed what the store doesn't have yet; return the ledger of failures, and the batches."""
    there = store.done if files is None else lambda one: sources.unchanged(one, store)
    todo, ledger, batches = [one for one in pictures if not there(one)], Ledger(), []
    total, done = len(pictures), len(pictures) - len(todo)
    if progress and done:
        print(f"{extractor.name}: {done:,} of {total:,} were already done.")
    if not todo:
        return ledger, batches
    try:
        with _connected(*cluster) as (count, processors):
            if progress:
                print(_told(count, processors))
            stream = _computed(extractor, todo, files, count, processors)
            with closing(stream), _Bar(extractor.name, total, done, count, progress) as bar:
                for table in stream:
                    batches.append(_keep(table, store, ledger, files))
                    bar.update(batches[-1])
    except KeyboardInterrupt:
        kept = sum(picture.id in store.row_of for picture in pictures)
        raise ExtractionInterrupted(
            f"Stopped with {kept:,} of {total:,} pictures done; they are kept. "
            "Run it again to continue from there."
        ) from None
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
    with DataContext.current(context), _plain_errors():
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


# The cluster


@contextmanager
def _connected(address, workers) -> Iterator[tuple[int, int]]:
    """Yield (workers, processors of each) of a cluster, and let go of it afterwards."""
    # Ray reads these where its processes start: no reports home, and (ray 2.60.0) no warning about
    # the arguments that Ray Data itself gives its actors.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            f"Ray isn't installed ({error}). Install it with: pip install '.[scale]'"
        ) from None
    ours = not ray.is_initialized()
    try:
        if ours:
            with runtime.silence_stderr():
                _start(ray, address)
        nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        yield share(nodes, workers)
    finally:
        if ours:
            ray.shutdown()


def _start(ray, address):
    """Start Ray on this machine, or join the cluster at `address`."""
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == "local":
        small = {"include_dashboard": False, "object_store_memory": 300 * 2**20}
        ray.init("local", num_cpus=os.cpu_count(), **small, **quiet)
        return
    try:
        # Workaround (ray 2.60.0): where a cluster was killed its address is still noted, and `init`
        # tries it for minutes; so it is looked up and knocked at first. Upstream: none known.
        # Test: test_nobody_answers.
        if address == "auto":
            from ray._private.services import canonicalize_bootstrap_address

            address = canonicalize_bootstrap_address("auto") or "auto:"
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), 10).close()
        code = Path(__file__).resolve().parents[1]
        ray.init(address, runtime_env={"py_modules": [str(code)]}, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"No Ray cluster answers at {address} ({' '.join(str(error).split())[:160]}). Start "
            "one with `ray start --head --port=6379`, let the other machines join it with "
            "`ray start --address=HOST:6379`, and give this HOST:6379, or auto on one of them."
        ) from None


def share(nodes: Sequence[float], workers: int | None = None) -> tuple[int, int]:
    """Return (workers, processors of each) for machines with so many processors.

    Without `workers`, each machine has one, or several where it's a multiple of the smallest; else
    each gets as many processors as fit so many workers. There are never more than processors.
    """
    nodes = [int(processors) for processors in nodes if processors >= 1]
    if not nodes:
        raise ClusterError("The cluster has no processors. Let a machine join it: `ray start`.")
    if workers is None:
        return sum(one // min(nodes) for one in nodes), min(nodes)
    workers = max(1, min(workers, sum(nodes)))
    sizes = range(max(nodes), 0, -1)
    return workers, next(size for size in sizes if sum(one // size for one in nodes) >= workers)


@contextmanager
def _plain_errors():
    """Raise what Ray raises as a ClusterError, or as the PlainError that a worker met."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, PlainError):
            raise cause from None
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterError(
            f"The workers stopped ({lines[-1].strip()[:200]}). What they did is kept: run it again "
            "when the cluster is well; `ray status` and its dashboard say more."
        ) from None


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
            if text := _forecast(self.total - self.done, seconds):
                print(text)
            options = {"initial": self.done, "desc": self.name, "unit": " pictures"}
            self.bar = tqdm(total=self.total, **options)


def _forecast(count, seconds):
    """Return how long `count` pictures will take at `seconds` each, or "" if that isn't long."""
    if count * seconds <= LONG:
        return ""
    return (
        f"{count:,} pictures will take about {count * seconds / 60:.0f} minutes. You can interrupt "
        "at any moment; what is done is kept."
    )


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


# To Milvus


class _Kept:
    """Pictures and their vectors in a store, as a Source of rows that `copying` writes."""

    def __init__(self, pictures, store, columns):
        self.told, self.store, self.columns = f"The store {store.folder}", store, columns
        self.pictures = {one.id: one for one in pictures if one.id in store.row_of}
        self.known = {}
        for ids in self._parts():
            self.known |= {row["id"]: row["digest"] for row in self._rows(ids)}
        self.total = len(self.known)

    def pages(self):
        for ids in self._parts():
            yield {one: self.known[one] for one in ids if one in self.known}, self._rows

    def digests(self, ids):
        return {one: self.known[one] for one in ids if one in self.known}

    def _parts(self, rows=1000):
        ids = list(self.pictures)
        return (ids[start : start + rows] for start in range(0, len(ids), rows))

    def _rows(self, ids):
        values = self.store.vectors(ids, self.columns)
        pictures = [self.pictures[name] for name in ids]
        return list(rows_by_id(pictures, values, values.shape[1])[0].values())


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
