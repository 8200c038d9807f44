"""The scoreboard of notebook 05: its rows, its verdicts, and what can be measured at all."""

from pathlib import Path

import numpy as np
import pytest

from helpers.course.scoreboard import LEAST, Scoreboard, measurable
from helpers.dataset import Dataset
from helpers.dataset.pictures import Ledger, Picture
from helpers.features.pooling import l2_normalise
from helpers.search import relevance, tuning
from helpers.search.metrics import PerQuery

COUNT, ASKED = 40, np.arange(0, 40, 3)


def pictures(labels):
    """Return a Picture for each tuple of labels."""
    return [Picture(f"p{n:03}", Path(f"p{n:03}.jpg"), each) for n, each in enumerate(labels)]


SOME = pictures([(("cat",), ("dog",), ("cat", "dog"), ("bus",))[n % 4] for n in range(COUNT)])


def vectors(seed=0, dim=6):
    """Return made-up vectors of length one, in which a class lies a little together."""
    rng, middles = np.random.default_rng(seed), np.eye(4, dim)
    return l2_normalise(rng.normal(size=(COUNT, dim)) + middles[np.arange(COUNT) % 4])


@pytest.fixture
def board():
    return Scoreboard(relevance.any_shared_label(SOME), ASKED)


def by_hand(scores_of):
    """Return the mean P@1, P@10 and AP by the definitions, one query and one rank at a time."""
    found = []
    for row in ASKED:
        scores = scores_of(row)
        others = sorted((n for n in range(COUNT) if n != row), key=lambda n: (-scores[n], n))
        hits = [bool({*SOME[n].labels} & {*SOME[row].labels}) for n in others]
        ranks = [rank for rank, hit in enumerate(hits, 1) if hit]
        ap = np.mean([number / rank for number, rank in enumerate(ranks, 1)])
        found.append((hits[0], sum(hits[:10]) / 10, ap))
    return np.mean(found, axis=0)


def told(row):
    return [row[name] for name in ("p_at_1", "p_at_10", "map")]


def test_a_row_is_what_the_definitions_give(board):
    ours = vectors()
    board.add("plain", ours)
    (row,) = board.rows
    assert told(row) == pytest.approx(by_hand(lambda q: ours @ ours[q]))
    assert (row["setting"], row["dimension"], row["bytes"]) == ("plain", 6, 24)
    low, high = row["map_interval"]
    assert 0 < low < row["map"] < high < 1
    assert row["query_ms"] > 0


def test_queries_scores_and_bytes_of_ones_own_count(board):
    ours, moved = vectors(), vectors(1)
    board.add("moved", ours, lambda rows: moved[rows], size=6)
    board.add("far first", ours, scores_of=lambda rows: -(ours[rows] @ ours.T))
    board.add("scores alone", scores_of=lambda rows: ours[rows] @ ours.T)
    one, other, third = board.rows
    assert told(one) == pytest.approx(by_hand(lambda q: ours @ moved[q]))
    assert told(other) == pytest.approx(by_hand(lambda q: -ours @ ours[q]))
    assert told(third) == pytest.approx(by_hand(lambda q: ours @ ours[q]))
    assert [row["bytes"] for row in board.rows] == [6, 24, 0]
    assert [row["dimension"] for row in board.rows] == [6, 6, 0]


def test_a_setting_measured_again_replaces_its_row(board):
    for setting, seed in (("a", 0), ("b", 1), ("a", 2)):
        board.add(setting, vectors(seed))
    fresh = Scoreboard(board.gains_of, ASKED)
    fresh.add("a", vectors(2))
    assert [row["setting"] for row in board.rows] == ["b", "a"]
    assert told(board.rows[1]) == told(fresh.rows[0])
    np.testing.assert_array_equal(board.measured["a"].ap, fresh.measured["a"].ap)


def test_the_table_is_aligned_and_as_it_was_printed(board, capsys):
    settings = ["short", "a name that is much too long for its column", "another"]
    for setting, dim in zip(settings, (6, 512, 64), strict=True):
        board.add(setting, vectors(0, dim))
    printed = capsys.readouterr().out.splitlines()
    assert printed == repr(board).splitlines()
    head, *lines = printed
    assert len(lines) == 3
    assert {len(line) for line in printed} == {len(head)}
    for heading, number in (("numbers", "512"), ("bytes", "2048")):
        end = head.index(heading) + len(heading)
        assert lines[1][:end].endswith(f" {number}")
    assert lines[1].startswith(settings[1][:35] + " ")
    assert head.startswith("setting ")


def test_only_the_first_row_comes_with_the_headings(board, capsys):
    board.add("a", vectors())
    board.add("b", vectors(1))
    assert capsys.readouterr().out.count("mAP") == 1


def measured(board, **settings):
    """Put made-up average precisions onto the board."""
    for setting, ap in settings.items():
        board.measured[setting] = PerQuery(None, None, np.array(ap), None)


RNG = np.random.default_rng(0)
HARD = RNG.uniform(0.2, 0.9, 200)  # some queries are hard for both
NOISE = RNG.normal(0, 0.02, 200)
CASES = {
    "higher": (HARD + 0.01 + NOISE, HARD),
    "lower": (HARD - 0.01 + NOISE, HARD),
    "too close to call": (HARD + NOISE - NOISE.mean() + 0.0005, HARD),
}


@pytest.mark.parametrize("verdict", CASES)
def test_the_verdict_goes_by_the_paired_interval(board, capsys, verdict):
    ours, theirs = CASES[verdict]
    measured(board, ours=ours, theirs=theirs)
    board.compare("ours", "theirs")
    said = capsys.readouterr().out.strip()
    assert said.endswith(f": {verdict}")
    assert said.startswith(f"ours - theirs: mAP {np.mean(ours - theirs):+.3f}, interval ")


def test_nothing_is_claimed_of_equals_or_of_nothing(board, capsys):
    nothing = np.full(4, np.nan)
    measured(board, a=HARD, same=HARD, none=nothing, neither=nothing)
    board.compare("a", "same")
    board.compare("none", "neither")
    assert capsys.readouterr().out.count("too close to call") == 2


def test_a_row_that_is_not_there_is_named(board):
    board.add("original", vectors())
    with pytest.raises(ValueError, match=r"No row is called 'orignal'\. Give one of original\."):
        board.compare("original", "orignal")


def data_set(labels):
    return Dataset("own", "the pictures in a folder.", pictures(labels), Ledger(), Path())


def test_enough_labelled_pictures_are_taken():
    for labels in (
        [("cat",), ("dog",)] * (LEAST // 2) + [("cat",)],
        [("cat", "person"), ("person",)] * LEAST,
        [("cat",), ("dog",)] * LEAST + [()] * 10,
    ):
        data = data_set(labels)
        assert measurable(data) == (data, "Working on the pictures in a folder.")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([()] * 80, "80 pictures, of which 0 share a label with another; different labels: 0"),
        ([("cat",)] * 80, "80 share a label with another; different labels: 1"),
        ([("cat",), ("dog",)] * (LEAST // 2), f"{LEAST - 1} pictures, of which {LEAST - 1} share"),
        ([("cat",), ("dog",)] * 20 + [()] * 80, "120 pictures, of which 40 share"),
        ([(f"class {n}",) for n in range(80)], "of which 0 share"),
    ],
    ids=["no labels", "one class", "too few", "too few with labels", "a class each"],
)
def test_without_them_it_is_the_drawings_and_says_so(labels, said, monkeypatch, tmp_path):
    monkeypatch.setenv("BOOTCAMP_DATA", str(tmp_path))
    found, sentence = measurable(data_set(labels))
    assert (found.name, len(found.pictures)) == ("sample", 240)
    assert said in sentence
    assert sentence.endswith("so this notebook works on the course's own drawings.")
    assert measurable(found)[0] is found


def test_the_least_is_enough_for_all_that_the_notebook_learns():
    """It keeps RECIPES["224"].dims directions of all pictures, and learns from four fifths."""
    assert tuning.RECIPES["224"].dims < LEAST
    assert LEAST * 4 // 5 >= tuning.FEWEST
