"""Work off the interface's thread, where a new request replaces the one that waits."""

import threading


class Worker:
    """One thread that runs one job at a time and remembers only the latest that waits in a lane.

    A slider dragged over twenty values asks twenty times; what counts is the value it stops at.
    """

    def __init__(self, name, on_error):
        """Take a `name` for the thread and `on_error(exception)`, told whatever a job raises."""
        self._changed = threading.Condition()
        self._waiting = {}
        self._running = False
        self._on_error = on_error
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, job, lane=""):
        """Run `job()` when its turn comes, instead of the one that waits in the same lane."""
        with self._changed:
            self._waiting.pop(lane, None)
            self._waiting[lane] = job
            self._changed.notify_all()

    @property
    def busy(self):
        """True while a job runs or waits."""
        return self._running or bool(self._waiting)

    def wait(self, seconds=60):
        """Return when nothing runs or waits; raises TimeoutError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self.busy, seconds):
                raise TimeoutError(f"The job was still running after {seconds} s.")

    def _run(self):
        """Take jobs for ever, the lane that has waited longest first."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                job = self._waiting.pop(next(iter(self._waiting)))
                self._running = True
            try:
                job()
            except Exception as error:
                self._on_error(error)
            with self._changed:
                self._running = False
                self._changed.notify_all()
