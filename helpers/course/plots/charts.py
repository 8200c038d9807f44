"""Figures made of numbers: bars, tables as colours, maps of a data set, points and their walks.

Every function that draws returns its matplotlib Figure and labels what it draws.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import ArrayLike, NDArray

from helpers.course.plots.style import (
    ACCENT,
    BAD,
    BOX_COLOURS,
    CAPTION,
    INK,
    TYPE,
    UNJUDGED,
    WIDTH,
    nothing,
)
from helpers.dataset import Picture, open_picture

THUMBNAIL = (48, 48)  # pixels of a picture on a map


def bars(
    counts: Mapping[str, float],
    xlabel: str,
    reference: float | Mapping[str, float] | None = None,
    beside: tuple[Mapping[str, float], str] | None = None,
) -> Figure:
    """Draw {name: number} as horizontal bars, largest on top.

    `reference` is what guessing gives: a dashed line, or {name: number}, a mark on each bar.
    `beside` are the numbers and the label of a second panel, whose bars keep the order of the
    first.
    """
    names = sorted(counts, key=lambda name: (counts[name], name))
    panels = [(counts, xlabel), *([beside] if beside else [])]
    size = (WIDTH * (0.5 + 0.5 * len(panels)) * 0.7, 1 + 0.3 * max(len(names), 4))
    figure, axes = plt.subplots(
        1, len(panels), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (numbers, text) in zip(axes[0], panels, strict=True):
        _draw_bars(axis, names, [numbers.get(name, 0) for name in names])
        axis.set_xlabel(text)
    if isinstance(reference, Mapping):
        marks = {"color": BOX_COLOURS[0], "marker": "|", "markersize": 16, "markeredgewidth": 4}
        marks["label"] = "guessing"
        axes[0, 0].plot([reference[name] for name in names], names, linestyle="", **marks)
        axes[0, 0].legend(loc="lower right")
    elif reference is not None:
        axes[0, 0].axvline(reference, color=INK, linestyle="--", linewidth=1)
    return figure


def matrix(table: ArrayLike, names: Sequence[str], title: str, label: str) -> Figure:
    """Draw a square table of counts, (n, n), as colours.

    `names` are on both axes, `label` on the scale.
    """
    short = [_short(name) for name in names]
    side = 1.2 + 0.3 * len(names) + 0.09 * max(map(len, short), default=11)
    figure, axis = plt.subplots(figsize=(side + 1.2, side), layout="constrained")
    axis.set_title(title)
    if not len(names):
        return nothing(axis)
    shown = axis.imshow(table, cmap="viridis", vmin=0, vmax=max(1, np.max(table)))
    axis.set_xticks(range(len(names)), short, rotation=60, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), short)
    figure.colorbar(shown, label=label, shrink=0.8)
    return figure


def picture_map(
    points: NDArray, pictures: Sequence[Picture], variance: Sequence[float], thumbnails: int = 40
) -> Figure:
    """Draw every picture as a dot at its point, (n, 2), and some of them as thumbnails.

    `variance` are the shares, in [0, 1], that the two directions have of the whole. The six first
    labels that are most frequent have a colour, and their name stands at their median.
    """
    firsts = np.array([picture.labels[0] if picture.labels else "" for picture in pictures])
    common = [name for name, _ in Counter(filter(None, firsts)).most_common(len(BOX_COLOURS))]
    colour_of = dict(zip(common, BOX_COLOURS, strict=False))
    colours = [colour_of.get(first, UNJUDGED) for first in firsts]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.75 * WIDTH), layout="constrained")
    axis.scatter(*points.T, s=12, c=colours)
    for row in _spread(points, thumbnails):
        thumbnail = open_picture(pictures[row].path, THUMBNAIL)
        thumbnail.thumbnail(THUMBNAIL)
        stamp = OffsetImage(np.asarray(thumbnail))
        frame = {"edgecolor": colours[row], "linewidth": 3}
        axis.add_artist(AnnotationBbox(stamp, points[row], pad=0.1, bboxprops=frame))
    for name, colour in colour_of.items():
        paper = {"facecolor": colour, "edgecolor": INK, "boxstyle": "round"}
        spot = np.median(points[firsts == name], axis=0)
        axis.text(
            *spot, _short(name), fontsize=TYPE, ha="center", va="center", bbox=paper, zorder=9
        )
    axis.set_xlabel(f"first direction, {variance[0]:.0%} of the variance")
    axis.set_ylabel(f"second direction, {variance[1]:.0%}")
    return figure


def cells_and_walk(
    points: NDArray,
    query: NDArray,
    centres: NDArray,
    in_cells: NDArray,
    upper: Sequence[int],
    walks: Sequence[Sequence[int]],
    met: Sequence[int],
) -> Figure:
    """Draw which of `points`, (n, 2), two indexes compare with `query`, (2,): by cells, by a walk.

    `centres`, (c, 2), are those of the cells, `in_cells`, (n,) booleans, the points in the probed
    ones. `upper` are the rows of the upper layer, `walks` the rows passed in each layer, upper
    first, and `met` those that the walks compared.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.4), layout="constrained", sharey=True)
    walked = np.isin(np.arange(len(points)), list(met))
    for axis, compared in zip(axes, (in_cells, walked), strict=True):
        axis.scatter(*points[~compared].T, s=9, color="#BBBBBB", label="not compared")
        axis.scatter(*points[compared].T, s=22, color=ACCENT, label="compared")
        axis.scatter(
            *query, s=300, marker="*", color=BAD, edgecolor="white", label="query", zorder=4
        )
        axis.set(xlabel="first dimension", aspect="equal")
    _draw_borders(axes[0], centres)
    axes[0].scatter(*centres.T, s=60, marker="X", color=INK, edgecolor="white", label="centre")
    circle = {"s": 70, "facecolor": "none", "edgecolor": INK, "linewidth": 0.8}
    axes[1].scatter(*points[list(upper)].T, label="upper layer", **circle)
    for rows, colour in zip(walks, BOX_COLOURS[0::4], strict=False):
        for start, end in np.column_stack([rows[:-1], rows[1:]]):
            arrow = {"arrowstyle": "->", "color": colour, "linewidth": 2, "shrinkA": 0}
            axes[1].annotate("", points[end], points[start], arrowprops=arrow, zorder=3)
    axes[0].set(title="IVF: the nearest cells", ylabel="second dimension")
    axes[1].set_title("HNSW: a walk, layer by layer")
    named = {
        text: mark
        for axis in axes
        for mark, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def _draw_bars(axis, names, values):
    """Draw one panel of bars, each with its number."""
    drawn = axis.barh(names, values, color=ACCENT)
    axis.set_yticks(range(len(names)), [_short(name) for name in names])
    whole = all(float(value).is_integer() for value in values)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0}
    axis.bar_label(
        drawn, fmt="{:,.0f}" if whole else "{:.2f}", padding=4, fontsize=CAPTION, bbox=paper
    )
    axis.margins(x=0.16, y=0.02)
    if not names:
        nothing(axis)


def _short(name):
    """Return the name, cut where it would leave no room for what it names."""
    return name if len(name) <= 28 else f"{name[:27]}…"


def _spread(points, count):
    """Return up to `count` rows of points that are far from each other, from the first on."""
    chosen, far = [], np.full(len(points), np.inf)
    for _ in range(min(count, len(points))):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def _draw_borders(axis, centres):
    """Draw the line between each two cells: as far from one centre as from the next."""
    sides = [np.linspace(*limits, 300) for limits in (axis.get_xlim(), axis.get_ylim())]
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    gaps = np.linalg.norm(grid[:, :, None] - centres, axis=-1)
    for own in range(len(centres)):
        others = np.delete(gaps, own, axis=2).min(axis=2)
        axis.contour(*sides, gaps[:, :, own] - others, [0], colors=INK, linewidths=0.7)
