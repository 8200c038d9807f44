"""The notebooks keep their form, and every name they use exists; that they run, nbval checks."""

import ast
import inspect
import itertools
import re
from importlib import import_module, util

import nbformat
import pytest

from helpers.course import run_notebooks
from helpers.course.run_notebooks import NOTEBOOKS, notebook_paths
from helpers.settings import ROOT

PACKAGES = ("helpers", "search_app")
PATHS = notebook_paths()
NOTEBOOK = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
WITHOUT_EXERCISES = {"00_check_your_setup"}
TAUGHT = [path for path in PATHS if path.stem not in WITHOUT_EXERCISES]
EXERCISED = pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)


def cells(path, cell_type=None):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell_type in (None, cell.cell_type)]


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
    for heading in ("## Set-up", "## Recap", "## What goes wrong here"):
        assert heading in text
    assert ("## Your turn" in text) == (path in TAUGHT)
    assert "**Next:**" in text


@NOTEBOOK
def test_code_cells_fit_a_projector(path):
    long = {c.id: len(c.source.splitlines()) for c in cells(path, "code")}
    assert {name: lines for name, lines in long.items() if lines > 15} == {}


@NOTEBOOK
def test_every_figure_has_its_words_folded_away_below_it(path):
    for cell, below in itertools.pairwise(cells(path)):
        if cell.cell_type == "code" and draws(cell.source) and "solution" not in tags(cell):
            assert run_notebooks.IN_WORDS.search(below.source), f"{cell.id} has no figure in words"


def draws(source):
    """Return whether a cell shows a figure, and doesn't only define what will show one."""
    only_defines = all(isinstance(part, ast.FunctionDef) for part in ast.parse(source).body)
    return "plt.show()" in source and not only_defines


@EXERCISED
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


@EXERCISED
def test_running_everything_keeps_a_learners_answers(path):
    """Only a stub assigns an answer's name, so Shift-Enter to the end overwrites none."""
    sources = {cell.id: assigned(cell.source) for cell in cells(path, "code")}
    for name in [name for name in sources if name.endswith("-stub")]:
        others = set().union(*[names for other, names in sources.items() if other != name])
        answers = {
            n for n in sources[name] if re.search(rf"^{n} = \.\.\.", ids_source(path, name), re.M)
        }
        assert answers
        assert not answers & others


def assigned(source):
    """Return the names that a cell assigns."""
    stores = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
    return {node.id for node in stores if isinstance(node.ctx, ast.Store)}


def ids_source(path, name):
    return next(cell.source for cell in cells(path) if cell.id == name)


@NOTEBOOK
def test_nothing_that_is_stored_gives_an_exercise_away(path):
    for cell in cells(path, "code"):
        if run_notebooks.spoils(cell):
            assert not cell.outputs, f"{cell.id} stores an answer; run `make notebooks`"


@NOTEBOOK
def test_checked_outputs_are_there_to_be_checked(path):
    checked = [cell for cell in cells(path, "code") if "nbval-check-output" in tags(cell)]
    for cell in checked:
        assert cell.outputs, f"{cell.id} would pass without a check"
        assert cell.execution_count, f"{cell.id} would pass without a check"
    kept = [cell for cell in cells(path, "code") if not run_notebooks.spoils(cell)]
    assert all(cell.execution_count for cell in kept), "run `make notebooks`"


@NOTEBOOK
def test_links_between_notebooks_lead_somewhere(path):
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#:]+\.ipynb)\)", cell.source):
            assert (NOTEBOOKS / target).exists(), target


@NOTEBOOK
def test_outputs_carry_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)


# What a notebook takes from this project


@NOTEBOOK
def test_every_message_that_a_notebook_quotes_exists(path):
    trees = [ast.parse(p.read_text()) for folder in PACKAGES for p in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = " ".join(" ".join(str(node.value).lower().split()) for node in nodes)
    wrong = next(cell.source for cell in cells(path) if "## What goes wrong here" in cell.source)
    quoted = re.findall(r'\*\*"(.+?)"', " ".join(wrong.lower().split()))
    assert quoted
    for piece in " … ".join(quoted).split("…"):
        assert piece.strip(" .,") in texts, piece


@NOTEBOOK
def test_every_name_and_keyword_that_a_notebook_uses_exists(path):
    code = "\n".join(cell.source for cell in cells(path, "code"))
    assert check_names(ast.parse(code)) > 0


def test_a_renamed_name_would_be_noticed():
    for line in (
        "from helpers.index import Indexx",
        "from helpers import dataset; dataset.loads()",
        "from helpers.index import Index; index = Index('a'); index.synchronise()",
        "from helpers.index import LabelFilter; LabelFilter(anyof=('bus',))",
    ):
        with pytest.raises(AssertionError, match="not there"):
            check_names(ast.parse(line))


def check_names(tree):
    """Check every name, attribute and keyword of ours, and return how many calls were ours."""
    names = ours(tree)
    for node in ast.walk(tree):
        resolve(node, names)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(keywords_exist(call, names) for call in calls)


def ours(tree):
    """Return {name: object} for what a notebook imports from us, and {variable: its class}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in PACKAGES:
            for alias in node.names:
                names[alias.asname or alias.name] = member(node.module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made = resolve(node.value.func, names)
            if inspect.isclass(made):
                names |= {target.id: made for target in node.targets}
    return names


def member(module, name):
    """Return what `from module import name` gives."""
    package = import_module(module)
    if not hasattr(package, name):
        assert util.find_spec(f"{module}.{name}"), f"{module}.{name} is not there"
        import_module(f"{module}.{name}")
    return getattr(package, name)


def resolve(node, names):
    """Return the object that a dotted name stands for, or None when it isn't ours."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    owner = resolve(node.value, names) if isinstance(node, ast.Attribute) else None
    if inspect.ismodule(owner):
        assert hasattr(owner, node.attr), f"{owner.__name__}.{node.attr} is not there"
    found = getattr(owner, node.attr, None) if owner is not None else None
    return None if isinstance(found, property) else found  # what it gives is known when it runs


def keywords_exist(call, names):
    """Check a call of something ours, and return whether it was ours."""
    called = resolve(call.func, names)
    if called is None:
        owner = resolve(call.func.value, names) if isinstance(call.func, ast.Attribute) else None
        assert owner is None, f"{owner.__name__}.{call.func.attr} is not there"
        return False
    parameters = inspect.signature(called).parameters.values()
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters)
    given = {word.arg for word in call.keywords} - {None}  # **options may be anything
    unknown = given - {each.name for each in parameters}
    assert open_ended or not unknown, f"{unknown} in {ast.unparse(call)} is not there"
    return True
