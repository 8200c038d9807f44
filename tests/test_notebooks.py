"""The notebooks keep their promises of form; that they run is nbval's business (`make test`)."""

import re

import nbformat
import pytest

from helpers.course.run_notebooks import NOTEBOOKS, notebook_paths

PATHS = notebook_paths()
NOTEBOOK = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells(path, kind=None):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if kind in (None, cell.cell_type)]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_there_are_notebooks_and_nothing_unnamed():
    assert len(PATHS) >= 4
    assert not list(NOTEBOOKS.glob("Untitled*"))
    assert all(re.fullmatch(r"\d\d_[a-z]+(_[a-z0-9]+)+", path.stem) for path in PATHS)


@NOTEBOOK
def test_metadata_is_portable(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    assert not any("application/vnd.jupyter.widget-state" in str(c) for c in notebook.cells)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", name)]


@NOTEBOOK
def test_skeleton(path):
    text = "\n".join(cell.source for cell in cells(path, "markdown"))
    assert len(re.findall(r"^# ", text, re.M)) == 1
    for part in ("**The question:**", "**After this notebook you can**", "**Time:**"):
        assert part in text
    for heading in ("## Set-up", "## Your turn", "## Recap", "## What goes wrong here"):
        assert heading in text
    assert "**Next:**" in text


@NOTEBOOK
def test_code_cells_fit_a_projector(path):
    long = {c.id: len(c.source.splitlines()) for c in cells(path, "code")}
    assert {name: lines for name, lines in long.items() if lines > 15} == {}


@NOTEBOOK
def test_every_figure_is_told_in_words(path):
    told = ""
    for cell in cells(path):
        if cell.cell_type == "markdown":
            told = cell.source
        elif "plt.show()" in cell.source and "solution" not in tags(cell):
            assert "*(" in told and ")*" in told, f"{cell.id} shows a figure without alt text"


@NOTEBOOK
def test_every_stub_has_a_check_and_a_tested_solution(path):
    ids = {cell.id: cell for cell in cells(path, "code")}
    stubs = [name.removesuffix("-stub") for name in ids if name.endswith("-stub")]
    assert stubs
    for name in stubs:
        assert "= ..." in ids[f"{name}-stub"].source
        assert ids[f"{name}-check"].source.splitlines()[-1].startswith("exercises.")
        solution = ids[f"{name}-solution"]
        assert "solution" in tags(solution)
        assert solution.metadata.jupyter.source_hidden
        assert "assert exercises." in solution.source


@NOTEBOOK
def test_checked_outputs_are_there_to_be_checked(path):
    checked = [cell for cell in cells(path, "code") if "nbval-check-output" in tags(cell)]
    for cell in checked:
        assert cell.outputs and cell.execution_count, f"{cell.id} would pass without a check"
    assert all(cell.execution_count for cell in cells(path, "code")), "run `make notebooks`"


@NOTEBOOK
def test_links_between_notebooks_lead_somewhere(path):
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#:]+\.ipynb)\)", cell.source):
            assert (NOTEBOOKS / target).exists(), target


@NOTEBOOK
def test_outputs_carry_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)
