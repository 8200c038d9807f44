"""Five ways from a feature map to one vector: what is kept of where a channel fired, and how much.

Each takes maps (n, h, w, c) float32, none below 0 (they come after a ReLU), and returns (n, c)
float32. `l2_normalise` then scales every row to length one, so that an inner product is a cosine.
Notebook 02 builds `max_pool` and `average_pool` step by step.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def max_pool(maps: Floats) -> Floats:
    """Keep each channel's maximum over all positions.

    MAC (Razavian et al. 2014; https://arxiv.org/abs/1412.6574), as in the original demo.
    """
    return maps.max(axis=(1, 2))


def average_pool(maps: Floats) -> Floats:
    """Keep each channel's mean over the 7 x 7 positions of block5_pool.

    SPoC (Babenko and Lempitsky 2015; https://arxiv.org/abs/1510.07493); exactly what
    `keras.applications.VGG16(pooling="avg")` returns.
    """
    return block5_pool(maps).mean(axis=(1, 2))


def gem(maps: Floats, p: float = 3.0) -> Floats:
    """Keep each channel's generalised mean: p=1 is the average, p=infinity the maximum.

    GeM (Radenović et al. 2018, equation 2; https://arxiv.org/abs/1711.02512), with p fixed instead
    of learned; 3 is the usual value.
    """
    return (np.maximum(maps, 1e-6) ** p).mean(axis=(1, 2)) ** (1 / p)


def rmac(maps: Floats, levels: int = 3) -> Floats:
    """Sum the L2-normalised maxima of overlapping square regions of three sizes.

    R-MAC (Tolias et al. 2016, section 3.2; https://arxiv.org/abs/1511.05879), without the PCA
    whitening, which would need training.
    """
    regions = rmac_regions(*maps.shape[1:3], levels)
    maxima = [max_pool(maps[:, y : y + side, x : x + side]) for y, x, side in regions]
    return np.sum([l2_normalise(each) for each in maxima], axis=0)


def rmac_regions(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """Return `[(y, x, side)]` of R-MAC's square regions, evenly spread.

    A square map has 1, 4 and 9 of them; along a longer side there are more, so that neighbours
    overlap by about 40 %.
    """
    short, regions = min(height, width), []
    for level in range(1, levels + 1):
        side = max(1, 2 * short // (level + 1))
        counts = (level + round((length - short) / (0.6 * side)) for length in (height, width))
        ys, xs = (
            np.linspace(0, length - side, count).astype(int)
            for length, count in zip((height, width), counts, strict=True)
        )
        regions += [(int(y), int(x), side) for y in ys for x in xs]
    return regions


def block5_pool(maps: Floats) -> Floats:
    """Return the maximum of every 2 x 2 positions, (n, h/2, w/2, c), as VGG16's last layer does."""
    n, height, width, channels = maps.shape
    even = maps[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def l2_normalise(vectors: NDArray) -> Floats:
    """Return (n, c) with every row scaled to length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


POOLINGS = {
    "max": max_pool,
    "avg": average_pool,
    "gem2": partial(gem, p=2.0),
    "gem": gem,
    "rmac": rmac,
}
