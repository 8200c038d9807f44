"""Put objects into scenes the way photographs show them: alone, in company, near, far, cut off."""

from __future__ import annotations

import numpy as np

from . import animals, birds, farm, indoors, lounge, people
from .annotate import CLASSES
from .pen import Canvas, pick
from .scenes import SCENES
from .vehicles import DRAW as VEHICLES
from .vehicles import draw_track

DRAW = animals.DRAW | birds.DRAW | farm.DRAW | indoors.DRAW | lounge.DRAW | people.DRAW | VEHICLES

# width and height of each drawing in its own units; both are about right, and only place it
SHAPE = {
    "aeroplane": (1, 0.38), "bicycle": (1, 0.6), "bird": (1, 1), "boat": (0.9, 0.75),
    "bottle": (0.32, 1), "bus": (1, 0.5), "car": (1, 0.5), "cat": (0.95, 0.9), "chair": (0.6, 1),
    "cow": (1, 0.78), "diningtable": (1, 0.6), "dog": (0.95, 0.9), "horse": (1, 0.95),
    "motorbike": (1, 0.62), "person": (0.42, 1), "pottedplant": (0.75, 1), "sheep": (1, 0.85),
    "sofa": (1, 0.5), "train": (1, 0.5), "tvmonitor": (1, 0.75),
}  # fmt: skip

# how long or tall each is in metres, for company of the right size
METRES = {
    "aeroplane": 30, "bicycle": 1.75, "bird": 0.4, "boat": 7, "bottle": 0.3, "bus": 9, "car": 4.2,
    "cat": 0.55, "chair": 0.95, "cow": 2.4, "diningtable": 1.6, "dog": 0.95, "horse": 2.4,
    "motorbike": 2.1, "person": 1.72, "pottedplant": 0.8, "sheep": 1.3, "sofa": 2.0, "train": 30,
    "tvmonitor": 0.95,
}  # fmt: skip

OPEN = ["meadow", "countryside", "garden", "forest"]
PLACES = {
    "aeroplane": ["sky", "sky", "airfield", "airfield"],
    "bicycle": ["street", "garden", "countryside", "studio", "beach", "forest", "street"],
    "bird": ["garden", "sea", "beach", "forest", "sky", "meadow", "countryside"],
    "boat": ["sea", "harbour", "sea", "harbour", "beach"],
    "bottle": ["tabletop", "tabletop", "kitchen", "tabletop", "garden"],
    "bus": ["street", "street", "countryside", "street"],
    "car": ["street", "countryside", "street", "forest", "beach", "airfield"],
    "cat": ["living_room", "garden", "kitchen", "studio", "living_room", "tabletop"],
    "chair": ["living_room", "kitchen", "studio", "garden", "living_room"],
    "cow": ["meadow", "countryside", "meadow", "beach"],
    "diningtable": ["living_room", "kitchen", "living_room", "garden"],
    "dog": ["garden", "meadow", "beach", "living_room", "forest", "studio", "street"],
    "horse": ["meadow", "countryside", "forest", "beach", "meadow"],
    "motorbike": ["street", "countryside", "studio", "forest", "street", "airfield"],
    "person": ["street", "studio", "living_room", "beach", "garden", "forest", "harbour_walk"],
    "pottedplant": ["living_room", "garden", "studio", "kitchen", "tabletop"],
    "sheep": ["meadow", "countryside", "meadow", "forest"],
    "sofa": ["living_room", "living_room", "studio"],
    "train": ["countryside", "forest", "street", "meadow"],
    "tvmonitor": ["tabletop", "living_room", "studio", "tabletop"],
}

# (companion, how often, how many at most)
COMPANY = {
    "bicycle": [("person", 0.4, 1), ("bicycle", 0.15, 1), ("car", 0.1, 1)],
    "bird": [("bird", 0.3, 2)],
    "boat": [("boat", 0.35, 2)],
    "bottle": [("bottle", 0.45, 2), ("pottedplant", 0.12, 1)],
    "bus": [("car", 0.5, 2), ("person", 0.35, 2), ("bicycle", 0.1, 1)],
    "car": [("car", 0.3, 1), ("person", 0.3, 1), ("motorbike", 0.08, 1)],
    "cat": [("pottedplant", 0.15, 1), ("cat", 0.15, 1)],
    "chair": [("chair", 0.3, 1), ("pottedplant", 0.2, 1), ("cat", 0.1, 1)],
    "cow": [("cow", 0.4, 2), ("person", 0.1, 1)],
    "dog": [("person", 0.3, 1), ("dog", 0.2, 1)],
    "horse": [("horse", 0.15, 1), ("person", 0.2, 1), ("dog", 0.08, 1)],
    "motorbike": [("person", 0.35, 1), ("motorbike", 0.15, 1), ("car", 0.12, 1)],
    "person": [("person", 0.3, 2), ("dog", 0.15, 1), ("bicycle", 0.1, 1)],
    "pottedplant": [("pottedplant", 0.3, 1), ("chair", 0.15, 1)],
    "sheep": [("sheep", 0.5, 3), ("dog", 0.08, 1)],
    "sofa": [("pottedplant", 0.35, 1), ("tvmonitor", 0.12, 1)],
    "train": [("person", 0.25, 2)],
    "tvmonitor": [("pottedplant", 0.15, 1), ("bottle", 0.12, 1)],
}


# whole animals stand on the ground; heads (the class is in CLOSE) only at the picture's lower edge
VIEWS = {
    "bird": ["perch", "perch", "water"],
    "bottle": ["one", "one", "one", "tilted", "lying"],
    "cat": ["sit", "sit", "walk", "lie"],
    "cow": ["stand", "walk", "graze", "turned", "lie"],
    "dog": ["sit", "stand", "walk", "lie"],
    "horse": ["stand", "walk", "run", "graze", "turned"],
    "sheep": ["stand", "walk", "graze", "front", "lie"],
}
CLOSE = {"cat": "face", "cow": "face", "dog": "face", "horse": "head", "sheep": "face"}

FLAT = set(VEHICLES)  # the other drawings bring their own shadow


class Stage:
    """A canvas with its scene: knows where the ground is and puts objects on it."""

    def __init__(self, rng, label, scene, portrait):
        """Open a canvas for a picture of `label` and draw the scene on it."""
        self.rng, self.label, self.scene = rng, label, scene
        width, height = (375, 500) if portrait else (500, 375)
        self.canvas = Canvas(width, height, rng)
        self.width, self.height = width, height
        self.horizon = SCENES[scene](self.canvas, rng)
        self.canvas.soften(rng.uniform(0.4, 2.4))

    def spot(self, label, low=0.55, high=0.95):
        """Choose x, y and size for the main object so that it stands on the ground and shows."""
        rng, (w, h) = self.rng, SHAPE[label]
        share = rng.uniform(low, high)
        size = min(share * self.width / w, share * 0.97 * self.height / h)
        spare = max(0, self.width - size * w) / 2
        x = self.width / 2 + rng.uniform(-1, 1) * 0.8 * spare
        top = max(self.horizon + 0.15 * (self.height - self.horizon), size * h + 5)
        top = min(top, 0.97 * self.height)
        y = rng.uniform(top, 0.97 * self.height)
        if rng.random() < 0.2:  # too near: the frame cuts off a part, never the head
            size = min(size * rng.uniform(1.1, 1.45), 0.98 * self.height / h)
            over = size * w * rng.uniform(0.05, 0.2)
            side = pick(rng, [-1, 1])
            x = self.width / 2 + side * (self.width / 2 + over - size * w / 2)
            y = pick(rng, [min(y, 0.97 * self.height), 1.03 * self.height])
        return x, max(y, size * h * 0.97), size

    def stand(self, label, x, y, size, flip=None, angle=0.0, shadow=True, **options):
        """Draw one object with its shadow on the ground."""
        flip = self.rng.random() < 0.5 if flip is None else flip
        if label == "person":
            options.setdefault("pose", pick(self.rng, ["stand", "walk"]))
        elif label in VIEWS:
            options.setdefault("view", pick(self.rng, VIEWS[label]))
        if shadow and label in FLAT:
            with self.canvas.place(None, x, y, size) as pen:
                w = SHAPE[label][0]
                pen.shadow(0.03, 0.0, 0.52 * w, 0.045, 0.5)
                pen.shadow(0.0, 0.005, 0.42 * w, 0.02, 0.35)
        with self.canvas.place(label, x, y, size, flip, angle) as pen:
            DRAW[label](pen, self.rng, **options)

    def company(self, x, y, size):
        """Choose who else is there: [(label, x, y, size)], those behind first."""
        others, side = [], 1 if x < self.width / 2 else -1
        for label, chance, most in COMPANY.get(self.label, []):
            if label not in DRAW or self.rng.random() >= chance:
                continue
            for _ in range(1 + int(self.rng.integers(most))):
                others.append((label, *self.beside(label, x, y, size, side)))
                side = -side
        return sorted(others, key=lambda item: item[2])

    def beside(self, label, x, y, size, side):
        """Return x, y and size for a companion on that side of the main object."""
        rng = self.rng
        ground = self.height - self.horizon
        ratio = np.clip(METRES[label] / METRES[self.label], 0.16, 2.4)
        depth = rng.uniform(-0.3, 0.12) * ground
        behind = np.clip(y + depth, self.horizon + 0.1 * ground, self.height * 1.02)
        nearer = np.clip((behind - self.horizon + 40) / (y - self.horizon + 40), 0.5, 1.3)
        large = float(np.clip(size * ratio * nearer, 45, 1.15 * self.height))
        away = 0.5 * (SHAPE[self.label][0] * size + SHAPE[label][0] * large) * rng.uniform(0.6, 1.0)
        at = np.clip(x + side * away, 0.02 * self.width, 0.98 * self.width)
        return float(at), float(behind), large


def ordinary(stage):
    """Draw the main object and its company, far ones first."""
    x, y, size = stage.spot(stage.label)
    cast = [*stage.company(x, y, size), (stage.label, x, y, size)]
    for label, *where in sorted(cast, key=lambda item: item[2]):
        stage.stand(label, *where)


def close_up(stage):
    """Draw an animal's head and shoulders; the body is below the picture."""
    size = min(stage.height * stage.rng.uniform(0.85, 1.05), 1.0 * stage.width)
    x = stage.width * stage.rng.uniform(0.35, 0.65)
    low = 0.13 * size if stage.label == "cow" else 2
    stage.stand(stage.label, x, stage.height + low, size, view=CLOSE[stage.label])


def bird(stage):
    """Draw birds: flying in the sky, swimming on the sea, perched or walking elsewhere."""
    views = {"sky": ["fly"], "sea": ["water", "fly"], "beach": ["water", "fly", "perch"]}
    view = pick(stage.rng, views.get(stage.scene, ["perch", "perch", "water"]))
    x, y, size = stage.spot("bird", 0.5, 0.95)
    if view == "fly":
        y = stage.height * stage.rng.uniform(0.75, 0.9)
    cast = [*stage.company(x, y, size * 0.7), ("bird", x, y, size)]
    for label, *where in cast:
        stage.stand(label, *where, view=view)


def aeroplane(stage):
    """Draw an aeroplane in the air, or standing on the airfield."""
    rng = stage.rng
    x, y, size = stage.spot("aeroplane", 0.6, 1.0)
    if stage.scene == "sky":
        y = stage.height * rng.uniform(0.55, 0.8)
        kind = pick(rng, ["airliner", "below", "light", "airliner"])
        options = {"kind": kind} | ({} if kind == "below" else {"gear": rng.random() < 0.4})
        if kind == "below":
            size, y = min(size, 0.9 * stage.height), stage.height * rng.uniform(0.8, 0.95)
        stage.stand("aeroplane", x, y, size, angle=rng.uniform(-14, 14), shadow=False, **options)
        return
    stage.stand("aeroplane", x, y, size, kind=pick(rng, ["airliner", "light", "airliner"]))
    if rng.random() < 0.3:
        stage.stand("person", rng.uniform(30, stage.width - 30), y + 8, 70)


def boat(stage):
    """Draw boats on the water, or one pulled up on the beach."""
    rng = stage.rng
    x, y, size = stage.spot("boat", 0.55, 0.9)
    kinds = ["sail", "motor", "fishing", "rowing"]
    if stage.scene == "beach":
        stage.stand("boat", x, y, size, angle=rng.uniform(-4, 4), kind=pick(rng, kinds[2:]))
        return
    y = min(y, stage.height * 0.86)
    for label, *where in [*stage.company(x, y, size * 0.7), ("boat", x, y, size)]:
        stage.stand(label, *where, shadow=False, kind=pick(rng, kinds))
        bx, by, bsize = where
        stage.canvas.reflect(by, bx - 0.55 * bsize, bx + 0.55 * bsize, 0.7 * bsize, 0.5)
    if rng.random() < 0.1:
        stage.stand("bird", stage.width * rng.uniform(0.1, 0.9), 60, 40, shadow=False)


def train(stage):
    """Draw a train on its track."""
    rng = stage.rng
    view = pick(rng, ["corner", "corner", "corner", "steam", "side"])
    size = stage.width * rng.uniform(0.8, 1.0) * (1 if view == "corner" else 1.25)
    x = stage.width * rng.uniform(0.42, 0.58)
    y = max(stage.horizon + 0.35 * (stage.height - stage.horizon), 0.66 * stage.height)
    y = rng.uniform(y, 0.88 * stage.height)
    if view == "corner":
        size = min(size, (y - 8) / 0.6)
    flip = rng.random() < 0.5
    with stage.canvas.place(None, x, y, size, flip) as pen:
        draw_track(pen, rng, view)
    stage.stand("train", x, y, size, flip, view=view)
    for label, *where in stage.company(x, y, size):
        where[1] = min(stage.height * 0.98, y + rng.uniform(10, 40))
        stage.stand(label, where[0], where[1], min(where[2] * 2, 170))


def street_vehicle(stage):
    """Draw a bus or car, its company standing at the kerb behind or in front."""
    stage.horizon += 4
    ordinary(stage)


def dining(stage):
    """Draw a table with chairs behind and beside it, bottles on it and people at it."""
    rng = stage.rng
    x, y, size = stage.spot("diningtable", 0.65, 0.95)
    size = min(size, 0.9 * y)
    tall = 0.85 * size * METRES["chair"] / METRES["diningtable"]
    for side in (-1, 1):
        if rng.random() < 0.8:
            at = x + side * size * rng.uniform(0.15, 0.55)
            stage.stand("chair", at, y - rng.uniform(0.06, 0.16) * size, tall)
    if rng.random() < 0.35:
        at = x + rng.uniform(-0.25, 0.25) * size
        stage.stand("person", at, y - 0.1 * size, min(size * 0.88, y - 0.1 * size), pose="sit")
    stage.stand("diningtable", x, y, size, chairs=False)
    for _ in range(int(rng.integers(0, 3))):
        at, thing = (
            x + rng.uniform(-0.28, 0.28) * size,
            pick(rng, ["bottle", "bottle", "pottedplant"]),
        )
        options = {"view": "one"} if thing == "bottle" else {}
        stage.stand(thing, at, y - TABLE_TOP * size, 0.2 * size, **options)
    if rng.random() < 0.3:
        stage.stand("chair", x + rng.uniform(-0.4, 0.4) * size, y + 0.06 * size, tall)


TABLE_TOP = 0.46  # how high above the ground things stand on a dining table, in its units
# where the rider sits on each, in the mount's units, and how large the rider is
SADDLES = {
    "horse": (-0.02, 0.66, 0.72),
    "bicycle": (-0.13, 0.53, 0.95),
    "motorbike": (-0.16, 0.36, 0.8),
}


def ride(stage, mount):
    """Draw a person riding a horse, a bicycle or a motorbike."""
    dx, dy, tall = SADDLES[mount]
    x, y, size = stage.spot(mount, 0.5, 0.72)
    size = min(size, 0.92 * stage.height / (dy + 0.62 * tall))
    y = max(y, min(size * (dy + 0.62 * tall) + 6, stage.height * 0.97))
    flip = stage.rng.random() < 0.5
    options = {"view": pick(stage.rng, ["stand", "walk", "run"])} if mount == "horse" else {}
    stage.stand(mount, x, y, size, flip, **options)
    x += (-1 if flip else 1) * dx * size
    stage.stand("person", x, y - dy * size, size * tall, flip, shadow=False, pose="ride")


def lounge(stage):
    """Draw a sofa, perhaps with somebody on it."""
    rng = stage.rng
    x, y, size = stage.spot("sofa", 0.7, 1.0)
    for label, *where in stage.company(x, y, size):
        stage.stand(label, where[0], min(where[1], y - 2), where[2])
    stage.stand("sofa", x, y, size)
    guest = rng.random()
    seat, left = y - SOFA_SEAT * size, x + rng.uniform(-0.2, 0.2) * size
    if guest < 0.25:
        stage.stand("person", left, y + 0.03 * size, min(size * 0.72, 0.95 * y), pose="sit")
    elif guest < 0.5:
        stage.stand(pick(rng, ["cat", "dog"]), left, seat, size * 0.3, shadow=False)


SOFA_SEAT = 0.22  # how high the seat of a sofa is, in its units


def portrait(stage):
    """Draw people: walking, standing, sitting, or a bust that fills the picture."""
    rng = stage.rng
    if rng.random() < 0.3:
        size = stage.height * rng.uniform(0.8, 1.0)
        x = stage.width * rng.uniform(0.35, 0.65)
        stage.stand("person", x, stage.height + 2, size, shadow=False, pose="bust")
        return
    x, y, size = stage.spot("person", 0.7, 0.98)
    cast = [*stage.company(x, y, size), ("person", x, y, size)]
    for label, *where in sorted(cast, key=lambda item: item[2]):
        options = {"pose": pick(rng, ["stand", "walk", "stand"])} if label == "person" else {}
        stage.stand(label, *where, **options)


ARRANGE = {
    "aeroplane": aeroplane, "bird": bird, "boat": boat, "bus": street_vehicle,
    "car": street_vehicle,
    "diningtable": dining, "person": portrait, "sofa": lounge, "train": train,
}  # fmt: skip
TALL = {"bottle", "chair", "person", "pottedplant", "cat", "dog"}
RIDDEN = {"horse": 0.35, "bicycle": 0.3, "motorbike": 0.25}


def compose(number):
    """Return the label, the finished image and its [(label, box, cut)] for picture `number`."""
    rng = np.random.default_rng([2012, number])
    label = CLASSES[(number - 1) % len(CLASSES)]
    turn = (number - 1) // len(CLASSES)
    places = [place for place in PLACES[label] if place in SCENES]
    upright = rng.random() < (0.4 if label in TALL else 0.03)
    stage = Stage(rng, label, places[turn % len(places)], upright)
    if rng.random() < RIDDEN.get(label, 0):
        ride(stage, label)
    elif label in CLOSE and rng.random() < 0.2:
        close_up(stage)
    else:
        ARRANGE.get(label, ordinary)(stage)
    warm = rng.uniform(-0.04, 0.04)
    tint = np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.92, 1.06)
    image = stage.canvas.finished(
        rng.uniform(0.3, 1.2), rng.uniform(0, 0.5), tint, rng.uniform(0, 0.25)
    )
    return label, image, seen(stage.canvas)


def seen(canvas):
    """Return [(label, box, cut)] of what is large enough to be called visible."""
    objects = []
    for item, box in canvas.visible():
        if box[2] - box[0] >= 12 and box[3] - box[1] >= 12:
            edge = box[0] <= 1 or box[1] <= 1 or box[2] >= canvas.width or box[3] >= canvas.height
            objects.append((item.label, box, item.cut or edge))
    return objects
