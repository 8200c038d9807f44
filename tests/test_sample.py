"""The committed sample is complete, true to its annotations, small, and can be drawn again."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from defusedxml import ElementTree
from PIL import Image

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "sample"
SETS = SAMPLE / "ImageSets" / "Main"
sys.path.insert(0, str(DATA))

import draw_sample  # noqa: E402

NAMES = [draw_sample.name_of(n) for n in range(1, draw_sample.COUNT + 1)]


def objects_of(name):
    root = ElementTree.parse(SAMPLE / "Annotations" / f"{name}.xml").getroot()
    return root, root.findall("object")


def labels_of(name):
    return {item.findtext("name") for item in objects_of(name)[1]}


def test_every_picture_has_its_annotation_and_nothing_else_is_there():
    assert sorted(p.name for p in (SAMPLE / "JPEGImages").iterdir()) == [f"{n}.jpg" for n in NAMES]
    assert sorted(p.name for p in (SAMPLE / "Annotations").iterdir()) == [f"{n}.xml" for n in NAMES]


def test_every_class_has_a_dozen_pictures():
    counts = Counter(label for name in NAMES for label in labels_of(name))
    assert sorted(counts) == draw_sample.CLASSES
    assert min(counts.values()) >= 12, counts


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
    for number, name in enumerate(NAMES):
        main = draw_sample.CLASSES[number % len(draw_sample.CLASSES)]
        assert main in labels_of(name), name


def test_image_sets_list_every_picture():
    train, val = ((SETS / f"{split}.txt").read_text().split() for split in ("train", "val"))
    assert sorted(train + val) == NAMES == (SETS / "trainval.txt").read_text().split()
    assert not set(train) & set(val)
    for label in draw_sample.CLASSES:
        for split, names in (("train", train), ("val", val), ("trainval", NAMES)):
            signs = (1 if label in labels_of(name) else -1 for name in names)
            lines = [f"{name} {sign:2d}" for name, sign in zip(names, signs, strict=True)]
            assert (SETS / f"{label}_{split}.txt").read_text().splitlines() == lines


def test_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 6_000_000


@pytest.mark.parametrize("number", [8, 63, 106, 155, 207, 280])
def test_drawing_again_gives_the_same_bytes(number, tmp_path):
    draw_sample.make_folders(tmp_path)
    draw_sample.draw_one(number, tmp_path)
    name = draw_sample.name_of(number)
    for file in (f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml"):
        assert (tmp_path / file).read_bytes() == (SAMPLE / file).read_bytes(), file
