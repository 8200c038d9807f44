"""Python, packages, memory, disk, folder, processor: each check is broken, and says so."""

import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from read_only import run_read_only

from helpers.course.setup import computer
from helpers.features import runtime
from helpers.settings import ROOT


def test_this_environment_is_right():
    for check in (computer.python(), computer.packages()):
        assert check.ok, str(check)
    assert computer.python().brief == f"Python {sys.version.split()[0]}"


@pytest.mark.parametrize(
    ("version", "ok"),
    [((3, 10, 14), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)],
)
def test_only_the_pythons_that_the_project_names_are_right(version, ok):
    check = computer.python(version)
    assert check.ok is ok
    assert check.brief == "Python " + ".".join(map(str, version))


def test_pythons_are_those_of_pyproject():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (low, high) = computer.PYTHONS
    assert f'requires-python = ">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"' in text


def test_a_second_copy_of_the_course_is_noticed(tmp_path):
    (tmp_path / "helpers" / "course" / "setup").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    check = computer.python(cwd=tmp_path / "notebooks")
    assert check.ok is False
    assert f"you are in {tmp_path}" in check.found
    assert computer.python(cwd=ROOT / "notebooks").ok
    assert computer.python(cwd=Path("/")).ok


def lock_of(tmp_path, *lines):
    path = tmp_path / "requirements.lock"
    path.write_text("".join(f"{line} \\\n    --hash=sha256:00\n    # via\n" for line in lines))
    return path


def test_a_missing_package_is_wrong_and_the_command_names_this_python(tmp_path):
    numpy = metadata.version("numpy")
    lock = lock_of(tmp_path, f"numpy=={numpy}", "no-such-thing==1.0", "elsewhere==2 ; os_name=='x'")
    check = computer.packages(lock=lock)
    assert check.ok is False
    assert check.found.startswith("1 of 2 packages")
    assert "no-such-thing" in check.found
    assert check.fix.startswith(f'"{sys.executable}" -m pip install --require-hashes')


def test_a_kit_replaces_the_index_in_the_command(tmp_path, here):
    lock = lock_of(tmp_path, "no-such-thing==1.0")
    fix = computer.packages(replace(here, kit=tmp_path), lock).fix
    assert f'--no-index --find-links "{tmp_path / "wheels"}"' in fix


def test_another_version_is_worth_knowing_and_one_that_pyproject_forbids_is_wrong(
    tmp_path, monkeypatch
):
    lock = lock_of(tmp_path, "idna==1.0")
    check = computer.packages(lock=lock)
    assert check.ok is None
    assert "idna" in check.found
    true = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "numpy" else true(name))
    assert computer.packages(lock=lock).ok is False
    assert "numpy" in computer.packages(lock=lock).brief


def test_little_memory_is_wrong(monkeypatch):
    assert computer.memory(2.6e9).ok
    assert computer.memory(2.4e9).ok is False
    free = namedtuple("free", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free(1.25e9))
    check = computer.memory()
    assert check.ok is False
    assert check.brief == "1.2 GB memory free"


def test_a_full_disk_is_wrong_and_pictures_to_come_need_more(here, monkeypatch):
    usage = shutil.disk_usage(here.data)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3_000_000_000))
    assert computer.disk(here).ok
    assert computer.disk(here, pictures=2.4e9).ok
    check = computer.disk(here, pictures=2.6e9)
    assert check.ok is False
    assert "3.0 GB free" in check.found
    assert "3.1 GB are needed" in check.found


def test_a_data_folder_that_does_not_exist_yet_is_not_made(here):
    settings = replace(here, data=here.data / "not" / "yet")
    assert computer.folder(settings).ok
    assert computer.disk(settings).ok
    assert list(here.data.iterdir()) == []


LOOK = """
import sys
from helpers.course.setup import computer
from helpers.settings import from_environment
check = computer.folder(from_environment({"BOOTCAMP_DATA": sys.argv[1] + "/inside"}))
print(check.ok, check.brief, check.found, sep="\\n")
"""


def test_a_folder_that_cannot_be_written_is_wrong(tmp_path):
    ok, brief, found = run_read_only(tmp_path, LOOK).splitlines()
    assert (ok, brief) == ("False", "data folder not writable")
    assert found == f"Nothing can be written to {tmp_path} (Permission denied)."


def test_a_name_that_is_not_utf8_is_wrong_and_can_be_printed(here):
    check = computer.folder(replace(here, data=Path("/tmp/caf\udce9")))
    assert check.ok is False
    assert "caf\\udce9" in str(check)
    str(check).encode()


def test_spaces_and_accents_in_a_name_are_fine(here):
    place = here.data / "Mes données à moi"
    place.mkdir()
    assert computer.folder(replace(here, data=place)).ok


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/cpuinfo")
def test_a_processor_without_avx_is_wrong(here, tmp_path, monkeypatch):
    monkeypatch.setattr(computer.platform, "machine", lambda: "x86_64")
    info = tmp_path / "cpuinfo"
    info.write_text("flags : sse4_2 avxx\n")
    assert computer.processor(here, info).ok is False
    info.write_text("flags : sse4_2 avx\n")
    assert computer.processor(here, info).ok
    assert computer.processor(here, tmp_path / "none").ok


def test_the_processor_tells_what_auto_takes(here, monkeypatch):
    monkeypatch.setattr(runtime, "cpu_flags", lambda: {"avx2", "avx512f", "avx512_vnni"})
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 3)
    found = computer.processor(here).found
    assert "int8, because this processor has avx512_vnni" in found
    assert "about 33 pictures a second" in found  # 11 a core, as the table of runtime says
    slow = computer.processor(replace(here, precision="float32")).found
    assert "float32, because BOOTCAMP_PRECISION says so" in slow
    assert "about 9 pictures a second" in slow


@pytest.mark.parametrize(("sees", "driver", "ok"), [(True, True, True), (False, True, None)])
def test_a_gpu_is_used_or_the_command_that_makes_it_so_is_told(sees, driver, ok, monkeypatch):
    monkeypatch.setattr(runtime, "has_gpu", lambda: sees)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi" if driver else None)
    monkeypatch.setattr(computer.platform, "system", lambda: "Linux")
    check = computer.gpu()
    assert check.ok is ok
    assert ("and-cuda" in check.fix) is (not sees)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "and-cuda" not in computer.gpu().fix
