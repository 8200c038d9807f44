"""The data sets that one process serves: those it was started with, and folders loaded later.

All visitors share one Catalogue. A folder that somebody loads is a data set like any other, with a
collection of its own; which folders these are is remembered in `search_app.json` below the data
folder, so that the next start offers them again.
"""

import functools
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.dataset.pictures import Picture
from helpers.errors import PlainError
from helpers.features.vgg16 import vectors_folder
from helpers.files import read_json, write_json
from helpers.index import collections, drop_collection
from helpers.index.errors import MilvusError
from helpers.search.engine import Engine
from search_app import loading, safe_paths
from search_app.batcher import Busy
from search_app.jobs import Job
from search_app.safe_paths import PathError
from search_app.worker import FOLDERS

log = logging.getLogger(__name__)
MAX_JOBS = 50  # that are remembered, and that may wait
GONE = (
    "%s is not there any more; its collection %s stays. If the folder isn't coming back, remove "
    "the collection in Python: from helpers import index; index.drop_collection(%r)"
)


class CatalogueError(PlainError, ValueError):
    """A data set that isn't there, or can't be loaded or removed; the text says what to do."""


class Catalogue:
    """Data sets, each an Engine by the name of its collection; made for any number of threads.

    `roots` are the folders that visitors may name, by default those of the settings. Folders are
    loaded with the extractor of the first of `engines`, which is the default.
    """

    def __init__(self, engines: Iterable[Engine], roots: Iterable[Path | str] | None = None):
        """Serve `engines`, of which there is at least one; they stay open when this is closed."""
        self._engines = {engine.index.name: engine for engine in engines}
        self._given = tuple(self._engines)
        self.default = next(iter(self._engines.values()))
        uri = self.default.index.uri
        self.settings = replace(self.default.extractor.settings, milvus_uri=uri)
        self.roots = safe_paths.resolved(self.settings.roots if roots is None else roots)
        self._lock, self._listeners = threading.RLock(), []
        self._folders, self._jobs, self._loading = {}, {}, {}  # by collection, by id, by folder
        self.successors = {}  # the collection that replaced another, by that one's name
        self._trust_given()
        self._counts = {}
        self._count()

    @property
    def engines(self) -> Mapping[str, Engine]:
        """Every Engine by the name of its collection, as it is now; the default comes first."""
        return self._engines  # never changed, only replaced

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs by id: those that run or wait, and the latest that have ended."""
        with self._lock:
            return dict(self._jobs)

    def data_sets(self) -> list[dict[str, Any]]:
        """Return what may be searched: [{name, title, count, default, folder}].

        `name` is the collection's, `title` is for people. `folder` is where a loaded folder is, as
        visitors see it; "" for the data sets that this process was started with.
        """
        return [
            {
                "name": name,
                "title": self._title(name, engine),
                "count": self.count(engine),
                "default": engine is self.default,
                "folder": self._shown(self._folders.get(name)),
            }
            for name, engine in self._engines.items()
        ]

    def count(self, engine: Engine) -> int:
        """Return how many rows the collection of `engine` has, as it was last counted."""
        return self._counts.get(engine.index.name, 0)

    def find(self, dataset_name: str, extractor_name: str) -> Engine | None:
        """Return the Engine of this data set whose index has this extractor, if there is one."""
        wanted = dataset_name, extractor_name
        return next(
            (
                engine
                for engine in self._engines.values()
                if (engine.index.dataset_name, engine.index.extractor_name) == wanted
            ),
            None,
        )

    def may_show(self, picture: Picture, engine: Engine) -> bool:
        """Return whether the file of `picture`, wherever it leads now, may be shown to visitors.

        It must be below the allowed roots, or where a data set given at the start had it.
        """
        given = engine.index.name in self._given
        places = (*self.roots, *self._places) if given else self.roots
        inside = safe_paths.is_inside(picture.path, places)
        return inside or (given and os.path.realpath(picture.path) in self._linked)

    # Changes

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener()` whenever data sets or counts change; return what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe():
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def changed(self) -> None:
        """Count all rows again and tell all subscribers; call it after writing to an index."""
        self._count()
        for listener in list(self._listeners):
            listener()

    def add(self, engine: Engine, folder: Path | None = None) -> None:
        """Serve `engine`, or its new state; its `folder` is remembered for the next start.

        Earlier collections of that folder, of which its growth has made another, are dropped.
        """
        name = engine.index.name
        with self._lock:
            former, before = self._former(engine, folder), self._engines
            self._engines = _without(former, self._engines | {name: engine})
            self.successors = self.successors | dict.fromkeys(former, name)
            if folder:
                self._folders = _without(former, self._folders | {name: folder})
                self._remember(former)
        self.changed()
        for one in former:
            before[one].index.drop() if one in before else drop_collection(one, self.settings)

    def drop(self, name: str) -> None:
        """Remove a data set: its collection and vectors, but none of its pictures.

        Raises CatalogueError for one that isn't there, was given at the start, or is loading.
        """
        with self._lock:
            engine = self._droppable(name)
            engine.index.drop()  # first: what Milvus doesn't drop stays known
            self._engines = _without([name], self._engines)
            self._folders.pop(name, None)
            self._remember([name])
            extractor = engine.extractor
            vectors = vectors_folder(engine.dataset.name, extractor.name, extractor.settings)
            shutil.rmtree(vectors, ignore_errors=True)
        self.changed()

    def delete_pictures(self, engine: Engine, ids: Iterable[str]) -> int:
        """Delete pictures from a data set, but not their files; return how many there were.

        The next load adds those whose files are there.
        """
        with self._lock:
            gone = set(ids)
            count = engine.index.delete(gone)
            kept = [one for one in engine.dataset.pictures if one.id not in gone]
            # Replaced, not changed: other threads may be going through them.
            engine.dataset = replace(engine.dataset, pictures=kept)
            engine.pictures = {one.id: one for one in kept}
        self.changed()
        return count

    def _droppable(self, name):
        """Return the Engine of a data set that may be dropped."""
        if name in self._given:
            raise CatalogueError(
                "This data set belongs to the page itself and can't be removed. "
                "Choose a folder that was loaded."
            )
        if name not in self._engines:
            raise CatalogueError("This data set isn't here any more. Choose another one.")
        job = self._loading.get(self._folders.get(name))
        if job and job.running:
            raise CatalogueError("This folder is being loaded. Stop that, then remove it.")
        return self._engines[name]

    # Folders

    def load_folder(self, text: str) -> Job:
        """Load the folder at `text`, or what has changed in it; return its Job at once.

        A folder that is already loading returns the running Job. Raises PathError for a path that
        isn't a folder below the roots, CatalogueError when it is served already, and Busy when too
        many wait.
        """
        folder = safe_paths.resolve_inside(text, self.roots)
        if not folder.is_dir():
            raise PathError(f"“{text}” is a file. Enter the folder that it is in.")
        if any(self._engines[name].dataset.folder.resolve() == folder for name in self._given):
            raise CatalogueError("This folder is being served already. Choose it in the list.")
        with self._lock:
            job = self._loading.get(folder)
            if not (job and job.running):
                job = self._start(folder)
        return job

    def offer_again(self) -> None:
        """Load, in the background, the folders of earlier runs that are still there."""
        FOLDERS.submit(self._offer_again)

    def close(self) -> None:
        """Stop loading, wait for that, and close the collections of loaded folders."""
        for job in self.jobs.values():
            job.cancel()
        for job in self.jobs.values():
            job.wait()
        for name, engine in self._engines.items():
            if name not in self._given:
                engine.index.close()

    def _start(self, folder):
        """Start a Job for `folder`, and forget the oldest that have ended."""
        ended = [key for key, job in self._jobs.items() if not job.running]
        for key in ended[: max(0, len(self._jobs) - MAX_JOBS + 1)]:
            del self._jobs[key]
        if len(self._jobs) >= MAX_JOBS:
            raise Busy("Too many folders are waiting. Try again when one has loaded.")
        job = Job(self._shown(folder))
        self._jobs[job.id] = self._loading[folder] = job
        self._loading = {key: one for key, one in self._loading.items() if one.running}
        FOLDERS.submit(functools.partial(loading.load, job, folder, self))
        return job

    def _offer_again(self):
        """Load the remembered folders that have a collection; only what differs is changed."""
        try:
            mine = self.default.extractor.name
            ours = collections(self.settings)
            there = {one.name for one in ours if one.extractor_name.split("+")[0] == mine}
        except PlainError as error:
            return log.warning("The folders of earlier runs aren't offered again: %s", error)
        for name, folder in read_json(self._memory).items():
            if name in there and os.path.isdir(folder):
                self._offer(folder)
            elif name in there:
                log.warning(GONE, folder, name, name)
        return None

    def _offer(self, folder):
        """Load one folder; if that can't be, the others still are."""
        try:
            self.load_folder(folder)
        except PlainError as error:
            log.warning("A folder of an earlier run isn't offered again: %s", error)

    @property
    def _memory(self):
        return self.settings.data / "search_app.json"

    @property
    def _noted(self):
        """Return the folders that are loaded, and those of earlier runs, by their collections."""
        return read_json(self._memory) | {k: str(folder) for k, folder in self._folders.items()}

    def _remember(self, forget):
        """Note the folders for the next start, without the collections in `forget`."""
        try:
            write_json(self._memory, _without(forget, self._noted))
        except OSError as error:
            log.warning("The loaded folders can't be noted for the next start: %s", error)

    def _former(self, engine, folder):
        """Return the collections that the same network made of `folder` with another tuning."""
        mine, noted = engine.extractor.name, self._noted
        found = [one for one in collections(self.settings) if one.name != engine.index.name]
        found = [one.name for one in found if one.extractor_name.split("+")[0] == mine]
        return [name for name in found if folder and noted.get(name) == str(folder)]

    def _count(self):
        for name, engine in list(self._engines.items()):
            try:
                self._counts[name] = engine.index.count()
            except MilvusError as error:
                log.warning("%s can't be counted: %s", name, error)

    def _shown(self, folder):
        return safe_paths.shown(folder, self.roots) if folder else ""

    def _title(self, name, engine):
        """Return the data set's name for people, with the extractor where there are several."""
        title = self._shown(self._folders.get(name)) or engine.dataset.name
        extractors = {one.extractor.name for one in self._engines.values()}
        return f"{title} · {engine.extractor.name}" if len(extractors) > 1 else title

    def _trust_given(self):
        """Note where the files of the given data sets are: a link that is there now may lead out.

        Whoever started the page chose them, but not what is swapped for a link later.
        """
        engines = self._engines.values()
        self._places = safe_paths.resolved(engine.dataset.folder for engine in engines)
        pictures = (picture for engine in engines for picture in engine.dataset.pictures)
        reals = {os.path.realpath(picture.path) for picture in pictures}
        self._linked = {real for real in reals if not safe_paths.is_inside(real, self._places)}


def _without(names, known):
    """Return the dictionary `known` without some names."""
    return {name: one for name, one in known.items() if name not in names}
