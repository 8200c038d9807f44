"""Grown vectors against notebook 03's method, row by row, and spreads against scikit-learn's."""

import json
import tracemalloc
from itertools import islice

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from helpers.scale.growing import LENDERS, GrowingError, distance, grow, origins, spread
from helpers.settings import ROOT


def features(count=60, dim=40, kinds=3):
    """Return (count, dim) float32 unit vectors of a few kinds, none with two equal numbers."""
    random = np.random.default_rng(5)
    rows = random.gamma(1.0, size=(kinds, dim))[np.arange(count) % kinds] + random.random(
        (count, dim)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


REAL = features()


def whole(*arguments, **options):
    return np.concatenate(list(grow(*arguments, **options)))


def test_vectors_have_length_one_and_are_as_many_as_asked_for():
    chunks = list(grow(REAL, 250, chunk=100))
    assert [chunk.shape for chunk in chunks] == [(100, 40), (100, 40), (50, 40)]
    assert {chunk.dtype for chunk in chunks} == {np.dtype(np.float32)}
    assert np.allclose(np.linalg.norm(np.concatenate(chunks), axis=1), 1, atol=1e-6)


def test_each_number_is_borrowed_from_one_of_the_twenty_nearest_of_its_picture():
    grown, started = whole(REAL, 200, chunk=64), np.concatenate([*origins(60, 200, chunk=64)])
    lent = np.zeros(60, int)
    for vector, origin in zip(grown, started, strict=True):
        cosines = [float(REAL[origin] @ other) for other in REAL]
        nearest = sorted(range(60), key=lambda one: -cosines[one])[:LENDERS]
        # What is borrowed was divided by one length: some factor turns every number into a lender's
        ratios = {round(float(r), 5) for r in REAL[nearest, 0] / vector[0]}
        fits = [
            ratio
            for ratio in ratios
            if np.isclose(REAL[nearest], vector * ratio, rtol=1e-3).any(axis=0).all()
        ]
        assert fits
        lenders = np.isclose(REAL[nearest], vector * fits[0], rtol=1e-3)
        lent[np.asarray(nearest)[lenders.any(axis=1)]] += 1
    assert (lent > 0).all()  # and all of them lend


def test_it_is_notebook_03s_crowd():
    notebook = json.loads((ROOT / "notebooks" / "03_build_milvus_index.ipynb").read_text())
    (code,) = (
        "".join(c["source"]) for c in notebook["cells"] if "def crowd(" in "".join(c["source"])
    )
    names = {"np": np, "rng": np.random.default_rng(1)}
    exec(code.split("\nmany,")[0].split("\nmany =")[0], names)
    theirs, ours = names["crowd"](REAL, 4000), whole(REAL, 4000)
    assert np.allclose(theirs.mean(axis=0), ours.mean(axis=0), atol=0.005)
    assert distance(spread(theirs), spread(ours)) < 0.05


def test_the_same_seed_gives_the_same_vectors_and_the_first_stay_when_more_are_asked_for():
    assert np.array_equal(whole(REAL, 150, 3, 100), whole(REAL, 150, 3, 100))
    assert np.array_equal(whole(REAL, 150, 3, 100), whole(REAL, 990, 3, 100)[:150])
    assert not np.array_equal(whole(REAL, 150, 3), whole(REAL, 150, 4))
    assert len(np.unique(whole(REAL, 300, 3, 100), axis=0)) == 300  # no chunk repeats another


def test_memory_does_not_grow_with_the_number_of_vectors():
    def peak(count):
        tracemalloc.start()
        for _ in grow(REAL, count, chunk=1000):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(30_000) < 1.2 * peak(3000)


def test_vectors_come_one_chunk_at_a_time():
    assert len(list(islice(grow(REAL, 10**12, chunk=10), 2))) == 2


@pytest.mark.parametrize("arguments", [(REAL[:19], 5), (REAL[0], 5), (REAL, 0), (REAL, 5, 0, 0)])
def test_what_makes_no_sense_is_refused_in_two_sentences(arguments):
    with pytest.raises(GrowingError, match=r"^[^.]+\. [A-Z][^.]+\.$"):
        next(grow(*arguments))


def test_spread_agrees_with_scikit_learn():
    found = spread(REAL)
    variances = PCA().fit(REAL.astype(float)).explained_variance_
    assert found.directions == pytest.approx(variances.sum() ** 2 / (variances**2).sum(), rel=1e-6)
    assert found.first_ten == pytest.approx(variances[:10].sum() / variances.sum(), rel=1e-6)
    gaps, _ = NearestNeighbors(n_neighbors=3).fit(REAL.astype(float)).kneighbors()
    assert found.nearest == pytest.approx((1 - gaps[:, 0] ** 2 / 2).mean(), rel=1e-5)
    assert found.dimension == pytest.approx(59 / np.log(gaps[:, 1] / gaps[:, 0]).sum(), rel=1e-4)


@pytest.mark.parametrize("dim", [2, 8])
def test_the_intrinsic_dimension_of_a_sphere_is_its_own_however_many_numbers_it_takes(dim):
    random = np.random.default_rng(0)
    flat = random.standard_normal((2000, dim + 1))
    turned = flat @ np.linalg.qr(random.standard_normal((50, dim + 1)))[0].T
    vectors = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    assert spread(vectors).dimension == pytest.approx(dim, rel=0.1)


def test_copies_are_no_division_by_zero():
    found = spread(np.repeat(REAL, 3, axis=0))
    assert found.nearest == pytest.approx(1)
    assert found.dimension > 1e6  # two copies of each leave nothing to see it by


def test_grown_vectors_are_spread_like_their_pictures_and_random_ones_are_not():
    random = np.random.default_rng(0).standard_normal(REAL.shape)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    ours = distance(spread(REAL), spread(whole(REAL, 60)))
    assert ours < distance(spread(REAL), spread(random)) / 2
    assert distance(spread(REAL), spread(REAL)) == 0
