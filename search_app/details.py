"""The closer looks: one picture with its boxes, why two pictures match, and near-duplicates."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.features import heatmap, load_vectors
from search_app import duplicates, thumbs
from search_app.safe_paths import PathError
from search_app.worker import Worker

MAX_GROUPS, MAX_MEMBERS = 40, 24


class Details:
    """Draws what is asked for beside the results, on a thread of its own."""

    def __init__(self, session):
        """Draw for `session`."""
        self.session, self.worker = session, Worker("details", session.failed)
        self._pairs = None

    def large(self, picture_id: str) -> None:
        """Show one indexed picture large, with its annotated boxes."""
        self._start("large", lambda: self._large(picture_id))

    def why(self, picture_id: str) -> None:
        """Show where the query and an indexed picture resemble each other."""
        self._start("why", lambda: self._why(picture_id))

    def groups(self, min_score: float) -> None:
        """Show the groups of pictures whose similarity is at least `min_score`, 0.8 to 1."""
        min_score = max(0.8, min(1.0, float(min_score)))
        self._start("groups", lambda: self._groups(min_score))

    def _start(self, part, draw):
        """Show what `draw()` returns as `part` of the page, which is busy until then."""
        self.session.publish(part, {"busy": True})
        self.worker.submit(lambda: self.session.publish(part, draw()), part)

    def _large(self, picture_id):
        picture = self.session.locate(picture_id)
        image = thumbs.read_picture(picture.path)
        boxes = [_fraction(box, image.size) for box in picture.boxes]
        view = {"id": picture_id, "path": str(picture.path), "labels": list(picture.labels)}
        shown = {"size": list(image.size), "picture": thumbs.jpeg(image, 1000)}
        return view | shown | {"boxes": boxes}

    def _why(self, picture_id):
        query, engine = self.session.query, self.session.engine
        if query is None:
            raise PathError("The query picture was removed. Choose one, then ask again.")
        path = self.session.locate(picture_id).path
        images = query.pixels(), thumbs.read_picture(path)
        with engine.lock:
            heats = heatmap.match_heatmap(engine.extractor, *images)
        drawn = [overlaid(image, heat) for image, heat in zip(images, heats, strict=True)]
        return {"id": picture_id, "name": path.name, "pictures": drawn}

    def _groups(self, min_score):
        ids, first, second, scores = self._pairs_above(min_score)
        near = scores >= min_score
        found = duplicates.groups(len(ids), first[near], second[near], scores[near])
        shown = [self._group([ids[row] for row in rows], best) for rows, best in found[:MAX_GROUPS]]
        pictures = sum(len(rows) for rows, _ in found)
        return {"groups": shown, "count": len(found), "pictures": pictures}

    def _pairs_above(self, min_score):
        """Return (ids, i, j, scores); only other pictures or a lower score need a comparison."""
        ids, values = self._vectors(self.session.engine)
        key = (self.session.options.engine, tuple(ids))
        if not self._pairs or self._pairs[0] != key or self._pairs[1] > min_score:
            self._pairs = (key, min_score, duplicates.pairs(values, min_score))
        return ids, *self._pairs[2]

    def _vectors(self, engine):
        """Return (ids, (n, d) float32) of the data set and of the visitor's own pictures."""
        extractor = engine.extractor
        stored = load_vectors(engine.dataset.name, extractor.name, extractor.settings)
        rows = [row for row, one in enumerate(stored.ids) if one in engine.pictures]
        own = self.session.folder.vectors(engine)
        ids = [*(stored.ids[row] for row in rows), *own]
        return ids, np.stack([*stored.values[rows], *own.values()])

    def _group(self, ids, best):
        pictures = [self.session.engine.pictures[one] for one in ids[:MAX_MEMBERS]]
        return {"best": round(best, 4), "count": len(ids), "members": thumbs.cards(pictures)}


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
