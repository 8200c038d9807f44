"""The whole course runs on folders of one's own, and in both editions.

On the sample and with its stored outputs, nbval runs it (`make test`).
"""

import re
import shutil

import nbformat
import pytest
from vgg_kit import real

from helpers import dataset
from helpers.course import editions, run_notebooks
from helpers.course.exercises.check import UNANSWERED

pytestmark = [pytest.mark.slow, pytest.mark.weights]

FOLDERS = {
    "classes": {"car": 12, "cat": 12, "dog": 8, "bird": 1},
    "one-class": {"cat": 10},
    "flat": {"": 14},
    "twelve": {"boat": 4, "sheep": 4, "train": 4},
}


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
def test_every_notebook_runs_on_a_folder_of_ones_own(on_a_folder, kind):
    on_a_folder(kind)
    for path in run_notebooks.notebook_paths():
        said = printed(run_notebooks.execute(path))
        assert "Traceback" not in str(said)


def test_both_editions_run_and_a_learners_asks_and_does_not_tell(on_a_folder, tmp_path):
    on_a_folder("twelve")
    assert editions.main() == 0
    for path in run_notebooks.notebook_paths():
        kept = nbformat.read(tmp_path / "build" / "instructor" / path.name, as_version=4)
        assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
        assert (tmp_path / "build" / "instructor" / f"{path.stem}.html").exists()
        asked = tmp_path / "build" / "learner" / path.name
        text = asked.read_text(encoding="utf-8")
        assert "assert exercises." not in text
        assert "solution" not in text.lower()
        said = printed(run_notebooks.execute(asked))
        checks = {k: words for k, words in said.items() if re.fullmatch(r"turn-.+-check", k)}
        assert checks
        assert {words.strip() for words in checks.values()} == {UNANSWERED}
