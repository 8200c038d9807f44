"""Figures for the notebooks: annotated pictures, galleries of hits, bars and maps.

Every function returns its matplotlib Figure and labels what it draws. Colours are from the palette
of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind readers can tell apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from matplotlib_inline.backend_inline import set_matplotlib_formats

from helpers.dataset.pictures import open_picture

GOOD, BAD, INK, ACCENT = "#009E73", "#D55E00", "#333333", "#0072B2"
BOX_COLOURS = ("#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#009E73", "#D55E00")


def use_style():
    """Set the figure style; figures are stored as JPEG, so that notebooks stay small."""
    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 82})
    plt.rcParams.update(
        {"figure.dpi": 90, "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )


def annotated(pictures, columns=4, title=None):
    """Draw `pictures` in a grid with every annotated object's box and class name."""
    figure, axes = _grid(len(pictures), columns, title, size=max(2.1, 8.5 / (columns + 1)))
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(open_picture(picture.path))
        axis.set_title(", ".join(picture.labels), fontsize=9)
        names = sorted({box.label for box in picture.boxes})
        for box in picture.boxes:
            colour = BOX_COLOURS[names.index(box.label) % len(BOX_COLOURS)]
            _draw_box(axis, box, colour)
    return figure


def gallery(query, hits, pictures, *, title=None, columns=6, wanted=()):
    """Draw the query and its hits, best first, each with rank, score and labels.

    `query` is anything `open_picture` accepts, `hits` are Hits and `pictures` maps an id to its
    Picture. A hit that shares a label with `wanted` is framed in green and marked with a tick,
    any other in orange with a cross; without `wanted` nothing is judged.
    """
    figure, axes = _grid(len(hits) + 1, columns, title)
    axes[0].imshow(open_picture(query))
    axes[0].set_title("query\n" + ", ".join(wanted), fontsize=9, color=ACCENT)
    _frame(axes[0], ACCENT)
    for rank, (axis, hit) in enumerate(zip(axes[1:], hits, strict=False), start=1):
        axis.imshow(open_picture(pictures[hit.id].path))
        mark, colour = _verdict(set(hit.labels) & set(wanted), wanted)
        axis.set_title(f"{mark}{rank} · {hit.score:.3f}\n{', '.join(hit.labels)}", fontsize=9)
        _frame(axis, colour)
    return figure


def bars(counts, xlabel, title=None, reference=None):
    """Draw {name: number} as horizontal bars, largest on top; `reference` is a dashed line."""
    names = sorted(counts, key=lambda name: (counts[name], name))
    figure, axis = plt.subplots(figsize=(7, 0.6 + 0.24 * len(names)), layout="constrained")
    drawn = axis.barh(names, [counts[name] for name in names], color=ACCENT)
    whole = all(float(value).is_integer() for value in counts.values())
    axis.bar_label(drawn, fmt="%d" if whole else "%.2f", padding=3, fontsize=8)
    if reference is not None:
        axis.axvline(reference, color=INK, linestyle="--", linewidth=1)
    axis.set(xlabel=xlabel, title=title)
    return figure


def heat_map(table, names, title=None, label=None):
    """Draw a square table, (n, n), as a heat map with the same `names` on both axes."""
    side = 1.5 + 0.32 * len(names)
    figure, axis = plt.subplots(figsize=(side + 1, side), layout="constrained")
    shown = axis.imshow(table, cmap="viridis")
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_title(title)
    figure.colorbar(shown, label=label, shrink=0.8)
    return figure


def side_by_side(images, titles, title=None, **kwargs):
    """Draw images (PIL, (h, w, 3) uint8 or (h, w) float) next to each other."""
    figure, axes = _grid(len(images), len(images), title)
    for axis, image, text in zip(axes, images, titles, strict=True):
        axis.imshow(image, **kwargs)
        axis.set_title(text, fontsize=9)
    return figure


def feature_maps(maps, channels, title=None):
    """Draw some channels of a feature map, (h, w, c), each on its own grey scale."""
    figure, axes = _grid(len(channels), 8, title, size=1.3)
    for axis, channel in zip(axes, channels, strict=True):
        axis.imshow(maps[..., channel], cmap="gray")
        axis.set_title(f"channel {channel}", fontsize=7)
    return figure


def picture_map(points, pictures, title=None, zoom=36):
    """Draw each picture as a thumbnail at its place, points (n, 2), framed by its first label."""
    firsts = [picture.labels[0] if picture.labels else "none" for picture in pictures]
    colours = dict(zip(sorted(set(firsts)), plt.get_cmap("tab20").colors * 9, strict=False))
    figure, axis = plt.subplots(figsize=(10, 8), layout="constrained")
    for (x, y), picture, first in zip(points, pictures, firsts, strict=True):
        thumbnail = open_picture(picture.path, (zoom, zoom))
        thumbnail.thumbnail((zoom, zoom))
        _stamp(axis, np.asarray(thumbnail), (x, y), colours[first])
    axis.update_datalim(points)
    axis.autoscale_view()
    axis.set(title=title, xlabel="first component", ylabel="second component")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    figure.legend(handles, list(colours), loc="outside right upper", fontsize=8)
    return figure


def overlays(pairs, titles, title=None):
    """Draw (image, map) pairs, each map (h, w) float in [0, 1] as warmth over its picture."""
    figure, axes = _grid(len(pairs), len(pairs), title, size=3.2)
    for axis, (image, warmth), text in zip(axes, pairs, titles, strict=True):
        frame = (0, image.width, image.height, 0)
        axis.imshow(image, extent=frame)
        strength = 0.2 + 0.5 * np.clip(warmth, 0, 1)  # cold places keep their own colours
        axis.imshow(warmth, cmap="inferno", alpha=strength, extent=frame, vmin=0, vmax=1)
        axis.set_title(text, fontsize=9)
    return figure


def _stamp(axis, pixels, place, colour):
    """Put a small picture with a coloured frame on a plot, centred on `place`."""
    frame = {"edgecolor": colour, "linewidth": 2}
    stamp = AnnotationBbox(OffsetImage(pixels), place, pad=0.1, bboxprops=frame)
    axis.add_artist(stamp)


def _grid(count, columns, title, size=2.1):
    """Return a figure and `count` bare axes, `columns` to a row."""
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, size * 1.1 * rows + 0.3), layout="constrained"
    )
    axes = np.atleast_1d(axes).ravel()
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=12, color=INK)
    return figure, axes


def _draw_box(axis, box, colour):
    """Outline one object and write its class inside the upper left corner."""
    axis.add_patch(
        Rectangle(
            (box.xmin - 1, box.ymin - 1),
            box.xmax - box.xmin + 1,
            box.ymax - box.ymin + 1,
            fill=False,
            edgecolor=colour,
            linewidth=2,
        )
    )
    axis.text(
        box.xmin + 2, box.ymin + 4, box.label, fontsize=7, va="top",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1, "alpha": 0.85},
    )  # fmt: skip


def _verdict(shared, wanted):
    """Return the mark and frame colour of a hit: right, wrong, or not judged."""
    if not wanted:
        return "", "#CCCCCC"
    return ("✓ ", GOOD) if shared else ("✗ ", BAD)


def _frame(axis, colour):
    """Give one picture a coloured frame."""
    axis.spines[:].set(visible=True, color=colour, linewidth=3)
