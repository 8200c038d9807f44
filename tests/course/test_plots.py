"""Figures say what they show: titles, marks and colours, drawn from real files."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from helpers.course import plots
from helpers.dataset.pictures import Box, Picture
from helpers.index import Hit

mpl.use("Agg")


@pytest.fixture
def pictures(tmp_path):
    found = {}
    for name, labels in {"a": ("cat",), "b": ("cat", "dog"), "c": ("bus",)}.items():
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (40, 30), "teal").save(path)
        boxes = tuple(Box(label, 2, 3, 20, 25) for label in labels)
        found[name] = Picture(name, path, labels, boxes, 40, 30)
    return found


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def frames(figure):
    return [mpl.colors.to_hex(axis.spines["left"].get_edgecolor()).upper() for axis in figure.axes]


def test_gallery_ranks_scores_and_judges(pictures):
    hits = [Hit("b", 0.91, ("cat", "dog")), Hit("c", 0.5, ("bus",))]
    figure = plots.gallery(pictures["a"].path, hits, pictures, title="Cats", wanted=("cat",))
    assert titles(figure) == ["query\ncat", "✓ 1 · 0.910\ncat, dog", "✗ 2 · 0.500\nbus"]
    assert frames(figure) == [plots.ACCENT, plots.GOOD, plots.BAD]
    assert figure.get_suptitle() == "Cats"


def test_gallery_without_labels_does_not_judge(pictures):
    figure = plots.gallery(pictures["a"].path, [Hit("c", 0.5, ())], pictures)
    assert titles(figure)[1].startswith("1 · 0.500")
    assert frames(figure)[1] not in (plots.GOOD, plots.BAD)


@pytest.fixture
def shapes(tmp_path):
    """A wide, a tall and a square picture, and one with a long caption."""
    found = []
    for number, size in enumerate([(60, 30), (30, 60), (40, 40), (60, 45)]):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, "teal").save(path)
        labels = ("diningtable", "person", "pottedplant", "tvmonitor")[: 1 + number]
        found.append(Picture(str(number), path, labels, (), *size))
    return found


def test_captions_begin_at_one_height_in_equal_cells(shapes):
    figure = plots.annotated(shapes, columns=4)
    figure.draw_without_rendering()
    tops = {round(axis.title.get_window_extent().y1) for axis in figure.axes}
    edges = {round(axis.get_window_extent().y1) for axis in figure.axes}  # of the pictures
    assert len(tops) == len(edges) == 1
    assert all(axis.title.get_window_extent().y0 > edges.copy().pop() for axis in figure.axes)


def test_no_row_is_higher_than_its_pictures_and_captions(shapes):
    figure = plots.annotated([shapes[0]] * 6, columns=3)
    figure.draw_without_rendering()
    above, below = figure.axes[0], figure.axes[3]
    gap = above.get_window_extent().y0 - below.title.get_window_extent().y1
    assert 0 < gap < 20


def test_with_nothing_to_draw_a_figure_says_so():
    empty = [plots.annotated([]), plots.bars({}, "x", beside=({}, "y"))]
    empty.append(plots.matrix(np.zeros((0, 0)), [], "Together", "pictures"))
    for figure in empty:
        figure.draw_without_rendering()
        assert figure.axes[0].texts[-1].get_text() == "There is nothing to draw here."


def test_a_class_may_have_any_name(pictures):
    plots.use_style()
    long, formula = "a long name " * 6, r"$\bad$ and $_$"
    table = plots.matrix(np.eye(2), [long, formula], "Together", "pictures")
    counted = plots.bars({long: 1, formula: 2}, "pictures")
    shown = plots.gallery(pictures["a"].path, [Hit("b", 0.9, (formula, "x" * 70))], pictures)
    for figure in (table, counted, shown):
        figure.draw_without_rendering()
        axis, across = figure.axes[0], figure.get_window_extent().width
        assert axis.get_window_extent().width > across / 4
    named = [replace(each, labels=("x" * 70,)) for each in pictures.values()]
    (label,) = plots.picture_map(np.eye(3)[:, :2], named, (0.2, 0.1)).axes[0].texts
    assert len(label.get_text()) < 60
    assert max(len(line) for title in titles(shown) for line in title.split("\n")) < 60


def test_boxes_are_drawn_where_they_are(pictures):
    axis = plots.annotated([pictures["b"]]).axes[0]
    drawn = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axis.patches]
    assert drawn == [(1, 2, 19, 23)] * 2
    assert [text.get_text() for text in axis.texts] == ["cat", "dog"]


def test_bars_put_the_largest_on_top_and_show_chance():
    axis = plots.bars({"bus": 0.25, "cat": 0.75}, "mean P@10", reference=0.5).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["bus", "cat"]
    assert axis.get_xlabel() == "mean P@10"
    assert [list(line.get_xdata()) for line in axis.lines] == [[0.5, 0.5]]


def test_bars_beside_bars_keep_the_order_and_a_class_its_own_reference():
    figure = plots.bars({"a": 3, "b": 5}, "pictures", {"a": 1, "b": 2}, ({"a": 9}, "objects"))
    left, right = figure.axes
    assert [bar.get_width() for bar in right.patches] == [9, 0]
    assert [text.get_text() for text in left.texts] == ["3", "5"]
    assert list(left.lines[0].get_xdata()) == [1, 2]


def test_every_other_figure_draws(pictures, tmp_path):
    image = Image.open(pictures["a"].path)
    drawn = [
        plots.matrix(np.eye(2), ["bus", "cat"], "Together", "pictures"),
        plots.side_by_side([image, np.zeros((5, 5))], ["one", "two"]),
        plots.feature_maps(np.random.default_rng(0).random((4, 4, 9)), [0, 8], "maps"),
        plots.picture_map(np.eye(3)[:, :2], list(pictures.values()), (0.2, 0.1)),
        plots.overlays([(image, np.ones((7, 7)))], ["warm"]),
    ]
    for number, figure in enumerate(drawn):
        figure.savefig(tmp_path / f"{number}.jpg", pil_kwargs={"quality": 82})
        assert (tmp_path / f"{number}.jpg").stat().st_size > 1000
