"""What one visitor of the search page does, without any page: a query in, results out.

Every method that takes time returns at once; the answer arrives through `publish(part, value)`,
which the widget connects to the browser and a test to a dictionary.
"""

import itertools
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from helpers.dataset.pictures import Picture
from helpers.errors import PlainError
from helpers.search.engine import Engine
from search_app import safe_url, thumbs
from search_app.details import Details
from search_app.own_folder import OwnFolder
from search_app.query import Options, Query, checked, checked_region
from search_app.safe_paths import PathError, is_inside, resolve_inside
from search_app.worker import Worker

log = logging.getLogger(__name__)
SAME_SCORE = 0.9999  # the same pixels score 1 but for rounding; a re-saved JPEG scores less


class Session:
    """A visitor's query, options and answers, worked on by threads of their own."""

    def __init__(self, engines: Sequence[Engine], publish: Callable, roots: Iterable | None = None):
        """Open a session on Engines, one per embedding; `roots` default to the settings'."""
        self.engines = {engine.extractor.name: engine for engine in engines}
        self.options = Options(engine=next(iter(self.engines)))
        roots = engines[0].extractor.settings.roots if roots is None else roots
        self.roots = tuple(Path(root) for root in roots)
        self.classes = sorted({label for p in engines[0].dataset.pictures for label in p.labels})
        self.publish, self.query = publish, None
        self.worker = Worker("search", self.failed)
        self.details, self.folder = Details(self), OwnFolder(self)
        self.publish_facts()

    @property
    def engine(self) -> Engine:
        """The engine that the options name."""
        return self.engines[self.options.engine]

    # What a visitor can ask for

    def upload(self, content: bytes, name: str) -> None:
        """Search with the `content` of an uploaded file."""
        self._ask(lambda: Query(name, thumbs.read_picture(content, name)))

    def open(self, text: str) -> None:
        """Search with the picture at a path below the allowed roots or at an http(s) address."""
        self._ask(lambda: self._read(text.strip()))

    def pick(self, picture_id: str) -> None:
        """Search with a picture that is in the index."""
        self._ask(lambda: self._indexed(picture_id))

    def select_region(self, region: Sequence[float] | None) -> None:
        """Search with a region of the query, as in `query.Region`, or None for all of it."""
        if self.query:
            query = replace(self.query, region=checked_region(region))
            self._ask(lambda: query)

    def clear(self) -> None:
        """Forget the query and its results."""
        self.worker.submit(self._clear, "status")

    def choose(self, **options) -> None:
        """Change `Options` (k, labels, mode, min_score, engine) and search again."""
        self.options = checked(replace(self.options, **options), self.engines, self.classes)
        self.worker.submit(self._answer, "status")

    def suggest(self) -> None:
        """Show twelve indexed pictures to click on, different ones each time."""
        pictures = list(self.engine.pictures.values())
        few = random.sample(pictures, min(12, len(pictures)))
        self.publish("samples", thumbs.cards(few))

    # What the closer looks and the visitor's folders need

    def locate(self, picture_id: str) -> Picture:
        """Return an indexed Picture; raises PathError when its file isn't for visitors."""
        if picture_id in self.engine.pictures:
            return self.engine.pictures[picture_id]
        row = self.engine.index.get(picture_id)
        if not is_inside(row["path"], self.roots):
            raise PathError("This picture is outside the allowed folders. Choose another one.")
        return Picture(picture_id, Path(row["path"]), row["labels"])

    def publish_facts(self) -> None:
        """Tell the page how many pictures there are now, and what may be chosen."""
        self.count = self.engine.index.count()
        limits = {"engines": list(self.engines), "max_mb": thumbs.MAX_BYTES // 10**6}
        self.publish("facts", {"count": self.count, "classes": self.classes} | limits)

    def failed(self, error: Exception, part: str = "status") -> None:
        """Show what a job raised as a sentence in a part of the page."""
        self.publish(part, {"error": self.explain(error)})

    def explain(self, error: Exception) -> str:
        """Return the sentence for `error`; one that nobody foresaw is logged in full."""
        if isinstance(error, PlainError):
            return str(error)
        log.error("The search page failed", exc_info=error)
        return f"Something went wrong ({type(error).__name__}). Try again; the log has the details."

    # How a query is answered

    def _ask(self, read):
        """Search with the Query that `read()` returns."""
        self.worker.submit(lambda: self._begin(read), "status")

    def _begin(self, read):
        """Read a new query, and only when that worked let it replace the old one."""
        self.publish("status", {"busy": "Searching"})
        started = time.perf_counter()
        self.query = query = read()
        view = {"name": query.name, "labels": list(query.labels), "size": list(query.image.size)}
        view |= {"region": query.region, "picture": thumbs.jpeg(query.image)}
        self.publish("query", view)
        self._answer(decode=time.perf_counter() - started)

    def _answer(self, decode=0.0):
        """Embed (unless that is done), search, draw, and show the results with the times."""
        query, options, engine = self.query, self.options, self.engine
        if query is None:
            return self.publish("status", {})
        self.publish("status", {"busy": "Searching"})
        clock = [time.perf_counter()]
        vector = self._vector(query, engine)
        clock.append(time.perf_counter())
        wanted = options.label_filter(), options.min_score, query.indexed_id
        hits = engine.search(vector, options.k, *wanted)
        clock.append(time.perf_counter())
        shown = self._hit_views(hits, query)
        clock.append(time.perf_counter())
        seconds = [decode, *(end - start for start, end in itertools.pairwise(clock))]
        steps = zip(("decode", "embed", "search", "draw"), seconds, strict=True)
        ms = {step: round(1000 * taken, 1) for step, taken in steps}
        foreign = not query.id and query.region is None
        same = foreign and shown and shown[0]["score"] >= SAME_SCORE
        identical = {"identical_hit": Path(shown[0]["path"]).name if same else ""}
        self.publish("results", {"hits": shown, "ms": ms, "count": self.count} | identical)
        return self.publish("status", {})

    def _vector(self, query, engine):
        """Return the query's embedding; the sliders and filters need it only once."""
        key = (engine.extractor.name, query.region)
        if key not in query.vectors:
            stored = query.indexed_id in engine.pictures
            query.vectors[key] = engine.embed(query.id if stored else query.pixels())
        return query.vectors[key]

    def _hit_views(self, hits, query):
        """Return what a card shows of each hit; a file that isn't for visitors has no picture."""
        known, roots = self.engine.pictures, self.roots
        hits = [
            hit if hit.id in known or is_inside(hit.path, roots) else replace(hit, path="")
            for hit in hits
        ]
        cards = thumbs.cards(hits)
        for rank, (card, hit) in enumerate(zip(cards, hits, strict=True), start=1):
            card["same"] = sorted(set(hit.labels) & set(query.labels))
            card |= {"rank": rank, "score": round(hit.score, 4)}
        return cards

    def _read(self, text):
        """Return the Query that a path or an address stands for."""
        if text.lower().startswith(("http://", "https://")):
            name = text.split("?")[0].rstrip("/").rsplit("/", 1)[-1] or "picture"
            return Query(name, thumbs.read_picture(safe_url.fetch(text), name))
        path = resolve_inside(text, self.roots)
        if not path.is_file():
            raise PathError(f"“{text}” is a folder. Enter one picture, or load it as your folder.")
        return Query(path.name, thumbs.read_picture(path))

    def _indexed(self, picture_id):
        """Return the Query for a picture of the index."""
        found = self.locate(picture_id)
        return Query(found.path.name, thumbs.read_picture(found.path), found.id, found.labels)

    def _clear(self):
        """Empty the page."""
        self.query = None
        for part in ("query", "results", "status"):
            self.publish(part, {})
