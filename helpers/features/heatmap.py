"""Which regions make two pictures alike: the similarity of two embeddings, drawn where it arises.

Notebook 02 and the search page draw what `match_heatmap` returns.
"""

import numpy as np
from PIL import Image

from helpers.dataset.pictures import PictureSource
from helpers.features.pooling import Floats, block5_pool
from helpers.features.preprocess import STRIDE
from helpers.features.vgg16 import VGG16


def match_heatmap(
    extractor: VGG16,
    image: PictureSource,
    other: PictureSource,
    channels: int = 64,
    weights: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Return which regions of `image` and of `other` make them alike: two (h, w) float32.

    The cosine of two unit vectors is a sum over channels of the product of their entries; `weights`
    (512,), such as a Tuning's, multiply the entries of both vectors first. Each of the `channels`
    largest terms goes back to the positions that it came from: for max and R-MAC to
    the channel's maximum, for avg and GeM to each position by its share. Values are between 0 and
    1; each picture's strongest position is 1 (all are 0 where nothing matches).
    Raises PictureError when a picture can't be read.
    """
    maps = [extractor.maps(picture) for picture in (image, other)]
    one, two = (extractor.pool(each[None])[0] for each in maps)
    terms = one * two if weights is None else (one * weights) * (two * weights)
    terms[np.argsort(terms)[:-channels]] = 0
    heats = [(contributions(each, extractor.pooling) * terms).sum(axis=2) for each in maps]
    return tuple(map(_enlarge, heats, maps))


def contributions(maps: Floats, pooling: str) -> Floats:
    """Return each position's share of each channel's pooled value, (h, w, c); a channel sums to 1.

    A channel that never fired has no shares and sums to 0.
    """
    if pooling == "avg":
        weight = block5_pool(maps[None])[0]
    elif pooling in ("gem", "gem2"):
        weight = maps ** {"gem": 3, "gem2": 2}[pooling]  # their p
    else:  # the maximum comes from the winner alone
        top = maps.max(axis=(0, 1), keepdims=True)
        weight = (maps == top) * (top > 0)
    return weight / np.maximum(weight.sum(axis=(0, 1), keepdims=True), 1e-12)


def _enlarge(heat, maps):
    """Return the small map as large as what `maps` were made of, and scaled to a maximum of 1."""
    height, width = (STRIDE * side for side in maps.shape[:2])
    image = Image.fromarray(heat.astype(np.float32))
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    wide = np.clip(np.asarray(image), 0, None)
    return wide / wide.max() if wide.max() > 0 else wide
