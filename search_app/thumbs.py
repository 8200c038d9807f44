"""Pictures on their way to the page: opened, checked, made small, and always encoded afresh.

Whatever a file hides, the page only ever receives pixels that Pillow has written as a new JPEG.
"""

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from helpers.dataset.pictures import PictureError, open_picture

MAX_BYTES = 20_000_000
CACHE_BYTES = 40_000_000  # about 4,000 thumbnails
THUMB_PIXELS, LARGE_PIXELS = 180, 900  # the short side of a thumbnail, the long side of a picture
_POOL = ThreadPoolExecutor(max_workers=4, thread_name_prefix="thumbs")


def read_picture(source: Path | bytes, name: str = "") -> Image.Image:
    """Return `source` as an upright RGB PIL image.

    Raises PictureError with a sentence for the visitor about the file, called `name` if uploaded.
    """
    if isinstance(source, bytes):
        check_size(len(source), name)
    try:
        return open_picture(source)
    except PictureError as error:
        text = f"“{name or source.name}” can't be used: {error}. Choose another JPEG or PNG file."
        raise PictureError(text) from error


def check_size(count: int, name: str) -> None:
    """Raise PictureError when a file called `name` of `count` bytes is too large to be opened."""
    if count > MAX_BYTES:
        raise PictureError(f"“{name}” is larger than {MAX_BYTES // 10**6} MB. Use a smaller copy.")


def jpeg(image: Image.Image, side: int = LARGE_PIXELS, quality: int = 85) -> bytes:
    """Return `image`, shrunk into `side` × `side` pixels, as JPEG bytes."""
    image = image.copy()
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


class Thumbnails:
    """Thumbnails by file, of which the latest used are kept; a file that changes gets a new one."""

    def __init__(self, max_bytes: int = CACHE_BYTES):
        """Keep at most `max_bytes`."""
        self.max_bytes, self.bytes = max_bytes, 0
        self._drawn, self._lock = OrderedDict(), threading.Lock()  # {(path, size, time): JPEG}

    def thumb(self, path: Path | str | None) -> bytes:
        """Return a JPEG of about 250 × 188 pixels of the picture at `path`, b"" if there is none.

        A VOC picture is 500 × 375 pixels, which JPEG decodes at half size in a millisecond.
        """
        try:
            status = os.stat(path or "")
        except (OSError, ValueError):
            return b""
        key = (str(path), status.st_size, status.st_mtime_ns)
        with self._lock:
            if key in self._drawn:
                self._drawn.move_to_end(key)
                return self._drawn[key]
        drawn = _draw(path)
        self._keep(key, drawn)
        return drawn

    def forget(self, folder: Path) -> None:
        """Drop the thumbnails of everything below `folder`."""
        beginning = str(folder) + os.sep
        with self._lock:
            for key in [key for key in self._drawn if key[0].startswith(beginning)]:
                self.bytes -= len(self._drawn.pop(key))

    def _keep(self, key, drawn):
        with self._lock:
            self.bytes += len(drawn) - len(self._drawn.pop(key, b""))
            self._drawn[key] = drawn
            while self.bytes > self.max_bytes:
                self.bytes -= len(self._drawn.popitem(last=False)[1])


CACHE = Thumbnails()


def thumbs(paths: Sequence[Path | str | None]) -> list[bytes]:
    """Return the thumbnail of each of `paths`, drawn in parallel."""
    return list(_POOL.map(CACHE.thumb, paths))


def _draw(path):
    try:
        return jpeg(open_picture(path, (THUMB_PIXELS,) * 2), 2 * THUMB_PIXELS, quality=80)
    except PictureError:
        return b""
