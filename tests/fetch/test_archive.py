"""Archives unpacked safely, whole and once, whichever program and format packed them."""

import bz2
import gc
import gzip
import lzma
import os
import shutil
import subprocess
import tarfile
import tracemalloc

import numpy as np
import pytest
import tiny_voc

from helpers.fetch import archive
from helpers.fetch.archive import ArchiveError

FILES = tiny_voc.files(60, filler=20_000)
ARCHIVE = tiny_voc.pack(FILES)
ORDER = [path.rsplit("/", 1)[1][:-4] for path, _ in FILES if "JPEGImages" in path]


def is_unpacked(folder):
    """Return True when the marker tells that all of an archive is in `folder`."""
    return (folder / ".complete.json").exists()


def test_an_archive_is_unpacked_whole_and_once(tmp_path):
    tar, first = tmp_path / "a.tar", tmp_path / "a" / FILES[0][0]
    tar.write_bytes(ARCHIVE)
    archive.unpack(tar, tmp_path / "a", progress=False)
    for path, content in FILES:
        assert (tmp_path / "a" / path).read_bytes() == content
    assert is_unpacked(tmp_path / "a")
    first.unlink()  # what happened to it since is its owner's business
    archive.unpack(tar, tmp_path / "a", progress=False)
    assert not first.exists()
    tar.write_bytes(ARCHIVE + bytes(512))
    archive.unpack(tar, tmp_path / "a", progress=False)
    assert first.read_bytes() == FILES[0][1]


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
def test_a_cut_archive_is_reported_and_never_called_complete(tmp_path, cut):
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE[:cut])
    with pytest.raises(ArchiveError, match="cut off"):
        archive.unpack(tar, tmp_path / "a", progress=False)
    assert not is_unpacked(tmp_path / "a")


def test_a_damaged_header_is_not_the_end(tmp_path):
    """Python's tarfile would stop here silently, with half of the pictures."""
    at = ARCHIVE.index(f"JPEGImages/{ORDER[30]}.jpg".encode())
    tar = tmp_path / "a.tar"
    tar.write_bytes(ARCHIVE[:at] + b"\xff" * 64 + ARCHIVE[at + 64 :])
    with pytest.raises(ArchiveError, match="damaged at byte"):
        archive.unpack(tar, tmp_path / "a", progress=False)


def test_a_hole_of_zeros_is_not_the_end(tmp_path):
    """Nor would it stop at a header full of zeros, as a broken disk or download leaves them."""
    at = ARCHIVE.index(f"JPEGImages/{ORDER[30]}.jpg".encode())
    at -= len(f"{tiny_voc.ROOT}/")
    for size in (512, len(ARCHIVE) - at + (2 << 20)):
        tar = tmp_path / f"{size}.tar"
        tar.write_bytes(ARCHIVE[:at] + bytes(size) + ARCHIVE[at + size :])
        with pytest.raises(ArchiveError, match="damaged at byte"):
            archive.unpack(tar, tmp_path / str(size), progress=False)


def test_a_negative_size_and_a_giant_record_are_damage(tmp_path):
    negative = tarfile.TarInfo("a.jpg")
    negative.size = -512
    giant = tarfile.TarInfo("a.jpg")
    giant.type, giant.size = tarfile.XHDTYPE, 1 << 40
    for number, header in enumerate((negative, giant)):
        tar = tmp_path / f"{number}.tar"
        tar.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + ARCHIVE)
        with pytest.raises(ArchiveError, match="damaged at byte 0"):
            archive.unpack(tar, tmp_path / "a", progress=False)
    tar.write_bytes(tiny_voc.pack([("b.jpg", b"x")], pax_headers={"size": "-5"}))
    with pytest.raises(ArchiveError, match="damaged at byte 0"):
        archive.unpack(tar, tmp_path / "a", progress=False)


def test_500_mutated_archives_are_unpacked_or_refused(tmp_path):
    rng, tar = np.random.default_rng(4), tmp_path / "a.tar"
    content = tiny_voc.pack([("ä.jpg", b"x" * 600), ("b" * 150 + ".jpg", b"y"), ("c.jpg", b"z")])
    refused = 0
    for number in range(500):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content) - 8192, 1 + number % 4):
            damaged[place] = rng.integers(256)
        tar.write_bytes(damaged)
        try:
            archive.unpack(tar, tmp_path / str(number), progress=False)
        except ArchiveError:
            refused += 1
    assert 250 < refused < 500


# What other programs pack

NAMES = {
    "plain.jpg": b"1",
    "Möwe/猫 und 犬.jpg": b"2",
    f"{'a' * 90}/{'b' * 40}.jpg": b"3",
    f"{'a' * 90}/{'b' * 40}-2.jpg": b"4",
    f"{'ü' * 100}/{'c' * 90}/{'d' * 120}.jpg": b"5" * 700,
    f"{'ü' * 100}/{'c' * 90}/{'d' * 120}2.jpg": b"6" * 700,
    "empty.jpg": b"",
}
MARKERS = (".archive.json", ".complete.json", ".stream.json", ".lock", ".0123456789abcdef.part")
HOLES = bytes(100_000) + b"picture" + bytes(300_000) + b"end" + bytes(50_000)
PACKERS = {
    "Python, pax": tarfile.PAX_FORMAT,
    "Python, GNU": tarfile.GNU_FORMAT,
    "tar, pax": ("--format=pax",),
    "tar, GNU": ("--format=gnu",),
    "tar, pax 1.0 sparse": ("--format=pax", "--sparse", "--sparse-version=1.0"),
    "tar, pax 0.1 sparse": ("--format=pax", "--sparse", "--sparse-version=0.1"),
    "tar, pax 0.0 sparse": ("--format=pax", "--sparse", "--sparse-version=0.0"),
    "tar, GNU sparse": ("--format=gnu", "--sparse"),
}


def pack(folder, tar, packer):
    """Let Python or the command pack all of `folder` as `tar`."""
    if isinstance(packer, int):
        with tarfile.open(tar, "w", format=packer) as file:
            file.add(folder, ".")
        return
    if not shutil.which("tar"):
        pytest.skip("ABSENT: the command tar")
    subprocess.run(["tar", *packer, "-cf", tar, "-C", folder, "."], check=True)


@pytest.fixture(params=PACKERS.values(), ids=PACKERS)
def packed(request, tmp_path):
    """An archive of files with all kinds of names, as one program packs it."""
    for name, content in {
        **NAMES,
        **{f"{p}{m}": b"{}" for p in ("", "sub/") for m in MARKERS},
    }.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    with (tmp_path / "in" / "holes.jpg").open("wb") as file:
        for at in (100_000, 400_007):
            file.seek(at)
            file.write(HOLES[at : at + 7].strip(b"\0"))
        file.truncate(len(HOLES))
    pack(tmp_path / "in", tmp_path / "a.tar", request.param)
    return tmp_path / "a.tar"


def test_names_number_and_content_come_back_whoever_packed_them(packed, tmp_path):
    for _ in range(2):  # an archive's own marker must not make it look complete, nor incomplete
        archive.unpack(packed, tmp_path / "a", progress=False)
    found = {p.relative_to(tmp_path / "a").as_posix(): p for p in (tmp_path / "a").rglob("*")}
    assert found.pop(".archive.json").read_bytes() != b"{}"
    assert found.pop(".complete.json").read_bytes() != b"{}"
    files = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    assert files == {**NAMES, "holes.jpg": HOLES}


def test_memory_does_not_grow_with_the_number_of_members(tmp_path):
    kept = []
    for count in (500, 10_000):
        (tmp_path / "a.tar").write_bytes(tiny_voc.pack([(f"{i}.jpg", b"") for i in range(count)]))
        tracemalloc.start()
        with (tmp_path / "a.tar").open("rb") as file:
            for number, _ in enumerate(archive.members(file.read), start=1):
                if number == count:  # the walk still holds whatever it keeps
                    kept.append(traced_bytes())
        assert number == count
        tracemalloc.stop()
    assert kept[1] < kept[0] + 1_000_000  # kept headers would take 4 MB and more


def traced_bytes():
    """Return the bytes that are in use, but for Python's table of interned strings.

    `pathlib` interns names, and the whole process' table grows at some name or other.
    """
    gc.collect()
    found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*pathlib*")])
    return sum(trace.size for trace in found.traces)


def test_of_two_members_with_one_name_the_later_counts(tmp_path):
    (tmp_path / "a.tar").write_bytes(tiny_voc.pack([("a.jpg", b"old"), ("a.jpg", b"new")]))
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert (tmp_path / "a" / "a.jpg").read_bytes() == b"new"


@pytest.mark.parametrize("second", ["a.jpg/b.jpg", "c" * 300 + ".jpg"])
def test_a_name_that_cannot_be_written_is_reported(tmp_path, second):
    (tmp_path / "a.tar").write_bytes(tiny_voc.pack([("a.jpg", b"1"), (second, b"2")]))
    with pytest.raises(ArchiveError, match="can't be unpacked"):
        archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / "a.tar").write_bytes(ARCHIVE)
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    (tmp_path / "a" / ".complete.json").unlink()
    left = tmp_path / "a" / "VOCdevkit" / ".0123456789abcdef.part"
    left.write_bytes(b"half a pict")
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert not left.exists()


COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_compressed_archive_is_told_to_be_unpacked_and_not_to_be_fetched_again(tmp_path, name):
    (tmp_path / "a.tar").write_bytes(COMPRESSORS[name](ARCHIVE))
    with pytest.raises(ArchiveError, match=r"is compressed.* Unpack it with tar -xf") as caught:
        archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert "Fetch it again" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="a colon has a meaning of its own on Windows")
def test_a_colon_in_a_name_is_a_letter(tmp_path):
    (tmp_path / "a.tar").write_bytes(tiny_voc.pack([("12:30.jpg", b"1"), ("d/a:b.jpg", b"2")]))
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert (tmp_path / "a" / "12:30.jpg").read_bytes() == b"1"
    assert (tmp_path / "a" / "d" / "a:b.jpg").read_bytes() == b"2"


def test_the_disk_has_the_files_before_the_marker_says_so(tmp_path, monkeypatch):
    """A power cut after the marker must not leave files that are empty."""
    (tmp_path / "a.tar").write_bytes(ARCHIVE)
    seen, sync = [], os.sync

    def spy():
        seen.append(sum(p.is_file() for p in (tmp_path / "a").rglob("[!.]*")))
        seen.append(is_unpacked(tmp_path / "a"))
        sync()

    monkeypatch.setattr(os, "sync", spy)
    archive.unpack(tmp_path / "a.tar", tmp_path / "a", progress=False)
    assert seen == [len(FILES), False]
