"""Cat, dog and bird, modelled in clay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clay import Clay, Skin, noise3
from .farm import BLACK, bent, eye, strides, tint


@dataclass
class Build:
    """The proportions of a four-legged pet; lengths against the distance from shoulder to hip."""

    leg: float
    chest: float
    waist: float
    bone: float
    neck: float
    head: float
    length: float = 0.7


def pet_coat(rng, base, light, pattern, fur, sitting=False):
    """Return the coat's skin: plain, tabby stripes, patches, a dark saddle, or white socks."""
    base, light = np.array(tint(rng, base, 8)), np.array(tint(rng, light, 5))
    warp, spots = noise3(rng, 4), noise3(rng, rng.uniform(3.5, 6))
    level, freq = rng.uniform(-0.2, 0.15), rng.uniform(42, 58)

    def paint(p):
        if pattern == "tabby":
            wave = np.sin(freq * (p[:, 0] + 0.5 * np.abs(p[:, 2])) + 5 * warp(p) + 3 * p[:, 1])
            dark = np.clip(wave * 1.6 - 0.35, 0, 1)[:, None]
            return base * (1 - 0.58 * dark)
        if pattern == "patch":
            on = np.clip((spots(p) - level) * 22 + 0.5, 0, 1)[:, None]
            return base * on + light * (1 - on)
        if pattern == "saddle":
            over = p[:, 1] - 0.50 if not sitting else 0.10 + 0.5 * (p[:, 1] - 0.45) - p[:, 0]
            on = np.clip((over + 0.1 * warp(p)) * 14, 0, 1) * np.clip((0.42 - p[:, 0]) * 9, 0, 1)
            return light * (1 - on[:, None]) + base * on[:, None]
        if pattern == "socks":
            on = np.clip((p[:, 1] - 0.16) * 30, 0, 1)[:, None]
            return base * on + light * (1 - on)
        return base * (1 + 0.07 * warp(p))[:, None]

    return Skin(base, fur=fur, thick=0.0035, contrast=0.14, paint=paint, wild=0.3), base, light


def pet_body(clay, b, coat, chest):
    """Model a standing body from chest to rump, and return the neck's root."""
    y, h = b.leg + b.chest * 0.65, b.length / 2
    clay.tube(
        [
            (h + 0.02, y + 0.01, 0),
            (h * 0.4, y, 0),
            (-h * 0.4, y + 0.03, 0),
            (-h - 0.02, y + 0.02, 0),
        ],
        [b.chest * 0.95, b.chest * 1.05, b.waist, b.waist * 1.05],
        coat,
        wide=0.78,
    )
    clay.ball((h + 0.05, y - 0.02, 0), (b.chest * 0.75, b.chest * 0.9, b.chest * 0.65), chest)
    for s in (-1, 1):
        clay.ball(
            (h - 0.02, y, s * b.chest * 0.5), (b.bone * 2, b.chest, b.bone * 1.2), coat, pitch=-15
        )
        clay.ball(
            (-h, y - 0.02, s * b.waist * 0.5), (b.bone * 2.6, b.waist * 1.15, b.bone * 1.5), coat
        )
    return h, y


def pet_legs(clay, rng, b, coat, paw, gait):
    """Model four jointed legs ending in paws with toes."""
    h, swing = b.length / 2, strides(rng, gait)
    n = b.leg
    for i, s in enumerate((1, -1)):
        z = [s * b.chest * 0.55]
        a = swing[i]
        fore = bent(
            (h, n + b.chest * 0.2),
            [n * 0.55, n * 0.47, n * 0.12],
            [a - 6, a * 0.5 + 2 - (25 if a < -10 else 0), a + 30],
            z,
        )
        clay.tube(fore, [b.bone * 1.5, b.bone * 1.05, b.bone * 0.85, b.bone * 0.85], coat)
        a = swing[2 + i]
        hind = bent(
            (-h - 0.01, n + b.waist * 0.3),
            [n * 0.42, n * 0.4, n * 0.38],
            [28 + a, -38 + a, 8 + a * 0.7],
            z,
        )
        clay.tube(hind, [b.bone * 2.6, b.bone * 1.7, b.bone * 0.9, b.bone * 0.85], coat)
        for leg in (fore, hind):
            foot(clay, leg[-1], b.bone, paw)


def foot(clay, where, bone, paw):
    """Model a paw: a pad and three toes."""
    x, y, z = where
    clay.ball((x + bone * 0.5, y, z), (bone * 1.4, bone * 0.85, bone * 1.1), paw)
    for dz in (-0.65, 0, 0.65):
        clay.ball(
            (x + bone * 1.5, y - bone * 0.15, z + dz * bone),
            (bone * 0.55, bone * 0.6, bone * 0.42),
            paw,
        )


def pet_sitting(clay, rng, b, coat, chest, paw):
    """Model a sitting body: rump low, back sloping up; return the neck's root."""
    top, n = b.leg + b.chest * 1.3, b.leg
    clay.tube(
        [(0.14, top, 0), (0.10, top * 0.75, 0), (-0.03, top * 0.48, 0), (-0.16, b.waist * 1.1, 0)],
        [b.chest * 0.72, b.chest * 1.05, b.waist * 1.3, b.waist * 1.25],
        coat,
        wide=0.85,
    )
    clay.tube(
        [(0.20, top * 0.93, 0), (0.20, top * 0.7, 0), (0.15, top * 0.5, 0)],
        [b.chest * 0.6, b.chest * 0.75, b.chest * 0.5],
        chest,
        wide=0.9,
    )
    for s in (-1, 1):
        z = s * b.chest * 0.5
        clay.tube(
            [(0.16, top * 0.72, z * 1.1), (0.19, n * 0.5, z), (0.22, b.bone, z)],
            [b.bone * 1.8, b.bone * 1.15, b.bone * 0.95],
            coat,
        )
        foot(clay, (0.23, b.bone * 0.9, z), b.bone, paw)
        zz = s * b.chest * 1.0
        clay.ball(
            (-0.08, b.waist * 1.15, zz * 0.8),
            (b.waist * 1.25, b.waist * 1.1, b.waist * 0.6),
            coat,
            pitch=25,
        )
        foot(clay, (0.09, b.bone * 0.8, zz * 1.25), b.bone * 1.05, paw)
    return 0.17, top


def pet_lying(clay, b, coat, chest, paw):
    """Model a body lying on its belly, forelegs stretched out; return the neck's root."""
    y, h = b.chest * 0.95, b.length / 2
    clay.tube(
        [(h, y + 0.06, 0), (h * 0.3, y, 0), (-h * 0.5, y * 0.95, 0), (-h, y * 0.85, 0)],
        [b.chest, b.chest * 1.08, b.waist * 1.15, b.waist * 1.05],
        coat,
        wide=0.95,
    )
    clay.ball((h + 0.06, y, 0), b.chest * 0.8, chest)
    for s in (-1, 1):
        z = s * b.chest * 0.7
        clay.tube(
            [(h - 0.02, y * 0.8, z), (h + 0.02, b.bone, z), (h + b.leg * 0.75, b.bone, z)],
            [b.bone * 1.6, b.bone * 1.1, b.bone * 0.9],
            coat,
        )
        foot(clay, (h + b.leg * 0.75, b.bone * 0.8, z), b.bone, paw)
        clay.ball(
            (-h * 0.8, y * 0.8, s * b.waist),
            (b.waist * 1.5, b.waist * 1.0, b.waist * 0.6),
            coat,
            pitch=20,
        )
        foot(clay, (-h * 0.45, b.bone * 0.8, s * b.waist * 1.6), b.bone * 1.05, paw)
    return h + 0.05, y + b.chest * 0.4


def cat_head(clay, rng, coat, light, r, iris):
    """Model a cat's face: round skull, upright ears, slit eyes, short muzzle, whiskers."""
    white = Skin(light, fur=r * 0.12, thick=0.003, contrast=0.06)
    pink = Skin((205, 130, 125) if rng.random() < 0.7 else (60, 42, 42), gloss=0.2)
    clay.ball((0, 0, 0), (r, r * 0.92, r * 1.06), coat, flow=(-0.6, 0.5, 0))
    for s in (-1, 1):
        clay.ball(
            (r * 0.25, -r * 0.35, s * r * 0.55),
            (r * 0.6, r * 0.45, r * 0.5),
            coat,
            flow=(-0.5, -0.3, s),
        )
        clay.tube(
            [
                (0, r * 0.5, s * r * 0.62),
                (-r * 0.02, r * 1.05, s * r * 0.72),
                (-r * 0.02, r * 1.58, s * r * 0.76),
            ],
            [r * 0.45, r * 0.30, r * 0.04],
            coat,
            deep=0.4,
            wide=0.85,
        )
        clay.tube(
            [
                (r * 0.14, r * 0.7, s * r * 0.62),
                (r * 0.09, r * 1.05, s * r * 0.70),
                (r * 0.04, r * 1.38, s * r * 0.75),
            ],
            [r * 0.24, r * 0.20, r * 0.02],
            Skin((214, 160, 150), fur=r * 0.12, thick=0.002),
            deep=0.3,
            wide=0.8,
        )
        clay.ball(
            (r * 0.88, -r * 0.36, s * r * 0.19),
            (r * 0.26, r * 0.2, r * 0.26),
            white,
            flow=(-0.3, -0.2, s),
        )
        with clay.at((r * 0.74, r * 0.12, s * r * 0.46), yaw=90 - 30 * s):
            eye(clay, (0, 0, 0), r * 0.21, iris=iris, slit=rng.random() < 0.65 or None)
            clay.tube(
                [
                    (-r * 0.26, -r * 0.02, r * 0.1),
                    (0, r * 0.24, r * 0.16),
                    (r * 0.26, r * 0.04, r * 0.1),
                ],
                [r * 0.03, r * 0.045, r * 0.03],
                coat,
            )
    clay.ball((r * 0.80, -r * 0.58, 0), (r * 0.2, r * 0.15, r * 0.24), white)
    clay.tube(
        [(r * 0.70, r * 0.25, 0), (r * 0.92, -r * 0.02, 0), (r * 1.04, -r * 0.2, 0)],
        [r * 0.2, r * 0.15, r * 0.12],
        coat,
    )
    clay.ball((r * 1.13, -r * 0.2, 0), (r * 0.07, r * 0.085, r * 0.13), pink)
    for s in (-1, 1):
        clay.tube(
            [
                (r * 1.14, -r * 0.29, 0),
                (r * 1.12, -r * 0.46, s * r * 0.04),
                (r * 0.98, -r * 0.54, s * r * 0.24),
            ],
            [r * 0.018, r * 0.022, r * 0.015],
            Skin((60, 35, 32)),
        )
        for k in range(4):
            up = (k - 1.2) * 0.16
            clay.tube(
                [
                    (r * 1.0, -r * (0.32 + 0.05 * k), s * r * 0.3),
                    (r * 1.05, r * (-0.32 + up * 0.6), s * r * 0.95),
                    (r * 0.85, r * (-0.42 + up * 1.2), s * r * 1.6),
                ],
                [r * 0.012, r * 0.005],
                Skin((238, 236, 230), glow=0.5),
                steps=24,
            )


CATS = [
    ((150, 118, 84), (232, 222, 205), "tabby"),
    ((205, 128, 62), (240, 226, 205), "tabby"),
    ((128, 126, 122), (236, 234, 230), "tabby"),
    ((34, 32, 34), (60, 56, 56), "plain"),
    ((40, 38, 40), (240, 238, 234), "patch"),
    ((208, 132, 66), (242, 238, 230), "patch"),
    ((128, 134, 142), (165, 170, 176), "plain"),
    ((238, 234, 226), (250, 246, 240), "plain"),
    ((60, 54, 50), (238, 236, 230), "socks"),
]


def draw_cat(pen, rng, view=None):
    """Draw a cat: sitting, standing, walking, lying, or its face."""
    view = view or rng.choice(["sit", "walk", "lie", "face"], p=[0.34, 0.16, 0.24, 0.26])
    base, light, pattern = CATS[rng.integers(len(CATS))]
    coat, base, light = pet_coat(rng, base, light, pattern, rng.choice([0.016, 0.022, 0.034]))
    iris = [(150, 165, 60), (200, 150, 40), (95, 150, 170), (110, 150, 80)][rng.integers(4)]
    light_fur = Skin(
        light if pattern != "tabby" or rng.random() < 0.4 else base,
        fur=0.03,
        thick=0.0035,
        contrast=0.1,
    )
    paw = Skin(light if pattern in ("patch", "socks") else base, fur=0.012, thick=0.0035)
    b = Build(leg=0.27, chest=0.125, waist=0.128, bone=0.031, neck=0.1, head=0.145, length=0.62)
    clay = Clay(rng)

    def tail(points):
        clay.tube(points, [0.034, 0.036, 0.034, 0.018], coat)

    if view in ("sit", "face"):
        x, y = pet_sitting(clay, rng, b, coat, light_fur, paw)
        tail([(-0.28, 0.06, 0.05), (-0.24, 0.045, 0.24), (0.02, 0.04, 0.30), (0.20, 0.04, 0.26)])
        yaw = rng.choice([-1, 1]) * rng.uniform(0, 40) - rng.choice([0, 55])
        if view == "face":
            clay.floor, yaw = y - rng.uniform(0.05, 0.2), rng.uniform(-115, -60)
    elif view == "walk":
        x, y = pet_body(clay, b, coat, light_fur)
        pet_legs(clay, rng, b, coat, paw, rng.choice(["walk", "stand"]))
        if rng.random() < 0.6:
            tail([(-0.36, 0.42, 0), (-0.46, 0.55, 0), (-0.47, 0.72, 0), (-0.41, 0.86, 0)])
        else:
            tail([(-0.36, 0.42, 0), (-0.50, 0.32, 0), (-0.62, 0.20, 0), (-0.76, 0.22, 0)])
        yaw = rng.choice([-1, 1]) * rng.uniform(0, 50)
    else:
        x, y = pet_lying(clay, b, coat, light_fur, paw)
        tail([(-0.40, 0.07, 0.05), (-0.48, 0.045, 0.2), (-0.25, 0.04, 0.30), (0.02, 0.04, 0.28)])
        yaw = rng.uniform(-60, 20)
    neck = (x + 0.07, y + 0.10, 0)
    clay.tube([neck, (x, y, 0)], [0.095, 0.125], coat, wide=0.9)
    turn = -yaw - 90 if rng.random() < 0.75 or view == "face" else 0  # most look at the viewer
    turn = float(np.clip(turn, -85, 60)) + rng.uniform(-15, 15)
    with clay.at((x + 0.09, y + 0.15, 0), yaw=turn, pitch=rng.uniform(-8, 8)):
        cat_head(clay, rng, coat, light, 0.145, iris)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(4, 16), shadow=0.5 * (view != "face"))


def dog_head(clay, rng, coat, mask, r, muzzle, ears, open_mouth):
    """Model a dog's head: skull, stop, long muzzle with a wet nose, ears and perhaps a tongue."""
    clay.ball((0, 0, 0), (r * 1.02, r * 0.92, r * 0.9), coat, flow=(-1, 0.2, 0))
    end = r * (0.75 + muzzle)
    clay.tube(
        [(end, -r * 0.30, 0), (r * 0.95, -r * 0.24, 0), (r * 0.35, -r * 0.2, 0)],
        [r * 0.34, r * 0.40, r * 0.6],
        mask,
        wide=[0.95, 0.85, 1.0],
    )
    clay.ball((end + r * 0.27, -r * 0.13, 0), (r * 0.14, r * 0.15, r * 0.19), BLACK)
    drop = r * (0.30 if open_mouth else 0.1)
    clay.tube(
        [
            (end - r * 0.12, -r * 0.5 - drop, 0),
            (r * 0.7, -r * 0.50 - drop * 0.6, 0),
            (r * 0.2, -r * 0.42, 0),
        ],
        [r * 0.18, r * 0.22, r * 0.3],
        mask,
    )
    lip = Skin((40, 26, 26))
    for s in (-1, 1):
        clay.tube(
            [
                (end + r * 0.28, -r * 0.32, s * 0.01),
                (end + r * 0.05, -r * 0.55, s * r * 0.24),
                (r * 0.85, -r * 0.52, s * r * 0.36),
            ],
            [r * 0.03, r * 0.035, r * 0.03],
            lip,
        )
        clay.ball(
            (r * 0.55, r * 0.42, s * r * 0.42), (r * 0.3, r * 0.16, r * 0.22), coat, pitch=-30
        )
        with clay.at((r * 0.74, r * 0.18, s * r * 0.45), yaw=90 - 35 * s):
            eye(clay, (0, 0, 0), r * 0.14, iris=(78, 44, 18))
        dog_ear(clay, coat, r, s, ears)
    if open_mouth:
        clay.tube(
            [
                (r * 0.7, -r * 0.52, 0),
                (end, -r * 0.55, 0),
                (end + r * 0.12, -r * 0.8, 0),
                (end + r * 0.1, -r * 1.05, 0),
            ],
            [r * 0.12, r * 0.14, r * 0.15, r * 0.1],
            Skin((222, 110, 118), gloss=0.5),
            wide=1.3,
            deep=0.6,
        )


def dog_ear(clay, coat, r, s, kind):
    """Model one ear: pricked, or hanging."""
    if kind == "up":
        clay.tube(
            [
                (-r * 0.1, r * 0.55, s * r * 0.5),
                (-r * 0.12, r * 1.05, s * r * 0.62),
                (-r * 0.1, r * 1.6, s * r * 0.64),
            ],
            [r * 0.36, r * 0.30, r * 0.05],
            coat,
            deep=0.42,
            wide=0.85,
        )
        clay.tube(
            [
                (r * 0.06, r * 0.75, s * r * 0.52),
                (r * 0.03, r * 1.05, s * r * 0.6),
                (r * 0.0, r * 1.4, s * r * 0.63),
            ],
            [r * 0.2, r * 0.18, r * 0.02],
            Skin((120, 84, 76), fur=r * 0.1, thick=0.003),
            deep=0.25,
            wide=0.8,
        )
        return
    size = 1.25 if kind == "long" else 0.8
    dark = Skin(tuple(np.array(coat.colour) * 0.72), fur=coat.fur, thick=coat.thick, contrast=0.14)
    clay.tube(
        [
            (-r * 0.15, r * 0.62, s * r * 0.62),
            (-r * 0.05, r * 0.35, s * r * 0.98),
            (r * 0.02, r * (0.4 - 0.8 * size), s * r * 1.02),
            (r * 0.08, r * (0.3 - 1.2 * size), s * r * 0.92),
        ],
        [r * 0.24, r * 0.40, r * 0.42, r * 0.18],
        dark,
        wide=0.4,
        deep=0.9,
    )


DOGS = {
    "shepherd": dict(
        base=(46, 36, 30),
        light=(186, 138, 86),
        pattern="saddle",
        fur=0.045,
        ears="up",
        muzzle=0.95,
        tail="low",
    ),
    "retriever": dict(
        base=(214, 170, 108),
        light=(235, 208, 165),
        pattern="plain",
        fur=0.06,
        ears="drop",
        muzzle=0.85,
        tail="flag",
    ),
    "labrador": dict(
        base=(40, 34, 32),
        light=(60, 52, 48),
        pattern="plain",
        fur=0.018,
        ears="drop",
        muzzle=0.85,
        tail="out",
    ),
    "beagle": dict(
        base=(150, 88, 46),
        light=(240, 236, 228),
        pattern="patch",
        fur=0.016,
        ears="long",
        muzzle=0.75,
        tail="up",
    ),
    "dalmatian": dict(
        base=(240, 238, 234),
        light=(240, 238, 234),
        pattern="spots",
        fur=0.012,
        ears="drop",
        muzzle=0.85,
        tail="out",
    ),
    "husky": dict(
        base=(86, 90, 98),
        light=(238, 238, 236),
        pattern="saddle",
        fur=0.055,
        ears="up",
        muzzle=0.75,
        tail="curl",
    ),
    "terrier": dict(
        base=(226, 214, 194),
        light=(240, 232, 218),
        pattern="plain",
        fur=0.075,
        ears="up",
        muzzle=0.55,
        tail="up",
    ),
    "spaniel": dict(
        base=(120, 58, 28),
        light=(238, 230, 218),
        pattern="patch",
        fur=0.06,
        ears="long",
        muzzle=0.7,
        tail="out",
    ),
}
TAILS = {
    "low": [(-0.1, -0.06), (-0.2, -0.2), (-0.22, -0.36)],
    "flag": [(-0.14, 0.03), (-0.28, 0.02), (-0.4, 0.1)],
    "out": [(-0.12, 0.02), (-0.26, 0.0), (-0.4, 0.05)],
    "up": [(-0.06, 0.1), (-0.1, 0.22), (-0.07, 0.34)],
    "curl": [(-0.1, 0.12), (-0.02, 0.22), (0.1, 0.18)],
}


def dog_build(rng, kind):
    """Return proportions by breed, a little varied."""
    small = kind in ("terrier", "beagle", "spaniel")
    leg = (0.30 if small else 0.44) * rng.uniform(0.92, 1.08)
    return Build(
        leg=leg,
        chest=0.17 if not small else 0.155,
        waist=0.125,
        bone=0.046,
        neck=0.15,
        head=0.155,
        length=0.68 if not small else 0.6,
    )


def draw_dog(pen, rng, view=None):
    """Draw a dog of eight breeds: standing, walking, running, sitting, lying, or its face."""
    view = view or rng.choice(
        ["stand", "walk", "run", "sit", "lie", "face"], p=[0.14, 0.18, 0.1, 0.22, 0.12, 0.24]
    )
    kind = list(DOGS)[rng.integers(len(DOGS))]
    d, b = DOGS[kind], dog_build(rng, kind)
    coat, base, light = pet_coat(
        rng, d["base"], d["light"], d["pattern"], d["fur"], view in ("sit", "face")
    )
    if kind == "dalmatian":
        dots = noise3(rng, 17)
        coat.paint = lambda p: np.where(dots(p)[:, None] > 0.42, 34.0, np.array(base))
    head_coat = coat
    if d["pattern"] == "saddle":
        head_coat = Skin(
            tuple(base * 0.5 + light * 0.5) if kind == "shepherd" else tuple(base),
            fur=0.03,
            thick=0.0035,
            contrast=0.14,
        )
    muzzle = {"shepherd": (52, 40, 34), "beagle": light, "husky": light, "spaniel": light}.get(
        kind, tuple(np.array(base) * 0.93)
    )
    mask = Skin(
        tuple(muzzle), fur=0.035 if kind == "terrier" else 0.014, thick=0.0035, contrast=0.1
    )
    chest = Skin(tuple(light), fur=d["fur"] * 1.1, thick=0.004, contrast=0.12)
    paw = Skin(tuple(light), fur=0.012, thick=0.0035)
    clay, pant = Clay(rng), rng.random() < 0.55
    if view in ("sit", "face"):
        x, y = pet_sitting(clay, rng, b, coat, chest, paw)
        root, yaw = (-0.27, 0.08), rng.uniform(-65, 15)
        if view == "face":
            clay.floor, yaw = y - rng.uniform(0.0, 0.2), rng.uniform(-120, -40)
    elif view == "lie":
        x, y = pet_lying(clay, b, coat, chest, paw)
        root, yaw = (-b.length / 2 - 0.1, 0.12), rng.uniform(-55, 10)
    else:
        x, y = pet_body(clay, b, coat, chest)
        pet_legs(clay, rng, b, coat, paw, view)
        root, yaw = (-b.length / 2 - 0.09, y + 0.06), rng.choice([-1, 1]) * rng.uniform(0, 45)
    line = [(*root, 0)] + [(root[0] + u, max(0.04, root[1] + v), 0.03) for u, v in TAILS[d["tail"]]]
    bush = 2.0 if d["fur"] > 0.04 else 1.0
    clay.tube(line, [0.04, 0.03 * bush, 0.03 * bush, 0.015], coat)
    clay.tube(
        [(x + 0.13, y + 0.19, 0), (x + 0.06, y + 0.10, 0), (x - 0.04, y - 0.02, 0)],
        [0.09, 0.10, 0.14],
        coat,
        wide=0.9,
    )
    if rng.random() < 0.35:
        collar = Skin([(170, 30, 34), (36, 70, 150), (30, 28, 28)][rng.integers(3)], gloss=0.3)
        with clay.at((x + 0.085, y + 0.135, 0), pitch=-35):
            clay.lathe([(-0.015, 0.104), (0.015, 0.102)], collar, smooth=False)
    turn = float(np.clip(-yaw - 75, -70, 60)) if rng.random() < 0.6 else rng.uniform(-20, 20)
    with clay.at((x + 0.15, y + 0.25, 0), yaw=turn, pitch=rng.uniform(-14, 6)):
        dog_head(clay, rng, head_coat, mask, b.head, d["muzzle"], d["ears"], pant)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(4, 14), shadow=0.5 * (view != "face"))


DRAW = {"cat": draw_cat, "dog": draw_dog}
