"""Aeroplanes, bicycles, boats, buses, cars, motorbikes and trains.

Each faces right, stands on y = 0 and is about one unit long.
"""

from __future__ import annotations

import numpy as np

from .pen import pick, vary

PAINTS = [(178, 28, 32), (28, 66, 140), (225, 225, 222), (52, 54, 58), (150, 155, 160),
    (24, 92, 62),
          (226, 180, 40), (96, 24, 38), (70, 120, 160), (205, 110, 40), (20, 22, 26),
          (190, 180, 150)]  # fmt: skip
RUBBER = (30, 30, 33)
CHROME = [(235, 238, 242), (120, 124, 132), (215, 218, 222), (80, 84, 92)]
GLASS = [(168, 196, 216), (92, 116, 134), (40, 50, 60)]
DARK_GLASS = [(120, 145, 165), (48, 58, 70), (22, 28, 36)]
LAMP = [(255, 252, 235), (205, 205, 195)]


def lighter(colour, by):
    """Return `colour` mixed with white (by > 0) or black (by < 0)."""
    end = 255 if by > 0 else 0
    return tuple(int(v + (end - v) * abs(by)) for v in colour)


def lacquer(colour):
    """Return the gradient of polished paint: sky above, a bright edge, dark ground below."""
    return [lighter(colour, 0.35), lighter(colour, 0.1), colour, lighter(colour, 0.12),
            lighter(colour, -0.2), lighter(colour, -0.45)]  # fmt: skip


def panel(a, b, c, d):
    """Return the map from the unit square to the corners a (0,0), b (1,0), c (1,1), d (0,1)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = a, b, c, d
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    det = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / det, (dx1 * sy - sx * dy1) / det

    def at(points):
        u, v = np.asarray(points, float).T
        w = g * u + h * v + 1
        x = ((x1 - x0 + g * x1) * u + (x3 - x0 + h * x3) * v + x0) / w
        y = ((y1 - y0 + g * y1) * u + (y3 - y0 + h * y3) * v + y0) / w
        return np.column_stack([x, y])

    return at


def rect(x0, y0, x1, y1):
    """Return the corners of a rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def disc(cx, cy, rx, ry):
    """Return the outline of an upright ellipse."""
    t = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.column_stack([cx + rx * np.cos(t), cy + ry * np.sin(t)])


def car_wheel(pen, x, r, spokes=5, y=None):
    """Draw a tyre with an alloy rim that touches the ground, or stands at height y."""
    y = r if y is None else y
    pen.oval(x, y, r, r, RUBBER, shade=0.2)
    pen.oval(x, y, 0.68 * r, 0.68 * r, CHROME, relief=0.2)
    pen.oval(x, y, 0.58 * r, 0.58 * r, (60, 62, 68))
    for k in range(spokes):
        t = 2 * np.pi * k / spokes + 0.3
        pen.line(
            [(x, y), (x + 0.6 * r * np.cos(t), y + 0.6 * r * np.sin(t))], 0.15 * r, (192, 195, 200)
        )
    pen.oval(x, y, 0.15 * r, 0.15 * r, (150, 152, 158))


# ------------------------------------------------------------------ cars

CAR_BODIES = {
    "saloon": ([(-0.49, 0.1), (-0.497, 0.17), (-0.47, 0.213), (-0.36, 0.222), (-0.23, 0.305),
                (-0.03, 0.322), (0.11, 0.297), (0.24, 0.213), (0.42, 0.19), (0.488, 0.15),
                (0.495, 0.09), (0.46, 0.062), (-0.46, 0.062)],
               [(-0.325, 0.218), (-0.215, 0.292), (-0.03, 0.307), (0.095, 0.284), (0.2, 0.212)],
               [-0.175, 0.005]),
    "hatchback": ([(-0.47, 0.09), (-0.485, 0.19), (-0.455, 0.25), (-0.38, 0.345), (-0.15, 0.375),
                   (0.06, 0.357), (0.24, 0.24), (0.42, 0.208), (0.485, 0.16), (0.49, 0.09),
                   (0.45, 0.065), (-0.44, 0.065)],
                  [(-0.43, 0.25), (-0.35, 0.335), (-0.15, 0.356), (0.045, 0.338), (0.195, 0.237)],
                  [-0.27, -0.04]),
    "estate": ([(-0.49, 0.1), (-0.497, 0.2), (-0.47, 0.3), (-0.4, 0.38), (-0.1, 0.392),
        (0.08, 0.38),
                (0.22, 0.262), (0.42, 0.24), (0.487, 0.2), (0.495, 0.1), (0.45, 0.08),
                (-0.45, 0.08)],
               [(-0.455, 0.27), (-0.4, 0.362), (-0.1, 0.375), (0.065, 0.362), (0.175, 0.265)],
               [-0.28, -0.1, 0.04]),
}  # fmt: skip


def car_side(pen, rng):
    """Draw a car from the side: saloon, hatchback or estate."""
    outline, windows, pillars = CAR_BODIES[pick(rng, sorted(CAR_BODIES))]
    paint = vary(rng, pick(rng, PAINTS))
    r, front, rear = rng.uniform(0.074, 0.084), 0.31, -0.3
    pen.poly(rect(-0.42, 0.04, 0.42, 0.1), (25, 25, 28))
    pen.shape(outline, lacquer(paint), shade=0.1, relief=0.35)
    for x in (rear, front):
        pen.oval(x, r + 0.008, r * 1.22, r * 1.22, (14, 14, 16), shade=0)
    pen.poly(rect(-0.2, 0.048, 0.2, 0.075), lighter(paint, -0.6))
    glass_band(pen, windows, pillars, paint)
    pen.line([(-0.46, 0.155), (0.44, 0.148)], 0.005, lighter(paint, 0.3))
    for x in [*pillars, 0.16]:
        pen.line([(x, windows[0][1] - 0.01), (x + 0.005, 0.085)], 0.003, lighter(paint, -0.6))
    for x in pillars:
        pen.line([(x - 0.07, 0.185), (x - 0.03, 0.187)], 0.01, lighter(paint, -0.4))
    pen.shape([(0.41, 0.165), (0.47, 0.16), (0.485, 0.135), (0.43, 0.14)], LAMP, shade=0)
    pen.shape(
        [(-0.495, 0.19), (-0.45, 0.195), (-0.45, 0.16), (-0.49, 0.155)], (190, 20, 20), shade=0
    )
    pen.oval(0.19, windows[-1][1] + 0.008, 0.022, 0.016, paint)
    pen.poly(rect(0.43, 0.075, 0.472, 0.098), (45, 46, 50))
    pen.poly(rect(-0.472, 0.075, -0.43, 0.098), (45, 46, 50))
    spokes = int(rng.integers(5, 9))
    for x in (rear, front):
        car_wheel(pen, x, r, spokes)


def glass_band(pen, windows, pillars, paint):
    """Draw a car's side windows with their pillars and the sky's streak across them."""
    pen.shape(windows, GLASS if paint[0] < 120 else DARK_GLASS, shade=0.1, relief=0.1)
    pen.soft(0.02, windows[2][1] - 0.03, 0.09, 0.02, (225, 238, 248), 0.5, 30)
    for x in pillars:
        low, high = windows[0][1] - 0.012, windows[2][1] - 0.006
        pen.poly([(x - 0.009, low), (x + 0.009, low), (x + 0.004, high), (x - 0.012, high)],
                 lighter(paint, -0.35))  # fmt: skip


def car_front(pen, rng):
    """Draw a car from the front."""
    paint = vary(rng, pick(rng, PAINTS))
    for side in (-1, 1):
        pen.poly(rect(side * 0.35 - 0.07, 0, side * 0.35 + 0.07, 0.2), RUBBER)
    pen.poly(rect(-0.38, 0.08, 0.38, 0.2), (22, 22, 25))
    pen.shape([(-0.33, 0.42), (-0.25, 0.66), (-0.12, 0.715), (0.12, 0.715), (0.25, 0.66),
        (0.33, 0.42)],
              lacquer(paint), relief=0.3)  # fmt: skip
    pen.shape([(-0.3, 0.43), (-0.225, 0.64), (0, 0.67), (0.225, 0.64), (0.3, 0.43), (0, 0.41)],
              GLASS, relief=0.1)  # fmt: skip
    for side in (-1, 1):
        pen.oval(side * 0.12, 0.46, 0.05, 0.075, (35, 40, 46), alpha=0.7)
        pen.shape([(side * 0.35, 0.44), (side * 0.46, 0.46), (side * 0.47, 0.52),
            (side * 0.36, 0.5)],
                  lacquer(paint))  # fmt: skip
    pen.shape([(-0.45, 0.12), (-0.47, 0.3), (-0.41, 0.4), (-0.3, 0.445), (0, 0.455), (0.3, 0.445),
               (0.41, 0.4), (0.47, 0.3), (0.45, 0.12), (0.2, 0.09), (-0.2, 0.09)],
              lacquer(paint), relief=0.35)  # fmt: skip
    pen.line(
        [(-0.3, 0.43), (-0.24, 0.33), (0.24, 0.33), (0.3, 0.43)], 0.005, lighter(paint, -0.4), True
    )
    grille(pen, rng)
    for side in (-1, 1):
        pen.shape([(side * 0.26, 0.3), (side * 0.43, 0.335), (side * 0.44, 0.27),
            (side * 0.3, 0.245)],
                  [(250, 250, 245), (150, 155, 165), (230, 232, 235)])  # fmt: skip
        pen.oval(side * 0.37, 0.288, 0.03, 0.03, LAMP)
        pen.oval(side * 0.36, 0.155, 0.035, 0.02, (235, 230, 200))


def grille(pen, rng):
    """Draw the grille, the badge and the number plate of a car's front."""
    pen.shape([(-0.22, 0.3), (0.22, 0.3), (0.18, 0.21), (-0.18, 0.21)], (24, 25, 28), relief=0)
    for y in np.linspace(0.225, 0.29, int(rng.integers(3, 6))):
        pen.line([(-0.19, y), (0.19, y)], 0.007, (130, 134, 140))
    pen.oval(0, 0.262, 0.03, 0.03, CHROME)
    pen.poly(rect(-0.28, 0.115, 0.28, 0.165), (28, 28, 31))
    pen.poly(rect(-0.12, 0.13, 0.12, 0.185), (240, 240, 235))
    for x in (-0.08, -0.04, 0.02, 0.055, 0.085):
        pen.poly(rect(x - 0.011, 0.143, x + 0.011, 0.172), (40, 40, 45))


def draw_car(pen, rng, view=None):
    """Draw a car, mostly from the side."""
    if (view or pick(rng, ["side", "side", "front"])) == "side":
        car_side(pen, rng)
    else:
        car_front(pen, rng)


# ------------------------------------------------------------------ buses

LIVERIES = [((188, 24, 30), (120, 14, 20)), ((238, 178, 28), (30, 30, 30)), ((235, 236, 238),
    (30, 90, 170)),
            ((40, 110, 70), (235, 235, 225)), ((238, 120, 30), (240, 240, 235)), ((40, 80, 160),
            (235, 235, 235))]  # fmt: skip


def draw_bus(pen, rng, view=None):
    """Draw a bus from its front corner or from the side; some are double-deckers."""
    livery = pick(rng, LIVERIES)
    decks = 2 if rng.random() < 0.25 else 1
    if (view or pick(rng, ["corner", "corner", "side"])) == "corner":
        bus_corner(pen, rng, livery, decks)
    else:
        bus_side(pen, rng, livery, decks)


def bus_flank(pen, at, rng, livery, decks):
    """Draw a bus's long side into the panel `at`: u runs from the front, v upwards."""
    paint, trim = livery
    pen.poly(at(rect(0, 0, 1, 1)), lacquer(paint), shade=0.05)
    pen.poly(at(rect(0, 0, 1, 0.09)), lighter(paint, -0.6))
    pen.poly(at(rect(0, 0.2 / decks, 1, 0.27 / decks)), trim)
    n = int(rng.integers(6, 9))
    for deck in range(decks):
        low, high = (0.5, 0.87) if decks == 1 else ((0.27, 0.47), (0.62, 0.86))[deck]
        pen.poly(at(rect(0.02, low - 0.02, 0.985, high + 0.02)), (26, 28, 32))
        for k in range(n):
            u = 0.03 + 0.95 * k / n
            pane = rect(u, low, u + 0.88 * 0.95 / n, high)
            pen.poly(at(pane), DARK_GLASS if k % 2 else GLASS, relief=0)
            pen.poly(at([pane[0], (u + 0.03, low), (u + 0.09, high), (u + 0.05, high)]),
                     (225, 236, 244), alpha=0.3, relief=0)  # fmt: skip
    door = 0.04 if decks == 1 else 0.52
    pen.poly(at(rect(door, 0.06, door + 0.1, 0.84 if decks == 1 else 0.47)), (32, 34, 38))
    for k in (0, 1):
        pane = rect(
            door + 0.008 + 0.048 * k, 0.11, door + 0.044 + 0.048 * k, 0.8 if decks == 1 else 0.45
        )
        pen.poly(at(pane), GLASS, relief=0)
    for u in (0.27, 0.8):
        for size, fill in (
            (1.25, (16, 16, 18)),
            (1.0, RUBBER),
            (0.55, (150, 152, 158)),
            (0.2, (60, 60, 64)),
        ):
            pen.poly(at(disc(u, 0.04, 0.052 * size, 0.13 * size / decks**0.6)), fill)


def bus_side(pen, rng, livery, decks):
    """Draw a bus from the side."""
    high = 0.36 if decks == 1 else 0.46
    at = panel((0.5, 0.03), (-0.5, 0.03), (-0.5, high), (0.5, high))
    pen.poly(rect(-0.485, 0.06, 0.485, high + 0.014), livery[0], relief=0.2)
    bus_flank(pen, at, rng, livery, decks)
    pen.poly(rect(0.485, 0.16, 0.515, 0.3), DARK_GLASS)
    pen.line([(0.5, 0.3), (0.54, 0.29), (0.54, 0.24)], 0.012, (30, 30, 32))


def bus_corner(pen, rng, livery, decks):
    """Draw a bus from its front corner, its side running away to the left."""
    paint, trim = livery
    high = 0.48 if decks == 1 else 0.62
    far = rng.uniform(0.6, 0.72)
    flank = panel((0.12, 0.02), (-0.5, 0.1), (-0.5, 0.1 + far * high), (0.12, high))
    bus_flank(pen, flank, rng, livery, decks)
    face = panel((0.12, 0.02), (0.5, 0.05), (0.5, high * 0.95), (0.12, high))
    pen.poly(face(rect(0, 0, 1, 1)), lacquer(lighter(paint, 0.08)), shade=0.05)
    pen.poly(face(rect(0, 0, 1, 0.09)), (30, 30, 33))
    pen.poly(face(rect(0, 0.3 / decks, 1, 0.34 / decks)), trim)
    pen.poly(face(rect(0.05, 0.36 / decks, 0.95, 0.82 / decks)), GLASS, relief=0.05)
    pen.poly(face([(0.2, 0.36 / decks), (0.32, 0.36 / decks), (0.6, 0.82 / decks),
        (0.45, 0.82 / decks)]),
             (235, 242, 248), alpha=0.35)  # fmt: skip
    pen.line(face([(0.5, 0.36 / decks), (0.5, 0.82 / decks)]), 0.006, (30, 30, 33))
    if decks == 2:
        pen.poly(face(rect(0.05, 0.6, 0.95, 0.88)), GLASS, relief=0.05)
    board = rect(0.15, 0.86, 0.85, 0.96) if decks == 1 else rect(0.2, 0.45, 0.8, 0.54)
    pen.poly(face(board), (20, 20, 22))
    for k in range(7):
        u = board[0][0] + 0.07 + 0.08 * k
        pen.poly(face(rect(u, board[0][1] + 0.025, u + 0.045, board[2][1] - 0.025)), (245, 170, 40))
    for u in (0.14, 0.86):
        pen.poly(face(disc(u, 0.19, 0.09, 0.045)), LAMP)
    pen.poly(face(rect(0.35, 0.12, 0.65, 0.18)), (240, 240, 235))
    for u, turn in ((0.0, -1), (1.0, 1)):
        x, y = face([(u, 0.75)])[0]
        pen.line([(x, y), (x + turn * 0.035, y + 0.005)], 0.01, (25, 25, 27))
        pen.poly(
            rect(x + turn * 0.035 - 0.012, y - 0.07, x + turn * 0.035 + 0.012, y), (25, 25, 27)
        )


# ------------------------------------------------------------------ trains


def draw_train(pen, rng, view=None):
    """Draw a train: a railcar from its front corner or the side, or a steam engine."""
    kind = view or pick(rng, ["corner", "corner", "steam", "side"])
    {"corner": train_corner, "steam": train_steam, "side": train_side}[kind](pen, rng)


def draw_track(pen, rng, view="side"):
    """Draw sleepers and rails for a train standing at the origin."""
    ballast = vary(rng, (128, 120, 112))
    if view == "corner":
        at = panel((0.06, -0.35), (0.72, -0.35), (-0.5, 0.11), (-0.62, 0.11))
        pen.poly(at(rect(-0.25, 0, 1.25, 1)), ballast, texture=0.35, cell=0.008)
        for v in np.linspace(0.02, 0.95, 22):
            pen.poly(at(rect(-0.08, v, 1.08, v + 0.016)), (72, 58, 48), texture=0.2)
        for u in (0.1, 0.9):
            pen.line(at([(u, 0), (u, 1)]), 0.012, (176, 172, 170))
        return
    pen.poly(rect(-4, -0.07, 4, 0.01), ballast, texture=0.35, cell=0.006)
    for x in np.arange(-3, 3, 0.035):
        pen.poly(rect(x, -0.025, x + 0.018, -0.008), (70, 58, 48))
    pen.poly(rect(-4, -0.008, 4, 0.004), [(200, 198, 196), (90, 80, 76)])


def bogie(pen, x, r):
    """Draw a pair of rail wheels in their frame."""
    for side in (-1, 1):
        pen.oval(x + side * 1.3 * r, r, r, r, (58, 54, 54))
        pen.oval(x + side * 1.3 * r, r, 0.55 * r, 0.55 * r, (98, 92, 90))
    pen.poly(rect(x - 2.2 * r, r, x + 2.2 * r, 1.7 * r), (44, 44, 48))


def train_side(pen, rng):
    """Draw two railway carriages, the first with a cab."""
    paint, trim = pick(rng, LIVERIES)
    for left, right, cab in ((-0.5, -0.015, False), (0.0, 0.5, True)):
        for x in (left + 0.09, right - 0.1):
            bogie(pen, x, 0.018)
        nose = 0.045 if cab else 0.0
        pen.poly([(left, 0.035), (right, 0.035), (right - 0.2 * nose, 0.09), (right - nose, 0.185),
                  (left, 0.185)], lacquer(paint), relief=0.2)  # fmt: skip
        pen.poly([(left, 0.18), (right - nose, 0.18), (right - nose - 0.02, 0.2),
            (left + 0.01, 0.2)],
                 (120, 124, 130))  # fmt: skip
        pen.poly(rect(left, 0.075, right - 0.4 * nose, 0.09), trim)
        for x in np.linspace(left + 0.05, right - 0.11, 7):
            pen.poly(rect(x, 0.11, x + 0.046, 0.16), DARK_GLASS)
        for x in (left + 0.02, right - 0.09):
            pen.poly(rect(x, 0.05, x + 0.024, 0.165), lighter(paint, -0.35))
            pen.poly(rect(x + 0.005, 0.115, x + 0.019, 0.155), GLASS)
        if cab:
            pen.poly([(right - 0.055, 0.115), (right - 0.018, 0.115), (right - 0.04, 0.168),
                      (right - 0.06, 0.168)], GLASS)  # fmt: skip
            pen.oval(right - 0.012, 0.075, 0.01, 0.008, LAMP)
    pen.poly(rect(-0.017, 0.05, 0.002, 0.18), (28, 28, 30))


def train_corner(pen, rng):
    """Draw a train coming towards us, its carriages running away to the left."""
    paint, trim = pick(rng, LIVERIES)
    high, far = rng.uniform(0.5, 0.58), rng.uniform(0.28, 0.36)
    flank = panel((0.1, 0.05), (-0.52, 0.12), (-0.52, 0.12 + far * high), (0.1, high))
    pen.poly(flank(rect(0, -0.07, 1, 0.02)), (30, 30, 32))
    pen.poly(flank(rect(0, 0, 1, 1)), lacquer(paint), shade=0.05)
    pen.poly(flank(rect(0, 0.28, 1, 0.36)), trim)
    pen.poly(flank(rect(0, 0.94, 1, 1.03)), (105, 108, 114))
    for start, end in ((0.0, 0.3), (0.315, 0.64), (0.655, 1.0)):
        for u in np.linspace(start + 0.07, end - 0.05, 6):
            pen.poly(flank(rect(u, 0.5, u + 0.032, 0.82)), DARK_GLASS, relief=0)
        pen.poly(flank(rect(start + 0.015, 0.06, start + 0.05, 0.88)), lighter(paint, -0.3))
        pen.poly(flank(rect(end, -0.02, end + 0.015, 0.97)), (24, 24, 26))
    face = panel((0.1, 0.05), (0.46, 0.06), (0.46, high * 0.97), (0.1, high))
    pen.poly(face(rect(0.04, -0.14, 0.96, 0.05)), (34, 34, 36))
    round_front = [(0, 0), (1, 0), (1, 0.6), (0.93, 0.93), (0.5, 1.05), (0.07, 0.93), (0, 0.6)]
    pen.poly(face(round_front), lacquer(lighter(paint, 0.1)), relief=0.3)
    warning = pick(rng, [(240, 200, 30), trim, lighter(paint, -0.3)])
    pen.poly(face(rect(0.02, 0.04, 0.98, 0.4)), warning, relief=0.1)
    pen.poly(face(rect(0.08, 0.48, 0.92, 0.84)), (20, 22, 25))
    for u in (0.11, 0.52):
        pen.poly(face(rect(u, 0.51, u + 0.37, 0.81)), GLASS, relief=0.05)
    for u in (0.16, 0.84):
        pen.poly(face(disc(u, 0.28, 0.085, 0.055)), (40, 40, 44))
        pen.poly(face(disc(u, 0.28, 0.06, 0.04)), LAMP)
        pen.poly(face(disc(u, 0.06, 0.09, 0.06)), (60, 60, 64), relief=0.4)
    pen.poly(face(disc(0.5, 0.93, 0.08, 0.045)), LAMP)
    pen.poly(face(rect(0.42, -0.02, 0.58, 0.1)), (50, 50, 54))
    pen.poly(face([(0.02, -0.03), (0.98, -0.03), (0.86, -0.13), (0.14, -0.13)]), (64, 64, 68))


def train_steam(pen, rng):
    """Draw a steam engine with its tender and a carriage behind."""
    paint = pick(rng, [(30, 32, 34), (26, 70, 48), (28, 44, 84), (110, 24, 28)])
    coach = pick(rng, [(110, 30, 34), (150, 110, 60), (40, 70, 60)])
    pen.poly(rect(-0.5, 0.06, -0.2, 0.22), lacquer(coach))
    pen.poly(rect(-0.5, 0.215, -0.195, 0.235), (70, 72, 76))
    for x in np.linspace(-0.485, -0.245, 5):
        pen.poly(rect(x, 0.13, x + 0.034, 0.185), DARK_GLASS)
    bogie(pen, -0.4, 0.02)
    bogie(pen, -0.26, 0.02)
    pen.poly(rect(-0.18, 0.06, -0.015, 0.17), lacquer(paint))
    pen.shape(
        [(-0.17, 0.165), (-0.12, 0.195), (-0.06, 0.19), (-0.025, 0.165)], (28, 27, 28), texture=0.6
    )
    bogie(pen, -0.13, 0.02)
    bogie(pen, -0.06, 0.02)
    pen.poly(rect(0.0, 0.06, 0.46, 0.09), (110, 24, 24))
    pen.shape([(0.1, 0.09), (0.1, 0.2), (0.43, 0.2), (0.43, 0.09)],
              [lighter(paint, 0.1), lighter(paint, 0.45),
              paint, lighter(paint, -0.5)], relief=0.3)  # fmt: skip
    pen.poly(rect(0.115, 0.09, 0.43, 0.197), [lighter(paint, 0.15), lighter(paint, 0.5), paint,
                                              lighter(paint, -0.5)])  # fmt: skip
    for x in (0.19, 0.27, 0.35):
        pen.line([(x, 0.09), (x, 0.197)], 0.006, (190, 150, 70))
    pen.poly(rect(0.0, 0.09, 0.12, 0.25), lacquer(paint))
    pen.poly(rect(-0.02, 0.245, 0.135, 0.262), (40, 40, 44))
    pen.poly(rect(0.025, 0.165, 0.095, 0.225), DARK_GLASS)
    pen.poly(
        [(0.37, 0.195), (0.415, 0.195), (0.425, 0.285), (0.36, 0.285)], (32, 32, 34), relief=0.5
    )
    pen.oval(0.29, 0.2, 0.028, 0.03, (196, 156, 70))
    pen.oval(0.21, 0.2, 0.024, 0.022, paint)
    pen.oval(0.44, 0.145, 0.022, 0.055, (46, 46, 50))
    pen.oval(0.46, 0.215, 0.018, 0.018, LAMP)
    for x in (0.06, 0.16, 0.26):
        pen.ring(x, 0.058, 0.047, 0.014, (130, 26, 26))
        for t in np.arange(0, np.pi, np.pi / 5):
            d = 0.045 * np.array([np.cos(t), np.sin(t)])
            pen.line([(x - d[0], 0.058 - d[1]), (x + d[0], 0.058 + d[1])], 0.006, (130, 26, 26))
    pen.line([(0.05, 0.045), (0.36, 0.05)], 0.012, (186, 188, 192))
    pen.poly(rect(0.33, 0.045, 0.41, 0.085), (50, 50, 54), relief=0.4)
    for x in (0.36, 0.42):
        pen.oval(x, 0.024, 0.024, 0.024, (70, 66, 66))
    pen.poly([(0.45, 0.06), (0.475, 0.06), (0.5, 0.01), (0.44, 0.01)], (130, 26, 26))


# ------------------------------------------------------------------ aeroplanes

AIRLINES = [
    (190, 30, 40),
    (30, 60, 140),
    (240, 150, 30),
    (20, 120, 110),
    (90, 40, 120),
    (40, 40, 46),
]


def draw_aeroplane(pen, rng, kind=None, gear=True):
    """Draw an airliner from the side or from below, or a light aeroplane."""
    kind = kind or pick(rng, ["airliner", "airliner", "light", "below"])
    if kind == "below":
        plane_below(pen, rng)
    elif kind == "light":
        light_plane(pen, rng)
    else:
        airliner(pen, rng, gear)


def airliner(pen, rng, gear=True):
    """Draw an airliner from the side."""
    accent = vary(rng, pick(rng, AIRLINES))
    hull = [(252, 253, 255), (240, 243, 247), (206, 212, 220), (128, 136, 150)]
    if rng.random() < 0.25:
        hull = lacquer(accent)
    y = 0.155
    pen.poly(
        [(-0.33, y + 0.03), (-0.46, y + 0.09), (-0.5, y + 0.09), (-0.42, y + 0.03)], (150, 158, 170)
    )
    pen.poly([(0.06, y + 0.0), (-0.13, y + 0.1), (-0.17, y + 0.1), (-0.06, y)], (150, 156, 166))
    pen.poly([(-0.29, y + 0.045), (-0.44, y + 0.21), (-0.5, y + 0.21), (-0.43, y + 0.04)],
             [lighter(accent, 0.15), accent, lighter(accent, -0.2)], relief=0.2)  # fmt: skip
    pen.poly(
        [(-0.4, y + 0.15), (-0.455, y + 0.21), (-0.5, y + 0.21), (-0.475, y + 0.15)],
        lighter(accent, 0.6),
    )
    if gear:
        for x in (0.36, -0.03):
            pen.line([(x, 0.02), (x, y - 0.03)], 0.01, (150, 152, 156))
            for dx in (-0.014, 0.014):
                pen.oval(x + dx, 0.018, 0.018, 0.018, RUBBER)
    pen.shape([(-0.5, y + 0.045), (-0.38, y + 0.055), (-0.2, y + 0.06), (0.3, y + 0.058),
        (0.42, y + 0.045),
               (0.48, y + 0.012), (0.497, y - 0.016), (0.45, y - 0.04), (0.36, y - 0.056),
               (-0.1, y - 0.058),
               (-0.25, y - 0.045), (-0.4, y + 0.0)], hull, shade=0.12, relief=0.4)  # fmt: skip
    stripe = [
        (-0.42, y + 0.0),
        (0.3, y - 0.012),
        (0.47, y - 0.018),
        (0.3, y - 0.022),
        (-0.4, y - 0.012),
    ]
    pen.shape(stripe, accent, relief=0)
    for x in np.linspace(-0.34, 0.37, 34):
        pen.oval(x, y + 0.02, 0.0055, 0.0085, (46, 58, 74), shade=0)
    pen.poly(
        [(0.44, y + 0.014), (0.478, y + 0.012), (0.46, y + 0.032), (0.425, y + 0.034)], (36, 44, 56)
    )
    for x in (0.405, -0.385):
        pen.poly(rect(x - 0.01, y - 0.012, x + 0.01, y + 0.038), (196, 202, 210))
    pen.shape([(0.12, y - 0.055), (0.21, y - 0.045), (0.225, y - 0.08), (0.21, y - 0.112),
        (0.12, y - 0.1)],
              [(240, 242, 245), (180, 186, 194), (96, 102, 112)], relief=0.4)  # fmt: skip
    pen.oval(0.216, y - 0.079, 0.01, 0.034, (40, 44, 50))
    pen.poly([(0.15, y - 0.03), (0.06, y - 0.045), (-0.27, y - 0.1), (-0.3, y - 0.085),
        (-0.08, y - 0.02)],
             [(226, 230, 235), (170, 178, 188)], relief=0.2)  # fmt: skip
    pen.poly([(-0.27, y - 0.1), (-0.3, y - 0.085), (-0.315, y - 0.04), (-0.3, y - 0.045)], accent)
    pen.poly(
        [(-0.36, y + 0.035), (-0.47, y + 0.01), (-0.5, y + 0.01), (-0.43, y + 0.045)],
        (200, 206, 214),
    )


def light_plane(pen, rng):
    """Draw a small high-wing aeroplane with a propeller, from the side."""
    paint, body = (
        vary(rng, pick(rng, PAINTS)),
        pick(rng, [(240, 240, 236), (236, 206, 60), (200, 40, 40)]),
    )
    y = 0.16
    pen.poly(
        [(-0.32, y + 0.03), (-0.44, y + 0.19), (-0.5, y + 0.19), (-0.47, y + 0.02)], lacquer(paint)
    )
    for x, r in ((0.3, 0.032), (0.08, 0.042)):
        pen.line([(x, r), (x - 0.03, y - 0.04)], 0.014, (150, 152, 158))
        pen.oval(x, r, r, r, RUBBER)
        pen.oval(x, r, 0.4 * r, 0.4 * r, (190, 190, 190))
    pen.shape([(-0.5, y + 0.03), (-0.2, y + 0.06), (0.0, y + 0.13), (0.14, y + 0.135),
        (0.24, y + 0.055),
               (0.4, y + 0.04), (0.43, y), (0.4, y - 0.05), (0.2, y - 0.075), (0.0, y - 0.07),
               (-0.25, y - 0.01)], lacquer(body), relief=0.4)  # fmt: skip
    pen.shape([(-0.45, y + 0.012), (0.1, y - 0.0), (0.41, y + 0.005), (0.4, y - 0.025),
        (0.1, y - 0.03)],
              paint, relief=0)  # fmt: skip
    pen.poly([(0.235, y + 0.06), (0.145, y + 0.125), (0.1, y + 0.125), (0.1, y + 0.05)], GLASS)
    pen.poly([(0.085, y + 0.05), (0.085, y + 0.125), (0.0, y + 0.12), (-0.06, y + 0.075)], GLASS)
    pen.poly(
        [(0.0, y - 0.06), (0.1, y - 0.06), (0.09, y + 0.11), (0.01, y + 0.11)], body, alpha=0.15
    )
    pen.line([(0.06, y - 0.05), (0.03, y + 0.13)], 0.012, (215, 215, 215))
    pen.shape([(0.18, y + 0.155), (0.16, y + 0.13), (-0.12, y + 0.125), (-0.13, y + 0.14),
        (0.05, y + 0.17)],
              lacquer(paint), relief=0.3)  # fmt: skip
    pen.poly(
        [(-0.36, y + 0.04), (-0.5, y + 0.045), (-0.5, y + 0.03), (-0.36, y + 0.02)], (225, 225, 225)
    )
    pen.oval(0.435, y, 0.012, 0.15, (120, 122, 128), alpha=0.45)
    pen.shape([(0.42, y - 0.03), (0.47, y), (0.42, y + 0.03)], CHROME)


def plane_below(pen, rng):
    """Draw an airliner climbing overhead: swept wings on both sides of the hull."""
    accent = vary(rng, pick(rng, AIRLINES))
    hull = [(236, 240, 245), (190, 198, 208), (130, 138, 150)]
    y = 0.42
    for side in (1, -1):
        pen.poly([(0.1, y), (-0.08, y + side * 0.42), (-0.15, y + side * 0.42), (-0.1, y)],
                 hull if side > 0 else hull[1:], relief=0.2)  # fmt: skip
        pen.line([(0.02, y + side * 0.1), (-0.11, y + side * 0.4)], 0.008, (140, 148, 158))
        pen.poly([(-0.36, y), (-0.45, y + side * 0.15), (-0.49, y + side * 0.15), (-0.46, y)], hull)
        pen.poly(
            [(-0.08, y + side * 0.42), (-0.15, y + side * 0.42), (-0.17, y + side * 0.44)], accent
        )
        pen.shape([(0.1, y + side * 0.16), (0.1, y + side * 0.12), (0.01, y + side * 0.125),
                   (0.01, y + side * 0.155)], [(225, 228, 232), (120, 128, 138)])  # fmt: skip
        pen.oval(0.1, y + side * 0.14, 0.008, 0.02, (40, 44, 50))
    pen.shape([(0.5, y), (0.46, y + 0.035), (0.38, y + 0.05), (-0.2, y + 0.048),
        (-0.4, y + 0.025), (-0.5, y),
               (-0.4, y - 0.025), (-0.2, y - 0.048), (0.38, y - 0.05), (0.46, y - 0.035)],
              [(250, 252, 255), (210, 216, 224), (120, 130, 144)], relief=0.4)  # fmt: skip
    pen.poly([(-0.3, y + 0.01), (-0.5, y + 0.06), (-0.5, y + 0.02), (-0.4, y)], accent)
    for x in np.linspace(-0.3, 0.38, 30):
        pen.oval(x, y + 0.022, 0.005, 0.006, (60, 70, 84), shade=0)
    pen.poly(
        [(0.45, y + 0.02), (0.48, y + 0.005), (0.48, y + 0.02), (0.455, y + 0.034)], (36, 44, 56)
    )


# ------------------------------------------------------------------ two wheels


def spoked_wheel(pen, x, r, tyre, rim=(190, 192, 196)):
    """Draw a bicycle wheel."""
    for t in np.linspace(0, np.pi, 11, endpoint=False):
        d = r * np.array([np.cos(t), np.sin(t)])
        pen.line([(x - d[0], r - d[1]), (x + d[0], r + d[1])], 0.0035, (176, 178, 182))
    pen.ring(x, r, r - tyre * 1.4, 0.011, rim)
    pen.ring(x, r, r - tyre / 2, tyre, RUBBER)
    pen.oval(x, r, 0.02, 0.02, (130, 132, 138))


def draw_bicycle(pen, rng, kind=None):
    """Draw a bicycle from the side: racer, city or mountain bike."""
    kind = kind or pick(rng, ["racer", "city", "mountain"])
    paint = vary(rng, pick(rng, PAINTS))
    r = 0.205
    tyre = {"racer": 0.016, "city": 0.022, "mountain": 0.034}[kind]
    back, front, crank = (-0.295, r), (0.295, r), (-0.035, 0.185)
    seat, head, low = (-0.115, 0.43), (0.2, 0.45), (0.215, 0.385)
    for x in (back[0], front[0]):
        spoked_wheel(pen, x, r, tyre)
    if kind == "city":
        for x in (back[0], front[0]):
            t = np.linspace(0.15 * np.pi, 0.98 * np.pi, 14)
            pen.line(
                np.column_stack([x + 1.08 * r * np.cos(t), r + 1.08 * r * np.sin(t)]), 0.018, paint
            )
    tube = 0.024 if kind != "mountain" else 0.03
    dark = lighter(paint, -0.3)
    pen.limb([back, seat], [0.012, 0.015], dark)
    pen.limb([back, crank], [0.014, 0.018], dark)
    top = low if kind == "city" else head
    pen.limb([crank, low], [tube, tube], [lighter(paint, 0.4), paint, lighter(paint, -0.3)])
    pen.limb([(seat[0] + 0.01, 0.395 if kind != "city" else 0.3), top], [tube * 0.9] * 2,
             [lighter(paint, 0.4), paint])  # fmt: skip
    pen.limb([crank, seat], [tube, tube * 0.9], paint)
    pen.limb([(0.195, 0.48), low, (0.25, 0.3), front], [0.026, 0.026, 0.02, 0.014], dark)
    bicycle_seat(pen, seat, rng)
    handlebar(pen, kind)
    crankset(pen, crank, back)
    if kind == "city" and rng.random() < 0.6:
        basket(pen)


def bicycle_seat(pen, seat, rng):
    """Draw the saddle on its post."""
    leather = pick(rng, [(32, 30, 30), (110, 66, 34), (60, 40, 30)])
    pen.limb([seat, (seat[0] - 0.015, 0.5)], [0.014, 0.014], CHROME)
    x = seat[0] - 0.025
    pen.shape([(x - 0.09, 0.525), (x - 0.02, 0.52), (x + 0.09, 0.515), (x + 0.085, 0.5), (x, 0.498),
               (x - 0.08, 0.49)], leather)  # fmt: skip


def handlebar(pen, kind):
    """Draw stem and bar: dropped, swept back or straight."""
    pen.limb([(0.2, 0.46), (0.19, 0.53)], [0.018, 0.018], CHROME)
    if kind == "racer":
        pen.line(
            [(0.19, 0.53), (0.26, 0.535), (0.29, 0.5), (0.27, 0.455), (0.22, 0.45)],
            0.022,
            RUBBER,
            True,
        )
    elif kind == "city":
        pen.line(
            [(0.19, 0.53), (0.21, 0.57), (0.15, 0.58), (0.07, 0.555)], 0.016, (180, 182, 188), True
        )
        pen.line([(0.13, 0.577), (0.07, 0.555)], 0.026, (60, 40, 30))
    else:
        pen.line([(0.19, 0.53), (0.24, 0.55), (0.2, 0.57)], 0.024, RUBBER, True)


def crankset(pen, crank, back):
    """Draw chain, chain wheel, cranks and pedals."""
    x, y = crank
    pen.line([(x, y + 0.05), (back[0], back[1] + 0.022)], 0.007, (50, 48, 46))
    pen.line([(x, y - 0.05), (back[0], back[1] - 0.022)], 0.007, (50, 48, 46))
    pen.ring(back[0], back[1], 0.022, 0.012, (80, 78, 76))
    pen.ring(x, y, 0.047, 0.016, (90, 90, 94))
    pen.line([(x - 0.06, y + 0.08), (x + 0.06, y - 0.08)], 0.014, (150, 152, 156))
    for side in (-1, 1):
        px, py = x - side * 0.06, y + side * 0.08
        pen.poly(rect(px - 0.035, py - 0.009, px + 0.035, py + 0.009), (35, 35, 38))


def basket(pen):
    """Draw a wicker basket on the handlebar."""
    pen.poly(
        [(0.235, 0.5), (0.4, 0.5), (0.385, 0.38), (0.255, 0.38)],
        (164, 120, 70),
        texture=0.3,
        cell=0.012,
    )
    for y in np.linspace(0.39, 0.49, 5):
        pen.line([(0.25, y), (0.39, y)], 0.005, (110, 76, 40))
    pen.line([(0.23, 0.5), (0.405, 0.5)], 0.018, (130, 90, 48))


def moto_wheel(pen, x, r, tyre, spokes):
    """Draw a motorbike's fat wheel with its brake disc."""
    pen.ring(x, r, r - tyre / 2, tyre, RUBBER)
    for t in np.linspace(0, 2 * np.pi, spokes, endpoint=False) + 0.2:
        pen.line([(x, r), (x + (r - tyre) * np.cos(t), r + (r - tyre) * np.sin(t))],
                 0.022 if spokes < 9 else 0.005, (150, 152, 158))  # fmt: skip
    pen.ring(x, r, r - tyre, 0.014, (196, 198, 202))
    pen.ring(x, r, 0.5 * r, 0.02, (160, 162, 168))
    pen.oval(x, r, 0.028, 0.028, (90, 92, 98))


def draw_motorbike(pen, rng, kind=None):
    """Draw a motorbike from the side: cruiser, sports bike or scooter."""
    kind = kind or pick(rng, ["cruiser", "sport", "cruiser", "sport", "scooter"])
    {"cruiser": cruiser, "sport": sport_bike, "scooter": scooter}[kind](pen, rng)


def engine(pen, x, y):
    """Draw a V-twin with cooling fins."""
    pen.poly(
        rect(x - 0.11, y - 0.09, x + 0.11, y + 0.0), [(110, 112, 118), (52, 54, 60)], relief=0.4
    )
    for lean in (-1, 1):
        for k in range(6):
            cx, cy = x + lean * (0.03 + 0.011 * k), y + 0.02 + 0.019 * k
            pen.line([(cx - 0.042, cy - lean * 0.012), (cx + 0.042, cy + lean * 0.012)], 0.012,
                     (176, 178, 184) if k % 2 else (72, 74, 80))  # fmt: skip
    pen.oval(x + 0.01, y - 0.045, 0.052, 0.045, CHROME)
    pen.oval(x - 0.08, y - 0.05, 0.034, 0.034, CHROME)


def cruiser(pen, rng):
    """Draw a chrome cruiser with a low seat."""
    paint = vary(rng, pick(rng, PAINTS))
    r = 0.158
    moto_wheel(pen, -0.315, r, 0.052, 14)
    moto_wheel(pen, 0.335, r, 0.044, 14)
    pen.line([(-0.315, r), (0.0, 0.18), (0.12, 0.3), (0.22, 0.43)], 0.03, (36, 36, 40))
    pen.line([(-0.05, 0.12), (0.14, 0.13), (0.2, 0.38)], 0.024, (36, 36, 40))
    engine(pen, 0.04, 0.195)
    for y in (0.1, 0.135):
        pen.limb([(0.1, y + 0.04), (0.02, y), (-0.2, y - 0.005),
            (-0.47, y + 0.005)], [0.02, 0.03, 0.034, 0.04],
                 CHROME)  # fmt: skip
    t = np.linspace(0.2 * np.pi, 0.95 * np.pi, 12)
    pen.line(np.column_stack([-0.315 + 0.185 * np.cos(t), r + 0.19 * np.sin(t)]), 0.045, paint)
    pen.line(np.column_stack([0.335 + 0.175 * np.cos(t), r + 0.175 * np.sin(t)]), 0.028, paint)
    pen.limb([(0.2, 0.47), (0.335, r)], [0.036, 0.026], CHROME)
    pen.shape([(-0.05, 0.33), (-0.02, 0.4), (0.09, 0.435), (0.19, 0.42), (0.2, 0.37), (0.1, 0.33)],
              lacquer(paint), relief=0.5)  # fmt: skip
    pen.soft(0.07, 0.41, 0.07, 0.012, (255, 255, 255), 0.6, 5)
    pen.shape([(-0.42, 0.37), (-0.34, 0.385), (-0.28, 0.345), (-0.13, 0.325), (-0.03, 0.36),
        (-0.03, 0.325),
               (-0.15, 0.29), (-0.32, 0.31)], (34, 30, 30), relief=0.4)  # fmt: skip
    pen.line([(0.21, 0.46), (0.17, 0.56), (0.08, 0.57)], 0.016, (200, 202, 206), True)
    pen.line([(0.12, 0.572), (0.05, 0.562)], 0.03, RUBBER)
    pen.oval(0.265, 0.45, 0.05, 0.052, CHROME)
    pen.oval(0.3, 0.45, 0.022, 0.045, LAMP)
    pen.oval(0.13, 0.62, 0.032, 0.022, (60, 62, 68))
    pen.line([(0.16, 0.56), (0.14, 0.61)], 0.008, (180, 180, 184))
    pen.oval(-0.495, 0.33, 0.02, 0.018, (190, 24, 24))


def sport_bike(pen, rng):
    """Draw a sports bike in its fairing."""
    paint = vary(
        rng,
        pick(
            rng,
            [
                (190, 20, 28),
                (30, 90, 190),
                (30, 150, 70),
                (240, 140, 20),
                (30, 30, 34),
                (230, 230, 228),
            ],
        ),
    )
    accent = pick(rng, [(245, 245, 245), (30, 30, 34), (240, 200, 40)])
    r = 0.16
    moto_wheel(pen, -0.31, r, 0.055, 5)
    moto_wheel(pen, 0.33, r, 0.05, 5)
    pen.limb([(-0.31, r), (-0.05, 0.2)], [0.03, 0.05], (70, 72, 78))
    pen.limb([(0.24, 0.4), (0.33, r)], [0.034, 0.026], [(220, 180, 90), (150, 120, 60)])
    pen.poly(rect(-0.12, 0.1, 0.14, 0.3), (54, 56, 62), relief=0.3)
    pen.limb([(0.05, 0.1), (-0.12, 0.12), (-0.38, 0.22)], [0.03, 0.034, 0.06], CHROME)
    pen.shape([(-0.14, 0.1), (-0.08, 0.23), (0.02, 0.36), (0.2, 0.42), (0.31, 0.4),
        (0.24, 0.26), (0.16, 0.12),
               (0.0, 0.085)], lacquer(paint), relief=0.45)  # fmt: skip
    pen.shape([(-0.02, 0.14), (0.06, 0.22), (0.16, 0.24), (0.1, 0.14)], accent, relief=0.2)
    pen.oval(0.1, 0.29, 0.05, 0.028, (36, 37, 42), turn=30)
    pen.shape([(-0.1, 0.36), (-0.06, 0.44), (0.06, 0.48), (0.17, 0.44), (0.18, 0.38), (0.04, 0.34)],
              lacquer(paint), relief=0.5)  # fmt: skip
    pen.soft(0.03, 0.455, 0.07, 0.012, (255, 255, 255), 0.6, 5)
    pen.shape([(-0.5, 0.475), (-0.4, 0.46), (-0.2, 0.37), (-0.06, 0.36), (-0.1, 0.32),
        (-0.28, 0.34), (-0.42, 0.42)],
              lacquer(paint), relief=0.4)  # fmt: skip
    pen.shape(
        [(-0.37, 0.455), (-0.2, 0.385), (-0.06, 0.38), (-0.08, 0.41), (-0.2, 0.41), (-0.34, 0.475)],
        (28, 28, 31),
    )
    pen.shape(
        [(0.14, 0.4), (0.19, 0.5), (0.26, 0.5), (0.37, 0.39), (0.3, 0.34)],
        lacquer(paint),
        relief=0.4,
    )
    pen.shape([(0.19, 0.48), (0.2, 0.56), (0.25, 0.53), (0.3, 0.46)], GLASS, alpha=0.85)
    pen.shape([(0.31, 0.43), (0.36, 0.395), (0.31, 0.38), (0.28, 0.4)], LAMP, relief=0)
    pen.line([(0.2, 0.46), (0.12, 0.475)], 0.024, RUBBER)
    pen.line([(0.18, 0.5), (0.14, 0.555)], 0.01, RUBBER)
    pen.oval(0.125, 0.56, 0.035, 0.02, (40, 40, 44))
    t = np.linspace(0.2 * np.pi, 0.8 * np.pi, 10)
    pen.line(np.column_stack([0.33 + 0.17 * np.cos(t), r + 0.17 * np.sin(t)]), 0.025, paint)


def scooter(pen, rng):
    """Draw a motor scooter."""
    paint = vary(
        rng,
        pick(
            rng, [(170, 210, 200), (200, 40, 40), (235, 225, 200), (60, 110, 160), (240, 200, 80)]
        ),
    )
    r = 0.125
    moto_wheel(pen, -0.29, r, 0.05, 5)
    moto_wheel(pen, 0.33, r, 0.046, 5)
    pen.limb([(0.33, r), (0.27, 0.3), (0.2, 0.58)], [0.03, 0.04, 0.03], lighter(paint, -0.2))
    pen.shape([(-0.48, 0.22), (-0.46, 0.34), (-0.3, 0.42), (-0.1, 0.4), (-0.06, 0.26),
        (-0.1, 0.12), (-0.24, 0.16),
               (-0.36, 0.18)], lacquer(paint), relief=0.45)  # fmt: skip
    pen.shape([(-0.12, 0.13), (0.16, 0.13), (0.2, 0.19), (-0.1, 0.18)], lighter(paint, -0.3))
    pen.shape([(0.14, 0.13), (0.2, 0.15), (0.29, 0.4), (0.27, 0.56), (0.22, 0.55), (0.2, 0.35)],
              lacquer(paint), relief=0.4)  # fmt: skip
    pen.shape(
        [(0.2, 0.2), (0.27, 0.29), (0.38, 0.28), (0.46, 0.19), (0.34, 0.23), (0.26, 0.17)],
        lacquer(paint),
    )
    pen.shape(
        [(-0.44, 0.42), (-0.3, 0.46), (-0.08, 0.445), (-0.08, 0.4), (-0.3, 0.4), (-0.42, 0.37)],
        (70, 44, 32),
    )
    pen.line([(0.23, 0.58), (0.17, 0.62), (0.11, 0.605)], 0.022, RUBBER, True)
    pen.oval(0.255, 0.59, 0.045, 0.04, lacquer(paint))
    pen.oval(0.285, 0.59, 0.022, 0.032, LAMP)
    pen.oval(0.13, 0.68, 0.03, 0.026, CHROME)
    pen.line([(0.17, 0.61), (0.14, 0.67)], 0.008, (170, 170, 174))
    pen.oval(-0.48, 0.31, 0.016, 0.026, (190, 24, 24))
    pen.soft(-0.28, 0.36, 0.1, 0.02, (255, 255, 255), 0.45, 10)


# ------------------------------------------------------------------ boats


def draw_boat(pen, rng, kind=None):
    """Draw a sailing, motor, fishing or rowing boat; y = 0 is the water line."""
    kind = kind or pick(rng, ["sail", "sail", "motor", "fishing", "rowing"])
    {"sail": sailing_boat, "motor": motor_boat, "fishing": fishing_boat, "rowing": rowing_boat}[
        kind
    ](pen, rng)


def sailing_boat(pen, rng):
    """Draw a sailing boat under mainsail and jib."""
    paint = vary(rng, pick(rng, [(240, 240, 238), (30, 50, 90), (150, 30, 34), (240, 240, 238)]))
    cloth = vary(
        rng, pick(rng, [(246, 244, 236), (246, 244, 236), (200, 70, 50), (230, 200, 120)]), 6
    )
    pen.line([(0.03, 0.08), (0.03, 0.98)], 0.012, (190, 180, 160))
    pen.shape([(0.015, 0.17), (0.018, 0.5), (0.025, 0.96), (-0.13, 0.6), (-0.3, 0.19),
        (-0.15, 0.155)],
              [cloth, lighter(cloth, -0.06), lighter(cloth, -0.2)], relief=0.35)  # fmt: skip
    for y in (0.33, 0.5, 0.67):
        pen.line([(0.016, y), (-0.27 + 0.31 * y, y - 0.012)], 0.003, lighter(cloth, -0.3))
    pen.shape([(0.05, 0.87), (0.17, 0.5), (0.37, 0.12), (0.2, 0.14), (0.06, 0.17)],
              [cloth, lighter(cloth, -0.1), lighter(cloth, -0.15)], relief=0.35)  # fmt: skip
    pen.line([(0.03, 0.15), (-0.31, 0.17)], 0.014, (170, 150, 120))
    pen.line([(0.03, 0.95), (0.4, 0.1)], 0.003, (120, 120, 120))
    pen.line([(0.03, 0.95), (-0.37, 0.1)], 0.003, (120, 120, 120))
    pen.shape([(-0.2, 0.095), (-0.17, 0.135), (0.12, 0.13), (0.19, 0.095)], (245, 245, 240))
    for x in (-0.12, -0.04, 0.04):
        pen.oval(x, 0.113, 0.02, 0.01, (40, 50, 62))
    hull(pen, paint, 0.4, 0.1)


def hull(pen, paint, half, high):
    """Draw a hull with its bow on the right, water line at y = 0."""
    outline = [(-half, high * 0.92), (half * 1.06, high * 1.12), (half * 0.94, high * 0.55),
        (half * 0.8, -0.005),
               (-half * 0.86, -0.005), (-half * 0.96, high * 0.4)]  # fmt: skip
    pen.poly(outline, lacquer(paint), relief=0.3)
    pen.poly([(-half * 0.9, 0.022), (half * 0.84, 0.022), (half * 0.8, -0.006),
        (-half * 0.86, -0.006)],
             (140, 36, 34) if paint[0] > 150 else (235, 235, 230))  # fmt: skip
    pen.line([(-half, high * 0.9), (0.3 * half, high * 0.93), (half * 1.05, high * 1.1)], 0.012,
             lighter(paint, 0.5 if paint[0] < 150 else -0.4))  # fmt: skip


def motor_boat(pen, rng):
    """Draw a motor yacht with its cabin."""
    paint = vary(rng, pick(rng, [(245, 245, 244), (245, 245, 244), (28, 40, 80)]), 5)
    pen.shape(
        [(-0.36, 0.15), (-0.33, 0.25), (-0.02, 0.26), (0.14, 0.23), (0.3, 0.16)],
        [(255, 255, 255), (205, 210, 216)],
    )
    pen.shape([(-0.3, 0.18), (-0.28, 0.235), (0.0, 0.24), (0.17, 0.19), (0.1, 0.18)], DARK_GLASS)
    for x in (-0.17, -0.04):
        pen.line([(x, 0.17), (x, 0.25)], 0.012, (240, 240, 240))
    pen.poly(
        [(-0.25, 0.25), (0.0, 0.255), (-0.05, 0.31), (-0.22, 0.31)],
        [(250, 250, 250), (200, 206, 212)],
    )
    pen.poly([(-0.2, 0.262), (-0.02, 0.264), (-0.06, 0.3), (-0.19, 0.3)], DARK_GLASS)
    pen.line([(-0.25, 0.33), (0.02, 0.325)], 0.014, (236, 238, 240))
    pen.line([(-0.15, 0.33), (-0.17, 0.42)], 0.008, (180, 180, 184))
    for x in np.linspace(0.2, 0.47, 6):
        pen.line([(x, 0.14), (x + 0.01, 0.2)], 0.004, (200, 202, 206))
    pen.line([(0.2, 0.205), (0.5, 0.215)], 0.005, (210, 212, 216))
    pen.poly(
        [(-0.47, 0.15), (0.52, 0.165), (0.42, 0.06), (0.36, -0.005), (-0.44, -0.005)],
        lacquer(paint),
        relief=0.3,
    )
    pen.poly([(-0.465, 0.09), (0.45, 0.1), (0.43, 0.075), (-0.46, 0.07)], pick(rng, AIRLINES))
    for x in (0.05, 0.14, 0.23):
        pen.oval(x, 0.12, 0.022, 0.011, (36, 44, 54))


def fishing_boat(pen, rng):
    """Draw a wooden fishing boat with a wheelhouse and a mast."""
    paint = vary(
        rng,
        pick(rng, [(40, 90, 150), (160, 40, 36), (40, 110, 80), (230, 226, 214), (200, 130, 40)]),
    )
    pen.line([(0.12, 0.2), (0.12, 0.66)], 0.016, (140, 104, 66))
    pen.line([(0.12, 0.3), (0.36, 0.52)], 0.012, (140, 104, 66))
    for end in ((0.5, 0.24), (-0.47, 0.2)):
        pen.line([(0.12, 0.65), end], 0.003, (70, 66, 60))
    pen.poly(rect(-0.32, 0.15, -0.06, 0.4), [(250, 248, 240), (214, 212, 204)], relief=0.2)
    pen.poly(rect(-0.345, 0.39, -0.035, 0.42), lighter(paint, -0.2))
    for x in (-0.295, -0.21, -0.125):
        pen.poly(rect(x, 0.28, x + 0.058, 0.36), DARK_GLASS)
    pen.oval(-0.19, 0.2, 0.03, 0.03, (220, 90, 40))
    pen.oval(-0.19, 0.2, 0.015, 0.015, (240, 238, 230))
    pen.limb([(-0.38, 0.2), (-0.385, 0.3)], [0.05, 0.05], (60, 60, 62))
    for x in (0.05, 0.13, 0.2):
        pen.poly(
            rect(x, 0.15, x + 0.07, 0.21),
            pick(rng, [(200, 150, 60), (60, 120, 170), (190, 70, 50)]),
        )
    pen.shape([(-0.49, 0.2), (-0.2, 0.145), (0.15, 0.155), (0.4, 0.215), (0.53, 0.29),
        (0.45, 0.1), (0.38, -0.01),
               (-0.38, -0.01), (-0.46, 0.06)], lacquer(paint),
               texture=0.05, relief=0.35)  # fmt: skip
    pen.line(
        [(-0.49, 0.195), (-0.2, 0.147), (0.15, 0.158), (0.4, 0.215), (0.52, 0.28)],
        0.02,
        (240, 236, 222),
        True,
    )
    pen.line(
        [(-0.46, 0.1), (-0.1, 0.07), (0.25, 0.085), (0.46, 0.15)], 0.006, lighter(paint, -0.4), True
    )
    for x in (-0.3, -0.05, 0.2):
        pen.oval(x, 0.085, 0.025, 0.03, (36, 34, 34))


def rowing_boat(pen, rng):
    """Draw an open rowing boat with its oars."""
    wood = vary(
        rng, pick(rng, [(150, 96, 50), (120, 76, 44), (50, 100, 130), (170, 50, 40), (90, 130, 80)])
    )
    pen.shape(
        [(-0.46, 0.2), (-0.2, 0.165), (0.2, 0.17), (0.5, 0.25), (0.25, 0.1), (-0.3, 0.1)],
        lighter(wood, -0.5),
    )
    for x in (-0.25, 0.0, 0.22):
        pen.poly(
            [(x - 0.035, 0.145), (x + 0.035, 0.145), (x + 0.045, 0.175), (x - 0.025, 0.175)],
            (190, 150, 100),
        )
    pen.shape([(-0.49, 0.205), (-0.2, 0.135), (0.15, 0.14), (0.38, 0.19), (0.52, 0.265),
        (0.43, 0.08), (0.34, -0.01),
               (-0.36, -0.01), (-0.45, 0.06)], lacquer(wood), texture=0.1, relief=0.35)  # fmt: skip
    for k in (0.35, 0.68):
        pen.line([(-0.47, 0.2 - 0.17 * k), (-0.2, 0.137 - 0.11 * k), (0.15, 0.14 - 0.11 * k),
            (0.48, 0.24 - 0.18 * k)],
                 0.005, lighter(wood, -0.45), True)  # fmt: skip
    pen.line(
        [(-0.49, 0.2), (-0.2, 0.137), (0.15, 0.142), (0.38, 0.19), (0.51, 0.258)],
        0.018,
        lighter(wood, 0.35),
        True,
    )
    pen.line([(-0.1, 0.22), (0.2, 0.02)], 0.014, (196, 160, 110))
    pen.shape([(0.17, 0.05), (0.28, -0.02), (0.24, -0.04), (0.15, 0.02)], (196, 160, 110))


DRAW = {
    "aeroplane": draw_aeroplane,
    "bicycle": draw_bicycle,
    "boat": draw_boat,
    "bus": draw_bus,
    "car": draw_car,
    "motorbike": draw_motorbike,
    "train": draw_train,
}
