"""No picture takes more than 300 MB, whatever its kind; ordinary ones look as they always did."""

import subprocess
import sys
import threading
import zlib

import large
import numpy as np
import pytest
from large import COLOURS, TURNED, png, saved, scans, tiff
from PIL import Image, ImageOps

from helpers.dataset import decode
from helpers.dataset.pictures import PictureError, decoded_size, open_picture
from helpers.settings import ROOT

LIMIT = 300_000_000
HOLE = b"tRNS", b"\0\1"
LZW = {"compression": "tiff_lzw"}
TURN = b"eXIf", TURNED.tobytes()[6:]

# Each with the most pixels that it may have, and in which way the memory would be exceeded.
USED = {
    "RGB PNG": lambda: png(7700, 7700),
    "RGBA PNG, turned": lambda: png(7700, 7700, 6, chunks=[TURN]),
    "interlaced RGBA PNG": lambda: png(7700, 7700, 6, interlaced=True),
    "PNG with 16 bits a colour": lambda: png(7700, 7700, 6, 16),
    "RGB PNG with a transparent colour": lambda: png(7700, 7700, chunks=[(b"tRNS", bytes(6))]),
    "16-bit grey PNG": lambda: png(10_900, 10_900, 0, 16),
    "grey PNG": lambda: png(13_300, 13_300, 0),
    "palette PNG with a hole": lambda: png(13_300, 13_300, 3, chunks=[COLOURS, HOLE]),
    "camera JPEG of 108 megapixels": lambda: saved("RGB", 12_000, 9000, "JPEG", exif=TURNED),
    "CMYK JPEG": lambda: saved("CMYK", 13_300, 13_300, "JPEG"),
    "progressive JPEG": lambda: saved("RGB", 5800, 5800, "JPEG", progressive=True, subsampling=0),
    "progressive CMYK JPEG": lambda: saved("CMYK", 5100, 5100, "JPEG", progressive=True),
    "JPEG in three scans": lambda: scans(5800, 5800),
    "WebP, turned": lambda: saved("RGB", 4096, 3072, "WEBP", exif=TURNED),
    "RGBA WebP": lambda: saved("RGBA", 3600, 3600, "WEBP", lossless=True, quality=0, method=0),
    "LZW TIFF": lambda: saved("RGB", 7600, 7600, "TIFF", **LZW),
    "LZW TIFF, turned": lambda: saved("RGB", 5400, 5400, "TIFF", **LZW, exif=TURNED),
    "TIFF in one strip": lambda: tiff(5800, 5800),
    "TIFF in one tile of 16 bits": lambda: tiff(4400, 4400, (4400, 4400), 16, 4),
    "floating-point TIFF": lambda: saved("F", 7500, 7500, "TIFF", **LZW),
    "uncompressed TIFF": lambda: saved("RGB", 5700, 5700, "TIFF"),
    "BMP": lambda: saved("RGB", 5700, 5700, "BMP"),
    "GIF": lambda: saved("P", 13_300, 13_300, "GIF"),
}  # fmt: skip
REFUSED = {
    "RGB PNG": lambda: png(8000, 8000),
    "PNG of one row": lambda: png(59_000_000, 1),
    "PNG of one column": lambda: png(1, 59_000_000),
    "text in a PNG": lambda: png(8, 8, chunks=[long_text(n) for n in range(60)]),
    "progressive JPEG": lambda: saved("RGB", 6400, 6400, "JPEG", progressive=True, subsampling=0),
    "JPEG in three scans": lambda: scans(6400, 6400),
    "WebP": lambda: saved("RGB", 16_000, 11_000, "WEBP", lossless=True, quality=0, method=0),
    "smaller WebP": lambda: saved("RGB", 5000, 5000, "WEBP", lossless=True, quality=0, method=0),
    "LZW TIFF, turned": lambda: saved("RGB", 6500, 6500, "TIFF", **LZW, exif=TURNED),
    "TIFF in one strip": lambda: tiff(6400, 6400),
    "TIFF with a tile larger than itself": lambda: tiff(64, 64, (20_000, 20_000)),
    "TIFF in five million strips": lambda: tiff(1, 5_000_000, None, 8, 1, b"", 1, 5_000_000),
    "BMP": lambda: saved("RGB", 6400, 6400, "BMP"),
}  # fmt: skip
PEAK = """
import sys
from pathlib import Path
from PIL import Image
from helpers.dataset.pictures import PictureError, decoded_size, open_picture
Image.preinit()

def memory(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024

def peak_of(work):
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    try:
        outcome = work()
    except PictureError as error:
        outcome = str(error)
    print(memory("VmHWM") - before, getattr(outcome, "size", outcome))

path = Path(sys.argv[1])
peak_of(lambda: decoded_size(path))
peak_of(lambda: open_picture(path))
peak_of(lambda: open_picture(path.read_bytes(), (448, 448)))
"""


def long_text(number):
    """Return a chunk with a million letters, four bytes each in memory."""
    text = zlib.compress(("\U0001f600" + "a" * 1_000_000).encode())
    return b"iTXt", b"k%d\0\1\0\0\0" % number + text


def peaks(path):
    """Return (bytes, outcome) of listing, opening and extracting the picture at `path`."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the peak of a process's memory is read as Linux tells it")
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(int(n), text) for n, _, text in (x.partition(" ") for x in done.stdout.splitlines())]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("make", USED.values(), ids=USED)
def test_a_picture_as_large_as_may_be_is_used_in_under_300_mb(make, tmp_path):
    path = tmp_path / "a.picture"
    path.write_bytes(make())
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(0x0112, 1) == 6:
            width, height = height, width
    found = peaks(path)
    assert max(peak for peak, _ in found) < LIMIT, found
    assert found[0][1] in (f"({width}, {height})", f"({height}, {width})")
    assert all(outcome.startswith("(") for _, outcome in found), found


@pytest.mark.slow
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_picture_too_large_is_refused_before_it_takes_memory(make, tmp_path):
    path = tmp_path / "a.picture"
    path.write_bytes(make())
    found = peaks(path)
    assert max(peak for peak, _ in found[:2]) < LIMIT / 3, found
    for _, outcome in found[:2]:
        assert "240 MB is the limit" in outcome or "too many strips" in outcome or "text" in outcome


def test_a_refusal_names_the_size_the_memory_and_the_limit():
    with pytest.raises(PictureError) as caught:
        open_picture(png(8000, 8000))
    assert str(caught.value) == (
        "it has 8,000 × 8,000 pixels, and this kind of PNG file would take 257 MB of memory "
        "where 240 MB is the limit; save it with fewer pixels"
    )


def old_way(path):
    """Return a picture as it was converted before any was shrunk: whole, step by step."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode == "I;16":
        grey = image.convert("I").convert("F")
        image = grey.point(lambda value: value * (255 / 65535) + 0.5).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "I;16"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_up_to_the_large_size_every_pixel_is_as_it_always_was(mode, orientation, tmp_path):
    rng = np.random.default_rng(5)
    size, path = (1500, 1100), tmp_path / "a.png"  # more than one square, cut unevenly
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65_536, size[::-1], np.uint16))
    else:
        channels = 1 if mode == "P" else len(mode)
        noise = rng.integers(0, 256, (*size[::-1], channels), np.uint8)
        image = Image.frombytes(mode, size, noise.tobytes())
    if mode == "P":
        image.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
        image.info["transparency"] = 7
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, compress_level=1)
    ours, theirs = open_picture(path), old_way(path)
    assert ours.size == theirs.size
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_large_picture_comes_back_smaller_and_keeps_its_size_and_places(kind, tmp_path):
    path = tmp_path / "a.picture"
    image = Image.new("RGB", (5003, 3001), (0, 0, 254))
    image.paste((254, 0, 0), (0, 0, 2502, 3001))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, kind, exif=exif, quality=95)
    assert decode.LARGE_PIXELS < 5003 * 3001
    assert decoded_size(path) == (3001, 5003)
    small = open_picture(path)
    assert small.width * small.height < decode.LARGE_PIXELS / 2
    assert small.width / small.height == pytest.approx(3001 / 5003, rel=0.01)
    assert small.getpixel((5, 5))[0] > 240
    assert small.getpixel((5, small.height - 5))[2] > 240
    middle = small.height / 2
    assert small.getpixel((5, int(middle - 4)))[0] > 240
    assert small.getpixel((5, int(middle + 4)))[2] > 240


def test_shrinking_square_by_square_is_shrinking_at_once():
    noise = np.random.default_rng(3).integers(0, 256, (4100, 5900, 3), np.uint8)
    image = Image.fromarray(noise)
    assert open_picture(image).tobytes() == image.reduce(3).tobytes()


def test_shrinking_a_transparent_picture_lets_no_hidden_colour_through():
    data = np.zeros((4000, 4000, 4), np.uint8)
    data[:, ::2] = (255, 0, 0, 0)  # red, but transparent
    data[:, 1::2] = (0, 0, 0, 255)
    pixel = open_picture(Image.fromarray(data)).getpixel((100, 100))
    assert max(pixel) - min(pixel) <= 1, "grey, from black and white"


def test_only_one_large_picture_is_decoded_at_a_time(monkeypatch):
    data, inside, most = png(4200, 4200), [], []
    real = decode.upright_rgb

    def counted(image):
        inside.append(image)
        most.append(len(inside))
        try:
            return real(image)
        finally:
            inside.remove(image)

    monkeypatch.setattr(decode, "upright_rgb", counted)
    threads = [threading.Thread(target=open_picture, args=(data,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_file_that_is_only_read_forwards_is_opened(tmp_path):
    class Pipe:
        def __init__(self, data):
            self.data = data

        def seekable(self):
            return False

        def read(self):
            return self.data

    assert open_picture(Pipe(large.png(20, 10))).size == (20, 10)
