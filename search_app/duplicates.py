"""Near-duplicates: groups of pictures whose embeddings are closer than a threshold."""

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 128


def groups(values: NDArray[np.float32], min_score: float) -> list[tuple[list[int], float]]:
    """Return [(rows, best score)] of rows that are alike; the closest group comes first.

    `values` is (n, d) float32 of unit norm. Two rows belong together when a chain of pairs, each
    with a cosine of at least `min_score`, leads from one to the other (single linkage). All pairs
    are compared, 128 rows at a time, and none is kept: 17,125 pictures need 170 MB even when all
    are alike.
    """
    label, best = np.arange(len(values)), np.full(len(values), -1.0, np.float32)
    for start in range(0, len(values), BLOCK_ROWS):
        scores = values[start : start + BLOCK_ROWS] @ values[start:].T
        # A pair counts once, from its first row.
        scores[np.tril_indices(len(scores), m=scores.shape[1])] = -2
        best[start : start + BLOCK_ROWS] = scores.max(axis=1)
        label = _joined(label, *np.nonzero(scores >= min_score), start)
    return _by_label(label, best)


def _joined(label, first, second, start):
    """Return `label` after every pair (first, second), counted from `start`, has one in common.

    A row's label is a row of its group whose label is itself, so a label stands for the group.
    """
    while True:
        one, two = label[start + first], label[start + second]
        apart = one != two
        if not apart.any():
            return label
        first, second, one, two = first[apart], second[apart], one[apart], two[apart]
        np.minimum.at(label, np.maximum(one, two), np.minimum(one, two))
        while (label != label[label]).any():  # follow the chains to their ends
            label = label[label]


def _by_label(label, best):
    """Return the groups of two rows and more."""
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    rows = [part for part in np.split(order, starts[1:]) if len(part) > 1]
    found = [(part.tolist(), float(best[part].max())) for part in rows]
    return sorted(found, key=lambda group: (-group[1], group[0]))
