"""Notebook 04's exercises: every solution passes, and every listed mistake is told as such."""

import numpy as np
import pytest
from exercise_kit import accepts, says, stands

from helpers.course import exercises
from helpers.dataset.pictures import Picture
from helpers.index import Hit
from helpers.search import metrics

# 2. Average precision


def precisions(ranked):
    return np.cumsum(ranked) / np.arange(1, len(ranked) + 1)


def first_hit(ranked):
    return 1 / (ranked.index(True) + 1)


def test_average_precision_of_ones_own(capsys):
    check = exercises.own_average_precision
    quiet = lambda ranked: float(precisions(ranked)[np.array(ranked)].mean())  # noqa: E731
    loud = lambda ranked: print(ranked) or metrics.average_precision(ranked)  # noqa: E731
    for right in (quiet, loud):
        assert accepts(check, right, capsys).startswith("Right, on all")
    for wrong, told in {
        (lambda r: precisions(r).mean()): "mean over all ranks",
        (lambda r: precisions(r)[np.array(r)].sum() / len(r)): "divided by the length",
        (lambda r: precisions(r)[np.array(r)].sum()): "took no mean",
        np.mean: "precision of the whole ranking",
        first_hit: "stopped at the first right hit",
        (lambda r: np.mean([n / (i + 1) for n, i in enumerate(np.flatnonzero(r))])):
            "don't count themselves",
        (lambda r: r.sum()): "stopped with AttributeError",
        (lambda r: None): "returns nothing",
        0.83: "A function is wanted",
        metrics.average_precision: "was here before",
    }.items():  # fmt: skip
        assert told in says(check, wrong, capsys), told
    for wrong in (lambda r: 0.83, lambda r: "a", lambda r: r, lambda r: np.nan):
        assert says(check, wrong, capsys).startswith("Not quite.")
    stands(check, capsys)


# 3. What is found instead

LABELS = {"q1": ["cow"], "q2": ["cow", "person"], "a": ["horse", "person"], "b": ["horse"],
          "c": ["cow", "sky"], "d": ["dog"], "e": ["sheep"]}  # fmt: skip
PICTURES = {name: Picture(name, None, tuple(labels)) for name, labels in LABELS.items()}


def near(names):
    return [PICTURES[name] for name in names]


FIRST_HITS = {"q1": near("dabccc"), "q2": near("dbabccc")}  # a is right for q2: both show a person


def mistaken(answer, hardest="cow", first_hits=FIRST_HITS):
    return exercises.mistaken_for(answer, hardest, first_hits, PICTURES)


def test_what_is_found_instead(capsys):
    assert accepts(mistaken, "horse", capsys) == "Right: horse, 4 times."
    for wrong, told in {
        "cow": "a hit that shows cow shares a label",
        "sky": "counted right hits, too",
        "dog": "the first hit of each query",
        "zebra": "has the label 'zebra'",
    }.items():
        assert told.lower() in says(mistaken, wrong, capsys).lower()
    assert says(mistaken, "sheep", capsys).startswith("Not quite.")
    stands(mistaken, capsys)


def test_a_long_error_or_answer_is_told_in_short(capsys):
    def raising(_):
        raise ValueError("x" * 9999)

    for judge in (exercises.own_average_precision, exercises.top_three_pooling):
        assert "ValueError: xxx" in (told := says(judge, raising, capsys))
        assert len(told) < 600
    assert len(says(mistaken, "x" * 9999, capsys)) < 600


def test_where_nothing_is_mistaken_anything_goes(capsys):
    unlabelled = lambda answer: mistaken(answer, None, {})  # noqa: E731
    assert "no labels" in accepts(unlabelled, "anything", capsys)
    perfect = lambda answer: mistaken(answer, "cow", {"q1": near("cc")})  # noqa: E731
    assert "right" in accepts(perfect, None, capsys)


# 4. The part and the whole


class Engine:
    """Finds the same pictures for an "image" as its name says, one letter each."""

    def __init__(self):
        labels = {"c": ("cat",), "s": ("sofa",), "d": ("dog",), "w": ("cat", "sofa")}
        self.pictures = {name: Picture(name, None, shown) for name, shown in labels.items()}

    def search(self, image, k):
        return [Hit(letter, 0.5, self.pictures[letter].labels) for letter in image[:k]]


def region(answer, images=("wccssddddddcc", "dwccccccccsscc"), label="cat"):
    return exercises.region_search(answer, images, "w", label, Engine())


def test_hits_of_part_and_whole(capsys):
    assert "misled the search" in accepts(region, (2, 8), capsys)
    assert accepts(region, np.array([2, 8]), capsys)
    for wrong, told in {
        (8, 2): "wrong way round",
        (3, 9): "counted the picture itself",
        (4, 9): "share any label",
        2: "Two counts",
    }.items():
        assert told in says(region, wrong, capsys)
    eleven = lambda answer: region(answer, ("cccccccccccc", "dddddddddddd"))  # noqa: E731
    assert "eleven" in says(eleven, (11, 0), capsys)
    assert "helped" in accepts(eleven, [10, 0], capsys)
    stands(region, capsys)


@pytest.mark.parametrize("answer", [(1, 2), None, "nothing"])
def test_without_labels_the_eyes_decide(answer, capsys):
    unlabelled = lambda answer: region(answer, label=None)  # noqa: E731
    assert "no labels" in accepts(unlabelled, answer, capsys)


def test_parts_that_make_no_difference(capsys):
    same = lambda answer: region(answer, ("cd", "dc"))  # noqa: E731
    assert "made no difference" in accepts(same, (1, 1), capsys)
