"""Each notebook ends with three quick questions, answers folded, and with what to remember."""

import re
from collections import Counter

import nbformat
import pytest

from helpers.course.run_notebooks import notebook_paths

PATHS = [path for path in notebook_paths() if re.match(r"0[1-6]_", path.stem)]
NOTEBOOK = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
NAMES = ["question-1", "question-2", "question-3"]
QUESTION = re.compile(
    r"\*\*(?P<number>\d)\.\*\* (?P<asked>.+?)\n\n"
    r"<details><summary>Answer</summary>\n\n(?P<answer>.+?)\n\n</details>",
    re.S,
)


def markdown(path):
    """Return {cell's id: source} of a notebook's Markdown, in order."""
    cells = nbformat.read(path, as_version=4).cells
    return {cell.id: cell.source for cell in cells if cell.cell_type == "markdown"}


def questions(path):
    """Return the questions of a notebook as matches of QUESTION."""
    sources = markdown(path)
    return [QUESTION.fullmatch(sources[name]) for name in NAMES]


def test_there_are_six_notebooks():
    assert [path.stem[:2] for path in PATHS] == ["01", "02", "03", "04", "05", "06"]


@NOTEBOOK
def test_three_questions_stand_together_right_before_the_recap(path):
    sources = markdown(path)
    names = list(sources)
    start = names.index("questions")
    assert names[start + 1 : start + 5] == [*NAMES, "recap"]
    assert names.index("turn") < start
    assert sources["questions"].startswith("## Three quick questions\n")
    assert sum(name.startswith("question-") for name in names) == 3


@NOTEBOOK
def test_each_has_a_question_and_a_short_folded_answer(path):
    for number, found in enumerate(questions(path), 1):
        assert found, f"question-{number} has another form"
        assert found["number"] == str(number)
        assert "?" in found["asked"]
        assert 8 <= len(found["asked"].split()) <= 60
        assert 8 <= len(found["answer"].split()) <= 60


@NOTEBOOK
def test_one_of_them_asks_what_would_happen(path):
    assert any("would" in found["asked"] for found in questions(path))


def test_no_question_is_asked_twice():
    asked = Counter(found["asked"].lower() for path in PATHS for found in questions(path))
    assert max(asked.values()) == 1


@NOTEBOOK
def test_the_recap_has_as_many_points_as_there_are_outcomes_and_one_thing_to_remember(path):
    sources = markdown(path)
    points = [re.findall(r"^\d\. ", sources[name], re.M) for name in ("title", "recap")]
    assert points[0] == points[1]
    assert sources["recap"].count("**To remember:** ") == 1


@NOTEBOOK
def test_the_wrong_kernel_comes_first_among_what_goes_wrong(path):
    heading, _, first = markdown(path)["wrong"].partition("\n\n")
    assert heading == "## What goes wrong here"
    assert first.startswith("- **`ModuleNotFoundError: No module named 'helpers'`.**")
    assert "`make lab`" in first.split("\n- ")[0]


def test_the_message_is_what_python_says():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'helperss'$"):
        __import__("helperss")
