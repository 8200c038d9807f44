"""Poolings against the same formulas written differently, in float64 and place by place."""

import numpy as np
import pytest

from helpers.features import pooling


@pytest.fixture
def maps():
    """Feature maps as they leave a ReLU: many zeros, nothing below."""
    return np.maximum(np.random.default_rng(3).normal(size=(3, 14, 14, 5)), 0).astype("f")


def per_channel(maps, function):
    """Return `function` of each picture's and channel's (h, w) map, (n, c) float64."""
    return np.array([[function(one[..., c].astype(float)) for c in range(5)] for one in maps])


@pytest.mark.slow
def test_max_and_avg_are_keras_own(maps):
    from helpers.features.runtime import tensorflow

    layers = tensorflow().keras.layers
    pooled = layers.MaxPooling2D()(maps)
    assert np.allclose(pooling.max_pool(maps), layers.GlobalMaxPooling2D()(pooled))
    assert np.allclose(
        pooling.average_pool(maps), layers.GlobalAveragePooling2D()(pooled), atol=1e-6
    )


def test_gem_is_the_p_norm_over_the_number_of_places(maps):
    norms = per_channel(maps, lambda m: np.linalg.norm(m.ravel(), 3) / m.size ** (1 / 3))
    assert np.allclose(pooling.gem(maps), norms, atol=1e-5)


def test_gem2_is_the_root_of_the_mean_square(maps):
    roots = per_channel(maps, lambda m: np.sqrt(sum(m.ravel() ** 2) / m.size))
    assert np.allclose(pooling.POOLINGS["gem2"](maps), roots, atol=1e-5)


def test_gem_is_between_average_and_maximum(maps):
    plain = maps.mean(axis=(1, 2))
    assert np.allclose(pooling.gem(maps, 1), plain, atol=1e-5)
    # 196 places: the mean of one winner's 60th power is off by the factor 196 ** (1 / 60) = 1.09.
    assert np.allclose(pooling.gem(maps, 60), pooling.max_pool(maps), rtol=0.1)
    assert (pooling.gem(maps) > plain).all()


def test_rmac_is_the_papers_sum_over_fourteen_regions(maps):
    expected = np.zeros((3, 5))
    for side, starts in ((14, [0]), (9, [0, 5]), (7, [0, 3, 7])):
        for y in starts:
            for x in starts:
                region = maps[:, y : y + side, x : x + side].astype(float)
                best = np.array([[one[..., c].max() for c in range(5)] for one in region])
                expected += best / np.sqrt((best**2).sum(1, keepdims=True))
    assert np.allclose(pooling.rmac(maps), expected, atol=1e-5)
    assert len(pooling.rmac_regions(14, 14)) == 14


SIDES = [1, 2, 3, 4, 7, 14, 15, 24, 28]


@pytest.mark.parametrize("height", SIDES)
@pytest.mark.parametrize("width", SIDES)
def test_rmac_regions_stay_inside_and_cover_the_map(height, width):
    seen = np.zeros((height, width), bool)
    for y, x, side in pooling.rmac_regions(height, width):
        assert 0 <= y <= height - side
        assert 0 <= x <= width - side
        seen[y : y + side, x : x + side] = True
    assert seen.all()


def test_along_a_longer_side_there_are_more_rmac_regions():
    # 14 more positions: at a distance of 0.6 sides, about two or three more regions
    for side, across, along in ((14, [0], [0, 7, 14]), (9, [0, 5], [0, 4, 9, 14, 19])):
        found = [region for region in pooling.rmac_regions(14, 28) if region[2] == side]
        assert found == [(y, x, side) for y in across for x in along]
        turned = [region for region in pooling.rmac_regions(28, 14) if region[2] == side]
        assert sorted(turned) == sorted((x, y, side) for y, x, _ in found)


@pytest.mark.parametrize("name", pooling.POOLINGS)
@pytest.mark.parametrize("shape", [(14, 14), (2, 24), (24, 2), (13, 24), (3, 2)])
def test_every_pooling_takes_maps_of_any_shape(name, shape):
    maps = np.maximum(np.random.default_rng(4).normal(size=(2, *shape, 5)), 0).astype("f")
    pooled = pooling.POOLINGS[name](maps)
    assert pooled.shape == (2, 5)
    assert pooled.dtype == np.float32
    turned = pooling.POOLINGS[name](np.ascontiguousarray(maps.transpose(0, 2, 1, 3)))
    assert np.allclose(pooled, turned, atol=1e-5), "the two sides aren't treated alike"


def test_l2_normalise_gives_length_one_and_leaves_zeros_alone():
    rows = pooling.l2_normalise(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert rows.dtype == np.float32
    assert np.allclose(rows, [[0.6, 0.8], [0, 0]])
