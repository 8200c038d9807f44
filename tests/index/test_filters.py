"""Filters by label agree with numpy, whatever the labels are called."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_kit import PAIR, STRANGE, clustered, ids, nearest, some_pictures

from helpers.dataset.pictures import Picture
from helpers.index import Index, LabelFilter


@pytest.mark.parametrize(
    ("label_filter", "keep"),
    [
        (LabelFilter(any="bus"), lambda n: n & 1),
        (LabelFilter(any=("bus", "car")), lambda n: n & 3),
        (LabelFilter(all=("bus", "car")), lambda n: n & 3 == 3),
        (LabelFilter(all="bus", none="person"), lambda n: n & 9 == 1),
        (LabelFilter(none=("bus", "car", "dog", "person")), lambda n: n & 15 == 0),
        (
            LabelFilter(any=("car", "dog"), all="bus", none="person"),
            lambda n: n & 1 and n & 6 and not n & 8,
        ),
        (LabelFilter(any="zeppelin"), lambda n: False),
        (LabelFilter(), lambda n: True),
    ],
)
def test_filters_agree_with_numpy(filled, label_filter, keep):
    index, values = filled[0], clustered(300)
    for query in clustered(3, seed=9):
        assert ids(index.search(query, 10, label_filter)) == nearest(values, query, 10, keep)


def test_strange_labels_find_themselves_and_nothing_else(here):
    pictures = [Picture(f"p{n:02d}", Path("p"), (label,)) for n, label in enumerate(STRANGE)]
    values = clustered(len(STRANGE))
    with Index(*PAIR, here) as index:
        index.sync(pictures, values, progress=False)
        for number, label in enumerate(STRANGE):
            found = index.search(values[0], 99, LabelFilter(any=label))
            assert ids(found) == [f"p{number:02d}"], label
            assert found[0].labels == (label,)
            assert len(index.search(values[0], 99, LabelFilter(none=label))) == len(STRANGE) - 1


@pytest.mark.slow
@pytest.mark.parametrize("index_type", ["EXACT", "IVF_FLAT", "IVF_SQ8", "HNSW"])
def test_a_filter_finds_rows_that_lie_far_from_the_query(here, index_type):
    values, query = clustered(2500), clustered(1, seed=5)[0]
    far = set(np.argsort(values @ query)[:250])  # where an approximate search does not look
    pictures = [
        replace(picture, labels=("far",) if number in far else ("near",))
        for number, picture in enumerate(some_pictures(2500))
    ]
    with Index(*PAIR, here, index_type=index_type) as index:
        index.sync(pictures, values, progress=False)
        found = ids(index.search(query, 10, LabelFilter(any="far")))
    truth = nearest(values, query, 10, far.__contains__)
    assert len(set(found) & set(truth)) >= (8 if index_type == "IVF_SQ8" else 10)


@pytest.mark.parametrize("label", ["", None, 7, "x" * 201, "é" * 101])
def test_what_cannot_be_a_label_is_refused(label):
    with pytest.raises(ValueError, match="cannot be a label"):
        LabelFilter(any=(label,))
