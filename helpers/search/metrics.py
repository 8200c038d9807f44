"""How good a search is: measures of one ranking, of many queries, and how certain they are.

A ranking is one list of booleans: is the hit at rank 1 relevant, the one at rank 2, … The caller
leaves the query's own picture out; `evaluate`, which makes the rankings, does it itself.
Definitions: Manning, Raghavan, Schütze, Introduction to Information Retrieval, chapter 8.
Notebook 03 teaches recall@k, notebook 04 the others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = Sequence[str] | Sequence[int]

ByRows = Callable[[NDArray[np.integer]], NDArray[np.float32]]
"""A function of query rows that returns a value for each of the n pictures, (len(rows), n)."""

RESAMPLED_AT_ONCE = 1_000_000
"""So many values the bootstrap draws in one go: 16 MB, however many queries there are."""

# One ranking


def precision_at_k(relevant: ArrayLike, k: int) -> float:
    """Return the share of relevant hits among the first k, in [0, 1]; higher is better.

    `relevant`: (n,) booleans, best hit first; what is missing up to k counts as irrelevant. Raises
    ValueError when k isn't positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but precision needs at least one hit. Give k >= 1.")
    return float(_booleans(relevant)[:k].sum() / k)


def average_precision(relevant: ArrayLike, total: int | None = None, k: int | None = None) -> float:
    """Return the mean, over all relevant pictures, of the precision at each one's rank, in [0, 1].

    `relevant`: (n,) booleans, best hit first. `total` is how many pictures are relevant, by default
    those in the ranking; one that isn't in it counts as precision 0. With `k`, only the first k
    hits count, and the mean is over min(total, k), so that k relevant ones score 1. NaN when
    nothing is relevant: such a query says nothing. Raises ValueError when the ranking holds more
    than `total`, or k isn't positive.
    """
    hits = _booleans(relevant)
    found = int(hits.sum())
    total = found if total is None else total
    if total < found:
        raise ValueError(
            f"The ranking holds {found} relevant pictures, but total is only {total}. "
            "Count the relevant pictures of the whole collection, without the query itself."
        )
    if k is not None and k < 1:
        raise ValueError(f"k is {k}, but AP@k needs at least one hit. Give k >= 1.")
    if total == 0:
        return float("nan")
    hits = hits[:k]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / (total if k is None else min(total, k)))


def mean_average_precision(rankings: Iterable[ArrayLike]) -> float:
    """Return the mean of the average precisions of full rankings, in [0, 1].

    `rankings`: (n,) booleans per query; a query for which nothing is relevant is left out. NaN when
    no query is left.
    """
    return mean([average_precision(ranking) for ranking in rankings])


def ndcg(gains: ArrayLike, ideal: ArrayLike | None = None, k: int | None = None) -> float:
    """Return the normalised discounted cumulative gain, in [0, 1]; 1 is the best possible order.

    DCG is the sum of gain / log2(rank + 1), over the first k ranks or all; nDCG divides it by the
    DCG of the best order. `gains`: (n,) >= 0, best hit first; NaN leaves a picture out. `ideal`:
    the gains of the whole collection, in any order, when the ranking holds only some. NaN when no
    gain is above 0. Raises ValueError for a gain below 0, for an `ideal` that lacks some of
    `gains`, or when k isn't positive. Järvelin and Kekäläinen 2002
    (https://doi.org/10.1145/582415.582418), linear gain, with the discount that is usual today;
    theirs is log2(rank), from rank 2 on.
    """
    if k is not None and k < 1:
        raise ValueError(f"k is {k}, but nDCG needs at least one hit. Give k >= 1.")
    gains = _gains(gains)
    ideal = gains if ideal is None else _gains(ideal)
    reached, best = _dcg(gains[:k]), _dcg(np.sort(ideal)[::-1][:k])
    if reached > best * (1 + 1e-6):
        raise ValueError(
            "The ranking gains more than the best order of `ideal`. "
            "Give the gains of the whole collection, without the query itself, as `ideal`."
        )
    return min(reached / best, 1.0) if best > 0 else float("nan")


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


# Many queries of one collection


@dataclass(frozen=True, eq=False)
class PerQuery:
    """What `evaluate` measured, one value per query, each (q,) float64.

    `p_at_1` and `p_at_10` are precision at 1 and 10, as in `precision_at_k`; `ap` is the average
    precision of the whole ranking, NaN where nothing is relevant; `chance` is the share of relevant
    pictures among those ranked, the mean precision of random orders; NaN where none is ranked.
    """

    p_at_1: NDArray[np.float64]
    p_at_10: NDArray[np.float64]
    ap: NDArray[np.float64]
    chance: NDArray[np.float64]

    def means(self) -> dict[str, float]:
        """Return the means as {"P@1", "P@10", "mAP", "chance"}; NaN is left out of each."""
        columns = {
            "P@1": self.p_at_1, "P@10": self.p_at_10, "mAP": self.ap, "chance": self.chance
        }  # fmt: skip
        return {name: mean(values) for name, values in columns.items()}


def evaluate(
    scores_of: ByRows, gains_of: ByRows, rows: ArrayLike, block: int = 128, own: bool = True
) -> PerQuery:
    """Rank all n pictures for each query, and return how good each ranking is.

    `rows`: (q,) row numbers of the queries in the collection. `scores_of` returns scores, higher is
    better; equal ones are ranked by row. `gains_of` (see `relevance`) says what is relevant, above
    0; NaN leaves a picture out of that query's ranking. The query's own picture is left out, too,
    unless `own` is False; a near-duplicate of it counts like any other. `block` queries are ranked
    at a time, at about 30 bytes per query and picture. Raises ValueError when a score is NaN, when
    scores and gains differ in shape, or when `rows` aren't row numbers.
    """
    blocks = [_measures(gains) for gains in _blocks(scores_of, gains_of, rows, block, own)]
    return PerQuery(*np.concatenate([np.empty((4, 0)), *blocks], axis=1))


def ranked_gains(
    scores_of: ByRows,
    gains_of: ByRows,
    rows: ArrayLike,
    depth: int | None = None,
    block: int = 128,
    own: bool = True,
) -> NDArray[np.float32]:
    """Return the gains at ranks 1 to `depth` (by default all n), (q, depth) float32.

    `ranked_gains(…) > 0` is the relevance at each rank, and `ndcg` takes a row as it is. A rank
    that no picture fills, because some were left out, is NaN: not relevant. The other parameters
    and the errors are those of `evaluate`.
    """
    blocks = [_fill(gains, depth) for gains in _blocks(scores_of, gains_of, rows, block, own)]
    return np.concatenate(blocks) if blocks else np.empty((0, depth or 0), np.float32)


def precision_curve(
    scores_of: ByRows,
    gains_of: ByRows,
    rows: ArrayLike,
    depth: int = 50,
    block: int = 128,
    own: bool = True,
) -> NDArray[np.float64]:
    """Return precision@1 to precision@`depth` of each query, (q, depth) in [0, 1].

    A rank that no picture fills is not relevant, as in `precision_at_k`. The parameters and the
    errors are those of `evaluate`.
    """
    relevant = ranked_gains(scores_of, gains_of, rows, depth, block, own) > 0
    return np.cumsum(relevant, axis=1) / np.arange(1, depth + 1)


def by_class(values: ArrayLike, shows: ArrayLike, names: Sequence[str]) -> dict[str, float]:
    """Return {class: mean of `values` over the queries that show it}.

    `values`: (q,), NaN is left out. `shows`: (q, c) booleans; `names`: the c classes. A class that
    no query with a value shows is missing.
    """
    values, shows = np.asarray(values, dtype=float), np.asarray(shows, dtype=bool)
    members = {name: values[shows[:, i]] for i, name in enumerate(names)}
    means = {name: mean(member) for name, member in members.items()}
    return {name: value for name, value in means.items() if not np.isnan(value)}


def mean(values: ArrayLike) -> float:
    """Return the mean of `values` without NaN; NaN when nothing is left."""
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


# How certain a mean is


def interval(
    values: ArrayLike, confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return (mean, low, high): the mean over queries and its bootstrap percentile interval.

    The queries are drawn again with replacement, `draws` times, and low and high enclose the
    middle `confidence` of the means. It tells how much the mean would differ for other queries of
    the same kind on the same collection. `values`: (q,), NaN is left out; all three are NaN when
    nothing is left. Raises ValueError when `confidence` isn't between 0 and 1. Efron and
    Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}. Give a share between 0 and 1, such as 0.95.")
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    tails = np.array([1 - confidence, 1 + confidence]) / 2
    low, high = np.quantile(_resampled_means(values, draws, seed), tails)
    return mean(values), float(low), float(high)


def paired_interval(
    ours: ArrayLike,
    theirs: ArrayLike,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return (difference, low, high): the mean of ours - theirs, and its interval as `interval`.

    `ours`, `theirs`: (q,), the same queries in the same order. Each draw takes the same queries for
    both, so that hard queries, which are hard for both, don't blur the difference. A query that is
    NaN in either is left out. Raises ValueError when the numbers of queries differ.
    """
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"There are {ours.size} values of ours, but {theirs.size} of theirs. "
            "Measure both on the same queries."
        )
    return interval(ours - theirs, confidence, draws, seed)


# Behind them


def _booleans(relevant):
    """Return `relevant` as a one-dimensional array of booleans."""
    array = np.asarray(relevant, dtype=bool)
    if array.ndim != 1:
        raise ValueError(
            f"A ranking is one list of booleans, but this one has the shape {array.shape}. "
            "Give the ranking of one query at a time."
        )
    return array


def _gains(gains):
    """Return `gains` as a one-dimensional float array without NaN."""
    array = np.asarray(gains, dtype=float)
    array = array[~np.isnan(array)]
    if (array < 0).any():
        raise ValueError(f"A gain is {array.min():g}. Give 0 to what isn't relevant at all.")
    return array


def _dcg(gains):
    """Return the discounted cumulative gain of `gains` in this order."""
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


def _blocks(scores_of, gains_of, rows, block, own) -> Iterator[NDArray]:
    """Yield the gains in ranking order, `block` queries at a time, (<= block, n) float32."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(
            f"`rows` is {rows.dtype} of the shape {rows.shape}, but row numbers are needed. "
            "From booleans, make them with np.flatnonzero."
        )
    for start in range(0, len(rows), block):
        some = rows[start : start + block]
        gains = np.array(gains_of(some), dtype=np.float32)
        if own:
            gains[np.arange(len(some)), some] = np.nan
        yield _ranked(np.asarray(scores_of(some)), gains)


def _ranked(scores, gains):
    """Return each row of `gains` by falling score; what is left out (NaN) goes last."""
    if scores.shape != gains.shape:
        raise ValueError(
            f"The scores have the shape {scores.shape}, but the gains {gains.shape}. "
            "Both need one row per query and one column per picture."
        )
    if np.isnan(scores).any():
        raise ValueError("A score is NaN. Look for NaN in the vectors that it was made of.")
    keys = np.where(np.isnan(gains), np.float32(np.nan), -scores)  # NaN is sorted behind infinity
    order = np.argsort(keys, axis=1, kind="stable")  # stable: equal scores stay in row order
    return np.take_along_axis(gains, order, axis=1)


def _measures(gains):
    """Return P@1, P@10, average precision and chance of ranked `gains`, (4, b)."""
    relevant = gains > 0
    total = relevant.sum(axis=1)
    precision = np.cumsum(relevant, axis=1, dtype=np.int32) / np.arange(1, gains.shape[1] + 1)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is promised
        ap = (precision * relevant).sum(axis=1) / total
        chance = total / (~np.isnan(gains)).sum(axis=1)
    return np.stack([relevant[:, 0], relevant[:, :10].sum(axis=1) / 10, ap, chance])


def _fill(gains, depth):
    """Return the first `depth` columns of `gains`, with NaN where there are fewer."""
    depth = gains.shape[1] if depth is None else depth
    missing = max(0, depth - gains.shape[1])
    # A copy: a view would keep the whole block in memory.
    return np.pad(gains[:, :depth], ((0, 0), (0, missing)), constant_values=np.nan).copy()


def _resampled_means(values, draws, seed):
    """Return the means of `draws` samples of `values` with replacement, (draws,)."""
    random, size = np.random.default_rng(seed), len(values)
    at_once = max(1, RESAMPLED_AT_ONCE // size)
    means = []
    for start in range(0, draws, at_once):
        drawn = random.integers(size, size=(min(at_once, draws - start), size))
        means.append(values[drawn].mean(axis=1))
    return np.concatenate(means)
