"""A modeller for what flat outlines cannot show: solids in three dimensions, lit, furred, any view.

A `Clay` collects ellipsoids, swept tubes, boxes and flat panels in its own space: x to the right
(animals look that way), y up, z towards the viewer. `draw` turns the model, lights it, combs fur
over it and stamps it on a pen's canvas, scaled so that its longest side is one unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .pen import SCALE, curve

FINE = 2  # drawn pixels per final pixel while modelling (the canvas itself has SCALE)


@dataclass
class Skin:
    """What a surface is made of; `paint` maps (n, 3) model points to (n, 3) or (n, 4) colours."""

    colour: tuple[float, float, float]
    fur: float = 0.0  # hair length in model units
    thick: float = 0.006  # hair width in model units
    rough: float = 0.08  # mottling
    contrast: float = 0.2  # light and dark hairs
    gloss: float = 0.0
    glow: float = 0.0  # shines by itself: a screen
    alpha: float = 1.0
    paint: Callable | None = None
    wild: float = 0.35  # how far the hairs stray from the flow


def rotation(yaw=0.0, pitch=0.0, roll=0.0):
    """Return the matrix that rolls (about x), then pitches (about z), then yaws (about y)."""
    a, b, c = np.radians([yaw, pitch, roll])
    y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    z = np.array([[math.cos(b), -math.sin(b), 0], [math.sin(b), math.cos(b), 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, math.cos(c), -math.sin(c)], [0, math.sin(c), math.cos(c)]])
    return y @ z @ x


def noise3(rng, freq):
    """Return a function from (n, 3) points to smooth random values in [-1, 1]."""
    grid = rng.uniform(-1, 1, (16, 16, 16))

    def at(points):
        p = np.asarray(points) * freq + 100
        i = np.floor(p).astype(int)
        f = p - i
        f = f * f * (3 - 2 * f)
        total = 0
        for k in range(8):
            o = [(k >> 2) & 1, (k >> 1) & 1, k & 1]
            weight = np.prod([f[:, d] if o[d] else 1 - f[:, d] for d in range(3)], axis=0)
            total = total + weight * grid[tuple((i + o).T % 16)]
        return total

    return at


def blurred(field, radius):
    """Return a 2-d array smoothed by two box filters of about `radius` pixels."""
    if radius >= 8:  # wide: a quarter of the size will do
        small = blurred(field[::4, ::4], radius / 4).astype(np.float32)
        size = field.shape[1], field.shape[0]
        return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BILINEAR))
    r = max(1, round(radius))
    for axis in (0, 1):
        for _ in range(2):
            pad = [(0, 0), (0, 0)]
            pad[axis] = (r + 1, r)
            s = np.cumsum(np.pad(field, pad, mode="edge"), axis=axis, dtype=np.float64)
            n = field.shape[axis]
            hi, lo = np.arange(n) + 2 * r + 1, np.arange(n)
            field = (np.take(s, hi, axis) - np.take(s, lo, axis)) / (2 * r + 1)
    return field


class Clay:
    """A model under construction."""

    def __init__(self, rng):
        """Start with nothing; all that varies comes from `rng`."""
        self.rng = rng
        self.floor = None  # a portrait: the picture's lower edge cuts the model at this height
        self.skins: list[Skin] = []
        self.balls: list[tuple] = []  # centre, 3 x 3 axes, skin number, hair flow
        self.panels: list[tuple] = []  # corners (n, 3), skin number
        self.turn, self.shift = np.eye(3), np.zeros(3)

    @contextmanager
    def at(self, where, yaw=0.0, pitch=0.0, roll=0.0, scale=1.0):
        """Model inside a frame of its own: moved to `where`, turned and scaled."""
        kept = self.turn, self.shift
        self.shift = self.turn @ np.asarray(where, float) + self.shift
        self.turn = self.turn @ rotation(yaw, pitch, roll) * scale
        yield self
        self.turn, self.shift = kept

    def _skin(self, skin):
        for i, known in enumerate(self.skins):
            if known is skin:
                return i
        self.skins.append(skin)
        return len(self.skins) - 1

    def ball(self, where, radius, skin, yaw=0.0, pitch=0.0, roll=0.0, flow=(-0.3, -1, 0)):
        """Add an ellipsoid; `radius` is one number or (rx, ry, rz)."""
        axes = rotation(yaw, pitch, roll) * np.broadcast_to(np.asarray(radius, float), 3)
        centre = self.turn @ np.asarray(where, float) + self.shift
        self.balls.append((centre, self.turn @ axes, self._skin(skin), self.turn @ flow))

    def tube(self, points, radii, skin, wide=1.0, deep=1.0, steps=14):
        """Sweep a ball along a smooth line, hair flowing with it; `wide` scales its z radius."""
        line = curve(np.asarray(points, float), closed=False, steps=steps)
        knots = np.linspace(0, 1, len(line))
        r = np.interp(knots, np.linspace(0, 1, len(radii)), radii)
        w = np.interp(knots, np.linspace(0, 1, np.size(wide)), np.atleast_1d(wide))
        flows = np.gradient(line, axis=0)
        flows /= np.linalg.norm(flows, axis=1, keepdims=True) + 1e-9
        for p, q, v, f in zip(line, r, w, flows, strict=True):
            self.ball(p, (q * deep, q, q * v), skin, flow=f)

    def cone(self, start, end, r0, r1, skin, steps=30, flat=1.0):
        """Sweep balls along a straight line: rods, beaks, horns, legs of chairs."""
        for t in np.linspace(0, 1, steps):
            p = np.asarray(start, float) * (1 - t) + np.asarray(end, float) * t
            r = r0 + (r1 - r0) * t
            self.ball(p, (r, r, r * flat), skin, flow=np.subtract(end, start))

    def lathe(self, profile, skin, at=(0, 0, 0), steps=10, smooth=True):
        """Turn a profile [(y, radius), ...] about the y axis: bottles, pots, plates, cups."""
        p = np.asarray(profile, float)
        if smooth:
            p = curve(p, closed=False, steps=steps)
        else:
            t = np.linspace(0, len(p) - 1, len(p) * steps)
            p = np.column_stack([np.interp(t, np.arange(len(p)), p[:, k]) for k in (0, 1)])
        ends = p[:, 0].min(), p[:, 0].max()
        for y, wide in p:
            r = max(wide, 0.001)
            h = min(0.06, r, max(0.006, y - ends[0]) + 0.002, max(0.006, ends[1] - y) + 0.002)
            self.ball((at[0], at[1] + y, at[2]), (r, h, r), skin, flow=(0, -1, 0))

    def panel(self, corners, skin):
        """Add a flat polygon, visible from both sides."""
        moved = np.asarray(corners, float) @ self.turn.T + self.shift
        self.panels.append((moved, self._skin(skin)))

    def box(self, low, high, skin):
        """Add a box between two corners."""
        (a, b, c), (d, e, f) = low, high
        for x in (a, d):
            self.panel([(x, b, c), (x, e, c), (x, e, f), (x, b, f)], skin)
        for y in (b, e):
            self.panel([(a, y, c), (d, y, c), (d, y, f), (a, y, f)], skin)
        for z in (c, f):
            self.panel([(a, b, z), (d, b, z), (d, e, z), (a, e, z)], skin)

    def cushion(self, low, high, skin, round_off=0.35):
        """Add a soft box: rows of balls with flat panels between them."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        r = min(high - low) * round_off
        a, b = low + r, high - r
        for i in range(3):
            lo, hi = a.copy(), b.copy()
            lo[i], hi[i] = low[i], high[i]
            self.box(lo, hi, skin)
            j, k = (i + 1) % 3, (i + 2) % 3
            for u in (a[j], b[j]):
                for v in (a[k], b[k]):
                    p, q = a.copy(), b.copy()
                    p[j] = q[j] = u
                    p[k] = q[k] = v
                    self.cone(p, q, r, r, skin, steps=24)

    def draw(self, pen, yaw=0.0, pitch=8.0, fit=True, shadow=0.5, bend=0.0):
        """Turn the model by `yaw`, look down on it by `pitch` degrees, and stamp it."""
        look = rotation(0, 0, pitch) @ rotation(yaw)
        spin = rotation(0, pen.angle) @ np.diag([pen.mirror, 1, 1])
        low, high = self._extent(look)
        scale = 1 / max(high - low) if fit else 1.0
        middle = np.array([(low[0] + high[0]) / 2, low[1], 0]) * fit
        _Render(self, pen, look, spin, scale, middle).stamp(shadow)

    def _extent(self, look):
        low, high = np.full(2, 9e9), np.full(2, -9e9)
        for centre, axes, _, _ in self.balls:
            c, e = (look @ centre)[:2], np.linalg.norm((look @ axes)[:2], axis=1)
            low, high = np.minimum(low, c - e), np.maximum(high, c + e)
        for corners, _ in self.panels:
            c = (corners @ look.T)[:, :2]
            low, high = np.minimum(low, c.min(0)), np.maximum(high, c.max(0))
        if self.floor is not None:
            low[1] = self.floor * look[1, 1]
            keep = [(look @ c)[:2] for c, m, _, _ in self.balls if c[1] > self.floor]
            low[0], high[0] = np.min(keep, 0)[0] - 0.03, np.max(keep, 0)[0] + 0.03
        return low, high


class _Render:
    """One picture of a model: depth, normals and materials, then light, fur and stamping."""

    def __init__(self, clay, pen, look, spin, scale, middle):
        self.clay, self.pen, self.rng = clay, pen, clay.rng
        portrait = clay.floor is not None
        self.ground = pen.canvas.image.height + SCALE if portrait else pen.y
        self.unit = pen.unit / SCALE * FINE * scale  # pixels per model unit
        self.back = np.linalg.inv(spin @ look)
        self.spun_middle = spin @ middle
        turn = spin @ look
        self.balls = [
            (turn @ c - self.spun_middle, turn @ m, s, turn @ f) for c, m, s, f in clay.balls
        ]
        self.panels = [(p @ turn.T - self.spun_middle, s) for p, s in clay.panels]
        self.turn = turn
        self._frame()
        for i, ball in enumerate(self.balls):
            self._splat(i, *ball)
        for panel in self.panels:
            self._fill(*panel)
        if clay.floor is not None:
            self.skin[int(self.top * self.unit) :] = -1

    def _frame(self):
        """Make room: buffers that hold the whole model and a margin for hair."""
        spots = [
            np.concatenate([c[:2] - e, c[:2] + e])
            for c, e in ((c, np.linalg.norm(m[:2], axis=1)) for c, m, _, _ in self.balls)
        ]
        spots += [np.concatenate([p[:, :2].min(0), p[:, :2].max(0)]) for p, _ in self.panels]
        spots = np.array(spots)
        room = 0.04 / (self.unit / (self.pen.unit / SCALE * FINE)) + 4 / self.unit
        self.left, self.low = spots[:, :2].min(0) - room
        self.right, self.top = spots[:, 2:].max(0) + room
        self.w = max(4, math.ceil((self.right - self.left) * self.unit))
        self.h = max(4, math.ceil((self.top - self.low) * self.unit))
        self.depth = np.full((self.h, self.w), -9e9, np.float32)
        self.normal = np.zeros((3, self.h, self.w), np.float32)
        self.skin = np.full((self.h, self.w), -1, np.int16)
        self.flow = np.zeros((2, self.h, self.w), np.float32)

    def _window(self, x0, y0, x1, y1):
        """Return the pixel window over these model coordinates, and its x and y there."""
        c0 = max(0, math.floor((x0 - self.left) * self.unit))
        c1 = min(self.w, math.ceil((x1 - self.left) * self.unit) + 1)
        r0 = max(0, math.floor((self.top - y1) * self.unit))
        r1 = min(self.h, math.ceil((self.top - y0) * self.unit) + 1)
        x = self.left + (np.arange(c0, c1) + 0.5) / self.unit
        y = self.top - (np.arange(r0, r1) + 0.5) / self.unit
        window = slice(r0, r1), slice(c0, c1)
        return window, x.astype(np.float32)[None], y.astype(np.float32)[:, None]

    def _splat(self, _, centre, axes, skin, flow):
        """Draw one ellipsoid into the buffers where it is nearest."""
        ex, ey = np.linalg.norm(axes[:2], axis=1)
        window, x, y = self._window(centre[0] - ex, centre[1] - ey, centre[0] + ex, centre[1] + ey)
        inverse = np.linalg.inv(axes)
        s = (inverse.T @ inverse).astype(np.float32)
        x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
        b = s[0, 2] * x + s[1, 2] * y
        c = s[0, 0] * x * x + 2 * s[0, 1] * x * y + s[1, 1] * y * y - 1
        disc = b * b - s[2, 2] * c
        z = (np.sqrt(np.maximum(disc, 0)) - b) / s[2, 2]
        front = (disc > 0) & (z + np.float32(centre[2]) > self.depth[window])
        if not front.any():
            return
        x, y = np.broadcast_to(x, z.shape)[front], np.broadcast_to(y, z.shape)[front]
        z = z[front]
        n = s @ np.stack([x, y, z])
        n /= np.linalg.norm(n, axis=0) + 1e-9
        self._set(window, front, z + centre[2], n, skin, flow)

    def _fill(self, corners, skin):
        """Draw one flat polygon into the buffers where it is nearest."""
        n = np.zeros(3)
        for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            n += np.cross(p, q)
        n /= np.linalg.norm(n) + 1e-12
        n = n if n[2] > 0 else -n
        if n[2] < 0.01:
            return
        (x0, y0), (x1, y1) = corners[:, :2].min(0), corners[:, :2].max(0)
        window, x, y = self._window(x0, y0, x1, y1)
        rows, cols = window
        image = Image.new("L", (cols.stop - cols.start, rows.stop - rows.start), 0)
        px = (corners[:, 0] - self.left) * self.unit - cols.start
        py = (self.top - corners[:, 1]) * self.unit - rows.start
        ImageDraw.Draw(image).polygon(list(zip(px, py, strict=True)), fill=255)
        c = corners[0]
        z = c[2] - (n[0] * (x - c[0]) + n[1] * (y - c[1])) / n[2]
        front = (np.asarray(image) > 0) & (z > self.depth[window])
        self._set(window, front, z[front], n[:, None], skin, (0, -1))

    def _set(self, window, front, z, normal, skin, flow):
        self.depth[window][front] = z
        for k in range(3):
            self.normal[k][window][front] = normal[k]
        self.skin[window][front] = skin
        for k in range(2):
            self.flow[k][window][front] = flow[k]

    def _colours(self, mask):
        """Return (h, w, 4) unlit colours, painted where the skin has a pattern."""
        out = np.zeros((self.h, self.w, 4), np.float32)
        rows, cols = np.nonzero(mask)
        x = self.left + (cols + 0.5) / self.unit
        y = self.top - (rows + 0.5) / self.unit
        seen = np.column_stack([x, y, self.depth[rows, cols]]) + self.spun_middle
        points = seen @ self.back.T
        mottle = noise3(self.rng, 9)
        for i, skin in enumerate(self.clay.skins):
            here = self.skin[rows, cols] == i
            if not here.any():
                continue
            rgba = np.empty((here.sum(), 4), np.float32)
            rgba[:] = (*skin.colour, 255 * skin.alpha)
            if skin.paint:
                painted = np.asarray(skin.paint(points[here]))
                rgba[:, : painted.shape[1]] = painted
            rgba[:, :3] *= 1 + skin.rough * mottle(points[here])[:, None]
            out[rows[here], cols[here]] = rgba
        return out

    def _per_skin(self, name):
        """Return a (h, w) array of one skin property."""
        values = np.array([getattr(s, name) for s in self.clay.skins] + [0], np.float32)
        return values[self.skin]

    def _lit(self, colours, mask):
        """Return the colours under one lamp, sky light and the shade of hollows."""
        m = mask.astype(np.float32)
        r = 0.008 * self.pen.unit / SCALE * FINE
        weight = blurred(m, r) + 1e-3
        n = np.stack([blurred(k * m, r) / weight for k in self.normal])
        n = 0.35 * self.normal + 0.65 * n
        n /= np.linalg.norm(n, axis=0) + 1e-6
        side = self.rng.choice([-1, 1])
        lamp = np.array([side * self.rng.uniform(0.25, 0.55), 0.68, 0.55])
        lamp /= np.linalg.norm(lamp)
        direct = np.clip(np.tensordot(lamp, n, 1) * 0.8 + 0.2, 0, 1)
        sky = 0.5 + 0.5 * n[1]
        near = np.where(mask, self.depth, self.depth[mask].min())
        wide = 0.05 * self.pen.unit / SCALE * FINE
        hollow = np.clip((blurred(near, wide) - near) * self.unit / (3 * wide), 0, 1)
        light = (0.26 + 0.3 * sky + 0.62 * direct) * (1 - 0.5 * hollow)
        glow = self._per_skin("glow")
        light = light * (1 - glow) + glow
        lit = colours[..., :3] * light[..., None]
        half = lamp + np.array([0, 0, 1])
        shine = np.clip(np.tensordot(half / np.linalg.norm(half), n, 1), 0, 1) ** 40
        gloss = self._per_skin("gloss")
        window = (
            np.exp(-(((n[0] * side - 0.62) / 0.07) ** 2)) * (gloss > 0.9) * (np.abs(n[1]) < 0.4)
        )
        return lit + (255 * shine * gloss + 110 * window)[..., None]

    def _comb(self, image, alpha):
        """Draw short hairs over everything furry, far ones first, some beyond the outline."""
        length = self._per_skin("fur")
        rows, cols = np.nonzero(length > 0)
        if not len(rows):
            return None
        strokes = np.clip(len(rows) / 9, 50, 26000).astype(int)
        pick = self.rng.integers(0, len(rows), strokes)
        pick = pick[np.argsort(self.depth[rows[pick], cols[pick]], kind="stable")]
        r, c = rows[pick], cols[pick]
        wild = self._per_skin("wild")[r, c][:, None]
        d = self.flow[:, r, c].T + self.rng.normal(0, 1, (strokes, 2)) * wild
        d = d / (np.linalg.norm(d, axis=1, keepdims=True) + 0.3)
        far = d * (length[r, c] * self.rng.uniform(0.5, 1.2, strokes))[:, None] * self.unit
        tone = 1 + self.rng.normal(0, 1, strokes) * self._per_skin("contrast")[r, c]
        ink = np.clip(image[r, c] * tone[:, None], 0, 255).astype(int)
        wide = np.maximum(1, np.round(self._per_skin("thick")[r, c] * self.unit)).astype(int)
        picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        cover = Image.fromarray(alpha.astype(np.uint8))
        pen, over = ImageDraw.Draw(picture), ImageDraw.Draw(cover)
        for x, y, (dx, dy), colour, w in zip(
            c.tolist(),
            r.tolist(),
            far.tolist(),
            map(tuple, ink.tolist()),
            wide.tolist(),
            strict=True,
        ):
            pen.line((x, y, x + dx, y - dy), colour, w)
            over.line((x, y, x + dx, y - dy), 255, w)
        bare = (length == 0) & (self.skin >= 0)
        return (
            np.where(bare[..., None], image, np.asarray(picture, np.float32)),
            np.where(bare, alpha, np.asarray(cover, np.float32)),
        )

    def stamp(self, shadow):
        """Light the model and put it on the canvas."""
        mask = self.skin >= 0
        colours = self._colours(mask)
        image, alpha = self._lit(colours, mask), colours[..., 3]
        furred = self._comb(image, alpha)
        if furred:
            image, alpha = furred
        if shadow:
            self._shadow(shadow)
        rgba = np.dstack([np.clip(image, 0, 255), alpha]).astype(np.uint8)
        self._paste(Image.fromarray(rgba))

    def _place(self, picture, left, top):
        """Return a picture at canvas resolution and its corner on the canvas."""
        grow = SCALE / FINE
        size = max(1, round(picture.width * grow)), max(1, round(picture.height * grow))
        corner = (
            round(self.pen.x + left * self.unit * grow),
            round(self.ground - top * self.unit * grow),
        )
        return picture.resize(size, Image.Resampling.BICUBIC), corner

    def _paste(self, picture):
        picture, corner = self._place(picture, self.left, self.top)
        alpha = picture.getchannel("A")
        canvas, drawn = self.pen.canvas, self.pen.drawn
        canvas.image.paste(picture.convert("RGB"), corner, alpha)
        solid = alpha.point(lambda v: 255 * (v > 60))
        if drawn:
            drawn.mask.paste(255, corner, solid)
        for other in canvas.objects:
            other.mask.paste(0, corner, solid)

    def _shadow(self, strength):
        """Darken the ground softly where the model keeps light away."""
        floor = min(
            [c[1] - np.linalg.norm(m[1]) for c, m, _, _ in self.clay.balls]
            + [p[:, 1].min() for p, _ in self.clay.panels]
        )
        room = 0.25 / (self.unit / (self.pen.unit / SCALE * FINE))
        left, top = self.left - room, self.top + room
        w = math.ceil((self.right - self.left + 2 * room) * self.unit / 4)
        h = math.ceil((self.top - self.low + 2 * room) * self.unit / 4)
        sheet = Image.new("L", (w, h), 0)
        draw = ImageDraw.Draw(sheet)
        squash = max(0.12, abs(self.turn[1, 2]))

        def flat(p):
            p = np.array([p[0] + 0.35 * (p[1] - floor), floor, p[2] - 0.25 * (p[1] - floor)])
            q = self.turn @ p - self.spun_middle
            return (q[0] - left) * self.unit / 4, (top - q[1]) * self.unit / 4

        for centre, axes, _, _ in self.clay.balls:
            (x, y), r = flat(centre), np.linalg.norm(axes, axis=1).mean() * self.unit / 4
            draw.ellipse([x - r, y - r * squash, x + r, y + r * squash], fill=255)
        for corners, _ in self.clay.panels:
            draw.polygon([flat(p) for p in corners], fill=255)
        sheet = sheet.filter(ImageFilter.GaussianBlur(0.012 * self.pen.unit / SCALE * FINE / 4 + 1))
        sheet = sheet.resize((w * 4, h * 4), Image.Resampling.BICUBIC)
        sheet, corner = self._place(sheet.point(lambda v: int(v * strength)), left, top)
        self.pen.canvas.image.paste((22, 22, 26), corner, sheet)
