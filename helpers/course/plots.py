"""Figures for the notebooks: annotated pictures, galleries of hits, bars and maps.

Every function returns its matplotlib Figure and labels what it draws. The colours are from Okabe
and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind readers can tell apart.
"""

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
THUMBNAIL = (36, 36)  # pixels of a picture on a map


def use_style() -> None:
    """Set the figure style; figures are stored as JPEG, so that notebooks stay small."""
    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 82})
    plt.rcParams.update({"figure.dpi": 90, "axes.spines.top": False, "axes.spines.right": False})


def annotated(pictures: Sequence[Picture], columns: int = 4) -> Figure:
    """Draw `pictures` in a grid, with the box and class name of every annotated object."""
    figure, axes = _grid(len(pictures), columns, size=max(2.1, 8.5 / (columns + 1)))
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(open_picture(picture.path))
        axis.set_title(", ".join(picture.labels), fontsize=9)
        names = sorted({box.label for box in picture.boxes})
        for box in picture.boxes:
            _draw_box(axis, box, BOX_COLOURS[names.index(box.label) % len(BOX_COLOURS)])
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
    figure, axes = _grid(len(hits) + 1, columns, title)
    axes[0].imshow(open_picture(query))
    axes[0].set_title("query\n" + ", ".join(wanted), fontsize=9, color=ACCENT)
    axes[0].spines[:].set(visible=True, color=ACCENT, linewidth=3)
    for rank, (axis, hit) in enumerate(zip(axes[1:], hits, strict=False), start=1):
        axis.imshow(open_picture(pictures[hit.id].path))
        shared = set(hit.labels) & set(wanted)
        mark, colour = ("✓ ", GOOD) if shared else ("✗ ", BAD) if wanted else ("", UNJUDGED)
        axis.set_title(f"{mark}{rank} · {hit.score:.3f}\n{', '.join(hit.labels)}", fontsize=9)
        axis.spines[:].set(visible=True, color=colour, linewidth=3)
    return figure


def bars(counts: Mapping[str, float], xlabel: str, reference: float | None = None) -> Figure:
    """Draw {name: number} as horizontal bars, largest on top; `reference` is a dashed line."""
    names = sorted(counts, key=lambda name: (counts[name], name))
    figure, axis = plt.subplots(figsize=(7, 0.6 + 0.24 * len(names)), layout="constrained")
    drawn = axis.barh(names, [counts[name] for name in names], color=ACCENT)
    whole = all(float(value).is_integer() for value in counts.values())
    axis.bar_label(drawn, fmt="%d" if whole else "%.2f", padding=3, fontsize=8)
    if reference is not None:
        axis.axvline(reference, color=INK, linestyle="--", linewidth=1)
    axis.set_xlabel(xlabel)
    return figure


def matrix(table: ArrayLike, names: Sequence[str], title: str, label: str) -> Figure:
    """Draw a square table, (n, n), as colours; `names` are on both axes, `label` on the scale."""
    side = 1.5 + 0.32 * len(names)
    figure, axis = plt.subplots(figsize=(side + 1, side), layout="constrained")
    shown = axis.imshow(table, cmap="viridis")
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_title(title)
    figure.colorbar(shown, label=label, shrink=0.8)
    return figure


def side_by_side(images: Sequence[Image.Image | NDArray], titles: Sequence[str]) -> Figure:
    """Draw images (PIL, (h, w, 3) uint8 or float in [0, 1], or (h, w)) next to each other."""
    figure, axes = _grid(len(images), len(images))
    for axis, image, text in zip(axes, images, titles, strict=True):
        axis.imshow(image)
        axis.set_title(text, fontsize=9)
    return figure


def feature_maps(maps: NDArray, channels: Sequence[int], title: str) -> Figure:
    """Draw some channels of a feature map, (h, w, c), each on its own grey scale."""
    figure, axes = _grid(len(channels), 8, title, size=1.3)
    for axis, channel in zip(axes, channels, strict=True):
        axis.imshow(maps[..., channel], cmap="gray")
        axis.set_title(f"channel {channel}", fontsize=7)
    return figure


def picture_map(points: NDArray, pictures: Sequence[Picture], title: str) -> Figure:
    """Draw pictures as thumbnails at `points`, (n, 2), framed in their first label's colour."""
    firsts = [picture.labels[0] if picture.labels else "none" for picture in pictures]
    colours = dict(zip(sorted(set(firsts)), plt.get_cmap("tab20").colors * 9, strict=False))
    figure, axis = plt.subplots(figsize=(10, 8), layout="constrained")
    for point, picture, first in zip(points, pictures, firsts, strict=True):
        thumbnail = open_picture(picture.path, THUMBNAIL)
        thumbnail.thumbnail(THUMBNAIL)
        frame = {"edgecolor": colours[first], "linewidth": 2}
        stamp = OffsetImage(np.asarray(thumbnail))
        axis.add_artist(AnnotationBbox(stamp, tuple(point), pad=0.1, bboxprops=frame))
    axis.update_datalim(points)
    axis.autoscale_view()
    axis.set(title=title, xlabel="first component", ylabel="second component")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    figure.legend(handles, list(colours), loc="outside right upper", fontsize=8)
    return figure


def overlays(pairs: Sequence[tuple[Image.Image, NDArray]], titles: Sequence[str]) -> Figure:
    """Draw (image, heat map) pairs, each map, (h, w) float in [0, 1], in colour over its image."""
    figure, axes = _grid(len(pairs), len(pairs), size=3.2)
    for axis, (image, heat), text in zip(axes, pairs, titles, strict=True):
        extent = (0, image.width, image.height, 0)
        axis.imshow(image, extent=extent)
        opacity = 0.2 + 0.5 * np.clip(heat, 0, 1)  # cold regions keep their own colours
        axis.imshow(heat, cmap="inferno", alpha=opacity, extent=extent, vmin=0, vmax=1)
        axis.set_title(text, fontsize=9)
    return figure


def _grid(count, columns, title=None, size=2.1):
    """Return a figure and its bare axes, at least `count`, with `columns` to a row."""
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
    corner = (box.xmin - 1, box.ymin - 1)
    width, height = box.xmax - box.xmin + 1, box.ymax - box.ymin + 1
    axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=2))
    paper = {"facecolor": colour, "edgecolor": "none", "pad": 1, "alpha": 0.85}
    axis.text(box.xmin + 2, box.ymin + 4, box.label, fontsize=7, va="top", bbox=paper)
