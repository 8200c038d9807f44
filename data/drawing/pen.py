"""A small drawing kit on top of Pillow: smooth shaded shapes, and the true box of what was drawn.

Everything is drawn three times too large and shrunk at the end, which is what makes edges smooth.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SCALE = 3  # supersampling: 3 x 3 drawn pixels become one


@dataclass
class Drawn:
    """One object as it was drawn: its class and its visible box in final pixels."""

    label: str
    mask: Image.Image  # L, supersampled size; what of the object is visible so far


@dataclass
class Canvas:
    """An RGB picture under construction and the objects on it."""

    width: int
    height: int
    rng: np.random.Generator
    image: Image.Image = field(init=False)
    objects: list[Drawn] = field(default_factory=list)

    def __post_init__(self):
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

    def boxes(self):
        """Return [(label, (xmin, ymin, xmax, ymax))], 1-based and inclusive as in PASCAL VOC."""
        found = []
        for item in self.objects:
            small = item.mask.resize((self.width, self.height), Image.Resampling.BOX)
            box = small.point(lambda v: 255 * (v > 127)).getbbox()
            if box:
                found.append((item.label, (box[0] + 1, box[1] + 1, box[2], box[3])))
        return found

    def finished(self, grain=3.0, blur=0.0):
        """Return the final picture, with a little camera grain and softness."""
        small = self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        if blur:
            small = small.filter(ImageFilter.GaussianBlur(blur))
        noise = self.rng.normal(0, grain, (self.height, self.width, 1))
        pixels = np.clip(np.asarray(small, np.float32) + noise, 0, 255)
        return Image.fromarray(pixels.astype(np.uint8))


def smooth_noise(rng, width, height, cell):
    """Return a (height, width) float array in [-1, 1]: random values, smoothed over `cell` pixels."""
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
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                   + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.vstack([*parts, p[-2:-1]])


@dataclass
class Pen:
    """Draws one object in its own coordinates; every stroke adds to the object's box."""

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
        return turned * [self.unit, -self.unit] + [self.x, self.y]

    def shape(self, points, fill, shade=0.25, texture=0.0, cell=0.02, alpha=1.0):
        """Fill a smooth closed outline; `shade` darkens it downwards, `texture` adds fur or grain."""
        self._fill(curve(points), fill, shade, texture, cell, alpha)

    def poly(self, points, fill, shade=0.15, texture=0.0, cell=0.02, alpha=1.0):
        """Fill a closed outline with straight edges."""
        self._fill(points, fill, shade, texture, cell, alpha)

    def oval(self, cx, cy, rx, ry, fill, turn=0.0, shade=0.25, texture=0.0, cell=0.02, alpha=1.0):
        """Fill an ellipse turned by `turn` degrees."""
        t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        x, y = rx * np.cos(t), ry * np.sin(t)
        outline = np.column_stack([cx + x * c - y * s, cy + x * s + y * c])
        self._fill(outline, fill, shade, texture, cell, alpha)

    def limb(self, points, widths, fill, shade=0.2, texture=0.0, cell=0.02):
        """Fill a smooth tapering band along `points`: legs, arms, necks, tails, branches."""
        line = curve(points, closed=False)
        w = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths) / 2
        step = np.gradient(line, axis=0)
        normal = np.column_stack([-step[:, 1], step[:, 0]])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        left, right = line + normal * w[:, None], line - normal * w[:, None]
        self._fill(np.vstack([left, right[::-1]]), fill, shade, texture, cell, 1.0)
        for end in (0, -1):
            self.oval(*line[end], w[end], w[end], fill, shade=0, texture=texture, cell=cell)

    def line(self, points, width, fill, smooth=False):
        """Draw a thin band of constant width."""
        p = curve(points, closed=False) if smooth else np.asarray(points, float)
        mask = Image.new("L", self.canvas.image.size, 0)
        pixels = [tuple(q) for q in self.to_pixels(p)]
        ImageDraw.Draw(mask).line(pixels, 255, max(1, round(width * self.unit)), joint="curve")
        self._paint(mask, fill, 0.0, 0.0, 0.02)

    def ring(self, cx, cy, radius, width, fill, shade=0.1):
        """Draw a circle's rim: wheels, portholes, handles."""
        mask = Image.new("L", self.canvas.image.size, 0)
        centre, r, w = self.to_pixels([[cx, cy]])[0], radius * self.unit, width * self.unit
        draw = ImageDraw.Draw(mask)
        draw.ellipse([*(centre - r - w / 2), *(centre + r + w / 2)], fill=255)
        draw.ellipse([*(centre - r + w / 2), *(centre + r - w / 2)], fill=0)
        self._paint(mask, fill, shade, 0.0, 0.02)

    def _fill(self, points, fill, shade, texture, cell, alpha):
        mask = Image.new("L", self.canvas.image.size, 0)
        pixels = [tuple(q) for q in self.to_pixels(points)]
        ImageDraw.Draw(mask).polygon(pixels, fill=int(255 * alpha))
        self._paint(mask, fill, shade, texture, cell)

    def _paint(self, mask, fill, shade, texture, cell):
        """Composite `fill`, darker towards the lower right and grainy, through `mask`."""
        box = mask.getbbox()
        if not box:
            return
        w, h = box[2] - box[0], box[3] - box[1]
        down = np.linspace(0.5, -0.5, h)[:, None] * 0.8 + np.linspace(0.5, -0.5, w)[None] * 0.2
        light = 1 + 2 * shade * down
        if texture:
            light = light + texture * smooth_noise(self.canvas.rng, w, h, max(2, cell * self.unit))
        colour = np.asarray(fill, np.float32)[None, None] * light[..., None]
        patch = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
        part = mask.crop(box)
        self.canvas.image.paste(patch, box[:2], part)
        if self.drawn:
            self.drawn.mask.paste(255, box, part)
        for other in self.canvas.objects:  # what lies behind is hidden by this stroke
            other.mask.paste(0, box, part)
