"""Three choices of relevance against sets and hand-made pictures, and who is left out."""

import math
import tracemalloc

import numpy as np
import pytest

from helpers.dataset.pictures import Box, Picture
from helpers.search.metrics import evaluate
from helpers.search.relevance import (
    any_shared_label,
    label_overlap,
    label_table,
    main_class,
    main_object,
    only_among,
    without,
    without_near_duplicates,
)

NAMES = ["bus", "car", "cat", "dog", "person", "train"]


def picture(*labels, boxes=()):
    return Picture("p", None, tuple(sorted(labels)), tuple(boxes))


@pytest.fixture
def pictures():
    """Sixty pictures with no label to four, the first with none."""
    random = np.random.default_rng(1)
    counts = [0, *random.integers(0, 5, size=59)]
    return [picture(*random.choice(NAMES, n, replace=False)) for n in counts]


def gains_table(choice, pictures):
    """Return all gains, asked for in two parts, (n, n)."""
    gains_of, rows = choice(pictures), np.arange(len(pictures))
    parts = [gains_of(rows[:7]), gains_of(rows[7:])]
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}
    return np.concatenate(parts)


def test_any_shared_label_is_whether_two_sets_meet(pictures):
    expected = [[bool(set(a.labels) & set(b.labels)) for b in pictures] for a in pictures]
    assert np.array_equal(gains_table(any_shared_label, pictures), expected)


def test_label_overlap_is_intersection_over_union_of_two_sets(pictures):
    def overlap(a, b):
        either = set(a.labels) | set(b.labels)
        return len(set(a.labels) & set(b.labels)) / len(either) if either else 0

    expected = [[overlap(a, b) for b in pictures] for a in pictures]
    assert np.allclose(gains_table(label_overlap, pictures), expected)


def test_the_main_object_is_the_largest_box_with_both_its_edges():
    thin = Box("train", 1, 5, 200, 5)  # 200 x 1 pixels, though 5 - 5 is 0
    square = Box("car", 11, 11, 20, 20)  # 10 x 10
    assert main_class(picture("car", "train", boxes=[square, thin])) == "train"
    assert main_class(picture("car", "train", boxes=[square])) == "car"
    first, second = Box("cat", 1, 1, 10, 10), Box("bus", 51, 51, 60, 60)
    assert main_class(picture("bus", "cat", boxes=[first, second])) == "cat"
    assert main_class(picture("bus", "cat", boxes=[second, first])) == "bus"


def test_without_boxes_the_main_object_is_the_only_label():
    assert main_class(picture("dog")) == "dog"
    assert main_class(picture("dog", "cat")) is None
    assert main_class(picture()) is None


def test_pictures_with_the_same_main_object_are_relevant_to_each_other(pictures):
    expected = [
        [main_class(a) == main_class(b) and main_class(a) is not None for b in pictures]
        for a in pictures
    ]
    assert 0 < np.sum(expected) < len(pictures) ** 2
    assert np.array_equal(gains_table(main_object, pictures), expected)


@pytest.mark.parametrize("choice", [any_shared_label, main_object, label_overlap])
def test_pictures_without_labels_are_relevant_to_nothing(choice):
    assert (gains_table(choice, [picture() for _ in range(9)]) == 0).all()


@pytest.mark.parametrize("choice", [any_shared_label, main_object, label_overlap])
def test_no_table_of_all_pairs_is_made(choice, pictures):
    """All pairs of 15,000 pictures would take 900 MB, four queries take a few hundred kB."""
    many = pictures * 250
    tracemalloc.start()
    choice(many)(np.arange(4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


def test_the_table_says_which_picture_shows_which_class():
    shows, names = label_table([picture("dog"), picture(), picture("cat", "dog")])
    assert names == ["cat", "dog"]
    assert shows.dtype == bool
    assert shows.tolist() == [[False, True], [False, False], [True, True]]


# Which pictures take part


KEPT = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=np.float32)


def gains_of(rows):
    """Return rows of KEPT; where they are all in order, the table itself and no copy."""
    return KEPT if len(rows) == 3 else KEPT[rows]


def told(gains):
    """Return the gains as lists, with None for what is left out."""
    return [[None if math.isnan(gain) else gain for gain in row] for row in gains]


def test_only_among_leaves_out_the_rest_for_every_query():
    among = only_among(gains_of, np.array([True, False, True]))
    assert told(among([0, 1, 2])) == [[1, None, 1], [0, None, 1], [1, None, 1]]
    assert told(among([2])) == [[1, None, 1]]
    assert among([2]).dtype == np.float32


def test_without_leaves_out_rows_per_query():
    fewer = without(gains_of, {0: [1, 2], 2: [0]})
    assert told(fewer(np.array([0, 1, 2]))) == [[1, None, None], [0, 1, 1], [None, 1, 1]]
    assert told(fewer(np.array([2, 0]))) == [[None, 1, 1], [1, None, None]]


def test_without_near_duplicates_leaves_out_what_reaches_the_score():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)  # cosines 0.8, 0.6 and 0
    fewer = without_near_duplicates(gains_of, vectors, 0.7)
    assert told(fewer([0, 1, 2])) == [[None, None, 1], [None, None, 1], [1, 1, None]]
    exactly = without_near_duplicates(gains_of, np.eye(3, dtype=np.float32), 1.0)
    assert told(exactly([1])) == [[0, None, 1]]


def test_pictures_can_be_left_out_in_several_ways_and_the_table_stays():
    both = without(only_among(gains_of, np.array([True, True, False])), {0: [0]})
    assert told(both(np.array([0, 1, 2]))) == [[None, 0, None], [0, 1, None], [1, 1, None]]
    assert not np.isnan(KEPT).any()


def test_evaluate_ranks_only_what_is_left():
    scores_of = lambda rows: np.array([[9, 8, 7, 6]], np.float32)[[0] * len(rows)]  # noqa: E731
    relevant = any_shared_label([picture("dog"), picture("dog"), picture("cat"), picture("dog")])
    assert evaluate(scores_of, relevant, [0]).p_at_1[0] == 1
    marked = evaluate(scores_of, without(relevant, {0: [1]}), [0])
    assert (marked.p_at_1[0], marked.ap[0], marked.chance[0]) == (0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("allowed", "tells"),
    [([0, 2], "np.isin"), ([[True, False, True]], "np.isin"), ([True, False], "for each picture")],
)
def test_what_is_allowed_is_told_apart_from_row_numbers(allowed, tells):
    with pytest.raises(ValueError, match=tells):
        only_among(gains_of, allowed)([0])
