"""The final project's programs run as they stand, one after the other, on a folder of pictures."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from vgg_kit import real

from helpers import dataset
from helpers.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.weights]
SHEET = ROOT / "docs" / "final-project.md"


def programs():
    return re.findall(r"```python\n(.*?)```", SHEET.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def said(tmp_path_factory, shared_settings):
    """What the programs print, twice over, on a folder of drawings with a folder for each label."""
    home = tmp_path_factory.mktemp("project")
    shutil.copytree(real(shared_settings).data / "weights", home / "data" / "weights")
    for picture in dataset.load(shared_settings, progress=False).pictures:
        label = picture.labels[0]
        folder = home / "mine" / label
        folder.mkdir(parents=True, exist_ok=True)
        if label in ("cat", "dog", "car", "boat") and len(list(folder.iterdir())) < 12:
            shutil.copy(picture.path, folder)
    environ = {**os.environ, "BOOTCAMP_DATASET": str(home / "mine"), "MPLBACKEND": "agg"}
    environ |= {"BOOTCAMP_DATA": str(home / "data"), "BOOTCAMP_OFFLINE": "1", "MILVUS_URI": ""}
    second_run = programs()[1].replace("kept =", "again =") + "print('as before', again == kept)"
    code = "\n".join([*programs(), second_run])
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, cwd=home, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_they_end_with_a_number_and_the_same_hits_over_rest(said):
    assert re.search(r"^auto: P@10 [01]\.\d{3}, interval [01]\.\d{3} to [01]\.\d{3}$", said, re.M)
    assert re.search(r"^gain: [+-]0\.\d{3}, interval [+-]\d\.\d{3} to [+-]\d\.\d{3}$", said, re.M)
    assert "the same hits: True" in said


def test_a_second_run_writes_nothing(said):
    assert said.endswith("as before True\n")
    assert said.count("auto: 48 pictures") == 2


def test_each_part_says_when_it_is_done():
    parts = re.split(r"^## ", SHEET.read_text(encoding="utf-8"), flags=re.MULTILINE)
    numbered = [part for part in parts if re.match(r"\d · ", part)]
    assert len(numbered) == 5
    assert all(part.count("**Done when**") == 1 and "```python" in part for part in numbered)


def test_its_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)", SHEET.read_text(encoding="utf-8"))
    assert all((Path(SHEET).parent / target).exists() for target in targets)
