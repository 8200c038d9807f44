"""The project's own promises: pins that agree, imports that cost nothing, a README that is true."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter

import yaml

from helpers.course.run_notebooks import notebook_paths
from helpers.settings import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+?))? *\\?$", re.M)


def direct_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.match(r"[A-Za-z0-9._-]+", text)[0] for text in project["dependencies"]}


def test_conda_and_pip_pins_agree():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    conda_pins = PIN.findall("\n".join(line for line in conda if "==" in line))
    assert len(conda_pins) > 50
    assert conda_pins == PIN.findall((ROOT / "requirements.lock").read_text())


def test_dev_lock_repeats_the_learners_lock():
    learner = set(PIN.findall((ROOT / "requirements.lock").read_text()))
    assert learner <= set(PIN.findall((ROOT / "requirements-dev.lock").read_text()))


def test_every_direct_dependency_is_locked_and_hashed():
    lock = (ROOT / "requirements.lock").read_text()
    assert direct_dependencies() <= {name for name, *_ in PIN.findall(lock)}
    for block in re.split(r"\n(?=[a-z])", lock):
        assert "==" not in block or "--hash=sha256:" in block


def test_imports_load_nothing_heavy_and_touch_no_disk(tmp_path):
    code = (
        "import sys, helpers.settings, helpers.dataset.voc, helpers.index, helpers.search.metrics\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    env = {"HOME": str(tmp_path), "BOOTCAMP_DATA": str(tmp_path / "data"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_readme_names_every_notebook_and_dependency():
    readme = (ROOT / "README.md").read_text()
    for path in notebook_paths():
        assert f"notebooks/{path.name}" in readme
    for name in direct_dependencies():
        assert f"`{name}`" in readme
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_helpers_are_short_enough_to_read_aloud():
    for path in (ROOT / "helpers").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_readme_names_every_helper():
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "helpers").glob("*.py"):
        assert path.stem == "__init__" or f"`{path.stem}`" in readme, path.stem


def test_no_helper_imports_upward():
    """Whichever way one follows the imports, one never comes back: nothing depends on itself."""
    folder = ROOT / "helpers"
    names = {path.stem: path for path in folder.rglob("*.py") if path.stem != "__init__"}
    graph = {name: imported(path) & names.keys() for name, path in names.items()}
    assert sum(map(len, graph.values())) > 50
    TopologicalSorter(graph).prepare()  # raises CycleError


def imported(path):
    """Return the last part of everything that the file imports from helpers, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
            found |= {node.module.split(".")[-1], *(alias.name for alias in node.names)}
    return found - {"helpers", "page"}
