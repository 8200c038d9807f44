"""What notebook 02 builds in the open is what the helpers do: its own cells, run and compared."""

import nbformat
import numpy as np
import pytest
from PIL import Image
from vgg_kit import picture_of_noise, real

from helpers.course.run_notebooks import NOTEBOOKS
from helpers.dataset.pictures import Picture
from helpers.features import VGG16, weights
from helpers.features.preprocess import centre, load_square
from helpers.features.runtime import tensorflow

PATH = NOTEBOOKS / "02_extract_vgg16_features.ipynb"


def run(names, cell):
    """Run one of the notebook's cells on `names`, with a picture of noise as its data set."""
    sources = {each.id: each.source for each in nbformat.read(PATH, as_version=4).cells}
    exec(compile(sources[cell], cell, "exec"), names)


class Data:
    """A data set of one picture."""

    def __init__(self, path):
        self.pictures = [Picture("noise", path)]

    @staticmethod
    def open_picture(path):
        return Image.open(path)


@pytest.fixture
def names(tmp_path):
    """The names that the set-up cell leaves, as far as these cells use them."""
    path = tmp_path / "noise.png"
    picture_of_noise(300, 200).save(path)
    data = Data(path)
    return {"np": np, "Image": Image, "data": data, "dataset": data}


def test_prepare_is_the_helpers_preprocessing_to_the_last_bit(names, capsys):
    run(names, "prepare")
    assert np.array_equal(names["prepared"], centre(load_square(names["image"], 224)))
    assert names["prepared"].dtype == np.float32
    names["keras"] = tensorflow().keras
    run(names, "prepare-check")
    assert capsys.readouterr().out.endswith("largest difference: 0.0\n")


@pytest.mark.weights
def test_the_embedding_built_by_hand_is_the_helpers(names, shared_settings):
    keras = tensorflow().keras
    vgg16 = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    names["vgg16"] = weights.apply(vgg16, real(shared_settings))
    for cell in ("prepare", "pool", "unit"):
        run(names, cell)
    helper = VGG16("max", "float32", settings=shared_settings, progress=False)
    assert names["by_hand"] @ helper.embed(names["image"]) > 0.99999
