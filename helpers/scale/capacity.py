"""What a collection needs of a server, at any size: memory, disk, and a core's time per search.

Said aloud: *a row takes what its index keeps of the vector, and a few hundred bytes for its labels;
a server takes something for itself; disk holds the vectors two or three times; a search costs a
call, and a little for every row and for every number that it compares.* What an index keeps follows
from its format. The rest is fitted to what `bench/scale.py` measured (`measured.json`, in this
folder); `against_measured` says how far the model is from each measured point.

Beside it: Milvus' own sizing tool, https://milvus.io/tools/sizing, and what it takes into account,
https://milvus.io/blog/introducing-the-milvus-sizing-tool-calculating-and-optimizing-your-milvus-deployment-resources.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from helpers.errors import PlainError
from helpers.files import read_json

MEASURED = Path(__file__).with_name("measured.json")
INDEX_TYPES = ("EXACT", "IVF_SQ8", "HNSW", "DISKANN")
M, EF = 16, 256  # HNSW's links and candidates, as in `helpers.index.index_types`
PROBED = 1 / 8  # the share of its cells that a search in an IVF index looks into, as there
SEGMENT_BYTES = 512e6  # Milvus cuts a collection into segments of this size, each with an index
SEALED = 0.23  # of that size a segment is when it gets its index (Milvus' sealProportion)
CORES = 2  # of the machine on which the points were measured


class CapacityError(PlainError, ValueError):
    """Something that can't be planned, or points too few to fit the model to."""


# What the formats say


def index_bytes(dim: int, index_type: str) -> float:
    """Return the bytes that an index keeps of one vector in memory.

    EXACT (FLAT, IVF_FLAT): 4 a number and 8 for the row's number. IVF_SQ8: 1 a number (FAISS,
    https://github.com/facebookresearch/faiss/wiki/Faiss-indexes). HNSW: 4 a number and links of 4
    bytes, 2 M on the ground level and M on each higher one, which 1 in M rows reaches (Malkov and
    Yashunin 2018). DISKANN: of all vectors' bytes, an eighth as product codes and a tenth as cache
    (Milvus' PQCodeBudgetGBRatio and SearchCacheBudgetGBRatio); the rest stays on disk. Not measured
    here: it can't be built on the server that the course tests with.
    """
    links = 4 * (2 * M + M / (M - 1))
    sizes = {
        "EXACT": 4 * dim + 8,
        "IVF_SQ8": dim + 8,
        "HNSW": 4 * dim + links,
        "DISKANN": 4 * dim * (0.125 + 0.1),
    }
    if index_type not in sizes:
        raise CapacityError(
            f"{index_type!r} isn't an index that can be planned for. Choose one of "
            f"{', '.join(INDEX_TYPES)}."
        )
    return sizes[index_type]


def stored_bytes(dim: int, index_type: str) -> float:
    """Return the bytes of one vector in the index's files; DISKANN's are larger than in memory.

    DISKANN keeps whole vectors and up to 56 links (Milvus' MaxDegree) on disk.
    """
    return 4 * dim + 4 * 57 if index_type == "DISKANN" else index_bytes(dim, index_type)


def compared(rows: float, dim: int, index_type: str) -> float:
    """Return how many numbers a search compares with the query's.

    EXACT: all. IVF: an eighth of them, and the centres, 4 for each square root of rows. A graph, of
    which there is one for each segment: the M neighbours of each of EF candidates, and the more
    rows, the longer the way to them.
    """
    segments = max(1, rows * (4 * dim + 100) / (SEALED * SEGMENT_BYTES))
    if index_type in ("HNSW", "DISKANN"):
        return dim * segments * EF * M * log2(rows / segments + 1)
    if index_type == "IVF_SQ8":
        return dim * (rows * PROBED + segments * 4 * (rows / segments) ** 0.5)
    return dim * rows


# What was measured


@dataclass(frozen=True)
class Constants:
    """What the formats don't say, fitted to measured points.

    `base`: bytes of memory of a server that serves nothing. `overhead`: memory of an index divided
    by `index_bytes`. `row_memory`: bytes for a row's labels, id and digest. `copies`: how often the
    vectors are on disk (Milvus' log, the rows). `row_disk`: the same for labels, in bytes.
    `compressed`: the size of an index's file divided by `stored_bytes`. `call`: seconds of one core
    that a search takes however little there is; `per_row`: seconds for each row, of which Milvus
    notes before it searches whether it may be found; `per_number`: for each number compared, by
    index. `largest`: the most rows measured.
    """

    base: float
    overhead: float
    row_memory: float
    copies: float
    row_disk: float
    compressed: float
    call: float
    per_row: float
    per_number: dict[str, float]
    largest: int = 0


def fit(points: Sequence[dict[str, Any]]) -> Constants:
    """Return the Constants with the least squared relative errors over points of `bench/scale.py`.

    Raises CapacityError when the points don't tell the constants apart: it takes two sizes and two
    dimensions.
    """
    if len({p["rows"] for p in points}) < 2 or len({p["dim"] for p in points}) < 2:
        raise CapacityError(
            "The model is fitted to at least two sizes and two dimensions, but there are fewer. "
            "Measure more: python bench/scale.py"
        )
    memory = _solved([_memory_terms(p) for p in points], [p["memory_mb"] * 1e6 for p in points])
    disk = _solved([_disk_terms(p) for p in points], [disk_of(p) for p in points])
    kinds = sorted({p["index"] for p in points})
    work = [
        [1.0, float(p["rows"]), *(_work(p) * (p["index"] == kind) for kind in kinds)]
        for p in points
    ]
    search = _solved(work, [CORES / p["per_second"] for p in points])
    numbers = dict(zip(kinds, search[2:], strict=True))
    return Constants(*memory, *disk, *search[:2], numbers, max(p["rows"] for p in points))


def _memory_terms(p):
    return [1.0, p["rows"] * index_bytes(p["dim"], p["index"]), float(p["rows"])]


def _disk_terms(p):
    rows, dim = float(p["rows"]), p["dim"]
    return [rows * 4 * dim, rows, rows * stored_bytes(dim, p["index"])]


def _work(p):
    return compared(p["rows"], p["dim"], p["index"])


def _solved(terms, values):
    """Return the factors ≥ 0 for which the sum of factor × term is relatively nearest to values."""
    table = np.array(terms) / np.array(values)[:, None]
    kept = list(range(table.shape[1]))
    while True:  # a factor that came out negative is left out: nothing takes less than nothing
        scale = np.abs(table[:, kept]).max(axis=0)
        found = np.linalg.lstsq(table[:, kept] / scale, np.ones(len(table)), rcond=None)[0] / scale
        if (found >= 0).all():
            factors = np.zeros(table.shape[1])
            factors[kept] = found
            return [float(factor) for factor in factors]
        kept = [one for one, factor in zip(kept, found, strict=True) if factor >= 0]


def disk_of(point: dict[str, Any]) -> float:
    """Return the bytes on disk of a measured point: its rows and its index, no empty server."""
    return (point["disk_rows_mb"] + point["disk_index_mb"]) * 1e6


def measured() -> list[dict[str, Any]]:
    """Return the measured points that come with the course; raises CapacityError without them."""
    points = read_json(MEASURED).get("points")
    if not points:
        raise CapacityError(
            f"{MEASURED} holds no measured points. Run: python bench/scale.py --save"
        )
    return points


def predicted(point: dict[str, Any], by: Constants) -> dict[str, float]:
    """Return memory and disk in bytes, and searches a second, for a point's rows, dim and index."""
    rows, dim, index_type = point["rows"], point["dim"], point["index"]
    return {
        "memory": memory_bytes(rows, dim, index_type, by),
        "disk": disk_bytes(rows, dim, index_type, by),
        "per second": CORES / core_seconds(rows, dim, index_type, by),
    }


def memory_bytes(rows: float, dim: int, index_type: str, by: Constants) -> float:
    """Return the bytes of memory of one server that serves so many rows."""
    return by.base + rows * (index_bytes(dim, index_type) * by.overhead + by.row_memory)


def disk_bytes(rows: float, dim: int, index_type: str, by: Constants) -> float:
    """Return the bytes on disk of so many rows and their index."""
    index = stored_bytes(dim, index_type) * by.compressed
    return rows * (4 * dim * by.copies + by.row_disk + index)


def core_seconds(rows: float, dim: int, index_type: str, by: Constants) -> float:
    """Return for how many seconds one core is busy with a search; DISKANN's as if HNSW's."""
    per_number = by.per_number.get("HNSW" if index_type == "DISKANN" else index_type, 0.0)
    return by.call + rows * by.per_row + compared(rows, dim, index_type) * per_number


def errors(points: Sequence[dict[str, Any]], left_out: bool = False) -> list[dict[str, float]]:
    """Return for each point predicted / measured - 1 of memory, disk and searches a second.

    With `left_out`, each point is predicted by a model that was fitted without it.
    """
    rows, whole = [], fit(points)
    for point in points:
        others = [one for one in points if one is not point]
        found = predicted(point, fit(others) if left_out else whole)
        seen = {"memory": point["memory_mb"] * 1e6, "disk": disk_of(point),
                "per second": point["per_second"]}  # fmt: skip
        rows.append({name: found[name] / seen[name] - 1 for name in seen})
    return rows


def against_measured(points: Sequence[dict[str, Any]] | None = None) -> str:
    """Return predicted beside measured for each point, and the error, as a Markdown table.

    `points` are those of `bench/scale.py`, by default the ones that come with the course. The last
    column is the largest error of a model that was fitted without the point.
    """
    points = measured() if points is None else points
    whole = fit(points)
    names = ("memory MB", "disk MB", "searches/s", "fitted without it")
    lines = [f"| vectors | index | {' | '.join(names)} |", "| --- " * 6 + "|"]
    for point, error, without in zip(points, errors(points), errors(points, True), strict=True):
        found = predicted(point, whole)
        seen = [point["memory_mb"], disk_of(point) / 1e6, point["per_second"]]
        told = [found["memory"] / 1e6, found["disk"] / 1e6, found["per second"]]
        cells = [
            f"{one:,.0f} for {other:,.0f} ({off:+.0%})"
            for one, other, off in zip(told, seen, error.values(), strict=True)
        ]
        worst = max(without.values(), key=abs)
        where = f"{point['rows']:,} × {point['dim']} | {point['index']}"
        lines.append(f"| {where} | {' | '.join(cells)} | {worst:+.0%} |")
    return "\n".join(lines)
