"""An opened picture as upright 8-bit RGB, in under 300 MB of memory however it was made.

What a decoder takes can be told from the header: Pillow's pixels, and the buffers that some formats
add. Whatever would take too much is refused before it is decoded.
"""

import itertools
import os
import threading
from contextlib import nullcontext
from typing import BinaryIO

from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""The only decoders that a file may reach, whatever its name: Pillow's EPS starts Ghostscript."""

LARGE_PIXELS = 4096 * 3072
"""A picture of more pixels than this (12,582,912) comes back smaller, with a third of it or less.

Up to here, decoding and all conversions fit into the memory; and screens show no more anyway.
"""

MAX_BYTES = 240_000_000
"""What the file and its decoder may take; what follows takes up to 60 MB more.

That is room for 60 million pixels of an RGB or RGBA PNG, 13 of a WebP, 26 to 39 of a progressive
JPEG, and for as many of any other JPEG as Pillow opens: 179.
"""

ALONE_BYTES = 64_000_000
"""A picture that takes more than this is decoded while no other of that size is."""

ORIENTATION = 0x0112  # the EXIF tag
START_OF_SCAN = b"\xff\xda"
BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # else 4

_alone = threading.Lock()

# Otherwise the text in a PNG may unpack to 64 MB, at four bytes a character.
PngImagePlugin.MAX_TEXT_MEMORY = 4_000_000

MAX_LIST_BYTES = 600_000
"""What a list in a TIFF, such as that of its strips, may take: enough for 75,000 strips."""


class UnusableError(ValueError):
    """A file that isn't a picture, or is too large; its text says why in plain words."""


def decode(
    file: BinaryIO, size: tuple[int, int] | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the picture in the open `file` as RGB, and the file's upright (width, height).

    The RGB picture may be smaller: a JPEG down to `size` (width, height), and any picture of more
    than LARGE_PIXELS. Raises UnusableError, and whatever Pillow raises.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    if not file_bytes:
        raise UnusableError("it is empty (0 bytes)")
    _refuse_long_lists(file)
    with Image.open(file, formats=FORMATS) as image:
        full = image.size
        scale = max(_factor(full), min(full) // max(size) if size else 1)
        image.draft(None, tuple(max(1, side // scale) for side in full))  # only JPEG can
        needed = _bytes_needed(image, full, file_bytes)
        if needed > MAX_BYTES:
            raise UnusableError(
                f"it has {full[0]:,} × {full[1]:,} pixels, and this kind of {image.format} file "
                f"would take {needed / 1e6:,.0f} MB of memory where {MAX_BYTES / 1e6:.0f} MB is "
                "the limit; save it with fewer pixels"
            )
        with _alone if needed > ALONE_BYTES else nullcontext():
            rgb = upright_rgb(image)
        turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)  # never a TIFF once loaded
        return rgb, full[::-1] if turned else full


def upright_rgb(image: Image.Image) -> Image.Image:
    """Return `image` rotated as its EXIF says, over white, as 8-bit RGB, a large one smaller.

    It is converted square by square, so that only the result is held in memory beside it.
    """
    image.load()
    factor, shades = _factor(image.size), _shades(image)
    rgb = Image.new("RGB", [-(-side // factor) for side in image.size])
    step = 1024 // factor * factor
    for left, top in itertools.product(*(range(0, side, step) for side in image.size)):
        box = left, top, min(left + step, image.width), min(top + step, image.height)
        square = _over_white(image.crop(box), shades).reduce(factor)
        rgb.paste(square, (left // factor, top // factor))
    rgb.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    ImageOps.exif_transpose(rgb, in_place=True)
    return rgb


def _refuse_long_lists(file):
    """Raise UnusableError for a TIFF whose lists, such as that of its strips, would fill memory."""
    file.seek(0)
    head = file.read(8)
    if head[:4] in TiffImagePlugin.PREFIXES:
        tags = TiffImagePlugin.ImageFileDirectory_v1(head + file.read(8 if head[2] == 43 else 0))
        file.seek(tags.next)
        tags.load(file)
        for tag, data in tags.tagdata.items():
            numbers = tags.tagtype[tag] not in (1, 2, 7)  # and not bytes or text
            if numbers and len(data) > MAX_LIST_BYTES:
                raise UnusableError("it is cut into too many strips or tiles; save it again")


def _factor(size):
    """Return by how much to shrink each side of a picture of this `size`: 1 unless it is large."""
    if size[0] * size[1] <= LARGE_PIXELS:
        return 1
    factors = itertools.count(2)
    return next(f for f in factors if 3 * -(-size[0] // f) * -(-size[1] // f) <= LARGE_PIXELS)


def _bytes_needed(image, full, file_bytes):
    """Return what `image`, of `full` size before any draft, takes to decode, its file included."""
    pixels = image.width * image.height
    needed = file_bytes + pixels * BYTES_OF_MODE.get(image.mode, 4)
    needed += 16 * sum(image.size)  # two rows of the file, and where each row of Pillow's begins
    if image.format == "WEBP":
        needed += file_bytes + 14 * pixels  # two canvases, and what is read from them
    elif image.format == "TIFF" and image.tile[0].codec_name == "libtiff":
        needed += _strip_bytes(image)
    elif isinstance(image, JpegImageFile) and not _is_in_one_scan(image):
        needed += 2 * full[0] * full[1] * image.layers  # all coefficients, 16 bits each
    return needed


def _is_in_one_scan(image):
    """Return True for a JPEG that is decoded row by row; a progressive one isn't."""
    image.fp.seek(2)
    while (marker := image.fp.read(2)) != START_OF_SCAN and marker[:1] == b"\xff":
        image.fp.seek(int.from_bytes(image.fp.read(2), "big") - 2, 1)
    whole = marker == START_OF_SCAN and image.fp.read(3)[2:] == bytes([image.layers])
    return whole and "progressive" not in image.info


def _strip_bytes(image):
    """Return the bytes of one strip or tile of the TIFF `image`, and of turning it upright."""
    tags = image.tag_v2
    rows_per_strip = min(tags.get(278, image.height), image.height)
    pixels = tags.get(322, image.width) * tags.get(323, rows_per_strip)
    pixel_bytes = tags.get(277, 1) * max(tags.get(258, (1,))) / 8
    # libtiff leaves JPEG to libjpeg, where coefficients come on top, as above.
    buffers = 3 if tags.get(259) in (6, 7) else 1
    turning = 4 * image.width * image.height if tags.get(ORIENTATION, 1) != 1 else 0
    return buffers * pixels * pixel_bytes + turning


def _over_white(image, shades):
    """Return `image` as 8-bit RGB, what is transparent laid over white."""
    if shades:
        image = _to_8_bit(image, *shades)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _shades(image):
    """Return the (darkest, brightest) value of a grey `image` of more than 8 bits, or None.

    16 bits are taken for their full range; other depths have no agreed range, so what is in the
    picture counts.
    """
    if image.mode.startswith("I;16"):
        return 0, 65535
    return image.getextrema() if image.mode in ("I", "F") else None


def _to_8_bit(image, low, high):
    """Return `image` with `low` to `high` stretched over 0 to 255; Pillow's own way would clip."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    scale = 255 / (high - low) if high > low else 0
    return image.convert("F").point(lambda value: value * scale + (0.5 - low * scale)).convert("L")
