"""Figures of notebook 05: how good searches are, how certain that is, and what they cost.

Lines and dots differ in colour and, for those who see no colours, in their strokes or shapes, too.
NaN, a measure of nothing, is left out. Every function returns its matplotlib Figure.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

from helpers.course.plots.charts import _short, matrix
from helpers.course.plots.style import (
    ACCENT,
    BAD,
    BOX_COLOURS,
    CAPTION,
    GOOD,
    INK,
    UNJUDGED,
    WIDTH,
    nothing,
)
from helpers.search import metrics

COLOURS = (ACCENT, BAD, GOOD, BOX_COLOURS[3], INK, BOX_COLOURS[0], BOX_COLOURS[1])
STROKES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")

BAND_RANKS = 12
"""So many ranks have an interval computed; between them the band's edges are straight."""

NUMBERED = 0.02
"""From this share on, a cell of `confusion` has its number written in it."""

# One number per rank or class


def precision_curves(curves: Mapping[str, ArrayLike], chance: float | None = None) -> Figure:
    """Draw mean precision@k for k = 1 to depth, with a band: its 95 % bootstrap interval.

    `curves`: {name: (q, depth) in [0, 1]}, as from `metrics.precision_curve`; `chance` is a dashed
    line. The legend has the names in the order of the lines' right ends.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.5 * WIDTH), layout="constrained")
    tables = {name: np.atleast_2d(np.asarray(table, float)) for name, table in curves.items()}
    ends = {}
    for (name, table), look in zip(tables.items(), _looks(), strict=False):
        if not np.isnan(table).all():
            ends[_draw_curve(axis, name, table, look)] = [metrics.mean(table[:, -1]), name]
    if not ends:
        return nothing(axis)
    if chance is not None:
        guessing = axis.axhline(chance, color=INK, linestyle=(0, (1, 3)), label="guessing")
        ends[guessing] = [chance, ""]
    handles = sorted(ends, key=ends.get, reverse=True)
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axis.set_ylabel("mean precision@k")
    _logarithmic(axis, "rank k")
    axis.grid(axis="y", alpha=0.3)
    return figure


def _looks():
    """Yield endless styles of lines: no two of the first 28 are equal."""
    for number, colour in enumerate(cycle(COLOURS)):
        yield {
            "color": colour,
            "linestyle": STROKES[number % len(STROKES)],
            "marker": MARKERS[number % len(MARKERS)],
        }


def _logarithmic(axis, label, ticks=None):
    """Give the x axis a logarithmic scale with plain numbers, by default at 1, 2, 5, 10, …"""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(ticks or LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:,.10g}")  # powers of ten would be formulas: see `use_style`
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(label)


def _draw_curve(axis, name, table, look):
    """Draw the mean over the rows of a table and its band; return the line."""
    depth = table.shape[1]
    ranks = np.unique(np.geomspace(1, depth, BAND_RANKS).round().astype(int))
    _, low, high = np.transpose([metrics.interval(table[:, rank - 1]) for rank in ranks])
    axis.fill_between(ranks, low, high, color=look["color"], alpha=0.15, linewidth=0)
    means = [metrics.mean(column) for column in table.T]
    (line,) = axis.plot(
        range(1, depth + 1), means, label=_short(name), linewidth=2, markevery=ranks - 1, **look
    )
    return line


def compared_classes(
    before: Mapping[str, float],
    after: Mapping[str, float],
    chance: Mapping[str, float],
    xlabel: str,
    names: tuple[str, str] = ("before", "after"),
) -> Figure:
    """Draw two numbers per class as joined dots, the class that gains most on top.

    `before`, `after` and `chance`: {class: number}; `names` are the first two's. A gain is a solid
    line, a loss a dashed one of another colour, and a class that lacks one of the two is last.
    """
    gains = {name: after.get(name, np.nan) - before.get(name, np.nan) for name in before | after}
    order = sorted(gains, key=lambda name: (np.nan_to_num(gains[name], nan=-np.inf), name))
    size = (0.8 * WIDTH, 1.4 + 0.3 * max(len(order), 4))
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    if not order:
        return nothing(axis)
    for height, name in enumerate(order):
        _draw_gain(axis, height, before.get(name, np.nan), after.get(name, np.nan))
    heights = range(len(order))
    ends = {"linestyle": "", "markersize": 9, "zorder": 3}
    for numbers, name, fill in zip((before, after), names, ("white", ACCENT), strict=True):
        there = [numbers.get(name, np.nan) for name in order]
        axis.plot(there, heights, "o", color=ACCENT, markerfacecolor=fill, label=name, **ends)
    marks = {"color": BOX_COLOURS[0], "markersize": 14, "markeredgewidth": 4, "linestyle": ""}
    if chance:
        there = [chance.get(name, np.nan) for name in order]
        axis.plot(there, heights, "|", label="guessing", **marks)
    axis.set_yticks(heights, [_short(name) for name in order])
    axis.set_xlabel(xlabel)
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_gain(axis, height, before, after):
    """Draw the line from before to after, with the difference beside its right end."""
    if np.isnan(gain := after - before):
        return
    colour, stroke = (BAD, "--") if gain < 0 else (UNJUDGED, "-")
    axis.plot([before, after], [height, height], stroke, color=colour, linewidth=3, zorder=1)
    axis.annotate(
        f"{gain:+.3f}",
        (max(before, after), height),
        (10, 0),
        textcoords="offset points",
        va="center",
        fontsize=CAPTION,
        color=BAD if gain < 0 else INK,
    )


def confusion(table: ArrayLike, names: Sequence[str]) -> Figure:
    """Draw which labels the first ten hits show, by the class of the query, as colours.

    `table`: (n, n) shares in [0, 1], rows: class of the query, columns: label on the hits; a row of
    NaN, a class without queries, stays white. `names`: the n classes.
    """
    table = np.asarray(table, dtype=float)
    figure = matrix(table, names, "", "share of the labels on the first ten hits")
    axis = figure.axes[0]
    axis.set(xlabel="label on the hits", ylabel="class of the query")
    for row, column in np.argwhere(table >= NUMBERED):
        share = table[row, column]
        colour = INK if share > 0.6 else "white"  # yellow is the upper end of the scale
        text = "1" if share >= 0.995 else f"{share:.2f}"[1:]
        axis.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    return figure


# What it costs


def frontier(
    rows: Sequence[Mapping[str, object]], named: Sequence[str] = ("original", "tuned")
) -> Figure:
    """Draw mAP against bytes per picture, and the efficient frontier as steps.

    A setting is on the frontier when no other has as few bytes and as high a mAP. `rows`: dicts
    with "setting", "bytes", "map" and "map_interval" (low, high); a row without bytes isn't drawn.
    Names stand at the frontier's points and at those in `named`.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.62 * WIDTH), layout="constrained")
    drawn = [row for row in rows if row["bytes"] > 0 and not np.isnan(row["map"])]
    if not drawn:
        return nothing(axis)
    best = _efficient(drawn)
    efficient = {row["setting"] for row in best}
    others = [row for row in drawn if row["setting"] not in efficient]
    _draw_points(axis, others, "other settings", INK, "o")
    _draw_points(axis, best, "efficient: nothing smaller is as good", ACCENT, "D")
    edge = [(row["bytes"], row["map"]) for row in best]
    edge.append((max(row["bytes"] for row in drawn), best[-1]["map"]))
    axis.step(*zip(*edge, strict=True), where="post", color=ACCENT, linewidth=2, zorder=1)
    for row in drawn:
        if row["setting"] in {*efficient, *named}:
            _name(axis, row, row["setting"] in efficient)
    axis.set_ylabel("mAP, with its 95 % interval")
    _logarithmic(axis, "bytes per picture", LogLocator(base=4))
    axis.margins(x=0.2, y=0.12)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _efficient(rows):
    """Return the rows that no other beats in both bytes and mAP, smallest first."""
    best = []
    for row in sorted(rows, key=lambda row: (row["bytes"], -row["map"])):
        if not best or row["map"] > best[-1]["map"]:
            best.append(row)
    return best


def _draw_points(axis, rows, name, colour, marker):
    """Draw settings with their intervals."""
    if not rows:
        return
    means = np.array([row["map"] for row in rows])
    low, high = np.transpose([row["map_interval"] for row in rows])
    lengths = np.maximum([means - low, high - means], 0)
    look = {"fmt": marker, "color": colour, "markersize": 7, "elinewidth": 1, "capsize": 2}
    axis.errorbar([row["bytes"] for row in rows], means, lengths, label=name, **look)


def _name(axis, row, efficient):
    """Write a setting's name above and left of the frontier, where no point can be, or below."""
    slanted = {"ha": "right", "va": "bottom", "rotation": -35, "rotation_mode": "anchor"}
    level = {"ha": "left", "va": "top"}
    axis.annotate(
        _short(row["setting"]),
        (row["bytes"], row["map"]),
        (-5, 5) if efficient else (5, -4),
        textcoords="offset points",
        fontsize=CAPTION,
        color=ACCENT if efficient else INK,
        **(slanted if efficient else level),
    )


def recall_latency(curves: Mapping[str, Sequence[tuple[object, float, float]]]) -> Figure:
    """Draw recall@10 against milliseconds per query, a line per index type.

    `curves`: {index type: [(parameter, ms per query, recall@10)]}; each point has its parameter
    written beside it, and a single point is a mark without a line.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 * WIDTH), layout="constrained")
    drawn = {name: points for name, points in curves.items() if len(points)}
    if not drawn:
        return nothing(axis)
    fastest = min(drawn, key=lambda name: np.mean([spent for _, spent, _ in drawn[name]]))
    for (name, points), look in zip(drawn.items(), _looks(), strict=False):
        texts, spent, recalls = zip(*points, strict=True)
        look["linestyle"] = look["linestyle"] if len(points) > 1 else ""
        axis.plot(spent, recalls, label=_short(name), linewidth=2, markersize=9, **look)
        # Curves bend to the upper left: on that side of the fastest, and below others, is room.
        offset, side = ((-6, 7), "right") if name == fastest else ((5, -14), "left")
        words = {"fontsize": CAPTION, "color": look["color"], "ha": side}
        for text, *spot in zip(texts, spent, recalls, strict=True):
            axis.annotate(str(text), spot, offset, textcoords="offset points", **words)
    axis.set_ylabel("recall@10")
    axis.set_xlim(left=0)
    axis.set_xlabel("ms per query")
    axis.margins(x=0.1, y=0.12)
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


# What a channel is worth


def channel_spread(
    spread: ArrayLike,
    informative: ArrayLike,
    weights: ArrayLike | None = None,
    xlabel: str = "standard deviation of the channel",
    ylabel: str = "share of its variance between classes",
) -> Figure:
    """Draw each channel as a dot, and the mean of every tenth of the channels as a line.

    `spread` (x), `informative` (y) and `weights` (the colour): (c,), one number per channel; the
    tenths are in order of spread. A channel with a NaN is left out.
    """
    spread, informative = np.asarray(spread, float), np.asarray(informative, float)
    weights = np.ones_like(spread) if weights is None else np.asarray(weights, float)
    some = ~np.isnan(spread + informative + weights)
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 * WIDTH), layout="constrained")
    if not some.any():
        return nothing(axis)
    dots = axis.scatter(spread[some], informative[some], c=weights[some], cmap="viridis", s=18)
    if np.ptp(weights[some]) > 0:
        figure.colorbar(dots, label="weight")
    tenths = [part for part in np.array_split(np.argsort(spread[some]), 10) if len(part)]
    means = [[values[some][part].mean() for part in tenths] for values in (spread, informative)]
    look = {"color": BAD, "marker": "s", "linewidth": 3, "markeredgecolor": "white"}
    axis.plot(*means, label="mean of a tenth of the channels", **look)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(loc="upper left", frameon=False)
    return figure
