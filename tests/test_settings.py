"""The settings: what each variable means, and what a wrong one says."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.settings import ROOT, from_environment


def test_without_any_variable_everything_has_its_default():
    found = from_environment({})
    assert found.data == ROOT / "data"
    assert found.dataset == "auto"
    assert not found.offline
    assert found.kit is None
    assert found.milvus_uri == str(ROOT / "data" / "milvus.db")
    assert found.voc_mirrors == ()
    assert found.timeout == 20


def test_paths_start_at_the_projects_root_and_addresses_stay(tmp_path):
    env = {"BOOTCAMP_DATA": "../x", "BOOTCAMP_KIT": str(tmp_path), "MILVUS_URI": "http://h:19530"}
    found = from_environment(env)
    assert found.data == ROOT / "../x"
    assert found.kit == tmp_path
    assert found.offline
    assert found.milvus_uri == "http://h:19530"
    assert from_environment({"BOOTCAMP_DATA": "~/x"}).data == Path.home() / "x"
    assert from_environment({"BOOTCAMP_DATA": "../x"}).milvus_uri == str(ROOT / "../x/milvus.db")


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("YES", True), ("0", False), ("", False)])
def test_the_offline_flag_takes_the_usual_words(text, flag):
    assert from_environment({"BOOTCAMP_OFFLINE": text}).offline is flag


@pytest.mark.parametrize(
    "env",
    [{"BOOTCAMP_OFFLINE": "perhaps"}, {"BOOTCAMP_TIMEOUT": "0"}, {"BOOTCAMP_TIMEOUT": "soon"}],
)
def test_a_wrong_value_names_its_variable_and_what_to_set(env):
    name = next(iter(env))
    with pytest.raises(ValueError, match=rf"{name} is .* Set it to"):
        from_environment(env)


def test_mirrors_are_parted_by_blanks():
    found = from_environment({"BOOTCAMP_VOC_MIRRORS": "http://a/x.tar  http://b/y.tar"})
    assert found.voc_mirrors == ("http://a/x.tar", "http://b/y.tar")


def test_importing_the_data_helpers_is_light_and_touches_no_disk(tmp_path):
    code = """
import sys
import helpers.settings, helpers.dataset.voc, helpers.dataset.pictures, helpers.fetch.download
heavy = {"tensorflow", "matplotlib", "requests", "pymilvus", "pandas"} & set(sys.modules)
print(sorted(heavy))
"""
    before = sorted(tmp_path.iterdir())
    env = {"BOOTCAMP_DATA": str(tmp_path / "data"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert sorted(tmp_path.iterdir()) == before
