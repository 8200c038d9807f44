"""Four ways to improve a ranking with the database's own neighbourhoods; no labels needed.

`expand` and `augment` change vectors, before the search; `diffuse` and `k_reciprocal` give new
scores of a query's row against all rows, for a small collection. Every row of `database` (n, d) and
of the queries is float32 and of length one, so that an inner product is a cosine.

A row of the database takes part in its neighbours' rows and in the graphs, even when it is the
query. So what all but `expand` score with such queries needn't hold for a new picture; to measure
that, keep the queries out of the database.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.errors import PlainError
from helpers.features.pooling import l2_normalise

Floats = NDArray[np.float32]

BLOCK = 128
"""So many queries are expanded at a time: with all of them, the neighbours would fill memory."""

MOST_ROWS = 4_000
"""`diffuse` and `k_reciprocal` keep tables of all pairs: about 1 GB for so many rows."""


class TooManyRowsError(PlainError, ValueError):
    """A collection too large for a method that compares all pairs of pictures."""


# New vectors


def expand(
    queries: Floats,
    database: Floats,
    neighbours: int = 20,
    power: float = 2.0,
    own: ArrayLike | None = None,
) -> Floats:
    """Return each query plus its nearest rows, weighted by cosine ** power, to length one, (q, d).

    `own`: (q,) each query's own row, which isn't taken; None where queries aren't in the database.
    A negative cosine counts as 0; power 0 gives every neighbour the weight 1. Costs a second search
    per query, and a new picture can be added at any time. Raises ValueError when `neighbours` isn't
    positive or the shapes don't fit. Average query expansion (AQE, power 0): Chum et al. 2007
    (https://doi.org/10.1109/ICCV.2007.4408891); its α-weighted form (αQE): Radenović et al. 2018
    (https://arxiv.org/abs/1711.02512), where α is our `power`.
    """
    _check_expansion(queries, database, neighbours, own)
    own = None if own is None else np.asarray(own)
    expanded = np.empty_like(queries, dtype=np.float32)
    for start in range(0, len(queries), BLOCK):
        part = slice(start, start + BLOCK)
        mine = None if own is None else own[part]
        expanded[part] = _expand_block(queries[part], database, neighbours, power, mine)
    return expanded


def augment(database: Floats, neighbours: int = 15, power: float = 2.0) -> Floats:
    """Return the database with every row expanded by its own neighbours, (n, d).

    Costs nothing per query, but one search per picture beforehand; a new picture can change any row
    that it is near to, so strictly all is done again. The weights and the errors are those of
    `expand`. Database-side augmentation: Turcot and Lowe 2009; Arandjelović and Zisserman 2012
    (https://doi.org/10.1109/CVPR.2012.6248018).
    """
    return expand(database, database, neighbours, power, own=np.arange(len(database)))


def _expand_block(queries, database, neighbours, power, own):
    """Return a block of queries plus their weighted neighbours, to length one."""
    cosines = queries @ database.T
    available = len(database)
    if own is not None:
        cosines[np.arange(len(own)), own] = -np.inf
        available -= 1  # its own row is the last: it isn't among them
    count = min(neighbours, available)
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), 0) ** power
    return l2_normalise(queries + np.einsum("qk,qkd->qd", weights, database[nearest]))


def _check_expansion(queries, database, neighbours, own):
    """Raise ValueError when `expand` can't do what it is asked."""
    _check_positive(neighbours=neighbours)
    if queries.ndim != 2 or queries.shape[1:] != database.shape[1:]:
        raise ValueError(
            f"The queries have the shape {queries.shape}, but the database {database.shape}. "
            "Both need rows of the same extractor; make one vector a table with vector[None]."
        )
    if own is not None and len(own) != len(queries):
        raise ValueError(
            f"There are {len(queries)} queries, but `own` holds {len(own)} rows. "
            "Give each query's own row, or leave `own` out."
        )


# New scores


def diffuse(
    database: Floats, rows: ArrayLike, neighbours: int = 20, power: float = 3.0, alpha: float = 0.99
) -> NDArray[np.float64]:
    """Return scores of all pictures for the queries in `rows` by diffusion, (len(rows), n).

    Similarity flows from the query's `neighbours` nearest (itself among them) along the edges of a
    graph, which joins two pictures when each is among the other's `neighbours` nearest, with the
    weight cosine ** power. The higher `alpha`, in (0, 1), the farther it flows. What it doesn't
    reach comes last, in order of cosine, with scores below 0. Costs a share of one n x n system of
    equations, solved for all queries together: ask for many at once; a new picture changes the
    graph, and all is done again. Raises TooManyRowsError above MOST_ROWS rows. Iscen et al. 2017
    (https://arxiv.org/abs/1611.05113), in closed form instead of by conjugate gradients.
    """
    _check_positive(neighbours=neighbours)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}. Give a share between 0 and 1, such as 0.99.")
    _check_size(database)
    rows, cosines = np.asarray(rows), database @ database.T
    affinity = np.maximum(cosines, 0).astype(np.float64) ** power
    nearest = _nearest_first(cosines, neighbours + 1)
    graph = _mutual_graph(affinity, nearest)
    start = np.zeros((len(rows), len(database)))
    np.put_along_axis(start, nearest[rows, :neighbours], 1.0, axis=1)
    start *= affinity[rows]
    reached = (1 - alpha) * np.linalg.solve(np.eye(len(graph)) - alpha * graph, start.T).T
    return np.where(reached > 0, reached, cosines[rows] - 2)


def k_reciprocal(
    database: Floats, rows: ArrayLike, k1: int = 20, k2: int = 6, weight: float = 0.3
) -> Floats:
    """Return scores of all pictures for the queries in `rows`, (len(rows), n) in [0, 1].

    Two pictures are near when they share k-reciprocal neighbours: those that are among the `k1`
    nearest of a picture and have it among theirs. The score is 1 - distance, and the distance is
    the Jaccard distance of the two neighbourhoods, with the share `weight` of the cosine distance,
    scaled to at most 1. Costs less than 1 ms per query after all pairs were compared; a new picture
    changes neighbourhoods, and all is done again. Raises TooManyRowsError above MOST_ROWS rows.
    Zhong et al. 2017 (https://arxiv.org/abs/1701.08398), section 3, with cosine distance.
    """
    _check_positive(k1=k1, k2=k2)
    _check_size(database)
    rows, cosines = np.asarray(rows), database @ database.T
    nearest = _nearest_first(cosines, k1 + 1)
    distances = np.maximum(1 - cosines, 0)
    distances /= np.maximum(distances.max(axis=1, keepdims=True), 1e-12)
    codes = np.where(_neighbourhoods(nearest, k1), np.exp(-distances), 0)
    codes /= codes.sum(axis=1, keepdims=True)
    nearby = nearest[:, :k2].T  # local query expansion: the mean of the k2 nearest pictures' codes
    codes = sum(codes[column] for column in nearby) / len(nearby)
    return 1 - (1 - weight) * _jaccard(codes, rows) - weight * distances[rows]


def _nearest_first(cosines, count):
    """Return each row's `count` nearest rows, (n, count): itself first, then by falling cosine."""
    keys = -cosines
    np.fill_diagonal(keys, -np.inf)  # a copy of a picture is as near to it as it is itself
    return np.argsort(keys, axis=1, kind="stable")[:, :count]


def _reciprocal(nearest):
    """Return where two rows are in each other's `nearest`, (n, n) booleans."""
    near = np.zeros((len(nearest), len(nearest)), dtype=bool)
    np.put_along_axis(near, nearest, True, axis=1)
    return near & near.T


def _mutual_graph(affinity, nearest):
    """Return the graph's weights, each divided by the roots of both ends' sums, (n, n)."""
    weights = np.where(_reciprocal(nearest), affinity, 0)
    np.fill_diagonal(weights, 0)
    roots = np.sqrt(weights.sum(axis=1))
    roots[roots == 0] = 1  # a picture without an edge stays by itself
    return weights / roots[:, None] / roots


def _neighbourhoods(nearest, k1):
    """Return each row's expanded k-reciprocal set, (n, n) booleans: the paper's R*(p, k1).

    To R(p, k1) comes R(q, k1/2) of every q in it, if two thirds of that are in R(p, k1) already.
    """
    wide = _reciprocal(nearest).astype(np.float32)
    narrow = _reciprocal(nearest[:, : round(k1 / 2) + 1]).astype(np.float32)
    shared = wide @ narrow  # how many pictures are in both R(p, k1) and R(q, k1/2)
    joins = (wide > 0) & (3 * shared >= 2 * narrow.sum(axis=1))
    return wide + joins.astype(np.float32) @ narrow > 0


def _jaccard(codes, rows):
    """Return the Jaccard distances of the codes of `rows` to all codes, (len(rows), n).

    1 - sum of minima / sum of maxima; every code sums to one, so the maxima sum to 2 - the minima.
    """
    columns = np.ascontiguousarray(codes.T)
    shared = np.empty((len(rows), len(codes)), dtype=np.float32)
    for i, code in enumerate(codes[rows]):
        used = np.flatnonzero(code)
        shared[i] = np.minimum(columns[used], code[used, None]).sum(axis=0)
    return 1 - shared / (2 - shared)


def _check_positive(**numbers):
    """Raise ValueError, naming it, when one of `numbers` isn't positive."""
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}, but at least one is needed. Give 1 or more.")


def _check_size(database):
    """Raise TooManyRowsError when tables of all pairs would fill memory."""
    if len(database) > MOST_ROWS:
        raise TooManyRowsError(
            f"The collection has {len(database):,} rows, and this method compares all pairs, which "
            f"it does for at most {MOST_ROWS:,}. Take a part of the rows, or use `expand`."
        )
