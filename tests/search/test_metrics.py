"""The measures against worked examples and against slow, literal definitions."""

import math
import time
import tracemalloc

import numpy as np
import pytest

from helpers.search.metrics import (
    PerQuery,
    average_precision,
    by_class,
    evaluate,
    interval,
    mean_average_precision,
    ndcg,
    paired_interval,
    precision_at_k,
    precision_curve,
    ranked_gains,
    recall_at_k,
)

NAN = float("nan")

# One ranking


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


def test_average_precision_at_k_of_a_worked_example():
    ranking = [1, 0, 1, 0, 0, 1]  # of five relevant ones, two are among the first four
    assert average_precision(ranking, total=5, k=4) == pytest.approx((1 + 2 / 3) / 4)
    assert average_precision(ranking, total=5, k=6) == pytest.approx((1 + 2 / 3 + 1 / 2) / 5)
    assert average_precision(ranking, k=3) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision([1, 1, 1, 0, 1], k=2) == 1  # more than k can't be among the first k
    assert average_precision([0, 0, 1], k=2) == 0
    assert math.isnan(average_precision([0, 0], k=1))
    assert average_precision(ranking, k=100) == average_precision(ranking)


# DCG@6 and its ideal, in numbers: 3 + 2/log2(3) + 3/2 + 0 + 1/log2(6) + 2/log2(7) = 6.861
GAINS = [3, 2, 3, 0, 1, 2]


def test_ndcg_of_a_worked_example():
    assert ndcg(GAINS) == pytest.approx(6.861 / 7.141, abs=1e-3)
    # the collection has a 3 and a 2 more: 3, 3, 3, 2, 2, 2 would be best
    assert ndcg(GAINS, ideal=[*GAINS, 3, 2], k=6) == pytest.approx(6.861 / 8.740, abs=1e-3)
    assert ndcg(GAINS, k=1) == 1
    assert ndcg(GAINS, k=2) == pytest.approx((3 + 2 / 1.58496) / (3 + 3 / 1.58496), abs=1e-5)
    assert ndcg([0, 1]) == pytest.approx(1 / 1.58496, abs=1e-5)


def test_ndcg_at_its_limits():
    assert ndcg(sorted(GAINS, reverse=True)) == 1
    assert math.isnan(ndcg([0, 0]))
    assert math.isnan(ndcg([]))
    assert ndcg([0, 0], ideal=[0, 0, 1]) == 0
    assert ndcg([NAN, 3, 2, NAN, 3, 0, 1, 2]) == ndcg(GAINS)  # left out, not a rank without gain


def test_ndcg_agrees_with_the_literal_definition():
    random = np.random.default_rng(1)
    for _ in range(50):
        gains, k = random.random(random.integers(1, 60)), int(random.integers(1, 70))
        dcg = sum(g / math.log2(rank + 1) for rank, g in enumerate(gains[:k], start=1))
        order = sorted(gains, reverse=True)[:k]
        best = sum(g / math.log2(rank + 1) for rank, g in enumerate(order, start=1))
        assert ndcg(gains, k=k) == pytest.approx(dcg / best)


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


# Many queries of one collection


def table(values):
    """Return a function of rows, as `evaluate` takes it, that looks them up in `values`."""
    values = np.asarray(values, dtype=np.float32)
    return lambda rows: values[rows]


def evaluated(scores=((3, 2, 1),) * 3, gains=((1, 0, 1),) * 3, rows=(0, 1, 2), **options):
    return evaluate(table(scores), table(gains), rows, **options)


def literal_ranking(scores, gains, row, own):
    """Return the gains of one query's ranking, a plain sort by score and then by row."""
    others = [i for i in range(len(scores)) if not math.isnan(gains[i]) and (i != row or not own)]
    return [float(gains[i]) for i in sorted(others, key=lambda i: (-scores[i], i))]


@pytest.fixture
def collection():
    """Scores with many ties, gains of which a tenth is left out, and some queries; 40 pictures."""
    random = np.random.default_rng(2)
    scores = random.integers(0, 8, size=(40, 40)).astype(np.float32)
    gains = np.where(random.random((40, 40)) < 0.3, random.random((40, 40)), 0)
    gains[random.random((40, 40)) < 0.1] = NAN
    gains[5] = 0
    return scores, gains.astype(np.float32), random.permutation(40)[:23]


@pytest.mark.parametrize("own", [True, False])
def test_evaluate_agrees_with_plain_sorting_and_the_measures_of_one_ranking(collection, own):
    scores, gains, rows = collection
    measured = evaluated(scores, gains, rows, own=own)
    for i, row in enumerate(rows):
        ranking = literal_ranking(scores[row], gains[row], row, own)
        relevant = np.array(ranking) > 0
        assert measured.p_at_1[i] == precision_at_k(relevant, 1)
        assert measured.p_at_10[i] == pytest.approx(precision_at_k(relevant, 10))
        assert measured.ap[i] == pytest.approx(average_precision(relevant), nan_ok=True)
        assert measured.chance[i] == pytest.approx(relevant.mean())


@pytest.mark.parametrize("block", [1, 7, 23, 128])
def test_the_size_of_the_blocks_changes_nothing(collection, block):
    scores, gains, rows = collection
    one, other = evaluated(scores, gains, rows), evaluated(scores, gains, rows, block=block)
    for name in ("p_at_1", "p_at_10", "ap", "chance"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
    arguments = table(scores), table(gains), rows
    assert np.array_equal(
        ranked_gains(*arguments), ranked_gains(*arguments, block=block), equal_nan=True
    )


def test_the_query_itself_does_not_count_and_its_copy_does():
    scores = [[9, 9, 5], [9, 9, 5], [5, 5, 9]]  # 0 and 1 are copies; nothing else is relevant
    gains = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    measured = evaluated(scores, gains)
    assert measured.p_at_1.tolist() == [1, 1, 0]
    assert measured.p_at_10.tolist() == [0.1, 0.1, 0]
    assert measured.chance.tolist() == [0.5, 0.5, 0]
    assert measured.ap[:2].tolist() == [1, 1]
    assert math.isnan(measured.ap[2])
    assert evaluated(scores, gains, own=False).p_at_1.tolist() == [1, 1, 1]


def test_equal_scores_are_ranked_by_row():
    gains = np.arange(1, 101)[None]
    ranked = ranked_gains(table(np.zeros((1, 100))), table(gains), [0])
    assert ranked[0, :99].tolist() == list(range(2, 101))


def test_what_is_left_out_goes_behind_the_worst_score():
    scores, gains = [[9, 8, -np.inf, 7]], [[1, NAN, 3, 4]]
    ranked = ranked_gains(table(scores), table(gains), [0])
    assert ranked[0, :2].tolist() == [4, 3]
    assert np.isnan(ranked[0, 2:]).all()
    assert evaluated(scores, gains, [0]).chance.tolist() == [1]


def test_a_query_with_nothing_to_rank_says_nothing():
    measured = evaluated([[1, 2]], [[1, NAN]], [0])
    assert np.isnan([measured.ap[0], measured.chance[0]]).all()
    assert measured.p_at_1[0] == 0
    none = evaluated(rows=[])
    assert none.ap.shape == (0,)
    assert all(math.isnan(value) for value in none.means().values())


def test_the_means_leave_out_nan():
    per_query = PerQuery(*np.array([[1, 0], [0.5, 0.1], [0.8, NAN], [0.2, NAN]]))
    assert per_query.means() == {"P@1": 0.5, "P@10": 0.3, "mAP": 0.8, "chance": 0.2}


def test_evaluate_leaves_the_callers_tables_as_they_are():
    kept = np.ones((3, 3), np.float32)
    evaluate(lambda rows: kept, lambda rows: kept, [0, 1, 2])
    assert (kept == 1).all()


@pytest.mark.parametrize("depth", [1, 5, 39, 50])
def test_ranked_gains_and_the_precision_curve_go_to_any_depth(collection, depth):
    scores, gains, rows = collection
    ranked = ranked_gains(table(scores), table(gains), rows, depth)
    curve = precision_curve(table(scores), table(gains), rows, depth)
    assert ranked.shape == curve.shape == (len(rows), depth)
    for i, row in enumerate(rows):
        literal = literal_ranking(scores[row], gains[row], row, own=True)
        literal += [NAN] * (depth - len(literal))
        assert np.array_equal(ranked[i], np.float32(literal[:depth]), equal_nan=True)
        relevant = np.array(literal) > 0
        assert np.allclose(curve[i], [precision_at_k(relevant, k + 1) for k in range(depth)])


def test_ndcg_takes_ranked_gains_as_they_are(collection):
    scores, gains, rows = collection
    for i, ranked in enumerate(ranked_gains(table(scores), table(gains), rows)):
        literal = literal_ranking(scores[rows[i]], gains[rows[i]], rows[i], own=True)
        assert ndcg(ranked, k=10) == pytest.approx(ndcg(literal, k=10), nan_ok=True)


def test_pascal_vocs_size_is_ranked_in_blocks():
    """A quarter of the queries that must take 4 s; twice that rate is left to a busy machine."""
    random, n, rows = np.random.default_rng(0), 17_125, np.arange(256)
    scores = random.random((128, n), dtype=np.float32)
    gains = (random.random((128, n)) < 0.3).astype(np.float32)
    tracemalloc.start()
    start = time.perf_counter()
    measured = evaluate(lambda rows: scores, lambda rows: gains, rows)
    taken, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(measured.ap) == 256
    assert taken < 2
    assert peak < 150e6


def test_by_class_averages_over_the_queries_that_show_it():
    shows = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]
    found = by_class([0.2, 0.4, NAN], shows, ["bus", "cat", "dog", "sofa"])
    assert found == pytest.approx({"bus": 0.3, "cat": 0.4})


# How certain a mean is


def test_the_interval_is_where_means_of_resampled_queries_lie():
    random = np.random.default_rng(9)
    values = random.beta(2, 1, size=80)
    means = sorted(sum(random.choice(values, 80)) / 80 for _ in range(4000))
    middle, low, high = interval(values)
    assert middle == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((means[100], means[3899]), abs=0.006)
    assert (low, high) != pytest.approx((means[200], means[3799]), abs=0.002)  # 90 %
    narrow = interval(values, confidence=0.5)
    assert low < narrow[1] < middle < narrow[2] < high


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    random, inside = np.random.default_rng(4), 0
    for trial in range(800):
        _, low, high = interval(random.beta(2, 1, size=150), draws=400, seed=trial)
        inside += low <= 2 / 3 <= high
    assert inside / 800 == pytest.approx(0.95, abs=0.03)


def test_an_interval_is_the_same_each_time_and_leaves_out_nan():
    values = np.random.default_rng(5).random(50)
    assert interval(values) == interval([NAN, *values, NAN])
    assert interval(values) == interval(values, seed=0) != interval(values, seed=1)
    assert interval([0.7]) == (0.7, 0.7, 0.7)
    assert np.isnan(interval([NAN])).all()


def test_a_paired_interval_takes_the_same_queries_for_both():
    random = np.random.default_rng(6)
    theirs = random.random(200)  # some queries are hard for both
    ours = theirs + 0.02 + random.normal(0, 0.02, size=200)
    draws = random.integers(200, size=(4000, 200))
    means = np.sort(ours[draws].mean(axis=1) - theirs[draws].mean(axis=1))
    difference, low, high = paired_interval(ours, theirs)
    assert difference == pytest.approx(ours.mean() - theirs.mean())
    assert (low, high) == pytest.approx((means[100], means[3899]), abs=0.0005)
    assert low > 0  # though the two means' own intervals overlap
    assert interval(ours)[1] < interval(theirs)[2]


def test_a_paired_interval_leaves_out_a_query_that_is_nan_in_either():
    assert paired_interval([1, NAN, 0.5, 1], [0, 0.5, NAN, 0]) == (1, 1, 1)


def test_intervals_are_quick_and_small():
    values = np.random.default_rng(7).random(1000)
    tracemalloc.start()
    interval(np.tile(values, 10))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    times = []
    for _ in range(3):
        start = time.perf_counter()
        interval(values)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


# Arguments that make no sense


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: precision_at_k([True], 0), "k >= 1"),
        (lambda: precision_at_k([[True], [False]], 1), "one query at a time"),
        (lambda: average_precision([1, 1], total=1), "Count the relevant"),
        (lambda: average_precision([1, 1], k=0), "k >= 1"),
        (lambda: ndcg([1], k=0), "k >= 1"),
        (lambda: ndcg([1, -1]), "Give 0"),
        (lambda: ndcg([2, 1], ideal=[1, 1]), "whole collection"),
        (lambda: interval([1, 2], confidence=95), "between 0 and 1"),
        (lambda: paired_interval([1, 2], [1]), "same queries"),
        (lambda: evaluated(rows=[True, False]), "np.flatnonzero"),
        (lambda: evaluated(rows=3), "row numbers are needed"),
        (lambda: evaluated(scores=np.zeros((3, 2))), "one column per picture"),
        (lambda: evaluated(scores=np.full((3, 3), NAN)), "Look for NaN in the vectors"),
        (lambda: recall_at_k([["a"]], [["a"], ["b"]]), "one list of ids for each query"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
