"""Draw the sample: pictures of the 20 PASCAL VOC classes, in the layout of VOC2012.

    python data/draw_sample.py [--out data/sample] [--count 280]

Picture n depends on n alone, so drawing again gives the same bytes.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from drawing.annotate import CLASSES, annotation, image_sets
from drawing.compose import compose

COUNT = 280
QUALITY = 76


def name_of(number):
    """Return the VOC file name, without its ending, of picture `number`."""
    return f"2012_{number:06d}"


def draw_one(number, out):
    """Draw picture `number` and its annotation into `out`; return its split and its labels."""
    name = name_of(number)
    _, image, objects = compose(number)
    image.save(out / "JPEGImages" / f"{name}.jpg", quality=QUALITY, optimize=True, progressive=True)
    text = annotation(name, image.size, objects)
    (out / "Annotations" / f"{name}.xml").write_text(text, encoding="utf-8", newline="\n")
    split = "train" if (number - 1) // len(CLASSES) % 2 == 0 else "val"
    return split, {label for label, _, _ in objects}


def make_folders(out):
    """Make the folders of VOC2012 below `out`."""
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (out / folder).mkdir(parents=True, exist_ok=True)


def draw_sample(out, count=COUNT):
    """Draw `count` pictures, their annotations and the image sets below `out`."""
    make_folders(out)
    pictures = {}
    numbers = range(1, count + 1)
    with ProcessPoolExecutor() as pool:  # one picture needs no other, so all cores may draw
        for number, drawn in zip(numbers, pool.map(draw_one, numbers, repeat(out)), strict=True):
            pictures[name_of(number)] = drawn
            if number % 20 == 0:
                print(f"{number} of {count} drawn", flush=True)
    for file, text in image_sets(pictures).items():
        (out / "ImageSets" / "Main" / file).write_text(text, encoding="utf-8", newline="\n")


def main():
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description="Draw the sample of the 20 PASCAL VOC classes.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sample")
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    draw_sample(options.out, options.count)


if __name__ == "__main__":
    main()
