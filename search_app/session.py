"""What one visitor of the search page does, without any page: a query in, results out.

Every method that takes time returns at once; the answer arrives through `publish(name, value)`,
which the widget connects to the browser and a test to a dictionary.
"""

import itertools
import logging
import random
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from search_app import safe_url, thumbs
from search_app.own_folder import OwnFolder
from search_app.query import Options, Query, checked, checked_region, identical_hit
from search_app.safe_paths import PathError, default_roots, is_inside, resolve_inside
from search_app.views import Views
from search_app.worker import Worker

log = logging.getLogger(__name__)


class Session:
    """A visitor's query, options and answers, worked on by threads of their own."""

    def __init__(self, engines, publish, roots=None):
        """Take a list of Engines (one an embedding), `publish(name, value)` and allowed roots."""
        self.engines = {engine.extractor.name: engine for engine in engines}
        self.options = Options(engine=next(iter(self.engines)))
        self.roots = default_roots() if roots is None else tuple(Path(root) for root in roots)
        self.classes = sorted({label for p in engines[0].dataset.pictures for label in p.labels})
        self.query, self.failures = None, []
        self.model_lock = threading.Lock()
        self._publish, self._vectors = publish, {}
        self._search = Worker("search", self.failed)
        self.views = Views(self, Worker("views", self.failed))
        self.folder = OwnFolder(self, Worker("folder", self.failed))
        self.publish_facts()

    @property
    def engine(self):
        """The engine that the options name."""
        return self.engines[self.options.engine]

    def publish(self, name, value):
        """Show `value` as the page's part called `name`."""
        self._publish(name, value)

    # What a visitor can ask for

    def upload(self, content, name):
        """Search with the `content` (bytes) of an uploaded file."""
        self._ask(lambda: Query(name, thumbs.read_picture(content, name)))

    def open(self, text):
        """Search with the picture at a path below the allowed roots or at an http(s) address."""
        self._ask(partial(self._read, text.strip()))

    def pick(self, picture_id):
        """Search with a picture that is in the index."""
        self._ask(partial(self._indexed, picture_id))

    def part(self, region):
        """Search with a region of the query only: (left, top, right, bottom), 0 to 1, or None."""
        if self.query is None:
            return
        query = replace(self.query, region=checked_region(region))
        self._ask(lambda: query)

    def remove(self):
        """Forget the query and its results."""
        self._search.submit(self._forget)

    def choose(self, **options):
        """Change options (k, labels, mode, min_score, engine) and search again."""
        self.options = checked(replace(self.options, **options), self.engines, self.classes)
        self._search.submit(self._answer)

    def suggest(self):
        """Show twelve indexed pictures to click on, chosen anew each time."""
        pictures = list(self.engine.pictures.values())
        few = random.sample(pictures, min(12, len(pictures)))
        drawn = thumbs.thumbs([picture.path for picture in few])
        self.publish(
            "samples",
            [_sample(picture, drawn) for picture, drawn in zip(few, drawn, strict=True)],
        )

    def wait(self, seconds=60):
        """Return when nothing is being worked on; raises what a job has raised unexpectedly."""
        for worker in (self._search, self.views.worker, self.folder.worker):
            worker.wait(seconds)
        if self.failures:
            raise self.failures.pop()

    # How it is answered

    def _ask(self, read):
        self._search.submit(lambda: self._begin(read))

    def _begin(self, read):
        """Read a new query, and only when that worked let it replace the old one."""
        self.publish("status", {"busy": "Searching"})
        started = time.perf_counter()
        query = read()
        if self.query is None or query.image is not self.query.image:
            self._vectors.clear()
        self.query = query
        self.publish("query", self._query_view(query))
        self._answer(decode=time.perf_counter() - started)

    def _answer(self, decode=0.0):
        """Embed (unless that is done), search, draw, and show the results."""
        query, options, engine = self.query, self.options, self.engine
        if query is None:
            return self.publish("status", {})
        self.publish("status", {"busy": "Searching"})
        clock = [time.perf_counter()]
        vector = self._vector(query, engine)
        clock.append(time.perf_counter())
        hits = engine.index.search(vector, options.k + 1, options.label_filter(), options.min_score)
        hits = [hit for hit in hits if hit.id != query.id or query.region][: options.k]
        clock.append(time.perf_counter())
        shown = self._hit_views(hits, query)
        clock.append(time.perf_counter())
        embed, search, draw = (b - a for a, b in itertools.pairwise(clock))
        times = {"decode": decode, "embed": embed, "search": search, "draw": draw}
        self.publish(
            "results",
            self._results_view(shown, times) | {"identical_hit": identical_hit(query, shown)},
        )
        return self.publish("status", {})

    def _vector(self, query, engine):
        """Return the query's embedding; the slider and the filters need it only once."""
        key = (engine.extractor.name, query.region)
        if key not in self._vectors:
            stored = query.id and query.region is None
            self._vectors[key] = (
                engine.index.vector(query.id) if stored else self.embed(query.pixels(), engine)
            )
        return self._vectors[key]

    def embed(self, image, engine):
        """Return the embedding of a PIL `image`; only one thread at a time asks the network."""
        with self.model_lock:
            return engine.extractor.embed(image)

    def publish_facts(self):
        """Tell the page how many pictures there are now, and what may be chosen."""
        self.count = self.engine.index.count()
        self.publish("facts", self._facts())

    def _read(self, text):
        """Return the Query that a path or an address stands for."""
        if text.lower().startswith(("http://", "https://")):
            name = text.split("?")[0].rstrip("/").rsplit("/", 1)[-1] or "picture"
            return Query(name, thumbs.read_picture(safe_url.fetch(text), name))
        path = resolve_inside(text, self.roots)
        if not path.is_file():
            raise PathError(f"“{text}” is a folder. Give one picture, or open the folder's tab.")
        return Query(path.name, thumbs.read_picture(path, path.name))

    def _indexed(self, picture_id):
        """Return the Query for a picture of the index."""
        path, labels = self.locate(picture_id)
        return Query(path.name, thumbs.read_picture(path, path.name), picture_id, labels)

    def locate(self, picture_id):
        """Return (path, labels) of an indexed picture that may be shown; raises PathError."""
        known = self.engine.pictures.get(picture_id)
        if known:
            return Path(known.path), known.labels
        row = self.engine.index.get(picture_id)
        if not is_inside(row["path"], self.roots):
            raise PathError("This picture may not be shown. Search with another one.")
        return Path(row["path"]), row["labels"]

    def may_show(self, picture_id, path):
        """Return True for the data set's own pictures and for files below the allowed roots."""
        return picture_id in self.engine.pictures or is_inside(path, self.roots)

    def _forget(self):
        self.query = None
        self._vectors.clear()
        for name in ("query", "results", "status"):
            self.publish(name, {})

    def failed(self, error):
        """Turn what a job raised into a sentence on the page; what nobody foresaw is kept too."""
        if type(error).__module__.startswith("helpers."):
            return self.publish("status", {"error": str(error)})
        self.failures.append(error)
        log.error("The search page failed", exc_info=error)
        text = f"That did not work ({type(error).__name__}). Try again; the log has the details."
        return self.publish("status", {"error": text})

    # What a folder and the closer looks need

    def all_vectors(self):
        """Return (ids, (n, d) float32) of the data set and of the visitor's own pictures."""
        from helpers.features.vgg16 import load_vectors

        extractor = self.engine.extractor
        stored = load_vectors(self.engine.dataset.name, extractor.name, extractor.settings)
        here = [row for row, one in enumerate(stored.ids) if one in self.engine.pictures]
        own = self.folder.vectors(self.engine)
        values = np.concatenate([stored.values[here], *(v[None] for v in own.values())])
        return [*(stored.ids[row] for row in here), *own], values

    # What the page is told

    def _facts(self):
        return {
            "count": self.count,
            "dataset": self.engine.dataset.name,
            "classes": self.classes,
            "engines": list(self.engines),
            "max_mb": thumbs.MAX_BYTES // 10**6,
        }

    def _query_view(self, query):
        size = list(query.image.size)
        view = {"name": query.name, "id": query.id, "labels": list(query.labels), "size": size}
        return view | {"region": query.region, "picture": thumbs.jpeg(query.image)}

    def _results_view(self, hits, times):
        ms = {name: round(seconds * 1000, 1) for name, seconds in times.items()}
        return {"hits": hits, "ms": ms, "k": self.options.k, "count": self.count}

    def _hit_views(self, hits, query):
        """Return what a card shows of each hit; a file that may not be shown has no picture."""
        paths = [hit.path if self.may_show(hit.id, hit.path) else "" for hit in hits]
        drawn = thumbs.thumbs(paths)
        return [
            {
                "id": hit.id,
                "rank": rank,
                "score": round(float(hit.score), 4),
                "labels": list(hit.labels),
                "path": str(path),
                "same": sorted(set(hit.labels) & set(query.labels)),
                "thumb": drawn[rank - 1],
            }
            for rank, (hit, path) in enumerate(zip(hits, paths, strict=True), start=1)
        ]


def _sample(picture, drawn):
    """Return what the strip of suggestions shows of one picture."""
    return {"id": picture.id, "labels": list(picture.labels), "thumb": drawn}
