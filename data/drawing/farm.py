"""Horse, cow and sheep, modelled in clay; also the four-legged frame that cat and dog share."""

from __future__ import annotations

import math

import numpy as np

from .clay import Clay, Skin, noise3

BLACK = Skin((14, 12, 12), gloss=0.9)
WHITE = Skin((245, 245, 240), gloss=0.4)


def tint(rng, colour, spread=10):
    """Return the colour a little lighter, darker, warmer or cooler."""
    return tuple(
        np.clip(np.array(colour) + rng.normal(0, spread, 3) * 0.4 + rng.normal(0, spread), 5, 250)
    )


def eye(clay, where, size, iris=(60, 35, 15), slit=None, out=1):
    """Set a glossy eye with an iris and a pupil, looking along local z times `out`."""
    x, y, z = where
    clay.ball(where, (size * 1.28, size * 1.05, size * 0.75), Skin((20, 16, 14)))
    dome = (size * 1.08, size * 0.92, size * 0.72)
    clay.ball((x, y, z + out * size * 0.16), dome, Skin(iris, gloss=1.0, rough=0))
    pupil = (size * 0.24, size * 0.75, size * 0.3) if slit else (size * 0.6, size * 0.6, size * 0.3)
    clay.ball((x, y, z + out * size * 0.64), pupil, BLACK)
    spark = (x - size * 0.3, y + size * 0.35, z + out * size * 0.86)
    clay.ball(spark, size * 0.2, Skin((255, 255, 255), glow=1, rough=0))


def bent(start, lengths, angles, z):
    """Return the joints of a leg: each bone hangs at its angle (degrees, 0 down, + forward)."""
    points = [(start[0], start[1], z[0])]
    for i, (bone, angle) in enumerate(zip(lengths, angles, strict=True)):
        x, y, _ = points[-1]
        a = math.radians(angle)
        points.append((x + bone * math.sin(a), y - bone * math.cos(a), z[min(i + 1, len(z) - 1)]))
    return points


def strides(rng, pose):
    """Return the swing in degrees of fore-left, fore-right, hind-left, hind-right."""
    if pose == "walk":
        a = rng.uniform(12, 24)
        return a, -a, -a * 0.8, a * 0.8
    if pose == "run":
        return 50, 25, -45, -20
    return tuple(rng.uniform(-6, 6, 4))


def lines_up(legs, joints):
    """Return how far the lowest foot hangs below zero."""
    return min(p[1] for p in joints + legs)


def horse_head(clay, coat, nose, blaze):
    """Model a horse's head along local x from the poll to the muzzle."""
    clay.tube(
        [(-0.02, 0, 0), (0.12, -0.01, 0), (0.26, -0.02, 0), (0.40, -0.035, 0)],
        [0.105, 0.108, 0.075, 0.066],
        coat,
        wide=0.72,
    )
    clay.ball((0.07, -0.055, 0), (0.12, 0.095, 0.074), coat)
    clay.ball((0.415, -0.045, 0), (0.058, 0.066, 0.058), nose)
    clay.ball((0.40, -0.095, 0), (0.045, 0.024, 0.04), nose)
    if blaze:
        clay.tube(
            [(0.08, 0.098, 0), (0.22, 0.068, 0), (0.38, 0.03, 0)],
            [0.018, 0.022, 0.02],
            Skin((238, 234, 228), fur=0.01),
            wide=1.3,
        )
    for s in (-1, 1):
        clay.ball((0.448, -0.025, s * 0.038), (0.013, 0.02, 0.012), Skin((25, 18, 18)))
        clay.ball((0.135, 0.055, s * 0.062), (0.034, 0.014, 0.014), coat)
        eye(clay, (0.135, 0.035, s * 0.068), 0.019, out=s)
        clay.tube(
            [(-0.03, 0.08, s * 0.045), (-0.02, 0.14, s * 0.06), (0.0, 0.205, s * 0.05)],
            [0.026, 0.034, 0.006],
            coat,
            wide=0.6,
        )
        clay.tube(
            [(0.0, 0.10, s * 0.06), (0.005, 0.14, s * 0.068), (0.005, 0.18, s * 0.055)],
            [0.01, 0.018, 0.004],
            nose,
            wide=0.5,
        )


def horse_leg(clay, joints, radii, coat, sock, hoof):
    """Model a horse's leg: upper bones in the coat, a sock, the hoof."""
    clay.tube(joints[:-1], radii, coat)
    clay.tube(joints[-3:-1], [radii[-1] * 0.98, radii[-1] * 1.12], sock)
    (x, y, z), (u, v, _) = joints[-2], joints[-1]
    clay.cone((x, y, z), (u, v, z), 0.034, 0.05, hoof, steps=14)


HORSES = [
    ((110, 62, 34), (28, 20, 16)),
    ((60, 38, 26), (20, 16, 14)),
    ((165, 105, 60), (225, 195, 150)),
    ((205, 200, 195), (170, 168, 165)),
    ((40, 36, 36), (22, 20, 20)),
    ((150, 88, 46), (140, 80, 42)),
    ((190, 150, 100), (50, 38, 28)),
]


def draw_horse(pen, rng, view=None):
    """Draw a horse: standing, walking, trotting or grazing, or its head and neck."""
    view = view or rng.choice(
        ["stand", "walk", "run", "graze", "head", "turned"], p=[0.2, 0.2, 0.15, 0.15, 0.15, 0.15]
    )
    base, hair = HORSES[rng.integers(len(HORSES))]
    base = tint(rng, base)
    dapple = noise3(rng, 14) if rng.random() < 0.3 else noise3(rng, 2)

    def paint(p):
        light = 1 + 0.1 * dapple(p) - 0.2 * np.clip((0.45 - p[:, 1]) * 2, 0, 1)
        return np.array(base) * light[:, None]

    coat = Skin(base, fur=0.016, thick=0.003, contrast=0.08, gloss=0.12, paint=paint, wild=0.15)
    mane = Skin(hair, fur=0.10, thick=0.004, contrast=0.3, wild=0.16)
    nose = Skin(tuple(np.array(base) * 0.55), rough=0.15)
    sock = (
        Skin((230, 226, 220), fur=0.012, thick=0.003)
        if rng.random() < 0.4
        else Skin(tuple(np.array(base) * 0.5), fur=0.012, thick=0.003)
    )
    hoof = Skin((58, 48, 40), gloss=0.2)
    clay = Clay(rng)
    down = view == "graze"
    poll = (
        (0.93, 0.42, 0.0)
        if down
        else (0.80 + rng.uniform(-0.05, 0.05), 1.30 + rng.uniform(-0.1, 0.06), 0)
    )
    look = rng.uniform(-20, 30) if view in ("head", "turned") else rng.uniform(-15, 15)
    horse_neck(clay, coat, mane, poll, down)
    with clay.at(poll, yaw=look, pitch=rng.uniform(-66, -52) if down else rng.uniform(-52, -32)):
        horse_head(clay, coat, nose, rng.random() < 0.5)
        clay.tube(
            [(-0.05, 0.11, 0), (0.05, 0.115, 0), (0.13, 0.09, 0.01)], [0.035, 0.03, 0.012], mane
        )
    horse_body(clay, rng, coat, mane, view)
    if view == "head":
        clay.floor = rng.uniform(0.52, 0.75)
        clay.balls = [b for b in clay.balls if b[0][0] > 0]  # the rest is out of sight
        return clay.draw(pen, yaw=rng.uniform(-78, -46), pitch=rng.uniform(0, 6), shadow=0)
    horse_legs(clay, rng, (coat, sock, hoof), view)
    yaw = rng.choice([-1, 1]) * rng.uniform(28, 60) if view == "turned" else rng.uniform(-22, 22)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(3, 12))


def horse_neck(clay, coat, mane, poll, down):
    """Model the neck from the poll back to the withers, and the mane along its crest."""
    x, y, _ = poll
    mid = (0.72, 0.66, 0) if down else (x - 0.17, y - 0.20, 0)
    clay.tube(
        [(x - 0.01, y - 0.02, 0), mid, (0.43, 0.86, 0), (0.28, 0.80, 0)],
        [0.095, 0.135, 0.20, 0.22],
        coat,
        wide=[0.62, 0.6, 0.75, 0.8],
    )
    for s in (-0.045, 0, 0.045):
        clay.tube(
            [(x - 0.05, y + 0.08, s), (mid[0] - 0.09, mid[1] + 0.13, s), (0.34, 1.03, s)],
            [0.03, 0.035, 0.02],
            mane,
        )
    n = len(clay.balls)
    flow = (-0.35, -1, 0.1)
    for i in range(n - 140, n):  # the mane hangs: its hair does not follow the crest
        c, m, s, _ = clay.balls[i]
        if clay.skins[s] is mane:
            clay.balls[i] = (c, m, s, np.array(flow))


def horse_body(clay, rng, coat, mane, view):
    """Model the barrel, the chest, the quarters and the tail."""
    clay.tube(
        [(0.44, 0.80, 0), (0.22, 0.80, 0), (-0.05, 0.77, 0), (-0.30, 0.80, 0), (-0.47, 0.82, 0)],
        [0.19, 0.225, 0.225, 0.21, 0.175],
        coat,
        wide=[0.75, 0.85, 0.98, 0.92, 0.8],
    )
    clay.ball((0.27, 0.93, 0), (0.16, 0.10, 0.07), coat)
    for s in (-1, 1):
        clay.ball((0.34, 0.74, s * 0.10), (0.13, 0.2, 0.09), coat, pitch=-20)
        clay.ball((-0.42, 0.78, s * 0.09), (0.17, 0.2, 0.11), coat, pitch=15)
    lift = 0.16 if view == "run" else 0.02
    clay.tube(
        [
            (-0.60, 0.92, 0),
            (-0.70 - lift, 0.84 + lift, 0),
            (-0.74 - lift * 1.6, 0.60 + lift, 0),
            (-0.73 - lift * 2, 0.34 + lift, 0),
        ],
        [0.03, 0.045, 0.055, 0.02],
        mane,
    )


def horse_legs(clay, rng, skins, view):
    """Model four jointed legs in step."""
    swing = strides(rng, "walk" if view == "turned" and rng.random() < 0.5 else view)
    for i, z in enumerate((0.10, -0.10)):
        a = swing[i]
        fold = -abs(a) * 1.6 if (view == "run" or a < -10) else 0
        joints = bent(
            (0.36, 0.68), [0.26, 0.26, 0.10, 0.06], [a, a * 0.6 + fold, a + 18 + fold, 12], [z]
        )
        horse_leg(clay, joints, [0.095, 0.062, 0.045, 0.034, 0.036], *skins)
        a = swing[2 + i]
        joints = bent(
            (-0.44, 0.72),
            [0.24, 0.22, 0.24, 0.07, 0.05],
            [20 + a, -32 + a, 4 + a * 0.9, 25, 12],
            [z],
        )
        horse_leg(clay, joints, [0.15, 0.085, 0.05, 0.034, 0.037], *skins)


def cow_head(clay, coat, blaze, horn, nose):
    """Model a cow's head along local x: broad brow, ears out sideways, wide wet muzzle."""
    clay.tube(
        [(-0.02, 0, 0), (0.12, -0.005, 0), (0.25, -0.02, 0), (0.36, -0.03, 0)],
        [0.125, 0.118, 0.094, 0.092],
        coat,
        wide=[1.0, 0.95, 0.85, 0.95],
    )
    clay.tube(
        [(0.02, 0.075, 0), (0.15, 0.067, 0), (0.30, 0.02, 0)], [0.06, 0.055, 0.06], blaze, wide=0.9
    )
    clay.ball((0.37, -0.035, 0), (0.075, 0.085, 0.098), nose)
    clay.ball((0.35, -0.105, 0), (0.07, 0.03, 0.06), blaze)
    for s in (-1, 1):
        clay.ball((0.435, -0.01, s * 0.05), (0.014, 0.02, 0.018), Skin((40, 24, 24)))
        clay.ball((0.13, 0.05, s * 0.095), (0.035, 0.018, 0.02), coat)
        eye(clay, (0.135, 0.03, s * 0.103), 0.02, out=s)
        clay.tube(
            [(-0.02, 0.03, s * 0.10), (-0.04, 0.035, s * 0.18), (-0.05, 0.005, s * 0.27)],
            [0.028, 0.055, 0.018],
            coat,
            deep=0.5,
        )
        clay.tube(
            [(0.0, 0.03, s * 0.13), (-0.012, 0.028, s * 0.18), (-0.03, 0.005, s * 0.24)],
            [0.015, 0.036, 0.01],
            Skin((190, 140, 125), fur=0.02),
            deep=0.4,
        )
        if horn:
            clay.tube(
                [
                    (-0.04, 0.10, s * 0.06),
                    (-0.03, 0.15, s * 0.13),
                    (0.0, 0.19, s * 0.17),
                    (0.03, 0.26, s * 0.16),
                ],
                [0.03, 0.026, 0.018, 0.005],
                Skin((222, 208, 178), gloss=0.3),
            )


COWS = [
    ("patch", (24, 22, 22), (240, 237, 230)),
    ("patch", (130, 62, 36), (240, 234, 222)),
    ("patch", (150, 92, 52), (236, 226, 208)),
    ("plain", (148, 66, 38), (205, 170, 130)),
    ("plain", (196, 160, 112), (228, 208, 175)),
    ("patch", (30, 26, 26), (238, 236, 232)),
    ("plain", (222, 214, 198), (236, 228, 214)),
]


def cow_coat(rng):
    """Return the coat, the colour of the face's middle and the lower leg's skin."""
    kind, dark, light = COWS[rng.integers(len(COWS))]
    dark, light = np.array(tint(rng, dark, 7)), np.array(tint(rng, light, 4))
    spots, level = noise3(rng, rng.uniform(3, 4.6)), rng.uniform(-0.15, 0.12)

    def paint(p):
        if kind == "patch":
            on = np.clip((spots(p) - level) * 25 + 0.5, 0, 1) * (p[:, 1] > 0.38)
        else:
            on = np.clip((p[:, 1] - 0.3) * 3, 0.3, 1)
        return dark * on[:, None] + light * (1 - on[:, None])

    coat = Skin(dark, fur=0.022, thick=0.004, contrast=0.1, paint=paint)
    face = Skin(dark, fur=0.02, thick=0.004, contrast=0.1)
    pale = kind == "patch" or rng.random() < 0.5  # a white face
    blaze = Skin(
        tint(rng, (238, 230, 218), 4) if pale else dark, fur=0.02, thick=0.004, contrast=0.1
    )
    legs = Skin(dark, fur=0.015, thick=0.004, contrast=0.1, paint=paint)
    return coat, face, blaze, legs


def draw_cow(pen, rng, view=None):
    """Draw a cow: standing, walking, grazing, lying, or its face."""
    view = view or rng.choice(
        ["stand", "walk", "graze", "lie", "face", "turned"], p=[0.22, 0.18, 0.15, 0.12, 0.15, 0.18]
    )
    coat, face, blaze, legs = cow_coat(rng)
    pink = rng.random() < 0.6
    nose = Skin((200, 150, 140) if pink else (60, 50, 50), gloss=0.25)
    clay = Clay(rng)
    drop = 0.24 if view == "lie" else 0
    down = view == "graze"
    poll = (0.98, 0.36, 0) if down else (0.86, 1.03 + rng.uniform(-0.08, 0.08), 0)
    clay.tube(
        [(poll[0], poll[1] - 0.03, 0), (0.74, 0.62 if down else 0.90, 0), (0.50, 0.80, 0)],
        [0.125, 0.18, 0.26],
        coat,
        wide=0.68,
    )
    clay.tube(
        [(poll[0] - 0.06, poll[1] - 0.16, 0), (0.66, 0.60, 0), (0.54, 0.50, 0)],
        [0.05, 0.09, 0.06],
        coat,
        wide=0.4,
    )
    look = rng.uniform(-25, 25) + (0 if view in ("face", "turned") else rng.choice([0, -60]))
    if rng.random() < 0.5 and view in ("stand", "walk", "lie"):
        look = -75
    tilt = rng.uniform(-60, -45) if down else rng.uniform(-42, -25)
    with clay.at(poll, yaw=look, pitch=tilt, scale=1.18):
        cow_head(clay, face, blaze, rng.random() < 0.65, nose)
        ear_tags(clay, rng)
    cow_body(clay, coat, legs)
    if view == "face":
        clay.floor = rng.uniform(0.44, 0.56)
        clay.balls = [b for b in clay.balls if b[0][0] > 0]  # the rest is out of sight
        return clay.draw(pen, yaw=rng.uniform(-95, -55), pitch=rng.uniform(0, 8), shadow=0)
    if view == "lie":
        cow_folded(clay, coat, legs)
    else:
        cow_legs(clay, rng, coat, legs, view)
    yaw = rng.choice([-1, 1]) * rng.uniform(25, 60) if view == "turned" else rng.uniform(-20, 20)
    return clay.draw(pen, yaw=yaw - (20 if drop else 0), pitch=rng.uniform(4, 14))


def ear_tags(clay, rng):
    """Hang the yellow tags that farm cattle wear in their ears."""
    if rng.random() < 0.5:
        for s in (-1, 1):
            clay.ball((-0.015, -0.01, s * 0.20), (0.008, 0.028, 0.024), Skin((236, 200, 50)))


def cow_body(clay, coat, tuft):
    """Model the long square barrel, hip bones, udder and tail."""
    clay.tube(
        [(0.56, 0.74, 0), (0.36, 0.71, 0), (0.0, 0.67, 0), (-0.35, 0.70, 0), (-0.58, 0.76, 0)],
        [0.25, 0.31, 0.335, 0.30, 0.22],
        coat,
        wide=[0.75, 0.8, 0.95, 0.9, 0.75],
    )
    clay.tube(
        [(0.5, 0.95, 0), (0.1, 0.945, 0), (-0.5, 0.955, 0)], [0.06, 0.05, 0.06], coat, wide=1.6
    )
    for s in (-1, 1):
        clay.ball((-0.42, 0.91, s * 0.14), (0.1, 0.06, 0.05), coat)
        clay.ball((-0.52, 0.72, s * 0.10), (0.15, 0.22, 0.11), coat)
        clay.ball((0.45, 0.68, s * 0.12), (0.13, 0.22, 0.1), coat)
    udder = Skin((222, 170, 155))
    clay.ball((-0.36, 0.38, 0.03), (0.14, 0.11, 0.15), udder)
    for dx in (-0.05, 0.04):
        clay.cone((-0.34 + dx, 0.31, 0.10), (-0.34 + dx, 0.24, 0.10), 0.02, 0.012, udder, steps=8)
    clay.tube(
        [(-0.74, 0.94, 0), (-0.80, 0.84, 0.01), (-0.80, 0.5, 0.02)], [0.03, 0.022, 0.018], coat
    )
    brush = Skin(tuft.colour, fur=0.06, thick=0.005, contrast=0.25)
    clay.tube(
        [(-0.80, 0.5, 0.02), (-0.80, 0.42, 0.02), (-0.79, 0.32, 0.02)], [0.018, 0.04, 0.015], brush
    )


def cow_legs(clay, rng, coat, low, view):
    """Model four sturdy legs with cloven hooves."""
    swing = strides(rng, view if view != "turned" else "stand")
    for i, z in enumerate((0.14, -0.14)):
        a = swing[i] * 0.7
        fore = bent((0.46, 0.58), [0.24, 0.22, 0.06], [a, a * 0.3 - max(0, -a) * 1.2, a + 10], [z])
        hind = bent(
            (-0.52, 0.66),
            [0.18, 0.19, 0.22, 0.06],
            [18 + swing[2 + i], -30 + swing[2 + i], swing[2 + i] * 0.6 + 4, 12],
            [z],
        )
        for joints, top in ((fore, 0.10), (hind, 0.16)):
            n = len(joints)
            clay.tube(joints[: n - 2], [top, 0.06], coat)
            clay.tube(joints[n - 3 :], [0.062, 0.055, 0.044, 0.048][-4:], low)
            x, y, _ = joints[-1]
            for dz in (-0.024, 0.024):
                clay.ball(
                    (x + 0.02, y - 0.015, z + dz),
                    (0.055, 0.038, 0.024),
                    Skin((52, 44, 38), gloss=0.2),
                )


def cow_folded(clay, coat, low):
    """Fold the legs of a lying cow: knees out in front, hocks beside the belly."""
    for s in (-1, 1):
        clay.tube(
            [(0.5, 0.52, s * 0.18), (0.66, 0.44, s * 0.2), (0.44, 0.42, s * 0.22)],
            [0.1, 0.065, 0.05],
            low,
        )
        clay.tube(
            [
                (-0.5, 0.6, s * 0.2),
                (-0.28, 0.50, s * 0.26),
                (-0.5, 0.43, s * 0.28),
                (-0.3, 0.42, s * 0.3),
            ],
            [0.16, 0.10, 0.055, 0.05],
            coat,
        )


def draw_sheep(pen, rng, view=None):
    """Draw a sheep: standing, walking, grazing, lying, seen from the front, or its face."""
    view = view or rng.choice(
        ["stand", "walk", "graze", "lie", "front", "face"], p=[0.22, 0.18, 0.2, 0.12, 0.18, 0.1]
    )
    fleece = tint(
        rng,
        [(232, 224, 206), (214, 202, 180), (240, 236, 226), (96, 76, 62)][
            rng.choice(4, p=[0.38, 0.25, 0.27, 0.1])
        ],
        6,
    )
    dark = rng.random() < 0.45
    face = Skin(
        tint(rng, (38, 34, 34), 4) if dark else tint(rng, (226, 212, 196), 6),
        fur=0.012,
        thick=0.004,
    )
    crimp = noise3(rng, 22)
    curl = noise3(rng, 9)

    def paint(p):
        return np.array(fleece) * (0.93 + 0.12 * crimp(p) + 0.09 * curl(p))[:, None]

    wool = Skin(fleece, fur=0.032, thick=0.008, contrast=0.09, wild=2.5, paint=paint, rough=0.1)
    clay = Clay(rng)
    down = view == "graze"
    poll = (0.70, 0.24, 0) if down else (0.58, 0.90 + rng.uniform(-0.06, 0.06), 0)
    sheep_wool(clay, rng, wool, poll, down)
    turned = rng.choice([0, -70], p=[0.6, 0.4]) if view in ("stand", "lie", "walk") else 0
    with clay.at(
        poll, yaw=turned + rng.uniform(-15, 15), pitch=-65 if down else rng.uniform(-45, -28)
    ):
        sheep_head(clay, rng, face, wool, rng.random() < 0.22)
    if view == "face":
        clay.floor = rng.uniform(0.45, 0.62)
        return clay.draw(pen, yaw=rng.uniform(-95, -60), pitch=4, shadow=0)
    if view != "lie":
        sheep_legs(clay, rng, face, view)
    else:
        for s in (-1, 1):
            clay.tube(
                [(0.32, 0.36, s * 0.16), (0.46, 0.31, s * 0.17), (0.28, 0.28, s * 0.18)],
                [0.07, 0.05, 0.04],
                face,
            )
    yaw = rng.uniform(-75, -40) if view == "front" else rng.uniform(-25, 25)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(4, 14))


def sheep_wool(clay, rng, wool, poll, down):
    """Heap tufts of wool into a round body and a woolly neck."""
    x, y, _ = poll
    clay.tube(
        [(x - 0.06, y - 0.02, 0), (0.46, 0.52 if down else 0.76, 0), (0.3, 0.62, 0)],
        [0.12, 0.19, 0.26],
        wool,
        wide=0.85,
    )
    clay.tube(
        [(0.34, 0.60, 0), (0.1, 0.60, 0), (-0.2, 0.60, 0), (-0.38, 0.60, 0)],
        [0.25, 0.29, 0.30, 0.25],
        wool,
        wide=0.92,
    )
    for _ in range(150):
        a, b = rng.uniform(-0.5, 0.44), rng.uniform(0, 2 * math.pi)
        ring = 0.29 * math.sqrt(max(0.1, 1 - (abs(a + 0.03) / 0.58) ** 4))
        r = rng.uniform(0.04, 0.075)
        clay.ball(
            (a, 0.60 + ring * math.sin(b), 0.92 * ring * math.cos(b)),
            r,
            wool,
            flow=rng.normal(0, 1, 3),
        )
    clay.ball((-0.60, 0.62, 0), (0.06, 0.14, 0.07), wool)


def sheep_head(clay, rng, face, wool, horned):
    """Model a narrow bare face between ears that hang sideways, under a cap of wool."""
    clay.tube(
        [(-0.02, 0, 0), (0.10, 0, 0), (0.20, -0.02, 0), (0.29, -0.035, 0)],
        [0.098, 0.098, 0.068, 0.052],
        face,
        wide=[0.9, 0.85, 0.8, 0.85],
    )
    clay.ball((-0.05, 0.07, 0), (0.09, 0.075, 0.09), wool, flow=(0.5, 0.5, 0))
    nose = Skin((70, 48, 48) if face.colour[0] > 100 else (20, 18, 18))
    for s in (-1, 1):
        clay.ball((0.325, -0.015, s * 0.018), (0.012, 0.008, 0.012), nose)
        clay.tube(
            [(0.335, -0.03, 0), (0.325, -0.055, s * 0.015), (0.30, -0.06, s * 0.035)],
            [0.006, 0.006, 0.004],
            nose,
        )
        eye(clay, (0.115, 0.035, s * 0.072), 0.018, iris=(190, 150, 70), out=s)
        clay.tube(
            [(-0.01, 0.02, s * 0.08), (-0.02, 0.02, s * 0.15), (-0.01, -0.02, s * 0.23)],
            [0.022, 0.042, 0.012],
            face,
            deep=0.5,
        )
        if horned:
            t = np.linspace(0, 5.2, 10)
            spiral = [
                (
                    -0.03 - 0.12 * math.sin(k) * (1 - k / 9),
                    0.03 + 0.11 * math.cos(k) * (1 - k / 9),
                    s * (0.09 + 0.025 * k),
                )
                for k in t
            ]
            clay.tube(spiral, [0.05, 0.04, 0.01], Skin((172, 150, 115), gloss=0.15, rough=0.25))


def sheep_legs(clay, rng, face, view):
    """Model four thin bare legs."""
    swing = strides(rng, "walk" if view == "walk" else "stand")
    for i, z in enumerate((0.13, -0.13)):
        fore = bent((0.30, 0.42), [0.16, 0.17, 0.05], [swing[i], swing[i] * 0.3, 10], [z])
        hind = bent(
            (-0.36, 0.46),
            [0.10, 0.14, 0.14, 0.05],
            [15 + swing[2 + i], -25 + swing[2 + i], swing[2 + i], 10],
            [z],
        )
        for joints in (fore, hind):
            clay.tube(joints, [0.06, 0.04, 0.03, 0.032], face)
            x, y, _ = joints[-1]
            clay.ball((x + 0.015, y, z), (0.045, 0.035, 0.034), Skin((40, 34, 30)))


DRAW = {"cow": draw_cow, "horse": draw_horse, "sheep": draw_sheep}
