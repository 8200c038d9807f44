"""A visitor's own folder in the index: loaded picture by picture, stopped, and removed again."""

import hashlib
import os
import time
from pathlib import Path

from helpers.dataset.pictures import SUFFIXES, Ledger, Picture, PictureError, open_picture
from search_app.safe_paths import PathError, complete, is_inside, resolve_inside
from search_app.worker import Worker

BATCH = 16  # pictures per upsert: one at a time would be slow
MAX_SKIPPED_SHOWN = 200  # rows of the ledger that the page shows
MAX_NAME_BYTES = 160  # with its prefix, an id then fits the index's 200 bytes


class OwnFolder:
    """The folders that one visitor has loaded, and the one that is being loaded now."""

    def __init__(self, session):
        """Work for `session` on a thread of its own, so that searching goes on meanwhile."""
        self.session, self.worker = session, Worker("folder", self._failed)
        self.loaded = {}  # {(engine's name, folder): {id: (Picture, vector)}}
        self._stop = self._loading = False

    def complete(self, text: str) -> None:
        """Offer the folders that begin with `text`."""
        self.session.publish("completions", {"folders": complete(text, self.session.roots)})

    def load(self, text: str) -> None:
        """Add the pictures of the folder at `text`; asking again while it runs does nothing."""
        if not self._loading:
            self._loading, self._stop = True, False
            self.worker.submit(lambda: self._load(text), "load")

    def stop(self) -> None:
        """Stop after the current picture; what is in the index stays."""
        self._stop = True

    def unload(self, folder: str | None = None) -> None:
        """Remove one folder from the index, or all of them; the files are not touched."""
        if not self._loading:
            self.worker.submit(lambda: self._unload(folder), f"unload {folder}")

    def vectors(self, engine) -> dict:
        """Return {id: (dim,) float32} of all own pictures in the index of `engine`."""
        name = engine.extractor.name
        loaded = [rows for (owner, _), rows in list(self.loaded.items()) if owner == name]
        return {id: vector for rows in loaded for id, (_, vector) in list(rows.items())}

    def _load(self, text):
        """Embed every picture of a folder that isn't in the index yet."""
        try:
            folder = resolve_inside(text, self.session.roots)
            if not folder.is_dir():
                raise PathError(f"“{text}” is a file. Enter the folder that it is in.")
            self._embed(folder, self.session.engine)
        finally:
            self._loading = False

    def _embed(self, folder, engine):
        """Add new pictures in batches, report progress, and say at last how it ended."""
        loaded = self.loaded.setdefault((engine.extractor.name, folder), {})
        files, ledger, before = sorted(_files(folder)), Ledger(), len(loaded)
        waiting, started, reported = {}, time.monotonic(), 0.0
        for done, path in enumerate(files):
            if self._stop:
                break
            if time.monotonic() - reported > 0.2:
                reported = time.monotonic()
                now = {"done": done, "total": len(files), "seconds": reported - started}
                self._report(ledger, state="loading", **now)
            picture_id = own_id(folder, path.relative_to(folder).as_posix())
            if picture_id not in loaded:
                waiting |= self._read(path, picture_id, folder, engine, ledger)
            if len(waiting) >= BATCH:
                self._keep(waiting, loaded, engine)
        self._keep(waiting, loaded, engine)
        state = "stopped" if self._stop else "done"
        self._report(ledger, state=state, added=len(loaded) - before, total=len(files))

    def _read(self, path, picture_id, folder, engine, ledger):
        """Return {id: (Picture, vector)} of one file, or {} when it goes to the ledger."""
        try:
            if not is_inside(path, self.session.roots):
                raise PictureError("it links to a place outside the allowed folders")
            if path.suffix.lower() not in SUFFIXES:
                raise PictureError(f"its extension isn't one of {', '.join(SUFFIXES)}")
            if not path.is_file():
                raise PictureError("it isn't a plain file")
            image = open_picture(path)
            picture = Picture(picture_id, path, (), (), *image.size)
            return {picture_id: (picture, engine.embed(image))}
        except PictureError as error:
            ledger.add(path.relative_to(folder).as_posix(), str(error))
            return {}

    def _keep(self, waiting, loaded, engine):
        """Write what waits to the index and make it known to the engine."""
        if waiting:
            pictures, vectors = zip(*waiting.values(), strict=True)
            engine.index.upsert(list(pictures), list(vectors), progress=False)
            loaded.update(waiting)
            engine.pictures.update({picture.id: picture for picture in pictures})
            waiting.clear()
            self.session.publish_facts()

    def _unload(self, folder):
        """Delete a folder's pictures, or those of all folders, from the index."""
        for name, path in [key for key in self.loaded if folder in (None, str(key[1]))]:
            engine, gone = self.session.engines[name], self.loaded.pop((name, path))
            engine.index.delete(list(gone))
            for picture_id in gone:
                engine.pictures.pop(picture_id, None)
        self.session.publish_facts()
        self._report(state="removed")

    def _failed(self, error, _topic):
        """Show what went wrong; what was loaded so far is kept."""
        self._report(state="error", error=self.session.explain(error))

    def _report(self, ledger=None, **state):
        """Publish where loading stands, which folders are in, and what was skipped and why."""
        skipped = ledger.entries if ledger else []
        state["skipped"] = [[entry.path, entry.reason] for entry in skipped[:MAX_SKIPPED_SHOWN]]
        state["skipped_count"] = len(skipped)
        loaded = [(path, len(rows)) for (_, path), rows in self.loaded.items() if rows]
        state["folders"] = [[str(path), count] for path, count in loaded]
        self.session.publish("folder", state)


def own_id(folder: Path, name: str) -> str:
    """Return the id of the file `name` in `folder`: the same each time it is loaded."""
    if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES or not name.isprintable():
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f"own/{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}/{name}"


def _files(folder):
    """Yield the visible files of `folder` and below; links to folders are not followed."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
