"""Notebook 06's exercises: where latency doubles, and a collection that has moved whole."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from exercise_kit import ODD, accepts, says, stands

from helpers.course import exercises
from helpers.dataset.pictures import Picture
from helpers.index import Index
from helpers.scale.load import Load

# 2. Where latency doubles


def loads(*p50):
    return [Load(clients, 10, ms, ms, ms, 1.0) for clients, ms in enumerate(p50, start=1)]


POINTS = loads(10, 12, 19, 21, 18, 45)


def doubles(answer, points=POINTS):
    return exercises.latency_doubles(answer, points)


def test_the_first_number_with_twice_the_latency_is_right(capsys):
    assert accepts(doubles, 4, capsys) == "Right: 21 ms with 4 clients, 10 ms with one."
    assert exercises.latency_doubles(2, loads(10, 20, 40)) is True


def test_known_mistakes_about_latency_are_named(capsys):
    assert "p50 is 1.9 times that of one, which isn't twice." in says(doubles, 3, capsys)
    assert "It takes twice as long with fewer clients already." in says(doubles, 6, capsys)
    assert "Your points lack 7, 8 clients." in says(doubles, 8, capsys)
    assert "1.8 times" in says(doubles, 5, capsys)  # it fell again, and isn't the first


def test_points_without_an_answer_are_no_points(capsys):
    failed = [*POINTS[:3], Load(4, 0, float("nan"), float("nan"), float("nan"), 0.0), *POINTS[4:]]
    told = says(lambda answer: exercises.latency_doubles(answer, failed), 6, capsys)
    assert "Your points lack 4 clients." in told


def test_latency_stands_any_answer(capsys):
    stands(doubles, capsys, [one for one in ODD if one is not True])


# 3. A move that is whole


@pytest.fixture
def original(here, vectors_kit):
    pictures, values = vectors_kit
    with Index("moved", "e", here, dim=8) as index:
        index.sync(pictures, values, progress=False)
        yield index


@pytest.fixture
def vectors_kit():
    import numpy as np

    values = np.random.default_rng(0).standard_normal((40, 8)).astype("f")
    return [Picture(f"p{row}", f"p{row}.jpg") for row in range(40)], values


@pytest.fixture
def copy(original, here, tmp_path):
    uri = str(tmp_path / "elsewhere.db")
    original.copy_to(uri, progress=False)
    with Index("moved", "e", replace(here, milvus_uri=uri), dim=8) as index:
        yield index


def moved(original, values):
    return lambda answer: exercises.nothing_lost(answer, original, values[:5])


def test_a_whole_copy_is_right(original, copy, vectors_kit, capsys):
    praise = accepts(moved(original, vectors_kit[1]), copy, capsys)
    assert praise == "Right: 40 rows, each as it was, and 5 queries agree."


def test_known_mistakes_about_a_copy_are_named(original, copy, vectors_kit, capsys):
    values = vectors_kit[1]
    check = moved(original, values)
    assert "That is the original." in says(check, original, capsys)
    copy.delete(["p3"])
    assert "lacks 1 of the 40 rows and holds 0 others." in says(check, copy, capsys)
    copy.upsert([Picture("p3", "p3.jpg")], values[4:5], progress=False)
    assert "1 of the rows aren't as they were." in says(check, copy, capsys)


def test_another_index_type_and_a_link_are_no_copy(original, copy, vectors_kit, tmp_path, capsys):
    check = moved(original, vectors_kit[1])
    link = tmp_path / "link.db"
    link.symlink_to(original.uri)
    linked = SimpleNamespace(uri=str(link), digests=original.digests)
    assert "That is the original." in says(check, linked, capsys)
    copy.rebuild("FLAT")
    assert "Yours has the index FLAT." in says(check, copy, capsys)


def test_a_copy_stands_any_answer(original, vectors_kit, capsys):
    stands(moved(original, vectors_kit[1]), capsys)


# 1. A system for ten million


PRICES = {"HNSW": 30, "IVF_SQ8": 10, "EXACT": 90}


def needs(dim, kind):
    return SimpleNamespace(monthly=PRICES[kind] * dim)


def sized(answer):
    return exercises.sized(answer, needs)


def test_the_cheapest_system_is_right(capsys):
    assert accepts(sized, (64, "IVF_SQ8"), capsys).startswith("Right: ")
    assert exercises.sized([64, "IVF_SQ8"], needs) is True


def test_known_mistakes_about_a_system_are_named(capsys):
    assert "That costs $1,920 a month, and another $640." in says(sized, (64, "HNSW"), capsys)
    assert "Give 64 or 512" in says(sized, ("IVF_SQ8", 64), capsys)


def test_a_system_stands_any_answer_even_an_endless_one(capsys):
    stands(sized, capsys, [*ODD, iter(int, 1)])
