"""The whole course runs on folders of one's own, and in both editions.

On the sample and with its stored outputs, nbval runs it (`make test`).
"""

import contextlib
import io
import re
import shutil
from collections import ChainMap
from unittest.mock import MagicMock

import nbformat
import pytest
from vgg_kit import real

from helpers import dataset
from helpers.course import editions, exercises, run_notebooks
from helpers.course.exercises.check import UNANSWERED

pytestmark = [pytest.mark.slow, pytest.mark.weights]

FOLDERS = {
    "classes": {"car": 12, "cat": 12, "dog": 8, "bird": 1},
    "one-class": {"cat": 10},
    "flat": {"": 14},
    "twelve": {"boat": 4, "sheep": 4, "train": 4},
    "enough": {"bottle": 20, "dog": 17, "cat": 16, "chair": 16},
}

FIVE = "05_measure_and_tune"
"""It works on the drawings where a folder has too little to measure, which takes the same minute
whatever the folder is: so once is enough, in the instructor's edition."""

SIX = "06_serve_and_scale"
"""It takes two minutes for servers and workers, whatever the labels are; so it runs on pictures
without any, and in the instructor's edition."""

ZERO = "00_check_your_setup"
"""It has no exercises."""

FALLS_BACK = "so this notebook works on the course's own drawings"


@pytest.fixture
def on_a_folder(tmp_path, shared_settings, monkeypatch):
    """Return a function that sets the environment up for a folder of that kind."""
    kept = real(shared_settings).data / "weights"
    shutil.copytree(kept, tmp_path / "data" / "weights")
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")

    def prepare(kind):
        folder = tmp_path / kind
        fill(folder, FOLDERS[kind], dataset.load(shared_settings, progress=False).pictures)
        monkeypatch.setenv("BOOTCAMP_DATASET", str(folder))
        monkeypatch.setenv("BOOTCAMP_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("BOOTCAMP_OFFLINE", "1")
        return folder

    return prepare


def fill(folder, numbers, pictures):
    """Copy that many drawings of each class into a folder of its own; "" means any, unsorted."""
    for label, number in numbers.items():
        chosen = [p for p in pictures if p.labels[0] == label or not label][:: 1 if label else 17]
        (folder / label).mkdir(parents=True)
        assert len(chosen) >= number
        for picture in chosen[:number]:
            shutil.copy(picture.path, folder / label)


def printed(notebook):
    """Return {cell's id: what it printed}."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {c.id: "".join(o.text for o in c.outputs if o.output_type == "stream") for c in code}


@pytest.mark.parametrize("kind", ["classes", "flat", "one-class"])
def test_every_notebook_runs_on_a_folder_of_ones_own(on_a_folder, tmp_path, kind):
    on_a_folder(kind)
    said = {}
    for path in run_notebooks.notebook_paths():
        whole = path.stem not in (FIVE, SIX) or (path.stem == SIX and kind == "flat")
        run = path if whole else begun(path, tmp_path)
        said[path.stem] = printed(run_notebooks.execute(run))
    assert "Traceback" not in str(said)
    assert FALLS_BACK in said[FIVE]["setup"]


def begun(path, folder):
    """Return a copy of a notebook that ends with its set-up cell."""
    notebook = nbformat.read(path, as_version=4)
    last = [cell.id for cell in notebook.cells].index("setup")
    notebook.cells = notebook.cells[: last + 1]
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


def test_a_folder_with_enough_labels_is_measured_itself(on_a_folder):
    folder = on_a_folder("enough")
    said = printed(run_notebooks.execute(run_notebooks.NOTEBOOKS / f"{FIVE}.ipynb"))
    assert "Traceback" not in str(said)
    assert f"Working on the pictures in the folder {folder.name}" in said["setup"]
    assert "69 queries, 4 classes" in said["asked"]
    assert len(re.findall(r" 0\.\d{3}", said["pooling"])) == 20  # four rows of five
    assert "nan" not in "".join(said.values())


def test_both_editions_run_and_a_learners_asks_and_does_not_tell(on_a_folder, tmp_path):
    on_a_folder("twelve")
    assert editions.main() == 0
    for path in run_notebooks.notebook_paths():
        kept = nbformat.read(tmp_path / "build" / "instructor" / path.name, as_version=4)
        assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
        assert (tmp_path / "build" / "instructor" / f"{path.stem}.html").exists()
        assert path.stem != FIVE or FALLS_BACK in printed(kept)["setup"]
        asked = tmp_path / "build" / "learner" / path.name
        text = asked.read_text(encoding="utf-8")
        assert "assert exercises." not in text
        assert "solution" not in text.lower()
        short = path.stem in (FIVE, SIX)
        said = unanswered(asked) if short else printed(run_notebooks.execute(asked))
        checks = {k: words for k, words in said.items() if re.fullmatch(r"turn-.+-check", k)}
        expected = set() if path.stem == ZERO else {UNANSWERED}
        assert {words.strip() for words in checks.values()} == expected


class Anything(dict):
    """Names of which each stands for something, whatever it's asked for."""

    def __missing__(self, name):
        return MagicMock(name=name)


def unanswered(path):
    """Return {check's id: what it printed} of a notebook of which only stubs and checks are run."""
    said, names = {}, ChainMap({}, {"exercises": exercises}, Anything())
    for cell in nbformat.read(path, as_version=4).cells:
        if re.fullmatch(r"turn-.+-(stub|check)", cell.id):
            with contextlib.redirect_stdout(io.StringIO()) as told:
                exec(cell.source, {}, names)
            said[cell.id] = told.getvalue()
    return said
