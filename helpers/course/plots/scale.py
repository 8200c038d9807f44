"""Figures of notebook 06: what many clients get, and which worker did what when.

Every function returns its matplotlib Figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from helpers.course.plots.style import ACCENT, BAD, GOOD, INK, WIDTH, nothing

LOOKS = ((ACCENT, "o", "-"), (BAD, "s", "--"), (GOOD, "^", "-."))


def load_curves(curves: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw the latencies that clients at once get, p50 with a band up to p95, and their throughput.

    `curves`: {name: Loads, as from `scale.load_test`}. Clients and milliseconds have logarithmic
    axes.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(1.3 * WIDTH, 0.5 * WIDTH), layout="constrained"
    )
    kept = {name: [one for one in points if one.requests] for name, points in curves.items()}
    if not any(kept.values()):
        right.set_axis_off()
        return nothing(left)
    for (name, points), (colour, marker, stroke) in zip(kept.items(), LOOKS, strict=False):
        count, look = [one.clients for one in points], {"color": colour, "linestyle": stroke}
        p50, p95 = [one.p50 for one in points], [one.p95 for one in points]
        left.plot(count, p50, label=name, marker=marker, **look)
        left.fill_between(count, p50, p95, color=colour, alpha=0.2)
        right.plot(count, [one.per_second for one in points], marker=marker, **look)
    left.set(yscale="log", ylabel="milliseconds: p50, and a band up to p95")
    left.yaxis.set(
        major_locator=LogLocator(subs=(1, 2, 5)),
        major_formatter=ScalarFormatter(),
        minor_locator=NullLocator(),
    )
    right.set(ylim=(0, None), ylabel="answers a second")
    everyone = sorted({one.clients for points in kept.values() for one in points})
    for axis in (left, right):
        _clients(axis, everyone)
    left.legend()
    return figure


def _clients(axis: Axes, counts: Sequence[int]) -> None:
    """Give an axis the numbers of clients, each twice the one before, at equal steps."""
    axis.set(xscale="log", xlabel="clients at once")
    axis.set_xticks(counts, [f"{count}" for count in counts])
    axis.xaxis.set_minor_locator(NullLocator())


def timeline(batches: Sequence[Any]) -> Figure:
    """Draw which worker computed which batch when: a row per worker, a bar per batch.

    `batches` have `node`, `pid`, `begun` and `ended`, in seconds, and `ids`.
    """
    workers = sorted({(batch.node, batch.pid) for batch in batches})
    size = (WIDTH, 1.4 + 0.5 * max(len(workers), 1))
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    if not batches:
        return nothing(axis)
    start = min(batch.begun for batch in batches)
    for batch in batches:
        row, spent = workers.index((batch.node, batch.pid)), batch.ended - batch.begun
        colour = LOOKS[row % len(LOOKS)][0]
        axis.barh(row, spent, left=batch.begun - start, color=colour, edgecolor="white", height=0.6)
        middle = batch.begun - start + spent / 2
        axis.text(middle, row, len(batch.ids), ha="center", va="center", color="white")
    axis.set_yticks(range(len(workers)), [f"worker {row + 1}" for row in range(len(workers))])
    axis.set(xlabel="seconds since the first batch began; in the bars: pictures")
    axis.tick_params(axis="y", colors=INK)
    axis.invert_yaxis()
    return figure
