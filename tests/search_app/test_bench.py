"""`make bench` goes on without a browser, and writes what it promises with one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import app_kit
import browser_kit as kit
import pytest
from needs import TEST_DATA, require
from vgg_kit import real

from helpers import dataset
from helpers.settings import ROOT


def test_without_chromium_the_bench_says_in_a_sentence_what_it_skips(tmp_path):
    done = subprocess.run(
        [sys.executable, "bench/app.py"], cwd=ROOT, env={"PATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "not measured, because Chromium is not installed" in done.stdout


@pytest.mark.browser
def test_the_bench_measures_crowds_without_an_error(shared_settings, tmp_path):
    require(kit.chromium(), "Chromium (apt-get install chromium)")
    whole = dataset.load(replace(real(shared_settings), dataset=app_kit.source()), progress=False)
    for picture in whole.pictures[:12]:
        for kind, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".xml")):
            (tmp_path / "few" / kind).mkdir(parents=True, exist_ok=True)
            source = picture.path.parent.parent / kind / f"{picture.path.stem}{suffix}"
            shutil.copy(source, tmp_path / "few" / kind)
    names = {"BOOTCAMP_DATASET": str(tmp_path / "few"), "BOOTCAMP_DATA": str(tmp_path / "data")}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "weights").symlink_to(TEST_DATA / "weights")
    asked = ["--rows=30", "--visitors", "1", "3", "--seconds=6", f"--folder={tmp_path}"]
    subprocess.run(
        [sys.executable, "bench/app.py", *asked], cwd=ROOT, env=os.environ | names, check=True
    )
    found = json.loads((tmp_path / "app.json").read_text())
    assert found["batching_gain"] > 0
    assert list(found["visitors"]) == ["1", "3"]
    for seen in found["visitors"].values():
        assert seen["errors"] == 0
        assert set(seen) == {
            "first_paint_s", "upload_p50_ms", "upload_p95_ms", "slider_p50_ms", "errors", "rss_mb"
        }  # fmt: skip
        assert all(value > 0 for name, value in seen.items() if name != "errors")
