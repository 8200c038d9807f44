"""Thumbnails are drawn once, kept within a bound, and follow their files."""

import io
import os

import pytest
from PIL import Image

from helpers.dataset.pictures import PictureError
from search_app import thumbs
from search_app.thumbs import read_picture, thumb


def save(path, colour, size=(400, 300)):
    """Write a PNG of one colour, as old as any other: only content and size tell them apart."""
    Image.new("RGB", size, colour).save(path)
    os.utime(path, (1, 1))
    return path


def colour(jpeg):
    return Image.open(io.BytesIO(jpeg)).getpixel((5, 5))


def test_a_thumbnail_is_small_and_drawn_once(tmp_path):
    path = save(tmp_path / "a.png", "red", (4000, 2000))
    drawn = thumb(path)
    assert Image.open(io.BytesIO(drawn)).size == (360, 180)
    assert thumb(path) is drawn


def test_a_changed_file_gets_a_new_one(tmp_path):
    path = save(tmp_path / "a.png", "red")
    assert colour(thumb(path))[0] > 200
    save(path, "blue", (410, 300))  # another size, the same time
    assert colour(thumb(path))[2] > 200
    size = path.stat().st_size
    save(path, (0, 255, 0), (410, 300))
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))  # the same size, another time
    assert path.stat().st_size == size
    os.utime(path, (2, 2))
    assert colour(thumb(path))[1] > 200
    path.write_bytes(save(tmp_path / "b.png", "red", (410, 300)).read_bytes().ljust(size, b"\0"))
    os.utime(path, (2, 2))  # the same size and time, as of a copy that keeps them
    assert colour(thumb(path))[0] > 200


def test_what_cannot_be_drawn_is_empty(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    for path in (tmp_path / "text.jpg", tmp_path / "missing.jpg", None, "", "a\0b", tmp_path):
        assert thumb(path) == b""


def test_thumbnails_are_kept_but_not_too_many(tmp_path):
    path = save(tmp_path / "a.png", "red")
    assert thumb(path) is thumb(path)
    assert thumbs._drawn.cache_info().maxsize == 4000


def test_uploads_have_a_limit_in_bytes():
    with pytest.raises(PictureError, match=r"“a\.png” is larger than 20 MB"):
        read_picture(bytes(thumbs.MAX_BYTES + 1), "a.png")
    with pytest.raises(PictureError, match=r"“a\.png” can't be used: it is not a picture"):
        read_picture(b"x" * 100, "a.png")
