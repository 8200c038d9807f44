"""The first N pictures taken off a stream: right in the end, whatever the line and the order do."""

import itertools
import json
import random
import sys
import tracemalloc
from dataclasses import replace
from itertools import repeat

import pytest
import tiny_voc
from faulty_server import (
    Server,
    change,
    drop,
    firewall,
    ignore_if_range,
    ignore_range,
    no_length,
    stall,
    status,
    wrong_content,
)

from helpers.dataset import voc
from helpers.fetch import archive, stream
from helpers.fetch.download import DownloadError
from helpers.settings import from_environment

QUICK = replace(from_environment({}), timeout=0.4)
FILES = tiny_voc.files(60, filler=20_000)
ARCHIVE = tiny_voc.pack(FILES)
ORDER = [path.rsplit("/", 1)[1][:-4] for path, _ in FILES if "JPEGImages" in path]
BYTES = {path.split("/", 2)[2]: content for path, content in FILES}


def first(count, sources, folder, settings=QUICK, **more):
    """Stream without a bar, from a server that may be silent for 0.4 seconds."""
    return stream.first(count, sources, folder, settings, progress=False, **more)


def assert_first(count, folder, order=ORDER, content=BYTES):
    """Assert that `folder` holds the first `count` pictures, their annotations, nothing else."""
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    wanted = [f"JPEGImages/{stem}.jpg" for stem in order[:count]]
    wanted += [f"Annotations/{stem}.xml" for stem in order[:count]]
    assert found == sorted([*wanted, ".complete.json"])
    assert all((folder / name).read_bytes() == content[name] for name in wanted)


def test_a_stream_stops_when_the_first_n_are_here(tmp_path):
    with Server(ARCHIVE) as server:
        done = first(20, [server.url], tmp_path)
    assert_first(20, tmp_path)
    assert done["pictures"] == ORDER[:20]
    assert done["total"] == len(ARCHIVE)
    last = ARCHIVE.index(f"JPEGImages/{ORDER[20]}.jpg".encode())
    assert last - 1024 < done["taken"] < last + 2 * 65_536 < len(ARCHIVE)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_order_of_members_the_stream_is_right(tmp_path, seed):
    members = list(FILES)
    if seed:
        random.Random(seed).shuffle(members)
    else:
        members.reverse()
    order = [path.rsplit("/", 1)[1][:-4] for path, _ in members if "JPEGImages" in path]
    with Server(tiny_voc.pack(members)) as server:
        first(20, [server.url], tmp_path)
    assert_first(20, tmp_path, order)


def test_more_than_there_is_gives_all_and_a_picture_without_annotation_stays(tmp_path):
    members = [m for m in FILES if f"Annotations/{ORDER[3]}" not in m[0]]
    with Server(tiny_voc.pack(members)) as server:
        done = first(1000, [server.url], tmp_path)
    assert done["pictures"] == ORDER
    pictures, ledger = voc.list_pictures(tmp_path)
    assert len(pictures) == 60
    assert pictures[3].labels == ()
    assert pictures[4].labels == ("dog",)
    assert len(ledger) == 0
    assert ledger.entries[0].used
    assert "no annotation" in ledger.entries[0].reason


OVERCOME = {
    "drops after k bytes": [drop(50_000)],
    "drops often": [drop(20_000)] * 8,
    "drops inside a header": [drop(700)],
    "ignores Range": [drop(100_000), ignore_range],
    "500 twice, then works": [status(500), status(500)],
    "stalls": [stall(70_000)],
    "does not tell the length": [no_length],
    "loses the length midway": [drop(50_000), no_length],
}


@pytest.mark.parametrize("faults", OVERCOME.values(), ids=OVERCOME)
def test_a_stream_overcomes_a_fault_that_passes(tmp_path, faults):
    with Server(ARCHIVE, faults) as server:
        first(40, [server.url], tmp_path)
    assert_first(40, tmp_path)


def test_an_interrupted_stream_asks_for_the_rest_from_the_last_whole_member(tmp_path):
    cut = ARCHIVE.index(f"JPEGImages/{ORDER[10]}.jpg".encode()) + 700
    with Server(ARCHIVE, [drop(cut), status(404)]) as server:
        with pytest.raises(DownloadError, match="404"):
            first(40, [server.url], tmp_path)
        assert not (tmp_path / ".complete.json").exists()
        state = json.loads((tmp_path / ".stream.json").read_text())
        assert state["pictures"] == ORDER[:10]
        first(40, [server.url], tmp_path)
        asked = int(server.requests[-1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert asked == state["offset"]
    assert asked % 512 == 0
    assert asked <= cut < asked + 2048
    assert_first(40, tmp_path)


@pytest.mark.slow
def test_a_pax_archive_is_resumed_at_every_member(tmp_path):
    """The records before a member belong to it: cut there, they must come again."""
    members = [(path, content) for path, content in tiny_voc.files(6) if "Images" in path]
    content = tiny_voc.pack(members, pax_headers={"comment": "x" * 600})
    (tmp_path / "a.tar").write_bytes(content)
    with (tmp_path / "a.tar").open("rb") as file:
        ends = [member.end for member in archive.members(file.read)]
    for cut in [end + more for end in ends for more in (0, 100, 512, 1600, 2100)]:
        with Server(content, [drop(cut), status(404)]) as server:
            with pytest.raises(DownloadError):
                first(9, [server.url], tmp_path / str(cut))
            first(9, [server.url], tmp_path / str(cut))
            asked = int(server.requests[-1]["Range"].removeprefix("bytes=").rstrip("-"))
        assert asked == max(end for end in ends if end <= cut)
        found = {p.name: p.read_bytes() for p in (tmp_path / str(cut) / "JPEGImages").iterdir()}
        assert found == {path.rsplit("/", 1)[1]: content for path, content in members}


@pytest.mark.parametrize("then", [ignore_if_range, ignore_range])
def test_a_stream_begins_again_when_the_archive_changed_midway(tmp_path, then):
    others = [(path.replace("2007_", "2008_"), content) for path, content in FILES]
    other = tiny_voc.pack(others)
    with Server(ARCHIVE, [drop(60_000), change(other, then)]) as server:
        first(40, [server.url], tmp_path)
    order = [stem.replace("2007_", "2008_") for stem in ORDER]
    content = {name.replace("2007_", "2008_"): data for name, data in BYTES.items()}
    assert_first(40, tmp_path, order, content)


def test_a_stream_goes_on_at_the_next_mirror_and_tells_all_when_none_works(tmp_path):
    with (
        Server(ARCHIVE, [drop(100_000), *[status(404)] * 2]) as one,
        Server(ARCHIVE, repeat(firewall(200))) as two,
        Server(ARCHIVE, repeat(wrong_content)) as three,
        Server(ARCHIVE) as four,
    ):
        urls = [one.url, two.url, three.url]
        with pytest.raises(DownloadError) as caught:
            first(40, urls, tmp_path)
        for text in ("404", "web page", "zeros where a header should be", *urls):
            assert text in str(caught.value)
        first(40, [*urls, four.url], tmp_path)
        assert "Range" in four.requests[0]
    assert_first(40, tmp_path)


def test_a_mirror_with_another_file_costs_nothing_that_is_here(tmp_path):
    """At that offset its bytes are not a tar header, or its size differs: the next one goes on."""
    shifted = tiny_voc.pack([("VOCdevkit/note", b"x" * 600), *FILES])[: len(ARCHIVE)]
    longer = tiny_voc.pack([*FILES, ("VOCdevkit/note", b"x" * 20_000)])
    with (
        Server(ARCHIVE, [drop(100_000), status(404)]) as one,
        Server(shifted) as two,
        Server(longer) as three,
        Server(ARCHIVE) as four,
    ):
        first(40, [one.url, two.url, three.url, four.url], tmp_path)
        assert int(four.requests[0]["Range"].removeprefix("bytes=").rstrip("-")) > 90_000
    assert_first(40, tmp_path)


def test_a_file_that_changed_without_a_version_is_begun_again(tmp_path):
    """The bytes at the offset aren't a header, and the server has no ETag that could have told."""
    shifted = tiny_voc.pack([("VOCdevkit/note", b"x" * 600), *FILES])
    shifted, original = shifted[:-512], ARCHIVE + bytes(len(shifted) - len(ARCHIVE) - 512)
    faults = [lambda h: plain(h, cut=100_000), change(shifted, plain), plain]
    with Server(original, faults) as server:
        first(40, [server.url], tmp_path)
        assert len(server.requests) == 3
    assert_first(40, tmp_path)


def plain(handler, cut=None):
    """Answer with the part that was asked for, without ETag or date."""
    content, start = handler.server.content, handler.start
    part = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.head(206 if start else 200, len(content) - start, Content_Range=part)
    handler.body(content[start:][:cut])
    if cut is not None:
        handler.hang_up()


def test_a_size_that_is_known_must_be_right(tmp_path):
    with Server(ARCHIVE) as server, pytest.raises(DownloadError, match="instead of 5"):
        first(20, [server.url], tmp_path, size=5)


def test_what_is_all_here_needs_no_connection_to_be_finished(tmp_path):
    with Server(ARCHIVE) as server:
        first(20, [server.url], tmp_path)
        url = server.url
    done = json.loads((tmp_path / ".complete.json").read_text())
    (tmp_path / ".complete.json").unlink()
    (tmp_path / ".stream.json").write_text(json.dumps({**done, "offset": 1, "version": ""}))
    first(20, [url], tmp_path)
    assert_first(20, tmp_path)


def test_the_streams_memory_does_not_grow_with_the_archive(tmp_path):
    peaks = []
    for filler in (0, 400_000):  # 60 masks between annotations and pictures: 0 or 24 MB
        members = sorted(tiny_voc.files(60, filler), key=lambda m: "JPEGImages" in m[0])
        path = tmp_path / f"{filler}.tar"
        path.write_bytes(tiny_voc.pack(members))
        tracemalloc.start()
        first(60, [path], tmp_path / str(filler))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def test_a_run_killed_before_its_first_note_is_taken_up(tmp_path):
    (tmp_path / ".0123456789abcdef.part").write_bytes(b"{")
    with Server(ARCHIVE) as server:
        first(20, [server.url], tmp_path)
    assert_first(20, tmp_path)


def test_an_archive_without_pictures_is_not_called_complete(tmp_path):
    other = tiny_voc.pack([("VOCdevkit/note", b"x" * 600)])
    with Server(other) as wrong, Server(ARCHIVE) as right:
        with pytest.raises(DownloadError, match="holds no pictures"):
            first(20, [wrong.url], tmp_path)
        first(20, [wrong.url, right.url], tmp_path)
    assert_first(20, tmp_path)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    """The stream tidies its folder; it must be its own."""
    precious = tmp_path / "JPEGImages" / "mine.jpg"
    precious.parent.mkdir()
    precious.write_bytes(b"mine")
    with Server(ARCHIVE) as server, pytest.raises(DownloadError, match="holds other files"):
        first(20, [server.url], tmp_path)
    (tmp_path / "a.tar").write_bytes(ARCHIVE)
    archive.unpack(tmp_path / "a.tar", tmp_path, progress=False)
    assert precious.read_bytes() == b"mine"


@pytest.mark.voc
def test_the_first_of_the_real_subset_are_its_first_and_cost_less_than_all(voc_subset, tmp_path):
    archive.unpack(voc_subset, tmp_path / "all", progress=False)
    with Server(voc_subset.read_bytes(), [drop(3_000_000)]) as server:
        done = first(200, [server.url], tmp_path / "some")
    everything, _ = voc.list_pictures(tmp_path / "all")
    some, _ = voc.list_pictures(tmp_path / "some")
    assert [(p.id, p.boxes) for p in some] == [(p.id, p.boxes) for p in everything[:200]]
    assert done["taken"] < 0.5 * voc_subset.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("pictures_first", [False, True])
def test_ctrl_c_at_any_line_counts_no_picture_twice(tmp_path, pictures_first):
    """Ctrl-C strikes before each line that the stream runs, one after the other."""
    files = tiny_voc.files(4)
    path = tmp_path / "voc.tar"
    path.write_bytes(tiny_voc.pack(files[::-1] if pictures_first else files))
    order = sorted(ORDER[:4], reverse=pictures_first)
    content = {name.split("/", 2)[2]: each for name, each in files}
    for line in itertools.count(1):
        folder = tmp_path / f"stream-{line}"
        finished = run_until(line, lambda folder=folder: first(3, [path], folder))
        if not (folder / archive.MARKER).exists():
            first(3, [path], folder)
        assert_first(3, folder, order, content)
        if finished:
            break
    assert line > 100


def run_until(line, action):
    """Run `action` up to the `line`th line run in stream.py; return True when it came through."""
    passed = 0

    def trace(frame, event, _):
        nonlocal passed
        if frame.f_code.co_filename != stream.__file__:
            return None
        passed += event == "line"
        if event == "line" and passed == line:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(None)
    return True
