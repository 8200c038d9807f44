"""Work off the interface's thread, where a new request replaces the one that waits."""

import threading
from collections import OrderedDict
from collections.abc import Callable


class Worker:
    """One thread that runs one job at a time and remembers only the latest waiting on each topic.

    A slider dragged over twenty values asks twenty times; what counts is the value it stops at.
    """

    def __init__(self, name: str, on_error: Callable[[Exception, str], None]):
        """Take a `name` for the thread and `on_error(exception, topic)` for jobs that fail."""
        self._changed = threading.Condition()
        self._waiting, self._running = OrderedDict(), False
        self._on_error = on_error
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, job: Callable[[], object], topic: str) -> None:
        """Run `job()` when its turn comes, instead of the one that waits on the same topic."""
        with self._changed:
            self._waiting[topic] = job
            self._waiting.move_to_end(topic)
            self._changed.notify_all()

    def wait(self, seconds: float = 60) -> None:
        """Return when nothing runs or waits; raises TimeoutError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: not (self._running or self._waiting), seconds):
                raise TimeoutError(f"The job was still running after {seconds} s.")

    def _run(self):
        """Take jobs for ever, the topic that has waited longest first."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                topic, job = self._waiting.popitem(last=False)
                self._running = True
            try:
                job()
            except Exception as error:
                self._on_error(error, topic)
            with self._changed:
                self._running = False
                self._changed.notify_all()
