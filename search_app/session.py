"""What one visitor of the search page does, without any page: a query in, results out.

Every method that takes time returns at once; the answer arrives through `publish(part, value)`,
which the service and the widget connect to a browser and a test to a dictionary. The parts:

- `facts`: `count` and `classes` of the data set that is searched, `engines`, which are all data
  sets as in `Catalogue.data_sets` ([{name, title, count, default, folder}]), and what a query may
  have at most: `max_mb`, `max_pictures`, `max_marks`
- `options`: `k`, `labels`, `mode`, `min_score` and `engine` (the name of one of `engines`), as they
  are now: a page that reloads finds its controls as they were
- `query`, `results`, `status`, `samples`: the query picture, its hits, what is going on, and
  pictures to click on. `query` has `more`, the other pictures of the query ([{name, number,
  picture}]), and `marked`, the pictures marked in earlier results ([card with `wanted`])
- `marks`: which pictures are marked by now as wanted, or as not wanted, {id: bool}
- `large`, `why`, `groups`: the closer looks (`details.py`)
- `folder`, `completions`: loading folders (`folders.py`). `folder` is a Job's view with a `state`
  of loading, done, stopped, error or removed, `step`, `added`, and all `folders` that are loaded,
  each [path, count, name, whether this visitor loaded it]; `unload` takes that name

No part holds an absolute path: they're relative to the data set or to a root.
"""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from helpers.dataset.pictures import Picture
from helpers.index import Hit
from helpers.search.engine import Engine
from search_app import safe_paths, safe_url, thumbs
from search_app.catalogue import Catalogue
from search_app.details import Details
from search_app.folders import Folders
from search_app.messages import explain
from search_app.query import LIMITS, Options, Query, checked, checked_marks, checked_region
from search_app.safe_paths import PathError
from search_app.worker import DETAILS, FETCH, SEARCH, Worker

SAME_SCORE = 0.9999  # the same pixels score 1 but for rounding; a re-saved JPEG scores less


class Session:
    """A visitor's query, options and answers, worked on by threads that all visitors share."""

    def __init__(self, catalogue: Catalogue, publish: Callable[[str, object], object]):
        """Begin a visit to `catalogue`; `publish(part, value)` may be called from any thread."""
        self.catalogue, self._publish, self.closed = catalogue, publish, False
        self.options, self.query = Options(engine=catalogue.default.index.name), None
        self.marks = {}
        self.worker = Worker(SEARCH, lambda error, _topic: self.failed(error))
        self.fetcher = Worker(FETCH, self.failed)
        self.samples = Worker(DETAILS, self.failed)
        self.details, self.folders = Details(self), Folders(self)
        self._asked = itertools.count(1)
        self._latest = 0  # the number of the last query that was asked for
        self._unsubscribe = catalogue.subscribe(self._catalogue_changed)
        self.publish_facts()
        self.folders.publish()

    def close(self) -> None:
        """End the visit: what waits is dropped, and nothing is published any more."""
        self.closed, self.query = True, None
        self._unsubscribe()
        for each in (self.worker, self.fetcher, self.samples, self.details.worker, self.folders):
            each.close()

    @property
    def engine(self) -> Engine:
        """The Engine that the options name; the default where that one is gone."""
        return self.catalogue.engines.get(self.options.engine, self.catalogue.default)

    # What a visitor can ask for

    def upload(self, content: bytes, name: str) -> None:
        """Search with the `content` of an uploaded file."""
        self.upload_all([(content, name)])

    def upload_all(self, files: Sequence[tuple[bytes, str]]) -> None:
        """Search with all of `files`, [(content, name)], as one query; broken ones are left out."""
        self._ask(lambda: Query.of(files))

    def open(self, text: str) -> None:
        """Search with the picture at a path below the allowed roots or at an http(s) address."""
        text = text.strip()
        if not text.lower().startswith(("http://", "https://")):
            self._ask(lambda: self._read(text))
            return
        number = self._latest = next(self._asked)
        self.publish("status", {"busy": "Fetching the picture"})
        self.fetcher.submit(lambda: self._fetch(text, number), "status")

    def pick(self, picture_id: str) -> None:
        """Search with a picture that is in the data set."""
        self._ask(lambda: self._indexed(picture_id))

    def select_region(self, region: Sequence[float] | None) -> None:
        """Search with a region of the query, as in `query.Region`, or None for all of it."""
        region = checked_region(region)
        self._change(lambda query: replace(query, region=region), "region")

    def remove(self, number: int) -> None:
        """Search on without the picture of this number, one of several."""
        self._change(lambda query: query.without(number), f"remove {number}")

    def mark(self, marks: dict[str, bool]) -> None:
        """Note which hits are wanted, and which not, {id: bool}; `refine` searches with them."""
        self.marks = checked_marks(marks, self.engine.pictures)
        self.publish("marks", self.marks)

    def refine(self, marks: dict[str, bool]) -> None:
        """Search towards the marked pictures that are wanted, too, and away from the others."""
        marks = checked_marks(marks, self.engine.pictures)
        self._change(lambda query: replace(query, marks=marks), "refine")

    def clear(self) -> None:
        """Forget the query and its results."""
        self._latest = next(self._asked)
        self.worker.submit(self._clear, "status")

    def choose(self, **options) -> None:
        """Change `Options` (k, labels, mode, min_score, engine) and search again."""
        before, wanted = self.options, replace(self.options, **options)
        engines = self.catalogue.engines
        engine = engines.get(str(wanted.engine), self.catalogue.default)
        self.options = checked(wanted, engines, engine.dataset.classes)
        self.publish("options", asdict(self.options))
        if before.engine != self.options.engine:
            self.publish_facts()
            self.suggest()
            self.mark({})  # another data set has other pictures
            self._change(lambda query: replace(query, marks={}), "refine")
        self.worker.submit(self._answer, "options")  # a query that waits is not replaced

    def suggest(self) -> None:
        """Show twelve pictures of the data set to click on, different ones each time."""
        self.samples.submit(self._suggest, "samples")

    # What the closer looks and the folders need

    def publish(self, part: str, value: object) -> None:
        """Hand a part to the page, unless the visitor has left."""
        if not self.closed:
            self._publish(part, value)

    def locate(self, picture_id: str) -> Picture:
        """Return a picture of the data set; raises PathError when its file isn't for visitors."""
        engine = self.engine
        picture = engine.pictures.get(picture_id)
        if not picture:
            raise PathError(f"This data set has no picture “{picture_id}”. Choose another one.")
        if not self.catalogue.may_show(picture, engine):
            raise PathError("This picture is outside the allowed folders. Choose another one.")
        return picture

    def cards(self, pictures: Sequence[Picture | Hit], engine: Engine) -> list[dict]:
        """Return what the page shows of each picture: nothing where it may not be shown."""
        known = [engine.pictures.get(one.id) for one in pictures]
        known = [one if one and self.catalogue.may_show(one, engine) else None for one in known]
        drawn = thumbs.thumbs([picture and picture.path for picture in known])
        return [
            {
                "id": one.id,
                "labels": list(one.labels),
                "path": engine.dataset.relative(picture) if picture else "",
                "thumb": thumb,
            }
            for one, picture, thumb in zip(pictures, known, drawn, strict=True)
        ]

    def publish_facts(self) -> None:
        """Tell the page which data sets there are, and what may be chosen in this one."""
        engine = self.engine
        facts = {"count": self.catalogue.count(engine), "classes": engine.dataset.classes}
        facts |= {"engines": self.catalogue.data_sets()} | LIMITS
        self.publish("facts", facts)
        self.publish("options", asdict(replace(self.options, engine=engine.index.name)))

    def failed(self, error: Exception, part: str = "status") -> None:
        """Show what a job raised as a sentence in a part of the page."""
        self.publish(part, {"error": self.explain(error)})

    def explain(self, error: Exception) -> str:
        """Return the sentence for `error`, as in `messages.explain`."""
        return explain(error, self.catalogue.roots)

    # How a query is answered

    def _ask(self, read):
        """Search with the Query that `read()` returns."""
        self._latest = next(self._asked)
        self.worker.submit(lambda: self._begin(read), "status")

    def _change(self, change, topic):
        """Search with `change(query)`, unless there is another query by then."""
        seen, self._latest = self.query, next(self._asked)

        def begin():
            if seen and self.query and self.query.vectors is seen.vectors:
                self._begin(lambda: replace(change(self.query), problem=""))

        self.worker.submit(begin, topic)

    def _fetch(self, text, number):
        """Fetch a picture from the web, and search with it unless something else is wanted now."""
        name = text.split("?")[0].rstrip("/").rsplit("/", 1)[-1][:120] or "picture"
        try:
            content = safe_url.fetch(text)
        except Exception:
            if number == self._latest:
                raise
            return
        if number == self._latest:
            self.upload(content, name)

    def _begin(self, read):
        """Read a new query, and only when that worked let it replace the old one."""
        self.publish("status", {"busy": "Searching"})
        started = time.perf_counter()
        before, query = self.query, read()
        self.query = query
        if before is None or query.vectors is not before.vectors:
            self.mark(query.marks)  # those of another query mean nothing here
        self.publish("query", self._query_view(query))
        self._answer(decode=time.perf_counter() - started)
        if query.problem:
            self.publish("status", {"error": query.problem})

    def _query_view(self, query):
        """Return what the page shows of the query and of the pictures marked for it."""
        known, shown = self.engine.pictures, {"name": query.name, "labels": list(query.labels)}
        shown |= {"size": list(query.size), "region": query.region, "number": query.number}
        small = [(one.name, one.number, thumbs.jpeg(one.image, 240)) for one in query.more]
        more = [dict(zip(("name", "number", "picture"), one, strict=True)) for one in small]
        marked = self.cards([known[one] for one in query.marks if one in known], self.engine)
        marked = [card | {"wanted": query.marks[card["id"]]} for card in marked]
        return shown | {"picture": thumbs.jpeg(query.image), "more": more, "marked": marked}

    def _answer(self, decode=0.0):
        """Embed (unless that is done), search, draw, and show the results with the times."""
        query, options, engine = self.query, self.options, self.engine
        if query is None:
            return self.publish("status", {})
        self.publish("status", {"busy": "Searching"})
        clock = [time.perf_counter()]
        vector = self._combined(query, engine)
        clock.append(time.perf_counter())
        own = {query.id_in(engine.dataset.name), *query.marks} - {None}
        hits = engine.search(vector, options.k, options.label_filter(), options.min_score, own)
        clock.append(time.perf_counter())
        shown = self._hit_views(hits, query, engine)
        clock.append(time.perf_counter())
        seconds = [decode, *(end - start for start, end in itertools.pairwise(clock))]
        steps = zip(("decode", "embed", "search", "draw"), seconds, strict=True)
        ms = {step: round(1000 * taken, 1) for step, taken in steps}
        foreign = not (query.id or query.region or query.more or query.marks)
        identical = {"identical_hit": self._same(vector, engine, shown) if foreign else ""}
        count = {"count": self.catalogue.count(engine)}
        self.publish("results", {"hits": shown, "ms": ms} | count | identical)
        return self.publish("status", {})

    def _combined(self, query, engine):
        """Return one vector for all pictures of the query and those that were marked."""
        liked, unlike = [self._vector(one, engine) for one in (query, *query.more)], []
        for picture_id, wanted in query.marks.items():
            if picture_id in engine.pictures:  # somebody may have deleted it
                (liked if wanted else unlike).append(engine.index.vector(picture_id))
        return engine.combined(liked, unlike)

    def _vector(self, query, engine):
        """Return one picture's embedding; the sliders and filters need it only once."""
        stored = query.id_in(engine.dataset.name) in engine.pictures
        key = (engine.index.name, query.region)
        if key not in query.vectors:
            query.keep(key, engine.embed(query.id if stored else query.pixels()))
        return query.vectors[key]

    def _same(self, vector, engine, shown):
        """Return the file name of the hit that is the query itself, "" if none is."""
        nearest = engine.index.search(vector, 1)  # the hits' scores may be to an expanded query
        same = {hit.id for hit in nearest if hit.score >= SAME_SCORE}
        return next((Path(card["path"]).name for card in shown if card["id"] in same), "")

    def _hit_views(self, hits, query, engine):
        """Return what a card shows of each hit."""
        cards = self.cards(hits, engine)
        for rank, (card, hit) in enumerate(zip(cards, hits, strict=True), start=1):
            card["same"] = sorted(set(hit.labels) & set(query.labels))
            card |= {"rank": rank, "score": round(hit.score, 4)}
        return cards

    def _read(self, text):
        """Return the Query that a path stands for."""
        path = safe_paths.resolve_inside(text, self.catalogue.roots)
        if not path.is_file():
            raise PathError(f"“{text}” is a folder. Enter one picture, or use “Your folder”.")
        return Query(path.name, thumbs.read_picture(path))

    def _indexed(self, picture_id):
        """Return the Query for a picture of the data set."""
        found = self.locate(picture_id)
        image = thumbs.read_picture(found.path)
        whose = self.engine.dataset.name, found.id, found.labels
        return Query(found.path.name, image, (found.width, found.height), *whose)

    def _suggest(self):
        engine = self.engine
        pictures = list(engine.pictures.values())
        few = random.sample(pictures, min(12, len(pictures)))
        self.publish("samples", self.cards(few, engine))

    def _clear(self):
        """Empty the page."""
        self.query, self.marks = None, {}
        for part in ("query", "marks", "results", "status"):
            self.publish(part, {})

    def _catalogue_changed(self):
        """Show the new list; where the visitor's data set is gone, go to what replaced it, if any.

        Else it's back to the default.
        """
        self.folders.publish()
        if self.options.engine not in self.catalogue.engines:
            successor = self.catalogue.successors.get(self.options.engine)
            self.choose(engine=successor or self.catalogue.default.index.name, labels=())
        else:
            self.publish_facts()
