"""Work off the interface's thread: a few threads shared by all visitors, in order for each of them.

A slow web address or a large comparison holds a thread of its own pool, never one that others
search with.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from queue import SimpleQueue


class Pool:
    """`size` threads, started when they are first needed, that run whatever is handed to them."""

    def __init__(self, name: str, size: int):
        """Take a `name` for the threads."""
        self.name, self.size = name, size
        self._turns, self._lock, self._started = SimpleQueue(), threading.Lock(), 0

    def submit(self, turn: Callable[[], object]) -> None:
        """Run `turn()` when a thread is free; it must not raise."""
        with self._lock:
            if self._started < self.size:
                self._started += 1
                # A daemon, because a program that ends must not wait for a slow address.
                threading.Thread(target=self._run, name=self.name, daemon=True).start()
        self._turns.put(turn)

    def _run(self):
        while True:
            self._turns.get()()  # kept in no variable: a finished job must not stay in memory


SEARCH = Pool("search", 16)  # as many queries as may be gathered for one pass through the network
FETCH = Pool("fetch", 8)  # from the web, where each may take ten seconds
DETAILS = Pool("details", 4)
FOLDERS = Pool("folders", 2)


class Worker:
    """Runs one visitor's jobs one at a time, and only the latest of those waiting on each topic.

    A slider dragged over twenty values asks twenty times; what counts is the value it stops at.
    """

    def __init__(self, pool: Pool, on_error: Callable[[Exception, str], None]):
        """Take turns in `pool`; `on_error(exception, topic)` is told of jobs that fail."""
        self._pool, self._on_error = pool, on_error
        self._changed = threading.Condition()
        self._waiting, self._running, self._closed = OrderedDict(), False, False

    def submit(self, job: Callable[[], object], topic: str) -> None:
        """Run `job()` when its turn comes, instead of the one that waits on the same topic."""
        with self._changed:
            if self._closed:
                return
            self._waiting[topic] = job
            self._waiting.move_to_end(topic)
            if self._running:
                return
            self._running = True
        self._pool.submit(self._turn)

    def close(self) -> None:
        """Forget what waits and take nothing more; a job that has begun still ends."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def wait(self, seconds: float = 600) -> None:
        """Return when nothing runs or waits; raises TimeoutError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: not (self._running or self._waiting), seconds):
                raise TimeoutError(f"The job was still running after {seconds} s.")

    def _turn(self):
        """Run the job whose topic has waited longest, then queue again: others have turns, too."""
        self._run_one()
        with self._changed:
            more = self._running = bool(self._waiting)
            self._changed.notify_all()
        if more:
            self._pool.submit(self._turn)

    def _run_one(self):
        with self._changed:
            if not self._waiting:  # closed meanwhile
                return
            topic, job = self._waiting.popitem(last=False)
        try:
            job()
        except Exception as error:
            self._on_error(error, topic)
