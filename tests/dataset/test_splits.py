"""Two parts, one to choose on and one to confirm: VOC's own, else every second picture."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_voc

from helpers import dataset
from helpers.dataset.splits import train_part
from helpers.settings import SAMPLE

IDS = [f"2007_{number:06}" for number in range(1, 10)]
TRAIN, VAL = IDS[:2] + IDS[5:6], IDS[2:4]
NEITHER = [IDS[4], *IDS[6:]]


@pytest.fixture
def load(here, tmp_path):
    """A function that loads nine pictures in VOC's layout, with these lists in ImageSets/Main."""

    def make(**lists):
        root = tmp_path / "voc"
        for path, content in tiny_voc.files(len(IDS)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        for name, text in lists.items():
            (root / tiny_voc.ROOT / "ImageSets" / "Main" / f"{name}.txt").write_bytes(text)
        return dataset.load(replace(here, dataset=str(root)), progress=False)

    return make


def listed(ids):
    return "".join(f"{name}\n" for name in ids).encode()


def chosen(data):
    """Return the ids that are for choosing."""
    part = train_part(data)
    assert part.dtype == bool
    assert part.shape == (len(data.pictures),)
    return [picture.id for picture, is_in in zip(data.pictures, part, strict=True) if is_in]


def test_vocs_own_lists_decide_and_the_pictures_in_neither_alternate(load):
    data = load(train=listed(TRAIN), val=listed(VAL))
    assert chosen(data) == sorted([*TRAIN, *NEITHER[::2]])


def test_the_order_of_the_pictures_changes_nothing(load):
    data = load(train=listed(TRAIN), val=listed(VAL))
    backwards = replace(data, pictures=data.pictures[::-1])
    np.testing.assert_array_equal(train_part(backwards), train_part(data)[::-1])


def test_without_lists_every_second_picture_is_for_choosing(load):
    assert chosen(load()) == IDS[::2]


def test_of_a_part_of_voc_only_what_is_there_counts(load):
    """The lists name pictures that a streamed or trimmed set doesn't have."""
    data = load(train=listed([*TRAIN, "2012_000001"]), val=listed([*VAL, "2012_000002"]))
    data = replace(data, pictures=data.pictures[1:5])
    assert chosen(data) == [IDS[1], IDS[4]]


def test_with_one_list_alone_the_rest_alternates(load):
    rest = [name for name in IDS if name not in TRAIN]
    assert chosen(load(train=listed(TRAIN))) == sorted([*TRAIN, *rest[::2]])


def test_odd_lists_are_read_as_far_as_they_go(load):
    """Blank lines, Windows' line ends, a class's list with its 1 and -1, and no text at all."""
    odd = b"\r\n   \r\n" + IDS[0].encode() + b"  1\r\n" + IDS[3].encode() + b" -1\r\n\xff\xfe\x00"
    rest = [name for name in IDS if name not in (IDS[0], IDS[3], *VAL)]
    assert chosen(load(train=odd, val=listed(VAL))) == sorted([IDS[0], IDS[3], *rest[::2]])


def test_a_folder_of_ones_own_alternates_by_id(here, tmp_path):
    for name in ("b/2.jpg", "a/1.jpg", "b/1.jpg", "a/2.jpg", "c.jpg"):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_bytes(tiny_voc.jpeg(len(name)))
    data = dataset.load(replace(here, dataset=str(tmp_path / "own")), progress=False)
    ids = sorted(picture.id for picture in data.pictures)
    assert len(ids) == 5
    assert chosen(data) == ids[::2]


def test_the_drawings_have_lists_too(here):
    lists = SAMPLE / "ImageSets" / "Main"
    assert chosen(dataset.load(here, progress=False)) == (lists / "train.txt").read_text().split()


@pytest.mark.voc
def test_the_photographs_have_vocs_own_halves(voc_subset, shared_settings):
    data = dataset.load(replace(shared_settings, dataset=str(voc_subset)), progress=False)
    lists = data.pictures[0].path.parents[1] / "ImageSets" / "Main"
    assert chosen(data) == [
        picture.id
        for picture in data.pictures
        if picture.id in (lists / "train.txt").read_text().split()
    ]
    assert 250 < train_part(data).sum() < 350
