"""Figures made of pictures: annotated ones, galleries of hits, feature maps, heat maps.

Every function that draws returns its matplotlib Figure and labels what it draws.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from helpers.course.plots.style import (
    ACCENT,
    BAD,
    BOX_COLOURS,
    CAPTION,
    GAP,
    GOOD,
    INK,
    LINE,
    TITLE,
    TYPE,
    UNJUDGED,
    WIDTH,
    nothing,
)
from helpers.dataset import Picture, open_picture


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
        nothing(figure.subplots())
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


def _tall(images):
    """Return the heights of PIL images in widths."""
    return [image.height / image.width for image in images]


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
