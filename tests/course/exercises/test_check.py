"""A check praises, knows mistakes, helps more with each different try, and never raises."""

import numpy as np
import pytest
from exercise_kit import accepts, says, stands

from helpers.course.exercises.check import UNANSWERED, Mistake, check, whole


def make():
    @check("a nudge.", "a hint.", "the way.")
    def judge(answer, truth):
        """Exercise: the number."""
        if whole(answer) == truth + 1:
            return Mistake("You counted the query.")
        return answer == truth and "Right: two it is."

    return lambda answer: judge(answer, 2)


def test_right_is_praised(capsys):
    assert accepts(make(), 2, capsys) == "Right: two it is."
    assert accepts(make(), np.int64(2), capsys) == "Right: two it is."
    plain = check("n", "h", "w")(lambda answer: answer == 1)
    assert accepts(plain, np.float32(1), capsys) == "Right."


def test_help_grows_with_each_different_answer_and_not_with_the_same(capsys):
    judge = make()
    told = [says(judge, answer, capsys) for answer in (7, 7, 8, 7, 9, 10)]
    stages = ["a nudge.", "a nudge.", "a hint.", "a nudge.", "the way.", "the way."]
    assert told == [f"Not quite. {stage}" for stage in stages]
    assert says(judge, ..., capsys) == UNANSWERED


def test_a_function_that_is_defined_again_is_the_same_answer(capsys):
    judge = check("a nudge.", "a hint.", "the way.")(lambda answer: answer(2) == 3)

    def attempt(number):
        return says(judge, eval(f"lambda x: x + {number}"), capsys)

    stages = ["a nudge.", "a nudge.", "a hint."]
    assert [attempt(2), attempt(2), attempt(3)] == [f"Not quite. {stage}" for stage in stages]


def test_a_known_mistake_gets_its_own_sentence_and_in_the_end_the_way_too(capsys):
    judge = make()
    assert says(judge, 3, capsys) == "Not quite. You counted the query."
    says(judge, 7, capsys), says(judge, 8, capsys)
    assert says(judge, np.int64(3), capsys) == "Not quite. You counted the query. the way."


def test_whatever_the_answer_is_nothing_is_raised(capsys):
    stands(make(), capsys)

    def endless(answer):
        return endless(answer)

    assert says(check("n", "h", "w")(endless), 1, capsys).startswith("Not quite.")


def test_an_answer_that_would_end_the_program_is_only_wrong(capsys):
    def leaving(answer):
        raise SystemExit

    assert says(check("n", "h", "w")(leaving), 1, capsys).startswith("Not quite.")


@pytest.mark.parametrize("number", [3, 3.0, np.int64(3), np.float32(3), np.array(3)])
def test_a_count_may_be_of_any_kind_of_number(number):
    assert whole(number) == 3
    assert type(whole(number)) is int


@pytest.mark.parametrize("no_count", [True, np.True_, 3.5, np.nan, np.inf, "3", None, [3]])
def test_what_is_no_whole_number_is_no_count(no_count):
    with pytest.raises(TypeError):
        whole(no_count)
