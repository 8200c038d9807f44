"""What tests need beyond the repository, and how they say that it isn't here.

A module of its own: with a conftest.py in a folder of tests, `from conftest import …` is ambiguous.
"""

import os
from pathlib import Path

import pytest

from helpers.settings import ROOT

VOC_SUBSET = Path(
    os.environ.get("BOOTCAMP_TEST_VOC") or ROOT.parent / "shared" / "voc" / "voc2012-subset.tar"
)
TEST_DATA = ROOT / "build" / "test-data"


def require(present, reason):
    """Skip the test when something is absent; under CI, which installs it, fail instead."""
    if not present:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"ABSENT: {reason}")
