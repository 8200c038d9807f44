"""The first N pictures taken off a stream: right in the end, whatever the line and the order do."""

import hashlib
import itertools
import json
import os
import random
import shutil
import sys
import tracemalloc
from dataclasses import replace
from functools import partial
from itertools import repeat

import pytest
import tiny_voc
from faulty_server import (
    Server,
    change,
    drop,
    firewall,
    honest,
    ignore_if_range,
    ignore_range,
    no_length,
    plain,
    stall,
    status,
    wrong_content,
)

from helpers.dataset.listing import list_pictures
from helpers.fetch import archive, stream
from helpers.fetch.archive import ArchiveError
from helpers.fetch.download import DownloadError, Part, fetch
from helpers.settings import from_environment

QUICK = replace(from_environment({}), timeout=0.4)
FILES = tiny_voc.files(60, filler=20_000)
ARCHIVE = tiny_voc.pack(FILES)
ORDER = [path.rsplit("/", 1)[1][:-4] for path, _ in FILES if "JPEGImages" in path]
DIGESTS = [("sha1", hashlib.sha1(ARCHIVE).hexdigest())]
BYTES = {path.split("/", 2)[2]: content for path, content in FILES}


def part_in(folder, urls=(), settings=QUICK, size=None, digests=DIGESTS):
    """Return the Part that the archive's download to `folder` is."""
    return Part(folder / "downloads" / "voc.tar", urls, settings, size, digests)


def first(count, urls, folder, settings=QUICK, size=None, digests=DIGESTS):
    """Stream without a bar and unpack; return how many bytes of the archive that took."""
    part = part_in(folder, urls, settings, size, digests)
    source, paths, end = stream.first(count, part, progress=False)
    archive.unpack(source, folder / f"voc-{count}", False, paths)
    return end


def assert_first(count, folder, order=ORDER, content=BYTES):
    """Assert that its set holds the first `count` pictures, their annotations, nothing else."""
    place = folder / f"voc-{count}"
    found = {str(p.relative_to(place)): p for p in place.rglob("*") if p.is_file()}
    files = json.loads(found.pop(archive.MARKER).read_text())["files"]
    assert [path[-15:-4] for path in files if "JPEGImages" in path] == order[:count]
    assert found.pop(archive.BEGUN)
    wanted = [f"JPEGImages/{stem}.jpg" for stem in order[:count]]
    wanted += [f"Annotations/{stem}.xml" for stem in order[:count]]
    assert {name.removeprefix(f"{tiny_voc.ROOT}/") for name in found} == set(wanted)
    assert all(found[f"{tiny_voc.ROOT}/{name}"].read_bytes() == content[name] for name in wanted)


def asked(server, number=-1):
    """Return the first byte that a request asked for."""
    return int(server.requests[number].get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))


def test_a_stream_stops_when_the_first_n_are_here(tmp_path):
    with Server(ARCHIVE) as server:
        taken = first(20, [server.url], tmp_path)
        part = part_in(tmp_path)
    assert_first(20, tmp_path)
    assert part.total == len(ARCHIVE)
    last = ARCHIVE.index(f"JPEGImages/{ORDER[20]}.jpg".encode())
    assert last - 1024 < taken < last
    assert taken <= part.have < last + 2 * 65_536 < len(ARCHIVE)
    assert part.file.read_bytes() == ARCHIVE[: part.have]


def test_more_of_it_and_all_of_it_go_on_where_the_first_ended(tmp_path):
    """No byte is fetched twice: 10 pictures, then 40, 20 again, and then the whole archive."""
    starts = []
    with Server(ARCHIVE) as server:
        for count in (10, 40, 20):
            before = part_in(tmp_path).have
            first(count, [server.url], tmp_path)
            assert_first(count, tmp_path)
            assert asked(server) == (before if count != 20 else starts[-1])
            starts.append(asked(server))
        assert len(server.requests) == 2
        before = part_in(tmp_path).have
        path = fetch(part_in(tmp_path, [server.url]), progress=False)
        assert asked(server) == before
    assert path.read_bytes() == ARCHIVE
    first(60, [], tmp_path, replace(QUICK, offline=True))
    assert_first(60, tmp_path)


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
        first(1000, [server.url], tmp_path)
    pictures, ledger = list_pictures(tmp_path / "voc-1000")
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


def test_an_interrupted_stream_asks_for_the_rest_from_the_last_byte(tmp_path):
    cut = ARCHIVE.index(f"JPEGImages/{ORDER[10]}.jpg".encode()) + 700
    with Server(ARCHIVE, [drop(cut), status(404)]) as server:
        with pytest.raises(DownloadError, match="404"):
            first(40, [server.url], tmp_path)
        assert not (tmp_path / "voc-40").exists()
        have = part_in(tmp_path).have
        assert cut - 16_384 <= have <= cut
        first(40, [server.url], tmp_path)
        assert asked(server) == have
    assert_first(40, tmp_path)


@pytest.mark.slow
def test_a_pax_archive_is_resumed_everywhere(tmp_path):
    """The records before a member belong to it, wherever the line breaks."""
    members = [(path, content) for path, content in tiny_voc.files(6) if "Images" in path]
    content = tiny_voc.pack(members, pax_headers={"comment": "x" * 600})
    (tmp_path / "a.tar").write_bytes(content)
    with (tmp_path / "a.tar").open("rb") as file:
        ends = [member.end for member in archive.members(file.read)]
    for cut in [end + more for end in ends for more in (0, 100, 512, 1600, 2100)]:
        folder = tmp_path / str(cut)
        with Server(content, [drop(cut), status(404)]) as server:
            with pytest.raises(DownloadError):
                first(9, [server.url], folder)
            first(9, [server.url], folder)
            assert asked(server) == cut
        found = {p.name: p.read_bytes() for p in folder.rglob("*.jpg")}
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
        for text in ("404", "web page", "a different file than the one begun at", *urls):
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
        assert asked(four, 0) > 80_000
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


def test_a_size_that_is_known_must_be_right(tmp_path):
    with Server(ARCHIVE) as server, pytest.raises(DownloadError, match="instead of 5"):
        first(20, [server.url], tmp_path, size=5)


def test_what_is_all_here_needs_no_connection(tmp_path):
    with Server(ARCHIVE) as server:
        first(20, [server.url], tmp_path)
    shutil.rmtree(tmp_path / "voc-20")
    first(20, ["http://127.0.0.1:9/a.tar"], tmp_path, replace(QUICK, offline=True))
    assert_first(20, tmp_path)


def test_a_part_that_ends_with_the_last_picture_is_enough(tmp_path):
    with Server(ARCHIVE) as server:
        end = first(20, [server.url], tmp_path / "all")
    part = part_in(tmp_path)
    part.path.parent.mkdir()
    part.file.write_bytes(ARCHIVE[:end])
    first(20, [], tmp_path, replace(QUICK, offline=True))
    assert_first(20, tmp_path)


def test_a_damaged_part_is_begun_again(tmp_path):
    part = part_in(tmp_path)
    part.path.parent.mkdir()
    part.file.write_bytes(ARCHIVE[:20_480] + bytes(40_000))
    with Server(ARCHIVE) as server:
        first(20, [server.url], tmp_path)
        assert asked(server) == 0
    assert_first(20, tmp_path)


def test_the_streams_memory_does_not_grow_with_the_archive(tmp_path):
    peaks = []
    for filler in (0, 400_000):  # 60 masks between annotations and pictures: 0 or 24 MB
        members = sorted(tiny_voc.files(60, filler), key=lambda m: "JPEGImages" in m[0])
        part = part_in(tmp_path / str(filler))
        part.path.parent.mkdir(parents=True)
        part.file.write_bytes(tiny_voc.pack(members))
        tracemalloc.start()
        first(60, [], tmp_path / str(filler))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def test_an_archive_without_pictures_is_not_called_complete(tmp_path):
    other = tiny_voc.pack([("VOCdevkit/note", b"x" * 600)])
    with Server(other) as wrong, Server(ARCHIVE) as right:
        with pytest.raises(DownloadError, match="holds no pictures"):
            first(20, [wrong.url], tmp_path)
        first(20, [wrong.url, right.url], tmp_path)
    assert_first(20, tmp_path)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    precious = tmp_path / "voc-20" / "JPEGImages" / "mine.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"mine")
    with Server(ARCHIVE) as server, pytest.raises(ArchiveError, match="holds other files"):
        first(20, [server.url], tmp_path)
    assert precious.read_bytes() == b"mine"


@pytest.mark.voc
def test_the_first_of_the_real_subset_are_its_first_and_cost_less_than_all(voc_subset, tmp_path):
    archive.unpack(voc_subset, tmp_path / "all", progress=False)
    with Server(voc_subset.read_bytes(), [drop(3_000_000)]) as server:
        taken = first(200, [server.url], tmp_path)
    everything, _ = list_pictures(tmp_path / "all")
    some, _ = list_pictures(tmp_path / "voc-200")
    assert [(p.id, p.boxes) for p in some] == [(p.id, p.boxes) for p in everything[:200]]
    assert taken < 0.5 * voc_subset.stat().st_size


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("pictures_first", [False, True])
def test_ctrl_c_at_any_line_counts_no_picture_twice(tmp_path, pictures_first):
    """Ctrl-C strikes before each line that a stream runs, one after the other."""
    files = tiny_voc.files(3)
    content = tiny_voc.pack(files[::-1] if pictures_first else files)
    order = sorted(ORDER[:3], reverse=pictures_first)
    by_name = {name.split("/", 2)[2]: each for name, each in files}
    quick = replace(QUICK, timeout=0.1)
    with Server(content, itertools.cycle([drop(5_000), honest])) as server:
        for line in itertools.count(1):
            folder = tmp_path / f"stream-{line}"
            finished = run_until(line, partial(first, 2, [server.url], folder, quick))
            first(2, [server.url], folder, quick)
            assert_first(2, folder, order, by_name)
            if finished:
                break
    assert line > 300


def run_until(line, action):
    """Run `action` up to the `line`th line run in helpers/fetch; return True if it came through."""
    passed = 0

    def trace(frame, event, _):
        nonlocal passed
        if not frame.f_code.co_filename.startswith(os.path.dirname(stream.__file__)):
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
