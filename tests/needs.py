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
# Two at once may not write the same vectors, so the second of two processes has its own folder.
_SECOND = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw0")
TEST_DATA = ROOT / "build" / (f"test-data-{_SECOND}" if _SECOND else "test-data")


def require(present, reason):
    """Skip the test when something is absent; under CI, which installs it, fail instead."""
    if not present:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"ABSENT: {reason}")
