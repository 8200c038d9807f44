"""The kinds of vector index and their parameters, worked out from the number of rows.

build: how the index is made; search: how hard it looks. Notebook 03 compares the index_types.

| kind     | looks at                             | reason for the parameters                     |
| -------- | ------------------------------------ | --------------------------------------------- |
| EXACT    | every vector, in one FAISS bucket    | IVF_FLAT with one bucket: exact like FLAT,    |
|          |                                      | 7 times as fast on Milvus Lite, 2 on a server |
| FLAT     | every vector                         | nothing to choose                             |
| IVF_FLAT | the vectors in the nearest buckets   | nlist: about 4 √rows buckets, but at least 39 |
| IVF_SQ8  | the same, a byte for each number     | rows in each, or k-means has too little to    |
| SCANN    | the same, four bits for each number  | learn from; nprobe: an eighth of the buckets  |
| HNSW     | a graph's neighbours                 | M 16, efConstruction 200: its authors' middle |
|          |                                      | ground; ef 256 for recall 0.99 (64: 0.94)     |
| DISKANN  | a graph on disk                      | for collections that outgrow the memory       |

Sources: the FAISS guidelines for nlist (4 to 16 √rows; 39 points a centroid); Malkov and Yashunin,
Efficient and robust approximate nearest neighbor search using HNSW graphs (2018).
"""

from math import isqrt

INDEX_TYPES = ("EXACT", "FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW", "SCANN", "DISKANN")
SERVER_ONLY = ("SCANN", "DISKANN")
ROWS_PER_CELL = 39
MAX_EF = 32_768  # more is refused by a server


def milvus_index_type(index_type):
    """Return Milvus' own name for a index_type: only EXACT is ours, an IVF_FLAT with one bucket."""
    return "IVF_FLAT" if index_type == "EXACT" else index_type


def index_type_of(description):
    """Return the kind of an index that `describe_index` has described."""
    index_type = description["index_type"]
    return "EXACT" if index_type == "IVF_FLAT" and nlist_of(description) == 1 else index_type


def nlist_of(description):
    """Return the nlist of a described index, or 0 where it has none."""
    nested = description.get("params")
    nested = nested if isinstance(nested, dict) else {}
    return int(description.get("nlist") or nested.get("nlist") or 0)


def build_parameters(index_type, rows):
    """Return the parameters with which to build an index of this kind over so many rows."""
    if index_type == "EXACT":
        return {"nlist": 1}
    if index_type in ("IVF_FLAT", "IVF_SQ8", "SCANN"):
        return {"nlist": max(2, min(4 * isqrt(rows), rows // ROWS_PER_CELL))}  # one is EXACT
    if index_type == "HNSW":
        return {"M": 16, "efConstruction": 200}
    return {}


def search_parameters(index_type, k, nlist=1, rows=0, everywhere=False):
    """Return the parameters with which to search for k hits.

    `everywhere` looks at all buckets (or, in a graph, at all rows): with a filter the k nearest
    rows that pass may lie far from the query, and Milvus Lite otherwise loses up to half of them.
    """
    if index_type in ("EXACT", "IVF_FLAT", "IVF_SQ8", "SCANN"):
        looked = {"nprobe": nlist if everywhere else max(1, -(-nlist // 8))}
        # SCANN's four bits only pick candidates, which are then compared in full
        return looked | ({"reorder_k": max(200, 10 * k)} if index_type == "SCANN" else {})
    if index_type == "HNSW":
        return {"ef": min(MAX_EF, max(256, 4 * k, rows if everywhere else 0))}
    if index_type == "DISKANN":
        return {"search_list": max(32, 2 * k)}
    return {}
