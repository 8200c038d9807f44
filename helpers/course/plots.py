"""Figures for the notebooks: annotated pictures, galleries of hits, bars and maps.

Every function that draws returns its matplotlib Figure and labels what it draws. The colours are
from Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind readers can tell
apart.
"""

import base64
import io
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from matplotlib_inline.backend_inline import set_matplotlib_formats
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from helpers.dataset import Picture, open_picture

GOOD, BAD, UNJUDGED = "#009E73", "#D55E00", "#CCCCCC"
INK, ACCENT = "#333333", "#0072B2"
BOX_COLOURS = ("#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#009E73", "#D55E00")
THUMBNAIL = (48, 48)  # pixels of a picture on a map

# Inches, but for the type, which is in points: large enough for the back row of a classroom.
WIDTH, GAP, TITLE = 10, 0.12, 0.3
TYPE, CAPTION = 13, 11
LINE = 1.25 * CAPTION / 72


def use_style() -> None:
    """Set the figure style; figures are stored as JPEG, so that notebooks stay small.

    They have a white ground, in a dark notebook, too. Texts are shown as they are: a folder's name
    with two dollar signs is no formula.
    """
    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 82})
    frame = {"axes.spines.top": False, "axes.spines.right": False, "figure.facecolor": "white"}
    large = {"font.size": TYPE, "axes.titlesize": TYPE, "axes.labelsize": TYPE}
    smaller = dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), CAPTION)
    colours = {"axes.prop_cycle": plt.cycler(color=[ACCENT, BAD, GOOD, *BOX_COLOURS])}
    general = {"figure.dpi": 90, "text.parse_math": False}
    plt.rcParams.update({**general, **colours, **frame, **large, **smaller})


def annotated(pictures: Sequence[Picture], columns: int = 4) -> Figure:
    """Draw `pictures` in a grid, with the box and class name of every annotated object."""
    images = [open_picture(picture.path) for picture in pictures]
    captions = [", ".join(picture.labels) for picture in pictures]
    figure, axes = _grid(len(images), columns, captions=captions, tall=_tall(images))
    every = sorted({box.label for picture in pictures for box in picture.boxes})
    for axis, image, picture in zip(axes, images, pictures, strict=True):
        axis.imshow(image)
        few = len(every) <= len(BOX_COLOURS)  # else a class has its colour for one picture only
        names = every if few else sorted({box.label for box in picture.boxes})
        for box in picture.boxes:
            colour = BOX_COLOURS[names.index(box.label) % len(BOX_COLOURS)]
            _draw_box(axis, box, colour, image)
    return figure


def gallery(
    query: str | Path | bytes | Image.Image,
    hits: Sequence[Any],
    pictures: Mapping[str, Picture],
    *,
    title: str | None = None,
    columns: int = 6,
    wanted: Sequence[str] = (),
) -> Figure:
    """Draw the query and its hits, best first, each with rank, score and labels.

    `hits` are Hits and `pictures` maps an id to its Picture. A hit that shares a label with
    `wanted` gets a green frame and a tick, any other an orange frame and a cross; without `wanted`
    nothing is judged.
    """
    images = [open_picture(query), *(open_picture(pictures[hit.id].path) for hit in hits)]
    captions, colours = ["query\n" + ", ".join(wanted)], [ACCENT]
    for rank, hit in enumerate(hits, start=1):
        shared = set(hit.labels) & set(wanted)
        mark, colour = ("✓ ", GOOD) if shared else ("✗ ", BAD) if wanted else ("", UNJUDGED)
        captions.append(f"{mark}{rank} · {hit.score:.3f}\n{', '.join(hit.labels)}")
        colours.append(colour)
    figure, axes = _grid(len(images), columns, title, captions=captions, tall=_tall(images))
    for axis, image, colour in zip(axes, images, colours, strict=True):
        axis.imshow(image)
        axis.spines[:].set(visible=True, color=colour, linewidth=3)
    axes[0].title.set_color(ACCENT)
    return figure


class WidgetOrFigure:
    """A widget, and in a page that can't run it, such as one made by nbconvert, a figure."""

    def __init__(self, widget: Any, figure: Figure):
        self.widget, self.picture = widget, jpeg(figure)

    def _repr_mimebundle_(self, **_options):
        return self.widget._repr_mimebundle_() | {"image/jpeg": self.picture}


def jpeg(figure: Figure) -> str:
    """Return a figure as a JPEG in base64, and close it, so that a notebook doesn't draw it too."""
    file = io.BytesIO()
    figure.savefig(file, format="jpeg", bbox_inches="tight", pil_kwargs={"quality": 82})
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()


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
        return _nothing(axis)
    shown = axis.imshow(table, cmap="viridis", vmin=0, vmax=max(1, np.max(table)))
    axis.set_xticks(range(len(names)), short, rotation=60, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), short)
    figure.colorbar(shown, label=label, shrink=0.8)
    return figure


def side_by_side(images: Sequence[Image.Image | NDArray], titles: Sequence[str]) -> Figure:
    """Draw images (PIL, (h, w, 3) uint8 or float in [0, 1], or (h, w) in grey) in one row."""
    tall = [np.asarray(image).shape[0] / np.asarray(image).shape[1] for image in images]
    figure, axes = _grid(len(images), len(images), captions=titles, tall=tall)
    for axis, image in zip(axes, images, strict=True):
        axis.imshow(image, cmap="gray")
    return figure


def feature_maps(maps: NDArray, channels: Sequence[int], title: str) -> Figure:
    """Draw some channels of a feature map, (h, w, c), each on its own grey scale."""
    figure, axes = _grid(len(channels), 6, title, captions=[f"no. {each}" for each in channels])
    for axis, channel in zip(axes, channels, strict=True):
        axis.imshow(maps[..., channel], cmap="gray")
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


def _spread(points, count):
    """Return up to `count` rows of points that are far from each other, from the first on."""
    chosen, far = [], np.full(len(points), np.inf)
    for _ in range(min(count, len(points))):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def overlays(pairs: Sequence[tuple[Image.Image, NDArray]], titles: Sequence[str]) -> Figure:
    """Draw (image, heat map) pairs, two to a row, the map, (h, w) in [0, 1], over its image."""
    figure, axes = _grid(len(pairs), 2, captions=titles, tall=_tall([image for image, _ in pairs]))
    for axis, (image, heat) in zip(axes, pairs, strict=True):
        extent = (0, image.width, image.height, 0)
        axis.imshow(image, extent=extent)
        opacity = 0.2 + 0.5 * np.clip(heat, 0, 1)  # cold regions keep their own colours
        axis.imshow(heat, cmap="inferno", alpha=opacity, extent=extent, vmin=0, vmax=1)
    return figure


def _grid(count, columns, title=None, size=None, captions=(), tall=()):
    """Return a figure and its bare axes, `count` of them, in equal cells with `columns` to a row.

    `size` is a cell's width in inches. `captions` begin at one height in every row; `tall` are the
    heights of the pictures to come, in widths, so that no row is higher than it has to be.
    """
    columns = max(1, min(columns, count))
    size = size or WIDTH / max(columns, 2)
    captions = [_wrapped(text, size) for text in captions] or [""] * count
    tall = tall or [1.0] * count
    rows = [slice(start, start + columns) for start in range(0, count, columns)]
    above = [LINE * max(text.count("\n") + 1 for text in captions[row]) + 2 * GAP for row in rows]
    high = [(size - GAP) * min(1.0, max(tall[row])) for row in rows]
    ends = np.cumsum(np.add(above, high)) + (TITLE if title else 0)
    figure = plt.figure(figsize=(size * columns, ends[-1] if count else 1))
    if title:
        figure.suptitle(title, fontsize=TYPE, color=INK, y=1, va="top")
    if not count:
        _nothing(figure.subplots())
    axes = [_cell(figure, *divmod(n, columns), ends, high, size) for n in range(count)]
    for n, (axis, text) in enumerate(zip(axes, captions, strict=True)):
        pad = 72 * (above[n // columns] - 1.5 * GAP)
        axis.set_title(text, fontsize=CAPTION, y=1, va="top", pad=pad)
    return figure, axes


def _cell(figure, row, column, ends, high, size):
    """Add the bare axis of one cell, in which a picture stands at the top."""
    width, height = figure.get_size_inches()
    corner = ((column * size + GAP / 2) / width, 1 - ends[row] / height)
    axis = figure.add_axes((*corner, (size - GAP) / width, high[row] / height), anchor="N")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return axis


def _wrapped(text, size):
    """Return a caption broken into lines that fit a cell `size` inches wide."""
    fits = int((size - GAP) * 72 / (0.6 * CAPTION))
    return "\n".join(textwrap.fill(line, fits) for line in text.split("\n"))


def _short(name):
    """Return the name, cut where it would leave no room for what it names."""
    return name if len(name) <= 28 else f"{name[:27]}…"


def _tall(images):
    """Return the heights of PIL images in widths."""
    return [image.height / image.width for image in images]


def _nothing(axis):
    """Say on an axis that there is nothing to draw, and return its figure."""
    axis.set_axis_off()
    text = "There is nothing to draw here."
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, in_layout=False)
    return axis.figure


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
        _nothing(axis)


def _draw_box(axis, box, colour, image):
    """Outline one object and write its class beside a corner, above it where it's small."""
    corner = (box.xmin - 1, box.ymin - 1)
    across, down = box.xmax - box.xmin + 1, box.ymax - box.ymin + 1
    axis.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=colour, linewidth=2.5))
    paper = {"facecolor": colour, "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    right = box.xmin + box.xmax > image.width
    above = down < 0.25 * image.height and box.ymin > 0.1 * image.height
    place = (box.xmax - 4 if right else box.xmin + 3, box.ymin - 6 if above else box.ymin + 5)
    side = {"ha": "right" if right else "left", "va": "bottom" if above else "top"}
    axis.text(*place, box.label, fontsize=9, bbox=paper, clip_on=True, **side)


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


def _draw_borders(axis, centres):
    """Draw the line between each two cells: as far from one centre as from the next."""
    sides = [np.linspace(*limits, 300) for limits in (axis.get_xlim(), axis.get_ylim())]
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    gaps = np.linalg.norm(grid[:, :, None] - centres, axis=-1)
    for own in range(len(centres)):
        others = np.delete(gaps, own, axis=2).min(axis=2)
        axis.contour(*sides, gaps[:, :, own] - others, [0], colors=INK, linewidths=0.7)
