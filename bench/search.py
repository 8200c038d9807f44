"""How fast and how accurate is a search? Milvus Lite and a real server, beside numpy and FAISS.

    python bench/search.py                  # 17,125 vectors of 512 numbers, about ten minutes
    python bench/search.py --rows 2000 --no-server

Prints one table and writes build/bench/search.json. The vectors are unit vectors in clusters of
uneven size, as real features are; the queries are from the same clusters, but not among them.
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers import settings  # noqa: E402
from helpers.dataset.pictures import Picture  # noqa: E402
from helpers.index import Index, LabelFilter, filters, index_types  # noqa: E402
from helpers.index.schema import rows_by_id  # noqa: E402
from helpers.search.metrics import recall_at_k  # noqa: E402

PAIR, K, MARK = ("bench", "vectors"), 10, "car"
LITE_TYPES = ("EXACT", "FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW")
SERVER_TYPES = (*LITE_TYPES, "SCANN")
COLUMNS = {
    "system": "",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "rate": "queries/s in batches of 100",
    "recall": "recall@10",
    "filtered_p50": "filtered p50 ms",
    "filtered_recall": "filtered recall@10",
    "load": "load s",
    "build": "build s",
    "megabytes": "disk MB",
    "memory": "memory MB",
}


def clustered(count, random, centres):
    """Return (count, 512) float32 unit vectors; the n-th cluster is 1/n as large as the first."""
    share = 1 / np.arange(1, len(centres) + 1)
    chosen = random.choice(len(centres), count, p=share / share.sum())
    values = centres[chosen] + 1.2 * random.standard_normal((count, 512), dtype=np.float32)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


class Task:
    """The vectors, the queries and the right answers, with and without the filter."""

    def __init__(self, count, queries):
        """Draw `count` vectors and `queries` queries, and find the right answers with numpy."""
        random = np.random.default_rng(0)
        centres = random.standard_normal((60, 512), dtype=np.float32)
        self.values = clustered(count, random, centres)
        self.queries = clustered(queries, random, centres)
        self.marked = random.random(count) < 0.054  # as many as there are cars in VOC
        names = [(MARK, "person") if mark else ("person",) for mark in self.marked]
        self.pictures = [
            Picture(f"2007_{n:06d}", Path(f"JPEGImages/2007_{n:06d}.jpg"), names[n], (), 500, 375)
            for n in range(count)
        ]
        self.truth = self._nearest(np.arange(count))
        self.filtered = self._nearest(np.flatnonzero(self.marked))

    def _nearest(self, among):
        scores = self.queries @ self.values[among].T
        return [[f"2007_{among[n]:06d}" for n in np.argsort(-row)[:K]] for row in scores]


def timed(call):
    """Return what `call` returns, and how many seconds it took."""
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start


def measure(system, task, search, batch, filtered=None, singles=None):
    """Return one line of the table; each search returns the ids found."""
    print(f"  {system} …", flush=True)
    queries = task.queries[:singles]
    answers, seconds = one_by_one(search, queries)
    line = {"system": system, "recall": recall_at_k(answers, task.truth[:singles])}
    line["p50"], line["p99"] = (float(p) for p in np.percentile(seconds, [50, 99]) * 1000)
    hundred = task.queries[:100]
    line["rate"] = len(hundred) / min(timed(lambda: batch(hundred))[1] for _ in range(2))
    if filtered:
        answers, seconds = one_by_one(filtered, queries)
        line["filtered_p50"] = float(np.median(seconds) * 1000)
        line["filtered_recall"] = recall_at_k(answers, task.filtered[:singles])
    return line


def one_by_one(search, queries):
    """Return the answers to the queries, and how many seconds each took, after one to warm up."""
    search(queries[0])
    pairs = [timed(lambda query=query: search(query)) for query in queries]
    return [answer for answer, _ in pairs], [seconds for _, seconds in pairs]


def table(lines):
    """Return all lines as one table."""
    texts = ["| " + " | ".join(COLUMNS.values()) + " |", "| --- " * len(COLUMNS) + "|"]
    for line in lines:
        cells = [_text(name, line.get(name)) for name in COLUMNS]
        texts.append("| " + " | ".join(cells) + " |")
    return "\n".join(texts)


def _text(name, value):
    """Return one cell."""
    if value is None or isinstance(value, str):
        return value or "–"
    return f"{value:.3f}" if "recall" in name else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def memory(pid="self"):
    """Return the resident memory of a process in MB, where Linux tells."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024)


def against_numpy(task, folder):
    """Measure a plain matrix product, and a plain save."""

    def search(query, among=None):
        scores = (task.values if among is None else task.values[among]) @ query
        best = np.argpartition(-scores, K)[:K]
        best = best[np.argsort(-scores[best])]
        return [f"2007_{n:06d}" for n in (best if among is None else among[best])]

    def batch(queries):
        return np.argsort(-(queries @ task.values.T))[:, :K]

    marked = np.flatnonzero(task.marked)
    line = measure("numpy, exact", task, search, batch, lambda query: search(query, marked))
    file = folder / "vectors.npy"
    _, load = timed(lambda: np.save(file, task.values))
    return line | {"load": load, "megabytes": file.stat().st_size / 1e6}


def against_faiss(task):
    """Measure FAISS called directly, exact and HNSW, with its default number of threads."""
    if importlib.util.find_spec("faiss") is None:
        print("ABSENT: faiss-cpu, the reference; install it with: pip install faiss-cpu")
        return []
    import faiss

    lines = []
    hnsw = faiss.IndexHNSWFlat(512, 16, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction, hnsw.hnsw.efSearch = 200, 64
    for name, index in (("FAISS Flat", faiss.IndexFlatIP(512)), ("FAISS HNSW", hnsw)):
        build = timed(lambda index=index: index.add(task.values))[1]

        def search(query, index=index):
            return [f"2007_{n:06d}" for n in index.search(query[None], K)[1][0]]

        line = measure(name, task, search, lambda qs, index=index: index.search(qs, K))
        lines.append(line | {"build": build})
    return lines


def against_milvus(name, task, here, index_types, pid="self"):
    """Measure Milvus at `here`: before a flush (Lite only), then with each type of index."""
    with Index(*PAIR, here) as index:
        lines = [before_flush(f"{name}, before flush", task, index)] if index.is_lite else []
        index.drop()
    with Index(*PAIR, here) as index:
        load = timed(lambda: index.sync(task.pictures, task.values, progress=False))[1]
        for index_type in index_types:
            build = timed(lambda index_type=index_type: index.rebuild(index_type))[1]
            if (index.is_lite, index_type) == (True, "EXACT"):
                lines.append(bare_call(f"{name}, bare call", task, index))
            line = against_index(f"{name}, {index_type}", task, index)
            size = index.describe()["bytes"]
            line |= {"build": build, "megabytes": size and size / 1e6, "memory": memory(pid)}
            lines.append(line | ({"load": load} if index_type == index_types[0] else {}))
        index.drop()
    return lines


def before_flush(system, task, index):
    """Measure searches in rows that are still in Milvus Lite's log."""
    index.upsert_rows(list(rows_by_id(task.pictures, task.values, 512)[0].values()))
    return measure(system, task, lambda query: ids(index.search(query, K)),
                   lambda queries: index.search_many(queries, K), singles=10)  # fmt: skip


def against_index(system, task, index):
    """Measure one index as it is now, without and with a filter."""
    label_filter = LabelFilter(any=MARK)
    return measure(system, task, lambda query: ids(index.search(query, K)),
                   lambda queries: index.search_many(queries, K),
                   lambda query: ids(index.search(query, K, label_filter)))  # fmt: skip


def bare_call(system, task, index):
    """Measure pymilvus alone on the index as it is, and by turns with ours: how much do we add?

    `added` is the median over all queries of our time divided by that of the bare call just before
    or after it, without and with a filter.
    """
    description = index.client.describe_index(index.name, "vector")
    options = {
        "limit": K,
        "search_params": {"params": index_types.search_parameters(description, K)},
    }
    label_filter = LabelFilter(any=MARK)

    def bare(queries, condition=""):
        return index.client.search(index.name, queries, filter=condition, **options)

    def one(query, condition=""):
        return ids_of(bare(query[None], condition)[0])

    condition = filters.expression(label_filter)
    line = measure(system, task, one, bare, lambda query: one(query, condition))
    ours = [
        lambda query: index.search(query, K),
        lambda query: index.search(query, K, label_filter),
    ]
    theirs = [one, lambda query: one(query, condition)]
    added = [ratio(task.queries, *pair) for pair in zip(ours, theirs, strict=True)]
    return line | {"added": dict(zip(("plain", "filtered"), added, strict=True))}


def ratio(queries, ours, bare):
    """Return how many times as long as `bare` our search takes, called by turns."""
    ratios = []
    for number, query in enumerate(queries):
        pair = [("ours", ours), ("bare", bare)]
        seconds = {name: timed(lambda call=call, query=query: call(query))[1]
                   for name, call in (pair if number % 2 else reversed(pair))}  # fmt: skip
        ratios.append(seconds["ours"] / seconds["bare"])
    return float(np.median(ratios))


def ids_of(found):
    """Return the ids of pymilvus' hits."""
    return [hit["id"] for hit in found]


def ids(hits):
    """Return the ids of the hits."""
    return [hit.id for hit in hits]


def against_server(task, here, folder):
    """Measure a real server, if its wheel is installed."""
    if importlib.util.find_spec("milvus") is None:
        print("ABSENT: the real Milvus server; install it with: pip install milvus==2.3.5")
        return []
    from milvus_server import Server

    server = Server(folder / "server").start()
    try:
        here = replace(here, milvus_uri=server.uri, milvus_token=server.token)
        pid = server.process.server_proc.pid
        return against_milvus("server", task, here, SERVER_TYPES, pid)
    finally:
        server.stop()


def end_to_end(task, here):
    """Return p50 and p99 in ms from a picture's bytes to its hits, with the int8 network."""
    try:
        from helpers import dataset
        from helpers.features import VGG16

        sample = replace(settings.from_environment(), dataset="sample")
        pictures = dataset.load(sample, progress=False).pictures
        extractor = VGG16(precision="int8", settings=sample)
        picture = pictures[0].path.read_bytes()
        extractor.embed(picture)
    except Exception as error:
        print(f"ABSENT: picture bytes to hits ({type(error).__name__}: {error!s:.150})")
        return None
    with Index(*PAIR, here) as index:
        index.sync(task.pictures, task.values, progress=False)
        index.search(extractor.embed(picture), K)
        seconds = [timed(lambda: index.search(extractor.embed(picture), K))[1] for _ in range(50)]
    return {"p50": np.percentile(seconds, 50) * 1000, "p99": np.percentile(seconds, 99) * 1000}


def main():
    """Run everything, print the table and write the result."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=17_125)
    options.add_argument("--queries", type=int, default=200)
    options.add_argument("--no-server", action="store_true")
    options = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-search-"))
    here = settings.from_environment({"MILVUS_URI": str(folder / "bench.db")})
    try:
        task = Task(options.rows, options.queries)
        lines = [against_numpy(task, folder), *against_faiss(task)]
        lines += against_milvus("Lite", task, here, LITE_TYPES)
        if not options.no_server:
            lines += against_server(task, here, folder)
        whole = end_to_end(task, here)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result = {"rows": options.rows, "dimension": 512, "queries": options.queries, "k": K}
    result |= {"cores": os.cpu_count(), "picture_to_hits_ms": whole, "systems": lines}
    target = ROOT / "build" / "bench" / "search.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(table(lines))
    for line in lines:
        if added := line.get("added"):
            print(f"ours beside {line['system']}: " + ", ".join(
                f"{name} × {factor:.2f}" for name, factor in added.items()))  # fmt: skip
    if whole:
        print(f"picture bytes to hits: p50 {whole['p50']:.0f} ms, p99 {whole['p99']:.0f} ms")


if __name__ == "__main__":
    main()
