"""Minutes are counted from the notebooks and measured by a run; the table keeps what it can."""

import json

import nbformat
import pytest

from helpers.course import minutes, run_notebooks


def code(source, id, **metadata):
    return nbformat.v4.new_code_cell(source, id=id, metadata=metadata)


def text(source, id):
    return nbformat.v4.new_markdown_cell(source, id=id)


@pytest.fixture
def notebook():
    """Two sections after the opening, with 360 words and 40 lines in the first of them."""
    made = nbformat.v4.new_notebook()
    made.cells = [
        text("# A title\n\nFour words of it.", "title"),
        text("## First\n\n" + "word " * 359, "first"),
        code("a = 1\n\n" * 40, "work"),
        code("a = 2\nb = 3", "turn-solution", tags=["solution"]),
        text("## Second\n\n### Not a section of its own", "second"),
    ]
    return made


def test_sections_begin_at_headings_of_the_second_level(notebook):
    found = minutes.sections(notebook)
    assert [part.title for part in found] == ["Opening", "First", "Second"]
    assert [part.cells for part in found] == [
        ("title",),
        ("first", "work", "turn-solution"),
        ("second",),
    ]


def test_minutes_are_words_and_lines_at_the_stated_pace(notebook):
    opening, first, _ = minutes.sections(notebook)
    assert (opening.words, opening.lines) == (6, 0)
    assert (first.words, first.lines) == (360, 40)  # the solution is folded away
    assert first.minutes == 360 / 180 + 40 / 20


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("one, two — three!", 3),
        ("| --- | one |", 1),
        ("a [link of four](../docs/with many words.md) words", 5),
        ("seen <details><summary>In words</summary>folded\n\naway</details> again", 2),
        ("", 0),
    ],
)
def test_words_are_those_that_a_class_reads(source, words):
    assert minutes.count_words(source) == words


def test_machine_seconds_are_added_by_section(tmp_path, monkeypatch, notebook):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    nbformat.write(notebook, tmp_path / "07_test_it.ipynb")
    spent = {"07_test_it": {"work": 1.5, "turn-solution": 2.0}}
    assert [seconds for _, _, seconds in minutes.rows(spent)] == [0, 3.5, 0]
    assert [seconds for _, _, seconds in minutes.rows({})] == [None, None, None]


def test_what_was_not_run_again_keeps_its_seconds(tmp_path):
    path = tmp_path / "T.md"
    path.write_text(f"before\n{minutes.BEGIN}\n{minutes.END}\nafter\n")
    part = minutes.Section("First", 360, 0, ("first",))
    minutes.write(path, [("07", part, 12.4)])
    assert "| 07 | First | 2.0 | 12 |" in path.read_text()
    longer = minutes.Section("First", 540, 0, ("first",))
    minutes.write(path, [("07", longer, None)])
    assert path.read_text().startswith("before\n")
    assert path.read_text().endswith("after\n")
    assert "| 07 | First | 3.0 | 12 |" in path.read_text()


def test_a_section_that_was_never_run_has_no_seconds():
    part = minutes.Section("First", 180, 0, ("first",))
    assert "| 07 | First | 1.0 | – |" in minutes.table([("07", part, None)])
    assert minutes.totals([("07", part, None)]) == "07:   1 min to read, not run"
    assert minutes.totals([("07", part, 3.0)]) == "07:   1 min to read, 3 s"


def test_without_markers_nothing_is_written(tmp_path):
    path = tmp_path / "T.md"
    path.write_text("no markers")
    with pytest.raises(minutes.MinutesError, match="has no place for the table"):
        minutes.write(path, [])
    assert path.read_text() == "no markers"


def test_main_reads_the_last_run_and_writes_when_asked(tmp_path, monkeypatch, capsys, notebook):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(minutes, "BUILD", tmp_path)
    monkeypatch.setattr(minutes, "TEACHING", tmp_path / "T.md")
    nbformat.write(notebook, tmp_path / "07_test_it.ipynb")
    (tmp_path / "cells.json").write_text(json.dumps({"07_test_it": {"work": 9.0}}))
    assert minutes.main([]) == 0
    assert "07:   4 min to read, 9 s" in capsys.readouterr().out
    assert minutes.main(["--write"]) == 1
    assert "has no place" in capsys.readouterr().err
    (tmp_path / "T.md").write_text(f"{minutes.BEGIN}\n{minutes.END}\n")
    assert minutes.main(["--write"]) == 0
    assert "| 07 | First | 4.0 | 9 |" in (tmp_path / "T.md").read_text()


def test_seconds_of_a_cell_come_from_the_timestamps_of_its_run(notebook):
    notebook.cells[2].metadata["execution"] = {
        "iopub.execute_input": "2026-11-27T10:00:00.000000Z",
        "shell.execute_reply": "2026-11-27T10:00:02.500000Z",
    }
    assert run_notebooks.cell_seconds(notebook) == {"work": 2.5}


@pytest.mark.slow
def test_a_run_times_its_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")
    made = nbformat.v4.new_notebook()
    made.cells = [code("import time; time.sleep(0.3)", "sleep"), text("# T", "t")]
    nbformat.write(made, tmp_path / "07_test_it.ipynb")
    assert run_notebooks.main([]) == 0
    seconds = json.loads((tmp_path / "build" / "cells.json").read_text())
    assert list(seconds["07_test_it"]) == ["sleep"]
    assert seconds["07_test_it"]["sleep"] >= 0.3
