"""Notebook 01's checks know what goes wrong when one counts labels and draws boxes."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from exercise_kit import accepts, says, stands
from matplotlib import pyplot as plt
from PIL import Image

from helpers.course import exercises
from helpers.course.run_notebooks import NOTEBOOKS
from helpers.dataset.pictures import Box, Picture

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    plt.close("all")


def shown(*labels, boxes=None):
    boxes = tuple(Box(label, 3, 4, 12, 19) for label in boxes or labels)
    return Picture("+".join(labels), Path("a.jpg"), tuple(sorted(set(labels))), boxes, 40, 30)


PICTURES = [
    *[shown("dog", "person")] * 2,
    shown("cat", "dog", "person", boxes=["cat", "dog", "dog", "person"]),
    *[shown("dog", boxes=["dog"] * 9)] * 2,
    *[shown("person")] * 9,
    *[shown("cat")] * 4,
    shown("bus"),
]
UNLABELLED = [Picture(str(number), Path("a.jpg")) for number in range(12)]
FOLDERS = [shown("cat")] * 3 + [shown("dog")] * 4


def count(answer, pictures=PICTURES):
    return exercises.shows_both(answer, "dog", "person", pictures)


def test_counting_both(capsys):
    assert accepts(count, 3, capsys) == "Right: 3 pictures show both dog and person."
    assert accepts(count, np.int64(3), capsys)
    stands(count, capsys)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (14, "*or*"),
        (2, "nothing else"),
        (12, "how many show person"),
        (5, "how many show dog"),
        (34, "You counted objects."),
        (7, "the objects in those pictures"),
        (["a", "b", "c"], "How many are in it?"),
    ],
)
def test_other_ways_to_count_are_known(answer, words, capsys):
    assert words in says(count, answer, capsys)


def test_without_two_classes_there_is_nothing_to_count(capsys):
    for pictures in (UNLABELLED, FOLDERS[:3]):
        assert "nothing to count" in accepts(lambda a, p=pictures: count(a, p), "?", capsys)
    assert "0 pictures" in accepts(lambda a: count(a, FOLDERS), 0, capsys)


def test_the_pair_to_count_is_neither_the_printed_one_nor_absent():
    chosen = exercises.two_classes(PICTURES)
    assert chosen != ("dog", "person")
    assert any(set(chosen) <= set(picture.labels) for picture in PICTURES)
    assert exercises.two_classes(PICTURES[:1]) == ("dog", "person")
    assert exercises.two_classes(FOLDERS) == ("cat", "dog")
    assert exercises.two_classes(UNLABELLED) == ("dog", "person")


def alone(answer, pictures=PICTURES):
    return exercises.rarely_alone(answer, pictures)


def test_rarely_alone(capsys):
    assert accepts(alone, "dog", capsys) == "Right: dog is alone in 2 of its 5 pictures."
    assert "most often" in says(alone, "bus", capsys)
    assert "most pictures" in says(alone, "person", capsys)
    for no_name in ("wolf", ["dog"], ("dog",), 3):
        assert "by its name" in says(alone, no_name, capsys)
    few = [*PICTURES, shown("bus", "cat")]
    assert "Take the share" in says(lambda a: alone(a, few), "bus", capsys)
    stands(alone, capsys)


def test_where_no_class_has_company_there_is_nothing_to_find(capsys):
    for pictures in (UNLABELLED, FOLDERS):
        assert "nothing to find" in accepts(lambda a, p=pictures: alone(a, p), "?", capsys)


@pytest.fixture
def picture(tmp_path):
    """A picture whose boxes are one of one pixel and one of 10 by 16, with their file."""
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(noise).save(path)
    boxes = (Box("dog", 3, 4, 12, 19), Box("cat", 20, 9, 20, 9))
    return Picture("a", path, ("cat", "dog"), boxes, 40, 30)


def drawn(picture, shift=-1, more=1, image=None, add=True):
    """Draw the boxes of a picture as a learner would, and return the rectangles."""
    axis = plt.figure().subplots()
    axis.imshow(Image.open(picture.path) if image is None else image)
    found = [
        plt.Rectangle((b.xmin + shift, b.ymin + shift), b.xmax - b.xmin + more,
                      b.ymax - b.ymin + more, fill=False)
        for b in picture.boxes
    ]  # fmt: skip
    for rectangle in found if add else ():
        axis.add_patch(rectangle)
    return found


def test_boxes_drawn(picture, capsys):
    def check(answer):
        return exercises.boxes_drawn(answer, picture)

    assert accepts(check, drawn(picture), capsys) == "Right: to the pixel."
    assert accepts(check, drawn(picture)[::-1], capsys)
    assert accepts(check, drawn(picture, shift=-1.5), capsys)  # the pixel's very edge
    assert "counts from 1" in says(check, drawn(picture, shift=0), capsys)
    assert "one pixel too small" in says(check, drawn(picture, more=0), capsys)
    assert "edges are one pixel off" in says(check, drawn(picture, shift=0, more=0), capsys)
    assert "for each box" in says(check, drawn(picture)[:1], capsys)
    assert "in a list" in says(check, drawn(picture)[0], capsys)
    assert "where the boxes are" in says(check, drawn(picture, shift=5), capsys)
    stands(check, capsys)


def test_rectangles_must_be_seen_on_the_picture(picture, capsys):
    def check(answer):
        return exercises.boxes_drawn(answer, picture)

    assert "axis.add_patch" in says(check, drawn(picture, add=False), capsys)
    removed = drawn(picture)
    removed[0].remove()
    assert "axis.add_patch" in says(check, removed, capsys)
    for unseen in ({"visible": False}, {"alpha": 0}):
        hidden = drawn(picture)
        plt.setp(hidden, **unseen)
        assert "nobody can see" in says(check, hidden, capsys)
    for image in (np.zeros((30, 40, 3)), np.zeros((5, 5)), np.zeros((30, 40))):
        assert "doesn't show" in says(check, drawn(picture, image=image), capsys)


def test_the_far_corner_is_not_width_and_height(picture, capsys):
    corners = [plt.Rectangle((b.xmin, b.ymin), b.xmax, b.ymax) for b in picture.boxes]
    told = says(lambda answer: exercises.boxes_drawn(answer, picture), corners, capsys)
    assert "width and height" in told


def test_without_boxes_there_is_nothing_to_draw(capsys):
    assert "nothing to draw" in accepts(
        lambda answer: exercises.boxes_drawn(answer, UNLABELLED[0]), [], capsys
    )


@pytest.mark.parametrize("pictures", [PICTURES, FOLDERS, UNLABELLED])
def test_chance_by_groups_is_chance_by_pairs(pictures):
    book = nbformat.read(NOTEBOOKS / "01_download_pascal_voc.ipynb", as_version=4)
    names = sorted({label for picture in pictures for label in picture.labels})
    space = {"Counter": Counter, "np": np, "names": names}
    space["data"] = SimpleNamespace(pictures=pictures)
    exec(next(cell.source for cell in book.cells if cell.id == "chance"), space)
    number = len(pictures)
    pairs = [(a, b) for a in range(number) for b in range(number) if a != b]
    shares = [bool({*pictures[a].labels} & {*pictures[b].labels}) for a, b in pairs]
    assert space["chance"] == pytest.approx(np.mean(shares))
