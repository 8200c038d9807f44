"""Backgrounds: what stands behind the objects, and the ground they stand on.

Every scene is `scene(canvas, rng)`; it fills the canvas and returns the height of the horizon, or
indoors of the edge between wall and floor, in final pixels from the top.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .pen import pick, smooth_noise, vary

# light of the day: sky at the top, sky at the horizon, clouds, what the light does to the ground
TIMES = [
    ((62, 118, 196), (190, 216, 236), (250, 250, 252), (1.0, 1.0, 0.97)),
    ((96, 150, 210), (214, 228, 236), (245, 246, 248), (1.02, 1.0, 0.95)),
    ((150, 160, 172), (206, 210, 214), (228, 230, 233), (0.88, 0.9, 0.93)),
    ((116, 132, 150), (186, 192, 198), (150, 158, 168), (0.84, 0.86, 0.9)),
    ((70, 92, 150), (250, 190, 130), (255, 214, 170), (1.05, 0.86, 0.7)),
    ((40, 52, 96), (214, 130, 110), (190, 120, 130), (0.86, 0.74, 0.74)),
    ((170, 190, 205), (240, 234, 220), (252, 248, 240), (1.08, 1.04, 0.95)),
]


def mix(a, b, t):
    """Blend colours a and b by the array t."""
    t = np.asarray(t, np.float32)[..., None]
    return np.asarray(a, np.float32) * (1 - t) + np.asarray(b, np.float32) * t


def clouds(rng, width, height, cell=90, octaves=4):
    """Return (height, width) noise in about [-1, 1] with detail at every size."""
    total = np.zeros((height, width), np.float32)
    for k in range(octaves):
        total += smooth_noise(rng, width, height, max(2, cell / 2**k)) / 1.7**k
    return total / 1.7


def sky(rng, width, height, time):
    """Return a sky of `height` rows."""
    top, low, cloud, _ = time
    rows = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    cover = clouds(rng, width, height, rng.uniform(60, 160)) + rng.uniform(-0.6, 0.3)
    cover = np.clip(cover * rng.uniform(1.0, 2.0), 0, 1) * (1 - 0.4 * rows)
    return mix(mix(top, low, rows), cloud, 0) * (1 - cover[..., None]) + (
        np.asarray(cloud, np.float32) * cover[..., None]
    )


def flat_ground(rng, width, height, cell, near=14.0):
    """Return (height, width) noise lying on the ground: fine and flat far off, coarse near by."""
    depth = 1 / (np.linspace(0.07, 1, height) + 1e-6)
    size = 256
    tile = smooth_noise(rng, size, size, cell) + 0.6 * smooth_noise(rng, size, size, cell / 3)
    rows = (depth * near * 12).astype(int)[:, None] % size
    across = (np.arange(width) - width / 2)[None] * depth[:, None] * 0.5
    return tile[rows, across.astype(int) % size] / 1.4


def paint_ground(pixels, rng, horizon, colours, cell=9, contrast=0.12, light=(1, 1, 1)):
    """Fill everything below the horizon with ground running from far to near colour."""
    height, width = pixels.shape[:2]
    rows = height - horizon
    t = np.linspace(0, 1, rows)[:, None] ** 0.8 * np.ones((1, width))
    noise = flat_ground(rng, width, rows, cell) + 0.7 * clouds(rng, width, rows, 120, 2)
    ground = mix(*colours, t) * (1 + contrast * noise)[..., None] * np.asarray(light)
    pixels[horizon:] = ground


def outdoors(canvas, rng, level=None):
    """Return pixels with the sky already in them, the horizon's row and the time of day."""
    time = pick(rng, TIMES)
    horizon = int(canvas.height * (level or rng.uniform(0.38, 0.56)))
    pixels = np.zeros((canvas.height, canvas.width, 3), np.float32)
    pixels[:horizon] = sky(rng, canvas.width, horizon, time)
    return pixels, horizon, time


def treeline(pixels, rng, horizon, tall, colour, light=(1, 1, 1), rough=30):
    """Draw a row of trees or hills standing on the horizon."""
    width = pixels.shape[1]
    edge = tall * (0.65 + 0.35 * smooth_noise(rng, width, 2, rough)[0])
    edge = edge + tall * 0.16 * smooth_noise(rng, width, 2, 5)[0]
    rows = np.arange(horizon)[:, None]
    inside = rows >= horizon - np.maximum(edge, 1)[None]
    leaves = 1 + 0.28 * clouds(rng, width, horizon, 14, 3) - 0.3 * (rows / horizon) ** 6
    crowns = np.asarray(colour, np.float32) * leaves[..., None] * np.asarray(light)
    pixels[:horizon][inside] = crowns[inside]


def rect(x0, y0, x1, y1):
    """Return the corners of a rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def lit(colour, light):
    """Return `colour` under the time of day's light."""
    return tuple(int(min(255, c * k)) for c, k in zip(colour, light, strict=True))


# ------------------------------------------------------------------ outdoors

GREENS = [(74, 110, 48), (96, 126, 58), (60, 96, 54), (112, 128, 66), (130, 128, 76)]


def meadow(canvas, rng):
    """Draw a pasture before trees or hills."""
    pixels, horizon, time = outdoors(canvas, rng)
    light = time[3]
    if rng.random() < 0.5:
        far = vary(rng, (112, 132, 140), 15)
        treeline(pixels, rng, horizon, rng.uniform(30, 90), far, light, 120)
    if rng.random() < 0.75:
        treeline(pixels, rng, horizon, rng.uniform(14, 80), vary(rng, (54, 76, 44), 16), light)
    near = vary(rng, pick(rng, GREENS), 14)
    far = tuple(int(0.6 * c + 0.4 * d) for c, d in zip(near, (150, 156, 110), strict=True))
    paint_ground(pixels, rng, horizon, (far, near), 4, 0.15, light)
    canvas.backdrop(pixels)
    blades(canvas, rng, horizon, lit(near, light))
    if rng.random() < 0.3:
        fence(canvas, rng, horizon + 6)
    return horizon


def blades(canvas, rng, horizon, colour):
    """Draw tufts of grass in the foreground."""
    with canvas.place(None, 0, canvas.height, 1) as pen:
        for _ in range(70):
            y = (canvas.height - horizon) * rng.uniform(0, 0.75) ** 1.5
            x = rng.uniform(0, canvas.width)
            tall = rng.uniform(4, 11) * (1 - 0.8 * y / canvas.height)
            fill = vary(rng, colour, 22)
            for lean in rng.uniform(-0.6, 0.6, 3):
                pen.line([(x, y), (x + lean * tall, y + tall)], 1.1, fill)


def fence(canvas, rng, y):
    """Draw a wooden fence whose feet stand at row y."""
    wood = vary(rng, pick(rng, [(120, 96, 70), (210, 206, 198), (92, 84, 78)]))
    tall = rng.uniform(26, 44)
    with canvas.place(None, 0, y, 1) as pen:
        for k in (0.45, 0.85):
            pen.poly(rect(-5, k * tall - 3, canvas.width + 5, k * tall + 2), wood)
        for x in np.arange(rng.uniform(0, 30), canvas.width, tall * 1.3):
            pen.poly(rect(x - 3, -3, x + 3, tall), wood, relief=0.3)


def forest(canvas, rng):
    """Draw a clearing between trunks."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.42, 0.56))
    light = tuple(0.95 * v for v in time[3])
    treeline(pixels, rng, horizon, horizon * 1.6, vary(rng, (66, 88, 50), 14), light, 60)
    soil = pick(
        rng,
        [
            ((96, 104, 60), (84, 92, 48)),
            ((128, 108, 78), (104, 84, 58)),
            ((150, 120, 70), (124, 90, 50)),
        ],
    )
    paint_ground(pixels, rng, horizon, soil, 4, 0.2, light)
    canvas.backdrop(pixels)
    for _ in range(int(rng.integers(4, 9))):
        trunk(canvas, rng, rng.uniform(0, canvas.width), horizon + rng.uniform(2, 30), light)
    return horizon


def trunk(canvas, rng, x, y, light):
    """Draw a bare tree trunk that leaves the picture at the top."""
    wide = (y - canvas.height * 0.35) * rng.uniform(0.12, 0.3)
    bark = lit(vary(rng, pick(rng, [(92, 76, 60), (70, 62, 54), (150, 144, 134)])), light)
    with canvas.place(None, x, y, 1) as pen:
        pen.shadow(0, 0, wide * 2, 5, 0.4)
        lean = rng.uniform(-15, 15)
        pen.limb([(0, -2), (lean / 3, y * 0.4), (lean, y + 20)], [wide * 1.4, wide, wide * 0.8],
            bark,
                 texture=0.25, cell=5)  # fmt: skip


def garden(canvas, rng):
    """Draw a lawn before a hedge or a house wall, with flowers."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.46, 0.6))
    light = time[3]
    if rng.random() < 0.4:
        wall = vary(
            rng, pick(rng, [(214, 200, 176), (176, 104, 82), (226, 222, 214), (150, 160, 164)])
        )
        stones = 1 + 0.06 * clouds(rng, canvas.width, horizon, 20, 3)
        pixels[:horizon] = np.asarray(wall) * stones[..., None] * np.asarray(light)
        treeline(pixels, rng, horizon, rng.uniform(20, 60), (58, 84, 44), light, 16)
    else:
        treeline(pixels, rng, horizon, rng.uniform(70, 170), vary(rng, (60, 88, 46), 14), light, 40)
    ground = pick(rng, [((100, 128, 62), (84, 118, 48)), ((170, 160, 140), (156, 146, 128)),
                        ((120, 134, 70), (100, 112, 56))])  # fmt: skip
    paint_ground(pixels, rng, horizon, ground, 5, 0.12, light)
    canvas.backdrop(pixels)
    flowers(canvas, rng, horizon, light)
    return horizon


def flowers(canvas, rng, horizon, light):
    """Draw a flower bed along the far edge of the lawn."""
    if rng.random() < 0.4:
        return
    petals = pick(
        rng, [(220, 60, 70), (240, 200, 60), (240, 240, 240), (170, 90, 180), (240, 130, 150)]
    )
    with canvas.place(None, 0, horizon, 1) as pen:
        for _ in range(90):
            x, y = rng.uniform(0, canvas.width), rng.uniform(-8, 26)
            pen.oval(x, y, 5, 4, lit(vary(rng, (64, 100, 46), 20), light), shade=0.3)
            if rng.random() < 0.5:
                pen.oval(x, y + 3, 2.6, 2.2, lit(vary(rng, petals, 15), light))


def street(canvas, rng):
    """Draw a street: houses, a pavement and the roadway."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.48, 0.6))
    light = time[3]
    paint_ground(pixels, rng, horizon, ((136, 136, 138), (104, 104, 108)), 3, 0.1, light)
    canvas.backdrop(pixels)
    kind = rng.random()
    if kind < 0.75:
        houses(canvas, rng, horizon, light)
    else:
        treeline(pixels, rng, horizon, rng.uniform(50, 120), vary(rng, (62, 84, 50), 12), light)
        canvas.backdrop(pixels)
    with canvas.place(None, 0, horizon, 1) as pen:
        stone = lit(vary(rng, (176, 172, 166)), light)
        pen.poly(rect(-5, -14, canvas.width + 5, 0), stone, texture=0.06, cell=4)
        pen.poly(rect(-5, -18, canvas.width + 5, -14), lit((130, 128, 124), light))
        if rng.random() < 0.6:
            road_marks(pen, rng, canvas, horizon, light)
        if rng.random() < 0.5:
            lamp_post(pen, rng.uniform(20, canvas.width - 20), horizon)
    return horizon + 16


def road_marks(pen, rng, canvas, horizon, light):
    """Draw the dashed line in the middle of the roadway."""
    y = -rng.uniform(0.3, 0.6) * (canvas.height - horizon)
    for x in np.arange(rng.uniform(-60, 0), canvas.width, 90):
        pen.poly(
            [(x, y), (x + 46, y), (x + 42, y - 5), (x - 5, y - 5)], lit((226, 224, 214), light)
        )


def lamp_post(pen, x, horizon):
    """Draw a street lamp."""
    tall = horizon * 0.8
    pen.line([(x, -8), (x, tall)], 4, (62, 64, 68))
    pen.line([(x, tall), (x + 24, tall + 4)], 3, (62, 64, 68))
    pen.poly(rect(x + 18, tall, x + 36, tall + 6), (220, 220, 205))


WALLS = [(186, 164, 134), (160, 92, 74), (204, 198, 188), (140, 132, 124), (214, 186, 140),
    (150, 160, 170),
         (190, 130, 104), (116, 106, 100)]  # fmt: skip


def houses(canvas, rng, y, light):
    """Draw a row of house fronts whose feet stand at row y."""
    x = -rng.uniform(0, 80)
    with canvas.place(None, 0, y, 1) as pen:
        while x < canvas.width:
            wide, tall = rng.uniform(80, 190), rng.uniform(0.6, 1.15) * y
            house(pen, rng, x, wide, tall, light)
            x += wide


def house(pen, rng, x, wide, tall, light):
    """Draw one house front with rows of windows and a shop or door below."""
    wall = lit(vary(rng, pick(rng, WALLS)), light)
    pen.poly(rect(x, 0, x + wide, tall), wall, shade=0.1, texture=0.05, cell=3)
    pen.poly(rect(x - 2, tall - 7, x + wide + 2, tall), lit(wall, (0.8, 0.8, 0.8)))
    step, floor = rng.uniform(26, 40), rng.uniform(46, 60)
    pane = vary(rng, (70, 84, 98), 20)
    for low in np.arange(52, tall - 40, floor):
        for left in np.arange(x + 10, x + wide - 20, step):
            w, h = step * 0.5, floor * 0.55
            pen.poly(
                rect(left - 2, low - 2, left + w + 2, low + h + 2),
                lit(wall, (1.2, 1.2, 1.2)),
                relief=0,
            )
            pen.poly(
                rect(left, low, left + w, low + h), [lit(pane, (1.5, 1.5, 1.5)), pane], relief=0
            )
            pen.line(
                [(left + w / 2, low), (left + w / 2, low + h)], 1.3, lit(wall, (1.15, 1.15, 1.15))
            )
    shop = vary(
        rng, pick(rng, [(60, 60, 66), (120, 40, 40), (40, 70, 60), (50, 60, 90), (190, 180, 160)])
    )
    pen.poly(rect(x + 6, 0, x + wide - 6, 40), shop)
    pen.poly(rect(x + 10, 6, x + wide * 0.6, 30), [(170, 180, 184), (60, 66, 72)])
    pen.poly(rect(x + wide * 0.68, 0, x + wide * 0.68 + 18, 33), lit(shop, (0.6, 0.6, 0.6)))


def sea(canvas, rng):
    """Draw open water, sometimes with a coast behind."""
    pixels, horizon, time = outdoors(canvas, rng)
    light = time[3]
    if rng.random() < 0.7:
        coast = vary(rng, pick(rng, [(112, 130, 134), (80, 100, 76), (146, 136, 120)]), 12)
        treeline(pixels, rng, horizon, rng.uniform(8, 70), coast, light, 90)
    paint_water(pixels, rng, horizon, time)
    canvas.backdrop(pixels)
    return horizon


def paint_water(pixels, rng, start, time, end=None):
    """Fill the rows from `start` with waves that mirror the sky."""
    end = end or pixels.shape[0]
    rows, width = end - start, pixels.shape[1]
    deep = vary(rng, pick(rng, [(36, 76, 100), (50, 90, 96), (44, 66, 78), (70, 100, 110)]), 10)
    t = np.linspace(0, 1, rows)[:, None] ** 0.6 * np.ones((1, width))
    base = mix(np.asarray(time[1]) * 0.82, np.asarray(deep) * np.asarray(time[3]), t)
    wide = rng.uniform(16, 34)
    waves = smooth_noise(rng, width, max(2, rows * 3), wide)[::3][:rows]
    ripple = np.zeros((rows, width), np.float32)
    for k in range(rows):  # far rows come from dense waves, near rows from broad ones
        ripple[k] = waves[int((rows / (k / rows + 0.15)) * 2.2) % rows]
    fine = clouds(rng, width, rows, 10, 2)
    pixels[start:end] = base * (1 + (0.11 * ripple + 0.06 * fine) * (0.4 + t))[..., None]


def harbour(canvas, rng):
    """Draw a basin of calm water before a quay with houses and masts."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.42, 0.52))
    light = time[3]
    paint_water(pixels, rng, horizon, time)
    canvas.backdrop(pixels)
    houses(canvas, rng, horizon - 8, light)
    with canvas.place(None, 0, horizon, 1) as pen:
        pen.poly(
            rect(-5, 0, canvas.width + 5, 12), lit((120, 116, 110), light), texture=0.15, cell=4
        )
        for x in rng.uniform(0, canvas.width, int(rng.integers(2, 7))):
            tall = rng.uniform(40, 120)
            pen.line([(x, 0), (x, tall)], 2, (196, 192, 184))
            pen.line([(x, tall), (x + 26, 8)], 0.7, (120, 120, 120))
    canvas.reflect(horizon, 0, canvas.width, 90, 0.4)
    return horizon + 8


def beach(canvas, rng):
    """Draw sand with the sea behind it."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.34, 0.46))
    shore = int(horizon + (canvas.height - horizon) * rng.uniform(0.12, 0.3))
    paint_water(pixels, rng, horizon, time, shore + 6)
    foam = shore + (3 * smooth_noise(rng, canvas.width, 2, 40)[0]).astype(int)
    sand = vary(rng, pick(rng, [(214, 190, 150), (196, 178, 146), (226, 208, 174)]), 8)
    wet = tuple(int(0.78 * c) for c in sand)
    paint_ground(pixels, rng, shore, (wet, sand), 6, 0.1, time[3])
    for x in range(canvas.width):
        pixels[foam[x] - 2 : foam[x] + 2, x] = lit((240, 240, 238), time[3])
    canvas.backdrop(pixels)
    return shore


def open_sky(canvas, rng):
    """Draw nothing but sky, sometimes above a low strip of land."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.9, 1.0))
    if horizon < canvas.height:
        treeline(pixels, rng, horizon, rng.uniform(5, 30), vary(rng, (70, 88, 70), 15), time[3])
        paint_ground(pixels, rng, horizon, ((100, 112, 76), (90, 104, 66)), 5, 0.15, time[3])
    canvas.backdrop(pixels)
    return horizon


def airfield(canvas, rng):
    """Draw a runway with grass and buildings far behind."""
    pixels, horizon, time = outdoors(canvas, rng, rng.uniform(0.5, 0.62))
    light = time[3]
    treeline(pixels, rng, horizon, rng.uniform(6, 24), vary(rng, (76, 94, 70), 12), light)
    paint_ground(pixels, rng, horizon, ((120, 132, 84), (104, 120, 66)), 5, 0.14, light)
    strip = horizon + int(0.2 * (canvas.height - horizon))
    paint_ground(pixels, rng, strip, ((150, 150, 150), (120, 120, 122)), 4, 0.07, light)
    canvas.backdrop(pixels)
    with canvas.place(None, 0, horizon, 1) as pen:
        if rng.random() < 0.5:
            x = rng.uniform(0, canvas.width - 150)
            pen.poly(
                rect(x, 0, x + rng.uniform(80, 200), rng.uniform(14, 26)),
                lit((200, 204, 208), light),
            )
            pen.poly(rect(x + 20, 4, x + 70, 10), (80, 96, 110))
    return strip


def countryside(canvas, rng):
    """Draw fields, hills and a path: the neutral outdoors."""
    pixels, horizon, time = outdoors(canvas, rng)
    light = time[3]
    treeline(pixels, rng, horizon, rng.uniform(20, 70), vary(rng, (118, 136, 130), 15), light, 150)
    treeline(pixels, rng, horizon, rng.uniform(8, 40), vary(rng, (70, 92, 56), 14), light)
    ground = pick(rng, [((160, 150, 100), (150, 136, 90)), ((150, 140, 124), (134, 120, 104)),
        ((196, 178, 116), (180, 156, 92)),
                        ((110, 126, 66), (96, 112, 54)), ((226, 230, 234),
                        (210, 216, 224))])  # fmt: skip
    paint_ground(pixels, rng, horizon, ground, 5, 0.1, light)
    canvas.backdrop(pixels)
    return horizon


# ------------------------------------------------------------------ indoors

PLASTER = [(226, 218, 202), (190, 200, 196), (206, 188, 164), (168, 180, 196), (214, 208, 206),
    (150, 160, 140),
           (196, 150, 130), (120, 130, 146), (232, 226, 190)]  # fmt: skip
FLOORS = [
    (150, 106, 66),
    (178, 138, 94),
    (112, 76, 50),
    (180, 172, 160),
    (140, 130, 122),
    (196, 160, 116),
]


def room(canvas, rng, level=None, dark=1.0):
    """Draw wall, skirting board and floor; return the row where they meet."""
    width, height = canvas.width, canvas.height
    edge = int(height * (level or rng.uniform(0.56, 0.72)))
    pixels = np.zeros((height, width, 3), np.float32)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, edge))
    glow = np.exp(-((x - rng.uniform(0, 1)) ** 2 * 2 + (y - rng.uniform(0, 0.6)) ** 2 * 2))
    wall = np.asarray(vary(rng, pick(rng, PLASTER)), np.float32) * dark
    light = 0.62 + 0.42 * glow + 0.015 * clouds(rng, width, edge, 24, 3)
    if rng.random() < 0.25:
        light += 0.03 * np.sign(np.sin(x * rng.uniform(60, 120)))
    pixels[:edge] = wall * light[..., None]
    floor_boards(pixels, rng, edge, dark)
    canvas.backdrop(pixels)
    with canvas.place(None, 0, edge, 1) as pen:
        board = vary(rng, pick(rng, [(236, 232, 224), (120, 84, 56), (200, 196, 190)]))
        pen.poly(rect(-5, -1, width + 5, rng.uniform(7, 14)), lit(board, (dark,) * 3))
    return edge


def floor_boards(pixels, rng, edge, dark):
    """Fill the floor with boards, tiles or carpet in perspective."""
    height, width = pixels.shape[:2]
    rows = height - edge
    tone = np.asarray(vary(rng, pick(rng, FLOORS)), np.float32) * dark
    kind = pick(rng, ["boards", "tiles", "carpet"])
    t = np.linspace(0, 1, rows)[:, None]
    depth = 1 / (0.35 + t)
    across = (np.arange(width)[None] - width / 2) * depth
    noise = flat_ground(rng, width, rows, 5)
    light = 0.8 + 0.25 * t + (0.06 if kind == "carpet" else 0.03) * noise
    if kind == "boards":
        k = np.floor(across / 34).astype(int)
        light = light * (0.93 + 0.14 * rng.random(97)[k % 97])
        light = np.where((across / 34) % 1 < 0.04, light * 0.7, light)
    elif kind == "tiles":
        joint = ((across / 70) % 1 < 0.025) | ((depth * 5) % 1 < 0.03 + 0 * across)
        light = np.where(joint, light * 0.8, light)
    pixels[edge:] = tone * light[..., None]


def living_room(canvas, rng):
    """Draw a living room: window, pictures, shelf or lamp, perhaps a rug."""
    dark = pick(rng, [1.0, 1.0, 0.85, 0.7])
    edge = room(canvas, rng, dark=dark)
    with canvas.place(None, 0, edge, 1) as pen:
        things = [window, picture, shelf, lamp, picture, curtain]
        for slot in range(int(rng.integers(1, 4))):
            pick(rng, things)(
                pen, rng, rng.uniform(0.1, 0.3) * canvas.width + slot * canvas.width / 3, edge, dark
            )
        if rng.random() < 0.4:
            rug = vary(
                rng, pick(rng, [(140, 50, 46), (70, 84, 110), (190, 176, 150), (96, 110, 84)])
            )
            for k in (1.0, 0.86):
                pen.oval(canvas.width / 2, -0.55 * (canvas.height - edge), canvas.width * 0.44 * k,
                         (canvas.height - edge) * 0.36 * k, lit(rug, (dark * (2 - k),) * 3),
                         relief=0,
                         texture=0.08, cell=4)  # fmt: skip
    return edge


def window(pen, rng, x, edge, dark):
    """Draw a window with daylight behind it."""
    w, low, high = rng.uniform(60, 100), edge * 0.3, edge * 0.9
    pen.poly(rect(x - w / 2 - 6, low - 6, x + w / 2 + 6, high + 6), (236, 234, 228))
    view = [(210, 228, 242), (236, 242, 244), vary(rng, (130, 156, 110), 20)]
    pen.poly(rect(x - w / 2, low, x + w / 2, high), view, relief=0)
    pen.line([(x, low), (x, high)], 4, (236, 234, 228))
    pen.line([(x - w / 2, (low + high) / 2), (x + w / 2, (low + high) / 2)], 4, (236, 234, 228))


def curtain(pen, rng, x, edge, dark):
    """Draw a hanging curtain."""
    cloth = lit(
        vary(rng, pick(rng, [(150, 60, 56), (200, 190, 170), (80, 100, 130), (120, 130, 90)])),
        (dark,) * 3,
    )
    for k in range(6):
        tone = lit(cloth, (0.8 + 0.3 * (k % 2),) * 3)
        pen.poly(rect(x - 36 + 12 * k, edge * 0.03, x - 23 + 12 * k, edge * 1.1), tone, relief=0.4)


def picture(pen, rng, x, edge, dark):
    """Draw a framed picture on the wall."""
    w, h, y = rng.uniform(36, 80), rng.uniform(36, 70), edge * rng.uniform(0.6, 0.75)
    frame = pick(rng, [(60, 44, 32), (190, 160, 90), (240, 240, 236), (30, 30, 30)])
    pen.poly(
        rect(x - w / 2 - 5, y - h / 2 - 5, x + w / 2 + 5, y + h / 2 + 5), lit(frame, (dark,) * 3)
    )
    inside = [
        vary(rng, (170, 190, 205), 30),
        vary(rng, (200, 180, 150), 30),
        vary(rng, (90, 110, 80), 30),
    ]
    pen.poly(rect(x - w / 2, y - h / 2, x + w / 2, y + h / 2), inside, relief=0)
    pen.oval(x, y, w * 0.2, h * 0.25, vary(rng, (170, 120, 90), 60))


def shelf(pen, rng, x, edge, dark):
    """Draw a shelf with books."""
    wood = lit(vary(rng, (130, 92, 60)), (dark,) * 3)
    w = rng.uniform(70, 120)
    for y in edge * np.array([0.3, 0.55, 0.8]):
        left = x - w / 2
        while left < x + w / 2 - 8:
            thick, tall = rng.uniform(5, 11), rng.uniform(24, 36)
            fill = lit(vary(rng, pick(rng, [(140, 50, 44), (50, 70, 110), (190, 170, 120),
                (70, 96, 70), (60, 56, 60)])),
                       (dark,) * 3)  # fmt: skip
            pen.poly(rect(left, y, left + thick, y + tall), fill, relief=0.3)
            left += thick
        pen.poly(rect(x - w / 2 - 4, y - 5, x + w / 2 + 4, y), wood)


def lamp(pen, rng, x, edge, dark):
    """Draw a floor lamp."""
    tall = edge * rng.uniform(0.5, 0.7)
    pen.line([(x, -8), (x, tall)], 4, (70, 60, 54))
    pen.oval(x, -8, 20, 4, (60, 52, 48))
    shade = vary(rng, pick(rng, [(240, 224, 180), (220, 180, 130), (230, 230, 226)]))
    pen.poly(
        [(x - 32, tall), (x + 32, tall), (x + 20, tall + 44), (x - 20, tall + 44)],
        shade,
        relief=0.3,
    )


def kitchen(canvas, rng):
    """Draw a kitchen: tiled wall, cupboards and a worktop whose upper edge objects stand on."""
    edge = room(canvas, rng, rng.uniform(0.62, 0.72))
    wood = vary(rng, pick(rng, [(230, 226, 216), (150, 104, 66), (96, 116, 110), (190, 150, 104)]))
    with canvas.place(None, 0, edge, 1) as pen:
        if rng.random() < 0.6:
            tile = vary(rng, (226, 228, 226))
            pen.poly(rect(-5, 10, canvas.width + 5, edge * 0.55), tile)
            for x in np.arange(0, canvas.width, 26):
                pen.line([(x, 10), (x, edge * 0.55)], 1, lit(tile, (0.86,) * 3))
            for y in np.arange(10, edge * 0.55, 26):
                pen.line([(-5, y), (canvas.width + 5, y)], 1, lit(tile, (0.86,) * 3))
        for x in np.arange(-rng.uniform(0, 80), canvas.width, 96):
            pen.poly(rect(x, edge * 0.6, x + 92, edge * 1.1), wood, relief=0.15)
            pen.poly(
                rect(x + 10, edge * 0.65, x + 82, edge * 1.1), lit(wood, (0.93,) * 3), relief=0.2
            )
            pen.line([(x + 80, edge * 0.67), (x + 80, edge * 0.73)], 3, (150, 150, 152))
    return edge


def tabletop(canvas, rng):
    """Draw a near table or worktop before a blurred room."""
    edge = pick(rng, [living_room, kitchen, studio])(canvas, rng)
    canvas.soften(rng.uniform(2, 5))
    top = int(canvas.height * rng.uniform(0.62, 0.75))
    wood = vary(rng, pick(rng, [*FLOORS, (226, 224, 220), (70, 66, 64)]))
    rows = canvas.height - top
    strip = np.asarray(wood) * (
        0.85 + 0.2 * np.linspace(0, 1, rows)[:, None] + 0.07 * clouds(rng, canvas.width, rows,
            60, 3)
        + 0.05 * smooth_noise(rng, canvas.width, rows, 3)
    )[..., None]  # fmt: skip
    tile = Image.fromarray(np.clip(strip, 0, 255).astype(np.uint8))
    scale = canvas.image.width // canvas.width
    canvas.image.paste(tile.resize((tile.width * scale, tile.height * scale)), (0, top * scale))
    return min(top, max(top, edge))


def studio(canvas, rng):
    """Draw a plain wall that runs softly into the floor."""
    width, height = canvas.width, canvas.height
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    tone = np.asarray(
        vary(rng, pick(rng, [*PLASTER, (236, 236, 236), (70, 74, 80), (245, 244, 240)])), float
    )
    light = 1.02 - 0.3 * ((x - rng.uniform(-0.5, 0.5)) ** 2 + (y - rng.uniform(-0.5, 0.3)) ** 2) / 2
    light += 0.02 * clouds(rng, width, height, 50, 3) - 0.12 * np.exp(-((y - 0.35) ** 2) * 40)
    canvas.backdrop(tone * light[..., None])
    return int(height * 0.68)


SCENES = {
    "meadow": meadow,
    "forest": forest,
    "garden": garden,
    "street": street,
    "sea": sea,
    "harbour": harbour,
    "beach": beach,
    "sky": open_sky,
    "airfield": airfield,
    "countryside": countryside,
    "living_room": living_room,
    "kitchen": kitchen,
    "tabletop": tabletop,
    "studio": studio,
}
