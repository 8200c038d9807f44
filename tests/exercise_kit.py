"""What every exercise's check must stand: each stage of help, and answers of any kind."""

import numpy as np

from helpers.course.exercises.check import UNANSWERED


class Hostile:
    """An answer that raises whatever one does with it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")


ODD = [None, "nonsense", "", [], {}, [None], ["nonsense"], [["nested"]], np.arange(3), np.nan,
       -1, True, 10**30, object(), Hostile(), print]  # fmt: skip


def accepts(check, answer, capsys):
    """Check that the answer is right, and return what was printed."""
    assert check(answer) is True
    return capsys.readouterr().out.strip()


def says(check, answer, capsys):
    """Check that the answer is wrong, and return what was printed."""
    assert check(answer) is False
    return capsys.readouterr().out.strip()


def stands(check, capsys, odd=ODD):
    """Check that nothing odd is right or raises, and that a missing answer is told as such."""
    assert says(check, ..., capsys) == UNANSWERED
    for answer in odd:
        assert says(check, answer, capsys).startswith("Not quite.")
