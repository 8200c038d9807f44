"""How good a search is: precision@k, average precision, recall@k and how sure we can be of them.

A ranking is described by one list: is the hit at rank 1 relevant, the one at rank 2, … A query's
own picture is left out of its ranking by the caller. Definitions: Manning, Raghavan, Schütze,
Introduction to Information Retrieval, chapter 8. Notebook 04 teaches them.
"""

import numpy as np


def precision_at_k(relevant, k):
    """Return the share of relevant hits among the first k, in [0, 1], higher is better.

    `relevant`: (n,) booleans, best hit first. A ranking shorter than k counts as if filled up with
    irrelevant hits. Raises ValueError when k is not positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but precision needs at least one hit. Give k >= 1.")
    return float(_booleans(relevant)[:k].sum() / k)


def average_precision(relevant, total=None):
    """Return the mean, over all relevant pictures, of the precision at each one's rank, in [0, 1].

    `relevant`: (n,) booleans, best hit first. `total` is the number of relevant pictures there are;
    those that the ranking does not reach count as precision 0. Without it the ranking is taken to
    be a full one. NaN when nothing is relevant: such a query says nothing.
    Raises ValueError when `total` is smaller than the relevant hits in the ranking.
    """
    hits = _booleans(relevant)
    found = int(hits.sum())
    total = found if total is None else total
    if total < found:
        raise ValueError(
            f"The ranking holds {found} relevant pictures, but total says {total}. "
            "Count the relevant pictures of the whole collection, without the query itself."
        )
    if total == 0:
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / total)


def mean_average_precision(rankings):
    """Return the mean of the average precisions of full rankings, in [0, 1].

    `rankings`: any number of (n,) boolean sequences, one a query; a query for which nothing is
    relevant is left out. NaN when no query is left.
    """
    values = np.array([average_precision(ranking) for ranking in rankings], dtype=float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def recall_at_k(found, truth):
    """Return the share of the true nearest neighbours that were found, in [0, 1].

    `found`, `truth`: one query's ids, or one list of ids a query, in any order; the mean over the
    queries is returned. `truth` comes from an exact search with the same k. A query without true
    neighbours is left out. Raises ValueError when the numbers of queries differ.
    """
    found, truth = list(found), list(truth)
    if not truth or isinstance(truth[0], str | int | np.integer):
        found, truth = [found], [truth]
    if len(found) != len(truth):
        raise ValueError(
            f"There are answers to {len(found)} queries, but the truth of {len(truth)}. "
            "Give one list of ids for each query in both."
        )
    pairs = [(set(f), set(t)) for f, t in zip(found, truth, strict=True)]
    shares = [len(near & true) / len(true) for near, true in pairs if true]
    return float(np.mean(shares)) if shares else float("nan")


def bootstrap_interval(values, confidence=0.95, rounds=2000, seed=0):
    """Return (low, high), between which the mean of `values` lies with the given confidence.

    `values`: (n,) numbers, one a query; NaN is left out. Percentile bootstrap (Efron 1979): draw n
    of the n values with replacement, take the mean, repeat, and cut both tails off. The same seed
    gives the same interval. Raises ValueError when there is no value.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        raise ValueError("There is no value to average. Give one number for each query.")
    random = np.random.default_rng(seed)
    means = [random.choice(values, len(values)).mean() for _ in range(rounds)]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def _booleans(relevant):
    """Return `relevant` as a one-dimensional array of booleans."""
    array = np.asarray(relevant, dtype=bool)
    if array.ndim != 1:
        raise ValueError(
            f"A ranking is one list of booleans, but this has the shape {array.shape}. "
            "Give the ranking of one query at a time."
        )
    return array
