"""Whose turn it is at the network: somebody who waits for an answer goes before an extraction.

A plain lock is not enough. A loop that frees it and takes it again at once nearly always gets it
back, because the other thread has to wake up first: a query could wait until the end of an
extraction. So turns are handed over here, each to the one who is next in line.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

QUERIES_IN_A_ROW = 8
"""After this many queries a batch that waits has its turn, so that an extraction always ends."""


class Turns:
    """One turn at a time, in any number of threads; queries before batches.

    A query waits for the batch that is being computed and for the queries before it, and for a
    further batch only after QUERIES_IN_A_ROW queries. Within each kind it's first come, first
    served.
    """

    def __init__(self):
        self._lock = Lock()  # guards what follows, and is never held for long
        self.queries, self.batches = deque(), deque()
        self._current, self._in_a_row = None, 0

    @contextmanager
    def turn(self, line: deque[Event]) -> Iterator[None]:
        """Get in `line`, which is `queries` or `batches`, and have a turn while the block runs."""
        mine = Event()
        try:
            with self._lock:
                line.append(mine)
                self._start_next()
            mine.wait()
            yield
        finally:
            with self._lock:
                if mine in line:  # interrupted while it waited
                    line.remove(mine)
                elif self._current is mine:
                    self._current = None
                self._start_next()

    def _start_next(self):
        """Give the turn, if it is free, to the next in line."""
        if self._current or not (self.queries or self.batches):
            return
        gives_way = self.batches and self._in_a_row >= QUERIES_IN_A_ROW
        queries_first = self.queries and not gives_way
        self._in_a_row = self._in_a_row + 1 if queries_first else 0
        self._current = (self.queries if queries_first else self.batches).popleft()
        self._current.set()
