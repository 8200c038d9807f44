"""The measures against worked examples and against slow, literal definitions."""

import math

import numpy as np
import pytest

from helpers.search.metrics import (
    average_precision,
    mean_average_precision,
    precision_at_k,
    recall_at_k,
)


def test_precision_counts_the_relevant_among_the_first_k():
    ranking = [True, False, True, True, False]
    assert precision_at_k(ranking, 1) == 1
    assert precision_at_k(ranking, 2) == 0.5
    assert precision_at_k(ranking, 4) == 0.75
    assert precision_at_k(ranking, 10) == 0.3  # what is missing is not relevant
    assert precision_at_k([], 3) == 0


def test_average_precision_of_a_worked_example():
    # relevant at ranks 1, 3 and 6: (1/1 + 2/3 + 3/6) / 3
    ranking = [1, 0, 1, 0, 0, 1]
    assert average_precision(ranking) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    # two more relevant pictures were never reached: each counts as 0
    assert average_precision(ranking, total=5) == pytest.approx((1 + 2 / 3 + 1 / 2) / 5)


def test_average_precision_at_its_limits():
    assert average_precision([1, 1, 0, 0]) == 1
    assert average_precision([0, 0, 0, 1]) == 0.25
    assert average_precision([0, 0, 0], total=4) == 0
    assert math.isnan(average_precision([0, 0, 0]))
    assert math.isnan(average_precision([]))


def test_average_precision_agrees_with_the_literal_definition():
    random = np.random.default_rng(0)
    for _ in range(50):
        ranking = random.random(random.integers(1, 200)) < 0.3
        total = int(ranking.sum()) + int(random.integers(0, 5))
        if total:
            literal = sum(ranking[: r + 1].sum() / (r + 1) for r in np.flatnonzero(ranking))
            assert average_precision(ranking, total) == pytest.approx(literal / total)


def test_the_mean_leaves_out_queries_that_say_nothing():
    assert mean_average_precision([[1, 0], [0, 1], [0, 0]]) == pytest.approx(0.75)
    assert mean_average_precision(np.eye(2)) == pytest.approx(0.75)
    assert math.isnan(mean_average_precision([]))
    assert math.isnan(mean_average_precision([[0, 0]]))


def test_a_random_ranking_scores_about_the_share_of_the_relevant():
    random = np.random.default_rng(0)
    rankings = random.random((200, 2000)) < 0.36
    assert mean_average_precision(rankings) == pytest.approx(0.36, abs=0.01)


def test_recall_is_the_share_of_the_true_neighbours():
    assert recall_at_k(["a", "b", "x"], ["a", "b", "c"]) == pytest.approx(2 / 3)
    assert recall_at_k(["c", "b", "a"], ["a", "b", "c"]) == 1  # the order does not count
    assert recall_at_k([], ["a"]) == 0
    assert recall_at_k(["a"], ["a", "b"]) == 0.5  # a short answer is not excused
    assert recall_at_k(["a", "a"], ["a", "b"]) == 0.5  # nor is saying it twice
    assert recall_at_k([["a"], ["x"]], [["a"], ["b"]]) == 0.5
    assert recall_at_k(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [3, 9]])) == 0.75
    assert math.isnan(recall_at_k([[], []], [[], []]))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: precision_at_k([True], 0), "k >= 1"),
        (lambda: precision_at_k([[True], [False]], 1), "one query at a time"),
        (lambda: average_precision([1, 1], total=1), "Count the relevant"),
        (lambda: recall_at_k([["a"]], [["a"], ["b"]]), "one list of ids for each query"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
