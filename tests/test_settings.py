"""The settings: what each variable means, and what a wrong one says."""

import os
from pathlib import Path

import pytest

from helpers.errors import PlainError
from helpers.settings import ROOT, SettingsError, from_environment


def test_without_any_variable_everything_has_its_default():
    found = from_environment({})
    assert found.data == ROOT / "data"
    assert found.dataset == "auto"
    assert not found.offline
    assert found.kit is None
    assert found.milvus_uri == str(ROOT / "data" / "milvus.db")
    assert found.voc_mirrors == ()
    assert found.timeout == 20
    assert found.least_rate == 4000
    assert found.rate_window == 60


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
    [
        {"BOOTCAMP_OFFLINE": "perhaps"},
        {"BOOTCAMP_TIMEOUT": "0"},
        {"BOOTCAMP_TIMEOUT": "soon"},
        {"BOOTCAMP_LEAST_RATE": "inf"},
        {"BOOTCAMP_DATA": "~nosuchuser/data"},
        {"BOOTCAMP_KIT": "~nosuchuser"},
        {"BOOTCAMP_ROOTS": f"{ROOT}{os.pathsep}~nosuchuser"},
        {"KERAS_HOME": "~nosuchuser"},
        {"MILVUS_URI": "~nosuchuser/milvus.db"},
        {"BOOTCAMP_DATA": __file__},
        {"BOOTCAMP_DATA": f"{__file__}/data"},
    ],
)
def test_a_wrong_value_names_its_variable_and_what_to_set(env):
    name = next(iter(env))
    with pytest.raises(SettingsError, match=rf"{name} is .* Set it to"):
        from_environment(env)
    assert issubclass(SettingsError, PlainError)


def test_mirrors_are_separated_by_spaces():
    found = from_environment({"BOOTCAMP_VOC_MIRRORS": "http://a/x.tar  http://b/y.tar"})
    assert found.voc_mirrors == ("http://a/x.tar", "http://b/y.tar")


def test_roots_are_the_data_and_the_project_unless_named(tmp_path):
    elsewhere = tmp_path / "data"
    assert from_environment({"BOOTCAMP_DATA": str(elsewhere)}).roots == (elsewhere, ROOT)
    named = from_environment({"BOOTCAMP_ROOTS": os.pathsep.join([str(tmp_path), "", "~"])})
    assert named.roots == (tmp_path, Path.home())


def test_roots_are_resolved_through_links(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert from_environment({"BOOTCAMP_ROOTS": str(tmp_path / "link")}).roots == (
        tmp_path / "real",
    )
    assert tmp_path / "real" in from_environment({"BOOTCAMP_DATA": str(tmp_path / "link")}).roots


def test_precision_and_keras_home_come_from_the_environment(tmp_path):
    assert from_environment({}).precision == "auto"
    assert from_environment({"BOOTCAMP_PRECISION": "int8"}).precision == "int8"
    assert from_environment({"BOOTCAMP_PRECISION": " INT8 "}).precision == "int8"
    assert from_environment({}).keras_home == Path.home() / ".keras"
    assert from_environment({"KERAS_HOME": str(tmp_path)}).keras_home == tmp_path


@pytest.mark.parametrize(
    ("text", "wanted"), [("", "auto"), ("none", "none"), (" 384 ", "384"), ("NONE", "none")]
)
def test_the_tuning_comes_from_the_environment(text, wanted):
    assert from_environment({"BOOTCAMP_TUNING": text}).tuning == wanted
    assert from_environment({}).tuning == "auto"


def test_the_official_archive_is_the_published_one():
    release = from_environment({}).voc_release
    assert release.size == 1_999_639_040
    assert dict(release.digests)["md5"] == "6cd6e144f989b92b3379bac3b3de84fd"
    assert dict(release.counts)["pictures"] == 17_125
    assert all(url.endswith(release.file) for url in release.urls)
