"""The exercises' checks accept right answers, hint at wrong ones, and never raise."""

import numpy as np
import pytest

from helpers.course import exercises

LABELS = [("cat",), ("cat",), ("dog",), ("bus",)]
VECTORS = np.eye(4, 6, dtype=np.float32)
VECTORS[2, 0] = 0.8  # dogs are near cats


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (lambda answer: exercises.swapped_channels(answer, 0.8), "a little", "nothing"),
        (
            lambda answer: exercises.closest_classes(answer, LABELS, VECTORS),
            ["dog", "cat"],
            ["bus"],
        ),
        (lambda answer: exercises.strongest_channel(answer, "bus", LABELS, VECTORS), 3, 0),
    ],
)
def test_right_wrong_and_not_answered(check, right, wrong, capsys):
    assert check(right) is True
    assert "Right" in capsys.readouterr().out
    for answer in (wrong, ..., None, "nonsense", ["nonsense"], [["nested"]], {}, np.arange(3)):
        assert check(answer) is False
        assert "Hint" in capsys.readouterr().out
