"""Tuning against its definition in float64 and plain loops, kept, damaged, grown and replaced."""

import json
import pickle
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from read_only import run_read_only
from tuning_kit import EXTRACTOR, SMALL, features, indexed, vectors

from helpers.errors import PlainError
from helpers.features import VGG16
from helpers.index import collection_name, collections
from helpers.search import tuning
from helpers.search.engine import Tuned
from helpers.search.tuning import (
    FEWEST,
    GROWTH,
    RECIPES,
    Recipe,
    Tuning,
    TuningError,
    fit,
    named,
    tuning_of,
)


@pytest.fixture(scope="module")
def some():
    """Two hundred vectors."""
    return vectors(features(200))


def by_definition(table, recipe):
    """Return the tuned vectors (n, d) of `table`, step by step and in float64."""
    table = table.astype(float)
    channels, count = table.shape[1], len(table)
    means = [sum(table[:, c]) / count for c in range(channels)]
    spreads = [
        np.sqrt(sum((table[:, c] - means[c]) ** 2) / count) ** recipe.spread
        for c in range(channels)
    ]
    weighted = [of_length_one(row / np.linalg.norm(row) * spreads) for row in table]
    centre = sum(weighted) / count
    _, singular, directions = np.linalg.svd(weighted - centre, full_matrices=False)
    rows = []
    for row in weighted:
        kept = range(min(recipe.dims, count - 1))
        numbers = [directions[i] @ (row - centre) for i in kept]
        variances = [singular[i] ** 2 / count for i in kept]
        rows.append(
            of_length_one([n * v**recipe.exponent for n, v in zip(numbers, variances, strict=True)])
        )
    return np.array(rows)


def of_length_one(row):
    row = np.array(row, dtype=float)
    return row / np.sqrt(sum(row * row))


# What is learned


@pytest.mark.parametrize(
    "recipe",
    [
        SMALL,
        RECIPES["224"],
        RECIPES["384"],
        Recipe(dims=8),
        Recipe(spread=2.0, dims=30, exponent=-0.5),
    ],
)
def test_fit_and_apply_are_what_the_definition_says(some, recipe):
    tuned, expected = fit(some, recipe).apply(some.values), by_definition(some.values, recipe)
    assert tuned.dtype == np.float32
    assert tuned.shape == expected.shape == (200, recipe.dims)
    # Which way a direction points means nothing, so only cosines and sizes can be compared.
    assert np.allclose(tuned @ tuned.T, expected @ expected.T, atol=2e-5)
    assert np.allclose(np.abs(tuned), np.abs(expected), atol=2e-5)


def test_a_worked_example():
    # Two channels move by the same amount, one by a tenth of it, one not at all.
    table = np.tile([[0.5, 0.5, 0.5, 0.5]], (100, 1))
    table[:, 0] += np.resize([0.1, -0.1], 100)
    table[:, 1] += np.resize([0.1, 0.1, -0.1, -0.1], 100)
    table[:, 2] += np.resize([0.01, -0.01, -0.01, 0.01], 100)
    made = fit(vectors(table.astype("f")), Recipe(spread=1.0, dims=4))
    assert np.allclose(made.weights, [0.1, 0.1, 0.01, 0], atol=1e-6)
    assert made.dims == 3, "the fourth channel has no variance"


def test_the_same_vectors_give_the_same_tuning_to_the_bit(some):
    first, second = fit(some, SMALL), fit(vectors(features(200)), SMALL)
    assert first.name == second.name
    assert np.array_equal(first.apply(some.values), second.apply(some.values))
    largest = np.abs(first.directions).argmax(axis=0)
    assert (first.directions[largest, range(first.dims)] > 0).all(), "it could be the other way"


def test_the_order_of_the_pictures_changes_next_to_nothing(some):
    turned = vectors(some.values[::-1].copy())
    one, other = (fit(each, SMALL).apply(some.values) for each in (some, turned))
    assert np.allclose(one, other, atol=1e-5)


def test_a_vector_is_tuned_to_the_same_bits_whatever_is_beside_it(some):
    made = fit(some, SMALL)
    whole = made.apply(some.values)
    for count in (1, 2, 3, 7, 16, 31, 60, 199):
        assert np.array_equal(made.apply(some.values[:count]), whole[:count]), count
    assert np.array_equal(made.apply(some.values[5]), whole[5])


def test_at_most_so_many_are_learned_from_evenly_spread(some, monkeypatch):
    whole = fit(vectors(some.values[::4].copy()), SMALL)
    monkeypatch.setattr(tuning, "MOST", 50)
    part = fit(some, SMALL)
    assert part.fitted_on == 200
    assert np.array_equal(part.directions, whole.directions)
    assert np.array_equal(part.weights, whole.weights)


def test_too_few_vectors_are_refused_in_a_sentence():
    assert fit(vectors(features(FEWEST)), SMALL).fitted_on == FEWEST
    with pytest.raises(
        TuningError, match=r"only 49 vectors .* Give 50 or more, or set BOOTCAMP_TUNING=none\."
    ):
        fit(vectors(features(FEWEST - 1)), SMALL)
    assert issubclass(TuningError, PlainError)


def test_fewer_vectors_than_dims_keep_fewer_dims():
    made = fit(vectors(features(60)), RECIPES["224"])
    assert made.dims == 59
    tuned = made.apply(features(70))
    assert np.allclose(np.linalg.norm(tuned, axis=1), 1, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_constant_channels_and_copies_give_no_nan():
    table = features(60)
    table[:, 10:20] = 0.05
    table[30:] = table[:30]
    made = fit(vectors(table), RECIPES["224"])
    assert (made.weights[10:20] == 0).all()
    assert made.dims == 29, "there are thirty different ones"
    tuned = made.apply(table)
    assert np.allclose(np.linalg.norm(tuned, axis=1), 1, atol=1e-6)
    assert np.array_equal(tuned[:30], tuned[30:])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("recipe", [RECIPES["224"], Recipe(dims=8, exponent=-0.5)])
def test_nothing_is_learned_from_pictures_that_are_all_the_same(tmp_path, recipe):
    same = vectors(np.tile(features(1), (60, 1)))
    with pytest.raises(TuningError, match=r"60 vectors are all the same.*BOOTCAMP_TUNING=none"):
        fit(same, recipe)
    assert tuning_of(same, recipe, tmp_path / "t.npz") == (None, None)


def test_pictures_that_are_all_the_same_are_indexed_untuned(here):
    tuned, index, _ = indexed(here, np.tile(features(1), (60, 1)))
    with index:
        assert (tuned.tuning, index.count(), index.dim) == (None, 60, 512)


def test_vectors_of_another_length_are_refused_in_a_sentence(some):
    made = fit(some, SMALL)
    with pytest.raises(TuningError, match=r"of 512 numbers.*\(3, 64\).*Embed with vgg16-conv5-gem"):
        made.apply(features(3, dim=64))
    with pytest.raises(TuningError, match="of 512 numbers"):
        made.apply(features(1, dim=64)[0])


# Names


def test_the_names_that_the_setting_may_have():
    assert named("auto") is named("224") is RECIPES["224"]
    assert not named("none").dims
    with pytest.raises(
        TuningError,
        match=r"Unknown tuning '448'\. Set BOOTCAMP_TUNING to one of auto, none, 224, 384",
    ):
        named("448")


def test_tunings_that_differ_in_anything_have_different_names(some):
    made = fit(some, SMALL)
    others = [
        replace(made, recipe=replace(SMALL, power=2.0)),
        replace(made, extractor=EXTRACTOR + "-int8"),
        *(replace(made, **{name: 2 * getattr(made, name)}) for name in ARRAYS),
    ]
    assert len({each.name for each in [made, *others]}) == 6
    assert made.name.startswith("tuned16-")


# Expansion


def test_expansion_of_a_worked_example(some):
    made = replace(fit(some, SMALL), recipe=Recipe(power=1.0))
    query = np.array([1, 0], np.float32)
    nearest = np.array([[0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    # (1, 0) + 0.6 (0.6, 0.8) = (1.36, 0.48); those at a right angle or beyond weigh nothing
    expected = np.array([1.36, 0.48]) / np.hypot(1.36, 0.48)
    assert np.allclose(made.expand(query, nearest), expected)
    assert np.allclose(made.expand(query, nearest[1:]), query)
    assert np.allclose(made.expand(query, nearest[:0]), query)
    plain = replace(made, recipe=Recipe(power=0.0)).expand(query, nearest[:1])
    assert np.allclose(plain, np.array([1.6, 0.8]) / np.hypot(1.6, 0.8))


def test_small_sets_take_few_neighbours(some):
    made = fit(some, RECIPES["224"])
    counted = {rows: made.neighbours(rows) for rows in (1, 29, 30, 59, 60, 599, 600, 20_000)}
    assert counted == {1: 0, 29: 0, 30: 1, 59: 1, 60: 2, 599: 19, 600: 20, 20_000: 20}


# Kept


ARRAYS = ("weights", "mean", "directions")


@pytest.fixture(scope="module")
def kept(some, tmp_path_factory):
    """A tuning and the file that it was saved to."""
    path, made = tmp_path_factory.mktemp("kept") / "new folder" / "t.npz", fit(some, SMALL)
    made.save(path)
    return made, path


def assert_same(one, other):
    assert (one.recipe, one.extractor, one.fitted_on) == (
        other.recipe, other.extractor, other.fitted_on
    )  # fmt: skip
    for name in ARRAYS:
        assert getattr(one, name).dtype == getattr(other, name).dtype == np.float32
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.name == other.name


def test_what_was_saved_is_loaded_to_the_bit(kept):
    made, path = kept
    assert_same(Tuning.load(path, EXTRACTOR), made)
    assert [each.name for each in path.parent.iterdir()] == ["t.npz"]


def test_a_tuning_for_another_extractor_is_refused_and_both_are_named(kept):
    with pytest.raises(TuningError, match=rf"fitted for {EXTRACTOR}, not for {EXTRACTOR}-int8"):
        Tuning.load(kept[1], EXTRACTOR + "-int8")


def test_a_damaged_file_is_refused_wherever_the_damage_is(kept, tmp_path):
    made, whole = kept[0], kept[1].read_bytes()
    damaged, random = tmp_path / "t.npz", np.random.default_rng(0)
    places = {*random.integers(len(whole), size=100), *range(0, 300, 3)}
    places |= {*range(len(whole) - 400, len(whole))}  # the directory, whose every byte counts
    refused = 0
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        damaged.write_bytes(changed)
        with suppress(TuningError):
            assert_same(Tuning.load(damaged, EXTRACTOR), made)  # it was a byte without meaning
            refused -= 1
        refused += 1
    assert refused > 300


def foreign(path, content):
    """Write something that is no tuning."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        with path.open("wb") as file:
            np.savez(file, **content)
    else:
        with path.open("wb") as file:
            np.save(file, content)


FACTS = json.dumps({"recipe": {"dims": 3, "colour": "red"}, "extractor": "", "fitted_on": 9})
FOREIGN = [
    b"",
    b"\0" * 1000,
    b"PK\x03\x04",
    b'{"recipe": {}}',
    pickle.dumps({"facts": "{}"}),
    np.zeros(9),
    {"ids": np.arange(3)},
    {"facts": "[1, 2]", "weights": np.zeros(3), "mean": np.zeros(3), "directions": np.eye(3)},
    {"facts": "no json", "weights": np.zeros(3), "mean": np.zeros(3), "directions": np.eye(3)},
    {"facts": FACTS, "weights": np.zeros(3), "mean": np.zeros(3), "directions": np.eye(3)},
    {"facts": np.array([{}, None], dtype=object), "weights": np.zeros(3)},
]


@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
def test_a_file_of_somebody_elses_is_refused_or_made_again(some, tmp_path, content):
    path = tmp_path / "t.npz"
    foreign(path, content)
    with pytest.raises(TuningError, match=r"t\.npz can't be read .* Delete that file"):
        Tuning.load(path, EXTRACTOR)
    made, replaced = tuning_of(some, SMALL, path)
    assert replaced is None
    assert_same(Tuning.load(path, EXTRACTOR), made)


def test_a_file_cut_short_or_gone_is_made_again(some, kept, tmp_path):
    whole, path = kept[1].read_bytes(), tmp_path / "t.npz"
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 1, None):
        path.unlink(missing_ok=True)
        if length is not None:
            path.write_bytes(whole[:length])
        made, replaced = tuning_of(some, SMALL, path)
        assert replaced is None
        assert_same(made, kept[0])
        assert path.read_bytes() == whole


def test_a_recipe_that_learns_nothing_leaves_what_was_kept(some, tmp_path):
    path = tmp_path / "t.npz"
    made, _ = tuning_of(some, SMALL, path)
    assert tuning_of(some, RECIPES["none"], path) == (None, None)
    assert_same(tuning_of(some, SMALL, path)[0], made)


READ_ONLY = """
import sys; sys.path[:0] = ["tests", "tests/search"]
from pathlib import Path
from tuning_kit import SMALL, features, vectors
from helpers.search.tuning import Recipe, tuning_of
folder = Path(sys.argv[1])
print(tuning_of(vectors(features(200)), SMALL, folder / "new" / "t.npz")[0].name)
print(tuning_of(vectors(features(200)), SMALL, folder / "kept.npz")[0].name)
print(tuning_of(vectors(features(200)), Recipe(dims=9), folder / "kept.npz")[1])
"""


def test_where_nothing_can_be_written_it_is_made_again_and_replaces_nothing(some, kept, tmp_path):
    (tmp_path / "kept.npz").write_bytes(kept[1].read_bytes())
    told = run_read_only(tmp_path, READ_ONLY).split()
    assert told == [kept[0].name, kept[0].name, "None"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]


# Growing


def test_pictures_that_come_later_are_tuned_by_what_was_learned_before(tmp_path):
    path, most = tmp_path / "t.npz", GROWTH * 60
    first, _ = tuning_of(vectors(features(60)), SMALL, path)
    for count in (10, 59, 61, most):
        again, replaced = tuning_of(vectors(features(count)), SMALL, path)
        assert (again.name, replaced) == (first.name, None), count
    grown, replaced = tuning_of(vectors(features(most + 1)), SMALL, path)
    assert (grown.fitted_on, replaced) == (most + 1, first.name)
    assert grown.name != first.name
    assert tuning_of(vectors(features(most + 1)), SMALL, path)[1] is None


def test_another_recipe_is_learned_again(some, tmp_path):
    path, other = tmp_path / "t.npz", replace(SMALL, neighbours=7)
    first, _ = tuning_of(some, SMALL, path)
    second, replaced = tuning_of(some, other, path)
    assert (second.recipe, replaced) == (other, first.name)
    few = vectors(features(20))
    assert tuning_of(few, SMALL, path) == (None, second.name)


def test_precisions_share_no_tuning(some, tmp_path):
    path = tmp_path / "t.npz"
    first, _ = tuning_of(some, SMALL, path)
    second, replaced = tuning_of(vectors(some.values, EXTRACTOR + "-int8"), SMALL, path)
    assert second.extractor == EXTRACTOR + "-int8"
    assert second.name != first.name
    assert replaced is None, "what another extractor made isn't replaced by this one"


def test_poolings_keep_their_tunings_beside_each_other(here):
    for pooling in ("gem", "avg"):
        made = VGG16(pooling, "float32", settings=here, progress=False)
        Tuned(made, SMALL, "d", vectors(features(60), made.name))
    kept = sorted(path.name for path in here.data.rglob("*.npz"))
    assert kept == ["tuning-avg.npz", "tuning-gem.npz"]


def test_a_grown_set_gets_a_new_collection_and_only_its_old_one_is_dropped(here, tmp_path):
    elsewhere = replace(here, data=tmp_path / "another learner")
    first = collection_of(here, "cats", 60)
    dogs = collection_of(here, "dogs", 60)
    others = collection_of(elsewhere, "cats", 60, seed=7)
    assert names(here) == {first, dogs, others}
    grown = collection_of(here, "cats", GROWTH * 60 + 1)
    assert names(here) == {grown, dogs, others}
    assert grown != first
    changed = collection_of(here, "dogs", 60, recipe=replace(SMALL, power=3.0))
    assert names(here) == {grown, changed, others}
    untuned = collection_of(here, "dogs", 60, recipe=RECIPES["none"])
    assert names(here) == {grown, changed, others, untuned}


def collection_of(settings, dataset_name, count, seed=0, recipe=SMALL):
    """Return the name of the collection that made-up vectors were written to."""
    tuned, index, _ = indexed(settings, features(count, seed), dataset_name, recipe)
    index.close()
    return collection_name(dataset_name, tuned.name)


def names(settings):
    """Return the names of the collections in Milvus."""
    return {each.name for each in collections(settings)}


def test_only_what_is_new_is_written_when_pictures_are_added(here):
    for count, written in ((60, 60), (60, 0), (61, 1), (100, 39), (3000, 3000), (3001, 1)):
        _, index, result = indexed(here, features(count))
        index.close()
        assert result.written == written
