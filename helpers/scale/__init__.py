"""Notebook 06: many users and millions of pictures.

In go the pictures and vectors of the other chapters; out come the same vectors from many machines,
what a service can carry, and what a larger one would need.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    capacity=("CapacityError", "against_measured"),
    cluster=("ClusterError",),
    kept=("sync_kept",),
    load=("Load", "LoadTestError", "doubled", "load_table", "load_test"),
    local=("LocalServer", "LocalServerError", "milvus_server", "search_service"),
    plans=("Plan", "plan"),
    ray_extract=("Batch", "ClusterVectors", "extract_on_cluster"),
    sizing=("Capacity", "Prices", "needs"),
    sources=("SourceError", "list_remote"),
)
