"""Four ways from a feature map to one vector: what is kept of where and how strongly it fired.

Each function takes maps (n, h, w, c) float32, not negative (they come after a ReLU), and returns
(n, c) float32; `unit` then gives every row length one, so that an inner product is a cosine.
Notebook 02 builds `maximum` and `average` in the open.
"""

import numpy as np


def maximum(maps):
    """Keep each channel's strongest answer anywhere in the picture (MAC; the original demo's)."""
    return maps.max(axis=(1, 2))


def average(maps):
    """Keep each channel's mean over the 7 x 7 places of block5_pool (SPoC, Babenko 2015).

    VGG16's last layer halves the map by taking the strongest of each 2 x 2 places first, which is
    what `keras.applications.VGG16(pooling="avg")` averages.
    """
    return halved(maps).mean(axis=(1, 2))


def generalised_mean(maps, p=3.0):
    """Keep each channel's generalised mean: p=1 is the average, p=infinity the maximum.

    GeM with the usual p=3, without learning it (Radenović et al. 2018, equation 2).
    """
    return (np.maximum(maps, 1e-6) ** p).mean(axis=(1, 2)) ** (1 / p)


def regional_maximum(maps, levels=3):
    """Sum the unit-length maxima of overlapping squares of three sizes.

    R-MAC (Tolias et al. 2016, section 3.2), without the PCA whitening that would need training.
    """
    found = [
        unit(maximum(maps[:, y : y + s, x : x + s])) for y, x, s in squares(maps.shape[1], levels)
    ]
    return np.sum(found, axis=0)


def squares(width, levels=3):
    """Return `[(y, x, side)]` of R-MAC's regions on a square map: 1, 4 and 9, evenly spread."""
    found = []
    for level in range(1, levels + 1):
        side = max(1, 2 * width // (level + 1))
        starts = np.linspace(0, width - side, level).astype(int)
        found += [(int(y), int(x), side) for y in starts for x in starts]
    return found


def halved(maps):
    """Return the maximum of every 2 x 2 places, as VGG16's block5_pool does; (n, h/2, w/2, c)."""
    n, height, width, channels = maps.shape
    even = maps[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def unit(vectors):
    """Return the rows of (n, c) at length one, float32; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


POOLINGS = {"max": maximum, "avg": average, "gem": generalised_mean, "rmac": regional_maximum}
