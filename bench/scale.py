"""How does a Milvus server grow? 10 thousand, 100 thousand and a million vectors, measured.

    python bench/scale.py                          # all three sizes: about 75 minutes on two cores
    python bench/scale.py --rows 10000 100000      # those two
    python bench/scale.py --rows 1000000 --resume  # what of this size isn't measured yet
    python bench/scale.py --quick                  # 2,000 vectors, to see that everything works
    python bench/scale.py --rows --save --readme   # measure nothing; write down what was measured

The vectors are grown from the features of real photographs (`helpers.scale.growing`), as 512
numbers and tuned to 64, and written with their labels as `Index` writes them, without an index and
not loaded. Then each type of index is built, and the server restarted, so that its memory is that
of a server which serves this collection and did nothing else before.

Queries are prepared beforehand and sent by threads of one process over gRPC directly, because
pymilvus takes two to three times as much of the processor to make one; what the client still takes
is in the table. The client runs on the same cores as the server. Recall is measured against an
exact search in numpy. Each point is written to build/bench/scale.json as soon as it is there.
"""

import argparse
import base64
import datetime
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from math import log
from pathlib import Path

import numpy as np
import psutil
from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers import settings  # noqa: E402
from helpers.dataset.pictures import Picture  # noqa: E402
from helpers.errors import PlainError  # noqa: E402
from helpers.files import atomic_write, read_json, tree_size, write_json  # noqa: E402
from helpers.index import Index, LabelFilter, build, connection, filters, index_types  # noqa: E402
from helpers.index.schema import rows_by_id  # noqa: E402
from helpers.scale.growing import grow, origins, spread  # noqa: E402
from helpers.scale.load import load_test  # noqa: E402
from helpers.search.metrics import recall_at_k  # noqa: E402

SIZES, DIMS, TYPES = (10_000, 100_000, 1_000_000), (512, 64), ("IVF_SQ8", "HNSW", "EXACT")
MOST_EXACT = 100_000  # beyond it, a comparison with every row is only slow
CLIENTS = (1, 2, 4, 8, 16)
K, QUERIES, SEED = 10, 200, 1
FILTER = LabelFilter(all=("person", "train"))  # about one photograph in twenty
SEGMENT_BYTES = 512e6  # a server cuts a collection into segments of this size, each with an index
DISKANN_SECONDS, DISKANN_ROWS = 20, 5000  # fewer than 1,024 rows get no index at all
REFUSED = 3  # the exit status when a size doesn't fit this machine
FILE = ROOT / "build" / "bench" / "scale.json"
SAVED = ROOT / "helpers" / "scale" / "measured.json"
README = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- scale -->", "<!-- end of scale -->"
GROWS = {
    "index_s": "index time",
    "memory_mb": "memory",
    "disk_mb": "disk",
    "p50_ms": "p50",
    "per_second": "queries/s",
}
COLUMNS = {
    "load_rows_per_s": "rows/s written",
    "index_s": "index s",
    "memory_mb": "memory MB",
    "peak_mb": "most memory MB",
    "disk_mb": "disk MB",
    "disk_all_mb": "disk MB, all",
    "search": "searched with",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "recall": "recall@10",
    "filtered_p50_ms": "filtered p50 ms",
    "filtered_recall": "filtered recall@10",
}


def main(arguments=None):
    """Measure what was asked for, write and print it; return the exit status."""
    asked = options(arguments)
    try:
        refused = [rows for rows in sorted(asked.rows) if not measured(rows, asked)]
        result = read_json(FILE)
        if asked.save:
            write_json(SAVED, compact(result, SIZES[0]), indent=1)
        if asked.readme:
            write_readme(section(compact(result, SIZES[0])))
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Finished points are kept; go on with --resume.", file=sys.stderr)
        return 130
    if result.get("points"):
        print(section(compact(result)))
    return REFUSED if refused else 0


def options(arguments):
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--resume", action="store_true", help="skip the points that are there")
    parser.add_argument("--quick", action="store_true", help="2,000 vectors, a second per crowd")
    parser.add_argument("--seconds", type=float, default=3, help="for each number of clients")
    parser.add_argument("--save", action="store_true", help=f"write {SAVED.name}, too")
    parser.add_argument("--readme", action="store_true", help="put the tables into the README")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.rows, asked.seconds = [2000], 1
    return asked


# What a size needs, and whether the machine has it


def needs(rows):
    """Return the memory and disk in bytes, and the minutes, that measuring `rows` takes at most.

    Memory: the largest collection while its index is built, which took 12 kB a row of 512 numbers
    (read, indexed, in the server's caches), and a server and a client that do nothing. Disk: the
    log, the rows before and after they are merged, three indexes, and a server's own files.
    Minutes: at 2,500 rows a second written, and 1,500 of 512 numbers indexed.
    """
    widest = 4 * max(DIMS)
    memory = 2e9 + rows * (5 * widest + 2000)
    disk = 1.5e9 + rows * (6 * widest + 4000)
    minutes = sum(minutes_of(rows, dim) for dim in DIMS)
    return memory, disk, minutes


def minutes_of(rows, dim):
    """Return about how many minutes one collection takes."""
    types = types_for(rows)
    return 0.5 + rows / 2500 / 60 + len(types) * (1.0 + rows * (dim + 300) / 812 / 1500 / 60)


def fits(rows):
    """Say what measuring `rows` takes; return whether this machine has it."""
    memory, disk, minutes = needs(rows)
    print(
        f"{rows:,} vectors need up to {memory / 1e9:.1f} GB of memory, {disk / 1e9:.1f} GB of disk "
        f"and about {minutes:.0f} minutes."
    )
    for what, need, free in (("memory", memory, free_memory()), ("disk", disk, free_disk())):
        if need > free:
            print(
                f"Only {free / 1e9:.1f} GB of {what} are free, so {rows:,} vectors are not "
                "measured here. Free some, or measure them on a larger machine."
            )
            return False
    return True


def free_memory():
    """Return how many bytes of memory other programs leave us."""
    return psutil.virtual_memory().available


def free_disk():
    """Return how many bytes are free where the server will keep its data."""
    return shutil.disk_usage(tempfile.gettempdir()).free


# Measuring


def measured(rows, asked):
    """Measure all points with so many rows and write them down; return False if it doesn't fit."""
    wanted = {
        dim: [t for t in types_for(rows) if not (asked.resume and is_there(rows, dim, t))]
        for dim in DIMS
    }
    if not any(wanted.values()):
        print(f"{rows:,} vectors: all points are there already.")
        return True
    if not fits(rows):
        return False
    if importlib.util.find_spec("milvus") is None:
        raise BenchError("The Milvus server is not installed. Run: pip install milvus==2.3.5")
    source, clock = Source(), Clock(rows, wanted)
    keep({"spreads": source.spreads()})
    for dim in DIMS:
        if wanted[dim]:
            with serving() as server, told_plainly():
                measure(server, source, rows, dim, wanted[dim], asked.seconds, clock)
    return True


@contextmanager
def told_plainly():
    """Turn what Milvus and gRPC raise into a sentence; what is measured so far is kept."""
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        said = " ".join(str(error).split())[:200]
        raise BenchError(
            f"The server failed ({said}); on a busy machine it gives itself up after some seconds "
            "without the processor. All finished points are kept: run this again with --resume."
        ) from error


class BenchError(PlainError, RuntimeError):
    """Something that measuring takes is missing."""


class Clock:
    """Says how long the rest will take, by how long the points so far took."""

    def __init__(self, rows, wanted):
        self.begun, self.left = time.monotonic(), {
            (dim, one): minutes_of(rows, dim) / len(types)
            for dim, types in wanted.items() for one in types
        }  # fmt: skip
        self.all = sum(self.left.values())

    def done(self, dim, index_type):
        """Say that this point is done."""
        self.left.pop((dim, index_type))
        spent, left = (time.monotonic() - self.begun) / 60, sum(self.left.values())
        rest = spent / (self.all - left) * left
        print(f"  done after {spent:.0f} minutes; about {rest:.0f} more at this size", flush=True)


def types_for(rows):
    """Return the types of index that are measured with so many rows."""
    return TYPES if rows <= MOST_EXACT else TYPES[:2]


def is_there(rows, dim, index_type):
    """Return whether this point was measured before."""
    return any(key(one) == (rows, dim, index_type) for one in read_json(FILE).get("points", []))


def key(point):
    """Return what tells a point from the others."""
    return point["rows"], point["dim"], point["index"]


def keep(facts, point=None):
    """Put facts, and a point in place of an older one, into the file at once."""
    result = {"points": []} | read_json(FILE) | facts
    if point:
        others = [one for one in result["points"] if key(one) != key(point)]
        result["points"] = sorted([*others, point], key=key)
    write_json(FILE, result, indent=1)


def measure(server, source, rows, dim, index_types_, seconds, clock):
    """Measure one collection with each type of index."""
    name, truths, common = fill(server, source, rows, dim)
    for index_type in index_types_:
        print(f"{rows:,} × {dim}, {index_type}", flush=True)
        point = {"rows": rows, "dim": dim, "index": index_type, **common}
        point |= build_index(server, name, index_type, rows, dim)
        server.restart(name, rows)
        point |= ask(server, name, source.queries(dim), truths, point["search"], seconds)
        point |= {"memory_mb": server.memory()["VmRSS"]} | surroundings()
        point |= {"disk_all_mb": server.disk() / 1e6}
        keep({}, point)
        clock.done(dim, index_type)
    if dim == max(DIMS) and "diskann" not in read_json(FILE):
        keep({"diskann": try_diskann(server)})


def fill(server, source, rows, dim):
    """Write all rows; return the collection's name, the right answers and what it took."""
    empty = {"empty_mb": server.memory()["VmRSS"]}
    before, spent = server.disk(), 0.0
    truths = [Nearest(source.queries(dim)), Nearest(source.queries(dim))]
    with Index("bench", f"scale-{dim}", server.settings, dim=dim) as index:
        index.client.release_collection(index.name)
        index.client.drop_index(index.name, "vector")
        with tqdm(desc=f"writing {rows:,} × {dim}", total=rows, unit="rows") as bar:
            for pictures, vectors, passes in source.rows(rows, dim):
                begun = time.perf_counter()
                index.upsert_rows(list(rows_by_id(pictures, vectors, dim)[0].values()))
                spent += time.perf_counter() - begun
                ids = np.array([picture.id for picture in pictures])
                truths[0].add(ids, vectors)
                truths[1].add(ids[passes], vectors[passes])
                bar.update(len(pictures))
        begun = time.perf_counter()
        index.client.flush(index.name, timeout=600)
        spent += time.perf_counter() - begun
        name = index.name
    common = {"load_rows_per_s": rows / spent, "load_peak_mb": server.memory()["VmHWM"]}
    common |= {"disk_rows_mb": (server.disk() - before) / 1e6, **empty}
    return name, truths, common


class Nearest:
    """The k nearest of all vectors added so far to each query, exactly, in bounded memory."""

    def __init__(self, queries):
        self.queries = queries
        self.scores = np.full((len(queries), K), -np.inf, np.float32)
        self.ids = np.full((len(queries), K), "", object)

    def add(self, ids, vectors):
        """Compare the queries with more vectors."""
        scores = np.hstack([self.scores, self.queries @ vectors.T])
        names = np.hstack([self.ids, np.broadcast_to(ids, (len(self.ids), len(ids)))])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        self.scores = np.take_along_axis(scores, best, axis=1)
        self.ids = np.take_along_axis(names, best, axis=1)


def build_index(server, name, index_type, rows, dim):
    """Build an index in place of the one there; return how long it took and what it holds."""
    client, before = server.client(), server.disk("index_files")
    if client.list_indexes(name):
        client.release_collection(name)
        client.drop_index(name, "vector")
    # each segment gets an index of its own, so the number of cells suits a segment
    parameters = index_types.build_parameters(index_type, segment_rows(rows, dim))
    made_of = "IVF_FLAT" if index_type == "EXACT" else index_type
    begun, limit = time.perf_counter(), 600 + 600 * minutes_of(rows, dim)
    build.create_index(client, name, made_of, **parameters)
    with tqdm(desc="  building", total=rows, unit="rows") as bar:
        while not is_built(state := client.describe_index(name, "vector")):
            if time.perf_counter() - begun > limit:
                raise BenchError(f"No {index_type} index in {limit / 60:.0f} minutes. Try fewer.")
            bar.update(min(state["indexed_rows"], rows) - bar.n)
            time.sleep(0.2)
        bar.update(rows - bar.n)
    spent = time.perf_counter() - begun
    search = index_types.search_parameters(state, K)
    found = {"index_s": spent, "parameters": parameters, "search": search}
    return found | {"disk_index_mb": (server.disk("index_files") - before) / 1e6,
                    "peak_mb": server.memory()["VmHWM"]}  # fmt: skip


def segment_rows(rows, dim):
    """Return how many rows a full segment has, or all if they're fewer."""
    return min(rows, int(SEGMENT_BYTES / (4 * dim + 100)))


def is_built(state):
    """Return whether an index is finished, by `describe_index`."""
    return state["state"] == "Finished" and not state["pending_index_rows"]


def ask(server, name, queries, truths, search, seconds):
    """Return how fast and how right the answers are."""
    call = Prepared(server, name, search)
    found = {}
    for prefix, condition, truth in zip(
        ("", "filtered_"), ("", filters.expression(FILTER)), truths, strict=True
    ):
        requests = [call.request(query, condition) for query in queries]
        call.send(requests[0])
        pairs = [timed(call.send, request) for request in requests]
        p50, p99 = np.percentile([took for _, took in pairs], [50, 99]) * 1000
        wanted = [[name for name in row if name] for row in truth.ids]
        recall = recall_at_k([ids for ids, _ in pairs], wanted)
        found |= {f"{prefix}p50_ms": p50, f"{prefix}p99_ms": p99, f"{prefix}recall": recall}
    turn = itertools.cycle([call.request(query) for query in queries])
    used = time.process_time()
    loads = load_test(lambda: call.send(next(turn)), CLIENTS, seconds)
    answered = sum(load.requests for load in loads)
    found["client_cpu_ms"] = (time.process_time() - used) / max(1, answered) * 1000
    best = max(load.per_second for load in loads)
    return found | {"per_second": best, "clients": [asdict(load) for load in loads]}


class Prepared:
    """Searches as bytes, sent over gRPC without pymilvus, which would cost more than the answer."""

    def __init__(self, server, name, search):
        import grpc
        from pymilvus.grpc_gen import milvus_pb2

        self.name, self.parameters = name, {"metric_type": "COSINE", "params": search}
        token = base64.b64encode(server.token.encode()).decode()
        self.options = {"metadata": (("authorization", token),), "timeout": 60}
        channel = grpc.insecure_channel(server.uri.removeprefix("http://"))
        self.channel, self.search = channel, channel.unary_unary(
            "/milvus.proto.milvus.MilvusService/Search",
            response_deserializer=milvus_pb2.SearchResults.FromString,
        )  # fmt: skip

    def request(self, query, condition=""):
        """Return a search for the K nearest, as bytes."""
        from pymilvus.client.prepare import Prepare

        return Prepare.search_requests_with_expr(
            self.name, "vector", self.parameters, K, data=[query], expr=condition
        ).SerializeToString()

    def send(self, request):
        """Return the ids found."""
        answer = self.search(request, **self.options)
        if answer.status.code or answer.status.error_code:
            raise RuntimeError(answer.status.reason)
        return list(answer.results.ids.str_id.data)


def timed(function, *arguments):
    """Return what a function returns, and how many seconds it took."""
    begun = time.perf_counter()
    answer = function(*arguments)
    return answer, time.perf_counter() - begun


def try_diskann(server):
    """Say what becomes of a DISKANN index of DISKANN_ROWS within DISKANN_SECONDS."""
    with Index("bench", "diskann", server.settings, dim=64) as index:
        client, name = index.client, index.name
        values = np.random.default_rng(0).standard_normal((DISKANN_ROWS, 64), dtype=np.float32)
        pictures = [Picture(f"{n}", Path(f"{n}.jpg"), ()) for n in range(DISKANN_ROWS)]
        index.upsert(pictures, values, progress=False)
        client.release_collection(name)
        client.drop_index(name, "vector")
        build.create_index(client, name, "DISKANN")
        end = time.monotonic() + DISKANN_SECONDS
        while not is_built(state := client.describe_index(name, "vector")):
            if time.monotonic() > end:
                break
            time.sleep(0.5)
        told = f"{state['state']}, {state['indexed_rows']} of {DISKANN_ROWS:,} rows indexed"
        client.drop_collection(name)
    return f"after {DISKANN_SECONDS} s: {told}"


def surroundings():
    """Return where and when a point was measured."""
    import pymilvus

    cores, memory = psutil.cpu_count(), round(psutil.virtual_memory().total / 2**30)
    return {
        "machine": f"{platform.system()} {platform.machine()}, {cores} cores, {memory} GiB",
        "load": round(os.getloadavg()[0], 1),
        "date": f"{datetime.date.today()}",
        "versions": {"milvus": importlib.metadata.version("milvus"),
                     "pymilvus": pymilvus.__version__, "python": platform.python_version()},
    }  # fmt: skip


# The vectors


class Source:
    """Vectors grown from real photographs, and the labels of those that they started from."""

    def __init__(self):
        self.vectors, self.labels = real()
        from helpers.search.tuning import RECIPES, fit

        self.tuning = fit(self.vectors, RECIPES["224"])
        self.passing = np.array([set(FILTER.all) <= set(labels) for labels in self.labels])

    def tuned(self, vectors, dim):
        """Return vectors with `dim` numbers: as they are, or tuned."""
        return self.tuning.apply(vectors) if dim != vectors.shape[1] else vectors

    def rows(self, count, dim):
        """Yield pictures, (n, dim) vectors, and whether each passes the filter, in chunks."""
        start, real = 0, self.vectors.values
        parts = zip(grow(real, count, SEED), origins(len(real), count, SEED), strict=True)
        for vectors, rows in parts:
            pictures = [
                Picture(f"2007_{start + n:07}", Path(f"{start + n}.jpg"), self.labels[row])
                for n, row in enumerate(rows)
            ]
            start += len(rows)
            yield pictures, self.tuned(vectors, dim), self.passing[rows]

    def queries(self, dim):
        """Return QUERIES further vectors, which aren't among the rows."""
        return self.tuned(next(grow(self.vectors.values, QUERIES, SEED + 1)), dim)

    def spreads(self):
        """Say how real and grown vectors are spread, as many of each."""
        real = self.vectors.values
        grown = next(grow(real, len(real), SEED))
        found = {f"{kind} {dim}": asdict(print_spread(f"{kind} {dim}", self.tuned(some, dim)))
                 for dim in DIMS for kind, some in (("real", real), ("grown", grown))}  # fmt: skip
        inside = next(grow(self.tuned(real, 64), len(real), SEED))
        return found | {"grown in 64": asdict(print_spread("grown in 64", inside))}


def print_spread(name, vectors):
    """Print and return how vectors are spread."""
    found = spread(vectors)
    print(f"{name:12} {found}")
    return found


def real():
    """Return the Vectors (GeM, int8) and the labels of the real photographs, kept in build/."""
    from helpers.features.vgg16 import Vectors

    file = FILE.parent / "real.npz"
    if not file.exists():
        extract(file)
    with np.load(file) as kept:
        labels = [tuple(text.split("|")) for text in kept["labels"]]
        return Vectors(list(kept["ids"]), kept["values"], str(kept["name"])), labels


def extract(file):
    """Extract the features of the pictures that BOOTCAMP_DATASET names, by default the subset."""
    from needs import VOC_SUBSET

    from helpers import dataset
    from helpers.features import VGG16

    here = settings.from_environment()
    if here.dataset == "auto" and VOC_SUBSET.exists():
        here = replace(here, dataset=str(VOC_SUBSET))
    data = dataset.load(here)
    vectors = VGG16("gem", "int8", settings=here).extract(data.pictures, data.name)
    labels = {picture.id: "|".join(picture.labels) for picture in data.pictures}
    with atomic_write(file) as out:
        np.savez(out, ids=vectors.ids, values=vectors.values, name=vectors.name,
                 labels=[labels[name] for name in vectors.ids])  # fmt: skip


# The server


@contextmanager
def serving():
    """Yield a server with an empty data folder, which is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-scale-"))
    server = Measured(folder / "server")
    try:
        yield server
    finally:
        with suppress(Exception):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Measured:
    """A real server of `tests/milvus_server.py` that can be restarted and says what it takes."""

    def __init__(self, folder):
        from milvus_server import Server

        self.server = Server(folder).start()
        self.token, self.folder, self.settings = self.server.token, folder, None
        self._there()

    @property
    def uri(self):
        """Where it listens; another port after a restart."""
        return self.server.uri

    def _there(self):
        here = settings.from_environment({"MILVUS_URI": self.uri, "MILVUS_TOKEN": self.token})
        self.settings = here

    def client(self):
        """Return a client of it."""
        return connection.connect(self.uri, self.token)

    def stop(self):
        """Stop it, in order: a server that was killed stays in its own register for a minute."""
        process = self.server.process.server_proc
        process.send_signal(signal.SIGTERM)
        with suppress(Exception):
            process.wait(60)
        self.server.stop()

    def restart(self, name, rows):
        """Stop it, start it, and wait until a collection can be searched again."""
        self.stop()
        try:
            self.server.start()
        except Exception as error:  # a register that still names the old one; once more, then
            print(f"  the server did not start ({error}); trying again")
            self.stop()
            self.server.start()
        self._there()
        client, end = self.client(), time.monotonic() + 600
        while time.monotonic() < end:
            with suppress(Exception):  # not loaded yet
                client.load_collection(name, timeout=300)
                found = client.query(name, filter="", output_fields=["count(*)"])
                if found[0]["count(*)"] == rows:
                    break
            time.sleep(1)
        else:
            raise BenchError(f"The server has not loaded {name} within 10 minutes. Try again.")
        time.sleep(5)  # what loading took, it gives back within seconds

    def memory(self):
        """Return its resident memory in MB: VmRSS now, VmHWM the most since it started."""
        status = Path(f"/proc/{self.server.process.server_proc.pid}/status").read_text()
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(lines[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM")}

    def disk(self, kind=""):
        """Return the bytes of its data, or of one kind of it; dropped indexes stay for hours."""
        return tree_size(Path(self.folder) / "data" / kind)


# The tables


def compact(result, least=0):
    """Return what is written down of points with so many rows at least: rounded, and where."""
    result = result | {"points": [p for p in result.get("points", []) if p["rows"] >= least]}
    points = [{name: rounded(value) for name, value in one.items() if name not in OUTSIDE}
              for one in result["points"]]  # fmt: skip
    for point in points:
        point["clients"] = {
            f"{load['clients']}": rounded(load["per_second"]) for load in point["clients"]
        }
    where = sorted({f"{one['machine']}; Milvus {one['versions']['milvus']}, pymilvus "
                    f"{one['versions']['pymilvus']}, Python {one['versions']['python']}; "
                    f"{one['date']}" for one in result["points"]})  # fmt: skip
    rest = {"spreads": result.get("spreads", {}), "diskann": result.get("diskann", "not tried")}
    spreads = {
        name: {k: rounded(v) for k, v in one.items()} for name, one in rest["spreads"].items()
    }
    return {"where": where, **rest, "spreads": spreads, "points": points}


OUTSIDE = ("machine", "date", "versions")


def rounded(value):
    """Return a number with four digits that count."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def section(result):
    """Return all tables as Markdown."""
    points = with_disk(result["points"])
    parts = [points_table(points), crowds_table(points), growth_table(points)]
    told = f"DISKANN, {result['diskann']}. Measured on {'; and on '.join(result['where'])}."
    return "\n\n".join([*parts, spreads_table(result["spreads"]), f"*{told}*"])


def with_disk(points):
    """Return the points with `disk_mb`: the rows and this index, without an empty server's."""
    return [one | {"disk_mb": one["disk_rows_mb"] + one["disk_index_mb"]} for one in points]


def points_table(points):
    """Return a line for each point."""
    lines = [head(["vectors", "index", *COLUMNS.values()])]
    for one in points:
        cells = [f"{one['rows']:,} × {one['dim']}", one["index"]]
        lines.append(row([*cells, *(text(name, one.get(name)) for name in COLUMNS)]))
    return "\n".join(lines)


def crowds_table(points):
    """Return queries a second by the number of clients."""
    lines = [head(["queries/s by clients", "index", *map(str, CLIENTS), "client's CPU ms"])]
    for one in points:
        rates = [text("", one["clients"].get(f"{count}")) for count in CLIENTS]
        cells = [f"{one['rows']:,} × {one['dim']}", one["index"], *rates]
        lines.append(row([*cells, f"{one['client_cpu_ms']:.2f}"]))
    return "\n".join(lines)


def growth_table(points):
    """Return the exponent with which each number grows: 1 is in proportion to the rows, 0 not."""
    lines = [head(["grows as rows to the power of", "sizes", *GROWS.values()])]
    for dim, index_type in itertools.product(DIMS, TYPES):
        some = [one for one in points if (one["dim"], one["index"]) == (dim, index_type)]
        if len(some) > 1:
            cells = [f"{exponent(some, name):.2f}" for name in GROWS]
            lines.append(row([f"{dim}, {index_type}", str(len(some)), *cells]))
    return "\n".join(lines)


def exponent(points, name):
    """Return the slope of log(value) over log(rows), by least squares."""
    pairs = [(log(one["rows"]), log(one[name])) for one in points]
    return float(np.polyfit(*zip(*pairs, strict=True), 1)[0])


def spreads_table(spreads):
    """Return how real and grown vectors are spread."""
    names = ("directions", "first_ten", "nearest", "dimension")
    lines = [head(["spread", "directions", "in first ten", "cosine to nearest", "dimension"])]
    for kind, one in spreads.items():
        lines.append(row([kind, *(f"{one[name]:.3g}" for name in names)]))
    return "\n".join(lines)


def head(cells):
    """Return the head of a Markdown table."""
    return row(cells) + "\n" + "| --- " * len(cells) + "|"


def row(cells):
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def text(name, value):
    """Return one cell."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} {number}" for key, number in value.items())
    return (
        f"{value:.3f}" if "recall" in name else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    )


def write_readme(tables):
    """Put the tables between the marks in the README."""
    whole = README.read_text(encoding="utf-8")
    if BEGIN not in whole or END not in whole:
        raise BenchError(f"{README} has no place for the tables. Put {BEGIN} and {END} into it.")
    before, after = whole.split(BEGIN)[0], whole.split(END)[1]
    with atomic_write(README) as file:
        file.write(f"{before}{BEGIN}\n{tables}\n{END}{after}".encode())


if __name__ == "__main__":
    sys.exit(main())
