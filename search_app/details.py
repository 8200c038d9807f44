"""The closer looks: one picture with its boxes, why two pictures match, and near-duplicates."""

import functools
import threading

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.features import heatmap, load_vectors
from helpers.search.engine import Engine
from search_app import duplicates, query, thumbs
from search_app.safe_paths import PathError
from search_app.worker import DETAILS, Worker

MAX_GROUPS, MAX_MEMBERS = 40, 24
_TURNS = threading.Lock()  # a comparison of 17,125 pictures needs 170 MB


class Details:
    """Draws what one visitor asks for beside the results."""

    def __init__(self, session):
        """Draw for `session`."""
        self.session, self.worker = session, Worker(DETAILS, session.failed)

    def large(self, picture_id: str) -> None:
        """Show one indexed picture large, with its annotated boxes."""
        self._start("large", lambda: self._large(picture_id))

    def why(self, picture_id: str) -> None:
        """Show where the query and an indexed picture resemble each other."""
        self._start("why", lambda: self._why(picture_id))

    def groups(self, min_score: float) -> None:
        """Show the groups of pictures whose similarity is at least `min_score`, 0.8 to 1."""
        min_score = query.number(min_score, 0.8, 1.0)
        self._start("groups", lambda: self._groups(min_score))

    def _start(self, part, draw):
        """Show what `draw()` returns as `part` of the page, which is busy until then."""
        self.session.publish(part, {"busy": True})
        self.worker.submit(lambda: self.session.publish(part, draw()), part)

    def _large(self, picture_id):
        picture, engine = self.session.locate(picture_id), self.session.engine
        image = thumbs.read_picture(picture.path)
        size = picture.width, picture.height  # the file's own; a huge one is opened smaller
        boxes = [_fraction(box, size) for box in picture.boxes]
        path = engine.dataset.relative(picture)
        view = {"id": picture_id, "path": path, "labels": list(picture.labels), "boxes": boxes}
        return view | {"size": list(size), "picture": thumbs.jpeg(image, 1000)}

    def _why(self, picture_id):
        asked, engine = self.session.query, self.session.engine
        if asked is None:
            raise PathError("The query picture was removed. Choose one, then ask again.")
        path = self.session.locate(picture_id).path
        images = asked.pixels(), thumbs.read_picture(path)
        weights = engine.tuning and engine.tuning.weights
        heats = heatmap.match_heatmap(engine.extractor, *images, weights=weights)
        drawn = [overlaid(image, heat) for image, heat in zip(images, heats, strict=True)]
        return {"id": picture_id, "name": path.name, "pictures": drawn}

    def _groups(self, min_score):
        engine = self.session.engine
        groups, count, pictures = near_duplicates(engine, min_score)
        shown = [self._group(engine, *group) for group in groups]
        return {"groups": shown, "count": count, "pictures": pictures}

    def _group(self, engine, ids, size, best):
        # Somebody may have deleted one since they were compared.
        members = [engine.pictures[one] for one in ids if one in engine.pictures]
        cards = self.session.cards(members, engine)
        return {"best": round(best, 4), "count": size, "members": cards}


def near_duplicates(engine: Engine, min_score: float) -> tuple[list, int, int]:
    """Return ([(ids, size, best score)], how many groups, how many pictures in them).

    The list holds at most 40 groups with at most 24 of their ids. What was compared once serves all
    visitors, until the data set is loaded again and has another `engine`, or loses pictures.
    """
    with _TURNS:
        return _compared(engine, len(engine.pictures), round(min_score, 4))


@functools.lru_cache(maxsize=16)
def _compared(engine, _count, min_score):
    extractor = engine.extractor
    stored = load_vectors(engine.dataset.name, extractor.name, extractor.settings)
    rows = [row for row, one in enumerate(stored.ids) if one in engine.pictures]
    found = duplicates.groups(stored.values[rows], min_score)
    shown = [
        ([stored.ids[rows[row]] for row in group[:MAX_MEMBERS]], len(group), best)
        for group, best in found[:MAX_GROUPS]
    ]
    return shown, len(found), sum(len(group) for group, _ in found)


def overlaid(image: Image.Image, heat: NDArray[np.float32]) -> bytes:
    """Return `image` as JPEG under its `heat` map, (h, w) from 0 to 1: where it is hot, it glows.

    The picture is darkened where it is cold, so that the warm colour is not mistaken for its own.
    """
    image = image.copy()
    image.thumbnail((480, 480))
    heat = np.sqrt(heat / max(float(heat.max()), 1e-6))  # the eye should find the weaker ones too
    mask = Image.fromarray((heat * 255).astype(np.uint8)).resize(image.size, Image.BICUBIC)
    warm = Image.blend(image, Image.new("RGB", image.size, (255, 130, 0)), 0.5)
    cold = image.convert("L").point(lambda grey: grey / 2).convert("RGB")
    return thumbs.jpeg(Image.composite(warm, cold, mask), quality=88)


def _fraction(box, size):
    """Return a Box (1-based, inclusive pixels) as fractions of the picture."""
    width, height = size
    left, top = (box.xmin - 1) / width, (box.ymin - 1) / height
    return {"label": box.label, "box": [left, top, box.xmax / width, box.ymax / height]}
