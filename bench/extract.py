"""What the extractor costs on this machine, and what its faster ways lose.

Run `python bench/extract.py [--pictures 600] [--rounds 3]`; it prints a table and writes
build/bench/extract.json. The pictures are those of BOOTCAMP_DATASET, by default the subset of
PASCAL VOC that the tests use (BOOTCAMP_TEST_VOC), where there is one. Every way runs in a process
of its own, one after the other, round by round, so that a slow minute of the machine hits all of
them; the table shows the medians of the rounds.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers import dataset, settings
from helpers.features.runtime import PRECISIONS, choose, cpu_flags, tensorflow
from helpers.search import metrics

WAYS = ("one_by_one", *PRECISIONS)
SUBSET = Path(
    os.environ.get("BOOTCAMP_TEST_VOC")
    or settings.ROOT.parent / "shared" / "voc" / "voc2012-subset.tar"
)
OUT = settings.ROOT / "build" / "bench" / "extract.json"
GFLOP = 30.7
"""Multiplications and additions of VGG16's convolutions for one 224 x 224 picture, in 10^9."""

VOC = 17_125
ONE_BY_ONE = 40
QUERIES = 60


def main():
    """Measure every way, round by round; print the table and keep the numbers."""
    given = arguments()
    data = pictures(given.pictures)
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            {way: child(way, number, given, folder) for way in WAYS}
            for number in range(given.rounds)
        ]
        values = {way: np.load(Path(folder) / f"{way}.npy") for way in PRECISIONS}
    result = summary(rounds, values, data.pictures)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1))
    print(table(result, data))


def arguments():
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def pictures(count):
    """Return the data set, cut to its first `count` pictures."""
    here = settings.from_environment()
    if here.dataset == "auto" and SUBSET.exists():
        here = replace(here, dataset=str(SUBSET))
    data = dataset.load(here, progress=False)
    return replace(data, pictures=data.pictures[:count])


# In the child: one way, measured.


def child(way, number, given, folder):
    """Run one way in a process of its own and return what it measured."""
    print(f"round {number + 1} of {given.rounds}: {way}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--way", way, "--number", str(number)]
    command += ["--folder", folder, "--pictures", str(given.pictures)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(given):
    """Measure one way and print the numbers as one line of JSON."""
    some = pictures(given.pictures).pictures
    found = one_by_one(some) if given.way == "one_by_one" else ours(given, some)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10
    found["peak_rss_mb"] = round(peak / unit)
    if given.way == "float32":  # last, so that its matrices don't count as the extractor's memory
        found["sgemm_gflops"] = sgemm()
    print(json.dumps(found))


def one_by_one(some):
    """Return the rate of the original's way: Keras' loader and `predict`, one picture at a time."""
    from helpers.features import weights

    keras = tensorflow().keras
    model = weights.apply(
        keras.applications.VGG16(
            include_top=False, weights=None, pooling="max", input_shape=(224, 224, 3)
        )
    )

    def vector(path):
        image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
        batch = keras.applications.vgg16.preprocess_input(image[None])
        row = model.predict(batch, verbose=0)[0]
        return row / np.linalg.norm(row)

    for picture in some[:3]:
        vector(picture.path)
    start = time.perf_counter()
    for picture in some[:ONE_BY_ONE]:
        vector(picture.path)
    seconds = time.perf_counter() - start
    return {"images_per_second": min(ONE_BY_ONE, len(some)) / seconds}


def ours(given, some):
    """Return the rate and the median time of a query; keep the vectors."""
    from helpers.features import VGG16

    here = settings.from_environment()  # where the weights are; the vectors go elsewhere
    extractor = VGG16(precision=given.way, settings=here, progress=False)
    extractor.settings = replace(here, data=given.folder / "vectors")
    start = time.perf_counter()
    vectors = extractor.extract(some, f"round-{given.number}", progress=False)
    rate = len(vectors.ids) / (time.perf_counter() - start)
    np.save(given.folder / f"{given.way}.npy", vectors.values)
    raw = [picture.path.read_bytes() for picture in some[:QUERIES]]
    times = [elapsed(lambda each=each: extractor.embed(each)) for each in raw]
    return {"images_per_second": rate, "query_p50_ms": 1000 * statistics.median(times)}


def sgemm(size=4096, rounds=4):
    """Return the best GFLOP/s of numpy multiplying two large float32 matrices."""
    a = np.random.default_rng(0).random((size, size), np.float32)
    np.matmul(a, a)
    return 2e-9 * size**3 / min(elapsed(lambda: np.matmul(a, a)) for _ in range(rounds))


def elapsed(work):
    """Return the seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# In the parent: what it all means.


def summary(rounds, values, some):
    """Return everything that was measured, medians over the rounds."""

    def median(way, key):
        return statistics.median(numbers[way][key] for numbers in rounds)

    setting = settings.from_environment().precision
    rate = {way: median(way, "images_per_second") for way in WAYS}
    cosines = {way: np.sum(values[way] * values["float32"], axis=1) for way in PRECISIONS[1:]}
    ranked = {way: ranking(values[way], some) for way in PRECISIONS}
    shares = [
        GFLOP * n["float32"]["images_per_second"] / n["float32"]["sgemm_gflops"] for n in rounds
    ]
    peaks = {w: max(numbers[w]["peak_rss_mb"] for numbers in rounds) for w in PRECISIONS}
    return {
        "processor": sorted(cpu_flags()),
        "cores": os.cpu_count(),
        "pictures": len(some),
        "rounds": len(rounds),
        "images_per_second": rounded(rate, 2),
        "ratio_to_one_by_one": rounded({w: rate[w] / rate["one_by_one"] for w in PRECISIONS}, 2),
        "sgemm_gflops": round(median("float32", "sgemm_gflops"), 1),
        "fraction_of_sgemm_peak": round(statistics.median(shares), 3),
        "cosine_to_float32_min": rounded({w: c.min() for w, c in cosines.items()}, 5),
        "cosine_to_float32_mean": rounded({w: c.mean() for w, c in cosines.items()}, 5),
        "p_at_10": rounded({w: p_at_10(r) for w, r in ranked.items()}, 4),
        "map": rounded({w: metrics.mean_average_precision(r) for w, r in ranked.items()}, 4),
        "peak_rss_mb": max(peaks.values()),
        "peak_rss_mb_of": peaks,
        "query_p50_ms": rounded({way: median(way, "query_p50_ms") for way in PRECISIONS}, 1),
        "minutes_for_voc": rounded({way: VOC / rate[way] / 60 for way in WAYS}, 1),
        "chosen_by_auto": choose(setting)[0],
        "chosen_by_auto_because": choose(setting)[1],
    }


def rounded(numbers, digits):
    """Return {name: number}, rounded to `digits` decimals."""
    return {name: round(float(number), digits) for name, number in numbers.items()}


def ranking(values, some):
    """Return for each picture which of the others, nearest first, share a label with it."""
    labels = [set(picture.labels) for picture in some]
    scores = values @ values.T
    np.fill_diagonal(scores, -np.inf)
    orders = np.argsort(-scores, axis=1)[:, :-1]
    return [[bool(labels[i] & labels[j]) for j in row] for i, row in enumerate(orders)]


def p_at_10(ranked):
    """Return the mean precision at 10."""
    return np.mean([metrics.precision_at_k(row, 10) for row in ranked])


def table(found, data):
    """Return the numbers as a table for people."""
    head = f"{'way':<12}{'pictures/s':>11}{'× one by one':>14}{'query ms':>10}{'all VOC':>10}"
    lines = [f"{data.name}: {found['pictures']} pictures, {found['cores']} cores", ""]
    lines.append(head + f"{'min cosine':>12}{'P@10':>8}{'mAP':>8}")
    for way in WAYS:
        cells = [
            f"{found['images_per_second'][way]:>11.1f}",
            f"{found['ratio_to_one_by_one'].get(way, 1):>14.2f}",
            f"{found['query_p50_ms'].get(way, float('nan')):>10.0f}",
            f"{found['minutes_for_voc'][way]:>6.0f} min",
            f"{found['cosine_to_float32_min'].get(way, 1):>12.5f}",
            f"{found['p_at_10'].get(way, float('nan')):>8.4f}",
            f"{found['map'].get(way, float('nan')):>8.4f}",
        ]
        lines.append(f"{way:<12}" + "".join(cells))
    share, peak = found["fraction_of_sgemm_peak"], found["sgemm_gflops"]
    lines += ["", f"float32 reaches {share:.0%} of the {peak:.0f} GFLOP/s of a large sgemm."]
    lines.append(f"Peak memory: {found['peak_rss_mb']:,} MB.")
    return "\n".join([*lines, found["chosen_by_auto_because"]])


if __name__ == "__main__":
    measure(arguments()) if arguments().way else main()
