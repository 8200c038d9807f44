"""A visitor's own folder in the index: loaded picture by picture, stopped, and removed again."""

import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from helpers.dataset.pictures import SUFFIXES, Ledger, Picture, PictureError, open_picture
from search_app.safe_paths import PathError, complete, is_inside, resolve_inside

BATCH = 16  # pictures that reach the index at once: one upsert a picture would be slow
SHOWN = 200  # rows of the ledger that the page shows
LONGEST_ID = 180  # bytes; the index takes 200


@dataclass
class Loaded:
    """One folder in the index of one engine: {id: Picture} and {id: vector}."""

    engine: object
    pictures: dict = field(default_factory=dict)
    vectors: dict = field(default_factory=dict)


class OwnFolder:
    """The folders that one visitor has added, and the one that is being added now."""

    def __init__(self, session, worker):
        """Work for `session` on `worker`, so that searching goes on meanwhile."""
        self.session, self.worker = session, worker
        self.loaded = {}
        self._stop = self._loading = False

    def complete(self, text):
        """Offer the folders that begin with `text`."""
        self.session.publish("places", {"found": complete(text, self.session.roots)})

    def load(self, text):
        """Add the pictures of the folder at `text`; asking again while it runs does nothing."""
        if not self._loading:
            self._loading, self._stop = True, False
            self.worker.submit(lambda: self._load(text), "load")

    def stop(self):
        """Stop after the current picture; what is in the index stays."""
        self._stop = True

    def remove(self, folder=None):
        """Take one folder out of the index, or all of them; the files are not touched."""
        if not self._loading:
            self.worker.submit(lambda: self._remove(folder), f"remove {folder}")

    def vectors(self, engine):
        """Return {id: vector} of all own pictures in the index of `engine`."""
        mine = [loaded for loaded in list(self.loaded.values()) if loaded.engine is engine]
        return {id: vector for loaded in mine for id, vector in list(loaded.vectors.items())}

    def _load(self, text):
        """Load and tell; an error becomes a sentence beside the path box."""
        try:
            folder = resolve_inside(text, self.session.roots)
            if not folder.is_dir():
                raise PathError(f"“{text}” is a file. Give the folder it lies in.")
            self._run(folder, self.session.engine)
        except PathError as error:
            self._tell(state="error", error=str(error))
        except Exception:
            self._tell(state="error", error="Loading broke off. What was loaded is kept.")
            raise
        finally:
            self._loading = False

    def _run(self, folder, engine):
        """Embed every picture of `folder` that is not in the engine's index yet."""
        loaded = self.loaded.setdefault((engine.extractor.name, folder), Loaded(engine))
        files, ledger, before = sorted(_files(folder)), Ledger(), len(loaded.pictures)
        waiting, started, told = [], time.monotonic(), 0.0
        for done, path in enumerate(files):
            if self._stop:
                break
            if time.monotonic() - told > 0.2:
                told = time.monotonic()
                self._tell_progress(folder, done, len(files), told - started, ledger)
            waiting += self._read(path, folder, loaded, ledger)
            if len(waiting) >= BATCH:
                self._keep(waiting, loaded)
        self._keep(waiting, loaded)
        added = len(loaded.pictures) - before
        state = "stopped" if self._stop else "done"
        self._tell(ledger, state=state, folder=str(folder), total=len(files), added=added)

    def _read(self, path, folder, loaded, ledger):
        """Return [(new Picture, its vector)], or [] for one that is known or goes to the ledger."""
        name = path.relative_to(folder).as_posix()
        picture_id = own_id(folder, name)
        if picture_id in loaded.pictures:
            return []
        try:
            self._refuse(path)
            image = open_picture(path)
            picture = Picture(picture_id, path, (), (), *image.size)
            return [(picture, self.session.embed(image, loaded.engine))]
        except PictureError as error:
            ledger.add(name, str(error))
            return []

    def _refuse(self, path):
        """Raise PictureError for a link that leads out and for what is not named like a picture."""
        if not is_inside(path, self.session.roots):
            raise PictureError("it is a link that leads out of the allowed folders")
        if path.suffix.lower() not in SUFFIXES:
            raise PictureError(f"it does not end like a picture ({', '.join(SUFFIXES)})")
        if not path.is_file():
            raise PictureError("it is no plain file")

    def _keep(self, waiting, loaded):
        """Write what waits to the index and make it known to the engine."""
        if not waiting:
            return
        pictures, vectors = zip(*waiting, strict=True)
        loaded.engine.index.upsert(list(pictures), list(vectors), progress=False)
        found = {picture.id: picture for picture in pictures}
        loaded.pictures |= found
        loaded.vectors |= dict(zip(found, vectors, strict=True))
        loaded.engine.pictures |= found
        waiting.clear()
        self.session.publish_facts()

    def _remove(self, folder):
        """Delete a folder's pictures, or those of all folders, from the index."""
        for key in [key for key in self.loaded if folder in (None, str(key[1]))]:
            gone = self.loaded.pop(key)
            gone.engine.index.delete(list(gone.pictures))
            for picture_id in gone.pictures:
                gone.engine.pictures.pop(picture_id, None)
        self.session.publish_facts()
        self._tell(state="removed")

    def _tell_progress(self, folder, done, total, seconds, ledger):
        """Say how far loading is, how fast, and how many seconds are left."""
        rate = done / seconds if seconds > 0.5 else 0.0
        left = round((total - done) / rate) if rate else None
        now = {"done": done, "total": total, "rate": round(rate, 1), "left": left}
        self._tell(ledger, state="loading", folder=str(folder), **now)

    def _tell(self, ledger=None, **state):
        """Publish where loading stands, which folders are in, and what was skipped and why."""
        entries = ledger.entries if ledger else []
        state["skipped"] = [[entry.path, entry.reason] for entry in entries[:SHOWN]]
        state["skipped_count"] = len(entries)
        there = [(path, one) for (_, path), one in self.loaded.items() if one.pictures]
        state["folders"] = [[str(path), len(one.pictures)] for path, one in there]
        self.session.publish("folder", state)


def own_id(folder, name):
    """Return the id of the file `name` in `folder`: the same each time it is loaded."""
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_ID - 20 or not name.isprintable():
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f"own/{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}/{name}"


def _files(folder):
    """Yield the visible files of `folder` and below; links to folders are not followed."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
