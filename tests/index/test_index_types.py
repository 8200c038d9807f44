"""The types of index: what each finds, and the parameters that it is built and searched with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_kit import PAIR, clustered, ids, nearest, some_pictures

from helpers.index import Index, LabelFilter, MilvusError, index_types


@pytest.mark.slow
@pytest.mark.parametrize("index_type", ["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_every_index_type_finds_nearly_all_also_with_a_filter(here, index_type):
    values, pictures = clustered(2500), some_pictures(2500)
    queries = clustered(20, seed=5)
    with Index(*PAIR, here, index_type=index_type) as index:
        index.sync(pictures, values, progress=False)
        assert index.describe()["index"] == index_type
        for label_filter, keep in (
            (None, None),
            (LabelFilter(all=("bus", "dog")), lambda n: n & 5 == 5),
        ):
            found = index.search_many(queries, 10, label_filter)
            truth = [nearest(values, query, 10, keep) for query in queries]
            hit = sum(len(set(ids(f)) & set(t)) for f, t in zip(found, truth, strict=True))
            assert hit / 200 >= (0.99 if index_type == "FLAT" else 0.9), (index_type, label_filter)


def test_the_index_is_built_with_our_parameters_and_not_with_defaults(here):
    faiss = pytest.importorskip("faiss", reason="ABSENT: faiss-cpu, which Milvus Lite brings")
    with Index(*PAIR, here, index_type="IVF_FLAT") as index:
        index.sync(some_pictures(2500), clustered(2500), progress=False)
        assert index.describe()["parameters"] == {"nlist": 64}
    files = list(Path(here.milvus_uri).rglob("*.idx"))
    assert [faiss.read_index(str(file)).nlist for file in files] == [64]


def test_parameters_follow_the_rows():
    assert index_types.build_parameters("IVF_FLAT", 17_125) == {"nlist": 439}  # 39 rows per cell
    assert index_types.build_parameters("IVF_FLAT", 1_000_000) == {"nlist": 4000}  # 4 √rows
    assert index_types.build_parameters("IVF_FLAT", 0) == {"nlist": 2}  # 1 would be EXACT
    assert index_types.build_parameters("EXACT", 17_125) == {"nlist": 1}
    graph = {"index_type": "HNSW", "total_rows": 17_125}
    assert index_types.search_parameters(graph, k=10) == {"ef": 256}
    assert index_types.search_parameters(graph, k=100) == {"ef": 400}
    assert index_types.search_parameters(graph, k=10, everywhere=True) == {"ef": 17_125}
    cells = {"index_type": "IVF_FLAT", "nlist": 128}
    assert index_types.search_parameters(cells, k=10) == {"nprobe": 16}
    assert index_types.search_parameters(cells, k=10, everywhere=True) == {"nprobe": 128}


def test_changing_the_index_type_keeps_the_rows(filled):
    filled[0].close()
    with Index(*PAIR, filled[1], index_type="HNSW") as index:
        assert (index.describe()["index"], index.count()) == ("HNSW", 300)
    with Index(*PAIR, filled[1]) as index:
        assert index.describe()["index"] == "HNSW"


@pytest.mark.parametrize("index_type", ["SCANN", "DISKANN", "hnsw", "BEST"])
def test_an_index_type_that_is_not_here_is_refused(here, index_type):
    with pytest.raises(MilvusError, match="Choose one of EXACT, FLAT, IVF_FLAT, IVF_SQ8, HNSW"):
        Index(*PAIR, here, index_type=index_type)


def test_rebuilding_keeps_the_rows_and_the_answers(filled):
    index = filled[0]
    found = index.search(clustered(300)[3])
    for index_type in ("IVF_SQ8", "FLAT", "EXACT"):
        index.rebuild(index_type)
        assert (index.index_type(), index.count()) == (index_type, 300)
    assert index.search(clustered(300)[3]) == found
    with pytest.raises(MilvusError, match="There is no SCANN index here"):
        index.rebuild("SCANN")


def test_a_graph_is_never_searched_harder_than_a_server_allows():
    description = {"index_type": "HNSW", "total_rows": 100_000}
    assert index_types.search_parameters(description, 10) == {"ef": 256}
    assert index_types.search_parameters(description, 10, everywhere=True) == {"ef": 32_768}
    assert index_types.search_parameters(description, 16_000) == {"ef": 32_768}


@pytest.mark.slow
@pytest.mark.parametrize("index_type", ["IVF_FLAT", "HNSW"])
def test_a_filter_is_searched_everywhere_because_what_passes_may_be_far(here, index_type):
    values, pictures = clustered(2500), some_pictures(2500)
    far = set(np.argsort(values @ values[0])[:250].tolist())
    pictures = [replace(p, labels=("far",) if n in far else ()) for n, p in enumerate(pictures)]
    with Index(*PAIR, here, index_type=index_type) as index:
        index.sync(pictures, values, progress=False)
        found = ids(index.search(values[0], 10, LabelFilter(any="far")))
        truth = nearest(values, values[0], 10, lambda n: n in far)
        assert len(set(found) & set(truth)) >= 9
