"""Milvus: free, held by whom, absent. Jupyter: started with our configuration, or not."""

import subprocess
import sys
from dataclasses import replace

import pytest

from helpers.course.setup import programs
from helpers.index import connection
from helpers.settings import ROOT

HOLD = """
import sys
from helpers.index import connection
connection.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_database_that_does_not_exist_is_not_made(here):
    check = programs.milvus(here)
    assert check.ok
    assert check.brief == "Milvus Lite free"
    assert list(here.data.iterdir()) == []


def test_a_database_is_held_by_another_process_and_then_free(here):
    uri, code = here.milvus_uri, [sys.executable, "-c", HOLD, here.milvus_uri]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(code, cwd=ROOT, **pipes) as other:
        assert other.stdout.readline() == "held\n"
        check = programs.milvus(here)
        other.communicate("")
    assert check.ok is False
    assert check.brief == "Milvus Lite held"
    assert f"in use by process {other.pid}" in check.found
    assert check.fix.startswith("End it")
    assert programs.milvus(here).ok
    with open(f"{uri}/LOCK", "rb") as file:
        assert connection.milvus_lite.try_lock(file)  # the check gave it back


def test_a_database_that_can_never_be_made_is_wrong(here):
    (here.data / "file").touch()
    check = programs.milvus(replace(here, milvus_uri=str(here.data / "file" / "x.db")))
    assert (check.ok, check.brief) == (False, "Milvus Lite not writable")


def test_a_server_that_is_not_there(here):
    check = programs.milvus(replace(here, milvus_uri="http://127.0.0.1:9"))
    assert check.ok is False
    assert check.found.startswith("No Milvus server answers at http://127.0.0.1:9")
    assert "127.0.0.1" not in check.brief


def test_a_database_whose_name_is_wrong(here):
    check = programs.milvus(replace(here, milvus_uri=str(here.data / "milvus.lite")))
    assert check.ok is False
    assert check.fix.startswith("Set it to")
    assert check.brief == "Milvus Lite wrong"


PARENT = """
import subprocess, sys
code = "from helpers.course.setup import programs as p; c = p.uploads(); print(c.ok, c.found)"
subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": sys.argv[-1], "PATH": ""})
"""


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("jupyter-lab", ["--config=jupyter_server_config.json"], "True pictures of up to 100"),
        ("jupyter-lab", [], "None pictures of up to 10 MB"),
        ("editor", [], "None no Jupyter server started this"),
    ],
)
def test_the_server_that_started_a_kernel_is_recognised(name, options, told, tmp_path):
    program = tmp_path / "bin" / name  # its own folder, so that no name above has "jupyter"
    program.parent.mkdir()
    program.write_text(PARENT)
    (tmp_path / "jupyter_server_config.json").write_text("{}")  # Jupyter doesn't look there
    command = [sys.executable, str(program), *options, str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(told), done.stdout + done.stderr
