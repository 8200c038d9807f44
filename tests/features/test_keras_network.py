"""Any Keras network is an extractor: kept, resumed and searched as VGG16 is."""

import numpy as np
import pytest
from vgg_kit import real

from helpers import dataset
from helpers.dataset.pictures import Ledger
from helpers.features import FeaturesError, KerasNetwork
from helpers.features.runtime import tensorflow
from helpers.features.weights import apply
from helpers.index import Index
from helpers.search import Engine

pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.fixture(scope="module")
def keras():
    return tensorflow().keras


def fourth_block(keras, settings=None, size=64):
    """VGG16 up to its fourth block, averaged: another network, with real weights."""
    shape = (size, size, 3)
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=shape)
    if settings:
        apply(vgg, settings)
    pooled = keras.layers.GlobalAveragePooling2D()(vgg.get_layer("block4_conv3").output)
    return keras.Model(vgg.input, pooled)


@pytest.fixture(scope="module")
def network(keras, shared_settings):
    model = fourth_block(keras, real(shared_settings))
    prepare = keras.applications.vgg16.preprocess_input
    return KerasNetwork(model, "vgg16-block4", prepare, shared_settings, progress=False)


@pytest.fixture
def some(here):
    return dataset.load(here, progress=False).pictures[:24]


def test_the_vectors_are_the_models_own(network, some, keras):
    found = network.embed_many([picture.path for picture in some[:3]])
    pixels = np.stack([network.pixels(picture.path) for picture in some[:3]]).astype("float32")
    alone = network.model.predict(keras.applications.vgg16.preprocess_input(pixels), verbose=0)
    assert np.allclose(found, alone / np.linalg.norm(alone, axis=1, keepdims=True), atol=1e-5)


def test_they_are_kept_indexed_and_found_by_the_same_engine(network, here, some, keras):
    network = KerasNetwork(network.model, "vgg16-block4", network.prepare, here, progress=False)
    vectors = network.extract(some, "some", progress=False)
    assert vectors.values.shape == (24, 512)
    calls = []
    network.__dict__["network"] = lambda *_: calls.append(1)
    again = network.extract(some, "some", progress=False)
    assert np.array_equal(again.values, vectors.values)
    assert calls == []
    del network.__dict__["network"]
    with Index("some", network.name, here, dim=network.dim) as index:
        index.sync(some, vectors, progress=False)
        data = dataset.Dataset("some", "of a test", some, Ledger(), some[0].path.parent)
        engine = Engine(network, index, data)
        for picture in some[:5]:
            assert engine.search(picture.path, k=1)[0].id == picture.id


def test_other_weights_and_another_preparation_are_other_names(network, keras):
    untrained = KerasNetwork(fourth_block(keras), "vgg16-block4", network.prepare)
    unprepared = KerasNetwork(network.model, "vgg16-block4")
    same = KerasNetwork(network.model, "vgg16-block4", network.prepare)
    assert same.name == network.name
    assert len({network.name, untrained.name, unprepared.name}) == 3
    assert network.name.startswith("vgg16-block4-64-")


def test_what_has_no_weights_is_in_the_name_too(network, keras):
    def named(pool=keras.layers.GlobalAveragePooling2D, prepare=lambda pixels: pixels):
        taken = keras.Input((16, 16, 3))
        keras.utils.set_random_seed(1)
        mapped = keras.layers.Conv2D(4, 3)(taken)
        return KerasNetwork(keras.Model(taken, pool()(mapped)), "small", prepare).name

    assert named() == named()
    others = named(keras.layers.GlobalMaxPooling2D), named(prepare=lambda p: p[..., ::-1])
    assert len({named(), *others}) == 3


def test_a_preparation_that_mixes_pictures_is_refused(network, some):
    doubled = KerasNetwork(network.model, "doubled", lambda p: tensorflow().concat([p, p], 0))
    with pytest.raises(FeaturesError, match="treat each picture by itself"):
        doubled.embed(some[0].path)


@pytest.mark.parametrize("name", ["", "../up", "a b", "x/y", "x" * 300, None])
def test_a_name_that_is_no_folder_is_refused(network, name):
    with pytest.raises(FeaturesError, match="letters, digits and hyphens"):
        KerasNetwork(network.model, name)


def test_a_model_that_gives_maps_is_refused_with_what_to_do(keras):
    maps = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    with pytest.raises(FeaturesError, match="pooling='avg'"):
        KerasNetwork(maps, "maps")
