"""Notebook 03's checks search the index themselves, and know what else one may have searched."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from exercise_kit import accepts, says, stands

from helpers.course import exercises
from helpers.dataset.pictures import Picture
from helpers.features import Vectors
from helpers.index import Index, LabelFilter

NAMES = ("bus", "dog", "car")
LABELS = ("bus", "dog", "car")  # bus or dog, but no car


def unit(count, seed=0):
    values = np.random.default_rng(seed).standard_normal((count, 512)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


VALUES = unit(120)
QUERY = unit(1, seed=1)[0]
PICTURES = [
    Picture(f"p{n:03}", Path("a.jpg"), tuple(x for bit, x in enumerate(NAMES) if n >> bit & 1))
    for n in range(120)
]
VECTORS = Vectors([picture.id for picture in PICTURES], VALUES, "test")


@pytest.fixture
def index(here):
    with Index("exercise", "test", here) as opened:
        opened.sync(PICTURES, VALUES, progress=False)
        yield opened


@pytest.fixture
def filtered(index):
    return lambda answer: exercises.either_but_not(answer, LABELS, QUERY, index)


RIGHT = LabelFilter(any=("bus", "dog"), none=("car",))


def test_the_right_filter(index, filtered, capsys):
    right = index.search(QUERY, 5, RIGHT)
    assert accepts(filtered, right, capsys) == "Right."
    assert accepts(filtered, tuple(right), capsys)
    stands(filtered, capsys)


@pytest.mark.parametrize(
    ("label_filter", "k", "words"),
    [
        (LabelFilter(all=("bus", "dog"), none="car"), 5, "bus and dog together"),
        (LabelFilter(any=("bus", "dog")), 5, "Some of these show car"),
        (LabelFilter(any="bus", none="car"), 5, "bus only; dog will do"),
        (LabelFilter(any="dog", none="car"), 5, "dog only; bus will do"),
        (LabelFilter(any=("bus", "dog", "car")), 5, "you asked for it too"),
        (None, 5, "the filter is missing"),
        (RIGHT, 3, "you have 3 hits; ask for five"),
        (RIGHT, 12, "you have 12 hits; ask for five"),
    ],
)
def test_other_filters_are_known(index, filtered, label_filter, k, words, capsys):
    assert words in says(filtered, index.search(QUERY, k, label_filter), capsys)


def test_hits_are_those_of_the_query_and_of_the_index(index, filtered, capsys):
    elsewhere = index.search(-QUERY, 5, RIGHT)
    assert "search with `query` itself" in says(filtered, elsewhere, capsys)
    made_up = [dataclasses.replace(hit, score=1.0) for hit in index.search(QUERY, 5, RIGHT)]
    assert says(filtered, made_up, capsys).startswith("Not quite.")


def test_a_set_that_cannot_pose_the_question_says_so(index, capsys):
    def few(answer):
        return exercises.either_but_not(answer, (), QUERY, index)

    def nowhere(answer):
        return exercises.either_but_not(answer, ("cat", "cow", "car"), QUERY, index)

    assert "fewer than three labels" in accepts(few, "anything", capsys)
    assert "shows cat or cow without car" in accepts(nowhere, [], capsys)
    assert says(few, ..., capsys)


def smallest(answer):
    return exercises.smallest_nprobe(answer, lambda nprobe: min(1.0, nprobe / 20))


def test_the_smallest_nprobe(capsys):
    assert accepts(smallest, 19, capsys).startswith("Right: 19 is enough, with a recall of 0.950")
    assert accepts(smallest, np.int64(19), capsys)
    stands(smallest, capsys)


def test_too_little_and_more_than_enough_are_known(capsys):
    assert "recall of 0.900: too little" in says(smallest, 18, capsys)
    assert "so is 31, with a recall of 1.000" in says(smallest, 32, capsys)
    for answer in (0, -5, 10**6, 19.5, "19"):
        assert says(smallest, answer, capsys).startswith("Not quite.")
    assert exercises.smallest_nprobe(1, lambda nprobe: 1.0)


def test_equal_vectors_leave_nothing_to_find(capsys):
    def alike(answer):
        return exercises.smallest_nprobe(answer, lambda nprobe: min(0.48, nprobe / 20))

    assert "too much alike" in accepts(alike, 76, capsys)
    assert says(alike, "nonsense", capsys).startswith("Not quite.")


@pytest.fixture
def mine(here):
    with Index("mine", "test", here) as opened:
        yield opened


@pytest.fixture
def again(mine):
    return lambda answer: exercises.found_again(answer, mine, VECTORS)


NEW = [dataclasses.replace(picture, id=f"new/{picture.id}") for picture in PICTURES[:4]]
IDS = [picture.id for picture in NEW]


def test_new_pictures_find_themselves(mine, again, capsys):
    assert "holds no picture" in says(again, IDS, capsys)
    assert "in a list" in says(again, IDS[0], capsys)
    mine.upsert(NEW, unit(4, seed=2), progress=False)
    assert accepts(again, IDS, capsys).startswith("Right: 4 new pictures")
    assert accepts(again, np.array(IDS[::-1]), capsys)
    stands(again, capsys)


def test_copies_among_new_pictures_are_their_own_nearest_too(mine, again, capsys):
    mine.upsert(NEW, np.repeat(unit(2, seed=2), 2, axis=0), progress=False)
    assert accepts(again, IDS, capsys)


def test_what_was_always_there_is_not_new(mine, again, capsys):
    mine.upsert(PICTURES[:4], VALUES[:4], progress=False)
    assert "'p000' is an id of the data set" in says(again, ["p000", "p001"], capsys)
    mine.sync(NEW, VALUES[:4], progress=False, delete_most=True)
    assert "the data set's own pictures" in says(again, IDS, capsys)


def test_the_list_and_the_index_agree(mine, again, capsys):
    mine.upsert(NEW, unit(4, seed=2), progress=False)
    assert "holds 4 pictures, but you list 3 ids" in says(again, IDS[:3], capsys)
    assert "you list 5 ids" in says(again, [*IDS, IDS[0]], capsys)
    assert "holds no picture 'other'" in says(again, [*IDS, "other"], capsys)
