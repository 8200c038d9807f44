"""A million vectors from six hundred pictures: made up, but spread much as real features are.

How an index behaves depends on how its vectors are spread, so random numbers won't do. Each made-up
vector starts from a real picture's and borrows each of its numbers from one of that picture's
nearest, as `crowd` does in notebook 03. `spread` says how alike the two are.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from helpers.errors import PlainError
from helpers.features.pooling import l2_normalise

Floats = NDArray[np.float32]

LENDERS = 20
"""How many of a picture's nearest lend their numbers; it is one of them itself."""

MOST = 2000
"""At most so many vectors are looked at by `spread`, evenly spread over all of them."""


class GrowingError(PlainError, ValueError):
    """Too few real vectors to grow from, or a number of rows that makes no sense."""


def grow(real: Floats, count: int, seed: int = 0, chunk: int = 10_000) -> Iterator[Floats]:
    """Yield `count` made-up vectors of length one, (chunk, dim) float32 at a time.

    `real`: (n, dim) float32, at least LENDERS of them. The same `real`, `seed` and `chunk` give the
    same vectors, and the first ones stay the same when more are asked for. Memory is that of a few
    chunks and of an (n, n) table. Raises GrowingError.
    """
    _check(real, count, chunk)
    nearby = np.argsort(-(real @ real.T), axis=1)[:, :LENDERS]
    for number, rows in enumerate(origins(len(real), count, seed, chunk)):
        # Always drawn for a whole chunk, so that the first rows don't depend on how many follow.
        random = np.random.default_rng([seed, number, 1])
        lenders = random.integers(0, LENDERS, (chunk, real.shape[1]), dtype=np.uint8)[: len(rows)]
        yield l2_normalise(np.take_along_axis(real, nearby[rows[:, None], lenders], axis=0))


def origins(
    pictures: int, count: int, seed: int = 0, chunk: int = 10_000
) -> Iterator[NDArray[np.int64]]:
    """Yield which of so many real pictures each vector of `grow` started from, chunk by chunk."""
    for number, start in enumerate(range(0, count, chunk)):
        rows = np.random.default_rng([seed, number, 0]).integers(0, pictures, chunk)
        yield rows[: count - start]


def _check(real, count, chunk):
    if real.ndim != 2 or len(real) < LENDERS:
        raise GrowingError(
            f"The real vectors have the shape {real.shape}, but growing takes at least {LENDERS} "
            "rows of the same length. Give the vectors of more pictures."
        )
    if count < 1 or chunk < 1:
        raise GrowingError(
            f"count is {count} and chunk {chunk}, but both must be at least 1. Choose again."
        )


@dataclass(frozen=True)
class Spread:
    """How vectors are spread.

    `directions`: the participation ratio, (Σv)² / Σv² of the variances v along the principal
    directions, which is how many of them matter. `first_ten`: the share of all variance that the
    ten largest have, 0 to 1. `nearest`: the mean cosine of a vector to its nearest other one.
    `dimension`: in how many dimensions a vector's neighbours lie, by TwoNN.
    """

    directions: float
    first_ten: float
    nearest: float
    dimension: float

    def __str__(self):
        return (
            f"{self.directions:5.1f} directions matter, ten hold {self.first_ten:4.0%} of the "
            f"variance, nearest {self.nearest:.3f}, intrinsic dimension {self.dimension:4.1f}"
        )


def spread(vectors: Floats) -> Spread:
    """Return how unit vectors (n, dim) are spread; of more than MOST, some are looked at.

    Compare sets of the same size only: among more vectors, the nearest is nearer.

    Participation ratio: Gao et al., A theory of multineuronal dimensionality (2017). TwoNN: Facco
    et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood information
    (2017), here its maximum-likelihood form, (n - 1) / Σ log(second distance / first distance).
    """
    some = np.asarray(vectors[:: -(-len(vectors) // MOST)], np.float64)
    variances = np.linalg.eigvalsh(np.cov(some.T))[::-1]
    cosines = np.sort(some @ some.T - 2 * np.eye(len(some)), axis=1)[:, -2:]
    second, first = np.sqrt(np.maximum(2 - 2 * cosines, 1e-12)).T
    ratios = np.log(second / first)
    return Spread(
        float(variances.sum() ** 2 / (variances**2).sum()),
        float(variances[:10].sum() / variances.sum()),
        float(cosines[:, -1].mean()),
        float((len(some) - 1) / max(ratios.sum(), 1e-12)),  # 0 where all are copies
    )


def distance(one: Spread, other: Spread) -> float:
    """Return how different two spreads are: the mean |log ratio| of their numbers, 0 if equal."""
    ratios = np.array(astuple(one)) / np.array(astuple(other))
    return float(np.abs(np.log(ratios)).mean())
