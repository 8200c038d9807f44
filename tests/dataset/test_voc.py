"""PASCAL VOC: archives unpacked safely, streams that stop early, annotations read without risk."""

import io
import json
import random
import shutil
import tarfile
import tracemalloc

import numpy as np
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
from helpers.fetch.archive import ArchiveError
from helpers.fetch.download import DownloadError

QUICK = {"timeout": 0.4, "pause": 0.01, "progress": False}
FILES = tiny_voc.files(60, filler=20_000)
ARCHIVE = tiny_voc.pack(FILES)
ORDER = [path.rsplit("/", 1)[1][:-4] for path, _ in FILES if "JPEGImages" in path]
BYTES = {path.split("/", 2)[2]: content for path, content in FILES}


def assert_first(count, folder, order=ORDER, content=BYTES):
    """Assert that `folder` holds the first `count` pictures, their annotations, nothing else."""
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    wanted = [f"JPEGImages/{stem}.jpg" for stem in order[:count]]
    wanted += [f"Annotations/{stem}.xml" for stem in order[:count]]
    assert found == sorted([*wanted, ".complete.json"])
    assert all((folder / name).read_bytes() == content[name] for name in wanted)


# --- the stream of the first N -----------------------------------------------------------------


def test_a_stream_stops_when_the_first_n_are_here(tmp_path):
    with Server(ARCHIVE) as server:
        done = stream.first(20, [server.url], tmp_path, **QUICK)
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
        stream.first(20, [server.url], tmp_path, **QUICK)
    assert_first(20, tmp_path, order)


def test_more_than_there_is_gives_all_and_a_picture_without_annotation_stays(tmp_path):
    members = [m for m in FILES if f"Annotations/{ORDER[3]}" not in m[0]]
    with Server(tiny_voc.pack(members)) as server:
        done = stream.first(1000, [server.url], tmp_path, **QUICK)
    assert done["pictures"] == ORDER
    pictures, ledger = voc.read(tmp_path)
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
        stream.first(40, [server.url], tmp_path, **QUICK)
    assert_first(40, tmp_path)


def test_an_interrupted_stream_asks_for_the_rest_from_the_last_whole_member(tmp_path):
    cut = ARCHIVE.index(f"JPEGImages/{ORDER[10]}.jpg".encode()) + 700
    with Server(ARCHIVE, [drop(cut), status(404)]) as server:
        with pytest.raises(DownloadError, match="404"):
            stream.first(40, [server.url], tmp_path, **QUICK)
        assert not (tmp_path / ".complete.json").exists()
        state = json.loads((tmp_path / ".stream.json").read_text())
        assert state["pictures"] == ORDER[:10]
        stream.first(40, [server.url], tmp_path, **QUICK)
        asked = int(server.requests[-1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert asked == state["offset"]
    assert asked % 512 == 0
    assert asked <= cut < asked + 2048
    assert_first(40, tmp_path)


@pytest.mark.parametrize("then", [ignore_if_range, ignore_range])
def test_a_stream_begins_again_when_the_archive_changed_midway(tmp_path, then):
    others = [(path.replace("2007_", "2008_"), content) for path, content in FILES]
    other = tiny_voc.pack(others)
    with Server(ARCHIVE, [drop(60_000), change(other, then)]) as server:
        stream.first(40, [server.url], tmp_path, **QUICK)
    order = [stem.replace("2007_", "2008_") for stem in ORDER]
    content = {name.replace("2007_", "2008_"): data for name, data in BYTES.items()}
    assert_first(40, tmp_path, order, content)


def test_a_stream_goes_on_at_the_next_mirror_and_tells_all_when_none_works(tmp_path):
    with (
        Server(ARCHIVE, [drop(60_000), status(404)]) as one,
        Server(ARCHIVE, [firewall(200)]) as two,
        Server(ARCHIVE, [wrong_content]) as three,
        Server(ARCHIVE) as four,
    ):
        three_urls = [one.url, two.url, three.url]
        with pytest.raises(DownloadError) as caught:
            stream.first(40, [two.url], tmp_path / "b", **QUICK)
        assert "web page" in str(caught.value)
        stream.first(40, [*three_urls, four.url], tmp_path / "a", **QUICK)
        assert_first(40, tmp_path / "a")


def test_a_mirror_with_another_file_costs_nothing_that_is_here(tmp_path):
    """At that offset its bytes are no tar header, or its size is another: the next one goes on."""
    shifted = tiny_voc.pack([("VOCdevkit/note", b"x" * 600), *FILES])[: len(ARCHIVE)]
    longer = tiny_voc.pack([*FILES, ("VOCdevkit/note", b"x" * 20_000)])
    with (
        Server(ARCHIVE, [drop(100_000), status(404)]) as one,
        Server(shifted) as two,
        Server(longer) as three,
        Server(ARCHIVE) as four,
    ):
        stream.first(40, [one.url, two.url, three.url, four.url], tmp_path, **QUICK)
        assert int(four.requests[0]["Range"].removeprefix("bytes=").rstrip("-")) > 90_000
    assert_first(40, tmp_path)


def test_a_file_that_changed_without_a_version_is_begun_again(tmp_path):
    """The bytes at the offset are no header, and the server has no ETag that could have told."""
    shifted = tiny_voc.pack([("VOCdevkit/note", b"x" * 600), *FILES])
    shifted, original = shifted[:-512], ARCHIVE + bytes(len(shifted) - len(ARCHIVE) - 512)
    faults = [lambda h: plain(h, cut=100_000), change(shifted, plain), plain]
    with Server(original, faults) as server:
        stream.first(40, [server.url], tmp_path, **QUICK)
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
    with Server(ARCHIVE) as server, pytest.raises(DownloadError, match="where 5 are right"):
        stream.first(20, [server.url], tmp_path, size=5, **QUICK)


def test_what_is_all_here_needs_no_connection_to_be_finished(tmp_path):
    with Server(ARCHIVE) as server:
        stream.first(20, [server.url], tmp_path, **QUICK)
        url = server.url
    done = json.loads((tmp_path / ".complete.json").read_text())
    (tmp_path / ".complete.json").unlink()
    (tmp_path / ".stream.json").write_text(json.dumps({**done, "offset": 1, "version": ""}))
    stream.first(20, [url], tmp_path, **QUICK)
    assert_first(20, tmp_path)


def test_the_streams_memory_does_not_grow_with_the_archive(tmp_path):
    peaks = []
    for filler in (0, 400_000):  # 60 masks between annotations and pictures: 0 or 24 MB
        members = sorted(tiny_voc.files(60, filler), key=lambda m: "JPEGImages" in m[0])
        path = tmp_path / f"{filler}.tar"
        path.write_bytes(tiny_voc.pack(members))
        tracemalloc.start()
        stream.first(60, [path], tmp_path / str(filler), **QUICK)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    """The stream tidies its folder; it must be its own."""
    precious = tmp_path / "JPEGImages" / "mine.jpg"
    precious.parent.mkdir()
    precious.write_bytes(b"mine")
    with Server(ARCHIVE) as server, pytest.raises(DownloadError, match="holds other files"):
        stream.first(20, [server.url], tmp_path, **QUICK)
    (tmp_path / "a.tar").write_bytes(ARCHIVE)
    archive.unpack(tmp_path / "a.tar", tmp_path, progress=False)
    assert precious.read_bytes() == b"mine"


# --- unpacking ---------------------------------------------------------------------------------


def test_an_archive_is_unpacked_whole_and_once(tmp_path):
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE)
    archive.unpack(tar, tmp_path / "a", progress=False)
    for path, content in FILES:
        assert (tmp_path / "a" / path).read_bytes() == content
    assert archive.is_unpacked(tar, tmp_path / "a")
    tar.write_bytes(ARCHIVE + bytes(512))
    assert not archive.is_unpacked(tar, tmp_path / "a")


def test_another_archive_of_the_same_name_replaces_all_of_the_first(tmp_path):
    """Same paths, same sizes, other bytes: what is there must not pass for what is wanted."""
    tar, changed = tmp_path / "a.tar", [(path, content[::-1]) for path, content in FILES[5:]]
    tar.write_bytes(ARCHIVE)
    archive.unpack(tar, tmp_path / "a", progress=False)
    tar.write_bytes(tiny_voc.pack(changed))
    archive.unpack(tar, tmp_path / "a", progress=False)
    assert not (tmp_path / "a" / FILES[0][0]).exists()
    assert all((tmp_path / "a" / path).read_bytes() == content for path, content in changed)


def test_unpacking_goes_on_with_what_is_missing_or_cut(tmp_path):
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE)
    archive.unpack(tar, tmp_path / "a", progress=False)
    victim, kept = tmp_path / "a" / FILES[0][0], tmp_path / "a" / FILES[1][0]
    victim.write_bytes(b"cut")
    before = kept.stat().st_mtime_ns
    (tmp_path / "a" / ".complete.json").unlink()
    archive.unpack(tar, tmp_path / "a", progress=False)
    assert victim.read_bytes() == FILES[0][1]
    assert kept.stat().st_mtime_ns == before


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return [(name, info)]


HOSTILE = {
    "absolute": [("/tmp/escaped.txt", b"x")],
    "parent": [("../escaped.txt", b"x")],
    "parent inside": [("VOCdevkit/../../escaped.txt", b"x")],
    "backslash": [("..\\escaped.txt", b"x")],
    "drive": [("C:/escaped.txt", b"x")],
    "symlink": special("link", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": special("link", tarfile.LNKTYPE, "/etc/passwd"),
    "character device": special("device", tarfile.CHRTYPE),
    "pipe": special("pipe", tarfile.FIFOTYPE),
    "link, then a file through it": [*special("d", tarfile.SYMTYPE, "/tmp"), ("d/e.txt", b"x")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_writes_nothing_outside(tmp_path, members):
    tar, inside = tmp_path / "a.tar", tmp_path / "deep" / "in"
    tar.write_bytes(tiny_voc.pack(members))
    with pytest.raises(ArchiveError):
        archive.unpack(tar, inside, progress=False)
    files = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"a.tar", ".archive.json"}
    assert not any(p.is_symlink() for p in tmp_path.rglob("*"))
    assert not (tmp_path / "deep" / "in" / ".complete.json").exists()


@pytest.mark.parametrize("cut", [0, 100, 512, 60_000, len(ARCHIVE) - 20_000])
def test_a_cut_archive_is_told_and_never_called_complete(tmp_path, cut):
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE[:cut])
    with pytest.raises(ArchiveError, match="cut off"):
        archive.unpack(tar, tmp_path / "a", progress=False)
    assert not archive.is_unpacked(tar, tmp_path / "a")


def test_a_damaged_block_is_no_end(tmp_path):
    """Python's tarfile would stop here in silence, with half of the pictures."""
    at = ARCHIVE.index(f"JPEGImages/{ORDER[30]}.jpg".encode())
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE[:at] + b"\xff" * 64 + ARCHIVE[at + 64 :])
    with pytest.raises(ArchiveError, match="damaged at byte"):
        archive.unpack(tar, tmp_path / "a", progress=False)


def test_long_names_and_pax_records_pass(tmp_path):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("VOC2012/JPEGImages/ä.jpg")
        info.size, info.mtime = 3, 1.5
        tar.addfile(info, io.BytesIO(b"abc"))
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert [p.read_bytes() for p in (tmp_path / "a").rglob("*.jpg")] == [b"abc"]


# --- folders and annotations -------------------------------------------------------------------


def make_folder(root, year="VOC2012", count=4):
    for path, content in tiny_voc.files(count):
        file = root / path.replace("VOC2012", year)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root / "VOCdevkit" / year


@pytest.mark.parametrize("year", ["VOC2007", "VOC2012"])
def test_the_folders_of_both_years_are_understood_from_any_level(tmp_path, year):
    folder = make_folder(tmp_path, year)
    assert voc.find(folder) == voc.find(folder.parent) == voc.find(tmp_path) == folder
    pictures, ledger = voc.read(tmp_path)
    assert [p.id for p in pictures] == ORDER[:4]
    assert len(ledger.entries) == 0
    assert pictures[0].labels == ("cat",)
    assert (pictures[0].width, pictures[0].height) == (48, 32)


def test_of_two_years_the_later_is_taken_and_no_voc_is_told(tmp_path):
    make_folder(tmp_path, "VOC2007")
    later = make_folder(tmp_path, "VOC2012")
    assert voc.find(tmp_path) == later
    shutil.rmtree(tmp_path / "VOCdevkit")
    with pytest.raises(voc.VocError, match="no folder JPEGImages"):
        voc.read(tmp_path)


def test_an_annotation_is_read_with_its_flags_and_without_a_persons_parts(tmp_path):
    extra = (
        "<difficult>1</difficult><truncated>1</truncated><part><name>head</name><bndbox>"
        "<xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    )
    path = tmp_path / "a.xml"
    path.write_bytes(tiny_voc.xml("person", (1, 2, "30.6", 20), extra))
    assert voc.annotation(path) == (voc.Box("person", 1, 2, 31, 20, True, True),)


BAD = {
    "missing": None,
    "zero bytes": b"",
    "not XML": b"\xff\xd8\xff\xe0 a picture",
    "cut": tiny_voc.xml("cat")[:60],
    "no object": b"<annotation><size/></annotation>",
    "no name": tiny_voc.xml(""),
    "no number": tiny_voc.xml("cat", ("a", 2, 3, 4)),
    "infinite": tiny_voc.xml("cat", ("inf", 2, 3, 4)),
    "not a number": tiny_voc.xml("cat", ("nan", 2, 3, 4)),
    "ends before it begins": tiny_voc.xml("cat", (9, 2, 3, 4)),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><annotation/>',
    "a name that is an entity": (
        b'<!DOCTYPE annotation [<!ENTITY b "cat">]>'
        + tiny_voc.xml("cat").replace(b"<name>cat", b"<name>&b;")
    ),
    "a document type": b"<!DOCTYPE annotation>" + tiny_voc.xml("cat"),
    "a billion laughs": b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "another file's content": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_picture_with_a_bad_annotation_stays_without_labels(tmp_path, content):
    folder = make_folder(tmp_path)
    path = folder / "Annotations" / f"{ORDER[1]}.xml"
    path.unlink() if content is None else path.write_bytes(content)
    pictures, ledger = voc.read(tmp_path)
    assert [p.labels for p in pictures] == [("cat",), (), ("person",), ("cat",)]
    assert pictures[1].boxes == ()
    assert len(ledger) == 0
    assert len(ledger.entries) == 1
    assert "annotation" in ledger.entries[0].reason
    assert ORDER[1] in ledger.entries[0].path


def test_500_mutated_annotations_are_used_or_in_the_ledger(tmp_path):
    rng, picture = np.random.default_rng(3), tiny_voc.jpeg(1)
    source = b"<source>" + b"The VOC2012 Database, flickr. " * 30 + b"</source><size>"
    roomy = tiny_voc.xml("cat").replace(b"<size>", source)  # room for changes that do no harm
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind).mkdir()
    for number in range(500):
        (tmp_path / "JPEGImages" / f"{number}.jpg").write_bytes(picture)
        changed = mutated(roomy, rng)
        (tmp_path / "Annotations" / f"{number}.xml").write_bytes(changed)
    pictures, ledger = voc.read(tmp_path)
    told = {entry.path: entry for entry in ledger.entries}
    assert len(pictures) == 500
    assert len(ledger) == 0
    assert 50 < len(told) < 450
    for picture in pictures:
        entry = told.get(f"JPEGImages/{picture.id}.jpg")
        assert bool(picture.labels) == (entry is None)
        assert entry is None or "annotation" in entry.reason


def mutated(data, rng):
    """Return `data` with some bytes changed, or a piece cut out, doubled or lost at the end."""
    data, kind = bytearray(data), rng.integers(8)
    at, end = sorted(rng.integers(0, len(data), 2))
    if kind < 5:
        for place in rng.integers(0, len(data), 1 + kind):
            data[place] = rng.integers(32, 127) if rng.integers(2) else rng.integers(256)
    elif kind == 5:
        del data[at:end]
    elif kind == 6:
        data[at:at] = data[at:end]
    else:
        del data[at:]
    return bytes(data)


@pytest.mark.voc
def test_the_real_subset_is_read_whole(voc_subset, tmp_path):
    archive.unpack(voc_subset, tmp_path, progress=False)
    pictures, ledger = voc.read(tmp_path)
    assert voc.counts(pictures) == {"pictures": 600, "objects": 1468, "classes": 5}
    assert ledger.entries == []


@pytest.mark.voc
def test_the_first_of_the_real_subset_are_its_first_and_cost_less_than_all(voc_subset, tmp_path):
    archive.unpack(voc_subset, tmp_path / "all", progress=False)
    with Server(voc_subset.read_bytes(), [drop(3_000_000)]) as server:
        done = stream.first(200, [server.url], tmp_path / "some", **QUICK)
    everything, _ = voc.read(tmp_path / "all")
    some, _ = voc.read(tmp_path / "some")
    assert [(p.id, p.boxes) for p in some] == [(p.id, p.boxes) for p in everything[:200]]
    assert done["taken"] < 0.5 * voc_subset.stat().st_size
