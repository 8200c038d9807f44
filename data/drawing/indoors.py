"""Indoor things, modelled in clay: bottle, chair, dining table, potted plant, sofa, television."""

from __future__ import annotations

import math

import numpy as np

from .clay import Clay, Skin, noise3
from .farm import tint

WOODS = [(150, 100, 58), (96, 62, 40), (190, 145, 95), (70, 46, 34), (205, 170, 125), (130, 72, 44)]
FABRICS = [
    (140, 60, 52),
    (90, 104, 124),
    (186, 174, 152),
    (70, 74, 78),
    (96, 120, 84),
    (196, 150, 80),
    (60, 80, 120),
    (120, 84, 62),
    (222, 214, 202),
    (150, 110, 140),
]


def wood(rng, colour=None, gloss=0.12):
    """Return a grained wood."""
    colour = np.array(tint(rng, colour or WOODS[rng.integers(len(WOODS))], 8))
    grain, wave = noise3(rng, 7), noise3(rng, 3)

    def paint(p):
        lines = grain(p * [1.2, 2.2, 9]) * 0.12 + 0.06 * np.sin(70 * p[:, 2] + 6 * wave(p))
        return colour * (1 + lines)[:, None]

    return Skin(colour, gloss=gloss, paint=paint, rough=0.04)


def fabric(rng):
    """Return upholstery: plain weave, stripes, dots or leather."""
    colour = np.array(tint(rng, FABRICS[rng.integers(len(FABRICS))], 8))
    other = np.array(tint(rng, FABRICS[rng.integers(len(FABRICS))], 8))
    kind = rng.choice(["plain", "stripe", "flower", "leather"], p=[0.5, 0.15, 0.15, 0.2])
    weave, spots, freq = noise3(rng, 60), noise3(rng, 11), rng.uniform(40, 80)

    def paint(p):
        out = colour * (1 + 0.05 * weave(p))[:, None]
        if kind == "stripe":
            on = (np.sin(p[:, 0] * freq) > 0.3)[:, None] * 0.7
        elif kind == "flower":
            on = np.clip((spots(p) - 0.35) * 9, 0, 1)[:, None] * 0.8
        else:
            return out
        return out * (1 - on) + other * on

    return Skin(colour, gloss=0.4 if kind == "leather" else 0.0, paint=paint, rough=0.06)


METAL = Skin((176, 178, 182), gloss=0.8)
IRON = Skin((44, 44, 48), gloss=0.4)


def label_paint(rng, glass, low, high, level, liquid):
    """Return a painter for glass: clear above the liquid, a printed label round the middle."""
    paper = np.array(
        tint(
            rng,
            [(238, 232, 214), (190, 40, 44), (30, 60, 110), (226, 190, 80), (36, 90, 56)][
                rng.integers(5)
            ],
            8,
        )
    )
    ink = np.array([(120, 24, 30), (30, 34, 60), (200, 160, 60), (240, 240, 236)][rng.integers(4)])
    marks = noise3(rng, 24)
    band = (low + high) / 2

    def paint(p):
        y, n = p[:, 1], len(p)
        wet = (y < level)[:, None]
        out = np.where(wet, np.array([*liquid, 240.0]), np.array([*glass, 175.0]))
        on = (y > low) & (y < high)
        art = np.where(
            (marks(p * [1, 1.6, 1]) > 0.2)[:, None] & (abs(y - band) < 0.045)[:, None], ink, paper
        )
        edge = (abs(y - low) < 0.01) | (abs(y - high) < 0.01)
        art = np.where(edge[:, None], ink, art)
        out[on] = np.column_stack([art, np.full(n, 255.0)])[on]
        return out

    return paint


BOTTLES = {
    "wine": (
        [
            (0.0, 0.12),
            (0.02, 0.128),
            (0.30, 0.13),
            (0.56, 0.13),
            (0.66, 0.11),
            (0.73, 0.058),
            (0.80, 0.043),
            (0.97, 0.042),
            (1.0, 0.042),
        ],
        (0.16, 0.44),
    ),
    "beer": (
        [
            (0.0, 0.125),
            (0.02, 0.135),
            (0.30, 0.137),
            (0.50, 0.136),
            (0.62, 0.11),
            (0.78, 0.062),
            (0.94, 0.05),
            (1.0, 0.05),
        ],
        (0.14, 0.40),
    ),
    "water": (
        [
            (0.0, 0.13),
            (0.03, 0.145),
            (0.12, 0.138),
            (0.20, 0.147),
            (0.28, 0.138),
            (0.50, 0.146),
            (0.66, 0.14),
            (0.80, 0.08),
            (0.90, 0.052),
            (0.94, 0.05),
        ],
        (0.34, 0.56),
    ),
    "cola": (
        [
            (0.0, 0.12),
            (0.03, 0.13),
            (0.18, 0.118),
            (0.30, 0.112),
            (0.48, 0.136),
            (0.60, 0.128),
            (0.74, 0.08),
            (0.90, 0.048),
            (0.97, 0.05),
        ],
        (0.36, 0.55),
    ),
    "spirit": (
        [
            (0.0, 0.16),
            (0.02, 0.17),
            (0.30, 0.17),
            (0.52, 0.17),
            (0.60, 0.15),
            (0.66, 0.06),
            (0.80, 0.05),
            (0.84, 0.055),
        ],
        (0.12, 0.44),
    ),
}
GLASSES = [
    ((40, 76, 44), (28, 56, 34)),
    ((96, 54, 22), (76, 38, 14)),
    ((206, 224, 228), (186, 212, 222)),
    ((200, 222, 214), (110, 20, 36)),
    ((150, 190, 205), (140, 186, 206)),
    ((206, 220, 220), (54, 26, 16)),
    ((214, 224, 214), (214, 160, 50)),
]


def a_bottle(clay, rng, at=(0, 0, 0)):
    """Model one bottle of some make, standing at `at`."""
    kind = str(rng.choice(list(BOTTLES)))
    profile, (low, high) = BOTTLES[kind]
    glass, liquid = GLASSES[rng.integers(len(GLASSES))]
    skin = Skin(glass, gloss=1.0, rough=0.0)
    art = label_paint(rng, glass, low, high, rng.uniform(0.35, 0.8), liquid)
    thick = rng.uniform(0.92, 1.15)
    profile = [(y, r * thick) for y, r in profile]
    with clay.at(at, yaw=rng.uniform(0, 360)):
        back, shift = np.linalg.inv(clay.turn), clay.shift
        skin.paint = lambda p: art((p - shift) @ back.T)  # the label lies down with the bottle
        clay.lathe(profile, skin, steps=22)
        top, r = profile[-1]
        cap = Skin(
            tint(
                rng,
                [(180, 36, 40), (220, 220, 216), (40, 44, 110), (196, 160, 70), (30, 30, 32)][
                    rng.integers(5)
                ],
                6,
            ),
            gloss=0.5,
        )
        foil = 0.14 if kind == "wine" else 0.05
        clay.lathe([(top - foil, r * 1.08), (top + 0.035, r * 1.14)], cap, steps=20, smooth=False)
        clay.lathe([(top - 0.03, r * 1.3), (top - 0.02, r * 1.3)], cap, steps=4, smooth=False)


def draw_bottle(pen, rng, view=None):
    """Draw a bottle upright, leaning or lying; `view` "few" draws two or three in a row."""
    clay = Clay(rng)
    view = view or rng.choice(["one", "lying", "tilted"], p=[0.72, 0.12, 0.16])
    if view == "few":
        n = int(rng.integers(2, 4))
        for k in range(n):
            at = ((k - (n - 1) / 2) * rng.uniform(0.36, 0.42), 0, rng.uniform(-0.12, 0.12))
            a_bottle(clay, rng, at)
    elif view == "lying":
        with clay.at((-0.45, 0.15, 0), pitch=-90, yaw=rng.uniform(-25, 25)):
            a_bottle(clay, rng)
    else:
        with clay.at((0, 0, 0), pitch=rng.uniform(-4, 4) * (view == "tilted")):
            a_bottle(clay, rng)
    return clay.draw(pen, yaw=0, pitch=rng.uniform(3, 26))


def frame_legs(clay, skin, half, depth, height, thick, splay=0.0, taper=0.7):
    """Stand four tapering legs under a seat or a table top."""
    for sx in (-1, 1):
        for sz in (-1, 1):
            clay.cone(
                (sx * (half - thick), height, sz * (depth - thick)),
                (sx * (half - thick + splay), 0.01, sz * (depth - thick + splay)),
                thick,
                thick * taper,
                skin,
                steps=60,
            )


def wooden_chair(clay, rng):
    """Model a wooden kitchen chair with slats or rungs in its back."""
    skin = wood(rng)
    seat = fabric(rng) if rng.random() < 0.4 else skin
    back = rng.uniform(0.42, 0.58)
    frame_legs(clay, skin, 0.21, 0.20, 0.44, 0.022, rng.choice([0, 0.03]))
    clay.box((-0.21, 0.42, -0.20), (0.21, 0.455, 0.21), skin)
    clay.cushion((-0.19, 0.45, -0.17), (0.19, 0.485, 0.2), seat)
    for s in (-1, 1):
        clay.cone(
            (s * 0.19, 0.44, -0.18), (s * 0.19, 0.46 + back, -0.25), 0.022, 0.018, skin, steps=60
        )
        clay.cone((s * 0.19, 0.2, -0.17), (s * 0.19, 0.2, 0.17), 0.012, 0.012, skin, steps=50)
    clay.cone((-0.19, 0.15, 0.18), (0.19, 0.15, 0.18), 0.012, 0.012, skin, steps=50)
    if rng.random() < 0.5:
        for k in np.linspace(-0.13, 0.13, int(rng.integers(3, 6))):
            clay.cone((k, 0.46, -0.18), (k, 0.44 + back, -0.248), 0.011, 0.011, skin, steps=60)
        rungs = (0.96,)
    else:
        rungs = np.linspace(0.35, 0.95, int(rng.integers(2, 5)))
    for k in rungs:
        y, z = 0.46 + back * k, -0.18 - 0.07 * k
        clay.box((-0.19, y - 0.035, z - 0.012), (0.19, y + 0.03, z + 0.012), skin)


def office_chair(clay, rng):
    """Model a swivel chair on a five-armed foot with castors."""
    cover = fabric(rng) if rng.random() < 0.5 else Skin((44, 46, 52), rough=0.1)
    clay.cushion((-0.23, 0.44, -0.22), (0.23, 0.53, 0.24), cover)
    clay.cushion((-0.20, 0.60, -0.27), (0.20, 1.08, -0.19), cover)
    clay.cone((0, 0.47, -0.23), (0, 0.68, -0.27), 0.025, 0.025, IRON)
    clay.cone((0, 0.10, 0), (0, 0.45, 0), 0.03, 0.024, METAL, steps=60)
    for k in range(5):
        a = math.radians(72 * k + 20)
        x, z = 0.27 * math.cos(a), 0.27 * math.sin(a)
        clay.cone((0, 0.12, 0), (x, 0.07, z), 0.026, 0.018, IRON, steps=40)
        clay.ball((x, 0.03, z), (0.03, 0.03, 0.02), Skin((24, 24, 26), gloss=0.4))
    if rng.random() < 0.7:
        for s in (-1, 1):
            clay.cone(
                (s * 0.25, 0.48, -0.02), (s * 0.27, 0.68, -0.02), 0.016, 0.016, IRON, steps=40
            )
            clay.cushion((s * 0.27 - 0.03, 0.67, -0.15), (s * 0.27 + 0.03, 0.70, 0.13), IRON)


def armchair(clay, rng):
    """Model an upholstered dining chair or a plastic shell on thin legs."""
    cover = fabric(rng)
    if rng.random() < 0.5:
        frame_legs(clay, wood(rng), 0.20, 0.20, 0.40, 0.024)
        clay.cushion((-0.23, 0.38, -0.22), (0.23, 0.48, 0.23), cover)
        with clay.at((0, 0.46, -0.19), roll=-9):
            clay.cushion((-0.22, 0, -0.04), (0.22, 0.56, 0.04), cover)
        return
    shell = Skin(
        tint(
            rng,
            [(222, 84, 50), (240, 238, 232), (60, 120, 150), (232, 190, 60), (40, 42, 46)][
                rng.integers(5)
            ],
            6,
        ),
        gloss=0.5,
    )
    frame_legs(clay, METAL if rng.random() < 0.5 else wood(rng), 0.19, 0.19, 0.44, 0.015, 0.05)
    for x in np.linspace(-0.2, 0.2, 25):
        dip = 0.05 * (x / 0.2) ** 2
        clay.tube(
            [
                (x, 0.43 + dip, 0.23),
                (x, 0.45 + dip, 0.1),
                (x, 0.44 + dip, -0.10),
                (x, 0.56 + dip * 0.4, -0.20 + dip),
                (x, 0.86 - dip, -0.25 + dip),
            ],
            [0.014],
            shell,
            steps=16,
        )


def draw_chair(pen, rng):
    """Draw a chair: wooden with slats, upholstered, a plastic shell, or on castors."""
    clay = Clay(rng)
    [wooden_chair, wooden_chair, office_chair, armchair][rng.integers(4)](clay, rng)
    yaw = rng.choice([-1, 1]) * rng.uniform(15, 65) + (180 if rng.random() < 0.12 else 0)
    return clay.draw(pen, yaw=yaw, pitch=rng.uniform(8, 26))


def place_setting(clay, rng, x, z, out):
    """Lay a plate with food, a knife and a fork; `out` points to the edge of the table."""
    china = Skin((240, 240, 236), gloss=0.5)
    clay.lathe([(0.0, 0.06), (0.006, 0.085), (0.012, 0.10)], china, at=(x, 0, z), steps=5)
    clay.lathe([(0.013, 0.072), (0.014, 0.07)], Skin((222, 222, 220)), at=(x, 0, z), steps=3)
    for _ in range(int(rng.integers(2, 7))):
        food = Skin(
            tint(
                rng,
                [(196, 90, 40), (110, 150, 60), (214, 176, 96), (170, 50, 40), (120, 72, 44)][
                    rng.integers(5)
                ],
                12,
            ),
            rough=0.3,
        )
        clay.ball(
            (x + rng.uniform(-0.04, 0.04), 0.025, z + rng.uniform(-0.04, 0.04)),
            (rng.uniform(0.018, 0.035), 0.016, 0.024),
            food,
        )
    for s in (-1, 1):
        clay.cone(
            (x + s * 0.125, 0.008, z - 0.07),
            (x + s * 0.125, 0.008, z + 0.07),
            0.006,
            0.005,
            METAL,
            steps=24,
        )
    gx, gz = x + 0.11, z - out * 0.10
    if rng.random() < 0.6:
        wine = Skin((150, 30, 50) if rng.random() < 0.5 else (222, 206, 140), gloss=0.8, alpha=0.8)
        clay.lathe(
            [(0.0, 0.035), (0.008, 0.006), (0.07, 0.006)],
            Skin((226, 232, 236), alpha=0.7, gloss=0.8),
            at=(gx, 0, gz),
            steps=8,
            smooth=False,
        )
        clay.lathe([(0.07, 0.01), (0.09, 0.034), (0.12, 0.036)], wine, at=(gx, 0, gz), steps=8)
        clay.lathe(
            [(0.12, 0.036), (0.16, 0.03)],
            Skin((230, 236, 240), alpha=0.5, gloss=0.9),
            at=(gx, 0, gz),
            steps=8,
        )
    else:
        clay.lathe(
            [(0.0, 0.026), (0.03, 0.036), (0.075, 0.038)],
            Skin(tint(rng, (220, 220, 214), 20), gloss=0.5),
            at=(gx, 0, gz),
            steps=8,
        )


def table_centre(clay, rng):
    """Put a bowl of fruit, a vase or a dish with bread in the middle of the table."""
    kind = rng.integers(3)
    if kind == 0:
        clay.lathe(
            [(0.0, 0.05), (0.03, 0.10), (0.06, 0.12)],
            Skin(tint(rng, (200, 196, 186), 20), gloss=0.4),
            steps=8,
        )
        for _ in range(9):
            fruit = Skin(
                [(206, 50, 40), (230, 150, 40), (130, 160, 50), (226, 200, 70)][rng.integers(4)],
                gloss=0.5,
            )
            clay.ball(
                (
                    *rng.uniform(-0.07, 0.07, 1),
                    0.085 + rng.uniform(0, 0.03),
                    *rng.uniform(-0.07, 0.07, 1),
                ),
                0.036,
                fruit,
            )
    elif kind == 1:
        clay.lathe(
            [(0.0, 0.035), (0.06, 0.05), (0.13, 0.028), (0.15, 0.034)],
            Skin(tint(rng, (120, 150, 180), 30), gloss=0.6),
            steps=8,
        )
        for _ in range(14):
            x, y, z = rng.uniform(-0.1, 0.1), rng.uniform(0.22, 0.32), rng.uniform(-0.1, 0.1)
            clay.cone((0, 0.14, 0), (x, y, z), 0.004, 0.003, Skin((70, 120, 50)), steps=16)
            clay.ball(
                (x, y, z),
                (0.03, 0.022, 0.03),
                Skin(
                    tint(
                        rng, [(226, 80, 110), (240, 220, 90), (245, 240, 240)][rng.integers(3)], 12
                    )
                ),
            )
    else:
        clay.lathe([(0.0, 0.10), (0.012, 0.13)], Skin((236, 234, 228), gloss=0.4), steps=6)
        for k in (-0.05, 0.0, 0.05):
            clay.ball((k, 0.04, 0), (0.045, 0.036, 0.08), Skin((196, 136, 70), rough=0.25))


def draw_diningtable(pen, rng, chairs=False):
    """Draw a laid table from slightly above: round or long, bare wood or under a cloth."""
    clay, h = Clay(rng), 0.50
    wide, deep = rng.uniform(0.55, 0.72), rng.uniform(0.32, 0.42)
    round_top, skin = rng.random() < 0.35, wood(rng)
    top = skin
    if rng.random() < 0.4:
        top = Skin(
            tint(
                rng,
                [(238, 236, 230), (196, 60, 56), (120, 150, 190), (226, 210, 170)][rng.integers(4)],
                6,
            )
        )
        if rng.random() < 0.5:
            base = np.array(top.colour)
            top.paint = lambda p: np.where(
                ((np.sin(p[:, 0] * 45) > 0) ^ (np.sin(p[:, 2] * 45) > 0))[:, None],
                base,
                0.6 * base + 95,
            )
    if round_top:
        wide = deep = 0.5
        clay.lathe([(h - 0.03, 0.49), (h, 0.5)], top, steps=12, smooth=False)
        clay.lathe(
            [(0.0, 0.22), (0.03, 0.20), (0.06, 0.05), (0.25, 0.04), (h - 0.04, 0.06)],
            skin,
            steps=16,
        )
    else:
        clay.box((-wide, h - 0.035, -deep), (wide, h, deep), top)
        clay.box(
            (-wide + 0.05, h - 0.09, -deep + 0.05), (wide - 0.05, h - 0.035, deep - 0.05), skin
        )
        frame_legs(clay, skin, wide - 0.02, deep - 0.02, h - 0.03, 0.035)
        if top is not skin:
            hang = Skin(top.colour, paint=top.paint)
            clay.box(
                (-wide - 0.004, h - 0.15, -deep - 0.004),
                (wide + 0.004, h - 0.001, deep + 0.004),
                hang,
            )
    with clay.at((0, h + 0.002, 0)):
        seats = [
            (x, s)
            for x in ((-0.55 * wide, 0.55 * wide) if not round_top else (0.0,))
            for s in (-1, 1)
        ]
        for x, s in seats:
            place_setting(clay, rng, x, s * (deep - 0.15), s)
        if round_top:
            for s in (-1, 1):
                place_setting(clay, rng, s * 0.32, 0, 1)
        table_centre(clay, rng)
    if chairs:
        table_chairs(clay, rng, wide, deep, skin)
    return clay.draw(pen, yaw=rng.uniform(-35, 35), pitch=rng.uniform(18, 36))


def table_chairs(clay, rng, wide, deep, skin):
    """Push simple chairs up to the far side and the ends of the table."""
    spots = [
        (-0.5 * wide, -deep - 0.08, 0),
        (0.5 * wide, -deep - 0.08, 0),
        (wide + 0.1, 0, -90),
        (-wide - 0.1, 0, 90),
    ]
    for x, z, yaw in spots:
        if rng.random() < 0.25:
            continue
        with clay.at((x, 0, z), yaw=yaw):
            for s in (-1, 1):
                clay.cone(
                    (s * 0.13, 0, -0.1), (s * 0.13, 0.68, -0.13), 0.018, 0.016, skin, steps=50
                )
                clay.cone((s * 0.13, 0, 0.12), (s * 0.13, 0.3, 0.12), 0.018, 0.016, skin, steps=30)
            clay.box((-0.15, 0.29, -0.13), (0.15, 0.32, 0.14), skin)
            for y in (0.42, 0.53, 0.64):
                clay.box((-0.13, y - 0.03, -0.13), (0.13, y + 0.025, -0.115), skin)


DRAW = {"bottle": draw_bottle, "chair": draw_chair, "diningtable": draw_diningtable}
