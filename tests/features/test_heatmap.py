"""Heatmaps: the places that make two pictures alike."""

import numpy as np
import pytest
from PIL import Image
from vgg_kit import picture_of_noise, real

from helpers.features import VGG16, heatmap


@pytest.mark.parametrize("pooling", ["max", "avg", "gem", "rmac"])
def test_contributions_sum_to_one_where_a_channel_fired(pooling):
    maps = np.maximum(np.random.default_rng(1).normal(size=(14, 14, 6)), 0).astype("f")
    maps[:, :, 2] = 0
    sums = heatmap.contributions(maps, pooling).sum(axis=(0, 1))
    assert np.allclose(sums, [1, 1, 0, 1, 1, 1], atol=1e-5)


def test_the_maximum_belongs_to_its_winner():
    maps = np.zeros((4, 4, 1), np.float32)
    maps[1, 2], maps[3, 3] = 5, 4
    assert heatmap.contributions(maps, "max")[1, 2, 0] == 1
    average = heatmap.contributions(maps, "avg")[..., 0]  # of what block5_pool leaves
    assert np.allclose(average, [[0, 5 / 9], [0, 4 / 9]])
    assert heatmap.contributions(maps, "gem")[1, 2, 0] == pytest.approx(125 / (125 + 64))


@pytest.fixture(scope="module")
def extractor(shared_settings):
    """An extractor for small pictures."""
    return VGG16("avg", "float32", 96, settings=real(shared_settings), progress=False)


@pytest.mark.weights
def test_the_heat_is_where_the_common_object_is(extractor):
    thing = picture_of_noise(48, 48, seed=5)
    left, right = (Image.new("RGB", (96, 96), colour) for colour in ("gray", "gray"))
    left.paste(thing, (0, 0))
    right.paste(thing, (48, 48))
    one, two = heatmap.match_heatmap(extractor, left, right)
    assert one.shape == two.shape == (96, 96)
    assert one.max() == pytest.approx(1)
    assert one.min() >= 0
    assert one[:48, :48].sum() > one[48:, 48:].sum()
    assert two[48:, 48:].sum() > two[:48, :48].sum()


@pytest.mark.weights
def test_the_channels_that_agree_most_are_drawn(extractor):
    pictures = [picture_of_noise(96, 96, seed) for seed in (1, 2)]
    maps = np.stack([extractor.maps(picture) for picture in pictures])
    terms = np.prod(extractor.pool(maps), axis=0)
    best = sorted(range(512), key=lambda channel: terms[channel])[-5:]
    drawn = heatmap.match_heatmap(extractor, *pictures, channels=5)
    for each, heat in zip(maps, drawn, strict=True):
        shares = heatmap.contributions(each, "avg")
        wanted = sum(terms[channel] * shares[..., channel] for channel in best)
        assert np.allclose(heat, heatmap._enlarge(wanted, each), atol=1e-5)


@pytest.mark.weights
def test_weights_say_which_channels_agree_most(extractor):
    pictures = [picture_of_noise(96, 96, seed) for seed in (1, 2)]
    maps = np.stack([extractor.maps(picture) for picture in pictures])
    one, two = extractor.pool(maps)
    terms = one * two
    best, second = np.argsort(terms)[:-3:-1]
    weights = np.ones(512, np.float32)
    weights[second] = (terms[best] / terms[second]) ** 0.75  # enough only if both are weighted
    drawn = heatmap.match_heatmap(extractor, *pictures, channels=1, weights=weights)
    for each, heat in zip(maps, drawn, strict=True):
        shares = heatmap.contributions(each, "avg")[..., second]
        assert np.allclose(heat, heatmap._enlarge(shares, each), atol=1e-5)
    plain = heatmap.match_heatmap(extractor, *pictures, weights=np.ones(512, np.float32))
    np.testing.assert_array_equal(plain, heatmap.match_heatmap(extractor, *pictures))
