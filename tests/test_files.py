"""Files: whole or not at all, whoever else writes, and whenever the process is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from read_only import run_read_only

from helpers.files import atomic_write, file_lock, read_json, tree_size, write_json

WRITER = """
import sys
from helpers.files import atomic_write
for _ in range(200):
    with atomic_write(sys.argv[1], durable=True) as file:
        for _ in range(64):
            file.write(sys.argv[2].encode() * 4096)
"""


def child(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("durable", [False, True])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, durable):
    path = tmp_path / "new folder" / "file"
    with atomic_write(path, durable) as file:
        file.write(b"old")
    with pytest.raises(RuntimeError), atomic_write(path, durable) as file:  # noqa: PT012
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path):
    with atomic_write(tmp_path / ("x" * 255)) as file:
        file.write(b"1")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"1"


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_two_processes_can_write_one_file_at_once(tmp_path):
    path = tmp_path / "file"
    writers = [child(WRITER, path, letter) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 64 * 4096
            seen.add(len(set(content)))
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen <= {1}  # never a mixture of the two
    assert len(path.read_bytes()) == 64 * 4096
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_or_the_new_content(tmp_path):
    path = tmp_path / "file"
    for _ in range(10):
        writer = child(WRITER, path, "a")
        while not path.exists():
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert path.read_bytes() == b"a" * 64 * 4096
        assert all(p == path or p.name.startswith(".") for p in tmp_path.iterdir())


def test_json_comes_back_and_damage_reads_as_empty(tmp_path):
    path = tmp_path / "a" / "b.json"
    assert read_json(path) == {}
    write_json(path, {"ä": [1, None]})
    assert read_json(path) == {"ä": [1, None]}
    for damaged in (b"{", b"[1]", b"\xff"):
        path.write_bytes(damaged)
        assert read_json(path) == {}
    path.unlink()
    path.mkdir()
    assert read_json(path) == {}


HOLDER = """
import sys, time
from helpers.files import file_lock
with file_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_held_by_one_process_and_freed_by_its_death(tmp_path):
    path = tmp_path / "folder" / "lock"
    holder = child(HOLDER, path)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError), file_lock(path):
        pass
    told = []
    with file_lock(path, on_wait=lambda: (told.append(1), os.kill(holder.pid, signal.SIGKILL))):
        assert told == [1]
    holder.wait()
    with file_lock(path, on_wait=lambda: told.append(2)):
        assert told == [1]


def test_tree_size_counts_files_and_folders_and_forgives_what_is_gone(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"123")
    (tmp_path / "d").write_bytes(json.dumps("12").encode())
    (tmp_path / "a" / "broken").symlink_to(tmp_path / "nowhere")
    assert tree_size(tmp_path) == 7
    assert tree_size(tmp_path / "a", tmp_path / "d", tmp_path / "gone") == 7
    assert tree_size() == 0


LOCKER = """
import sys
from helpers.files import file_lock
for name in ("lock", "new folder/lock"):
    with file_lock(f"{sys.argv[1]}/{name}"):
        print("ran")
"""


def test_where_nothing_can_be_written_no_lock_is_needed(tmp_path):
    assert run_read_only(tmp_path, LOCKER) == "ran\nran\n"
    assert not list(tmp_path.iterdir())
