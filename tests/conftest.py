"""What several test files share: settings of their own, the real weights, the real photographs."""

from dataclasses import replace

import pytest
from milvus_server import running_server, there  # noqa: F401  here, so that all share one server
from needs import TEST_DATA, VOC_SUBSET, require

from helpers import settings as _settings


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Make what a test printed fit to be sent between processes, undecodable file names too."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items):
    """Let a file's tests share a process and what they prepared, but deal whole courses singly."""
    for item in items:
        alone = item.path.name == "test_whole_course.py"
        item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else str(item.path)))
