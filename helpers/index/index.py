"""The index: finds the pictures whose vectors are nearest to a query, in a Milvus collection.

Everything here runs unchanged on Milvus Lite and on a server; `MILVUS_URI` decides. Scores are
cosine similarities in [-1, 1], higher is closer. Notebook 03 builds a smaller one in plain
pymilvus first, and lists what this one does differently.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.files import tree_size
from helpers.index import index_types
from helpers.index.collection import Collection
from helpers.index.errors import MilvusError
from helpers.index.filters import SLOTS, LabelFilter, check_text, expression, labels_of
from helpers.index.schema import PicturesLike, VectorsLike, check_vectors, rows_by_id

if TYPE_CHECKING:
    from helpers.index.copying import CopyResult

QUERIES_PER_CALL = 100  # 20 times as many answers per second as one by one
MAX_HITS = 16_384  # a server returns no more
TIE_MARGIN = 8  # hits asked for beyond k, to see whether the k-th is tied with the next


@dataclass(frozen=True)
class Hit:
    """One picture found: its score is the cosine similarity to the query, higher is closer."""

    id: str
    score: float
    labels: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class SyncResult:
    """What `sync` or `upsert` did, in rows; `skipped`: (id, reason) of what can't be kept."""

    written: int
    deleted: int
    unchanged: int
    skipped: tuple[tuple[str, str], ...] = ()

    def __repr__(self):
        told = f"{self.written:,} written, {self.deleted:,} deleted, {self.unchanged:,} unchanged"
        some = [f"{name!r:.60} ({reason})" for name, reason in self.skipped[:2]]
        some += ["…"] if len(self.skipped) > 2 else []
        return told + (f", {len(self.skipped):,} skipped: {', '.join(some)}" if some else "")


class Index(Collection):
    """One data set's vectors by one extractor, in a Milvus collection; created if need be.

    `index_type` is one of `index_types.INDEX_TYPES`. None keeps the type that is there, and makes a
    new index EXACT: at tens of thousands of pictures exact search is fast enough, and filters cost
    it no recall. Raises MilvusError when Milvus can't be reached, and warns MissingRowsWarning when
    `missing` confirmed rows were lost. Close it, or use it in a `with` block.
    """

    # Writing

    def sync(
        self,
        pictures: PicturesLike,
        vectors: VectorsLike,
        progress: bool = True,
        delete_most: bool = False,
    ) -> SyncResult:
        """Make the index hold exactly these pictures; return what that took.

        Writes what is new or different, deletes what is gone, and leaves the rest alone: after an
        interruption it carries on where it stopped, and a second run writes nothing. `vectors`:
        (n, dim) float32 in the order of `pictures`, or with `ids` and `values`. Pictures that can't
        be kept are skipped. Before anything is written, it raises RowError for bad vectors and ids
        that are there twice, and MilvusError when more than half of the rows would be deleted,
        unless `delete_most`; so `sync([], [], delete_most=True)` empties the index.
        """
        wanted, skipped = rows_by_id(pictures, vectors, self.dim)
        held = self.digests()
        gone = sorted(held.keys() - wanted.keys())
        self.check_deletion(len(gone), len(held), delete_most)
        # Workaround (milvus-lite 3.2.2): its log has no checksums, so the rows beside lost ones may
        # be wrong, and all are written again.
        # Upstream: https://github.com/milvus-io/milvus-lite/issues/356.
        # Test: test_a_damaged_log_is_read_as_if_it_were_whole.
        if self.missing:
            held = {}
            self.start_over()
        else:
            self.delete_rows(gone)
        return self._write(wanted, held, progress, skipped, deleted=len(gone), total=len(wanted))

    def upsert(
        self, pictures: PicturesLike, vectors: VectorsLike, progress: bool = True
    ) -> SyncResult:
        """Add pictures, or replace those with the same id; takes and raises what `sync` does."""
        wanted, skipped = rows_by_id(pictures, vectors, self.dim)
        return self._write(wanted, self.digests(list(wanted)), progress, skipped)

    def _write(self, wanted, held, progress, skipped, deleted=0, total=None):
        """Write the rows whose digest differs from the one held, and check the count."""
        changed = [row for name, row in wanted.items() if held.get(name) != row["digest"]]
        self.upsert_rows(changed, progress)
        self.finish(len(changed), deleted, total)
        result = SyncResult(len(changed), deleted, len(wanted) - len(changed), skipped)
        if skipped and progress:
            print(result)
        return result

    def check_deletion(self, gone: int, held: int, delete_most: bool) -> None:
        """Raise MilvusError for the deletion of more than half of the rows, unless it is meant."""
        if gone > held / 2 and not delete_most:
            raise MilvusError(
                f"This sync would delete {gone:,} of the {held:,} rows of {self.name}. "
                "Check that all pictures and their vectors are there; if that is what you mean, "
                "add delete_most=True."
            )

    def start_over(self) -> None:
        """Replace the collection with an empty one that has the same type of index."""
        index_type = self.index_type()
        self._call("drop", "drop_collection")
        self._open(index_type)

    def finish(self, written: int, deleted: int, total: int | None) -> None:
        """Index what was written, unless nothing has changed, and check that `total` rows remain.

        Raises MilvusError when there are more or fewer; None means that any number will do.
        """
        interrupted = total is not None and total != self._confirmed()
        if written or deleted or interrupted:
            self.flush_and_index(written, total)
        if total is not None and total != (count := self.count()):
            raise MilvusError(
                f"Milvus holds {count} rows where {total} were written. "
                "Another program may be writing too: stop it, then run sync again."
            )

    def delete(self, ids: Iterable[str]) -> int:
        """Delete the pictures with these ids; return how many there were."""
        there = list(self.digests([check_text(name, "a picture's id") for name in ids]))
        left = self.count() - len(there)
        self.delete_rows(there)
        self.flush_and_index(0, left)
        return len(there)

    # Moving and keeping

    def copy_to(
        self, uri: str, token: str = "", delete_most: bool = False, progress: bool = True
    ) -> "CopyResult":
        """Make the Milvus at `uri` hold this collection, too; return what that took.

        `uri` and `token` are as in MILVUS_URI and MILVUS_TOKEN. Run again, it copies only what
        differs. The copy is checked by counting, and by searching both for some stored vectors.
        Raises MilvusError where `sync` would, and when the two don't find the same.
        """
        from helpers.index.copying import copy

        return copy(self, uri, token, delete_most, progress)

    def export_parquet(self, path: str | Path, progress: bool = True) -> Path:
        """Write all rows to a Parquet file, or to one in the folder `path`; return the file.

        Columns: as in `schema`, the vector a list of float32. It is written whole or not at all.
        """
        from helpers.index.parquet import export

        return export(self, path, progress)

    def import_parquet(
        self, path: str | Path, delete_most: bool = False, progress: bool = True
    ) -> SyncResult:
        """Make the index hold exactly the rows of a file that `export_parquet` wrote.

        Raises MilvusError for a damaged file, another's, one with vectors of another data set or
        extractor, and where `sync` would.
        """
        from helpers.index.parquet import import_file

        return import_file(self, path, delete_most, progress)

    # Reading

    def vector(self, picture_id: str) -> NDArray[np.float32]:
        """Return the (dim,) vector of one picture; raises MilvusError if it isn't here."""
        asked = [check_text(picture_id, "a picture's id")]
        for row in self._rows(asked, output_fields=["vector"]):
            return np.asarray(row["vector"], dtype=np.float32)
        raise MilvusError(
            f"The index has no picture {picture_id!r}. "
            "Check the id, or add the picture with upsert."
        )

    def search(
        self,
        vector: ArrayLike,
        k: int = 12,
        label_filter: LabelFilter | None = None,
        min_score: float | None = None,
    ) -> list[Hit]:
        """Return the k nearest pictures, nearest first, ties by id.

        `vector`: (dim,) float32. A hit has the labels that `label_filter` asks for, and a score of
        at least `min_score`. Raises RowError for a bad vector, MilvusError for a bad k.
        """
        hits = self.search_many(np.asarray(vector)[None], k, label_filter)[0]
        return hits if min_score is None else [hit for hit in hits if hit.score >= min_score]

    def nearest_vectors(self, vector: ArrayLike, k: int) -> tuple[list[str], NDArray[np.float32]]:
        """Return the ids of the k nearest pictures and their vectors, (k, dim), nearest first.

        A query is expanded with them. Raises RowError for a bad vector.
        """
        query = check_vectors(np.asarray(vector)[None], self.dim)
        parameters = index_types.search_parameters(self._index(seen=True), k)
        options = {"output_fields": ["vector"], "search_params": {"params": parameters}}
        (found,) = self._call("search", "search", query, limit=min(k, MAX_HITS), **options)
        vectors = [hit["entity"]["vector"] for hit in found]
        return [hit["id"] for hit in found], np.array(vectors, np.float32).reshape(-1, self.dim)

    def search_many(
        self, vectors: ArrayLike, k: int = 12, label_filter: LabelFilter | None = None
    ) -> list[list[Hit]]:
        """Return for each of the (n, dim) vectors what `search` returns, and much faster."""
        if k not in range(1, MAX_HITS - TIE_MARGIN + 1):
            raise MilvusError(
                f"k is {k}, but must be between 1 and {MAX_HITS - TIE_MARGIN}. Choose again."
            )
        vectors, condition = check_vectors(vectors, self.dim), expression(label_filter)
        options = {"filter": condition, "output_fields": list(SLOTS)}
        parameters = index_types.search_parameters(self._index(seen=True), k, bool(condition))
        options["search_params"] = {"params": parameters}
        found = []
        for start in range(0, len(vectors), QUERIES_PER_CALL):
            part = vectors[start : start + QUERIES_PER_CALL]
            found += self._nearest(part, k, k + TIE_MARGIN, options)
        return found

    def _nearest(self, vectors, k, limit, options):
        """Return the k best Hits for each vector, out of `limit`.

        Milvus breaks ties as it likes. Where the k-th score is still tied with the last one asked
        for, more are asked for, so that the ids decide.
        """
        answer = self._call("search", "search", vectors, limit=limit, **options)
        found = [sorted(map(_hit, hits), key=lambda hit: (-hit.score, hit.id)) for hits in answer]
        for number, hits in enumerate(found):
            tied = len(hits) == limit and hits[k - 1].score == hits[-1].score
            if tied and limit < MAX_HITS:
                one, more = vectors[number : number + 1], min(4 * limit, MAX_HITS)
                found[number] = self._nearest(one, k, more, options)[0]
        return [hits[:k] for hits in found]

    def describe(self) -> dict[str, Any]:
        """Return facts about the index; `bytes` is its size on disk, None on a server."""
        index = self._index()
        return {
            "data set": self.dataset_name,
            "extractor": self.extractor_name,
            "collection": self.name,
            "rows": self.count(),
            "dimension": self.dim,
            "index": index_types.type_and_nlist(index)[0],
            "parameters": index.get("params", {}),
            "metric": index["metric_type"],
            "bytes": tree_size(self.folder) if self.is_lite else None,
            "milvus": self.client.get_server_version(),
            "uri": self.uri,
        }


def _hit(found):
    """Return a Hit for one of Milvus' hits; the sixth decimal is where float32 ends."""
    row = found["entity"]
    return Hit(found["id"], round(float(found["distance"]), 6), labels_of(row))
