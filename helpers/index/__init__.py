"""Notebook 03: embeddings go into a Milvus collection, and the nearest come back.

In go `Picture`s and their vectors, (n, dim) float32 of unit norm; out come lists of
`Hit(id, score, labels)`, best first. `MILVUS_URI` alone decides whether that is Milvus Lite
in this process or a server elsewhere.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    copying=("CopyResult",),
    errors=("MilvusError", "MissingRowsWarning", "RowError"),
    filters=("LabelFilter",),
    index=("Hit", "Index", "SyncResult"),
    names=("CollectionInfo", "collection_name", "collections", "drop_collection", "own_name"),
)
