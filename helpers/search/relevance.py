"""What counts as relevant: a choice, stated in one of three ways, and which pictures take part.

Each choice is a function `gains_of(rows)`: the gains of all n pictures for the queries in `rows`,
(len(rows), n) float32. 0 is not relevant, and NaN leaves a picture out of that query's ranking.
`metrics.evaluate` calls it block by block, so that no table of all pairs is ever made.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.dataset.pictures import Picture
from helpers.search.metrics import ByRows

# Each choice


def any_shared_label(pictures: Sequence[Picture]) -> ByRows:
    """Return gains of 1 where a picture shares at least one label with the query, else 0."""
    shows, _ = label_table(pictures)
    table = shows.astype(np.float32)
    return lambda rows: (table[rows] @ table.T > 0).astype(np.float32)


def main_object(pictures: Sequence[Picture]) -> ByRows:
    """Return gains of 1 where a picture has the same main class as the query, else 0.

    The main class is that of the largest box in square pixels, the first of equals; without boxes
    it is the only label. A picture with neither has none, and then nothing is relevant to it.
    """
    names = [main_class(picture) for picture in pictures]
    number = {name: i for i, name in enumerate(sorted(set(names) - {None}))}
    main = np.array([number.get(name, -1) for name in names], dtype=int)

    def gains_of(rows):
        asked = main[rows][:, None]
        return ((asked == main) & (asked >= 0)).astype(np.float32)

    return gains_of


def label_overlap(pictures: Sequence[Picture]) -> ByRows:
    """Return gains of 0 to 1: the labels that both show, over the labels that either shows.

    Intersection over union of the two sets (Jaccard), graded for nDCG; 0 when both are empty.
    """
    shows, _ = label_table(pictures)
    table = shows.astype(np.float32)
    counts = table.sum(axis=1)

    def gains_of(rows):
        both = table[rows] @ table.T
        either = counts[rows][:, None] + counts - both
        return both / np.maximum(either, 1)

    return gains_of


def label_table(pictures: Sequence[Picture]) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which picture shows which class, (n, c) booleans, and the c classes, sorted."""
    names = sorted({label for picture in pictures for label in picture.labels})
    column = {name: i for i, name in enumerate(names)}
    shows = np.zeros((len(pictures), len(names)), dtype=bool)
    for row, picture in enumerate(pictures):
        shows[row, [column[label] for label in picture.labels]] = True
    return shows, names


def main_class(picture: Picture) -> str | None:
    """Return the class of the largest box, else the only label, else None."""
    if picture.boxes:
        return max(picture.boxes, key=_area).label
    return picture.labels[0] if len(picture.labels) == 1 else None


def _area(box):
    """Return a box's area in square pixels; both of its edges lie inside, as VOC counts."""
    return (box.xmax - box.xmin + 1) * (box.ymax - box.ymin + 1)


# Which pictures take part


def only_among(gains_of: ByRows, allowed: ArrayLike) -> ByRows:
    """Return `gains_of` with every picture left out that isn't allowed, such as another split's.

    `allowed`: (n,) booleans. Raises ValueError when it holds anything else.
    """
    allowed = np.asarray(allowed)
    if allowed.dtype != bool or allowed.ndim != 1:
        raise ValueError(
            f"`allowed` is {allowed.dtype} of the shape {allowed.shape}, but True or False is "
            "needed for each picture. From row numbers, make it with np.isin(np.arange(n), rows)."
        )

    def among(rows):
        gains = gains_of(rows)
        if gains.shape[1] != len(allowed):
            raise ValueError(
                f"`allowed` speaks of {len(allowed)} pictures, but there are {gains.shape[1]}. "
                "Give one True or False for each picture."
            )
        return np.where(allowed, gains, np.float32(np.nan))

    return among


def without(gains_of: ByRows, left_out: Mapping[int, Sequence[int]]) -> ByRows:
    """Return `gains_of` with some pictures left out, per query.

    `left_out` maps a query's row to the rows that don't count for it, such as pictures that
    somebody has marked (feedback); a query that isn't in it keeps all.
    """

    def fewer(rows):
        gains = np.array(gains_of(rows), dtype=np.float32)
        for gain, row in zip(gains, rows, strict=True):
            gain[list(left_out.get(int(row), ()))] = np.nan
        return gains

    return fewer


def without_near_duplicates(gains_of: ByRows, vectors: NDArray, min_score: float) -> ByRows:
    """Return `gains_of` with pictures left out whose cosine with the query reaches `min_score`.

    `vectors`: (n, d), every row of length one.
    """

    def fewer(rows):
        near = vectors[rows] @ vectors.T >= min_score
        return np.where(near, np.float32(np.nan), gains_of(rows))

    return fewer
