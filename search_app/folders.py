"""The page's tab of folders, as one visitor sees it: complete, load, stop, remove."""

from search_app.query import MessageError
from search_app.safe_paths import complete
from search_app.worker import DETAILS, Worker


class Folders:
    """What one visitor does with the folders that all visitors share."""

    def __init__(self, session):
        """Work for `session`."""
        self.session, self.catalogue = session, session.catalogue
        self.worker = Worker(DETAILS, self._failed)
        self.mine = set()  # the names of the collections that this visitor loaded
        self._job, self._unsubscribe, self._state = None, lambda: None, {}

    def complete(self, text: str) -> None:
        """Offer the folders that begin with `text`."""
        self.worker.submit(lambda: self._complete(text), "completions")

    def load(self, text: str) -> None:
        """Load the folder at `text`, or what has changed in it; while one loads, do nothing."""
        if not (self._job and self._job.running):
            self.worker.submit(lambda: self._load(text), "folder")

    def stop(self) -> None:
        """Stop loading; what is embedded already stays."""
        if self._job:
            self._job.cancel()

    def unload(self, name: str | None = None) -> None:
        """Remove the folder whose collection has this name, or all that this visitor loaded."""
        if name is not None and not isinstance(name, str):
            raise MessageError("The page named no folder. Reload the page, then try again.")
        self.worker.submit(lambda: self._unload(name), f"unload {name}")

    def publish(self) -> None:
        """Show where loading stands, and which folders there are: [path, count, name, mine]."""
        loaded = [one for one in self.catalogue.data_sets() if one["folder"]]
        rows = [[one["folder"], one["count"], one["name"]] for one in loaded]
        rows = [[*row, row[2] in self.mine] for row in rows]
        self.session.publish("folder", self._state | {"folders": rows})

    def close(self) -> None:
        """Stop watching; a folder that is being loaded carries on without this visitor."""
        self._unsubscribe()
        self.worker.close()

    def _complete(self, text):
        found = complete(text, self.catalogue.roots)
        self.session.publish("completions", {"folders": found})

    def _load(self, text):
        self._unsubscribe()
        self._job = self.catalogue.load_folder(text)
        self._unsubscribe = self._job.subscribe(self._watch)

    def _watch(self, view):
        """Show a job's view; to the page, every step under way is "loading"."""
        ended = view["state"] in ("done", "stopped", "error")
        if ended and view["collection"]:
            self.mine.add(view["collection"])
        state = {"state": view["state"] if ended else "loading", "step": view["state"]}
        self._state = view | state | {"added": view["written"]}
        self.publish()

    def _unload(self, name):
        """Remove the folder named, or all of the visitor's that somebody else hasn't removed."""
        names = [one for one in sorted(self.mine) if one in self.catalogue.engines]
        for each in names if name is None else [name]:
            self.catalogue.drop(each)
            self.mine.discard(each)
        self._state = {"state": "removed", "skipped": [], "skipped_count": 0}
        self.publish()

    def _failed(self, error, _topic):
        """Show what went wrong; the loaded folders stay."""
        sentence = self.session.explain(error)
        self._state = {"state": "error", "error": sentence, "skipped": [], "skipped_count": 0}
        self.publish()
