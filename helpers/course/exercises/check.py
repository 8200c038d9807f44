"""How an exercise answers: right, a mistake that it knows, or help that grows with each try."""

import functools
import operator
from collections.abc import Callable, Iterable

import numpy as np

UNANSWERED = "Not answered yet. Put your answer in place of the ... above and run both cells."


class Mistake(str):
    """What a judge returns for a wrong answer that it recognises: the sentence to print."""


def check(nudge: str, hint: str, way: str) -> Callable:
    """Return a decorator that turns a judge of answers into an exercise's check.

    The judge, `judge(answer, *truth)`, returns True or a sentence of praise for a right answer,
    and False or a Mistake for a wrong one. The check prints what that comes to and returns a bool.
    The first wrong answer gets the `nudge`, the second the `hint`, and every further one the `way`
    to the solution; the same answer again gets the same words. Whatever the judge raises means
    that the answer is wrong: an answer may be anything at all.
    """

    def decorate(judge):
        tried = []

        @functools.wraps(judge)
        def checked(answer, *truth) -> bool:
            if answer is ...:
                print(UNANSWERED)
                return False
            verdict = _verdict(judge, answer, truth)
            mistaken = isinstance(verdict, Mistake)
            if verdict and not mistaken:
                print(verdict if isinstance(verdict, str) else "Right.")
                return True
            stage = _stage(tried, answer)
            help = (nudge, hint, way)[stage]
            print("Not quite.", f"{verdict} {way if stage == 2 else ''}" if mistaken else help)
            return False

        return checked

    return decorate


def known(mistakes: Iterable[tuple[bool, str]]) -> Mistake | bool:
    """Return the first of (was it made?, sentence) that was made as a Mistake, or else False."""
    return next((Mistake(sentence) for made, sentence in mistakes if made), False)


def whole(number) -> int:
    """Return a whole number, 3.0 too, as an int; raise TypeError for anything else, even True."""
    if isinstance(number, bool):
        raise TypeError("a bool is not a count")
    if isinstance(number, float | np.floating) and number.is_integer():
        return int(number)  # a sum of products in floats is a count, too
    return operator.index(number)


def _verdict(judge, answer, truth):
    """Return what the judge says; False if it, or making sense of what it says, raises."""
    try:
        verdict = judge(answer, *truth)
        return verdict if isinstance(verdict, str) else bool(verdict)
    except (Exception, SystemExit):  # an answer may be of any type, and do anything when compared
        return False


def _stage(tried, answer):
    """Return 0, 1 or 2: how much help this answer gets, by how many different ones came before."""
    try:
        code = getattr(answer, "__code__", None)  # rerunning a def makes a new object, same code
        key = repr((code.co_code, code.co_names, code.co_consts) if code else answer)[:5000]
    except (Exception, SystemExit):
        key = str(type(answer))
    if key not in tried:
        tried.append(key)
    return min(tried.index(key), 2)
