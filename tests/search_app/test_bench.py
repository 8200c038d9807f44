"""`make bench` goes on without a browser."""

import subprocess
import sys

from helpers.settings import ROOT


def test_without_chromium_the_bench_says_in_a_sentence_what_it_skips(tmp_path):
    done = subprocess.run(
        [sys.executable, "bench/app.py"], cwd=ROOT, env={"PATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "not measured, because Chromium is not installed" in done.stdout
