"""What the browser sends is forced into what the controls can say."""

import pytest
from PIL import Image

from helpers.index.filters import LabelFilter
from search_app.query import MessageError, Options, Query, checked, checked_region, number


def test_options_are_forced_into_their_ranges():
    wild = Options(k=100_000, labels=("car", "no such"), mode="drop", min_score=7, engine="x")
    tame = checked(wild, {"a": 1, "b": 2}, ["bus", "car"])
    assert tame == Options(k=100, labels=("car",), mode="any", min_score=1.0, engine="a")
    assert checked(Options(k=-3), {"a": 1}, []).k == 1


def test_a_class_counts_once_however_often_it_is_sent_and_not_too_many_count():
    many = checked(Options(labels=("car", "bus") * 50_000), ["a"], ["bus", "car"])
    assert many.labels == ("car", "bus")
    classes = [f"class {number}" for number in range(51)]
    assert len(checked(Options(labels=tuple(classes[:50])), ["a"], classes).labels) == 50
    with pytest.raises(MessageError, match="At most 50"):
        checked(Options(labels=tuple(classes)), ["a"], classes)
    odd = checked(Options(labels=(["car"], {}, None, 3, "car"), mode=[], engine={}), ["a"], ["car"])
    assert (odd.labels, odd.mode, odd.engine) == (("car",), "any", "a")


@pytest.mark.parametrize(
    "wrong", ["3", None, True, [3], {}, float("nan"), float("inf"), -float("inf")]
)
def test_what_is_no_finite_number_is_refused(wrong):
    with pytest.raises(MessageError):
        number(wrong, 0, 1)
    with pytest.raises(MessageError):
        checked(Options(k=wrong), ["a"], [])
    with pytest.raises(MessageError):
        checked_region([0, 0, wrong, 1])
    if wrong is not None:
        with pytest.raises(MessageError):
            checked(Options(min_score=wrong), ["a"], [])


def test_numbers_are_forced_between_their_limits():
    assert [number(value, 0, 1) for value in (-1e300, -0.1, 0.5, 2, 10**400)] == [0, 0, 0.5, 1, 1]
    with pytest.raises(MessageError):
        checked(Options(labels="car"), ["a"], ["car"])


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
        ("0011", None),
        ({"left": 0}, None),
        ((0.25, 0.5, 0.75, 1), (0.25, 0.5, 0.75, 1)),
        ((-1, -1, 9, 9), (0, 0, 1, 1)),
        ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.52, 0.52)),
        ((1, 1, 0, 0), (0.98, 0.98, 1.0, 1.0)),
    ],
)
def test_a_region_lies_inside_and_is_never_empty(region, expected):
    assert checked_region(region) == (expected and pytest.approx(expected))


def test_a_picture_is_itself_only_in_its_own_data_set_and_whole():
    query = Query("x", Image.new("RGB", (3, 3)), dataset="pets", id="a.jpg")
    assert query.id_in("pets") == "a.jpg"
    assert query.id_in("cars") is None
    assert Query("x", query.image).id_in("") is None
    part = Query("x", query.image, dataset="pets", id="a.jpg", region=(0, 0, 1, 1))
    assert part.id_in("pets") is None


def test_a_region_cuts_its_pixels_out():
    image = Image.new("RGB", (100, 50))
    image.paste("red", (50, 25, 100, 50))
    part = Query("x", image, region=(0.5, 0.5, 1, 1)).pixels()
    assert part.size == (50, 25)
    assert part.getcolors() == [(1250, (255, 0, 0))]
    tiny = Query("x", Image.new("RGB", (3, 3)), region=(0.5, 0.5, 0.52, 0.52)).pixels()
    assert min(tiny.size) >= 1
