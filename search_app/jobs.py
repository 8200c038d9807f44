"""A folder on its way to becoming a data set: how far that is, how it ended, and how to stop it."""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MAX_SKIPPED = 200  # rows of the ledger that a view holds
REPORT_SECONDS = 0.2  # between two reports of progress
RUNNING = ("waiting", "reading", "embedding", "writing")


class Cancelled(Exception):
    """Raised inside a job that somebody cancelled; what was done until then is kept."""


class Job:
    """One folder being loaded; any number of visitors may watch it, and any of them cancel it."""

    def __init__(self, folder: str):
        """Take the `folder` as visitors see it, without an absolute path."""
        self.id = secrets.token_hex(8)
        self._lock = threading.RLock()
        self._cancelled, self._ended = threading.Event(), threading.Event()
        self._listeners, self._begun, self._reported = [], time.monotonic(), 0.0
        self._view = {"id": self.id, "folder": folder, "state": "waiting", "done": 0, "total": 0}
        self._view |= {"seconds": 0.0, "written": 0, "deleted": 0, "unchanged": 0}
        self._view |= {"skipped": [], "skipped_count": 0, "collection": "", "error": ""}

    def view(self) -> dict[str, Any]:
        """Return where the job stands.

        `id`, `folder`, `state` (waiting, reading, embedding, writing, done, stopped or error),
        `done` of `total` pictures and `seconds` of the present step, the rows `written`, `deleted`
        and `unchanged`, at most 200 `skipped` [path, reason] of `skipped_count`, `collection`,
        `error`.
        """
        with self._lock:
            return dict(self._view)

    @property
    def running(self) -> bool:
        """Whether the job hasn't ended yet."""
        return not self._ended.is_set()

    def cancel(self) -> None:
        """Stop at the next batch of pictures; those that are embedded by then are kept."""
        self._cancelled.set()

    def wait(self, seconds: float = 600) -> None:
        """Return when the job has ended; raises TimeoutError after `seconds`."""
        if not self._ended.wait(seconds):
            raise TimeoutError(f"The folder was still loading after {seconds} s.")

    def subscribe(self, listener: Callable[[dict], object]) -> Callable[[], None]:
        """Call `listener(view)` now and at each report; return what ends that."""
        with self._lock:
            self._listeners.append(listener)
            listener(self.view())

        def unsubscribe():
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    # For the code that does the work

    def step(self, state: str, **facts: Any) -> None:
        """Begin the next step, or end; `facts` are put into the view."""
        with self._lock:
            if state in RUNNING:
                self._begun = time.monotonic()
                self._view |= {"done": 0, "total": 0, "seconds": 0.0} if state != "writing" else {}
            self._view |= {"state": state} | facts
            self._tell()
            if state not in RUNNING:
                self._listeners.clear()
                self._ended.set()

    def watch(self, done: int, total: int) -> None:
        """Note that `done` of `total` pictures are done; raises Cancelled after `cancel`."""
        if self._cancelled.is_set():
            raise Cancelled
        with self._lock:
            now = time.monotonic()
            self._view |= {"done": done, "total": total, "seconds": round(now - self._begun, 1)}
            if now - self._reported > REPORT_SECONDS:
                self._tell()

    def _tell(self):
        self._reported = time.monotonic()
        for listener in list(self._listeners):
            listener(self.view())
