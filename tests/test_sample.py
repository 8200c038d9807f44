"""The committed sample is whole, byte for byte, true to its annotations, and small."""

import hashlib
from collections import Counter

import pytest
from defusedxml import ElementTree
from PIL import Image

from helpers.settings import SAMPLE

SETS = SAMPLE / "ImageSets" / "Main"
SUMS = SAMPLE / "SHA256SUMS"
NAMES = (SETS / "trainval.txt").read_text(encoding="ascii").split()
CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
]
"""The twenty classes of PASCAL VOC 2012 in its own order, which the pictures' numbers follow."""


def objects_of(name):
    root = ElementTree.parse(SAMPLE / "Annotations" / f"{name}.xml").getroot()
    return root, root.findall("object")


def labels_of(name):
    return {item.findtext("name") for item in objects_of(name)[1]}


def listed():
    """Return {relative path: SHA-256} as SHA256SUMS has it, in its order."""
    lines = [line.split("  ", 1) for line in SUMS.read_text(encoding="ascii").splitlines()]
    return {path: digest for digest, path in lines}


def test_every_file_is_the_one_that_sha256sums_lists():
    files = [path for path in SAMPLE.rglob("*") if path.is_file() and path != SUMS]
    found = {
        path.relative_to(SAMPLE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    sums = listed()
    assert found.keys() - sums.keys() == set(), "not listed in SHA256SUMS"
    assert sums.keys() - found.keys() == set(), "listed in SHA256SUMS, but gone"
    assert {path for path, digest in found.items() if sums[path] != digest} == set()


def test_sha256sums_is_sorted_and_readable_by_the_command():
    assert list(listed()) == sorted(listed())
    assert len(listed()) == 544
    content = SUMS.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")


def test_every_picture_has_its_annotation_and_nothing_else_is_there():
    assert sorted(p.name for p in (SAMPLE / "JPEGImages").iterdir()) == [f"{n}.jpg" for n in NAMES]
    assert sorted(p.name for p in (SAMPLE / "Annotations").iterdir()) == [f"{n}.xml" for n in NAMES]


def test_every_class_has_ten_pictures():
    counts = Counter(label for name in NAMES for label in labels_of(name))
    assert sorted(counts) == CLASSES
    assert min(counts.values()) >= 10, counts
    assert len(NAMES) == 240


@pytest.mark.parametrize("part", range(4))
def test_annotations_agree_with_the_pictures(part):
    for name in NAMES[part::4]:
        root, objects = objects_of(name)
        with Image.open(SAMPLE / "JPEGImages" / f"{name}.jpg") as image:
            width, height = image.size
        assert root.findtext("folder") == "VOC2012"
        assert root.findtext("filename") == f"{name}.jpg"
        size = [int(root.findtext(f"size/{side}")) for side in ("width", "height", "depth")]
        assert size == [width, height, 3]
        assert objects, name
        for item in objects:
            sides = ("xmin", "ymin", "xmax", "ymax")
            left, top, right, bottom = (int(item.findtext(f"bndbox/{side}")) for side in sides)
            assert 1 <= left < right <= width, name
            assert 1 <= top < bottom <= height, name
            assert item.findtext("truncated") in {"0", "1"}
            assert item.findtext("difficult") == "0"


def test_main_object_is_annotated():
    for name in NAMES:
        number = int(name.removeprefix("2012_"))
        assert CLASSES[(number - 1) % len(CLASSES)] in labels_of(name), name


def test_image_sets_list_every_picture():
    train, val = ((SETS / f"{split}.txt").read_text().split() for split in ("train", "val"))
    assert sorted(train + val) == NAMES
    assert not set(train) & set(val)
    for label in CLASSES:
        for split, names in (("train", train), ("val", val), ("trainval", NAMES)):
            signs = (1 if label in labels_of(name) else -1 for name in names)
            lines = [f"{name} {sign:2d}" for name, sign in zip(names, signs, strict=True)]
            assert (SETS / f"{label}_{split}.txt").read_text().splitlines() == lines


def test_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 6_000_000
