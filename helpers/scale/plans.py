"""From a capacity to a plan: which index, how many shards, and how to get the rows in.

Everything here is worked out by `sizing`, and no better than the measured points behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from helpers.scale.capacity import (
    SEGMENT_BYTES,
    Constants,
    core_seconds,
    fit,
    measured,
    memory_bytes,
)
from helpers.scale.sizing import Capacity, Shown, needs, size

MAP = {512: 0.724, 64: 0.874}
"""Mean average precision of the original 512 numbers and of the tuned 64, on 600 photographs: the
README's table. Eight times smaller *and* better there, so the plans take 64."""

STANDALONE = 12e9  # of memory that one server on an ordinary machine can give


@dataclass(frozen=True)
class Plan(Shown):
    """A capacity, and in words how to get there; a notebook shows it, and `print` does."""

    needs: Capacity
    shards: int
    segments: int
    steps: tuple[str, ...]

    def __str__(self):
        return "\n".join([f"{self.needs}\n", *(f"- {step}" for step in self.steps)])


def plan(vectors: int, dim: int = 64, **options: Any) -> Plan:
    """Return how to serve 10 million, 100 million or a billion vectors, worked out by `needs`.

    `options` are those of `needs`. Without an `index_type`, it is HNSW or IVF_SQ8, whichever costs
    less. Sources: shards share out writing, one more for each 100 GB, our rule
    (https://milvus.io/docs/limit_collection_counts.md says what they are); replicas,
    https://milvus.io/blog/in-memory-replicas.md; DISKANN wants NVMe disks,
    https://milvus.io/docs/disk_index.md; import, https://milvus.io/docs/bulk_insert.md; segments of
    1 to 2 GB on nodes of 16 GB, https://github.com/milvus-io/milvus/issues/25570. All of it is
    extrapolated from at most as many vectors as were measured: try a tenth before buying the rest.
    """
    by = options.setdefault("constants", None) or fit(measured())
    options["constants"] = by
    types = [options.pop("index_type")] if "index_type" in options else ["HNSW", "IVF_SQ8"]
    found = min((needs(vectors, dim, t, **options) for t in types), key=lambda one: one.monthly)
    shards = max(1, ceil(vectors * 4 * dim / 100e9))
    segments = ceil(vectors * (4 * dim + 100) / SEGMENT_BYTES)
    return Plan(found, shards, segments, tuple(_steps(found, shards, segments, by)))


def _steps(found: Capacity, shards: int, segments: int, by: Constants) -> Iterator[str]:
    """Yield the steps of a plan, each a sentence or two."""
    one = memory_bytes(found.vectors, found.dim, found.index_type, by)
    whole = memory_bytes(found.vectors, 512, "HNSW", by)
    gain = (
        f" On the README's 600 photographs that raises mAP, from {MAP[512]} with the original "
        f"512 to {MAP[64]}; measure it on yours."
    )
    yield (
        f"Vectors: 512 numbers under HNSW would take {size(whole)} on one server, {found.dim} "
        f"under {found.index_type} take {size(one)}.{gain if found.dim == 64 else ''}"
    )
    if found.index_type == "IVF_SQ8":
        yield "IVF_SQ8 keeps a byte of each number. Look into more cells where filters are used."
    diskann = memory_bytes(found.vectors, found.dim, "DISKANN", by)
    labels = found.vectors * by.row_memory
    if one > STANDALONE and found.index_type != "DISKANN":
        yield (
            f"DISKANN, which keeps the vectors on fast NVMe disks, would take {size(diskann)}, "
            f"most of it for labels and ids, {size(labels)}: keep those elsewhere before anything "
            "else. It was not measured here."
        )
    if found.nodes == 1 and one <= STANDALONE:
        yield "Servers: one Milvus standalone server is enough."
    else:
        yield (
            f"Servers: a cluster with {found.nodes:,} query nodes, and object storage. A larger "
            "machine counts as several nodes."
        )
    seconds = core_seconds(found.vectors, found.dim, found.index_type, by)
    yield (
        f"Searching: one keeps a core busy for {seconds:,.2f} s, by what was measured up to "
        f"{by.largest:,} vectors, in segments of a quarter of their full size. Many cores share "
        "it, and partitions avoid it."
    )
    yield f"Shards: {shards}. Segments: {segments:,} of 512 MB once they are merged; all are asked."
    yield (
        "Partitions: one for each group that is always searched alone, such as a customer or a "
        "year; a search that names one loads and asks only that one."
    )
    hours = found.vectors / ROWS_PER_SECOND / 3600
    told = f"Loading: about {hours:,.1f} hours, a thousand rows in a call."
    yield told + (" Import Parquet files in bulk instead." if hours > 4 else "")
    more = "" if found.replicas > 1 else " With two, a node may fail, for twice the memory."
    yield f"Replicas: {found.replicas}.{more}"


ROWS_PER_SECOND = 10_000  # one client with upsert, 64 numbers: a fifth less than was measured
