"""TEACHING.md: its minutes add up, and every section, cell, command and message in it exists."""

import ast
import builtins
import re
import symtable
from functools import cache

import nbformat
import pytest

from helpers.course import minutes
from helpers.course.run_notebooks import notebook_paths
from helpers.settings import ROOT

TEXT = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATHS = {path.stem[:2]: path for path in notebook_paths()}
TOTALS = {"90 minutes": 90, "Three hours": 180, "A day": 480}
SLOT = re.compile(r"^\| (\d+):(\d\d) \| ?(\d*) \| ([\w-]+) \| (.*?)\|$", re.M)
WITHOUT_NOTES = {minutes.OPENING, "Set-up", "Your turn", "The whole scoreboard", "Recap"}
WITHOUT_NOTES |= {"Three quick questions", "What goes wrong here"}
NOTED = ["00", "01", "02", "03", "04", "05", "06"]
BY_NOTEBOOK = pytest.mark.parametrize("number", NOTED)
BY_SCHEDULE = pytest.mark.parametrize("name", TOTALS)


@cache
def notebook(number):
    return nbformat.read(PATHS[number], as_version=4)


@cache
def parts(number):
    """Return {title: Section} of a notebook."""
    return {part.title: part for part in minutes.sections(notebook(number))}


def under(heading, level=2):
    """Return the text below a heading, up to the next of its level or above."""
    marks = "#" * level
    below = re.split(rf"^{marks} {re.escape(heading)}$", TEXT, maxsplit=1, flags=re.M)[1]
    return re.split(rf"^#{{1,{level}}} ", below, maxsplit=1, flags=re.M)[0]


def slots(name):
    """Return [(start, minutes, kind, what)] of a schedule, in minutes from its beginning."""
    found = SLOT.findall(under(name, 3))
    return [(60 * int(h) + int(m), int(n or 0), kind, what) for h, m, n, kind, what in found]


@BY_SCHEDULE
def test_the_minutes_of_a_schedule_add_up(name):
    rows = slots(name)
    clock = 0
    for start, length, _, _ in rows:
        assert start == clock
        clock += length
    assert clock == TOTALS[name]
    assert rows[-1][:3] == (TOTALS[name], 0, "end")


@BY_SCHEDULE
def test_a_schedule_has_set_up_breaks_exercises_and_questions(name):
    kinds = {kind for _, _, kind, _ in slots(name)}
    assert kinds == {"set-up", "teaching", "exercises", "questions", "break", "end"}


@BY_SCHEDULE
def test_sections_and_exercises_of_a_schedule_exist(name):
    for _, _, kind, what in slots(name):
        number, _, rest = what.partition(":")
        for title in re.findall(r"\*(.+?)\*", rest):
            assert title in parts(number)
        for exercise in re.findall(r"exercise (\d)", rest):
            assert f"turn-{exercise}" in {cell.id for cell in notebook(number).cells}
        assert kind != "teaching" or "*" in rest


@BY_SCHEDULE
def test_what_is_taught_can_be_read_in_its_time(name):
    for _, length, kind, what in slots(name):
        if kind == "teaching":
            number, _, rest = what.partition(":")
            taught = [parts(number)[title] for title in re.findall(r"\*(.+?)\*", rest)]
            assert sum(part.minutes for part in taught) <= length, what


@pytest.mark.parametrize("number", ["01", "02", "03", "04"])
def test_the_day_gives_the_first_four_what_they_plan(number):
    title = notebook(number).cells[0].source
    planned = re.search(r"planned as (\d+) minutes of teaching and (\d+) minutes of", title)
    spent = [
        sum(n for _, n, found, what in slots("A day") if found == kind and what.startswith(number))
        for kind in ("teaching", "exercises")
    ]
    assert spent == [int(each) for each in planned.groups()]


def test_three_hours_do_as_many_exercises_as_it_says():
    done = sum(what.count("exercise ") for _, _, kind, what in slots("Three hours"))
    ids = [cell.id for number in ("01", "02", "03", "04") for cell in notebook(number).cells]
    all_of_them = sum(bool(re.fullmatch(r"turn-\d", name)) for name in ids)
    words = {5: "five", 14: "fourteen"}
    assert f"of the {words[all_of_them]} exercises you do {words[done]}" in TEXT


# What to skip


def skips():
    """Return [(number, [cell ids])] from the table."""
    rows = re.findall(r"^\| (\d\d) \| (.+?) \|", under("What to skip first"), re.M)
    return [(number, re.findall(r"`(.+?)`", cells)) for number, cells in rows]


def names_of(source):
    """Return (names that a cell makes, names that it takes from others or itself)."""
    table = symtable.symtable(source, "cell", "exec")
    made = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return made, taken(table)


def taken(table):
    """Return the global names that a cell's code, functions included, looks up."""
    top = table.get_type() == "module"
    looked_up = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
    found = {symbol.get_name() for symbol in looked_up if top or symbol.is_global()}
    return found.union(*(taken(child) for child in table.get_children()))


def missing(cells, skipped):
    """Return {(cell, name)} that the cells lack when some of them are skipped."""
    known, lacking = set(dir(builtins)) | {"display"}, set()
    for cell in cells:
        if cell.cell_type == "code" and cell.id not in skipped:
            made, wanted = names_of(cell.source)
            lacking |= {(cell.id, name) for name in wanted - known - made}
            known |= made
    return lacking


def test_cells_to_skip_exist():
    assert len(skips()) >= 10
    for number, cells in skips():
        assert set(cells) <= {cell.id for cell in notebook(number).cells}


@BY_NOTEBOOK
def test_nothing_that_stays_needs_what_is_skipped(number):
    skipped = [name for found, cells in skips() if found == number for name in cells]
    cells = notebook(number).cells
    assert missing(cells, skipped) <= missing(cells, [])  # which are defined further below


def test_a_cell_that_is_needed_would_be_noticed():
    assert ("chance", "names") in missing(notebook("01").cells, ["together"])
    assert any(name == "pictures" for _, name in missing(notebook("02").cells, ["cost-measure"]))


# The notes


@BY_NOTEBOOK
def test_every_section_has_its_note(number):
    title = notebook(number).cells[0].source.splitlines()[0].removeprefix("# ")
    notes = under(title, 3)
    headings = re.findall(r"^#### (.+)$", notes, re.M)
    assert headings == [name for name in parts(number) if name not in WITHOUT_NOTES]
    for note in re.split(r"^#### ", notes, flags=re.M)[1:]:
        labels = re.findall(r"^- \*\*(\w+):\*\*", note, re.M)
        assert labels == ["Say", "Ask", "Misconception", "Checkpoint"]
        ask = re.search(r"\*\*Ask:\*\* (.+)", note)[1]
        assert re.search(r"\? \*.+\*$", ask), f"no answer: {ask}"


@BY_NOTEBOOK
def test_what_a_note_quotes_from_its_notebook_is_there(number):
    title = notebook(number).cells[0].source.splitlines()[0].removeprefix("# ")
    source = " ".join(cell.source + cell.id for cell in notebook(number).cells)
    ids = {cell.id for cell in notebook(number).cells}
    for quoted in re.findall(r"`([^`]+)`", under(title, 3)):
        assert quoted in ids or quoted in source or quoted in ("True",), quoted


# Commands, variables, messages, links


def test_make_targets_and_variables_exist():
    targets = set(re.findall(r"make ([a-z-]+)", " ".join(re.findall(r"`([^`]+)`", TEXT))))
    assert {"check", "kit", "app", "editions", "run"} <= targets
    assert targets <= set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    for name in re.findall(r"\b((?:BOOTCAMP|MILVUS)_[A-Z_]+)", TEXT):
        assert f"`{name}`" in README, name
    for name in ("OUT", "HOST"):
        assert f"{name}=" in TEXT
        assert re.search(rf"^{name} \?=", MAKEFILE, re.M)


def test_every_message_that_is_quoted_exists():
    files = [p for folder in ("helpers", "search_app") for p in (ROOT / folder).rglob("*.py")]
    nodes = [node for p in files for node in ast.walk(ast.parse(p.read_text(encoding="utf-8")))]
    texts = [str(node.value) for node in nodes if isinstance(node, ast.Constant)]
    known = " ".join(" ".join(texts).split())
    quoted = re.findall(r'\*\*"(.+?)"', " ".join(under("Ten things that go wrong").split()))
    assert len(quoted) >= 6
    for piece in " … ".join(quoted).split("…"):
        assert piece.strip() in known, piece


def test_ten_things_are_ten_and_the_kernel_is_first():
    things = re.findall(r"^\d+\. (.+)", under("Ten things that go wrong"), re.M)
    assert len(things) == 10
    assert "No module named 'helpers'" in things[0]


def test_links_and_files_lead_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", TEXT, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (ROOT / target).exists(), target
    for name in re.findall(r"`([\w/]+\.(?:py|md))`", TEXT):
        assert (ROOT / name).exists(), name


# The measured minutes


def test_reading_minutes_agree_with_the_notebooks():
    """To the minute, so that a changed word needs no new table, and a changed section does."""
    table = minutes.ROW.findall(TEXT.split(minutes.BEGIN)[1].split(minutes.END)[0])
    told = {(number, title): float(read) for number, title, read, _ in table}
    counted = {(number, part.title): part.minutes for number, part, _ in minutes.rows({})}
    again = "run `python -m helpers.course.minutes --write`"
    assert list(told) == list(counted), again
    assert {key for key, read in told.items() if abs(read - counted[key]) > 1} == set(), again


def test_the_paces_are_those_that_the_text_states():
    assert f"words at {minutes.WORDS_A_MINUTE} a minute" in TEXT
    assert f"lines of code at {minutes.LINES_A_MINUTE} a minute" in TEXT
