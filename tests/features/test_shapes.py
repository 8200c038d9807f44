"""Pictures that keep their shape: sides in steps of 16, and the same vectors whatever is beside."""

import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from vgg_kit import jpeg, picture_of_noise, real

from helpers.dataset.pictures import Picture
from helpers.features import VGG16, int8
from helpers.features.networks import FloatNetwork
from helpers.features.preprocess import load_shaped

SIZE = 96
SHAPES = [(300, 200), (200, 300), (90, 90), (1, 5000), (5000, 1), (40, 30), (640, 480), (33, 32)]
"""Width and height."""


@pytest.mark.parametrize(
    ("width", "height", "sides"),
    [
        (500, 375, (288, 384)),
        (375, 500, (384, 288)),
        (500, 333, (256, 384)),
        (200, 200, (384, 384)),
        (1, 5000, (384, 32)),
        (5000, 1, (32, 384)),
        (40, 30, (288, 384)),
        (1, 1, (384, 384)),
        (3000, 2000, (256, 384)),
    ],
)
def test_the_longer_side_is_the_size_and_the_shape_is_kept(width, height, sides):
    image = Image.new("RGB", (width, height), "red")
    assert load_shaped(image, 384).shape == (*sides, 3)
    assert load_shaped(jpeg(image), 384).shape == (*sides, 3)


@pytest.mark.parametrize("size", [32, 40, 100, 224, 250, 384, 392])
@pytest.mark.parametrize("shape", SHAPES)
def test_sides_are_multiples_of_16_and_a_second_time_changes_nothing(here, size, shape):
    made = VGG16("gem", "float32", size, here, progress=False, keep_aspect=True)
    once = made.pixels(picture_of_noise(*shape))
    assert once.dtype == np.uint8
    assert all(side % 16 == 0 and side >= 32 for side in once.shape[:2])
    assert max(once.shape) <= max(32, size + 8)
    assert np.array_equal(made.pixels(Image.fromarray(once)), once)


def test_the_name_tells_shaped_pictures_from_squashed_ones(here):
    shaped = VGG16("gem2", "int8", 384, here, progress=False, keep_aspect=True)
    assert shaped.name == "vgg16-conv5-gem2-384long-int8"
    assert VGG16("gem2", "int8", 384, here, progress=False).name == "vgg16-conv5-gem2-384-int8"


# With the network


@pytest.fixture(scope="module")
def extractors(shared_settings):
    """Extractors of shaped pictures in each precision."""
    settings = real(shared_settings)
    return {
        bits: VGG16("gem2", bits, SIZE, settings, progress=False, keep_aspect=True).load()
        for bits in ("float32", "bfloat16", "int8")
    }


@pytest.fixture
def folder(tmp_path, extractors):
    """Thirty pictures, portrait and landscape in turns; vectors are kept in the test's folder."""
    for made in extractors.values():
        made.settings = replace(made.settings, data=tmp_path)
    found = []
    for number in range(30):
        path = tmp_path / f"p{number:02}.png"
        picture_of_noise(*SHAPES[number % len(SHAPES)], seed=number).save(path)
        found.append(Picture(path.stem, path))
    return found


@pytest.mark.weights
@pytest.mark.parametrize("shape", SHAPES)
def test_maps_have_the_pictures_shape(extractors, shape):
    for made in extractors.values():
        image = picture_of_noise(*shape)
        height, width = made.pixels(image).shape[:2]
        maps = made.maps(image)
        assert maps.shape == (height // 16, width // 16, 512)
        assert maps.min() >= 0


@pytest.mark.weights
@pytest.mark.parametrize("bits", ["float32", "bfloat16", "int8"])
def test_embed_is_extract_to_the_last_bit_in_any_order(extractors, folder, bits):
    made = extractors[bits]
    embedded = {picture.id: made.embed(picture.path) for picture in folder}
    for seed in (None, 1, 2):
        mixed = folder if seed is None else random.Random(seed).sample(folder, len(folder))
        found = made.extract(mixed, f"order {seed}", progress=False)
        for name, row in zip(found.ids, found.values, strict=True):
            assert np.array_equal(row, embedded[name]), (name, seed)
    together = made.embed_many([picture.path for picture in folder])
    assert np.array_equal(together, np.stack([*embedded.values()]))


@pytest.mark.weights
def test_eight_bits_are_near_the_exact_ones(extractors, folder):
    for picture in folder:
        exact, fewer = (extractors[bits].embed(picture.path) for bits in ("float32", "int8"))
        assert exact @ fewer > 0.98, picture.id


@pytest.mark.weights
def test_a_square_picture_is_what_the_network_for_squares_makes_of_it(extractors, shared_settings):
    image = picture_of_noise(120, 120)
    for bits in ("float32", "int8"):
        squashed = VGG16("gem2", bits, SIZE, shared_settings, progress=False)
        cosine = squashed.embed(image) @ extractors[bits].embed(image)
        assert cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.weights
def test_after_other_shapes_an_8_bit_network_gives_what_a_fresh_one_gives(shared_settings):
    settings = real(shared_settings)
    used, shapes = (
        int8.Int8Network(64, settings),
        [(64, 64), (32, 96), (96, 32), (64, 64), (48, 80)],
    )
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    fresh = [int8.Int8Network(64, settings)([picture])[0] for picture in pictures]
    for _ in range(2):
        for picture, expected in zip(pictures, fresh, strict=True):
            assert np.array_equal(used([picture])[0], expected)
        for found, expected in zip(used(pictures), fresh, strict=True):
            assert np.array_equal(found, expected)


@pytest.mark.weights
def test_a_float_network_gives_each_picture_the_same_whatever_is_beside(shared_settings):
    network = FloatNetwork(64, "float32", real(shared_settings), square=False)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*s, 3), dtype=np.uint8) for s in [(64, 64)] * 3 + [(32, 96)]]
    alone = [network([picture])[0] for picture in pictures]
    for beside in ([0, 1, 2, 3], [0, 1, 2], [3, 1], [2]):
        for found, number in zip(network([pictures[n] for n in beside]), beside, strict=True):
            assert np.array_equal(found, alone[number])
