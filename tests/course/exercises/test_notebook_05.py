"""Notebook 05's exercises: claims that the interval bears out, a class that loses, what fits."""

import numpy as np
import pytest
from exercise_kit import ODD, accepts, says, stands

from helpers.course import exercises
from helpers.features.pooling import l2_normalise
from helpers.search import metrics

NAN = float("nan")

# 1. One change, and whether it may be claimed

QUERIES = np.arange(60)
CLASSES = np.repeat(np.arange(4), 15)


def vectors_of(noise, seed=0):
    """Return vectors of 60 pictures that show their classes; with more noise, worse."""
    random = np.random.default_rng(seed)
    return l2_normalise(np.eye(4)[CLASSES] + noise * random.standard_normal((60, 4)))


def evaluate(vectors):
    shared = (CLASSES[:, None] == CLASSES).astype(np.float32)
    unit = l2_normalise(vectors)
    return metrics.evaluate(lambda rows: unit[rows] @ unit.T, lambda rows: shared[rows], QUERIES)


BEFORE = vectors_of(0.5)
BASE = evaluate(BEFORE).ap
BETTER, WORSE, OTHER = vectors_of(0.2), vectors_of(3), BEFORE + 0.1 * vectors_of(100, seed=11)
LUCKY = BEFORE + 0.1 * vectors_of(100, seed=1)


def beat(answer, base=BASE):
    return exercises.beats_the_board(answer, base, BEFORE, evaluate)


def test_the_three_kinds_of_vectors_are_what_they_are_called():
    better, worse, other, lucky = (
        metrics.paired_interval(evaluate(vectors).ap, BASE)[1:]
        for vectors in (BETTER, WORSE, OTHER, LUCKY)
    )
    assert better[0] > 0
    assert worse[1] < 0
    assert other[0] < 0 < other[1]
    assert lucky[0] < 0 < lucky[1]
    assert evaluate(OTHER).ap.mean() < BASE.mean() < evaluate(LUCKY).ap.mean()


def test_a_claim_is_right_when_the_interval_bears_it_out(capsys):
    praise = accepts(beat, (BETTER, True), capsys)
    difference, low, high = metrics.paired_interval(evaluate(BETTER).ap, BASE)
    for number in (f"{difference:.3f} higher", f"{low:+.3f} to {high:+.3f}"):
        assert number in praise
    difference, low, high = metrics.paired_interval(evaluate(OTHER).ap, BASE)
    praise = accepts(beat, (OTHER, False), capsys)
    assert f"{difference:+.3f}, and its interval, {low:+.3f} to {high:+.3f}, includes 0" in praise
    assert "nothing to claim" in accepts(beat, [WORSE.tolist(), np.False_], capsys)
    loss = BASE.mean() - evaluate(WORSE).ap.mean()
    assert f"mAP is {loss:.3f} lower" in accepts(beat, (WORSE, False), capsys)
    assert "includes 0" in accepts(beat, (LUCKY, False), capsys)
    assert "differs by +0.000" in accepts(beat, (BEFORE[:, ::-1], False), capsys)


def test_a_claim_that_the_interval_does_not_bear_out_is_told(capsys):
    for wrong, told in [
        ((BETTER, False), "Claim it: mAP is"),
        ((OTHER, True), "Don't claim it: mAP differs by"),
        ((LUCKY, True), "Don't claim it: mAP differs by +0.0"),
        ((WORSE, True), "lies below 0"),
    ]:
        assert told in says(beat, wrong, capsys)


def test_vectors_that_are_not_worth_measuring_are_told(capsys):
    nan, infinite = BETTER.copy(), BETTER.copy()
    nan[3, 1], nan[5], infinite[2, 0] = NAN, NAN, np.inf
    for wrong, told in [
        ((BEFORE, False), "every cosine is the same"),
        ((BEFORE * 3, False), "every cosine is the same"),
        ((BETTER[:50], True), "50 rows, but there are 60"),
        ((nan, True), "2 of your rows hold NaN"),
        ((infinite, False), "1 of your rows"),
        ((np.ones((60, 8)), False), "All your rows are equal"),
        ((np.zeros((60, 4)), False), "All your rows are equal"),
        ((BETTER[:, 0], False), "a table"),
        ((0.5, False), "a table"),
        (BETTER, "whether you may claim it"),
        ((BETTER, 1), "True or False"),
        ((BETTER, None), "True or False"),
        ((BETTER, "True"), "True or False"),
    ]:
        assert told in says(beat, wrong, capsys), told
    for wrong in [(BETTER,), (BETTER, True, 1), (BETTER.astype(str), "a"), (["a"] * 60, True)]:
        assert says(beat, wrong, capsys).startswith("Not quite.")
    stands(beat, capsys)
    stands(beat, capsys, [(odd, False) for odd in ODD] + [(BETTER, odd) for odd in ODD[:-5]])


@pytest.mark.parametrize("base", [np.full(60, NAN), []])
def test_without_labels_there_is_nothing_to_beat(base, capsys):
    assert "no labels" in accepts(lambda answer: beat(answer, base), (BETTER, True), capsys)


# 2. The class that loses

GAINS = {"cat": 0.1, "cow": -0.02, "dog": 0.0, "bus": -0.012, "sky": NAN}


def hurt(answer, gains=GAINS):
    return exercises.class_hurt(answer, gains)


def test_the_class_that_loses_most(capsys):
    assert accepts(hurt, "cow", capsys) == "Right: cow loses 0.020."
    assert accepts(hurt, np.str_("cow"), capsys)
    for wrong, told in {
        "cat": "cat gains most, 0.100",
        "zebra": "no queries for a class 'zebra'",
        "sky": "no queries for a class 'sky'",
    }.items():
        assert told in says(hurt, wrong, capsys)
    assert says(hurt, "bus", capsys).startswith("Not quite.")
    assert len(says(hurt, "x" * 9999, capsys)) < 400
    stands(hurt, capsys, [*ODD, ("cow", -0.02), ["cow"], -0.02])


def test_where_none_is_hurt_the_praise_says_so(capsys):
    growing = lambda answer: hurt(answer, {"cat": 0.1, "cow": 0.004, "dog": 0.02})  # noqa: E731
    assert accepts(growing, "cow", capsys) == (
        "Right: cow gains least, 0.004. So none of the classes is hurt."
    )
    assert "gains most" in says(growing, "cat", capsys)
    unmoved = lambda answer: hurt(answer, {"cat": 0.1, "cow": 0.0})  # noqa: E731
    assert "none of the classes is hurt" in accepts(unmoved, "cow", capsys)


def test_each_of_several_that_lose_as_much_is_right(capsys):
    equal = lambda answer: hurt(answer, {"cat": -0.1, "cow": -0.1})  # noqa: E731
    for answer in ("cat", "cow"):
        assert "loses 0.100" in accepts(equal, answer, capsys)


@pytest.mark.parametrize("gains", [{}, {"cat": NAN}])
def test_without_classes_anything_goes(gains, capsys):
    assert "no labels" in accepts(lambda answer: hurt(answer, gains), None, capsys)


# 3. A setting for a phone

MEASURED = [("original", 2048, 0.725), ("tuned", 256, 0.878), ("tuned, int8", 64, 0.876),
            ("tuned, 32", 128, 0.871), ("tuned, 30", 120, 0.8705), ("tuned, 16", 64, 0.8),
            ("diffusion", 0, 0.9), ("unlabelled", 8, NAN), ("384", 300, 0.889)]  # fmt: skip
ROWS = [{"setting": name, "bytes": size, "map": mean, "query_ms": 0.31}
        for name, size, mean in MEASURED]  # fmt: skip


def choose(answer, pictures=100_000, rows=ROWS, budget=20e6):
    return exercises.phone(answer, rows, pictures, budget)


def test_the_best_that_fits_or_one_as_good(capsys):
    assert accepts(choose, "tuned, int8", capsys) == (
        "Right: tuned, int8 takes 6.40 MB, with a mAP of 0.876 and 0.31 ms per query."
    )
    assert accepts(choose, "tuned, 32", capsys)  # by 0.005, which is not more than CLOSE
    for wrong, told in {
        "tuned": "takes 25.60 MB, which is 5.60 MB too much",
        "384": "10.00 MB too much",
        "tuned, 16": "takes 6.40 MB and fits, but with another that fits, mAP is 0.076 higher",
        "tuned, 30": "fits, but with another that fits",
        "diffusion": "'diffusion' lacks its bytes or its mAP",
        "unlabelled": "'unlabelled' lacks its bytes or its mAP",
        "PCA 32": "No setting is called 'PCA 32'",
    }.items():
        assert told in says(choose, wrong, capsys)
    assert "tuned, int8" not in says(choose, "tuned, 16", capsys)  # the better one isn't given away
    assert len(says(choose, "x" * 9999, capsys)) < 500
    stands(choose, capsys, [*ODD, 64, ROWS[2], ["tuned, int8"]])


def test_what_fits_to_the_byte_fits(capsys):
    to_the_byte = lambda answer: choose(answer, 1000, budget=300_000)  # noqa: E731
    assert accepts(to_the_byte, "384", capsys)
    a_byte_less = lambda answer: choose(answer, 1000, budget=299_999)  # noqa: E731
    assert "too much" in says(a_byte_less, "384", capsys)
    assert accepts(a_byte_less, "tuned", capsys)


def test_the_budget_is_20_megabytes_unless_told_otherwise(capsys):
    album = lambda answer: exercises.phone(answer, ROWS, 78_125)  # noqa: E731
    assert "20.00 MB" in accepts(album, "tuned", capsys)


@pytest.mark.parametrize(("pictures", "rows"), [(10**7, ROWS), (1, []), (1, ROWS[6:8])])
def test_where_nothing_fits_anything_goes(pictures, rows, capsys):
    none = lambda answer: choose(answer, pictures, rows)  # noqa: E731
    assert "no measured setting is small enough" in accepts(none, "384", capsys)
