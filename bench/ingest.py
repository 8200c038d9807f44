"""How fast pictures come in: listing and checking them, streaming an archive, and its memory.

Run `python bench/ingest.py [ARCHIVE]`; prints a table and writes build/bench/ingest.json. ARCHIVE
is a PASCAL VOC archive, by default the test subset, else small made-up pictures.
"""

import functools
import http.server
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

from helpers.dataset.listing import list_pictures, remembered_sizes
from helpers.fetch import archive, stream
from helpers.fetch.download import Part
from helpers.settings import ROOT, from_environment

SUBSET = ROOT.parent / "shared" / "voc" / "voc2012-subset.tar"
OUT = ROOT / "build" / "bench" / "ingest.json"
SETTINGS = from_environment({})


def main():
    """Measure all and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else SUBSET
        source = given if given.exists() else made_up(place / "made-up.tar")
        rows = [*reading(source, place), *streaming(source, place), *memory(source, place)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "archive": source.name}
    OUT.write_text(json.dumps({**machine, "rows": [dict(r) for r in rows]}, indent=1))
    for row in rows:
        print(f"{row['what']:<58} {row['value']:>12,.1f} {row['unit']}")


def row(what, value, unit):
    """Return one line of the table."""
    return {"what": what, "value": round(value, 3), "unit": unit}


def reading(source, place):
    """Unpack, then list and check the pictures: first decoded, then remembered."""
    start = time.perf_counter()
    archive.unpack(source, place / "all", progress=False)
    unpacked = time.perf_counter() - start
    rows = [row("unpacked", source.stat().st_size / 1e6 / unpacked, "MB/s")]
    for what in ("listed and checked (decoded)", "listed again (sizes remembered)"):
        start = time.perf_counter()
        with remembered_sizes(place / "checks.json") as size_of:
            pictures, _ = list_pictures(place / "all", size_of)
        rows.append(row(what, len(pictures) / (time.perf_counter() - start), "pictures/s"))
    return rows


def streaming(source, place):
    """Stream the first N over HTTP, each time from nothing: how much of it do they cost?"""
    handler = functools.partial(Quiet, directory=str(source.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{source.name}"
    rows = []
    for count in (60, 200, 600):
        start = time.perf_counter()
        part = Part(place / f"{count}.tar", [url], SETTINGS)
        done = stream.first(count, part, progress=False)
        archive.unpack(done.archive, place / f"first-{count}", False, done.paths)
        seconds, share = time.perf_counter() - start, done.end / part.total
        rows.append(row(f"bytes for the first {count}", done.end / 1e6, "MB"))
        rows.append(row(f"  of the archive's {part.total / 1e6:.1f} MB", 100 * share, "%"))
        rows.append(row("  streamed and unpacked", done.end / 1e6 / seconds, "MB/s"))
    server.shutdown()
    return rows


def memory(source, place):
    """Stream through archives with ever more between annotations and pictures; peak memory."""
    rows = []
    for times in (1, 4, 16):
        path = place / f"padded-{times}.tar"
        pad(source, path, times)
        command = [sys.executable, __file__, "--peak", str(path), str(place / path.stem)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        what = f"peak memory, archive of {path.stat().st_size / 1e6:,.0f} MB"
        rows.append(row(what, float(done.stdout), "MB"))
        path.unlink()
    return rows


def peak(path, folder):
    """Print this process's peak memory in MB after it found and unpacked 200 pictures of `path`."""
    import resource  # not on Windows

    done = stream.find(200, Path(path))
    archive.unpack(done.archive, Path(folder), False, done.paths)
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def pad(source, path, times):
    """Write `source` as `path` with `times` its size of other files before the pictures."""
    filler = bytes(source.stat().st_size // 10)
    with tarfile.open(source) as old, tarfile.open(path, "w") as new:
        members = sorted(old.getmembers(), key=lambda member: "JPEGImages" in member.name)
        before = [m for m in members if "JPEGImages" not in m.name]
        for member in before:
            new.addfile(member, old.extractfile(member))
        for number in range(10 * times):
            info = tarfile.TarInfo(f"VOCdevkit/VOC2012/SegmentationClass/{number}.png")
            info.size = len(filler)
            new.addfile(info, io.BytesIO(filler))
        for member in members[len(before) :]:
            new.addfile(member, old.extractfile(member))


def made_up(path, count=600):
    """Write an archive of `count` noise pictures of VOC's usual size, and return its path."""
    note = b"<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
    note += b"<xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    with tarfile.open(path, "w") as tar:
        for folder in ("Annotations/{}.xml", "JPEGImages/{}.jpg"):
            for number in range(count):
                data = note if "xml" in folder else noise()
                info = tarfile.TarInfo("VOCdevkit/VOC2012/" + folder.format(f"{number:06}"))
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def noise():
    """Return a JPEG of 500 by 375 pixels of noise."""
    file = io.BytesIO()
    Image.effect_noise((500, 375), 60).convert("RGB").save(file, "JPEG")
    return file.getvalue()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files silently; a client that hangs up early is just what we measure."""

    def log_message(self, *_):
        """Log nothing."""

    def copyfile(self, source, outputfile):
        """Send until the client has enough."""
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:
            self.close_connection = True


if __name__ == "__main__":
    peak(*sys.argv[2:]) if sys.argv[1:2] == ["--peak"] else main()
