"""The store of vectors: whatever is interrupted, changed, added or removed, it stays right."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from helpers.dataset.pictures import Picture
from helpers.features.vector_store import Fingerprint, Store, StoreError, digest, stat

HOW = {"extractor": "vgg16-conv5-max-224", "weights": "abc", "dim": 8}


def picture(folder, name, content=None):
    """Return a Picture whose file holds `content`."""
    path = folder / f"{name}.bin"
    path.write_bytes((content or name).encode())
    return Picture(name, path)


def row(picture):
    """Return the Fingerprint of a picture's file as it is now."""
    content = picture.path.read_bytes()
    return Fingerprint(picture.id, str(picture.path), *stat(picture.path), digest(content))


def vector(name):
    """Return a vector that only `name` has."""
    return np.random.default_rng(list(name.encode())).normal(size=8).astype("f")


def add(store, *pictures):
    """Append pictures with their own vectors."""
    store.append([row(p) for p in pictures], np.stack([vector(p.id) for p in pictures]))


def holds(store, ids):
    """Return whether the store gives each of `ids` its own vector."""
    return np.array_equal(store.vectors(ids), np.stack([vector(name) for name in ids]))


@pytest.fixture
def three(tmp_path):
    """Three pictures with their files."""
    return [picture(tmp_path, name) for name in ("a", "b", "c")]


def test_what_was_appended_is_there_after_reopening(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, three[0])
        add(store, *three[1:])
    with Store(tmp_path / "s", HOW) as store:
        assert all(store.done(p) for p in three)
        assert holds(store, ["c", "a", "b"])
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert manifest == {**HOW, "dtype": "float32", "part": 0, "count": 3}


@pytest.mark.parametrize("file", ["vectors-0.f32", "rows-0.jsonl"])
@pytest.mark.parametrize("extra", [b"x", b'{"id": "half', bytes(64)])
def test_what_was_not_committed_is_cut_off(tmp_path, three, file, extra):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three[:2])
    with (tmp_path / "s" / file).open("ab") as end:
        end.write(extra)
    with Store(tmp_path / "s", HOW) as store:
        assert not store.done(three[2])
        add(store, three[2])
    with Store(tmp_path / "s", HOW) as store:
        assert holds(store, ["a", "b", "c"])


@pytest.mark.parametrize("file", ["vectors-0.f32", "rows-0.jsonl"])
def test_a_file_cut_short_loses_its_end_and_nothing_else(tmp_path, three, file):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
    path = tmp_path / "s" / file
    os.truncate(path, path.stat().st_size - 3)
    with Store(tmp_path / "s", HOW) as store:
        assert [store.done(p) for p in three] == [True, True, False]
        assert holds(store, ["a", "b"])


@pytest.mark.parametrize("key", HOW)
def test_another_way_is_refused_and_both_are_named(tmp_path, three, key):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
    other = {**HOW, key: 16 if key == "dim" else "vgg16-conv5-avg-224"}
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "s", other)
    assert repr(HOW[key]) in str(caught.value)
    assert repr(other[key]) in str(caught.value)


def test_a_changed_file_is_not_done_but_a_touched_one_is(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        store.compact(["a", "b", "c"])
    three[0].path.write_bytes(b"X")  # as many bytes as before
    os.utime(three[1].path, ns=(1, 1))
    with Store(tmp_path / "s", HOW) as store:
        assert [store.done(p) for p in three] == [False, True, True]
        store.compact(["a", "b", "c"])
    with Store(tmp_path / "s", HOW) as store:
        assert store.rows[1].mtime_ns == 1, "the new time was not remembered"


def test_a_missing_file_is_not_done(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        three[1].path.unlink()
        assert [store.done(p) for p in three] == [True, False, True]


def test_finish_orders_drops_what_is_gone_and_keeps_what_was_not_asked_for(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        three[0].path.unlink()
        store.compact(["c"], [("x.jpg", "it is empty")])
    with Store(tmp_path / "s", HOW) as store:
        assert list(store.place) == ["c", "b"]
        assert holds(store, ["c", "b"])
        assert store.manifest["skipped"] == [["x.jpg", "it is empty"]]
    files = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert files == ["lock", "manifest.json", "rows-1.jsonl", "vectors-1.f32"]


def test_done_again_replaces(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        store.append([row(three[0])], vector("new")[None])
        store.compact(["a", "b", "c"])
        assert np.array_equal(store.vectors(["a"])[0], vector("new"))
        assert holds(store, ["b", "c"])
        assert len(store.rows) == 3


def test_changing_what_was_returned_changes_no_file(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        store.vectors()[:] = 0
        assert holds(store, ["a", "b", "c"])


def test_two_programs_cannot_write_but_one_can_read_meanwhile(tmp_path, three):
    with Store(tmp_path / "s", HOW) as store:
        add(store, *three)
        code = "import sys; from helpers.features.vector_store import Store; Store(sys.argv[1], {'dim': 8})"
        second = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "s"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Another program is writing" in second.stderr
        assert holds(Store(tmp_path / "s", HOW, writing=False), ["a", "b", "c"])


def test_an_empty_store_gives_no_vectors(tmp_path):
    with Store(tmp_path / "s", HOW) as store:
        store.compact([])
        assert store.vectors([]).shape == (0, 8)


WRITER = """
import sys; sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from test_store import HOW, Store, add, picture
folder = Path(sys.argv[2])
with Store(folder / "s", HOW) as store:
    for number in range(10_000):
        one = picture(folder, f"p{number}")
        if not store.done(one):
            add(store, one)
            print(one.id, flush=True)
"""


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
        with Store(tmp_path / "s", HOW) as store:
            assert promised <= set(store.place), "what was reported as done is gone"
            assert len(store.place) <= len(promised) + 20
            assert holds(store, list(store.place))
