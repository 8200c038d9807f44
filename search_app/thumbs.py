"""Pictures on their way to the page: opened, checked, made small, and always encoded afresh.

Whatever a file hides, the page only ever receives pixels that Pillow has written as a new JPEG.
"""

import functools
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from helpers.dataset.pictures import PictureError, open_picture

MAX_BYTES = 20_000_000
THUMB_SIDE, LARGE_SIDE = 180, 900  # the short side of a thumbnail, the long side of a picture
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


def jpeg(image: Image.Image, side: int = LARGE_SIDE, quality: int = 85) -> bytes:
    """Return `image`, shrunk into `side` × `side` pixels, as JPEG bytes."""
    image = image.copy()
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def thumb(path: Path | str | None) -> bytes:
    """Return a JPEG of about 250 × 188 pixels of the picture at `path`, b"" if there is none.

    A VOC picture is 500 × 375 pixels, which JPEG decodes at half size in a millisecond. A file
    that changes gets a new one.
    """
    try:
        status = os.stat(path or "")
    except (OSError, ValueError):
        return b""
    # A copy may keep the old modification time, but not the time of its change on this disk.
    return _drawn(str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def thumbs(paths: Sequence[Path | str | None]) -> list[bytes]:
    """Return the thumbnail of each of `paths`, drawn in parallel."""
    return list(_POOL.map(thumb, paths))


@functools.lru_cache(maxsize=4000)  # about 40 MB
def _drawn(path, _size, _mtime_ns, _ctime_ns):
    try:
        return jpeg(open_picture(path, (THUMB_SIDE,) * 2), 2 * THUMB_SIDE, quality=80)
    except PictureError:
        return b""
