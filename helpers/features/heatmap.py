"""Which regions make two pictures alike: the similarity of two embeddings, drawn where it arises.

Notebook 02 and the search page draw what `match_heatmap` returns.
"""

import numpy as np
from PIL import Image

from helpers.dataset.pictures import PictureSource
from helpers.features.pooling import Floats, block5_pool
from helpers.features.vgg16 import VGG16


def match_heatmap(
    extractor: VGG16, image: PictureSource, other: PictureSource, channels: int = 64
) -> tuple[Floats, Floats]:
    """Return which regions of `image` and of `other` make them alike: two (size, size) float32.

    The cosine of two unit vectors is a sum over channels of the product of their entries. Each of
    the `channels` largest terms goes back to the positions that it came from: for max and R-MAC to
    the channel's maximum, for avg and GeM to each position by its share. Values are between 0 and
    1; each picture's strongest position is 1 (all are 0 where nothing matches).
    Raises PictureError when a picture can't be read.
    """
    maps = [extractor.maps(picture) for picture in (image, other)]
    one, two = extractor.pool(np.stack(maps))
    terms = one * two
    terms[np.argsort(terms)[:-channels]] = 0
    heats = [(contributions(each, extractor.pooling) * terms).sum(axis=2) for each in maps]
    return tuple(_enlarge(heat, extractor.size) for heat in heats)


def contributions(maps: Floats, pooling: str) -> Floats:
    """Return each position's share of each channel's pooled value, (h, w, c); a channel sums to 1.

    A channel that never fired has no shares and sums to 0.
    """
    if pooling == "avg":
        weight = block5_pool(maps[None])[0]
    elif pooling == "gem":
        weight = maps**3  # p of pooling.gem
    else:  # the maximum comes from the winner alone
        top = maps.max(axis=(0, 1), keepdims=True)
        weight = (maps == top) * (top > 0)
    return weight / np.maximum(weight.sum(axis=(0, 1), keepdims=True), 1e-12)


def _enlarge(heat, size):
    """Return the small map enlarged to (size, size) and scaled to a maximum of 1."""
    image = Image.fromarray(heat.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    wide = np.clip(np.asarray(image), 0, None)
    return wide / wide.max() if wide.max() > 0 else wide
