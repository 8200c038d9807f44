"""PASCAL VOC: folders of both years understood, annotations read without risk."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_voc

from helpers.dataset import voc
from helpers.dataset.listing import list_pictures
from helpers.fetch import archive

ORDER = [f"2007_{i:06}" for i in range(1, 61)]


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
    pictures, ledger = list_pictures(tmp_path)
    assert [p.id for p in pictures] == ORDER[:4]
    assert len(ledger.entries) == 0
    assert pictures[0].labels == ("cat",)
    assert (pictures[0].width, pictures[0].height) == (48, 32)


def test_of_two_years_the_later_is_taken(tmp_path):
    make_folder(tmp_path, "VOC2007")
    later = make_folder(tmp_path, "VOC2012")
    assert voc.find(tmp_path) == later
    shutil.rmtree(tmp_path / "VOCdevkit")
    assert voc.find(tmp_path) is None


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
    pictures, ledger = list_pictures(tmp_path)
    assert [p.labels for p in pictures] == [("cat",), (), ("person",), ("cat",)]
    assert pictures[1].boxes == ()
    assert len(ledger) == 0
    assert len(ledger.entries) == 1
    assert "annotation" in ledger.entries[0].reason
    assert ORDER[1] in ledger.entries[0].path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names and pipes")
def test_odd_files_in_a_voc_go_to_the_ledger_and_nothing_waits_for_a_pipe(tmp_path):
    folder = make_folder(tmp_path)
    pictures, annotations = folder / "JPEGImages", folder / "Annotations"
    (annotations / f"{ORDER[1]}.xml").unlink()
    os.mkfifo(annotations / f"{ORDER[1]}.xml")
    os.mkfifo(pictures / "pipe.jpg")
    (pictures / ("a" * 201 + ".jpg")).write_bytes(tiny_voc.jpeg(1))
    (pictures / f"{ORDER[0]}.png").write_bytes(tiny_voc.jpeg(1))
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "folder.jpg").mkdir()
    with open(os.fsencode(pictures) + b"/caf\xe9.jpg", "wb") as file:
        file.write(tiny_voc.jpeg(1))
    found, ledger = list_pictures(tmp_path)
    assert [picture.id for picture in found] == ORDER[:4]
    assert found[1].labels == ()
    told = {Path(entry.path).name: entry.reason for entry in ledger.entries}
    assert len(told) == 6
    assert "isn't a plain file" in told["pipe.jpg"]
    assert "longer than 200 bytes" in told["a" * 201 + ".jpg"]
    assert "its id is that of" in told[f"{ORDER[0]}.png"]
    assert "its extension" in told["notes.txt"]
    assert "not valid UTF-8" in told["caf\\xe9.jpg"]
    assert "no annotation file" in told[f"{ORDER[1]}.jpg"]


def test_500_mutated_annotations_are_used_or_in_the_ledger(tmp_path):
    rng, picture = np.random.default_rng(3), tiny_voc.jpeg(1)
    source = b"<source>" + b"The VOC2012 Database, flickr. " * 30 + b"</source><size>"
    roomy = tiny_voc.xml("cat").replace(b"<size>", source)  # room for changes that do no harm
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind).mkdir()
    for number in range(500):
        (tmp_path / "JPEGImages" / f"{number}.jpg").write_bytes(picture)
        changed = tiny_voc.mutated(roomy, rng)
        (tmp_path / "Annotations" / f"{number}.xml").write_bytes(changed)
    pictures, ledger = list_pictures(tmp_path)
    told = {entry.path: entry for entry in ledger.entries}
    assert len(pictures) == 500
    assert len(ledger) == 0
    assert 50 < len(told) < 450
    for picture in pictures:
        entry = told.get(f"JPEGImages/{picture.id}.jpg")
        assert bool(picture.labels) == (entry is None)
        assert entry is None or "annotation" in entry.reason


@pytest.mark.voc
def test_the_real_subset_is_read_whole(voc_subset, tmp_path):
    archive.unpack(voc_subset, tmp_path, progress=False)
    pictures, ledger = list_pictures(tmp_path)
    labels = [box.label for picture in pictures for box in picture.boxes]
    assert (len(pictures), len(labels), len(set(labels))) == (600, 1468, 5)
    assert ledger.entries == []
