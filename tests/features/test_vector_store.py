"""The vector store: whatever is interrupted, changed, added or removed, it stays right."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from helpers.dataset.pictures import Picture
from helpers.features import vector_store
from helpers.features.vector_store import (
    Store,
    StoreError,
    open_for_writing,
    read_file,
)

PROVENANCE = {"extractor": "vgg16-conv5-max-224", "weights": "abc", "dim": 8}


def picture(folder, name, content=None):
    """Return a Picture whose file holds `content`."""
    path = folder / f"{name}.bin"
    path.write_bytes((content or name).encode())
    return Picture(name, path)


def vector(name):
    """Return a vector that only `name` has."""
    return np.random.default_rng(list(name.encode())).normal(size=8).astype("f")


def add(store, *pictures):
    """Append pictures with their own vectors."""
    store.append([read_file(p)[0] for p in pictures], np.stack([vector(p.id) for p in pictures]))


def only(folder, pattern):
    """Return the one file in `folder` that matches."""
    (path,) = folder.glob(pattern)
    return path


def holds(store, ids):
    """Return whether the store gives each of `ids` its own vector."""
    return np.array_equal(store.vectors(ids), np.stack([vector(name) for name in ids]))


@pytest.fixture
def three(tmp_path):
    """Three pictures with their files."""
    return [picture(tmp_path, name) for name in ("a", "b", "c")]


def test_what_was_appended_is_there_after_reopening(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, three[0])
        add(store, *three[1:])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert all(store.done(p) for p in three)
        assert holds(store, ["c", "a", "b"])
    part = {"part": store.manifest["part"]}
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert manifest == {**PROVENANCE, "dtype": "float32", "skipped": []} | part


@pytest.mark.parametrize("file", ["vectors-*.f32", "rows-*.jsonl"])
@pytest.mark.parametrize("extra", [b"x", b'{"id": "half', bytes(64)])
def test_what_was_not_committed_is_dropped(tmp_path, three, file, extra):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three[:2])
    with only(tmp_path / "s", file).open("ab") as end:
        end.write(extra)
    assert holds(Store(tmp_path / "s", PROVENANCE), ["a", "b"])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert not store.done(three[2])
        add(store, three[2])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert holds(store, ["a", "b", "c"])


@pytest.mark.parametrize("file", ["vectors-*.f32", "rows-*.jsonl"])
def test_a_file_cut_short_loses_its_end_and_nothing_else(tmp_path, three, file):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    path = only(tmp_path / "s", file)
    os.truncate(path, path.stat().st_size - 3)
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert [store.done(p) for p in three] == [True, True, False]
        assert holds(store, ["a", "b"])
        add(store, three[2])
    assert holds(Store(tmp_path / "s", PROVENANCE), ["a", "b", "c"])


def test_a_damaged_line_ends_what_counts(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    path = only(tmp_path / "s", "rows-*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'{"id": "b"', b"\0" * 10))
    assert list(Store(tmp_path / "s", PROVENANCE).row_of) == ["a"]
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert [store.done(p) for p in three] == [True, False, False]
        add(store, three[2])
    assert holds(Store(tmp_path / "s", PROVENANCE), ["a", "c"])


@pytest.mark.parametrize("key", PROVENANCE)
def test_another_provenance_is_refused_and_both_are_named(tmp_path, three, key):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    other = {**PROVENANCE, key: 16 if key == "dim" else "vgg16-conv5-avg-224"}
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "s", other)
    assert repr(PROVENANCE[key]) in str(caught.value)
    assert repr(other[key]) in str(caught.value)


def test_a_changed_file_is_not_done_but_a_touched_one_is(tmp_path, three, monkeypatch):
    monkeypatch.setattr(vector_store, "FRESH_NS", 0)
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        store.compact(["a", "b", "c"])
    three[0].path.write_bytes(b"X")  # as many bytes as before
    os.utime(three[1].path, ns=(1, 1))
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert [store.done(p) for p in three] == [False, True, True]
        store.compact(["b", "c"])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        status = three[1].path.stat()
        known = store.fingerprints[0]
        assert (known.mtime_ns, known.ctime_ns) == (1, status.st_ctime_ns), "not remembered"
        assert holds(store, ["b", "c"])


def test_new_times_alone_are_remembered(tmp_path, three, monkeypatch):
    monkeypatch.setattr(vector_store, "FRESH_NS", 0)
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        os.utime(three[1].path, ns=(1, 1))
        assert all(store.done(p) for p in three)
        store.compact(["a", "b", "c"])
    assert Store(tmp_path / "s", PROVENANCE).fingerprints[1].mtime_ns == 1


def test_a_missing_file_is_not_done(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        three[1].path.unlink()
        assert [store.done(p) for p in three] == [True, False, True]


def assert_tidy(store):
    """Check that there are only the files that count."""
    part = store.manifest["part"]
    files = sorted(path.name for path in store.folder.iterdir())
    assert files == ["lock", "manifest.json", f"rows-{part}.jsonl", f"vectors-{part}.f32"]


def test_compact_orders_drops_what_is_gone_and_keeps_what_was_not_asked_for(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        three[0].path.unlink()
        store.compact(["c"], [("x.jpg", "it is empty")])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert list(store.row_of) == ["c", "b"]
        assert holds(store, ["c", "b"])
        assert store.manifest["skipped"] == [["x.jpg", "it is empty"]]
        assert_tidy(store)


def test_done_again_replaces(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        store.append([read_file(three[0])[0]], vector("new")[None])
        store.compact(["a", "b", "c"])
        assert np.array_equal(store.vectors(["a"])[0], vector("new"))
        assert holds(store, ["b", "c"])
        assert len(store.fingerprints) == 3


def test_changing_what_was_returned_changes_no_file(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        store.vectors(["a", "b", "c"])[:] = 0
    assert holds(Store(tmp_path / "s", PROVENANCE), ["a", "b", "c"])


def test_some_columns_are_those_of_the_whole_rows(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        for columns in (slice(0, 3), slice(3, 8), slice(7, 8)):
            expected = np.stack([vector(name)[columns] for name in ("c", "a", "b")])
            assert np.array_equal(store.vectors(["c", "a", "b"], columns), expected)
        assert store.vectors([], slice(2, 5)).shape == (0, 3)


def test_rows_beyond_a_thousand_come_in_the_order_asked_for(tmp_path, three):
    table = np.random.default_rng(0).normal(size=(2500, 8)).astype("f")
    order = np.random.default_rng(1).permutation(2500)
    known, _ = read_file(three[0])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        store.append([replace(known, id=f"{n}") for n in range(2500)], table)
        found = store.vectors([f"{n}" for n in order], slice(2, 5))
    assert np.array_equal(found, table[order, 2:5])


def test_who_had_opened_a_store_reads_its_old_rows_after_another_replaced_them(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    reader = Store(tmp_path / "s", PROVENANCE)
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        store.compact(["c", "a", "b"])
    assert not reader._files[0].exists()
    assert holds(reader, ["a", "b", "c"])


def test_a_thread_left_behind_writes_no_more(tmp_path, three):
    """A second Ctrl-C doesn't wait for the batch; by then another run may be writing."""
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, three[0])
    with pytest.raises(StoreError):
        add(store, three[1])
    assert list(Store(tmp_path / "s", PROVENANCE).row_of) == ["a"]


LARGE = """
import sys
from pathlib import Path
import numpy as np
from helpers.features.vector_store import Fingerprint, open_for_writing
rows, dim = 17_125, 2560

def resident(key):
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{key}:")[1].split()[0]) * 1024

with open_for_writing(Path(sys.argv[2]), {"dim": dim}) as store:
    for start in range(0, rows, 1000):
        numbers = range(start, min(rows, start + 1000))
        prints = [Fingerprint(f"{n}", "p", 1, 1, "0") for n in numbers]
        store.append(prints, np.full((len(prints), dim), start, np.float32))
    names = [*store.row_of]
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    found = store.vectors(names, slice(512, 1024))
    print(resident("VmHWM") - before - found.nbytes)
    assert found.shape == (rows, 512)
    assert (found[:, 0] == np.arange(rows) // 1000 * 1000).all()
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="only Linux tells peaks")
def test_reading_one_pooling_of_all_of_voc_takes_little_beyond_the_result(tmp_path):
    """The table on disk takes 175 MB."""
    with start(LARGE, tmp_path / "s") as child:
        said, _ = child.communicate(timeout=600)
    assert child.returncode == 0
    assert int(said) < 60e6


def test_two_programs_cannot_write_but_one_can_read_meanwhile(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        code = "import sys; from helpers.features import vector_store as v\n"
        code += "with v.open_for_writing(sys.argv[1], {'dim': 8}): print('it may write')"
        second = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "s"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "StoreError: Another program is writing to" in second.stderr
        assert second.stdout == ""
        assert holds(Store(tmp_path / "s", PROVENANCE), ["a", "b", "c"])


def test_a_store_written_by_an_earlier_version_is_read_and_continued(tmp_path, three):
    folder = tmp_path / "s"
    folder.mkdir()
    manifest = {**PROVENANCE, "dtype": "float32", "part": 2, "count": 2, "skipped": []}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    np.stack([vector("a"), vector("b")]).astype("<f4").tofile(folder / "vectors-2.f32")
    with (folder / "rows-2.jsonl").open("w") as rows:
        for each in three[:2]:
            status, digest = each.path.stat(), hashlib.sha256(each.path.read_bytes()).hexdigest()
            rows.write(
                f'{{"id": "{each.id}", "path": "{each.path}", "size": {status.st_size}, '
                f'"mtime_ns": {status.st_mtime_ns}, "sha256": "{digest}"}}\n'
            )
    assert holds(Store(folder, PROVENANCE), ["a", "b"])
    with open_for_writing(folder, PROVENANCE) as store:
        assert [store.done(p) for p in three] == [True, True, False]
        add(store, three[2])
    assert holds(Store(folder, PROVENANCE), ["a", "b", "c"])


def test_a_damaged_manifest_means_starting_over(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    (tmp_path / "s" / "manifest.json").write_text('{"dim": 8, "ext')
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert not any(store.done(p) for p in three)
        add(store, three[2])
    assert holds(Store(tmp_path / "s", PROVENANCE), ["c"])


def test_what_a_killed_rewrite_left_is_not_taken_for_data(tmp_path, three):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
    for name in ("vectors-1.f32", "rows-1.jsonl", ".0123.part"):
        (tmp_path / "s" / name).write_bytes(b"half of something")
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        store.compact(["c", "a"])
        assert holds(store, ["c", "a", "b"])
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        assert holds(store, ["c", "a", "b"])
        assert_tidy(store)


def test_an_empty_store_gives_no_vectors(tmp_path):
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        store.compact([])
        assert store.vectors([]).shape == (0, 8)


WRITER = """
import sys; sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from test_vector_store import PROVENANCE, add, open_for_writing, picture
folder = Path(sys.argv[2])
with open_for_writing(folder / "s", PROVENANCE) as store:
    for number in range(10_000):
        one = picture(folder, f"p{number}")
        if not store.done(one):
            add(store, one)
            print(one.id, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_loses_at_most_one_batch(tmp_path):
    promised = set()
    for pause in range(20):
        tests = os.path.dirname(__file__)
        command = [sys.executable, "-c", WRITER, tests, tmp_path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(1 + pause % 7):
                promised.add(writer.stdout.readline().strip())
            writer.kill()
            promised |= set(writer.stdout.read().split())
        with open_for_writing(tmp_path / "s", PROVENANCE) as store:
            assert promised <= set(store.row_of), "what was reported as done is gone"
            assert len(store.row_of) <= len(promised) + 20
            assert holds(store, list(store.row_of))


def test_the_times_of_a_file_that_has_just_changed_are_not_trusted(tmp_path):
    # Not every system can tell two changes within two seconds apart, so this asks for the rule.
    fresh, _ = read_file(picture(tmp_path, "a"))
    assert (fresh.mtime_ns, fresh.ctime_ns) == (-1, -1)
    old, status = read_file(Picture("old", os.__file__))[0], os.stat(os.__file__)
    assert (old.mtime_ns, old.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)


def test_a_file_replaced_at_once_by_one_of_the_same_size_is_noticed(tmp_path):
    one = picture(tmp_path, "a", "0000")
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        for number in range(1, 100):
            known, _ = read_file(one)
            one.path.write_bytes(f"{number:04}".encode())
            store.append([known], vector("a")[None])
            assert not store.done(one)


def test_two_old_pictures_that_changed_places_are_noticed(tmp_path, three, monkeypatch):
    monkeypatch.setattr(vector_store, "FRESH_NS", 0)
    for each in three:
        os.utime(each.path, ns=(1, 1))  # as an archive leaves them
    with open_for_writing(tmp_path / "s", PROVENANCE) as store:
        add(store, *three)
        os.rename(three[0].path, tmp_path / "aside")
        os.rename(three[1].path, three[0].path)
        os.rename(tmp_path / "aside", three[1].path)
        assert [store.done(p) for p in three] == [False, False, True]


REWRITER = """
import sys; sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from test_vector_store import PROVENANCE, add, open_for_writing, picture
folder, turns = Path(sys.argv[2]), int(sys.argv[3])
pictures = [picture(folder, f"p{number:02}") for number in range(30)]
for turn in range(turns):
    with open_for_writing(folder / "s", PROVENANCE) as store:
        for each in pictures[turn % 7 :: 7]:
            each.path.touch() if each.path.exists() else None
        add(store, *pictures[turn % 7 :: 7])
        names = [each.id for each in pictures if each.id in store.row_of]
        store.compact(names[turn % 3 :] + names[: turn % 3])
    if turn == 6:
        print("all there", flush=True)
"""

READER = """
import sys; sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from test_vector_store import PROVENANCE, Store, holds
folder, stop, times, orders = Path(sys.argv[2]), Path(sys.argv[3]), 0, set()
while not stop.exists() or not times:
    store = Store(folder, PROVENANCE)
    names = list(store.row_of)
    assert len(names) == 30, f"{len(names)} of 30 rows"
    assert holds(store, names)
    orders.add(tuple(names))
    times += 1
print(times, len(orders))
"""


def start(code, *arguments, **options):
    """Start Python code in a process of its own."""
    command = [sys.executable, "-c", code, os.path.dirname(__file__), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


@pytest.mark.slow
def test_who_reads_while_others_write_has_all_the_old_rows_or_all_the_new(tmp_path):
    stop = tmp_path / "stop"
    with start(REWRITER, tmp_path, 400) as writer:
        assert writer.stdout.readline() == "all there\n"
        readers = [start(READER, tmp_path / "s", stop, stderr=subprocess.PIPE) for _ in range(2)]
        assert writer.wait(600) == 0
        stop.touch()
    for reader in readers:
        said, errors = reader.communicate(timeout=600)
        assert errors == ""
        times, orders = map(int, said.split())
        assert times > 1
        assert orders > 1, "it was read only before or after everything"
