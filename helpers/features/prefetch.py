"""Picture files into pixel arrays, read by every core ahead of the network that waits for them."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.dataset.pictures import PictureError, open_picture
from helpers.features.vector_store import Fingerprint, digest, stat


def pixels(source, size=224):
    """Return any picture (path, bytes, PIL image) squeezed to (size, size, 3) uint8 RGB.

    A JPEG far larger than that is decoded at a half, a quarter or an eighth of its size, as long as
    twice `size` is left: measured to keep the embedding's cosine above 0.999.
    Raises PictureError when it cannot be read.
    """
    image = open_picture(source, (2 * size, 2 * size))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR))


def read(picture, size):
    """Return `(picture, Fingerprint, pixels)`, or `(picture, None, reason)` when it cannot be read."""
    try:
        found = stat(picture.path)
        raw = Path(picture.path).read_bytes()
        row = Fingerprint(picture.id, os.fspath(picture.path), *found, digest(raw))
        return picture, row, pixels(raw, size)
    except OSError as error:
        return picture, None, f"it cannot be read ({error.strerror or error})"
    except PictureError as error:
        return picture, None, str(error)


def prefetch(work, items, window):
    """Yield `work(item)` in order, done by a thread a core, at most `window` items ahead."""
    items = iter(items)
    threads = ThreadPoolExecutor(os.cpu_count(), "reader")
    try:
        waiting = deque(threads.submit(work, item) for item in islice(items, window))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(threads.submit(work, item) for item in islice(items, 1))
            yield result
    finally:
        # When the reader is interrupted, nobody waits for what it had asked for.
        threads.shutdown(cancel_futures=True)


def batches(items, count):
    """Yield lists of `count` items, the last one perhaps shorter."""
    items = iter(items)
    while batch := list(islice(items, count)):
        yield batch
