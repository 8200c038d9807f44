"""Pictures on their way to the page: opened, checked, made small, and always encoded afresh.

Whatever a file hides, the page only ever receives pixels that Pillow has written as a new JPEG.
"""

import functools
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from helpers.dataset.pictures import Picture, PictureError, open_picture
from helpers.index import Hit

MAX_BYTES = 20_000_000
THUMB_PIXELS, LARGE_PIXELS = 180, 900  # the short side of a thumbnail, the long side of a picture
_POOL = ThreadPoolExecutor(max_workers=4, thread_name_prefix="thumbs")


def read_picture(source: Path | bytes, name: str = "") -> Image.Image:
    """Return `source` as an upright RGB PIL image.

    Raises PictureError with a sentence for the visitor about the file, called `name` if uploaded.
    """
    if isinstance(source, bytes) and len(source) > MAX_BYTES:
        raise PictureError(f"“{name}” is larger than {MAX_BYTES // 10**6} MB. Use a smaller copy.")
    try:
        return open_picture(source)
    except PictureError as error:
        text = f"“{name or source.name}” can't be used: {error}. Choose another JPEG or PNG file."
        raise PictureError(text) from error


def jpeg(image: Image.Image, side: int = LARGE_PIXELS, quality: int = 85) -> bytes:
    """Return `image`, shrunk into `side` × `side` pixels, as JPEG bytes."""
    image = image.copy()
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@functools.lru_cache(maxsize=4000)
def thumb(path: Path | str) -> bytes:
    """Return a JPEG of about 250 × 188 pixels of the picture at `path`, or b"" if it can't be read.

    A VOC picture is 500 × 375 pixels, which JPEG decodes at half size in a millisecond.
    """
    try:
        return jpeg(open_picture(path, (THUMB_PIXELS,) * 2), 2 * THUMB_PIXELS, quality=80)
    except PictureError:
        return b""


def cards(pictures: Sequence[Picture | Hit]) -> list[dict]:
    """Return what the page shows of each picture; the thumbnails are drawn in parallel."""
    thumbs = _POOL.map(thumb, [picture.path for picture in pictures])
    return [
        {"id": one.id, "labels": list(one.labels), "path": str(one.path), "thumb": drawn}
        for one, drawn in zip(pictures, thumbs, strict=True)
    ]
