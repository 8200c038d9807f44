"""Pictures on their way to the page: opened, checked, made small, and always encoded anew.

Whatever a file hides, the page only ever receives pixels that Pillow has written as a fresh JPEG.
"""

import functools
import io
from concurrent.futures import ThreadPoolExecutor

from helpers.dataset.pictures import PictureError, open_picture

MAX_BYTES = 20_000_000
THUMB, LARGE = 180, 900
_DRAWERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="thumbs")


def read_picture(source, name="The file"):
    """Return `source` (path or bytes) as an upright RGB PIL image.

    Raises PictureError with a sentence for the visitor about the file called `name`.
    """
    if isinstance(source, bytes) and len(source) > MAX_BYTES:
        raise PictureError(f"“{name}” is larger than {MAX_BYTES // 10**6} MB. Make it smaller.")
    try:
        return open_picture(source)
    except PictureError as error:
        text = f"“{name}” cannot be searched with: {error}. Choose another JPEG or PNG file."
        raise PictureError(text) from error


def jpeg(image, side=LARGE, quality=85):
    """Return the PIL `image`, shrunk into `side` × `side` pixels, as JPEG bytes."""
    image = image.copy()
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@functools.lru_cache(maxsize=4000)
def thumb(path):
    """Return a JPEG of about 250 × 188 pixels of the picture at `path`, or b"" without one.

    A VOC picture has 500 × 375 pixels, which JPEG decodes at half size in a millisecond.
    """
    try:
        return jpeg(open_picture(path, size=(THUMB, THUMB)), side=2 * THUMB, quality=80)
    except PictureError:
        return b""


def thumbs(paths):
    """Return the thumbnails of `paths`, drawn side by side; Pillow works outside Python's lock."""
    return list(_DRAWERS.map(thumb, paths))
