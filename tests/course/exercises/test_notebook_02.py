"""Notebook 02's exercises: right answers, the mistakes that they know, and anything else."""

import numpy as np
from exercise_kit import ODD, accepts, says, stands

from helpers.course import exercises

RNG = np.random.default_rng(0)
PREPARED = RNG.normal(size=(4, 4, 3)).astype("f")
WEIGHTS = RNG.normal(size=(48, 6))


def embed(batch):
    """Return made-up embeddings, in which every pixel counts."""
    found = batch.reshape(len(batch), -1) @ WEIGHTS
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_swapped_channels(capsys):
    def check(answer):
        return exercises.swapped_channels(answer, PREPARED, embed)

    flips = PREPARED, PREPARED[..., ::-1], PREPARED[::-1], PREPARED[:, ::-1]
    right, swapped, upside_down, mirrored = embed(np.stack(flips))
    assert accepts(check, right @ swapped, capsys).startswith(f"Right: {right @ swapped:.3f}.")
    assert "upside down" in says(check, right @ upside_down, capsys)
    assert "mirrored" in says(check, right @ mirrored, capsys)
    assert "the distance" in says(check, np.linalg.norm(right - swapped), capsys)
    assert "hasn't changed" in says(check, 1.0, capsys)
    stands(check, capsys)


LABELS = [("cat",), ("dog",), ("chair", "table"), ("chair",), ("table",), ("bus",), ("car",)]
VECTORS = np.array(
    [[1, 0.2, 0, 0], [1, 0.3, 0, 0], [0, 0, 99, 99], [0, 0, 1, 0], [0, 0, 0, 1], [0, 5, 5, 0],
     [-1, 4, 6, 0]], np.float32
)  # fmt: skip


def test_closest_classes(capsys):
    def check(answer):
        return exercises.closest_classes(answer, LABELS, VECTORS)

    accepts(check, ["cat", "dog"], capsys)
    accepts(check, ("dog", "cat"), capsys)
    assert "You took all pictures" in says(check, ["chair", "table"], capsys)
    assert "You didn't scale" in says(check, ["bus", "car"], capsys)
    assert "farthest apart" in says(check, ["cat", "car"], capsys)
    assert "That is one class" in says(check, ["cat", "cat"], capsys)
    stands(check, capsys)


def test_two_classes_are_needed(capsys):
    for labels in ([()] * 7, [("cat",)] * 7, [("cat", "dog")] * 7):
        said = accepts(
            lambda each, labels=labels: exercises.closest_classes(each, labels, VECTORS), [], capsys
        )
        assert "nothing to compare" in said


def test_strongest_channel(capsys):
    vectors = np.array([[5, 3, 0, 9], [5, 3, 0, 8], [5.5, 0, 6, 8.9], [5.5, 0, 6, 8.9]], "f")

    def check(answer):
        return exercises.strongest_channel(answer, "cat", [("cat",), ("cat",), (), ()], vectors)

    accepts(check, 1, capsys)
    accepts(check, np.int64(1), capsys)
    assert "strongest over the class" in says(check, 3, capsys)
    assert "stands out least" in says(check, 2, capsys)
    stands(check, capsys)
    for labels, said in (([()] * 4, "no labels"), ([("cat",)] * 4, "All your pictures show it")):
        assert said in accepts(
            lambda each, labels=labels: exercises.strongest_channel(each, "cat", labels, vectors),
            0,
            capsys,
        )


def positions(grid):
    return np.sort(grid.reshape(-1, grid.shape[-1]), axis=0)


def test_top_three_pooling(capsys):
    check = exercises.top_three_pooling
    accepts(check, lambda grid: positions(grid)[-3:].mean(0), capsys)
    accepts(check, lambda grid: list(np.partition(positions(grid), -3, 0)[-3:].mean(0)), capsys)
    mistakes = {
        "max pooling": lambda grid: grid.max((0, 1)),
        "over all positions": lambda grid: grid.mean((0, 1)),
        "third largest": lambda grid: positions(grid)[-3],
        "sum of the three": lambda grid: positions(grid)[-3:].sum(0),
        "three smallest": lambda grid: positions(grid)[:3].mean(0),
        "it should be (6,)": lambda grid: np.sort(grid, axis=0)[-3:].mean(0),
        "raised ValueError": lambda grid: grid.reshape(49, 6).max(0),
    }
    for sentence, pool in mistakes.items():
        assert sentence in says(check, pool, capsys)
    stands(check, capsys, ODD[:-1])  # print, the last, is a function, and prints what it is given
