"""What the browser sends is forced into what the controls can say."""

import pytest
from PIL import Image

from helpers.index.filters import LabelFilter
from search_app.query import Options, Query, checked, checked_region


def test_options_are_forced_into_their_ranges():
    wild = Options(k=100_000, labels=("car", "no such"), mode="drop", min_score=7, engine="x")
    tame = checked(wild, {"a": 1, "b": 2}, ["bus", "car"])
    assert tame == Options(k=100, labels=("car",), mode="any", min_score=1.0, engine="a")
    assert checked(Options(k=-3), {"a": 1}, []).k == 1


def test_the_class_filter_is_none_without_classes():
    assert Options(mode="none").label_filter() is None
    assert Options(labels=("car", "bus"), mode="none").label_filter() == LabelFilter(
        none=("car", "bus")
    )


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (None, None),
        ((0, 0, 1), None),
        ((0.25, 0.5, 0.75, 1), (0.25, 0.5, 0.75, 1)),
        ((-1, -1, 9, 9), (0, 0, 1, 1)),
        ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.52, 0.52)),
        ((1, 1, 0, 0), (0.98, 0.98, 1.0, 1.0)),
    ],
)
def test_a_region_lies_inside_and_is_never_empty(region, expected):
    assert checked_region(region) == (expected and pytest.approx(expected))


def test_a_region_cuts_its_pixels_out():
    image = Image.new("RGB", (100, 50))
    image.paste("red", (50, 25, 100, 50))
    part = Query("x", image, region=(0.5, 0.5, 1, 1)).pixels()
    assert part.size == (50, 25)
    assert part.getcolors() == [(1250, (255, 0, 0))]
    tiny = Query("x", Image.new("RGB", (3, 3)), region=(0.5, 0.5, 0.52, 0.52)).pixels()
    assert min(tiny.size) >= 1
