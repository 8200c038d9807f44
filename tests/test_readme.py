"""What the README says is there is there: the drawing's names, the commands, the variables."""

import re
from importlib import import_module

import nbformat
import pytest
from defusedxml import ElementTree
from test_project import BELOW

from helpers.settings import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DRAWING = ROOT / "docs" / "how-it-flows.svg"
SVG = "{http://www.w3.org/2000/svg}"
FOLDERS = {path.parent.name for path in (ROOT / "helpers").glob("*/__init__.py")} | {"search_app"}


def drawn():
    """Return all elements of the drawing."""
    return list(ElementTree.parse(DRAWING).getroot().iter())


def drawn_names():
    return {e.text for e in drawn() if "name" in e.get("class", "").split()}


def told():
    """Return the numbered steps of "How it flows"."""
    section = README.split("## How it flows")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. .*(?:\n   .*)*", section, re.M)


def told_names():
    return set(re.findall(r"`([a-z_]+\.[A-Za-z0-9_.]+)`", "\n".join(told())))


def resolve(name):
    """Return what `folder.name` or `folder.Class.method` means; raises AttributeError."""
    folder, *rest = name.split(".")
    assert folder in FOLDERS, name
    found = import_module(folder if folder == "search_app" else f"helpers.{folder}")
    for part in rest:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", sorted(drawn_names() | told_names()))
def test_every_name_in_how_it_flows_exists(name):
    assert resolve(name).__doc__


def test_a_name_that_is_gone_would_be_noticed():
    for name in ("dataset.lode", "features.VGG16.extrakt", "fetch.streem"):
        with pytest.raises((AttributeError, ImportError)):
            resolve(name)


def test_the_drawing_and_the_list_tell_the_same_steps():
    assert len(drawn_names()) >= 10
    assert drawn_names() - told_names() == set()
    numbers = sorted(e.text for e in drawn() if e.get("class") == "number")
    assert numbers == [step.split(".")[0] for step in told()]
    description = next(e.text for e in drawn() if e.tag == f"{SVG}desc")
    assert {name for name in drawn_names() if name not in description} == set()


def test_the_drawing_stands_alone_in_light_and_dark():
    text = DRAWING.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert next(e.text for e in drawn() if e.tag == f"{SVG}title")
    links = re.findall(r"https?://[^\"')\s]+|href=|@import|@font-face", text)
    assert links == ["http://www.w3.org/2000/svg"]


def test_the_table_of_folders_says_each_once_in_the_order_of_imports():
    rows = re.findall(r"^\| `(\w+)` \| (\d\d|all)(?:, \d\d)* \|", README, re.M)
    folders = [folder for folder, _ in rows]
    assert sorted(folders) == sorted(FOLDERS)
    for place, folder in enumerate(folders):
        assert BELOW[folder] <= {"ground", *folders[:place]}, folder


def test_the_table_and_the_folders_name_the_same_notebooks():
    for folder, notebook in re.findall(r"^\| `(\w+)` \| (\d\d|all)(?:, \d\d)* \|", README, re.M):
        story = resolve(folder).__doc__.lower()
        assert ("every notebook" if notebook == "all" else f"notebook {notebook}") in story, folder


def test_every_setting_is_in_the_readme():
    source = (ROOT / "helpers" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"(?:env\.get|value)\(\"([A-Z_]+)\"", source)) - {"KERAS_HOME"}
    assert len(read) > 5
    assert {name for name in read if f"`{name}`" not in README} == set()


def test_every_make_target_in_the_prose_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    prose = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)", prose) + re.findall(r"^make ([a-z-]+)", prose, re.M))
    assert len(named) > 5
    assert named - targets == set()


def test_the_readme_is_read_in_minutes():
    assert len(README.splitlines()) <= 150


def rows(text):
    """Return {setting: its measures} of the tables in which one row is the original's."""
    lines = re.findall(r"^\| ([a-z0-9A-Z, ]+?) \| [\d,]+ \| (\S+) \| (\S+) \| (\S+) \(", text, re.M)
    return {setting: [float(number) for number in numbers] for setting, *numbers in lines}


def cell(notebook, name):
    cells = nbformat.read(ROOT / "notebooks" / notebook, as_version=4).cells
    return next(cell.source for cell in cells if cell.id == name)


def test_the_notebooks_repeat_what_was_measured_on_photographs():
    told = rows(README)
    assert {"original", "tuned", "tuned, 384"} <= told.keys()
    text = cell("04_search_by_image.ipynb", "measure-photographs")
    (four,) = re.findall(r"^\| 600 photographs \| (\S+) \| (\S+) \| (\S+) \|", text, re.M)
    assert [f"{number:.2f}" for number in told["original"]] == list(four)
    five = rows(cell("05_measure_and_tune.ipynb", "neighbours-reading"))
    assert told.items() <= five.items()
