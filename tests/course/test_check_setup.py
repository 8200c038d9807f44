"""Notebook 00 and `make check`: whatever is wrong is a line, and never a traceback."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.course import check_setup
from helpers.course.run_notebooks import NOTEBOOKS
from helpers.course.setup import programs
from helpers.course.setup.check import Check, from_error, guarded
from helpers.errors import PlainError
from helpers.settings import ROOT

PATH = NOTEBOOKS / "00_check_your_setup.ipynb"
DATABASE = ("MILVUS_URI", "MILVUS_TOKEN")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Set the environment to an empty data folder, offline, on the sample; return the folder."""
    folder = tmp_path / "data of Ada"
    for name in (*DATABASE, "BOOTCAMP_KIT", "BOOTCAMP_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BOOTCAMP_DATA", str(folder))
    monkeypatch.setenv("BOOTCAMP_DATASET", "sample")
    monkeypatch.setenv("BOOTCAMP_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return folder


def cell(name):
    cells = nbformat.read(PATH, as_version=4).cells
    return next(each.source for each in cells if each.id == name)


# The lines


def test_a_line_says_sign_name_and_what_helps():
    assert str(Check("disk", True, "40 GB free")) == "✓ disk      40 GB free"
    assert str(Check("disk", None, "full soon")).startswith("· disk")
    assert str(Check("disk", False, "full", "Free some.")).endswith("\n            → Free some.")


def test_long_lines_are_broken_but_never_a_path():
    path = "/" + "long-folder-name/" * 12
    text = str(Check("disk", False, "word " * 40, f"cd {path} now"))
    assert path in text
    assert all(len(line) <= 100 for line in text.splitlines() if path not in line)


def test_an_error_of_ours_becomes_what_happened_and_what_helps():
    check = from_error("disk", PlainError("The disk x.y is full (28.5). Free some. Then go on."))
    assert (check.ok, check.found) == (False, "The disk x.y is full (28.5).")
    assert check.fix == "Free some. Then go on."
    assert from_error("disk", PlainError("no full stop")).found == "no full stop"


def test_any_other_error_becomes_a_line_that_names_it():
    def broken():
        raise ZeroDivisionError

    check = guarded("disk", broken)
    assert check.ok is False
    assert "ZeroDivisionError: no message" in check.found
    with pytest.raises(KeyboardInterrupt):
        guarded("disk", lambda: exec("raise KeyboardInterrupt"))


# All of them


def test_a_quick_check_tells_all_and_leaves_no_weights_and_no_database(
    environment, tmp_path, capsys
):
    report = check_setup.run(quick=True)
    names = [check.name for check in report.checks]
    assert names == [
        *["Python", "memory", "packages", "folder", "pictures", "disk", "weights"],
        *["Milvus", "uploads", "processor", "search"],
    ]
    assert "weights" in report.wrong
    assert list(tmp_path.iterdir()) == [environment]
    made = {path.name for path in environment.iterdir()}
    assert made <= {"checks", "ledgers", "datasets"}  # no weights, no database
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == report.line
    assert all(str(check) in told for check in report.checks)
    assert len(report.trial.hits) == 3


def test_the_line_for_the_teacher_is_one_line_without_a_path(environment, monkeypatch):
    monkeypatch.setenv("MILVUS_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("BOOTCAMP_DATASET", str(environment / "my pictures"))
    line = check_setup.run(quick=True).line
    assert line.startswith("bootcamp-check: ")
    assert re.search(r"\d ✗ \(.*pictures.*weights.*Milvus.*\) \| ", line)
    assert f"Python {sys.version.split()[0]}" in line
    assert "\n" not in line
    for private in ("Ada", "127.0.0.1", "my pictures", str(ROOT), "/home", "\\"):
        assert private not in line
    assert not re.search(r"/(?!s\b)", line)  # but for "pictures/s"


def test_a_data_folder_that_is_a_file_is_one_line(environment, capsys):
    environment.write_text("a file")
    assert check_setup.main(["--quick"]) == 1
    told = capsys.readouterr().out
    assert "✗ settings" in told
    assert "is a file." in " ".join(told.split())
    assert "Traceback" not in told
    assert "Ada" not in told.splitlines()[-1]


def test_a_tuning_that_nobody_knows_is_said_before_notebook_04_is(environment, monkeypatch, capsys):
    monkeypatch.setenv("BOOTCAMP_TUNING", "foo")
    assert check_setup.run(quick=True).wrong == ["settings"]
    assert "Unknown tuning 'foo'" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="ABSENT: /proc, where nobody may write")
def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_searched(environment, monkeypatch):
    monkeypatch.setenv("BOOTCAMP_DATA", "/proc/data")
    report = check_setup.run(quick=True)
    assert {"folder", "Milvus"} <= set(report.wrong)
    assert not any("Error" in check.found for check in report.checks)
    assert report.trial is None


def test_a_check_that_breaks_does_not_stop_the_others(environment, monkeypatch, capsys):
    def broken():
        raise RuntimeError(f"something in {environment}")

    monkeypatch.setattr(programs, "uploads", broken)
    report = check_setup.run(quick=True)
    assert "uploads" in report.wrong
    assert report.checks[-1].name == "search"
    assert "RuntimeError: something in" in capsys.readouterr().out
    assert "Ada" not in report.line


def test_only_what_is_wrong_makes_the_exit_status_one(environment, monkeypatch):
    found = {"ok": True}
    monkeypatch.setattr(check_setup, "_ask_for", lambda settings, report, quick: report.add(
        Check("all", found["ok"], "said")))  # fmt: skip
    monkeypatch.setattr(check_setup.computer, "memory", lambda: Check("memory", None, "little"))
    assert check_setup.main([]) == 0
    found["ok"] = False
    assert check_setup.main([]) == 1


def test_a_terminal_without_ticks_gets_them_as_utf8(environment):
    command = [sys.executable, "-m", "helpers.course.check_setup", "--quick"]
    environ = {"PYTHONIOENCODING": "cp1252", "BOOTCAMP_DATA": str(environment), "PATH": ""}
    environ |= {"BOOTCAMP_OFFLINE": "1", "BOOTCAMP_DATASET": "sample", "HOME": str(environment)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)
    assert done.returncode == 1  # there are no weights
    told = done.stdout.decode("utf-8")
    assert "✓ Python" in told
    assert "✗ weights" in told
    assert b"Traceback" not in done.stderr


def test_make_check_runs_it():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rule = re.search(r"^check: .*\n\t(.+)$", makefile, re.M)[1]
    assert rule == "$(BIN)/python -m helpers.course.check_setup"


# The notebook


def first_cell(*options):
    """Run the notebook's first cell in another Python, in the notebook's folder."""
    command = [sys.executable, *options, "-c", cell("setup")]
    return subprocess.run(command, cwd=NOTEBOOKS, capture_output=True, text=True, check=False)


def test_the_first_cell_knows_the_right_kernel():
    done = first_cell()
    assert done.returncode == 0, done.stderr
    assert "✓ The course is installed" in done.stdout


def test_the_first_cell_survives_a_wrong_kernel_and_names_it():
    done = first_cell("-S", "-I")  # as a Python without any package
    assert done.returncode == 0, done.stderr
    assert "✗ The course isn't installed" in done.stdout
    assert sys.executable in done.stdout
    assert "make lab" in done.stdout


def test_somebody_elses_helpers_are_not_the_course(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{cell('setup')}"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=NOTEBOOKS, capture_output=True, text=True, check=False)
    assert "✗ The course isn't installed" in done.stdout, done.stderr


def test_the_first_cell_needs_nothing_but_pythons_own_modules():
    imported = re.findall(r"^(?:from|import) (\w+)", cell("setup"), re.M)
    assert imported
    assert set(imported) <= sys.stdlib_module_names


def test_the_table_explains_every_check(environment):
    told = re.findall(r"^\| ([\w, ]+) \|", cell("checks-after"), re.M)
    explained = {name for row in told for name in row.split(", ")}
    names = {check.name for check in check_setup.run(quick=True).checks}
    assert names | {"settings", "kit", "GPU", "speed"} <= explained
