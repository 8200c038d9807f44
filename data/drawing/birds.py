"""Birds, modelled in clay: perched, wading, swimming and flying."""

from __future__ import annotations

import math

import numpy as np

from .clay import Clay, Skin, noise3
from .farm import eye, tint

# name: (back, breast, wing, beak colour, beak length, beak depth)
SONGBIRDS = {
    "robin": ((92, 80, 66), (206, 92, 40), (78, 66, 54), (60, 50, 44), 0.10, 0.030),
    "bluetit": ((88, 120, 170), (228, 205, 90), (60, 92, 150), (50, 48, 50), 0.08, 0.030),
    "finch": ((206, 168, 40), (228, 196, 60), (40, 38, 38), (206, 140, 90), 0.09, 0.045),
    "sparrow": ((128, 92, 60), (188, 172, 150), (100, 70, 44), (80, 68, 56), 0.09, 0.042),
    "cardinal": ((178, 34, 30), (205, 46, 38), (140, 28, 28), (226, 110, 50), 0.09, 0.055),
    "crow": ((26, 26, 32), (32, 32, 38), (20, 20, 26), (24, 24, 26), 0.17, 0.045),
    "bluebird": ((52, 92, 168), (200, 120, 76), (40, 76, 150), (40, 38, 40), 0.09, 0.028),
    "dove": ((150, 150, 160), (196, 186, 186), (128, 130, 142), (70, 60, 62), 0.09, 0.024),
    "parrot": ((48, 150, 58), (60, 172, 70), (34, 120, 50), (205, 70, 50), 0.12, 0.075),
    "macaw": ((196, 34, 36), (206, 40, 40), (36, 82, 176), (34, 30, 30), 0.13, 0.085),
}


def plumage(rng, colour, fur=0.014, spots=0.0):
    """Return a feathered skin, faintly scaled or speckled."""
    colour = np.array(tint(rng, colour, 7))
    scale = noise3(rng, 26)

    def paint(p):
        scallop = np.sin(95 * p[:, 0] + 2.5 * scale(p)) * np.sin(95 * p[:, 1] + 60 * p[:, 2])
        return colour * (1 + 0.12 * scallop + 0.06 * scale(p) - spots * (scale(p) > 0.35))[:, None]

    return Skin(colour, fur=fur, thick=0.006, contrast=0.05, wild=0.16, paint=paint)


def feather(clay, root, tip, width, skin, sign=1):
    """Lay one long flat feather from root to tip, with a darker edge."""
    root, tip = np.asarray(root, float), np.asarray(tip, float)
    d = tip - root
    length = np.linalg.norm(d)
    yaw = -math.degrees(math.atan2(d[2], d[0]))
    pitch = math.degrees(math.asin(d[1] / (length + 1e-9)))
    clay.ball((root + tip) / 2, (length / 2, width, 0.008), skin, yaw=yaw, pitch=pitch, flow=d)


def folded_wing(clay, rng, skin, dark, bars):
    """Lay a folded wing on each flank: coverts over long flight feathers."""
    for s in (-1, 1):
        for k in range(7):
            t = k / 6
            tone = Skin(
                tuple(np.array(dark) * (0.8 + 0.3 * (k % 2))), fur=0.02, thick=0.003, contrast=0.08
            )
            feather(
                clay,
                (0.08 - 0.1 * t, 0.40 - 0.17 * t, s * 0.165),
                (-0.50 + 0.22 * t, 0.17 - 0.05 * t, s * (0.09 + 0.03 * t)),
                0.032,
                tone,
            )
        clay.ball(
            (-0.02, 0.36, s * 0.135), (0.22, 0.125, 0.055), skin, pitch=27, flow=(-1, -0.5, 0)
        )
        if bars:
            clay.ball(
                (-0.12, 0.27, s * 0.175),
                (0.014, 0.085, 0.02),
                Skin((236, 232, 222), fur=0.015),
                pitch=-20,
            )


def beak(clay, where, colour, length, depth, hooked=False):
    """Model an upper and a lower bill, or a parrot's hook."""
    x, y, z = where
    skin = Skin(colour, gloss=0.4)
    if hooked:
        clay.tube(
            [
                (x - 0.02, y + 0.01, z),
                (x + length * 0.7, y - 0.01, z),
                (x + length * 0.75, y - length * 0.9, z),
            ],
            [depth, depth * 0.8, 0.008],
            skin,
            wide=0.7,
        )
        clay.cone(
            (x, y - depth, z), (x + length * 0.4, y - depth * 1.5, z), depth * 0.5, 0.02, skin
        )
        return
    clay.cone((x - 0.02, y, z), (x + length, y - 0.012, z), depth, 0.005, skin)
    lower = Skin(tuple(np.array(colour) * 0.7), gloss=0.3)
    clay.cone(
        (x - 0.02, y - depth * 0.7, z), (x + length * 0.85, y - 0.022, z), depth * 0.6, 0.004, lower
    )


def foot(clay, where, skin, size=0.05):
    """Model a foot with three toes forward and one back."""
    x, y, z = where
    for dx, dz in ((1.4, -0.7), (1.6, 0), (1.4, 0.7), (-0.9, 0)):
        clay.tube(
            [
                (x, y + 0.01, z),
                (x + dx * size * 0.6, y + 0.014, z + dz * size * 0.5),
                (x + dx * size, y - 0.004, z + dz * size),
            ],
            [0.011, 0.010, 0.005],
            skin,
        )


def perched(clay, rng):
    """Model a songbird, crow, dove or parrot on a branch or on the ground."""
    kind = list(SONGBIRDS)[rng.integers(len(SONGBIRDS))]
    back, breast, wing, bill, length, depth = SONGBIRDS[kind]
    body, front, cover = (
        plumage(rng, back),
        plumage(rng, breast, spots=0.25 * (kind == "sparrow")),
        plumage(rng, wing, 0.03),
    )
    tropical = kind in ("parrot", "macaw")
    on_branch = tropical or rng.random() < 0.7
    steep = rng.uniform(10, 30) + 22 * tropical if on_branch else rng.uniform(-8, 4)
    a = math.radians(steep)

    def turned(x, y):
        return x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)

    with clay.at((0, 0, 0), pitch=steep):
        clay.tube(
            [(0.20, 0.44, 0), (0.08, 0.34, 0), (-0.12, 0.27, 0), (-0.32, 0.20, 0)],
            [0.14, 0.185, 0.155, 0.06],
            body,
            wide=0.92,
        )
        clay.ball((0.12, 0.30, 0), (0.19, 0.165, 0.162), front, pitch=45)
        clay.ball((-0.02, 0.22, 0), (0.18, 0.10, 0.13), front, pitch=20)
        folded_wing(clay, rng, cover, wing, kind in ("finch", "sparrow", "bluetit"))
        long = 0.5 if tropical else 0.22
        for k in range(-2, 3):
            feather(
                clay,
                (-0.28, 0.21, k * 0.016),
                (-0.46 - long + 0.02 * abs(k), 0.14 - long * 0.25, k * 0.03),
                0.026,
                Skin(tuple(np.array(wing) * (0.75 + 0.1 * (k % 2))), fur=0.015, thick=0.003),
            )
    with clay.at((*turned(0.26, 0.52), 0), yaw=rng.uniform(-35, 35)):
        songbird_head(clay, rng, kind, body, front, bill, length, depth)
    x, y = turned(0.02, 0.16)
    legs(clay, rng, (x, y), y - (0.05 if on_branch else 0.0), tint(rng, (110, 84, 70)))
    if on_branch:
        bark = Skin(tint(rng, (96, 74, 54)), rough=0.4, fur=0.02, contrast=0.2)
        clay.tube(
            [
                (x - 0.5, -0.02, 0.02),
                (x - 0.1, 0.0, 0.03),
                (x + 0.2, 0.01, 0.02),
                (x + 0.5, 0.07, 0),
            ],
            [0.045, 0.038, 0.036, 0.026],
            bark,
        )
        return False
    return True


def songbird_head(clay, rng, kind, body, front, bill, length, depth):
    """Model a round head with beak, eye and the marks of its kind."""
    clay.ball(
        (0, 0, 0),
        (0.135, 0.125, 0.12),
        front if kind in ("robin", "finch", "dove") else body,
        flow=(-1, -0.2, 0),
    )
    if kind in ("robin", "finch"):
        clay.ball(
            (-0.03, 0.035, 0),
            (0.125, 0.10, 0.115),
            body if kind == "robin" else plumage(rng, (30, 28, 28)),
            flow=(-1, 0, 0),
        )
    if kind in ("bluetit", "macaw"):
        for s in (-1, 1):
            clay.ball(
                (0.045, -0.015, s * 0.075),
                (0.075, 0.06, 0.045),
                Skin((240, 238, 232), fur=0.012),
                flow=(-1, 0, 0),
            )
    if kind == "cardinal":
        clay.tube([(0.06, 0.10, 0), (-0.04, 0.16, 0), (-0.12, 0.24, 0)], [0.05, 0.05, 0.01], body)
        clay.ball((0.10, -0.02, 0), (0.05, 0.06, 0.07), Skin((26, 22, 22), fur=0.015))
    beak(clay, (0.115, 0.0, 0), bill, length, depth, kind in ("parrot", "macaw"))
    for s in (-1, 1):
        eye(clay, (0.06, 0.03, s * 0.098), 0.021, iris=(28, 20, 16), out=s)


def legs(clay, rng, where, length, colour, gap=0.055):
    """Model two thin legs and their feet."""
    skin = Skin(colour)
    x, y = where
    for s in (-1, 1):
        clay.tube(
            [
                (x - 0.03, y, s * gap),
                (x - 0.06, y - length * 0.45, s * gap),
                (x - 0.01, y - length, s * gap),
            ],
            [0.022, 0.012, 0.012],
            skin,
            steps=50,
        )
        foot(clay, (x - 0.01, y - length, s * gap), skin)


WATER = {
    "duck": ((150, 140, 126), (34, 92, 60), (214, 180, 60)),
    "swan": ((244, 243, 240), (244, 243, 240), (226, 130, 50)),
    "goose": ((136, 122, 106), (40, 36, 36), (40, 38, 38)),
    "heron": ((140, 150, 165), (214, 216, 220), (220, 170, 60)),
    "flamingo": ((238, 140, 138), (240, 152, 148), (60, 44, 44)),
    "gull": ((176, 182, 192), (246, 246, 244), (230, 180, 50)),
}


def wading(clay, rng):
    """Model a water bird: a boat of a body, a neck of some length, legs or none."""
    kind = list(WATER)[rng.integers(len(WATER))]
    back, neck, bill = WATER[kind]
    body, throat = plumage(rng, back), plumage(rng, neck, 0.02)
    tall = kind in ("heron", "flamingo")
    y = 0.75 if tall else (0.34 if kind == "gull" or rng.random() < 0.5 else 0.14)
    clay.tube(
        [(0.24, y + 0.06, 0), (0.08, y, 0), (-0.18, y + 0.01, 0), (-0.42, y + 0.08, 0)],
        [0.11, 0.17, 0.16, 0.035],
        body,
        wide=1.0,
    )
    for s in (-1, 1):
        clay.ball((-0.06, y + 0.07, s * 0.12), (0.27, 0.11, 0.06), body, pitch=-6, flow=(-1, 0, 0))
        for k in range(6):
            tone = Skin(
                tuple(np.clip(np.array(back) * (0.58 + 0.16 * (k % 3)), 0, 250)),
                fur=0.02,
                thick=0.003,
            )
            feather(
                clay,
                (-0.02, y + 0.10 - 0.03 * k, s * 0.165),
                (-0.46 + 0.03 * k, y + 0.10 - 0.02 * k, s * 0.07),
                0.026,
                tone,
            )
    reach = {
        "swan": 0.46,
        "heron": 0.50,
        "flamingo": 0.5,
        "goose": 0.30,
        "duck": 0.16,
        "gull": 0.12,
    }[kind]
    bow = 0.10 if reach > 0.25 else 0.02
    head = (0.34 + 0.4 * bow, y + 0.12 + reach, 0)
    clay.tube(
        [
            head,
            (0.30 - bow * 0.6, y + 0.10 + reach * 0.75, 0),
            (0.34 + bow * 0.8, y + 0.06 + reach * 0.35, 0),
            (0.22, y + 0.03, 0),
        ],
        [0.055, 0.048, 0.06, 0.12] if reach > 0.25 else [0.085, 0.08, 0.09, 0.13],
        throat,
    )
    with clay.at(head, yaw=rng.uniform(-30, 30)):
        r = 0.058 if tall else 0.085
        clay.ball((0.02, 0, 0), (r * 1.35, r, r * 0.95), throat, flow=(-1, 0, 0))
        length = {"heron": 0.26, "flamingo": 0.14, "gull": 0.12}.get(kind, 0.13)
        clay.cone(
            (r, -0.005, 0),
            (r + length, -0.03 if kind != "flamingo" else -0.12, 0),
            r * 0.55,
            0.012 if tall else 0.026,
            Skin(bill, gloss=0.3),
            flat=1.0 if tall else 1.3,
        )
        for s in (-1, 1):
            eye(clay, (r * 0.8, r * 0.3, s * r * 0.75), 0.016, iris=(40, 26, 16), out=s)
    if y > 0.2:
        legs(
            clay,
            rng,
            (-0.02, y - 0.08),
            y - 0.09,
            (226, 130, 120) if kind == "flamingo" else tint(rng, (200, 140, 60)),
            0.05,
        )
    return True


FLYERS = {
    "gull": ((246, 246, 244), (180, 186, 196), (34, 34, 36)),
    "hawk": ((196, 166, 126), (122, 88, 58), (60, 44, 34)),
    "crow": ((30, 30, 36), (28, 28, 34), (18, 18, 22)),
    "eagle": ((66, 48, 36), (76, 56, 40), (44, 32, 26)),
    "pigeon": ((140, 144, 156), (164, 168, 178), (70, 72, 80)),
    "swallow": ((224, 206, 186), (40, 52, 92), (28, 36, 66)),
}


def flying(clay, rng):
    """Model a bird on the wing: a slim body, a fan of flight feathers each side, a spread tail."""
    kind = list(FLYERS)[rng.integers(len(FLYERS))]
    belly, wing, edge = FLYERS[kind]
    body, cover = plumage(rng, belly, 0.025), plumage(rng, wing, 0.025)
    head = Skin((240, 238, 232), fur=0.02) if kind == "eagle" else body
    clay.tube(
        [(0.24, 0.02, 0), (0.08, 0, 0), (-0.14, 0, 0), (-0.30, 0.01, 0)],
        [0.075, 0.10, 0.085, 0.03],
        body,
    )
    clay.ball((0.29, 0.03, 0), (0.085, 0.07, 0.065), head, flow=(-1, 0, 0))
    beak(clay, (0.36, 0.025, 0), (226, 180, 60) if kind != "crow" else (28, 28, 30), 0.07, 0.024)
    for s in (-1, 1):
        eye(clay, (0.32, 0.045, s * 0.05), 0.013, out=s)
    lift = rng.uniform(-0.25, 0.75)
    for s in (-1, 1):
        spread(clay, s, lift, cover, wing, edge)
    for k in range(-3, 4):
        feather(
            clay,
            (-0.24, 0.01, k * 0.012),
            (-0.50 + 0.012 * k * k, 0.0, k * 0.045),
            0.03,
            Skin(tuple(np.array(wing) * (0.8 + 0.1 * (k % 2))), fur=0.01),
            1,
        )
    return False


def spread(clay, s, lift, cover, wing, edge):
    """Model one open wing: arm, coverts, then secondaries and primaries out to the tip."""

    def bone(t):
        up = lift * (0.42 * t - 0.12 * t * t) + 0.03 * math.sin(3 * t)
        return np.array(
            [0.10 + 0.10 * math.sin(t * 2.2) - 0.10 * t * t, 0.03 + up, s * (0.06 + 0.62 * t)]
        )

    for i in range(15):
        t = i / 14
        tip = bone(min(1, t)) + np.array(
            [-0.27 + 0.05 * t, -0.01, s * (0.02 + 0.24 * max(0, t - 0.45) ** 1.2)]
        )
        if t > 0.6:
            tip[0] += (t - 0.6) * 0.25
        mix = np.clip((t - 0.45) * 2.2, 0, 1)
        tone = np.array(wing) * (1 - mix) * (0.86 + 0.1 * (i % 2)) + np.array(edge) * mix
        slab(clay, bone(t), tip, 0.034, Skin(tuple(tone), fur=0.012, thick=0.003, contrast=0.08))
    for i in range(12):
        t = i / 13
        slab(
            clay,
            bone(t) + np.array([0.01, 0.012, 0]),
            bone(t) + np.array([-0.12 + 0.05 * t, 0.01, s * 0.03 * t]),
            0.045,
            cover,
        )
    clay.tube(
        [bone(t) for t in (1, 0.75, 0.5, 0.25, 0)],
        [0.012, 0.026, 0.034, 0.04, 0.06],
        cover,
        wide=1.0,
    )


def slab(clay, root, tip, width, skin):
    """Lay one feather of an open wing, flat to the sky."""
    d = np.asarray(tip) - np.asarray(root)
    yaw = -math.degrees(math.atan2(d[2], d[0]))
    pitch = math.degrees(math.asin(d[1] / np.linalg.norm(d)))
    clay.ball(
        (np.asarray(root) + tip) / 2,
        (np.linalg.norm(d) / 2, 0.009, width),
        skin,
        yaw=yaw,
        pitch=pitch,
        flow=d,
    )


def draw_bird(pen, rng, view=None):
    """Draw a bird: perched, at the water or in flight."""
    view = view or rng.choice(["perch", "face", "water", "fly"], p=[0.45, 0.12, 0.22, 0.21])
    clay = Clay(rng)
    if view == "fly":
        flying(clay, rng)
        return clay.draw(
            pen,
            yaw=rng.choice([0, 180]) + rng.uniform(-60, 60),
            pitch=rng.choice([-1, 1]) * rng.uniform(25, 65),
            shadow=0,
        )
    ground = perched(clay, rng) if view in ("perch", "face") else wading(clay, rng)
    if view == "face":
        clay.floor, ground = rng.uniform(0.26, 0.36), False
    return clay.draw(
        pen,
        yaw=rng.choice([0, 0, -25]) + rng.uniform(-20, 20),
        pitch=rng.uniform(0, 10),
        shadow=0.45 * ground,
    )


DRAW = {"bird": draw_bird}
