"""The whole course at VOC's real size: how long each notebook takes, and how much memory.

Run `python bench/voc_size.py [ARCHIVE] [COUNT]`. It grows the photographs of ARCHIVE, a PASCAL VOC
archive (by default the test subset), to COUNT (17,125) by mirroring and cropping, boxes included,
and executes every notebook on them. The set is built once, in build/bench/voc-size/; everything
that the notebooks compute is computed from scratch. Prints a table and writes
build/bench/voc_size.json.
"""

import os
import platform
import shutil
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
from tqdm import tqdm

from helpers import dataset
from helpers.course import run_notebooks
from helpers.features import weights
from helpers.files import write_json
from helpers.settings import ROOT, from_environment

SUBSET = ROOT.parent / "shared" / "voc" / "voc2012-subset.tar"
OUT = ROOT / "build" / "bench" / "voc_size.json"
PLACE = ROOT / "build" / "bench" / "voc-size"
LONG = {"extract", "bench-demo"}  # the extraction, and the lesson about nlist = 16384
MOST_SECONDS, MOST_MB = 20, 1800  # for a cell, and for a kernel
MEASURING = {"05"}  # it tries some thirty settings; for such a notebook the whole time counts
MEASURING_SECONDS, MEASURING_MB = 900, 3000
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def main():
    """Make the set, run the course on it, and print the table; return the exit status."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else SUBSET
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 17_125
    grow(source, count, PLACE / str(count) / "VOCdevkit" / "VOC2012")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        weights.load(from_environment())
        shutil.copytree(from_environment().data / "weights", data / "weights")
        os.environ |= {"BOOTCAMP_DATASET": str(PLACE / str(count)), "BOOTCAMP_DATA": str(data)}
        notebooks = {p.stem[:2]: measure(p, Path(folder)) for p in run_notebooks.notebook_paths()}
    facts = {"pictures": count, "cores": os.cpu_count(), "machine": platform.machine()}
    write_json(OUT, facts | {"notebooks": notebooks}, indent=1)
    return report(notebooks)


def grow(source, count, target):
    """Fill the VOC folder `target` with `count` pictures, if it isn't full already."""
    if (target / "ImageSets" / "Main" / "trainval.txt").exists():  # written last
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(from_environment(), dataset=str(source), data=Path(folder))
        real = dataset.load(settings).pictures
        shutil.rmtree(target, ignore_errors=True)
        for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (target / part).mkdir(parents=True)
        rng = np.random.default_rng(0)
        names = [f"2012_{number:06}" for number in range(count)]
        for number, name in enumerate(tqdm(names, "making pictures")):
            image, boxes = variant(real[number % len(real)], number // len(real), rng)
            image.save(target / "JPEGImages" / f"{name}.jpg", quality=90)
            annotate(target / "Annotations" / f"{name}.xml", image, boxes)
    (target / "ImageSets" / "Main" / "trainval.txt").write_text("\n".join(names))


def variant(picture, version, rng):
    """Return (image, boxes) of a picture: 0 as it is, then random crops, the odd ones mirrored."""
    image, boxes = dataset.open_picture(picture.path), list(picture.boxes)
    if version:
        image, boxes = cropped(image, boxes, rng)
    if version % 2:
        image, wide = image.transpose(0), image.width
        boxes = [replace(b, xmin=wide + 1 - b.xmax, xmax=wide + 1 - b.xmin) for b in boxes]
    return image, boxes


def cropped(image, boxes, rng):
    """Return 70 to 95 percent of each side, and the boxes of which that shows at least half.

    Where it shows none, all stays as it is: VOC has no picture without an object.
    """
    size = np.array(image.size)
    side = (size * rng.uniform(0.7, 0.95, 2)).astype(int)
    left, top = (int(corner) for corner in rng.integers(0, size - side + 1))
    area = (left, top, left + int(side[0]), top + int(side[1]))
    kept = [part for box in boxes if (part := cut(box, *area))]
    return (image.crop(area), kept) if kept else (image, boxes)


def cut(box, left, top, right, bottom):
    """Return the part of a box that a crop shows, in its coordinates, or None if it is too small.

    Boxes count from 1 and include their last pixel.
    """
    wide = (max(box.xmin - left, 1), min(box.xmax, right) - left)
    high = (max(box.ymin - top, 1), min(box.ymax, bottom) - top)
    shown = max(0, wide[1] - wide[0] + 1) * max(0, high[1] - high[0] + 1)
    if 2 * shown < (box.xmax - box.xmin + 1) * (box.ymax - box.ymin + 1):
        return None
    return replace(box, xmin=wide[0], xmax=wide[1], ymin=high[0], ymax=high[1], truncated=True)


def annotate(path, image, boxes):
    """Write a picture's annotation as VOC has it."""
    root = ElementTree.Element("annotation")
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", image.width), ("height", image.height), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(value)
    for box in boxes:
        thing = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(thing, "name").text = box.label
        for flag in ("truncated", "difficult"):
            ElementTree.SubElement(thing, flag).text = str(int(getattr(box, flag)))
        place = ElementTree.SubElement(thing, "bndbox")
        for corner in ("xmin", "ymin", "xmax", "ymax"):
            ElementTree.SubElement(place, corner).text = str(getattr(box, corner))
    ElementTree.ElementTree(root).write(path)


def measure(path, folder):
    """Execute a copy of a notebook; return its seconds, its kernel's peak memory and its cells'."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(MEMORY, id="memory"))
    copy = folder / path.name
    nbformat.write(notebook, copy)
    print(f"{path.stem} …", flush=True)
    done = run_notebooks.execute(copy, pages=folder)
    took = {cell.id: seconds(cell) for cell in done.cells if cell.cell_type == "code"}
    return {
        "seconds": round(sum(took.values()), 1),
        "peak_rss_mb": round(int(done.cells[-1].outputs[0].text) * 1024 / 1e6),
        "cells": {name: spent for name, spent in took.items() if spent >= 1},
    }


def seconds(cell):
    """Return how long a cell ran."""
    when = cell.metadata.execution
    begun, ended = when["iopub.execute_input"], when["shell.execute_reply"]
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds(), 1)


def report(notebooks):
    """Print the table; return 1 if something takes too long or a kernel too much memory."""
    missed = 0
    for name, facts in notebooks.items():
        measuring = name in MEASURING
        over = facts["peak_rss_mb"] > (MEASURING_MB if measuring else MOST_MB)
        slow = measuring and facts["seconds"] > MEASURING_SECONDS
        missed += over + slow
        told = "  TOO SLOW" * slow + "  TOO MUCH MEMORY" * over
        print(f"{name}  {facts['seconds']:8.1f} s  {facts['peak_rss_mb']:6,} MB{told}")
        for cell, spent in sorted(facts["cells"].items(), key=lambda each: -each[1]):
            slow = spent > MOST_SECONDS and cell not in LONG and not measuring
            missed += slow
            print(f"    {cell:20} {spent:8.1f} s{'  TOO SLOW' if slow else ''}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
