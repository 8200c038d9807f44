"""The closer looks: one picture with its boxes, why two pictures match, and near-duplicates."""

import io

import numpy as np
from PIL import Image

from search_app import duplicates, thumbs
from search_app.safe_paths import PathError

MAX_GROUPS, MAX_MEMBERS = 40, 24


class Views:
    """Draws what is asked for beside the results, on a thread of its own."""

    def __init__(self, session, worker):
        """Draw for `session` on `worker`."""
        self.session, self.worker = session, worker
        self._pairs = None

    def large(self, picture_id):
        """Show one indexed picture large, with its annotated boxes."""
        self.worker.submit(lambda: self._large(picture_id), "large")

    def why(self, picture_id):
        """Show where the query and an indexed picture resemble each other."""
        self.session.publish("why", {"id": picture_id, "busy": True})
        self.worker.submit(lambda: self._guarded(self._why, picture_id), "why")

    def groups(self, min_score):
        """Show the groups of pictures whose similarity is at least `min_score`, 0.8 to 1."""
        min_score = max(0.8, min(1.0, float(min_score)))
        self.session.publish("groups", {"busy": True})
        self.worker.submit(lambda: self._groups(min_score), "groups")

    def _large(self, picture_id):
        path, labels = self.session.locate(picture_id)
        image = thumbs.read_picture(path, path.name)
        picture = self.session.engine.pictures.get(picture_id)
        boxes = [_fraction(box, image.size) for box in picture.boxes] if picture else []
        view = {"id": picture_id, "path": str(path), "labels": list(labels), "boxes": boxes}
        view |= {"size": list(image.size), "picture": thumbs.jpeg(image, 1000)}
        self.session.publish("large", view)

    def _why(self, picture_id):
        from helpers.features import heatmap

        query = self.session.query
        if query is None:
            raise PathError("The query was removed. Search again first.")
        path, _ = self.session.locate(picture_id)
        ours, theirs = query.pixels(), thumbs.read_picture(path, path.name)
        with self.session.model_lock:
            heats = heatmap.match_heatmap(self.session.engine.extractor, ours, theirs)
        drawn = [overlaid(image, heat) for image, heat in zip((ours, theirs), heats, strict=False)]
        self.session.publish("why", {"id": picture_id, "name": path.name, "pictures": drawn})

    def _guarded(self, draw, picture_id):
        """Let the dialog that waits for a drawing say why there is none."""
        try:
            draw(picture_id)
        except Exception:
            text = "This comparison could not be drawn. Search again, then ask once more."
            self.session.publish("why", {"id": picture_id, "error": text})
            raise

    def _groups(self, min_score):
        ids, first, second, scores = self._pairs_above(min_score)
        near = scores >= min_score
        found = duplicates.groups(len(ids), first[near], second[near], scores[near])
        shown = [self._group([ids[row] for row in rows], best) for rows, best in found[:MAX_GROUPS]]
        total = sum(len(rows) for rows, _ in found)
        view = {"min_score": min_score, "groups": shown, "count": len(found), "pictures": total}
        self.session.publish("groups", view)

    def _pairs_above(self, min_score):
        """Return (ids, i, j, scores), compared anew only for other pictures or a lower min_score."""
        ids, values = self.session.all_vectors()
        key = (self.session.options.engine, tuple(ids))
        if not self._pairs or self._pairs[0] != key or self._pairs[1] > min_score:
            self._pairs = (key, min_score, duplicates.pairs(values, min_score))
        return ids, *self._pairs[2]

    def _group(self, ids, best):
        pictures = [self.session.engine.pictures[one] for one in ids[:MAX_MEMBERS]]
        drawn = thumbs.thumbs([picture.path for picture in pictures])
        members = [
            {"id": picture.id, "path": str(picture.path), "thumb": image}
            for picture, image in zip(pictures, drawn, strict=True)
        ]
        return {"best": round(best, 4), "count": len(ids), "members": members}


def overlaid(image, heat):
    """Return `image` as JPEG under its `heat` map, (h, w) from 0 to 1: where it is hot, it glows.

    The picture is darkened where it is cold, so that the warm colour is not mistaken for its own.
    """
    image = image.copy()
    image.thumbnail((480, 480))
    heat = np.asarray(heat, np.float32)
    heat = np.sqrt(heat / max(float(heat.max()), 1e-6))  # the eye should find the weaker ones too
    mask = Image.fromarray((heat * 255).astype(np.uint8)).resize(image.size, Image.BICUBIC)
    amount = np.asarray(mask, np.float32)[..., None] / 255
    pixels = np.asarray(image, np.float32)
    cold = pixels.mean(axis=2, keepdims=True) * 0.5
    warm = pixels * 0.5 + np.array([255, 130, 0], np.float32) * 0.5
    out = io.BytesIO()
    Image.fromarray((cold * (1 - amount) + warm * amount).clip(0, 255).astype(np.uint8)).save(
        out, "JPEG", quality=88
    )
    return out.getvalue()


def _fraction(box, size):
    """Return a Box (1-based, inclusive pixels) as parts of the picture for the page to draw."""
    width, height = size
    left, top = (box.xmin - 1) / width, (box.ymin - 1) / height
    return {"label": box.label, "box": [left, top, box.xmax / width, box.ymax / height]}
