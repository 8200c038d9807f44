"""Looking inside: what a layer answers to a picture, and which places make two pictures alike.

Notebooks 02 and 04 draw what these functions return.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from helpers.dataset.pictures import open_picture
from helpers.features.networks import convolutions
from helpers.features.pooling import halved
from helpers.features.preprocess import preprocess
from helpers.features.runtime import tensorflow


def feature_maps(model, image, layer):
    """Return what `layer` (such as "block1_conv2") answers to `image`, (h, w, channels) float32.

    `model` is a Keras VGG16 or an extractor of features.VGG16, whose float32 model is then asked.
    Raises ValueError, from Keras, for a layer that there is not.
    """
    if hasattr(model, "extract"):
        model = _float32_model(model.size, model.settings)
    keras = tensorflow().keras
    part = keras.Model(model.input, model.get_layer(layer).output)
    batch = preprocess(open_picture(image), model.input_shape[1])[None]
    return np.asarray(part(batch, training=False))[0]


def match_heatmap(extractor, image, other, channels=64):
    """Return which places of `image` and of `other` make them alike: two (size, size) float32.

    The cosine of two unit vectors is a sum over channels of the product of their entries. The
    `channels` largest terms are handed back to the places whose answers made them: for the maximum
    to the one place that won, otherwise to each place by its share of the channel. Values lie
    between 0 and 1, the strongest place of each picture is 1 (all 0 where nothing matches).
    """
    maps = [extractor.maps(picture) for picture in (image, other)]
    one, two = extractor.pool(np.stack(maps))
    terms = one * two
    terms[np.argsort(terms)[:-channels]] = 0
    heats = [(shares(each, extractor.pooling) * terms).sum(axis=2) for each in maps]
    return tuple(_spread(heat, extractor.size) for heat in heats)


def shares(maps, pooling):
    """Return how much each place gave to each channel's pooled value, (h, w, c), summing to 1.

    A channel that never fired gave nothing anywhere and sums to 0.
    """
    if pooling == "avg":
        maps = halved(maps[None])[0]
    # The maximum's only giver is the winner; in GeM a place weighs by its third power, p = 3.
    powers = {"avg": 1, "gem": 3}
    top = maps.max(axis=(0, 1), keepdims=True)
    weight = maps ** powers[pooling] if pooling in powers else (maps == top) * (top > 0)
    return weight / np.maximum(weight.sum(axis=(0, 1), keepdims=True), 1e-12)


def _spread(heat, size):
    """Return the small map blown up to (size, size) and scaled to a highest value of 1."""
    image = Image.fromarray(heat.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    wide = np.clip(np.asarray(image), 0, None)
    return wide / wide.max() if wide.max() > 0 else wide


@lru_cache(maxsize=1)
def _float32_model(size, settings):
    """Return the float32 Keras model to look into, built once."""
    return convolutions(size, "float32", settings)
