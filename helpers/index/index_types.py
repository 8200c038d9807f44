"""The types of vector index and their parameters, worked out from the number of rows.

Build parameters say how the index is made, search parameters how hard it looks. Notebook 03
measures FLAT, IVF_FLAT, HNSW and EXACT.

| type     | compares the query with              | why these parameters                          |
| -------- | ------------------------------------ | --------------------------------------------- |
| EXACT    | every vector, in a single FAISS cell | IVF_FLAT with nlist 1: as exact as FLAT, and  |
|          |                                      | 7 times as fast on Milvus Lite, 2 on a server |
| FLAT     | every vector                         | nothing to choose                             |
| IVF_FLAT | those in the cells whose centroids   | nlist: about 4 √rows cells, but at least 39   |
|          | are nearest                          | rows per cell, or k-means has too little to   |
| IVF_SQ8  | the same, one byte per number        | learn from; nprobe: an eighth of the cells    |
| SCANN    | the same, four bits per number       |                                               |
| HNSW     | the neighbours along a graph         | M 16, efConstruction 200: its authors' middle |
|          |                                      | ground; ef 256 for recall 0.99 (64: 0.94)     |

Sources: FAISS, Guidelines to choose an index (nlist of 4 to 16 √rows, 30 to 256 rows per cell) and
`min_points_per_centroid` in Clustering.h (it warns of fewer than 39); Malkov and Yashunin,
Efficient and robust approximate nearest neighbor search using HNSW graphs (2018).
"""

# Workaround (milvus-lite 3.2.2): EXACT exists because FLAT is searched in numpy and Python, not by
# FAISS. Upstream: none known. Test: test_a_flat_index_is_not_searched_by_faiss.

from collections.abc import Mapping
from math import isqrt
from typing import Any

LITE_TYPES = ("EXACT", "FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW")
INDEX_TYPES = (*LITE_TYPES, "SCANN")  # of a server; DISKANN never finished on Milvus 2.3.5
ROWS_PER_CELL = 39
MAX_EF = 32_768  # a server refuses more


def type_and_nlist(description: Mapping[str, Any]) -> tuple[str, int]:
    """Return the type and the number of cells, 0 for none, of an index by `describe_index`."""
    index_type, nested = description["index_type"], description.get("params")
    nested = nested if isinstance(nested, dict) else {}
    nlist = int(description.get("nlist") or nested.get("nlist") or 0)
    return "EXACT" if (index_type, nlist) == ("IVF_FLAT", 1) else index_type, nlist


def build_parameters(index_type: str, rows: int) -> dict[str, int]:
    """Return the parameters with which to build an index of this type over `rows` rows."""
    if index_type == "EXACT":
        return {"nlist": 1}
    if index_type in ("IVF_FLAT", "IVF_SQ8", "SCANN"):
        return {"nlist": max(2, min(4 * isqrt(rows), rows // ROWS_PER_CELL))}  # one is EXACT
    if index_type == "HNSW":
        return {"M": 16, "efConstruction": 200}
    return {}


def search_parameters(
    description: Mapping[str, Any], k: int, everywhere: bool = False
) -> dict[str, int]:
    """Return the parameters with which to search an index, by `describe_index`, for k hits.

    `everywhere` looks into all cells or, in a graph, at all rows, as a filter needs: the k nearest
    rows that pass it may be far from the query.
    """
    # Workaround (milvus-lite 3.2.2): a filtered graph search loses up to half of the hits, where a
    # server loses none. Upstream: none known. Test: test_a_filtered_graph_search_loses_hits.
    index_type, nlist = type_and_nlist(description)
    if index_type in ("EXACT", "IVF_FLAT", "IVF_SQ8", "SCANN"):
        probed = {"nprobe": nlist if everywhere else max(1, -(-nlist // 8))}
        # SCANN's four bits only pick candidates, which are then compared in full
        return probed | ({"reorder_k": max(200, 10 * k)} if index_type == "SCANN" else {})
    if index_type == "HNSW":
        return {"ef": min(MAX_EF, max(256, 4 * k, description["total_rows"] if everywhere else 0))}
    return {}
