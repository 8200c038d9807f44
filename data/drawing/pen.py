"""A small drawing kit on top of Pillow: smooth shaded shapes, and the true box of what was drawn.

Everything is drawn three times too large and shrunk at the end, which is what makes edges smooth.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SCALE = 3  # supersampling: 3 x 3 drawn pixels become one


@dataclass
class Drawn:
    """One object as it was drawn: its class and its visible box in final pixels."""

    label: str
    mask: Image.Image  # L, supersampled size; what of the object is visible so far
    cut: bool = False  # does a stroke run over the picture's edge?


@dataclass
class Canvas:
    """An RGB picture under construction and the objects on it."""

    width: int
    height: int
    rng: np.random.Generator
    image: Image.Image = field(init=False)
    objects: list[Drawn] = field(default_factory=list)

    def __post_init__(self):
        """Start on white paper, supersampled."""
        self.image = Image.new("RGB", (self.width * SCALE, self.height * SCALE), "white")

    @contextmanager
    def place(self, label, x, y, size, flip=False, angle=0.0):
        """Yield a `Pen` whose origin is (x, y) in final pixels and whose unit is `size` pixels.

        In the pen's own coordinates x runs right and y runs UP, so feet stand at y = 0.
        `label` None draws scenery, which has no box.
        """
        drawn = Drawn(label, Image.new("L", self.image.size, 0)) if label else None
        yield Pen(self, drawn, x * SCALE, y * SCALE, size * SCALE, -1 if flip else 1, angle)
        if drawn:
            self.objects.append(drawn)

    def visible(self):
        """Return [(object, (xmin, ymin, xmax, ymax))], 1-based and inclusive as in PASCAL VOC."""
        found = []
        for item in self.objects:
            small = item.mask.resize((self.width, self.height), Image.Resampling.BOX)
            box = small.point(lambda v: 255 * (v > 127)).getbbox()
            if box:
                found.append((item, (box[0] + 1, box[1] + 1, box[2], box[3])))
        return found

    def boxes(self):
        """Return [(label, box)] of what is visible."""
        return [(item.label, box) for item, box in self.visible()]

    def backdrop(self, pixels):
        """Fill the picture with a (height, width, 3) array at final size."""
        flat = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        self.image.paste(flat.resize(self.image.size, Image.Resampling.BICUBIC))

    def soften(self, radius):
        """Blur what has been drawn so far, as a lens does with what is far behind."""
        small = self.image.resize((self.width, self.height), Image.Resampling.BOX)
        small = small.filter(ImageFilter.GaussianBlur(radius))
        self.image.paste(small.resize(self.image.size, Image.Resampling.BICUBIC))

    def reflect(self, y, x0, x1, depth, alpha=0.45):
        """Mirror what stands above the water line `y` between x0 and x1 into the water below it."""
        left, right = max(0, int(x0)) * SCALE, min(self.width, int(x1)) * SCALE
        top, line = max(0, int(y - depth)) * SCALE, min(self.height, int(y)) * SCALE
        end = min(self.height * SCALE, line + int(0.7 * (line - top)))
        if right <= left or end <= line or line <= top:
            return
        tile = self.image.crop((left, top, right, line)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        tile = np.asarray(tile.resize((right - left, end - line)))
        rows = np.arange(end - line)
        shift = np.rint(4 * SCALE * smooth_noise(self.rng, 1, end - line, 4 * SCALE)[:, 0]).astype(
            int
        )
        columns = np.clip(np.arange(right - left)[None] + shift[:, None], 0, right - left - 1)
        fade = 255 * alpha * np.linspace(1, 0.1, len(rows))[:, None] * np.ones((1, right - left))
        edge = np.minimum(1, np.minimum(columns, right - left - 1 - columns) / (12 * SCALE))
        mask = Image.fromarray((fade * edge).astype(np.uint8))
        self.image.paste(Image.fromarray(tile[rows[:, None], columns]), (left, line), mask)

    def finished(self, grain=3.0, blur=0.0, tint=(1.0, 1.0, 1.0), vignette=0.0):
        """Return the final picture with grain, softness, a colour cast and dark corners."""
        small = self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        if blur:
            small = small.filter(ImageFilter.GaussianBlur(blur))
        x, y = np.linspace(-1, 1, self.width), np.linspace(-1, 1, self.height)[:, None]
        light = (1 - vignette * (x**2 + y**2) / 2)[..., None] * np.asarray(tint)
        noise = self.rng.normal(0, grain, (self.height, self.width, 1))
        pixels = np.clip(np.asarray(small, np.float32) * light + noise, 0, 255)
        return Image.fromarray(pixels.astype(np.uint8))


def pick(rng, choices):
    """Return one of `choices`."""
    return choices[int(rng.integers(len(choices)))]


def vary(rng, colour, amount=12):
    """Return `colour`, a little different each time."""
    return tuple(
        int(v) for v in np.clip(np.asarray(colour) + rng.uniform(-amount, amount, 3), 0, 255)
    )


def smooth_noise(rng, width, height, cell):
    """Return a (height, width) float array in [-1, 1]: noise, smooth over `cell` pixels."""
    grid = rng.uniform(-1, 1, (max(2, int(height / cell) + 2), max(2, int(width / cell) + 2)))
    tile = Image.fromarray(grid.astype(np.float32))
    return np.asarray(tile.resize((width, height), Image.Resampling.BICUBIC))


def curve(points, closed=True, steps=12):
    """Return a Catmull-Rom spline through `points`: smooth, and it passes through every one."""
    p = np.asarray(points, float)
    if closed:
        p = np.vstack([p[-1], p, p[0], p[1]])
    else:
        p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.vstack([*parts, p[-2:-1]])


def relief_of(mask):
    """Return how the light from the upper left falls on `mask` if it were a cushion, in [-1, 1]."""
    w, h = mask.size
    thick = float(np.asarray(mask, np.float32).sum()) / 255 / max(w, h)
    if thick < 5:
        return None
    step = max(1, round(thick / 14))  # the thicker, the coarser it may be worked out
    small = mask.resize((max(3, w // step), max(3, h // step)), Image.Resampling.BOX)
    radius = 0.28 * thick / step
    height = np.asarray(small.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
    dy, dx = np.gradient(height)
    light = np.clip((0.5 * dx + dy) * 2.2 * radius, -1, 1).astype(np.float32)
    return np.asarray(Image.fromarray(light).resize((w, h), Image.Resampling.BILINEAR))


@dataclass
class Pen:
    """Draws one object in its own coordinates; every stroke adds to the object's box.

    A `fill` is one RGB colour, or a list of them: a gradient from the top down.
    `shade` darkens downwards, `relief` rounds the edges, `texture` adds fur or grain.
    """

    canvas: Canvas
    drawn: Drawn | None
    x: float
    y: float
    unit: float
    mirror: int
    angle: float

    def to_pixels(self, points):
        """Map (n, 2) own coordinates to supersampled pixels."""
        p = np.asarray(points, float) * [self.mirror, 1]
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        turned = p @ np.array([[c, s], [-s, c]])
        return np.round(turned * [self.unit, -self.unit] + [self.x, self.y], 2)

    def shape(self, points, fill, shade=0.25, texture=0.0, cell=0.02, alpha=1.0, relief=0.3):
        """Fill a smooth closed outline."""
        self._fill(curve(points), fill, shade, texture, cell, alpha, relief)

    def poly(self, points, fill, shade=0.15, texture=0.0, cell=0.02, alpha=1.0, relief=0.08):
        """Fill a closed outline with straight edges."""
        self._fill(points, fill, shade, texture, cell, alpha, relief)

    def oval(
        self, cx, cy, rx, ry, fill, turn=0.0, shade=0.25, texture=0.0, cell=0.02, alpha=1.0,
        relief=0.3,
    ):  # fmt: skip
        """Fill an ellipse turned by `turn` degrees."""
        outline = ellipse(cx, cy, rx, ry, turn)
        self._fill(outline, fill, shade, texture, cell, alpha, relief)

    def limb(self, points, widths, fill, shade=0.2, texture=0.0, cell=0.02, relief=0.4):
        """Fill a smooth tapering band along `points`: legs, arms, necks, tails, branches."""
        line = curve(points, closed=False)
        w = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths) / 2
        step = np.gradient(line, axis=0)
        normal = np.column_stack([-step[:, 1], step[:, 0]])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        left, right = line + normal * w[:, None], line - normal * w[:, None]
        outlines = [np.vstack([left, right[::-1]])]
        outlines += [ellipse(*line[end], w[end], w[end]) for end in (0, -1)]
        self._paint_outlines(outlines, fill, shade, texture, cell, 1.0, relief)

    def line(self, points, width, fill, smooth=False):
        """Draw a thin band of constant width."""
        pixels = self.to_pixels(curve(points, closed=False) if smooth else points)
        wide = max(1, round(width * self.unit))
        mask, box = self._blank(pixels, wide)
        if mask:
            dots = [tuple(q) for q in pixels - box[:2]]
            ImageDraw.Draw(mask).line(dots, 255, wide, joint="curve")
            self._paint(mask, box, fill, 0.0, 0.0, 0.02, 0.2)

    def ring(self, cx, cy, radius, width, fill, shade=0.1):
        """Draw a circle's rim: wheels, portholes, handles."""
        centre, r, w = self.to_pixels([[cx, cy]])[0], radius * self.unit, width * self.unit
        mask, box = self._blank(np.array([centre - r, centre + r]), w)
        if mask:
            middle = centre - box[:2]
            draw = ImageDraw.Draw(mask)
            draw.ellipse([*(middle - r - w / 2), *(middle + r + w / 2)], fill=255)
            if r > w / 2:
                draw.ellipse([*(middle - r + w / 2), *(middle + r - w / 2)], fill=0)
            self._paint(mask, box, fill, shade, 0.0, 0.02, 0.25)

    def soft(self, cx, cy, rx, ry, fill, alpha=0.4, turn=0.0):
        """Lay a soft spot of light or dark on what this object shows already; its box stays."""
        mask, box = self._cloud(ellipse(cx, cy, rx, ry, turn), min(rx, ry), alpha)
        if mask and self.drawn:
            mask = ImageChops.multiply(mask, self.drawn.mask.crop(box))
        if mask:
            self.canvas.image.paste(tuple(int(v) for v in fill), box, mask)

    def shadow(self, cx, cy, rx, ry, alpha=0.45, fill=(20, 22, 30)):
        """Darken the ground softly; a shadow is no part of the object."""
        mask, box = self._cloud(ellipse(cx, cy, rx, ry), min(rx, ry), alpha)
        if mask:
            self.canvas.image.paste(fill, box, mask)

    def _cloud(self, outline, radius, alpha):
        pixels = self.to_pixels(outline)
        blur = max(1.0, 0.45 * radius * self.unit)
        mask, box = self._blank(pixels, 2 * blur)
        if mask:
            dots = [tuple(q) for q in pixels - box[:2]]
            ImageDraw.Draw(mask).polygon(dots, fill=int(255 * alpha))
            mask = mask.filter(ImageFilter.GaussianBlur(blur))
        return mask, box

    def _blank(self, pixels, margin):
        """Return an empty mask around `pixels` within the picture and its box, or (None, None)."""
        low, high = pixels.min(axis=0) - margin - 2, pixels.max(axis=0) + margin + 3
        width, height = self.canvas.image.size
        if self.drawn and not margin:
            over = (pixels < 0).any() or (pixels > [width, height]).any()
            self.drawn.cut = self.drawn.cut or bool(over)
        box = (max(0, int(low[0])), max(0, int(low[1])),
               min(width, int(high[0])), min(height, int(high[1])))  # fmt: skip
        if box[2] <= box[0] or box[3] <= box[1]:
            return None, None
        return Image.new("L", (box[2] - box[0], box[3] - box[1]), 0), box

    def _fill(self, points, fill, shade, texture, cell, alpha, relief):
        self._paint_outlines([points], fill, shade, texture, cell, alpha, relief)

    def _paint_outlines(self, outlines, fill, shade, texture, cell, alpha, relief):
        pixels = [self.to_pixels(points) for points in outlines]
        mask, box = self._blank(np.vstack(pixels), 0)
        if mask:
            for p in pixels:
                dots = [tuple(q) for q in p - box[:2]]
                ImageDraw.Draw(mask).polygon(dots, fill=int(255 * alpha))
            self._paint(mask, box, fill, shade, texture, cell, relief)

    def _paint(self, mask, box, fill, shade, texture, cell, relief):
        """Composite `fill` through `mask`: darker towards the lower right, round and grainy."""
        w, h = mask.size
        down = np.linspace(0.5, -0.5, h)[:, None] * 0.8 + np.linspace(0.5, -0.5, w)[None] * 0.2
        light = 1 + 2 * shade * down
        bump = relief_of(mask) if relief else None
        if bump is not None:
            light = light + relief * bump
        if texture:
            light = light + texture * smooth_noise(self.canvas.rng, w, h, max(2, cell * self.unit))
        colour = gradient(fill, h) * light[..., None].astype(np.float32)
        patch = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
        self.canvas.image.paste(patch, box[:2], mask)
        if self.drawn:
            self.drawn.mask.paste(255, box, mask)
        for other in self.canvas.objects:  # what lies behind is hidden by this stroke
            other.mask.paste(0, box, mask)


def ellipse(cx, cy, rx, ry, turn=0.0):
    """Return the outline of an ellipse turned by `turn` degrees."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    x, y = rx * np.cos(t), ry * np.sin(t)
    return np.column_stack([cx + x * c - y * s, cy + x * s + y * c])


def gradient(fill, height):
    """Return (height, 1, 3) or (1, 1, 3): the colours of `fill` spread evenly from the top down."""
    stops = np.asarray(fill, np.float32)
    if stops.ndim == 1:
        return stops[None, None]
    at, rows = np.linspace(0, 1, len(stops)), np.linspace(0, 1, height)
    return np.column_stack([np.interp(rows, at, c) for c in stops.T])[:, None].astype(np.float32)
