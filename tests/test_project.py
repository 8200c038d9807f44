"""The project's own promises: pins that agree, arrows that point down, imports that are light."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module

import nbformat
import pytest
import yaml

from helpers.course.run_notebooks import notebook_paths
from helpers.settings import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+?))? *\\?$", re.M)

GROUND = {"settings", "errors", "files", "lazy"}
BELOW = {
    "ground": set(),
    "fetch": {"ground"},
    "dataset": {"ground", "fetch"},
    "features": {"ground", "fetch", "dataset"},
    "index": {"ground"},
    "search": {"ground", "fetch", "dataset", "features", "index"},
    "scale": {"ground", "fetch", "dataset", "features", "index", "search"},
    "course": {"ground", "fetch", "dataset", "features", "index", "search"},
    "search_app": {"ground", "fetch", "dataset", "features", "index", "search", "course"},
}
"""The house: from each folder, the folders it may import from."""

PACKAGES = [f"helpers.{name}" for name in BELOW if name not in ("ground", "search_app")]
PACKAGES.append("search_app")


def direct_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.match(r"[A-Za-z0-9._-]+", text)[0] for text in project["dependencies"]}


def python_files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


# What it stands on


def test_conda_and_pip_pins_agree():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    conda_pins = PIN.findall("\n".join(line for line in conda if "==" in line))
    assert len(conda_pins) > 50
    assert conda_pins == PIN.findall((ROOT / "requirements.lock").read_text())


def test_each_lock_repeats_the_smaller_one():
    learner, scale, dev = (
        set(PIN.findall((ROOT / f"requirements{name}.lock").read_text()))
        for name in ("", "-scale", "-dev")
    )
    assert learner < scale < dev


def test_every_direct_dependency_is_locked_and_hashed():
    lock = (ROOT / "requirements.lock").read_text()
    assert direct_dependencies() <= {name for name, *_ in PIN.findall(lock)}
    for block in re.split(r"\n(?=[a-z])", lock):
        assert "==" not in block or "--hash=sha256:" in block


def test_readme_names_every_notebook_folder_and_dependency():
    readme = (ROOT / "README.md").read_text()
    for path in notebook_paths():
        assert f"notebooks/{path.name}" in readme
    for name in [*direct_dependencies(), *PACKAGES]:
        assert f"`{name.removeprefix('helpers.')}" in readme, name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


# The house


def test_arrows_between_folders_only_point_down():
    arrows = {(room(path), other) for path in python_files("helpers", "search_app")
              for other in rooms_imported(ast.parse(path.read_text()))}  # fmt: skip
    crossing = {(one, other) for one, other in arrows if one != other}
    assert len(crossing) > 15  # so that a parser that sees nothing doesn't pass
    assert {(one, other) for one, other in crossing if other not in BELOW[one]} == set()


def test_only_notebook_04_uses_the_search_page():
    users = set()
    for path in notebook_paths():
        code = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        plain = "\n".join(re.sub(r"^\s*[%!].*$", "pass", source, flags=re.M) for source in code)
        if "search_app" in rooms_imported(ast.parse(plain)):
            users.add(path.name[:2])
    assert users == {"04"}


def room(path):
    """Return the folder of the house that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "search_app":
        return "search_app"
    return parts[1] if len(parts) > 2 else "ground"


def rooms_imported(tree):
    """Return the rooms that a file imports from, at any depth of its code."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "write imports out, from helpers on"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    found = {tuple(name.split(".")) for name in names}
    inside = {parts[1] for parts in found if parts[0] == "helpers" and len(parts) > 1}
    rooms = {"ground" if name in GROUND else name for name in inside}
    return rooms | {"search_app" for parts in found if parts[0] == "search_app"}


@pytest.mark.parametrize(
    ("folder", "most"),
    [("helpers", 7050), ("helpers/course", 3965), ("helpers/scale", 1760), ("search_app", 3450)],
)
def test_the_plumbing_stays_short_enough_to_read(folder, most):
    """The teaching layer, `course`, and what only clusters need, are counted apart."""
    apart = {"course", "scale"} if folder == "helpers" else set()
    paths = [path for path in python_files(folder) if not apart & set(path.parts)]
    assert sum(len(path.read_text().splitlines()) for path in paths) <= most


@pytest.mark.parametrize("package", PACKAGES)
def test_each_folder_says_whom_it_serves_and_hands_on_its_names(package):
    module = import_module(package)
    assert re.search(r"[Nn]otebooks? 0\d|[Ee]very notebook", module.__doc__)
    assert module.__all__, package
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_importing_is_light_and_touches_no_disk(tmp_path):
    code = f"""
import sys
for name in {PACKAGES}:
    __import__(name)
slow = {{"tensorflow", "keras", "pymilvus", "milvus_lite", "matplotlib", "numpy", "PIL", "fastapi"}}
assert not slow & set(sys.modules), slow & set(sys.modules)
from helpers.dataset import load
from helpers.features import VGG16
from helpers.index import Index
from helpers.search import Engine, metrics
slow -= {{"numpy", "PIL"}}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""
    env = {"HOME": str(tmp_path), "BOOTCAMP_DATA": str(tmp_path / "data"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


MAY_TOUCH_THE_ENVIRONMENT = {
    "helpers/settings.py",  # reads every setting
    "helpers/features/runtime.py",  # tells TensorFlow to be quiet
    "helpers/features/weights.py",  # hands the environment on to pip
    "helpers/index/connection.py",  # hides MILVUS_URI while pymilvus is imported
    "helpers/scale/local.py",  # hands the environment on to a server
    "helpers/scale/cluster.py",  # tells Ray to be quiet
}


def test_only_settings_reads_environment_variables():
    files = {path.relative_to(ROOT).as_posix(): path for path in python_files("helpers")}
    files |= {path.relative_to(ROOT).as_posix(): path for path in python_files("search_app")}
    touching = {name for name, path in files.items() if "environ" in attributes(path)}
    assert touching == MAY_TOUCH_THE_ENVIRONMENT
    reading = {name for name, path in files.items() if reads_environment(path)}
    assert reading == {"helpers/settings.py"}


def attributes(path):
    """Return the names of all attributes that the file's code uses, `os.getenv` as "environ"."""
    nodes = ast.walk(ast.parse(path.read_text()))
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return found | ({"environ"} if "getenv" in found else set())


def reads_environment(path):
    """Return True where the code looks one variable up in a mapping called env… ."""
    for node in ast.walk(ast.parse(path.read_text())):
        looked_up = isinstance(node, ast.Attribute) and node.attr == "get"
        looked_up = looked_up or (
            isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
        )
        if looked_up and re.match(r"\(?(os\.)?env(iron)?\b", ast.unparse(node.value)):
            return True
    return False
