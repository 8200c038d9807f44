"""A visitor's own folder in the index: loaded picture by picture, stopped, and removed again."""

import hashlib
import os
import time
from pathlib import Path

from helpers.pictures import SUFFIXES, Ledger, Picture, PictureError, open_picture
from helpers.safe_paths import PathError, complete, is_inside, resolve_inside

BATCH = 16  # pictures that reach the index at once: one upsert a picture would be slow
SHOWN = 200  # rows of the ledger that the page shows


class OwnFolder:
    """The folders that one visitor has added, and the one that is being added now."""

    def __init__(self, session, worker):
        """Work for `session` on `worker`, so that searching goes on meanwhile."""
        self.session, self.worker = session, worker
        self.folders, self.vectors = {}, {}
        self._stop = self._loading = False
        self.state = {"state": "empty"}

    def load(self, text):
        """Add the pictures of the folder at `text`; asking again while it runs does nothing."""
        if not self._loading:
            self._loading, self._stop = True, False
            self.worker.submit(lambda: self._load(text))

    def complete(self, text):
        """Offer the folders that begin with `text`."""
        self.session.publish("places", {"found": complete(text, self.session.roots)})

    def stop(self):
        """Stop after the current picture; what is in the index stays."""
        self._stop = True

    def remove(self, folder=None):
        """Take one folder out of the index, or all of them; the files are not touched."""
        if not self._loading:
            self.worker.submit(lambda: self._remove(folder))

    def _load(self, text):
        """Load and tell; an error becomes a sentence beside the path box."""
        try:
            folder = resolve_inside(text, self.session.roots)
            if not folder.is_dir():
                raise PathError(f"“{text}” is a file. Give the folder it lies in.")
            self._run(folder)
        except PathError as error:
            self._tell(state="error", error=str(error))
        except Exception:
            self._tell(state="error", error="Loading broke off. What was loaded is kept.")
            raise
        finally:
            self._loading = False

    def _run(self, folder):
        """Embed every picture of `folder` that is not in the index yet."""
        files, ledger = sorted(_files(folder)), Ledger()
        known = self.folders.setdefault(folder, {})
        batch, started, told = [], time.monotonic(), 0.0
        for done, path in enumerate(files):
            if self._stop:
                break
            if time.monotonic() - told > 0.2:
                told = time.monotonic()
                self._progress(folder, done, len(files), told - started, ledger)
            picture = self._read(path, folder, known, ledger)
            batch += [picture] if picture else []
            if len(batch) == BATCH:
                self._keep(batch, known)
        self._keep(batch, known)
        self._told(folder, len(files), ledger)

    def _read(self, path, folder, known, ledger):
        """Return the new Picture at `path` with its vector kept, or None with a reason noted."""
        name = path.relative_to(folder).as_posix()
        picture_id = f"own/{hashlib.sha256(bytes(folder)).hexdigest()[:8]}/{name}"[:250]
        if picture_id in known:
            return None
        try:
            self._refuse(path)
            image = open_picture(path)
            self.vectors[picture_id] = self.session.embed(image)
            return Picture(picture_id, path, (), (), *image.size)
        except PictureError as error:
            ledger.add(name, str(error))
            return None

    def _refuse(self, path):
        """Raise PictureError for a link that leads out and for what is not named like a picture."""
        if not is_inside(path, self.session.roots):
            raise PictureError("it is a link that leads out of the allowed folders")
        if path.suffix.lower() not in SUFFIXES:
            raise PictureError(f"it does not end like a picture ({', '.join(SUFFIXES)})")
        if not path.is_file():
            raise PictureError("it is no plain file")

    def _keep(self, batch, known):
        """Write a batch to the index and make it known to the engine, then empty it."""
        if batch:
            self.session.add(batch, [self.vectors[picture.id] for picture in batch])
            known |= {picture.id: picture for picture in batch}
            batch.clear()

    def _remove(self, folder):
        """Delete a folder's pictures, or everybody's, from the index."""
        chosen = [Path(folder)] if folder else list(self.folders)
        for one in chosen:
            ids = list(self.folders.pop(one, {}))
            self.session.discard(ids)
            for picture_id in ids:
                del self.vectors[picture_id]
        self._tell(state="removed" if chosen else "empty")

    def _progress(self, folder, done, total, seconds, ledger):
        rate = done / seconds if seconds > 0.5 else 0.0
        left = round((total - done) / rate) if rate else None
        self._tell(
            state="loading", folder=str(folder), done=done, total=total, ledger=ledger,
            rate=round(rate, 1), left=left,
        )  # fmt: skip

    def _told(self, folder, total, ledger):
        state = "stopped" if self._stop else "done"
        self._tell(state=state, folder=str(folder), total=total, ledger=ledger)

    def _tell(self, ledger=None, **state):
        """Publish where loading stands, which folders are in, and what was skipped and why."""
        entries = ledger.entries if ledger else []
        state["skipped"] = [[entry.path, entry.reason] for entry in entries[:SHOWN]]
        state["skipped_count"] = len(entries)
        state["folders"] = [[str(path), len(known)] for path, known in self.folders.items()]
        self.state = state
        self.session.publish("folder", state)


def _files(folder):
    """Yield the visible files of `folder` and below; links to folders are not followed."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
