"""How long does a visitor of the search page wait? Measured in the page itself, in a real Chromium.

    python bench/app.py                              # one visitor, 17,125 vectors
    python bench/app.py --visitors 10 --precision int8    # and ten at once on a Milvus server

Prints a table and writes build/bench/app.json. The pictures are those of BOOTCAMP_DATASET, by
default those of the VOC subset that BOOTCAMP_TEST_VOC names, if it is there. The index is filled
up to 17,125 rows with their vectors, turned a little, so that search and gallery have their full
work. Times start with the browser's own event and end when the gallery's pictures are decoded and
in place. Without Chromium there is nothing to measure, and a sentence says so.
"""

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import browser_kit as kit  # noqa: E402
from needs import VOC_SUBSET  # noqa: E402

from helpers import dataset, settings  # noqa: E402
from helpers.dataset.pictures import Picture  # noqa: E402
from helpers.features import VGG16  # noqa: E402
from helpers.index import Index  # noqa: E402

CELL = """from helpers import dataset
from helpers.features import VGG16
from helpers.index import Index
from helpers.search import Engine
from search_app import SearchApp
data = dataset.load(progress=False)
extractor = VGG16(precision={precision!r}, pictures=data.pictures, progress=False)
SearchApp(Engine(extractor, Index(data.name, extractor.name), data))"""
CLOCK = """() => { window.begun = 0;
  const start = (type) => (e) => { if (e.target.type === type) begun = Date.now(); };
  document.addEventListener('change', start('file'), true);
  document.addEventListener('input', start('range'), true);
}"""
DRAWN = "() => Number(document.querySelector('.ris-grid')?.dataset.drawn || 0) >= begun && begun"
TOOK = "() => Number(document.querySelector('.ris-grid').dataset.drawn) - begun"


def main():
    """Measure one visitor, then several at once, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=17_125)
    parser.add_argument("--uploads", type=int, default=30)
    parser.add_argument("--visitors", type=int, default=0, help="at once, on a Milvus server")
    parser.add_argument("--precision", default="float32")
    given = parser.parse_args()
    if not kit.chromium():
        return print(
            "bench/app.py: the search page is not measured, because Chromium is not installed. "
            "Install it (apt-get install chromium) and run this again."
        )
    result = {"rows": given.rows, "precision": given.precision, "cores": os.cpu_count()}
    result["load_before"] = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, kit.browser() as context:
        uri = str(Path(folder) / "bench.db")
        result["one_visitor"] = one_visitor(given, context, Path(folder), uri)
        if given.visitors:
            with milvus_server(folder) as address:
                result["at_once"] = at_once(given, context, Path(folder), address)
    return report(result)


def one_visitor(given, context, folder, uri):
    """Return what one visitor sees on Milvus Lite."""
    environ, pictures = prepare(given, uri, "")
    with serve(given, folder, environ) as address:
        page, paint = open_page(context, address)
        uploads = [upload(page, picture.path) for picture in some(pictures, given.uploads)]
        slider = [slide(page, k) for k in random.Random(2).choices(range(1, 101), k=20)]
        few = [slide(page, k) for k in random.Random(3).choices(range(6, 25), k=20)]
        steps = page.inner_text(".ris-times")
        page.close()
    times = {"upload": spread(uploads), "slider 1-100": spread(slider), "slider 6-24": spread(few)}
    return {"first_paint_s": paint, **times, "last_steps": steps}


def at_once(given, context, folder, address):
    """Return what several visitors see who upload at the same moment, five times in a row."""
    uri, token = address
    environ, pictures = prepare(given, uri, token)
    with serve(given, folder, environ) as page_address:
        pages, paints = zip(
            *(open_page(context, page_address) for _ in range(given.visitors)), strict=True
        )
        times = []
        for batch in range(5):
            for page, picture in zip(pages, some(pictures, given.visitors, batch), strict=True):
                page.evaluate("() => { begun = Infinity }")
                page.set_input_files(".ris-file", str(picture.path))
            times += [finish(page) for page in pages]
        errors = [error for page in pages for error in page.errors]
        shown = [text for page in pages if (text := page.inner_text(".ris-query .ris-error"))]
        for page in pages:
            page.close()
    return {"visitors": given.visitors, "first_paint_s": spread(paints), "upload": spread(times),
            "errors": errors + shown}  # fmt: skip


def prepare(given, uri, token):
    """Fill the index up to `rows`; return (environment for Voila, the real pictures)."""
    here = replace(settings.from_environment(), milvus_uri=uri, milvus_token=token)
    if here.dataset == "auto" and VOC_SUBSET.exists():
        here = replace(here, dataset=str(VOC_SUBSET))
    data = dataset.load(here, progress=False)
    extractor = VGG16(precision=given.precision, settings=here, pictures=data.pictures)
    vectors = extractor.extract(data.pictures, data.name)
    with Index(data.name, extractor.name, here) as index:
        index.sync(data.pictures, vectors)
        more = given.rows - len(data.pictures)
        index.upsert(*filler(data.pictures, vectors.values, more))
    environ = {"BOOTCAMP_DATA": str(here.data), "BOOTCAMP_DATASET": here.dataset}
    return environ | {"MILVUS_URI": uri, "MILVUS_TOKEN": token}, data.pictures


def filler(pictures, values, count):
    """Return (pictures, vectors) that look like more of the same: known files, turned vectors."""
    chosen = np.random.default_rng(1).integers(0, len(pictures), count)
    noise = np.random.default_rng(2).standard_normal((count, values.shape[1]), dtype=np.float32)
    turned = values[chosen] + 0.03 * noise
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    rows = [pictures[row] for row in chosen]
    made = [Picture(f"bench-{i}", p.path, p.labels, (), p.width, p.height)
            for i, p in enumerate(rows)]  # fmt: skip
    return made, turned


def serve(given, folder, environ):
    """Serve the page over the index as it is, without syncing it back to the data set."""
    page = kit.notebook(folder / "bench.ipynb", CELL.format(precision=given.precision))
    return kit.voila(page, folder / "voila.log", environ | {"TF_CPP_MIN_LOG_LEVEL": "2"})


def open_page(context, address):
    """Return (page with a clock in it, seconds until the page could be used)."""
    started = time.monotonic()
    page = kit.visit(context, address)
    page.wait_for_selector(".ris-strip img", timeout=300_000)
    paint = time.monotonic() - started
    page.evaluate(CLOCK)
    return page, round(paint, 2)


def upload(page, path):
    """Upload one picture; return the milliseconds until its gallery is drawn."""
    page.evaluate("() => { begun = Infinity }")
    page.set_input_files(".ris-file", str(path))
    return finish(page)


def slide(page, k):
    """Move the slider; return the milliseconds until the gallery is redrawn."""
    page.evaluate("() => { begun = Infinity }")
    page.get_by_label("How many").fill(str(k))
    return finish(page)


def finish(page):
    """Wait for the gallery; return the milliseconds since the visitor's own event."""
    page.wait_for_function(DRAWN, timeout=120_000, polling=20)
    return page.evaluate(TOOK)


def some(pictures, count, seed=1):
    """Return `count` of the pictures, the same ones each time."""
    return random.Random(seed).choices(pictures, k=count)


def spread(values):
    """Return the median, the 95th percentile and the largest of `values`."""
    p50, p95, worst = (round(float(v), 1) for v in np.percentile(values, [50, 95, 100]))
    return {"n": len(values), "p50": p50, "p95": p95, "max": worst}


@contextlib.contextmanager
def milvus_server(folder):
    """Run the real Milvus server of the wheel `milvus`; yield (address, token)."""
    from milvus_server import Server

    server = Server(Path(folder) / "milvus").start()
    try:
        yield server.uri, server.token
    finally:
        server.stop()


def report(result):
    """Print the result as a table and write it."""
    result["load_after"] = os.getloadavg()[0]
    for part in ("one_visitor", "at_once"):
        for name, value in result.get(part, {}).items():
            print(f"{part:12} {name:14} {value}")
    target = ROOT / "build" / "bench" / "app.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"load {result['load_before']:.1f} to {result['load_after']:.1f}; written to {target}")


if __name__ == "__main__":
    main()
