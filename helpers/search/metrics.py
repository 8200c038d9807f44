"""How good a search is: precision@k, average precision and recall@k.

A ranking is one list of booleans: is the hit at rank 1 relevant, the one at rank 2, … The caller
leaves the query's own picture out. Definitions: Manning, Raghavan, Schütze, Introduction to
Information Retrieval, chapter 8. Notebook 03 teaches recall@k, notebook 04 the others.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

Ids = Sequence[str] | Sequence[int]


def precision_at_k(relevant: ArrayLike, k: int) -> float:
    """Return the share of relevant hits among the first k, in [0, 1]; higher is better.

    `relevant`: (n,) booleans, best hit first; what is missing up to k counts as irrelevant. Raises
    ValueError when k isn't positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but precision needs at least one hit. Give k >= 1.")
    return float(_booleans(relevant)[:k].sum() / k)


def average_precision(relevant: ArrayLike, total: int | None = None) -> float:
    """Return the mean, over all relevant pictures, of the precision at each one's rank, in [0, 1].

    `relevant`: (n,) booleans, best hit first. `total` is how many pictures are relevant, by default
    those in the ranking; one that isn't in it counts as precision 0. NaN when nothing is relevant:
    such a query says nothing. Raises ValueError when the ranking holds more than `total`.
    """
    hits = _booleans(relevant)
    found = int(hits.sum())
    total = found if total is None else total
    if total < found:
        raise ValueError(
            f"The ranking holds {found} relevant pictures, but total is only {total}. "
            "Count the relevant pictures of the whole collection, without the query itself."
        )
    if total == 0:
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / total)


def mean_average_precision(rankings: Iterable[ArrayLike]) -> float:
    """Return the mean of the average precisions of full rankings, in [0, 1].

    `rankings`: (n,) booleans per query; a query for which nothing is relevant is left out. NaN when
    no query is left.
    """
    values = np.array([average_precision(ranking) for ranking in rankings], dtype=float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def recall_at_k(found: Ids | Sequence[Ids], truth: Ids | Sequence[Ids]) -> float:
    """Return the share of the true nearest neighbours that were found, in [0, 1].

    `found`, `truth`: one query's ids in any order, or a list of them per query, over which the mean
    is taken. `truth` comes from an exact search with the same k. A query without true neighbours is
    left out; NaN when none is left. Raises ValueError when the numbers of queries differ.
    """
    found, truth = list(found), list(truth)
    if not truth or isinstance(truth[0], str | int | np.integer):
        found, truth = [found], [truth]
    if len(found) != len(truth):
        raise ValueError(
            f"There are answers to {len(found)} queries, but true neighbours of {len(truth)}. "
            "Give one list of ids for each query in both."
        )
    pairs = [(set(f), set(t)) for f, t in zip(found, truth, strict=True)]
    shares = [len(near & true) / len(true) for near, true in pairs if true]
    return float(np.mean(shares)) if shares else float("nan")


def _booleans(relevant):
    """Return `relevant` as a one-dimensional array of booleans."""
    array = np.asarray(relevant, dtype=bool)
    if array.ndim != 1:
        raise ValueError(
            f"A ranking is one list of booleans, but this one has the shape {array.shape}. "
            "Give the ranking of one query at a time."
        )
    return array
