"""The index: finds the pictures whose vectors are nearest to one, in a Milvus collection.

Everything here runs unchanged on Milvus Lite and on a server; `MILVUS_URI` decides. Scores are
cosine similarities in [-1, 1], higher is closer. Notebook 03 builds all this by hand first.
"""

import re
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.index import index_types, milvus_lite
from helpers.index.collection import Collection
from helpers.index.errors import MilvusError, MissingRowsWarning
from helpers.index.filters import SLOTS, Labels, expression, labels_of
from helpers.index.schema import check_id, check_vectors, rows

__all__ = ["Hit", "Index", "Labels", "MilvusError", "MissingRowsWarning", "SyncResult"]

QUERIES = 100  # queries a call: 20 times as many answers a second as one by one
MAX_HITS = 16_384  # hits that a server gives at most
EXTRA_HITS = 8  # hits asked for beyond k, to see whether the k-th is tied with the next


@dataclass(frozen=True)
class Hit:
    """One picture found: its score is the cosine similarity to the query, higher is closer."""

    id: str
    score: float
    path: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class SyncResult:
    """What sync or upsert did, in rows."""

    written: int
    deleted: int
    unchanged: int


class Index:
    """The pictures of one extractor in Milvus; opening it makes the collection where there is none.

    `index_type` is one of `index_types.INDEX_TYPES`; None keeps what is there, and makes a new one EXACT: at tens of
    thousands of pictures exact search is fast enough, and filters cost it no recall. Raises
    MilvusError when Milvus cannot be reached; warns MissingRowsWarning when rows were lost.
    """

    def __init__(self, extractor_name, settings=None, dim=512, index_type=None):
        """Open, or make, the collection for this extractor."""
        settings = settings or _settings.from_environment()
        self.name, self.dim = re.sub(r"\W", "_", extractor_name), dim
        uri, token = settings.milvus_uri, settings.milvus_token
        self._collection = Collection(uri, token, self.name, dim, index_type)

    def __enter__(self):
        """Return the index, for `with Index(…) as index`."""
        return self

    def __exit__(self, *_):
        """Close the index."""
        self.close()

    def close(self):
        """Let go of Milvus; a Milvus Lite database is free for others after the last close."""
        self._collection.close()

    @property
    def missing(self):
        """Return how many acknowledged rows were not there at opening."""
        return self._collection.missing

    # Writing

    def sync(self, pictures, vectors, progress=True):
        """Make the index hold exactly these pictures; return the SyncResult.

        Writes what is new or different, deletes what is gone, and leaves the rest alone: after an
        interruption it carries on where it stopped, and a second run writes nothing. `vectors`:
        (n, dim) float32 in the order of `pictures`, or with `ids` and `values`. After a loss the
        collection is made anew, because rows beside the lost ones may be wrong as well.
        """
        wanted = rows(pictures, vectors, self.dim)
        if self._collection.missing:
            self._collection.start_over()
        held = self._collection.digests()
        gone = sorted(held.keys() - wanted.keys())
        self._collection.remove(gone)
        return self._write(wanted, held, progress, deleted=len(gone), total=len(wanted))

    def upsert(self, pictures, vectors, progress=True):
        """Add pictures, or replace those with the same id; return the SyncResult."""
        wanted = rows(pictures, vectors, self.dim)
        held = self._collection.digests(list(wanted))
        return self._write(wanted, held, progress)

    def _write(self, wanted, held, progress, deleted=0, total=None):
        """Write the rows whose digest differs from the one held, and check the count."""
        changed = [row for id, row in wanted.items() if held.get(id) != row["digest"]]
        self._collection.write(changed, progress)
        if changed or deleted or self._collection.unsettled(total):
            self._collection.flush_and_index(len(changed), progress)
        count = self._collection.count()
        if total not in (None, count):
            raise MilvusError(
                f"Milvus holds {count} rows where {total} were written. "
                "Another program may be writing too: stop it, then run sync again."
            )
        return SyncResult(len(changed), deleted, len(wanted) - len(changed))

    def delete(self, ids):
        """Delete the rows with these ids; return how many there were."""
        there = list(self._collection.digests([check_id(id) for id in ids]))
        self._collection.remove(there)
        self._collection.flush_and_index(0)
        return len(there)

    def drop(self):
        """Delete the collection with all its rows, and close; opening makes an empty one."""
        self._collection.drop()
        self.close()

    # Reading

    def count(self):
        """Return the number of rows."""
        return self._collection.count()

    def get(self, id):
        """Return one row as a dictionary: id, path, labels, width, height."""
        row = self._row(id, ["path", "width", "height", *SLOTS])
        size = {"width": row["width"], "height": row["height"]}
        return {"id": id, "path": row["path"], "labels": labels_of(row)} | size

    def vector(self, id):
        """Return the (dim,) float32 vector of one picture."""
        return np.asarray(self._row(id, ["vector"])["vector"], dtype=np.float32)

    def _row(self, id, fields):
        """Return these fields of one row. Raises MilvusError when it is not here."""
        found = self._collection.ask("read", "get", self.name, [check_id(id)], output_fields=fields)
        if not found:
            raise MilvusError(
                f"There is no picture {id!r} in the index. "
                "Check the id, or add the picture with upsert."
            )
        return found[0]

    def search(self, vector, k=12, label_filter=None, min_score=None):
        """Return the k nearest pictures as Hits, nearest first, ties by id.

        `vector`: (dim,) float32; `label_filter`: Labels that a hit must have; `min_score`: the least score.
        """
        hits = self.search_many(np.asarray(vector)[None], k, label_filter)[0]
        return hits if min_score is None else [hit for hit in hits if hit.score >= min_score]

    def search_many(self, vectors, k=12, label_filter=None, progress=False):
        """Return for each of the (n, dim) vectors what `search` returns, and much faster."""
        if not 1 <= k <= MAX_HITS - EXTRA_HITS:
            raise MilvusError(
                f"k is {k}, but must lie between 1 and {MAX_HITS - EXTRA_HITS}. Choose again."
            )
        vectors, filter = check_vectors(vectors, self.dim), expression(label_filter)
        options = self._how(k, filter)
        found = []
        for start in tqdm(range(0, len(vectors), QUERIES), "searching", disable=not progress):
            part = vectors[start : start + QUERIES]
            found += self._nearest(part, k, k + EXTRA_HITS, filter, options)
        return found

    def _how(self, k, filter):
        """Return the search parameters for the index as it is now."""
        index = self._collection.index(age=1)
        index_type, nlist = index_types.index_type_of(index), index_types.nlist_of(index)
        rows = index["total_rows"]
        return {
            "params": index_types.search_parameters(
                index_type, k, nlist, rows, everywhere=bool(filter)
            )
        }

    def _nearest(self, vectors, k, limit, filter, options):
        """Return the k best Hits for each vector, out of `limit`.

        Milvus breaks ties as it likes. Where the k-th score is still tied with the last one asked
        for, more are asked for, so that the ids decide.
        """
        fields = {"limit": limit, "filter": filter, "output_fields": ["path", *SLOTS]}
        answer = self._collection.ask(
            "search", "search", self.name, vectors, search_params=options, **fields
        )
        found = [sorted(map(_hit, hits), key=lambda hit: (-hit.score, hit.id)) for hits in answer]
        for place, hits in enumerate(found):
            tied = len(hits) == limit and hits[k - 1].score == hits[-1].score
            if tied and limit < MAX_HITS:
                one, more = vectors[place : place + 1], min(4 * limit, MAX_HITS)
                found[place] = self._nearest(one, k, more, filter, options)[0]
        return [hits[:k] for hits in found]

    # About

    def describe(self):
        """Return what one may want to know about the index, as a dictionary."""
        index, uri = self._collection.index(), self._collection.uri
        return {
            "collection": self.name,
            "rows": self.count(),
            "dimension": self.dim,
            "index": index_types.index_type_of(index),
            "parameters": index.get("params", {}),
            "metric": index["metric_type"],
            "bytes": milvus_lite.size(uri, self.name) if self._collection.is_lite else None,
            "milvus": self._collection.ask("describe", "get_server_version"),
            "uri": uri,
        }

    def collections(self):
        """Return the names of all collections here, sorted."""
        return sorted(self._collection.ask("list", "list_collections"))


def _hit(found):
    """Return a Hit for one of Milvus' hits; the sixth decimal is where float32 ends."""
    row = found["entity"]
    return Hit(found["id"], round(float(found["distance"]), 6), row["path"], labels_of(row))
