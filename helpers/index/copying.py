"""Making one collection hold exactly what another Milvus, or a file, holds; page by page.

At no time are more than a few thousand rows in memory. Rows that are there already, with the same
digest, aren't written again, so what was interrupted carries on where it stopped.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from types import SimpleNamespace
from typing import Any, Protocol

from tqdm.auto import tqdm

from helpers.index import index_types
from helpers.index.collection import ROWS_PER_CALL, SETTLE_SECONDS
from helpers.index.errors import MilvusError, RowError
from helpers.index.filters import labels_of
from helpers.index.index import Hit, Index, SyncResult
from helpers.index.schema import rows_by_id
from helpers.settings import from_environment

Row = Mapping[str, Any]
Page = tuple[dict[str, str], Callable[[Sequence[str]], list[Row]]]
"""{id: digest} of some rows, and a function that reads those of them whose ids it is given."""

PROBES, HITS = 20, 10  # how many stored vectors both sides are searched for, with so many hits
SAME_SCORE = 1e-4  # sums of products in another order, with other instructions, differ by less
EXACT = {"EXACT", "FLAT"}  # types that find the nearest rows, and not only most of them


class Source(Protocol):
    """What rows are taken from, an index or a file; messages call it `told`."""

    told: str
    total: int

    def pages(self) -> Iterator[Page]:
        """Yield all rows, some at a time."""

    def digests(self, ids: Sequence[str]) -> dict[str, str]:
        """Return {id: digest} of those ids that are there."""


class Rows:
    """An open index as a Source; raises MilvusError for one that has lost rows."""

    def __init__(self, index: Index):
        self._index, self.total = index, index.count()
        self.told, self.digests = f"The collection {index.name} at {index.uri}", index.digests
        if index.missing:
            raise MilvusError(
                f"{self.told} has lost {index.missing:,} rows, and a copy would lack them, too. "
                "Run sync (notebook 03) to make it whole, then run this again."
            )

    def pages(self) -> Iterator[Page]:
        """Yield all rows, some thousands at a time."""
        for page in self._index.digest_pages():
            yield page, self._index.whole_rows


def batches(
    source: Source, wanted: Callable[[dict[str, str]], Sequence[str]] = list
) -> Iterator[list[Row]]:
    """Yield the rows whose ids `wanted(page)` returns, up to ROWS_PER_CALL at a time, checked."""
    for page, read in source.pages():
        names = wanted(page)
        for start in range(0, len(names), ROWS_PER_CALL):
            yield checked(read(names[start : start + ROWS_PER_CALL]), source.told)


def checked(rows: Sequence[Row], told: str) -> list[Row]:
    """Return the rows, ready to be written, or raise MilvusError unless their digests are right.

    A digest is that of id, labels and vector as they were when the row was first written.
    """
    pictures = [SimpleNamespace(id=row["id"], labels=labels_of(row)) for row in rows]
    vectors = [row["vector"] for row in rows]
    try:
        again, _ = rows_by_id(pictures, vectors, len(vectors[0]) if rows else 1)
    except (RowError, ValueError):  # vectors of different lengths, or with NaN
        again = {}
    digests = {row["id"]: row["digest"] for row in rows}
    wrong = [name for name in digests if again.get(name, {}).get("digest") != digests[name]]
    if wrong or len(digests) < len(rows):
        raise MilvusError(
            f"{told} is damaged: the row {wrong[0] if wrong else ''!r:.60} isn't what was once "
            "written. Use another copy, or write all rows again with sync (notebook 03)."
        )
    return list(again.values())


def make_equal(
    target: Index, source: Source, delete_most: bool = False, progress: bool = True
) -> SyncResult:
    """Make `target` hold exactly the rows of `source`; it takes and raises what `sync` does."""
    gone = []
    for page in target.digest_pages():
        gone += page.keys() - source.digests(list(page)).keys()
    target.check_deletion(len(gone), target.count(), delete_most)
    target.start_over() if target.missing else target.delete_rows(gone)
    written = _write(target, source, progress)
    target.finish(written, len(gone), source.total)
    return SyncResult(written, len(gone), source.total - written)


def _write(target, source, progress):
    """Write the rows of `source` that `target` lacks or has otherwise; return how many."""
    written = 0
    with tqdm(desc="copying", total=source.total, delay=2, disable=not progress) as bar:

        def different(page):
            held = target.digests(list(page))
            names = [name for name, digest in page.items() if held.get(name) != digest]
            bar.update(len(page) - len(names))
            return names

        for rows in batches(source, different):
            target.upsert_rows(rows)
            written += len(rows)
            bar.update(len(rows))
    return written


def take_type(target: Index, index_type: str) -> None:
    """Give `target` an index of this type, if its Milvus offers that and it has another."""
    offered = index_types.LITE_TYPES if target.is_lite else index_types.INDEX_TYPES
    if index_type in offered and index_type != target.index_type():
        target.rebuild(index_type)


@dataclass(frozen=True, repr=False)
class CopyResult:
    """What `copy_to` did: the rows, the index's type and the one it should have, and a check.

    `alike` is the share of hits that both sides have in common, in `probes` searches.
    """

    uri: str
    rows: SyncResult
    index_type: str
    wanted_type: str
    probes: int
    alike: float

    def __repr__(self):
        kept = self.index_type == self.wanted_type
        index = self.index_type if kept else f"{self.index_type}, not {self.wanted_type}"
        count = self.rows.written + self.rows.unchanged
        return (
            f"{count:,} rows at {self.uri} ({self.rows!r}); index: {index}; "
            f"{self.probes} searches on both sides, {self.alike:.0%} of the hits the same"
        )


def copy(index: Index, uri: str, token: str, delete_most: bool, progress: bool) -> CopyResult:
    """Copy `index` to the Milvus at `uri`, as `Index.copy_to` says."""
    if not str(uri or "").strip():
        raise MilvusError(
            f"{uri!r} isn't an address. Give a path that ends in .db, or http://host:19530."
        )
    settings = from_environment({"MILVUS_URI": str(uri), "MILVUS_TOKEN": token})
    if _same_place(settings.milvus_uri, index.uri):
        raise MilvusError(
            f"{index.name} is at {uri} already. Name another Milvus to copy it to: a path that "
            "ends in .db, or http://host:19530."
        )
    source, wanted = Rows(index), index.index_type()
    with Index(index.dataset_name, index.extractor_name, settings, index.dim) as target:
        rows = make_equal(target, source, delete_most, progress)
        take_type(target, wanted)
        probes = nsmallest(PROBES, (name for page, _ in source.pages() for name in page), key=_mix)
        alike = _compare(index, target, probes)
        return CopyResult(target.uri, rows, target.index_type(), wanted, len(probes), alike)


def _same_place(one, other):
    lite = "://" not in one and "://" not in other
    return os.path.realpath(one) == os.path.realpath(other) if lite else one == other


def _mix(name):
    """Return a key that puts ids in an order like a random one, the same in each run."""
    return blake2b(name.encode(), digest_size=8).digest()


def _compare(index, target, probes):
    """Return which share of hits two indexes have in common; raise MilvusError if it is too small.

    Two exact ones must find the same but for ties, approximate ones only hold the same vectors.
    """
    if not probes:
        return 1.0
    checked(target.whole_rows(probes), f"The copy at {target.uri}")
    vectors = [row["vector"] for row in checked(index.whole_rows(probes), index.name)]
    exact = {index.index_type(), target.index_type()} <= EXACT
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        found, there = (one.search_many(vectors, HITS) for one in (index, target))
        pairs = list(zip(found, there, strict=True))
        if not exact or all(same_hits(*pair) for pair in pairs):
            both = sum(len({hit.id for hit in a} & {hit.id for hit in b}) for a, b in pairs)
            return both / sum(map(len, found))
        if time.monotonic() > end:
            raise MilvusError(
                f"The copy at {target.uri} has all rows, but finds others than {index.uri} does. "
                "Run this again; if it fails again, drop the copy and make another."
            )
        time.sleep(0.2)


def same_hits(one: Sequence[Hit], other: Sequence[Hit]) -> bool:
    """Return True when two searches found the same: the scores, and all ids but those in a tie."""
    if len(one) != len(other):
        return False
    if any(abs(a.score - b.score) > SAME_SCORE for a, b in zip(one, other, strict=True)):
        return False
    scores = {hit.id: hit.score for hit in other}
    surely = [hit for hit in one if hit.score > one[-1].score + SAME_SCORE]
    return all(abs(hit.score - scores.get(hit.id, -9)) <= SAME_SCORE for hit in surely)
