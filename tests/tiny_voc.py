"""Small PASCAL VOC archives for the tests: real tar, real JPEG, real XML, a few kilobytes."""

import hashlib
import io
import tarfile

import numpy as np
from PIL import Image

from helpers.settings import Release

ROOT = "VOCdevkit/VOC2012"
CLASSES = ("cat", "dog", "person")


def jpeg(seed, size=(48, 32)):
    """Return the bytes of a JPEG that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def xml(label, box=(1, 2, 30, 20), extra=""):
    """Return an annotation with one object."""
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in corners)
    return (
        "<annotation><size><width>48</width><height>32</height></size>"
        f"<object><name>{label}</name><bndbox>{inside}</bndbox>{extra}</object></annotation>"
    ).encode()


def files(count, filler=0):
    """Return [(path, bytes)] of a VOC in the official order: annotations, sets, pictures, masks."""
    stems = [f"2007_{i:06}" for i in range(1, count + 1)]
    annotations = [
        (f"{ROOT}/Annotations/{s}.xml", xml(CLASSES[i % 3])) for i, s in enumerate(stems)
    ]
    pictures = [(f"{ROOT}/JPEGImages/{s}.jpg", jpeg(i)) for i, s in enumerate(stems)]
    sets = [(f"{ROOT}/ImageSets/Main/trainval.txt", "\n".join(stems).encode())]
    masks = [(f"{ROOT}/SegmentationClass/{s}.png", bytes(filler)) for s in stems]
    return [*annotations, *sets, *pictures, *masks]


def pack(members, pax_headers=None):
    """Return the bytes of a tar archive of [(path, bytes or TarInfo to add as it is)].

    With `pax_headers` each member has these records, whatever they claim.
    """
    file, kind = io.BytesIO(), tarfile.PAX_FORMAT if pax_headers else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
        for path, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(path)
            info.pax_headers = pax_headers or {}
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def release(content, count, urls=()):
    """Return the Release that the archive `content` of `count` pictures would be."""
    sha1 = hashlib.sha1(content).hexdigest()
    counts = dict(pictures=count, annotations=count, objects=count, classes=min(count, 3))
    return Release("voc.tar", len(content), (("sha1", sha1),), tuple(urls), tuple(counts.items()))


def mutated(data, rng):
    """Return `data` with some bytes changed, or a piece cut out, doubled or lost at the end."""
    data, kind = bytearray(data), rng.integers(8)
    at, end = sorted(rng.integers(0, len(data), 2))
    if kind < 5:
        for place in rng.integers(0, len(data), 1 + kind):
            data[place] = rng.integers(32, 127) if rng.integers(2) else rng.integers(256)
    elif kind == 5:
        del data[at:end]
    elif kind == 6:
        data[at:at] = data[at:end]
    else:
        del data[at:]
    return bytes(data)
