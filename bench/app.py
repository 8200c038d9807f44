"""How long do visitors of the search page wait? One, ten and thirty of them, at once.

    python bench/app.py                          # 17,125 rows; about ten minutes the first time
    python bench/app.py --rows 2000 --visitors 1 5

It serves the page as `make app` does, on Milvus Lite, over the VOC subset that BOOTCAMP_TEST_VOC
names (else over BOOTCAMP_DATASET), filled up to 17,125 pictures: links to the same files, with
their vectors turned a little, so that listing, index, search and thumbnails have their full work.
The set is kept in build/bench/filled for the next time.

One visitor is a real Chromium: each of its times begins with the browser's own event (file chosen,
slider moved) and ends when the pictures of the new gallery are decoded and in place. The others are
sockets that speak the page's protocol: they upload a photograph every three seconds, wait for its
gallery, and read all thumbnails. Uploads of all visitors count alike. First paint is from opening
the address until pictures can be clicked on, with the others at work: the median of five. Memory is
the most that the service's process held at any time (resident, sampled twice a second). An error is
a sentence in the page, a script error, a socket that closed, or no answer within a minute.

The gain of batching is how many queries a second sixteen threads get through VGG16 together, by
the service's batcher, against one after the other.

Writes build/bench/app.json and prints a table. Without Chromium, a sentence says what's missing.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import browser_kit as kit  # noqa: E402
from needs import VOC_SUBSET  # noqa: E402

from helpers import dataset, settings  # noqa: E402
from helpers.features import VGG16  # noqa: E402
from helpers.features.vector_store import open_for_writing, read_file, read_manifest  # noqa: E402
from helpers.features.vgg16 import vectors_folder  # noqa: E402
from search_app.batcher import Batcher  # noqa: E402

EVERY_S = 3.0  # between two questions of one visitor
PATIENCE_S = 60.0
CLOCK = """() => { window.begun = 0;
  const start = (type) => (e) => { if (e.target.type === type) begun = Date.now(); };
  document.addEventListener('change', start('file'), true);
  document.addEventListener('input', start('range'), true);
}"""
DRAWN = "() => Number(document.querySelector('.ris-grid')?.dataset.drawn || 0) >= begun && begun"
TOOK = "() => Number(document.querySelector('.ris-grid').dataset.drawn) - begun"


def main():
    """Measure, print a table, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=17_125)
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 10, 30])
    parser.add_argument("--seconds", type=float, default=60, help="that each crowd is at work")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    given = parser.parse_args()
    if not kit.chromium():
        print(
            "bench/app.py: the search page is not measured, because Chromium is not installed. "
            "Install it (apt-get install chromium) and run this again."
        )
        return
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before")
    here, photos = prepare(given.rows, given.folder)
    result = {"visitors": {}, "batching_gain": batching_gain(here, photos)}
    for count in given.visitors:
        with serving(here) as (address, process), kit.browser() as context:
            found, rate = crowd(count, given.seconds, context, address, process, photos)
            result["visitors"][str(count)] = found
            print(f"{count:3} visitors  {found}  {rate:.1f} uploads/s")
    print(f"batching gains {result['batching_gain']} x; load {os.getloadavg()[0]:.1f} after")
    (given.folder / "app.json").write_text(json.dumps(result, indent=2) + "\n")


# The data set


def prepare(rows, folder):
    """Return settings that name the filled data set, vectors included, and its real pictures."""
    real = dataset.load(source(), progress=False)
    folder = folder / "filled" / f"{real.name}-{rows}"
    fill(folder / "VOC", real.pictures, rows)
    here = replace(
        source(), data=folder, dataset=str(folder / "VOC"), milvus_uri=str(folder / "bench.db")
    )
    (folder / "weights").unlink(missing_ok=True)
    (folder / "weights").symlink_to(source().data / "weights")
    filled = dataset.load(here)
    extractor = VGG16(precision="auto", settings=here)
    extractor.extract(filled.pictures[: len(real.pictures)], filled.name)
    embed_links(extractor, filled, len(real.pictures))
    return here, [picture.path for picture in filled.pictures[: len(real.pictures)]]


def source():
    """Return the settings that name the real pictures."""
    found = settings.from_environment()
    here = found.dataset == "auto" and VOC_SUBSET.exists()
    return replace(found, dataset=str(VOC_SUBSET)) if here else found


def fill(folder, pictures, rows):
    """Make a VOC folder of `rows` pictures: the real ones first, then links to them again."""
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for row in range(rows):
        path = pictures[row % len(pictures)].path
        for kind, suffix in (("JPEGImages", path.suffix), ("Annotations", ".xml")):
            original = path.parent.parent / kind / f"{path.stem}{suffix}"
            link = folder / kind / f"{row:06}{suffix}"
            if not link.exists():
                try:
                    os.link(original, link)
                except OSError:  # on another disk
                    shutil.copy(original, link)


def embed_links(extractor, filled, real):
    """Give the links vectors of their own: those of their pictures, turned a little."""
    folder = vectors_folder(filled.name, extractor.name, extractor.settings)
    keys = ("extractor", "weights", "poolings", "dim", "ranges")
    manifest = read_manifest(folder)
    rng = np.random.default_rng(1)
    with open_for_writing(folder, {key: manifest[key] for key in keys}) as store:
        values = store.vectors([picture.id for picture in filled.pictures[:real]])
        for start in range(real, len(filled.pictures), 1000):
            chunk = [
                (row, picture)
                for row, picture in enumerate(filled.pictures[start : start + 1000], start)
                if picture.id not in store.row_of
            ]
            if chunk:
                turned = values[[row % real for row, _ in chunk]]
                turned = turned + 0.03 * rng.standard_normal(turned.shape, dtype=np.float32)
                each = turned.reshape(len(chunk), -1, extractor.dim)  # one for every pooling
                each /= np.linalg.norm(each, axis=2, keepdims=True)
                store.append([read_file(picture)[0] for _, picture in chunk], turned)


def batching_gain(here, photos):
    """Return how many times as many queries a second the batcher gets through the network."""
    extractor = VGG16(precision="auto", settings=here, progress=False)
    asked = some(photos, min(96, 2 * len(photos)))
    rates = {"one by one": [], "batched": []}
    batcher = Batcher(extractor)
    for _ in range(3):  # by turns, because other programs may disturb one of them
        for name, embed in (("one by one", extractor.embed), ("batched", batcher.embed)):
            started = time.perf_counter()
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(embed, asked))
            rates[name].append(len(asked) / (time.perf_counter() - started))
    batcher.close()
    alone, together = (statistics.median(found) for found in rates.values())
    print(f"through VGG16 ({extractor.name}): {alone:.1f} queries/s alone, {together:.1f} batched")
    return round(together / alone, 2)


# The service


@contextmanager
def serving(here):
    """Yield (address, psutil.Process) of the service once it is ready."""
    port = kit.free_port()
    environ = {
        "BOOTCAMP_DATA": str(here.data),
        "BOOTCAMP_DATASET": here.dataset,
        "MILVUS_URI": here.milvus_uri,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with (
        tempfile.NamedTemporaryFile(suffix=".log") as log,
        kit.service(port, log.name, environ) as server,
    ):
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + kit.LIMIT_MS / 1000
        while not is_ready(address):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(Path(log.name).read_text())
            time.sleep(0.5)
        yield address, psutil.Process(server.pid)


def is_ready(address):
    """Return whether the service can search."""
    with suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
        return answer.status == 200
    return False


# The visitors


def crowd(count, seconds, context, address, process, photos):
    """Return what `count` visitors at once see, as in app.json, and their uploads per second."""
    end = time.monotonic() + seconds
    memory, others = Memory(process), Others(count - 1, address, photos, end)
    with memory, others:
        paints = []
        for _ in range(5):
            page, paint = open_page(context, address)
            paints.append(paint)
            if len(paints) < 5:
                page.close()
        mine, slider = at_work(page, photos, end)
        shown = page.locator(".ris-error").all_inner_texts()
    errors = others.errors + page.errors + [text for text in shown if text]
    for error in errors:
        print("  error:", error)
    uploads = mine + others.times
    p50, p95 = np.percentile(uploads, [50, 95])
    found = {
        "first_paint_s": round(statistics.median(paints), 2),
        "upload_p50_ms": round(p50),
        "upload_p95_ms": round(p95),
        "slider_p50_ms": round(statistics.median(slider)),
        "errors": len(errors),
        "rss_mb": round(memory.most / 1e6),
    }
    return found, len(uploads) / seconds


def open_page(context, address):
    """Return (page with a clock in it, seconds until the page could be used)."""
    started = time.monotonic()
    page = kit.visit(context, address)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ris-strip img')].some(e => e.complete)", polling=20
    )
    paint = time.monotonic() - started
    page.evaluate(CLOCK)
    return page, paint


def at_work(page, photos, end):
    """Return the milliseconds of each upload, and of each move of the slider, until `end`."""
    uploads, slider, turn = [], [], random.Random(2)
    while time.monotonic() < end or len(slider) < 3:
        begun = time.monotonic()
        uploads.append(timed(page, lambda: page.set_input_files(".ris-file", turn.choice(photos))))
        k = turn.choice([k for k in range(6, 25) if k != 12])
        for value in (k, 12):
            slider.append(timed(page, lambda: page.get_by_label("How many").fill(str(value))))  # noqa: B023
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))
    return uploads, slider


def timed(page, act):
    """Act, and return the milliseconds from the visitor's own event to the finished gallery."""
    page.evaluate("() => { begun = Infinity }")
    act()
    page.wait_for_function(DRAWN, timeout=1000 * PATIENCE_S, polling=20)
    return page.evaluate(TOOK)


class Others(threading.Thread):
    """Further visitors, all in one thread: sockets that upload photographs until `end`."""

    def __init__(self, count, address, photos, end):
        super().__init__(name="visitors")
        self.count, self.address, self.end = count, address.replace("http", "ws"), end
        self.uploads = [photo.read_bytes() for photo in some(photos, 60)]
        self.times, self.errors = [], []

    def __enter__(self):
        """Let them begin."""
        self.start()

    def __exit__(self, *_):
        """Wait until they have left."""
        self.join()

    def run(self):
        """Be all of them."""
        asyncio.run(self._all())

    async def _all(self):
        await asyncio.gather(*(self._one(number) for number in range(self.count)))

    async def _one(self, number):
        """Be one visitor: connect, ask every three seconds, note how long each answer took."""
        from websockets.asyncio.client import connect

        turn = random.Random(number)
        await asyncio.sleep(turn.uniform(0, EVERY_S))  # people don't come in step
        address = f"{self.address}/ws?session={turn.getrandbits(128):032x}"
        try:
            async with connect(address, max_size=None, compression=None) as socket:
                for asked in range(1, 10**6):
                    begun = time.monotonic()
                    if begun > self.end:
                        return
                    async with asyncio.timeout(PATIENCE_S):
                        await self._ask(socket, f"{number}-{asked}.jpg", asked, turn)
                    self.times.append(1000 * (time.monotonic() - begun))
                    await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))
        except Exception as error:
            self.errors.append(f"visitor {number}: {type(error).__name__} {error}")

    async def _ask(self, socket, name, number, turn):
        """Upload one photograph and read until its gallery is there."""
        message = {"do": "upload", "name": name, "number": number}
        await socket.send(frame(message, turn.choice(self.uploads)))
        mine = False
        while True:
            parts = header(await socket.recv()).get("parts", {})
            if error := parts.get("status", {}).get("error"):
                raise RuntimeError(error)
            mine = mine or parts.get("query", {}).get("name") == name
            if mine and parts.get("results", {}).get("hits"):
                return


def frame(message, content):
    """Return one message of the page with one buffer, as browser/page/frames.js makes it."""
    text = json.dumps(message | {"buffers": [len(content)]}).encode()
    return len(text).to_bytes(4, "big") + text + content


def header(received):
    """Return what a frame from the service says, but for its buffers."""
    return json.loads(received[4 : 4 + int.from_bytes(received[:4], "big")])


class Memory(threading.Thread):
    """The most memory that a process holds, in bytes, between entering and leaving."""

    def __init__(self, process):
        super().__init__(name="memory", daemon=True)
        self.process, self.most, self._over = process, 0, threading.Event()

    def __enter__(self):
        """Begin to look."""
        self.start()

    def __exit__(self, *_):
        """Look no more."""
        self._over.set()
        self.join()

    def run(self):
        """Look twice a second."""
        while not self._over.wait(0.5):
            self.most = max(self.most, self.process.memory_info().rss)


def some(items, count):
    """Return `count` of the items, the same ones each time."""
    return random.Random(1).choices(items, k=count)


if __name__ == "__main__":
    main()
