"""The queries of many visitors go through the network together, and never more than it can take."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.dataset.pictures import PictureSource
from helpers.errors import PlainError
from helpers.features import VGG16

MOST_WAITING = 64  # queries: some seconds of work, after which nobody waits for an answer
MOST_TOGETHER = 16


class Busy(PlainError, RuntimeError):
    """More was asked than can be done at once; try again in `retry_after` seconds."""

    def __init__(self, text: str, retry_after: int = 2):
        """Take the sentence, and the seconds after which it's worth another try."""
        super().__init__(text)
        self.retry_after = retry_after


class Batcher:
    """Embeds what callers in many threads ask for: whatever waits goes through in one pass.

    Nobody waits for others to come: while one batch is computed, the next one gathers. On two cores
    with 30 callers that is worth 5 to 15 % in float32, 0 to 5 % in int8; what counts more is that
    the queue is bounded.
    """

    def __init__(self, extractor: VGG16, most_waiting: int = MOST_WAITING):
        """Serve `extractor`, with at most `most_waiting` pictures in the queue."""
        self.extractor, self.most_waiting = extractor, most_waiting
        self._waiting, self._changed = deque(), threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="batcher", daemon=True).start()

    def embed(self, source: PictureSource) -> NDArray[np.float32]:
        """Return the embedding of one picture, (512,) float32 of unit norm; wait for it.

        Raises PictureError for a file that isn't a picture, Busy when too many wait already.
        """
        # Decoded here, in the caller's thread: a bad file fails for nobody else.
        pixels = Image.fromarray(self.extractor.pixels(source))
        answer = Future()
        with self._changed:
            if self._closed or len(self._waiting) >= self.most_waiting:
                raise Busy("Too many searches are waiting. Try again in a moment.")
            self._waiting.append((pixels, answer))
            self._changed.notify()
        return answer.result()

    def close(self) -> None:
        """Answer those who wait, take nobody else, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self):
        while batch := self._next():
            pictures, answers = zip(*batch, strict=True)
            try:
                found = self.extractor.embed_many(pictures)
            except Exception as error:  # belongs to the callers, whatever it is
                for answer in answers:
                    answer.set_exception(error)
            else:
                for answer, vector in zip(answers, found, strict=True):
                    answer.set_result(vector)

    def _next(self):
        """Return the pictures that wait, [(pixels, answer)], as soon as there are any."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            count = min(len(self._waiting), MOST_TOGETHER)
            return [self._waiting.popleft() for _ in range(count)]


class Slots:
    """A number of places for work at the same time; whoever finds none is told at once.

    A growing queue helps nobody: the last in it waits longest, and the memory runs out.
    """

    def __init__(self, count: int, what: str):
        """Have `count` places for `what`, a plural such as "searches"."""
        self._free, self._what = threading.Semaphore(count), what

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place while the block runs; raises Busy when all are taken."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"Too many {self._what} are going on at once. Try again in a moment.")
        try:
            yield
        finally:
            self._free.release()
