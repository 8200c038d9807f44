"""Picture files into pixels, decoded by every core while the network computes the batch before."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from helpers.dataset.pictures import PictureError
from helpers.features.vector_store import read_file


def read(picture, decode):
    """Return `(picture, Fingerprint, pixels)`, or `(picture, None, reason)` when it can't be read.

    `decode` turns the bytes of a picture file into pixels, (h, w, 3) uint8 RGB.
    """
    try:
        fingerprint, raw = read_file(picture)
        return picture, fingerprint, decode(raw)
    except OSError as error:
        return picture, None, f"it can't be read ({error.strerror or error})"
    except PictureError as error:
        return picture, None, str(error)


def prefetch(work, items, batch):
    """Yield lists of `work(item)`, `batch` at a time and in order, the last one perhaps shorter.

    There is one thread per core; at most two batches beyond the one just yielded are in work.
    """
    threads, ahead = ThreadPoolExecutor(os.cpu_count(), "prefetch"), deque()
    try:
        for start in range(0, len(items), batch):
            ahead.append(threads.map(work, items[start : start + batch]))
            if len(ahead) > 2:
                yield list(ahead.popleft())
        while ahead:
            yield list(ahead.popleft())
    finally:
        # When the consumer is interrupted, nobody waits for what it had asked for.
        threads.shutdown(cancel_futures=True)
