"""The living room, modelled in clay: potted plant, sofa and television."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .clay import Clay, Skin, noise3
from .farm import tint
from .indoors import METAL, fabric, frame_legs, wood

GREENS = [(58, 118, 48), (84, 140, 60), (44, 92, 52), (110, 150, 70), (70, 120, 90)]


def leaf(clay, root, direction, length, width, skin, droop=0.5):
    """Bend one pointed leaf out from `root`: two rows of panels that follow an arc."""
    d = np.asarray(direction, float)
    d /= np.linalg.norm(d)
    side = np.cross(d, [0, 1, 0.01])
    side /= np.linalg.norm(side) + 1e-9
    rows = []
    for t in np.linspace(0, 1, 7):
        mid = np.asarray(root) + d * length * t + np.array([0, -droop * length * t * t, 0])
        half = width * math.sin(math.pi * min(1, 0.08 + t * 0.92)) ** 0.8
        rows.append(
            (mid - side * half + [0, 0.25 * half, 0], mid, mid + side * half + [0, 0.25 * half, 0])
        )
    for (a, b, c), (e, f, g) in pairwise(rows):
        clay.panel([a, b, f, e], skin)
        clay.panel([b, c, g, f], skin)


def greens(rng):
    """Return three skins of foliage, one of them lighter."""
    base = GREENS[rng.integers(len(GREENS))]
    return [
        Skin(tint(rng, np.array(base) * k, 8), gloss=0.12, rough=0.2) for k in (0.75, 1.0, 1.25)
    ]


def pot(clay, rng):
    """Model a flower pot with soil, and return the height of its rim."""
    h, r = rng.uniform(0.24, 0.34), rng.uniform(0.15, 0.20)
    glaze = tint(
        rng,
        [
            (186, 98, 62),
            (178, 88, 54),
            (226, 222, 214),
            (70, 96, 130),
            (90, 90, 92),
            (196, 170, 120),
        ][rng.integers(6)],
        8,
    )
    skin = Skin(glaze, gloss=0.15 if glaze[0] > 150 else 0.5, rough=0.12)
    clay.lathe([(0.0, r * 0.68), (h * 0.8, r * 0.95)], skin, steps=20, smooth=False)
    clay.lathe([(h * 0.8, r * 1.08), (h, r * 1.12)], skin, steps=10, smooth=False)
    clay.lathe(
        [(h - 0.004, r * 0.98), (h + 0.004, r * 0.96)],
        Skin((62, 44, 34), rough=0.5),
        steps=2,
        smooth=False,
    )
    if rng.random() < 0.5:
        clay.lathe([(0.0, r * 0.95), (0.02, r * 1.0)], skin, steps=4, smooth=False)
    return h


def fern(clay, rng, h, skins):
    """Arch many narrow leaves out of the pot: a fern or a spider plant."""
    for _ in range(int(rng.integers(45, 75))):
        a, up = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 2.2)
        leaf(
            clay,
            (0.03 * math.cos(a), h, 0.03 * math.sin(a)),
            (math.cos(a), up, math.sin(a)),
            rng.uniform(0.35, 0.62),
            rng.uniform(0.014, 0.024),
            skins[rng.integers(3)],
            rng.uniform(0.3, 0.8),
        )


def bush(clay, rng, h, skins, flowers=None):
    """Grow a round bush of broad leaves, with or without flowers."""
    for _ in range(int(rng.integers(110, 160))):
        d = rng.normal(0, 1, 3)
        d[1] = abs(d[1]) * 0.9 - 0.15
        d /= np.linalg.norm(d)
        at = np.array([0, h + 0.17, 0]) + d * [0.22, 0.20, 0.22] * rng.uniform(0.4, 1.0)
        leaf(
            clay,
            at,
            d + np.array([0, 0.3, 0]),
            rng.uniform(0.09, 0.16),
            rng.uniform(0.028, 0.05),
            skins[rng.integers(3)],
            0.5,
        )
    for _ in range(9):
        a = rng.uniform(0, 2 * math.pi)
        clay.cone(
            (0, h, 0),
            (0.12 * math.cos(a), h + 0.2, 0.12 * math.sin(a)),
            0.01,
            0.006,
            skins[0],
            steps=16,
        )
    if flowers is not None:
        for _ in range(int(rng.integers(9, 18))):
            d = rng.normal(0, 1, 3)
            d[1] = abs(d[1])
            d /= np.linalg.norm(d)
            flower(clay, np.array([0, h + 0.18, 0]) + d * [0.28, 0.25, 0.28], d, flowers)


def flower(clay, at, out, colour):
    """Open one five-petalled flower that looks `out` from the bush."""
    petal = Skin(colour, rough=0.15)
    with clay.at(at, yaw=math.degrees(math.atan2(out[0], out[2]))):
        for k in range(5):
            a = 2 * math.pi * k / 5
            where = (0.026 * math.cos(a), 0.026 * math.sin(a), 0.01 - 0.02 * math.sin(a))
            clay.ball(where, (0.02, 0.02, 0.012), petal)
        clay.ball((0, 0, 0.02), 0.011, Skin((236, 200, 70)))


def broad(clay, rng, h, skins):
    """Grow a stem with big leaves: a rubber plant or a fig."""
    top = rng.uniform(0.35, 0.55)
    clay.tube(
        [(0, h, 0), (0.02, h + top * 0.5, 0), (-0.01, h + top, 0)],
        [0.016, 0.012, 0.008],
        Skin((110, 86, 60)),
    )
    for k in range(int(rng.integers(12, 20))):
        a, y = 2.4 * k, h + top * (0.12 + 0.88 * k / 18)
        leaf(
            clay,
            (0, y, 0),
            (math.cos(a), 0.7, math.sin(a)),
            rng.uniform(0.22, 0.32),
            rng.uniform(0.05, 0.075),
            skins[rng.integers(3)],
            0.55,
        )


def spikes(clay, rng, h, skins):
    """Raise stiff swords from the pot: a snake plant, an aloe or a yucca."""
    for _ in range(int(rng.integers(12, 22))):
        a = rng.uniform(0, 2 * math.pi)
        lean = rng.uniform(0.1, 0.55)
        leaf(
            clay,
            (0.07 * math.cos(a), h - 0.01, 0.07 * math.sin(a)),
            (lean * math.cos(a), 1, lean * math.sin(a)),
            rng.uniform(0.35, 0.62),
            rng.uniform(0.022, 0.036),
            skins[rng.integers(3)],
            0.05,
        )


def draw_pottedplant(pen, rng):
    """Draw a plant in a pot: fern, leafy bush, flowers, broad leaves or swords."""
    clay, skins = Clay(rng), greens(rng)
    h = pot(clay, rng)
    kind = rng.choice(["fern", "bush", "flowers", "broad", "spikes"])
    if kind == "flowers":
        colour = tint(
            rng,
            [(216, 50, 60), (236, 120, 160), (244, 240, 236), (150, 80, 180), (240, 170, 50)][
                rng.integers(5)
            ],
            8,
        )
        bush(clay, rng, h, skins, colour)
    else:
        {"fern": fern, "bush": bush, "broad": broad, "spikes": spikes}[str(kind)](
            clay, rng, h, skins
        )
    return clay.draw(pen, yaw=rng.uniform(0, 360), pitch=rng.uniform(6, 26))


def draw_sofa(pen, rng):
    """Draw a sofa of two or three seats: boxy, low on metal feet, or round-armed, with cushions."""
    clay, cover = Clay(rng), fabric(rng)
    seats = int(rng.integers(2, 4))
    half, arm = 0.24 * seats, rng.uniform(0.07, 0.13)
    back, rise = rng.uniform(0.36, 0.48), rng.uniform(0.22, 0.30)
    feet = METAL if rng.random() < 0.4 else wood(rng)
    frame_legs(clay, feet, half + arm - 0.03, 0.24, 0.09, 0.018)
    clay.cushion((-half - 0.02, 0.06, -0.26), (half + 0.02, 0.17, 0.26), cover, 0.2)
    clay.cushion((-half, 0.1, -0.28), (half, back, -0.16), cover, 0.3)
    for s in (-1, 1):
        x = s * (half + arm / 2)
        clay.cushion((x - arm / 2, 0.06, -0.27), (x + arm / 2, rise, 0.26), cover, 0.3)
        if arm > 0.10:
            clay.cone((x, rise, -0.24), (x, rise, 0.24), arm * 0.56, arm * 0.56, cover, steps=60)
    step = 2 * half / seats
    for k in range(seats):
        x0 = -half + k * step + 0.006
        clay.cushion((x0, 0.16, -0.18), (x0 + step - 0.012, 0.245, 0.265), cover, 0.4)
        with clay.at((0, 0.235, -0.17), roll=-8):
            clay.cushion((x0, 0, 0), (x0 + step - 0.012, back - 0.17, 0.10), cover, 0.42)
    for _ in range(int(rng.integers(0, 4))):
        throw = fabric(rng)
        with clay.at(
            (rng.uniform(-half * 0.75, half * 0.75), 0.245, -0.02),
            roll=-22,
            yaw=rng.uniform(-25, 25),
        ):
            clay.ball((0, 0.095, 0), (0.105, 0.10, 0.045), throw)
            clay.cushion((-0.095, 0.005, -0.02), (0.095, 0.185, 0.02), throw, 0.45)
    return clay.draw(pen, yaw=rng.choice([-1, 1]) * rng.uniform(0, 45), pitch=rng.uniform(8, 24))


def picture(rng):
    """Return a painter of something on a screen: a landscape, a football pitch, a desktop, news."""
    kind = rng.choice(["hills", "pitch", "desktop", "news", "sea"])
    wave, spots = noise3(rng, 5), noise3(rng, 12)
    a, b, c = (np.array(tint(rng, k, 20)) for k in ((110, 170, 230), (70, 130, 60), (220, 120, 60)))

    def paint(u, v, p):
        sky = a + (255 - a) * np.clip(v, 0, 1)[:, None] * 0.5
        if kind == "hills":
            return np.where((v < 0.45 + 0.25 * wave(p))[:, None], b * (0.8 + 0.5 * v)[:, None], sky)
        if kind == "pitch":
            green = np.where(np.sin(u * 30) > 0, 1.0, 0.85)[:, None] * np.array([60, 140, 56])
            line = (abs(u - 0.5) < 0.008) | (abs(np.hypot(u - 0.5, (v - 0.4) * 0.8) - 0.15) < 0.008)
            crowd = np.array([120, 110, 120]) * (1 + 0.7 * spots(p * 4))[:, None]
            return np.where((v > 0.8)[:, None], crowd, np.where(line[:, None], 240.0, green))
        if kind == "desktop":
            box = (u > 0.2) & (u < 0.8) & (v > 0.2) & (v < 0.85)
            text = (
                (np.sin(v * 110) > 0.2)
                & (u > 0.24)
                & (u < 0.5 + 0.25 * wave(p * 3))
                & (v < 0.75)
                & box
            )
            out = np.where(box[:, None], 244.0, np.array([40, 90, 150]) + 60 * v[:, None])
            out = np.where((box & (v > 0.78))[:, None], np.array([90, 130, 190]), out)
            return np.where(text[:, None], 70.0, np.where((v < 0.07)[:, None], 50.0, out))
        if kind == "news":
            face = np.hypot((u - 0.5) * 1.5, v - 0.62) < 0.16
            suit = (np.hypot((u - 0.5) * 1.2, v - 0.1) < 0.34) & (v > 0.16)
            out = np.where(
                suit[:, None],
                np.array([40, 46, 70]),
                np.array([60, 100, 160]) * (1 + 0.3 * wave(p))[:, None],
            )
            out = np.where(face[:, None], np.array([220, 172, 140]), out)
            return np.where((v < 0.16)[:, None], np.array([190, 40, 44]), out)
        sun = np.hypot(u - 0.6, v - 0.6) < 0.1
        sea = np.array([40, 90, 140]) * (1 + 0.3 * np.sin(90 * v + 5 * wave(p * 2)))[:, None]
        return np.where(
            (v < 0.45)[:, None],
            sea,
            np.where(sun[:, None], np.array([255, 240, 200]), c + 90 * (v[:, None] - 0.5)),
        )

    return paint


def screen(rng, low, high, on):
    """Return a glowing screen between two corners (x, y), or a dark one with a reflection."""
    art = picture(rng)
    (x0, y0), (x1, y1) = low, high

    def paint(p):
        u, v = (p[:, 0] - x0) / (x1 - x0), (p[:, 1] - y0) / (y1 - y0)
        if on:
            return art(u, v, p)
        gleam = np.clip(1 - abs(u - 0.75 + 0.3 * v) * 6, 0, 1)[:, None]
        return np.array([26, 28, 34]) + 60 * gleam + 26 * v[:, None]

    return Skin((30, 30, 36), glow=0.85 if on else 0.5, rough=0, paint=paint)


def flat_screen(clay, rng):
    """Model a flat television or a computer monitor on its stand."""
    w, h = (0.5, 0.3) if rng.random() < 0.65 else (0.46, 0.36)
    case = Skin((24, 24, 27) if rng.random() < 0.7 else (206, 206, 204), gloss=0.4)
    foot, rim = rng.uniform(0.06, 0.15), rng.uniform(0.014, 0.03)
    clay.box((-w, foot, -0.03), (w, foot + 2 * h, 0.02), case)
    lit = screen(rng, (-w + rim, foot + rim), (w - rim, foot + 2 * h - rim), rng.random() < 0.85)
    z = 0.0215
    clay.panel(
        [
            (-w + rim, foot + rim * 1.3, z),
            (w - rim, foot + rim * 1.3, z),
            (w - rim, foot + 2 * h - rim, z),
            (-w + rim, foot + 2 * h - rim, z),
        ],
        lit,
    )
    clay.box((-0.05, 0.01, -0.05), (0.05, foot + 0.1, -0.03), case)
    clay.box((-0.22, 0, -0.13), (0.22, 0.02, 0.11), case)
    clay.ball((w - 0.05, foot + rim * 0.6, z), 0.006, Skin((90, 220, 110), glow=1))
    if rng.random() < 0.35:
        keyboard(clay, rng)


def keyboard(clay, rng):
    """Lay a keyboard and a mouse in front of a monitor."""
    body, key = Skin((46, 46, 50)), Skin((80, 80, 86))
    clay.box((-0.32, 0, 0.2), (0.22, 0.02, 0.38), body)
    for row in range(5):
        for k in range(14):
            x, z = -0.31 + k * 0.0375, 0.212 + row * 0.033
            clay.box((x, 0.02, z), (x + 0.031, 0.03, z + 0.026), key)
    clay.ball((0.34, 0.015, 0.3), (0.035, 0.022, 0.055), body)


def old_set(clay, rng):
    """Model an old tube set: a deep box, a bulging screen, knobs and perhaps an aerial."""
    case = (
        wood(rng)
        if rng.random() < 0.5
        else Skin(
            tint(rng, [(60, 60, 64), (150, 150, 152), (40, 38, 40)][rng.integers(3)], 6), gloss=0.2
        )
    )
    clay.box((-0.48, 0.05, -0.3), (0.48, 0.78, 0.12), case)
    clay.box((-0.36, 0.14, -0.48), (0.36, 0.68, -0.3), Skin((40, 40, 42)))
    clay.box((-0.45, 0.08, 0.12), (0.45, 0.75, 0.135), Skin((30, 30, 32), gloss=0.3))
    right = 0.27
    lit = screen(rng, (-0.42, 0.13), (right, 0.71), rng.random() < 0.8)
    xs, ys = np.linspace(-0.42, right, 9), np.linspace(0.13, 0.71, 9)

    def bulge(x, y):
        return 0.14 + 0.035 * (1 - ((x + 0.075) / 0.36) ** 2) * (1 - ((y - 0.42) / 0.3) ** 2)

    for x, x2 in pairwise(xs):
        for y, y2 in pairwise(ys):
            clay.panel([(u, v, bulge(u, v)) for u, v in ((x, y), (x2, y), (x2, y2), (x, y2))], lit)
    for y in (0.64, 0.52):
        clay.ball((0.36, y, 0.145), (0.042, 0.042, 0.025), METAL)
    for y in np.linspace(0.16, 0.38, 8):
        clay.box((0.31, y, 0.136), (0.42, y + 0.012, 0.142), Skin((80, 80, 82)))
    frame_legs(clay, case, 0.42, 0.1, 0.06, 0.02)
    if rng.random() < 0.55:
        for s in (-1, 1):
            clay.cone((0, 0.78, -0.1), (s * 0.3, 1.12, -0.1), 0.008, 0.005, METAL, steps=60)


def draw_tvmonitor(pen, rng):
    """Draw a flat television, a computer monitor or an old tube set, mostly switched on."""
    clay = Clay(rng)
    (flat_screen if rng.random() < 0.65 else old_set)(clay, rng)
    return clay.draw(pen, yaw=rng.choice([-1, 1]) * rng.uniform(0, 38), pitch=rng.uniform(3, 16))


DRAW = {"pottedplant": draw_pottedplant, "sofa": draw_sofa, "tvmonitor": draw_tvmonitor}
