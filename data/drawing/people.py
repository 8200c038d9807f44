"""People, modelled in clay: standing, walking, sitting, riding, and head and shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clay import Clay, Skin, noise3
from .farm import BLACK, tint

COMPLEXIONS = [
    (236, 190, 160),
    (222, 168, 132),
    (196, 140, 104),
    (150, 102, 72),
    (108, 72, 52),
    (244, 206, 180),
]
HAIRS = [(32, 24, 20), (70, 44, 26), (122, 78, 40), (190, 150, 86), (150, 146, 142), (132, 60, 28)]
CLOTHS = [
    (36, 54, 96),
    (160, 40, 44),
    (230, 228, 222),
    (46, 46, 50),
    (66, 110, 70),
    (200, 160, 60),
    (110, 140, 180),
    (140, 96, 130),
    (96, 78, 60),
    (210, 110, 60),
    (60, 120, 130),
]
TROUSERS = [(44, 58, 92), (38, 38, 42), (120, 104, 82), (84, 88, 94), (66, 54, 46), (90, 110, 150)]


@dataclass
class Look:
    """What one person looks like."""

    flesh: Skin
    hair: Skin
    top: Skin
    sleeve: Skin
    legs: Skin
    shoe: Skin
    woman: bool
    cut: str
    hat: Skin | None
    skirt: bool
    beard: bool
    build: float


def cloth(rng, colour):
    """Return a fabric: plain, striped, checked or patterned, with soft folds."""
    colour = np.array(tint(rng, colour, 8))
    other = np.array(tint(rng, CLOTHS[rng.integers(len(CLOTHS))], 8))
    kind = rng.choice(["plain", "stripe", "check"], p=[0.65, 0.2, 0.15])
    folds = noise3(rng, 11)
    freq = rng.uniform(90, 140)

    def paint(p):
        out = (
            np.broadcast_to(colour, (len(p), 3)) * (1 + 0.13 * folds(p * [1.3, 0.5, 1.3]))[:, None]
        )
        if kind == "plain":
            return out
        on = (np.sin(p[:, 1] * freq) > 0.2) * 1.0
        if kind == "check":
            on = 0.5 * on + 0.5 * (np.sin(p[:, 0] * freq + p[:, 2] * freq) > 0.2)
        return out * (1 - 0.8 * on[:, None]) + other * 0.8 * on[:, None]

    return Skin(colour, rough=0.05, paint=paint)


def a_look(rng):
    """Return a person's looks at random."""
    woman = rng.random() < 0.5
    flesh = tint(rng, COMPLEXIONS[rng.integers(len(COMPLEXIONS))], 6)
    skin = Skin(flesh, rough=0.05, gloss=0.06)
    hair = Skin(
        tint(rng, HAIRS[rng.integers(len(HAIRS))], 6),
        fur=0.022,
        thick=0.003,
        contrast=0.22,
        wild=0.14,
    )
    top = cloth(rng, CLOTHS[rng.integers(len(CLOTHS))])
    legs = Skin(tint(rng, TROUSERS[rng.integers(len(TROUSERS))], 8), rough=0.16)
    shoe = Skin(
        tint(rng, [(40, 34, 32), (96, 60, 38), (225, 222, 216), (60, 70, 110)][rng.integers(4)], 6),
        gloss=0.2,
    )
    skirt = woman and rng.random() < 0.35
    hat = Skin(tint(rng, CLOTHS[rng.integers(len(CLOTHS))], 8)) if rng.random() < 0.2 else None
    cut = (
        rng.choice(["long", "bob", "bun"])
        if woman
        else rng.choice(["short", "short", "bald"], p=[0.5, 0.35, 0.15])
    )
    return Look(
        skin,
        hair,
        top,
        top if rng.random() < 0.6 else skin,
        legs,
        shoe,
        woman,
        str(cut),
        hat,
        skirt,
        not woman and rng.random() < 0.3,
        rng.uniform(0.92, 1.15),
    )


def head(clay, rng, look):
    """Model a head about 0.13 tall looking along local x, chin at the origin."""
    flesh, dark = look.flesh, tuple(np.array(look.flesh.colour) * 0.72)
    clay.ball((-0.008, 0.078, 0), (0.056, 0.058, 0.047), flesh)
    clay.tube(
        [(0.008, 0.066, 0), (0.014, 0.035, 0), (0.024, 0.014, 0)],
        [0.041, 0.035, 0.018],
        flesh,
        wide=0.95,
    )
    for s in (-1, 1):
        clay.ball((0.024, 0.046, s * 0.021), (0.021, 0.018, 0.016), flesh)
        clay.ball((-0.008, 0.06, s * 0.047), (0.011, 0.017, 0.006), flesh)
        clay.ball(
            (0.0425, 0.068, s * 0.0195),
            (0.0072, 0.0058, 0.0098),
            Skin((244, 242, 238), rough=0, gloss=0.3),
        )
        clay.ball(
            (0.0478, 0.068, s * 0.0195),
            (0.004, 0.0055, 0.0055),
            Skin([(70, 44, 24), (80, 110, 140), (60, 84, 50)][rng.integers(3)]),
        )
        clay.ball((0.0508, 0.068, s * 0.0195), (0.002, 0.0032, 0.0032), BLACK)
        clay.tube(
            [(0.045, 0.073, s * 0.009), (0.048, 0.0765, s * 0.0195), (0.040, 0.0725, s * 0.031)],
            [0.003, 0.0034, 0.002],
            Skin(dark),
        )
        clay.tube(
            [(0.048, 0.084, s * 0.008), (0.048, 0.088, s * 0.019), (0.040, 0.084, s * 0.031)],
            [0.003, 0.0036, 0.002],
            Skin(tuple(np.array(look.hair.colour) * 0.7)),
        )
    clay.tube(
        [(0.043, 0.074, 0), (0.053, 0.057, 0), (0.055, 0.048, 0)], [0.006, 0.007, 0.0085], flesh
    )
    for s in (-1, 1):
        clay.ball((0.05, 0.046, s * 0.008), (0.006, 0.005, 0.006), flesh)
    lip = Skin(
        (176, 70, 72) if look.woman else tuple(np.array(look.flesh.colour) * [0.82, 0.62, 0.6])
    )
    smile = rng.uniform(0.0, 0.006)
    clay.tube(
        [(0.037, 0.028 + smile, -0.017), (0.046, 0.0275, 0), (0.037, 0.028 + smile, 0.017)],
        [0.002, 0.0042, 0.002],
        lip,
    )
    if rng.random() < 0.4:
        clay.tube(
            [
                (0.0395, 0.0285 + smile, -0.012),
                (0.0485, 0.0285, 0),
                (0.0395, 0.0285 + smile, 0.012),
            ],
            [0.001, 0.0022, 0.001],
            Skin((240, 236, 228)),
        )
    hairdo(clay, look)
    if rng.random() < 0.2:
        rim = Skin((30, 28, 30))
        for s in (-1, 1):
            t = np.linspace(0, 2 * np.pi, 9)
            clay.tube(
                [(0.051, 0.068 + 0.012 * np.sin(a), s * 0.0185 + 0.014 * np.cos(a)) for a in t],
                [0.0014],
                rim,
                steps=5,
            )
            clay.cone((0.050, 0.070, s * 0.033), (0.0, 0.068, s * 0.05), 0.0014, 0.0014, rim)


def hairdo(clay, look):
    """Model the hair, the beard and the hat."""
    hair, cut = look.hair, look.cut
    if cut != "bald":
        clay.ball((-0.02, 0.092, 0), (0.058, 0.052, 0.052), hair, flow=(-0.5, -0.7, 0.2))
        clay.ball((0.008, 0.118, 0), (0.044, 0.022, 0.042), hair, flow=(0.6, -0.3, 0.6))
        clay.ball((-0.032, 0.065, 0), (0.038, 0.05, 0.048), hair, flow=(-0.2, -1, 0))
    if cut in ("long", "bob"):
        low = -0.06 if cut == "long" else 0.01
        for s in (-1, 1):
            clay.tube(
                [
                    (0.012, 0.118, s * 0.03),
                    (0.004, 0.075, s * 0.053),
                    (-0.008, 0.03, s * 0.055),
                    (-0.012, low, s * 0.05),
                ],
                [0.018, 0.019, 0.021, 0.012],
                hair,
                deep=1.4,
            )
        clay.tube(
            [(-0.045, 0.09, 0), (-0.055, 0.04, 0), (-0.05, low, 0)],
            [0.035, 0.038, 0.025],
            hair,
            wide=1.4,
        )
    if cut == "bun":
        clay.ball((-0.075, 0.105, 0), 0.03, hair)
    if look.beard:
        clay.ball((0.018, 0.016, 0), (0.032, 0.022, 0.036), hair)
        clay.tube(
            [(0.044, 0.033, -0.02), (0.053, 0.037, 0), (0.044, 0.033, 0.02)],
            [0.004, 0.006, 0.004],
            hair,
        )
    if look.hat:
        clay.ball((-0.01, 0.115, 0), (0.062, 0.042, 0.056), look.hat)
        clay.ball((0.045, 0.108, 0), (0.045, 0.007, 0.042), look.hat)


def limb(clay, joints, radii, cover, flesh, bare_from=None):
    """Model an arm or a leg through its joints, bare below `bare_from`."""
    clay.tube(joints, radii, cover)
    if bare_from:
        clay.tube(joints[bare_from:], radii[bare_from:], flesh)


def hand(clay, where, flesh, out=0.0):
    """Model a hand: palm, fingers held together and a thumb."""
    x, y, z = where
    clay.ball((x + 0.004, y - 0.022, z), (0.014, 0.026, 0.019), flesh)
    clay.ball((x + 0.012, y - 0.046, z), (0.011, 0.022, 0.016), flesh, pitch=15)
    clay.ball((x + 0.02, y - 0.024, z + 0.004), (0.008, 0.02, 0.008), flesh, pitch=30)


def shoe(clay, where, skin, pitch=0.0):
    """Model a shoe whose ankle is at `where`."""
    with clay.at(where, pitch=pitch):
        clay.ball((-0.004, -0.02, 0), (0.032, 0.026, 0.024), skin)
        clay.tube(
            [(0.0, -0.026, 0), (0.04, -0.032, 0), (0.075, -0.036, 0)],
            [0.024, 0.021, 0.014],
            skin,
            wide=1.15,
        )
        clay.box((-0.034, -0.052, -0.024), (0.085, -0.044, 0.024), Skin((34, 30, 28)))


def buttoned(rng, look, cx, cy):
    """Open the top over a shirt and tie, or button it down the front, or leave it as it is."""
    top = look.top
    kind = rng.choice(["plain", "jacket", "buttons"], p=[0.45, 0.3, 0.25])
    if kind == "plain":
        return top
    look.sleeve = top
    shirt = np.array(
        tint(rng, [(240, 240, 238), (170, 196, 226), (236, 220, 200)][rng.integers(3)], 5)
    )
    tie = np.array(tint(rng, CLOTHS[rng.integers(len(CLOTHS))], 8)) if rng.random() < 0.6 else shirt
    dark = np.array(top.colour) * 0.55

    def paint(p):
        out = np.array(top.paint(p), float)
        up, side, front = p[:, 1] - cy, np.abs(p[:, 2]), p[:, 0] > cx
        if kind == "buttons":
            out[front & (side < 0.014) & (np.abs(side - 0.014) < 0.003)] = dark
            out[front & (side < 0.005) & (np.sin(up * 130) > 0.6)] = 235
            return out
        open_ = front & (side < 0.012 + (up + 0.16) * 0.24) & (up < 0.09)
        rim = front & (np.abs(side - 0.012 - np.maximum(0, up + 0.16) * 0.24) < 0.006) & (up < 0.09)
        out[open_] = shirt
        out[open_ & (side < 0.006 + np.clip(-up, 0, 0.1) * 0.1)] = tie
        out[rim] = dark
        return out

    return Skin(top.colour, rough=top.rough, paint=paint)


def torso(clay, rng, look, hips, chest):
    """Model the trunk from hips to shoulders, the neck and the collar."""
    (hx, hy), (cx, cy) = hips, chest
    look.top = buttoned(rng, look, cx, cy)
    w = look.build
    waist = 0.072 if look.woman else 0.082
    mid = ((hx + cx) / 2, (hy + cy) / 2)
    clay.tube(
        [(cx - 0.006, cy + 0.045, 0), (cx, cy - 0.01, 0), (mid[0], mid[1], 0), (hx, hy + 0.02, 0)],
        [0.048, 0.075 * w, waist * w, 0.085 * w],
        look.top,
        wide=[1.7, 1.62, 1.3, 1.28],
    )
    clay.tube(
        [(hx, hy + 0.025, 0), (hx, hy - 0.03, 0)], [0.084 * w, 0.078 * w], look.legs, wide=1.28
    )
    for s in (-1, 1):
        clay.ball((cx - 0.004, cy + 0.02, s * 0.108 * w), (0.040, 0.038, 0.034), look.top)
        clay.tube(
            [(cx - 0.006, cy + 0.062, s * 0.02), (cx - 0.004, cy + 0.03, s * 0.105 * w)],
            [0.034, 0.036],
            look.top,
        )
        if look.woman:
            clay.ball((cx + 0.038, cy - 0.045, s * 0.042), (0.034, 0.046, 0.044), look.top)
    clay.tube([(cx + 0.012, cy + 0.13, 0), (cx - 0.006, cy + 0.06, 0)], [0.036, 0.042], look.flesh)
    clay.tube(
        [
            (cx + 0.035, cy + 0.052, -0.03),
            (cx + 0.055, cy + 0.03, 0),
            (cx + 0.035, cy + 0.052, 0.03),
        ],
        [0.012, 0.014, 0.012],
        Skin(tuple(np.array(look.top.colour) * 0.75)),
    )


def arm(clay, look, chest, elbow, wrist, s):
    """Model one arm from the shoulder by the elbow to the wrist, and its hand."""
    cx, cy = chest
    w = look.build
    sleeve = look.top
    clay.tube([(cx - 0.004, cy + 0.018, s * 0.118 * w), elbow], [0.037 * w, 0.031 * w], sleeve)
    clay.tube([elbow, wrist], [0.030 * w, 0.020], look.sleeve)
    with clay.at(wrist):
        hand(clay, (0, 0, 0), look.flesh)


def leg(clay, look, hip, knee, ankle, tilt=0.0):
    """Model one leg in trousers or below a skirt, and its shoe."""
    w = look.build
    lower = look.flesh if look.skirt else look.legs
    clay.tube([hip, knee], [0.077 * w, 0.052 * w], look.legs)
    clay.tube(
        [
            knee,
            (
                (knee[0] + ankle[0]) / 2 - 0.012,
                (knee[1] + ankle[1]) / 2 + 0.03,
                (knee[2] + ankle[2]) / 2,
            ),
            ankle,
        ],
        [0.05 * w, 0.048 * w, 0.034 * w],
        lower,
    )
    shoe(clay, ankle, look.shoe, tilt)


def standing(clay, rng, look, walk, calm=False):
    """Model a person on their feet; the stride and the swing of the arms are `walk`."""
    chest, hips = (0.015, 0.745), (0, 0.52)
    torso(clay, rng, look, hips, chest)
    step = rng.uniform(0.10, 0.16) if walk else rng.uniform(0.0, 0.02)
    for s in (-1, 1):
        d = s * step
        rear = walk and d < 0
        knee = (d * 0.62 + 0.035, 0.29, s * 0.055)
        ankle = (d * 1.25 - (0.03 if rear else 0), 0.085 if rear else 0.053, s * 0.055)
        leg(clay, look, (0, 0.49, s * 0.052), knee, ankle, -28 if rear else 0)
        gesture = rng.choice(["down", "hip", "wave", "fold"], p=[0.68, 0.14, 0.08, 0.10])
        if walk or calm or gesture == "down":
            e, w = (-d * 0.55 - 0.02, 0.60, s * 0.16), (-d * 1.2 + 0.03, 0.475, s * 0.165)
        elif gesture == "hip":
            e, w = (-0.04, 0.62, s * 0.24), (0.03, 0.54, s * 0.13)
        elif gesture == "wave":
            e, w = (0.03, 0.74, s * 0.24), (0.05, 0.92, s * 0.25)
        else:
            e, w = (0.03, 0.62, s * 0.16), (0.14, 0.655, s * 0.02)
        arm(clay, look, chest, e, w, s)
    if look.skirt:
        hem = 0.15 + 0.4 * step
        clay.lathe([(0.28, hem), (0.42, 0.8 * hem), (0.54, 0.098)], look.legs, steps=24)
    return chest


def seated(clay, rng, look, block):
    """Model a person sitting on a block of stone or wood, or (no `block`) on what is there."""
    y = 0.30
    chest, hips = (-0.01, y + 0.23), (-0.03, y + 0.02)
    torso(clay, rng, look, hips, chest)
    for s in (-1, 1):
        leg(
            clay,
            look,
            (-0.01, y + 0.0, s * 0.06),
            (0.24, y + 0.01, s * 0.075),
            (0.24 + rng.uniform(-0.06, 0.06), 0.053, s * 0.07),
        )
        if rng.random() < 0.6:
            arm(clay, look, chest, (-0.0, y + 0.10, s * 0.16), (0.16, y + 0.085, s * 0.09), s)
        else:
            arm(clay, look, chest, (0.04, y + 0.11, s * 0.16), (0.17, y + 0.21, s * 0.05), s)
    if look.skirt:
        clay.tube(
            [(0, y + 0.02, 0), (0.12, y + 0.02, 0), (0.25, y - 0.01, 0)],
            [0.085, 0.09, 0.085],
            look.legs,
            wide=1.5,
        )
    if block:
        colour = [(150, 110, 70), (128, 124, 118), (176, 170, 158)][rng.integers(3)]
        stone = Skin(tint(rng, colour, 8), rough=0.25)
        clay.box((-0.15, 0, -0.2), (0.11, y - 0.06, 0.2), stone)
    return chest


def riding(clay, rng, look):
    """Model a person astride, the seat at the origin; only the near leg shows."""
    lean = rng.uniform(0.02, 0.10)
    chest, hips = (lean + 0.02, 0.27), (0, 0.045)
    torso(clay, rng, look, hips, chest)
    leg(clay, look, (0.01, 0.02, 0.07), (0.20, -0.13, 0.10), (0.10, -0.37, 0.10), 5)
    for s in (-1, 1):
        arm(clay, look, chest, (lean + 0.10, 0.15, s * 0.15), (lean + 0.25, 0.14, s * 0.09), s)
    if look.hat is None and rng.random() < 0.7:
        look.hat = Skin(tint(rng, CLOTHS[rng.integers(len(CLOTHS))], 8), gloss=0.5)
    return chest


def draw_person(pen, rng, pose=None, block=True):
    """Draw a person: `pose` is stand, walk, sit, bust, or ride (then the origin is the seat)."""
    pose = pose or str(rng.choice(["stand", "walk", "sit", "bust"], p=[0.34, 0.22, 0.18, 0.26]))
    clay, look = Clay(rng), a_look(rng)
    if pose == "ride":
        look.skirt = False
    chest = {
        "walk": lambda: standing(clay, rng, look, True),
        "sit": lambda: seated(clay, rng, look, block),
        "ride": lambda: riding(clay, rng, look),
    }.get(pose, lambda: standing(clay, rng, look, False, pose == "bust"))()
    facing = -90 + rng.choice([-1, 1]) * rng.uniform(0, 45)
    yaw = {"walk": rng.uniform(-60, 10), "sit": rng.uniform(-75, -20), "ride": 0.0}.get(
        pose, facing
    )
    turn = rng.uniform(-25, 25) if pose != "ride" else rng.uniform(-50, 0)
    with clay.at(
        (chest[0] + 0.012, chest[1] + 0.105, 0), yaw=turn, pitch=rng.uniform(-8, 6), scale=1.12
    ):
        head(clay, rng, look)
    if pose == "ride":
        return clay.draw(pen, yaw=0, pitch=0, fit=False, shadow=0)
    if pose == "bust":
        clay.floor = rng.uniform(0.60, 0.70)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(0, 10), shadow=0 if pose == "bust" else 0.5)


DRAW = {"person": draw_person}
