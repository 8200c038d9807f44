"""What several test files share: the real weights, the real photographs, and loud skips."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import settings as _settings

VOC_SUBSET = Path(
    os.environ.get("BOOTCAMP_TEST_VOC")
    or _settings.ROOT.parent / "shared" / "voc" / "voc2012-subset.tar"
)
TEST_DATA = _settings.ROOT / "build" / "test-data"


def require(present, reason):
    """Skip the test when something is absent; under CI, which installs it, fail instead."""
    if not present:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"ABSENT: {reason}")


@pytest.fixture
def here(tmp_path):
    """Settings that keep everything in the test's own folder and never touch the network."""
    return _settings.from_environment(
        {"BOOTCAMP_DATA": str(tmp_path), "BOOTCAMP_DATASET": "sample", "BOOTCAMP_OFFLINE": "1"}
    )


@pytest.fixture(scope="session")
def shared_settings():
    """Settings whose data folder outlives the run, so that the weights are fetched only once."""
    return replace(_settings.from_environment({"BOOTCAMP_DATA": str(TEST_DATA)}), dataset="sample")


@pytest.fixture(scope="session")
def voc_subset():
    """The path of the real VOC subset; without it tests skip loudly, and fail under CI."""
    require(VOC_SUBSET.exists(), f"real photographs at {VOC_SUBSET}; set BOOTCAMP_TEST_VOC")
    return VOC_SUBSET
