"""Any file becomes upright RGB or a line in the ledger; any folder becomes a data set."""

import csv
import io
import os
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
import tiny_voc
from PIL import Image

from helpers.dataset.listing import list_pictures
from helpers.dataset.pictures import MAX_PIXELS, Ledger, PictureError, decoded_size, open_picture

RED, BLUE = (254, 0, 0), (0, 0, 254)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_halves(size=(64, 32)):
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (254, 0, 0))
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def near(pixel, colour, room=12):
    return all(abs(a - b) <= room for a, b in zip(pixel, colour, strict=True))


# Where the red half is once the picture is upright, for each EXIF orientation.
TURNED = {
    1: "left",
    2: "right",
    3: "right",
    4: "left",
    5: "top",
    6: "top",
    7: "bottom",
    8: "bottom",
}


@pytest.mark.parametrize(("orientation", "side"), TURNED.items())
@pytest.mark.parametrize("size", [None, (8, 8)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_rotation_is_applied(orientation, side, size, kind, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(two_halves(), kind, exif=exif, quality=95))
    image = open_picture(path, size)
    width, height = image.size
    places = {
        "left": (1, height // 2),
        "right": (width - 2, height // 2),
        "top": (width // 2, 1),
        "bottom": (width // 2, height - 2),
    }
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[side]
    assert near(image.getpixel(places[side]), RED)
    assert near(image.getpixel(places[opposite]), BLUE)
    upright = (64, 32) if orientation < 5 else (32, 64)
    assert decoded_size(path) == upright
    assert image.size == upright if size is None else min(image.size) >= 8


@pytest.mark.parametrize("kind", ["EPS", "JPEG2000", "ICNS", "DDS", "PPM", "TGA", "SPIDER", "PDF"])
def test_only_the_promised_formats_reach_a_decoder(kind, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(encoded(two_halves().convert("F" if kind == "SPIDER" else "RGB"), kind))
    with pytest.raises(PictureError, match="its format is unsupported"):
        open_picture(path)
    with pytest.raises(PictureError, match="its format is unsupported"):
        open_picture(path.read_bytes())


def test_the_size_is_a_hint_that_never_goes_below():
    data = encoded(Image.new("RGB", (1000, 600)), "JPEG")
    assert open_picture(data).size == (1000, 600)
    small = open_picture(data, (224, 224))
    assert small.size == (500, 300)


def palette_with_hole():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([254, 0, 0, 0, 0, 254])
    image.putpixel((0, 0), 1)
    return encoded(image, "PNG", transparency=0)


def grey16(value):
    return encoded(Image.fromarray(np.full((4, 4), value, np.uint16)), "PNG")


def animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (BLUE, RED)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


WHITE, GREY = (255, 255, 255), (128, 128, 128)
KINDS = {
    "alpha": (encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), WHITE),
    "half alpha": (encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 127)), "PNG"), GREY),
    "grey with alpha": (encoded(Image.new("LA", (4, 4), (0, 0)), "PNG"), WHITE),
    "palette": (encoded(Image.new("RGB", (4, 4), BLUE).quantize(), "PNG"), BLUE),
    "palette with a hole": (palette_with_hole(), WHITE),
    "rgb with a transparent colour": (
        encoded(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED),
        WHITE,
    ),
    "grey": (encoded(Image.new("L", (4, 4), 128), "PNG"), GREY),
    "one bit": (encoded(Image.new("1", (4, 4), 1), "PNG"), WHITE),
    "16 bits dark": (grey16(0), (0, 0, 0)),
    "16 bits middle": (grey16(32_896), GREY),
    "16 bits light": (grey16(65_535), WHITE),
    "CMYK": (encoded(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG"), WHITE),
    "CMYK TIFF": (encoded(Image.new("CMYK", (4, 4), (255, 255, 0, 0)), "TIFF"), (0, 0, 255)),
    "animated": (animation(), BLUE),
    "animated WebP": (
        encoded(
            Image.new("RGB", (4, 4), BLUE),
            "WEBP",
            save_all=True,
            lossless=True,
            append_images=[Image.new("RGB", (4, 4), RED)],
        ),
        BLUE,
    ),
    "bmp": (encoded(Image.new("RGB", (4, 4), BLUE), "BMP"), BLUE),
    "floating point": (
        encoded(Image.fromarray(np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)), "TIFF"),
        (0, 0, 0),
    ),
}


@pytest.mark.parametrize(("data", "colour"), KINDS.values(), ids=KINDS)
def test_every_kind_of_picture_becomes_rgb(data, colour):
    pixel = (2, 2) if data == palette_with_hole() else (0, 0)
    image = open_picture(data)
    assert image.mode == "RGB"
    assert near(image.getpixel(pixel), colour, 2)


def test_16_bits_keep_their_shades():
    """Pillow's own conversion turns nearly all of them white."""
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    shades = np.asarray(open_picture(encoded(Image.fromarray(ramp), "PNG")))[:, 0, 0]
    assert np.abs(shades.astype(int) - np.arange(256)).max() <= 1


def test_path_bytes_file_and_image_give_the_same(tmp_path):
    path = tmp_path / "a.png"
    two_halves().save(path)
    images = [open_picture(path), open_picture(path.read_bytes()), open_picture(str(path))]
    with path.open("rb") as file, Image.open(path) as image:
        images += [open_picture(file), open_picture(image)]
    assert len({image.tobytes() for image in images}) == 1


def bomb(pixels_a_side, grey=False):
    """Return a PNG of a few bytes that claims a huge size."""

    def chunk(kind, data):
        packed = kind + data
        return struct.pack(">I", len(data)) + packed + struct.pack(">I", zlib.crc32(packed))

    header = struct.pack(">IIBBBBB", pixels_a_side, pixels_a_side, 8, 0 if grey else 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


UNUSABLE = {
    "zero bytes": (b"", "it is empty (0 bytes)"),
    "not an image": (b"GIF, I am not", "not a picture"),
    "truncated JPEG": (tiny_voc.jpeg(1)[:-400], "cut off (truncated)"),
    "truncated PNG": (encoded(two_halves(), "PNG")[:60], "cut off (truncated)"),
    "too large": (bomb(10_000), "240 MB is the limit"),
    "a bomb": (bomb(13_378), "more than 178,956,970 pixels"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("data", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_picture_says_why_in_plain_words(data, reason, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    for attempt in (lambda: open_picture(data), lambda: decoded_size(tmp_path / "a.jpg")):
        with pytest.raises(PictureError) as caught:
            attempt()
        assert reason in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_the_bombs_limit_is_exact():
    assert MAX_PIXELS == 178_956_970
    assert 13_377**2 < MAX_PIXELS < 13_378**2
    for side, reason in ((13_377, r"truncated|damaged"), (13_378, "more than 178,956,970")):
        with pytest.raises(PictureError, match=reason):
            open_picture(bomb(side, grey=True))


def test_nobody_is_warned_about_a_large_picture(tmp_path):
    (tmp_path / "large.png").write_bytes(bomb(10_000, grey=True))
    code = """
import sys
from helpers.dataset.pictures import PictureError, decoded_size
try:
    decoded_size(sys.argv[1])
except PictureError as error:
    print(error)
"""
    command = [sys.executable, "-W", "default", "-c", code, str(tmp_path / "large.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "truncated" in done.stdout


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_500_mutated_pictures_are_used_or_in_the_ledger(tmp_path):
    rng = np.random.default_rng(7)
    seeds = [
        (tiny_voc.jpeg(1), "jpg"),
        (encoded(two_halves(), "JPEG", progressive=True), "jpeg"),
        (encoded(two_halves(), "PNG"), "png"),
        (animation(), "gif"),
        (encoded(two_halves(), "WEBP"), "webp"),
        (encoded(two_halves(), "BMP"), "bmp"),
        (encoded(two_halves(), "TIFF", compression="tiff_lzw"), "tif"),
    ]
    for number in range(500):
        data, suffix = seeds[number % len(seeds)]
        (tmp_path / f"{number:03}.{suffix}").write_bytes(tiny_voc.mutated(data, rng))
    pictures, ledger = list_pictures(tmp_path)
    skipped = {entry.path for entry in ledger.entries if not entry.used}
    used = {picture.id for picture in pictures}
    assert used | skipped == {p.name for p in tmp_path.iterdir()}
    assert not used & skipped
    assert 50 < len(used) < 450
    assert all(entry.reason for entry in ledger.entries)
    for picture in pictures:
        assert open_picture(picture.path).size == (picture.width, picture.height)


# --- folders -----------------------------------------------------------------------------------


def fill(root, *names):
    for seed, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(tiny_voc.jpeg(seed + sum(name.encode()))))
        image.save(path, "PNG" if name.lower().endswith("png") else None)


def reasons(ledger):
    return {entry.path: entry.reason for entry in ledger.entries}


def test_a_folder_is_walked_with_labels_from_its_class_folders(tmp_path):
    fill(tmp_path, "b.JPG", "cats/1.jpeg", "dogs/1.jpeg", "dogs/deep/2.PnG", "a.webp", "t.tif")
    fill(tmp_path, ".hidden/3.jpg", "cats/.thumb.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    pictures, ledger = list_pictures(tmp_path)
    found = {p.id: p.labels for p in pictures}
    assert found == {
        "a.webp": (),
        "b.JPG": (),
        "cats/1.jpeg": ("cats",),
        "dogs/1.jpeg": ("dogs",),
        "dogs/deep/2.PnG": ("deep",),
        "t.tif": (),
    }
    assert list(found) == sorted(found)
    assert list(reasons(ledger)) == ["notes.txt"]
    assert "its extension isn't one of" in ledger.entries[0].reason


def test_the_order_is_the_same_whatever_order_the_disk_gives(tmp_path, monkeypatch):
    names = ["Z/1.jpg", "a/2.jpg", "a/10.jpg", "a b/1.jpg", "B.jpg", "ä.jpg", "z.jpg", "a.jpg"]
    fill(tmp_path, *names)
    expected = [p.id for p in list_pictures(tmp_path)[0]]
    assert expected == sorted(names)
    real = os.walk

    def backwards(*args, **kw):
        for place, folders, files in real(*args, **kw):
            folders.sort(reverse=True)
            yield place, folders, sorted(files, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert [p.id for p in list_pictures(tmp_path)[0]] == expected


def test_the_same_content_is_reported_and_both_stay(tmp_path):
    fill(tmp_path, "a/1.jpg", "b/other.jpg")
    (tmp_path / "b" / "1.jpg").write_bytes((tmp_path / "a" / "1.jpg").read_bytes())
    pictures, ledger = list_pictures(tmp_path)
    assert [p.id for p in pictures] == ["a/1.jpg", "b/1.jpg", "b/other.jpg"]
    assert reasons(ledger) == {"b/1.jpg": "it has the same content as a/1.jpg"}
    assert len(ledger) == 0
    assert ledger.entries[0].used


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names and links")
def test_odd_names_links_and_pipes_go_to_the_ledger(tmp_path):
    fill(tmp_path, "good.jpg", "far/linked.jpg")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "far" / "linked.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "directory.jpg").mkdir()
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    for name in (b"/caf\xe9.jpg", b"/caf\xe9/in.jpg"):
        with open(os.fsencode(tmp_path) + name, "wb") as file:
            file.write(tiny_voc.jpeg(5))
    pictures, ledger = list_pictures(tmp_path)
    assert [p.id for p in pictures] == ["far/linked.jpg", "good.jpg", "link.jpg"]
    told = reasons(ledger)
    assert "not valid UTF-8" in told["caf\\xe9.jpg"]
    assert "not valid UTF-8" in told["caf\\xe9/in.jpg"]
    assert "broken link" in told["broken.jpg"]
    assert "pipe" in told["pipe.jpg"]
    assert "already read" in told["loop"]
    assert "same content" in told["link.jpg"]
    assert ledger.to_csv(tmp_path / "l.csv").read_text(encoding="utf-8").count("\n") == 7


@pytest.mark.skipif(sys.platform == "win32", reason="Windows normalises no names")
def test_ids_are_composed_and_names_that_then_agree_are_reported(tmp_path):
    composed, decomposed = "café.jpg", unicodedata.normalize("NFD", "café.jpg")
    fill(tmp_path, decomposed)
    assert [p.id for p in list_pictures(tmp_path)[0]] == [composed]
    fill(tmp_path, composed)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system holds only one of the two names")
    pictures, ledger = list_pictures(tmp_path)
    assert [p.id for p in pictures] == [composed]
    assert len(ledger) == 1
    assert "accents" in ledger.entries[0].reason


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_what_cannot_be_read_goes_to_the_ledger():
    with tempfile.TemporaryDirectory() as place:  # pytest's own folder is closed to others
        root = Path(place)
        fill(root, "good.jpg", "closed.jpg", "shut/in.jpg", "listed/in.jpg")
        root.chmod(0o755)
        (root / "closed.jpg").chmod(0)
        (root / "shut").chmod(0)
        (root / "listed").chmod(0o444)
        as_root = os.geteuid() == 0
        try:
            if as_root:
                os.seteuid(65_534)
            pictures, ledger = list_pictures(root)
        finally:
            if as_root:
                os.seteuid(0)
            (root / "shut").chmod(0o755)
            (root / "listed").chmod(0o755)
    assert [p.id for p in pictures] == ["good.jpg"]
    assert "permission denied" in reasons(ledger)["closed.jpg"]
    assert "can't be read" in reasons(ledger)["shut"]
    assert "can't be read" in reasons(ledger)["listed/in.jpg"]


def test_files_that_vanish_while_they_are_read_do_not_stop_the_rest(tmp_path):
    fill(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    for name in ("a", "d"):  # that may be copies is found out at the end
        (tmp_path / f"{name}.jpg").write_bytes(tiny_voc.jpeg(1))

    def remove(done, total):
        if done == 2:
            (tmp_path / "a.jpg").unlink()
            (tmp_path / "c.jpg").unlink()

    pictures, ledger = list_pictures(tmp_path, watch=remove)
    assert [picture.id for picture in pictures] == ["a.jpg", "b.jpg", "d.jpg"]
    assert reasons(ledger) == {"c.jpg": "it was removed while we looked"}


# --- the ledger --------------------------------------------------------------------------------


def test_the_ledger_counts_shows_and_writes(tmp_path):
    ledger = Ledger()
    for number in range(30):
        ledger.add(f"a/{number:02}.jpg", "it is empty (0 bytes)")
    ledger.add('odd "name", ä.jpg', "no annotation; it stays", used=True)
    assert len(ledger) == 30
    with ledger.to_csv(tmp_path / "x" / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "reason", "used"]
    assert len(rows) == 32
    assert rows[-1] == ['odd "name", ä.jpg', "no annotation; it stays", "yes"]


def test_a_notebook_shows_a_sentence_and_what_to_do_but_no_traceback():
    with pytest.raises(PictureError) as caught:
        open_picture(b"no picture at all")
    shown = "\n".join(caught.value._render_traceback_())
    assert "it is not a picture" in shown
    assert "Choose a .jpg or .png" in shown


def test_a_path_too_long_for_the_index_is_in_the_ledger_and_the_rest_stays(tmp_path):
    for name in ("a" * 196, "ä" * 98, "b" * 197):
        (tmp_path / f"{name}.jpg").write_bytes(encoded(two_halves(), "JPEG"))
    (tmp_path / "deep" / ("c" * 190)).mkdir(parents=True)
    (tmp_path / "deep" / ("c" * 190) / "d.jpg").write_bytes(encoded(two_halves(), "JPEG"))
    pictures, ledger = list_pictures(tmp_path)
    assert [len(picture.id.encode()) for picture in pictures] == [200, 200]
    skipped = [entry.reason for entry in ledger.entries if not entry.used]
    assert len(skipped) == 2
    assert all("longer than 200 bytes" in reason for reason in skipped)


def test_a_crop_of_nothing_is_no_picture():
    with pytest.raises(PictureError, match="no pixels"):
        open_picture(two_halves().crop((5, 5, 5, 9)))
