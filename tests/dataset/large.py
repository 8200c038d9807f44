"""Large pictures of every kind, written by hand: a few kilobytes that decode to hundreds of MB."""

import io
import struct
import zlib

from PIL import Image

COLOURS = b"PLTE", bytes(range(48))
TURNED = Image.Exif()
TURNED[0x0112] = 6
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
ADAM7 = (*ADAM7, (0, 1, 1, 2))


def zeros(count):
    """Return `count` zero bytes, deflated."""
    work, parts = zlib.compressobj(1), []
    for start in range(0, count, 1 << 20):
        parts.append(work.compress(bytes(min(1 << 20, count - start))))
    return b"".join(parts) + work.flush()


def png(width, height, kind=2, depth=8, interlaced=False, chunks=()):
    """Return a PNG of zeros; `kind` is 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    data = zeros(sum((-(-wide * bits // 8) + 1) * high for wide, high in sizes))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    every = ((b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in every
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(width, height, tile=None, depth=8, samples=3, data=b"", compression=8, strips=1):
    """Return a TIFF of zeros in one tile of size `tile`, or in strips that all are the same one."""
    wide, high = tile or (width, height // strips)
    data = data or zeros(wide * high * samples * depth // 8)
    depths, places = struct.pack(f"<{samples}H", *[depth] * samples), struct.pack("<I", 8) * strips
    sizes = struct.pack("<I", len(data)) * strips
    at = 8 + len(data)
    where = [at, at + len(depths), at + len(depths) + len(places)]
    where[1:] = where[1:] if strips > 1 else (8, len(data))
    kinds = (322, 323, 324, 325) if tile else (None, 278, 273, 279)
    tags = [
        (256, 1, width),
        (257, 1, height),
        (259, 1, compression),
        (262, 1, 2),
        (277, 1, samples),
    ]
    tags += [(258, samples, where[0] if samples > 2 else depth), (284, 1, 1)]
    tags += [(kinds[0], 1, wide)] if tile else []
    tags += [(kinds[1], 1, high), (kinds[2], strips, where[1]), (kinds[3], strips, where[2])]
    tags += [(338, 1, 2)] if samples == 4 else []
    body = data + depths + places + sizes
    entries = [struct.pack("<HHII", k, 3 if k == 258 else 4, n, v) for k, n, v in sorted(tags)]
    directory = struct.pack("<H", len(tags)) + b"".join(entries) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def saved(mode, width, height, kind, **options):
    """Return a picture of one colour as Pillow saves it."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


def scans(width, height):
    """Return a JPEG that isn't progressive and yet has each colour in a scan of its own."""
    small = saved("RGB", 8, 8, "JPEG", subsampling=0)
    frame, scan = small.index(b"\xff\xc0"), small.index(b"\xff\xda")
    sized = small[: frame + 5] + struct.pack(">HH", height, width) + small[frame + 9 : scan]
    blocks = -(-width // 8) * -(-height // 8)
    for colour, tables, bits in ((1, 0x00, "001010"), (2, 0x11, "0000"), (3, 0x11, "0000")):
        data = int(bits * 8, 2).to_bytes(len(bits), "big") * (blocks // 8 + 1)
        sized += b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, colour, tables, 0, 63, 0) + data
    return sized + b"\xff\xd9"
