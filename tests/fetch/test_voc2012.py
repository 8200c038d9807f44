"""The sets of PASCAL VOC: one archive for all of them, and what was deleted comes back."""

import shutil
from dataclasses import replace

import pytest
import tiny_voc
from faulty_server import Server, ignore_range
from read_only import run_read_only

from helpers.dataset import voc, voc2012
from helpers.dataset.listing import list_pictures
from helpers.fetch.download import DownloadError
from helpers.settings import from_environment

ARCHIVE = tiny_voc.pack(tiny_voc.files(30, filler=10_000))


def settings(folder, *urls, **more):
    found = from_environment({"BOOTCAMP_DATA": str(folder)})
    release = tiny_voc.release(ARCHIVE, 30)
    return replace(found, voc_mirrors=urls, voc_release=release, timeout=0.4, **more)


def obtain(count, found):
    """Return the Selection of the first `count` pictures and the ids of what its folder holds."""
    selection = voc2012.obtain(count, "for a test", found, progress=False)
    pictures, _ = list_pictures(selection.folder, only=selection.only)
    return selection, [picture.id for picture in pictures]


def test_no_byte_is_fetched_twice_on_the_way_from_a_few_to_all(tmp_path):
    with Server(ARCHIVE) as server:
        found = settings(tmp_path, server.url)
        for count in (5, 10, 20, voc2012.ALL):
            selection, ids = obtain(count, found)
            assert len(ids) == min(count, 30)
        starts = [int(r.get("Range", "bytes=0-")[6:-1]) for r in server.requests]
    assert starts == sorted(set(starts))
    assert 1 < len(starts) <= 4
    assert "downloaded and verified" in selection.why
    assert not list((tmp_path / "downloads").glob("[!.]*"))


@pytest.mark.parametrize("grown", [False, True])
def test_deleted_files_come_back_without_the_network_and_are_told(tmp_path, grown):
    with Server(ARCHIVE, [ignore_range] * 2) as server:
        selection, ids = obtain(10, settings(tmp_path, server.url))
        if grown:
            obtain(20, settings(tmp_path, server.url))
    root = voc.find(selection.folder)
    for path in ("JPEGImages/2007_000003.jpg", "Annotations/2007_000007.xml"):
        (root / path).unlink()
    offline = settings(tmp_path, offline=True)
    again, back = obtain(10, offline)
    assert back == ids
    assert (root / "Annotations" / "2007_000007.xml").exists()
    assert "with 2 deleted files unpacked again" in again.why
    assert "already here)" in obtain(10, offline)[0].why


def test_deleted_files_that_cannot_come_back_are_told(tmp_path):
    with Server(ARCHIVE) as server:
        selection, _ = obtain(10, settings(tmp_path, server.url))
    (voc.find(selection.folder) / "JPEGImages" / "2007_000003.jpg").unlink()
    shutil.rmtree(tmp_path / "downloads")
    again, ids = obtain(10, settings(tmp_path, offline=True))
    assert len(ids) == 9
    assert "1 of its files are gone" in again.why
    with Server(ARCHIVE) as server:
        assert len(obtain(10, settings(tmp_path, server.url))[1]) == 10


def test_an_archive_put_into_the_downloads_is_used_once_it_is_verified(tmp_path):
    (tmp_path / "downloads").mkdir()
    path = tmp_path / "downloads" / "voc.tar"
    path.write_bytes(bytes(len(ARCHIVE)))
    with pytest.raises(DownloadError, match="BOOTCAMP_OFFLINE"):
        obtain(voc2012.ALL, settings(tmp_path, offline=True))
    path.write_bytes(ARCHIVE)
    assert len(obtain(10, settings(tmp_path, offline=True))[1]) == 10
    assert len(obtain(voc2012.ALL, settings(tmp_path, offline=True))[1]) == 30


def test_an_archive_that_a_killed_run_left_behind_is_removed(tmp_path):
    with Server(ARCHIVE) as server:
        obtain(voc2012.ALL, settings(tmp_path, server.url))
    (tmp_path / "downloads" / "voc.tar").write_bytes(ARCHIVE)
    obtain(voc2012.ALL, settings(tmp_path, offline=True))
    assert not list((tmp_path / "downloads").glob("[!.]*"))


READ = """
import sys
from helpers.dataset import voc2012
from helpers.settings import from_environment
found = from_environment({"BOOTCAMP_DATA": sys.argv[1]})
print(voc2012.obtain(10, "for a test", found, progress=False).why)
"""


def test_a_folder_that_cannot_be_written_gives_what_it_has(tmp_path):
    with Server(ARCHIVE) as server:
        obtain(20, settings(tmp_path, server.url))
    assert "part of voc-20, already here" in run_read_only(tmp_path, READ)
