"""How long each section of the notebooks takes: `python -m helpers.course.minutes`.

Machine time is what `make run` measured. Reading time is a count of words and of lines of code, at
a stated pace. How long an exercise takes nobody has measured: the notebooks' plans are estimates.
With `--write` the table goes into TEACHING.md, where the schedules stand on it.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.course.run_notebooks import BUILD, notebook_paths
from helpers.errors import PlainError
from helpers.files import atomic_write, read_json
from helpers.settings import ROOT

WORDS_A_MINUTE = 180
"""About the mean pace of reading aloud, 183, in Brysbaert, "How many words do we read per minute?",
Journal of Memory and Language 109, 2019. Whoever reads silently is faster."""

LINES_A_MINUTE = 20
"""Of code, three seconds each. An assumption: we know of no measurement that fits a class."""

TEACHING = ROOT / "TEACHING.md"
BEGIN, END = "<!-- minutes -->", "<!-- end of minutes -->"
OPENING = "Opening"
FOLDED = re.compile(r"<details>.*?</details>", re.S)
TARGET = re.compile(r"\]\([^)]*\)")
ROW = re.compile(r"^\| (\d\d) \| (.+?) \| ([\d.]+) \| ([\d.]+|–) \|$", re.M)


class MinutesError(PlainError, ValueError):
    """A TEACHING.md without a place for the table."""


@dataclass(frozen=True)
class Section:
    """A section of a notebook: its heading, what there is to read, and the ids of its cells."""

    title: str
    words: int
    lines: int
    cells: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """How long it takes to read aloud, code included."""
        return self.words / WORDS_A_MINUTE + self.lines / LINES_A_MINUTE


def sections(notebook: NotebookNode) -> list[Section]:
    """Return the sections of a notebook in order; what comes before the first is the opening."""
    parts = {OPENING: []}
    for cell in notebook.cells:
        heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            parts[heading[1]] = []
        list(parts.values())[-1].append(cell)
    return [_section(title, cells) for title, cells in parts.items()]


def _section(title, cells):
    words = sum(count_words(c.source) for c in cells if c.cell_type == "markdown")
    lines = sum(count_lines(c) for c in cells if c.cell_type == "code")
    return Section(title, words, lines, tuple(cell.id for cell in cells))


def count_words(source: str) -> int:
    """Return the words of a markdown cell that a class reads: without what is folded away."""
    seen = TARGET.sub("]", FOLDED.sub(" ", source))
    return sum(any(letter.isalnum() for letter in word) for word in seen.split())


def count_lines(cell: NotebookNode) -> int:
    """Return the lines of a code cell that aren't blank; a solution is folded, and counts none."""
    if "solution" in cell.metadata.get("tags", ()):
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def rows(seconds: dict[str, dict[str, float]]) -> list[tuple[str, Section, float | None]]:
    """Return (number, section, machine seconds or None) for all notebooks, from {stem: {cell: s}}.

    None stands where a notebook wasn't run.
    """
    found = []
    for path in notebook_paths():
        measured = seconds.get(path.stem)
        for part in sections(nbformat.read(path, as_version=4)):
            spent = None if measured is None else sum(measured.get(id, 0) for id in part.cells)
            found.append((path.stem[:2], part, spent))
    return found


def table(found: list[tuple[str, Section, float | None]], kept: str = "") -> str:
    """Return the table in Markdown; `kept` is an older one, for seconds that are missing now."""
    older = {(number, title): spent for number, title, _, spent in ROW.findall(kept)}
    lines = ["| notebook | section | minutes to read | machine, s |", "| --- | --- | --- | --- |"]
    for number, part, spent in found:
        shown = older.get((number, part.title), "–") if spent is None else f"{spent:.0f}"
        lines.append(f"| {number} | {part.title} | {part.minutes:.1f} | {shown} |")
    return "\n".join(lines) + "\n"


def totals(found: list[tuple[str, Section, float | None]]) -> str:
    """Return one line for each notebook: what there is to read, and what the machine took."""
    lines = []
    for number in sorted({number for number, _, _ in found}):
        parts = [(part.minutes, spent) for name, part, spent in found if name == number]
        spent = [seconds for _, seconds in parts if seconds is not None]
        machine = f"{sum(spent):.0f} s" if spent else "not run"
        lines.append(f"{number}: {sum(read for read, _ in parts):3.0f} min to read, {machine}")
    return "\n".join(lines)


def write(path: Path, found: list[tuple[str, Section, float | None]]) -> None:
    """Put the table between its markers; raises MinutesError where there are none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise MinutesError(
            f"{path.name} has no place for the table. Put {BEGIN} and {END} on lines of their own."
        )
    with atomic_write(path) as file:
        file.write(f"{before}{BEGIN}\n{table(found, old)}{END}{after}".encode())


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the totals, or write the table; return the exit status."""
    parser = argparse.ArgumentParser("minutes", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into TEACHING.md")
    asked = parser.parse_args(arguments)
    measured = BUILD / "cells.json"
    found = rows(read_json(measured) if measured.exists() else {})
    try:
        if asked.write:
            write(TEACHING, found)
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{table(found)}\n{totals(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
