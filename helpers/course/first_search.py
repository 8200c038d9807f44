"""Notebook 01 begins with a search: over our drawings, with vectors that are already there.

They come from the real VGG16, in float32; notebook 02 builds it. After a change to the drawings,
run `python -m helpers.course.first_search` to recompute them.
"""

import sys
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from helpers import dataset
from helpers.dataset import Picture
from helpers.files import atomic_write
from helpers.settings import SAMPLE, from_environment

FILE = SAMPLE / "vectors.npz"


def load() -> tuple[list[Picture], NDArray[np.float32]]:
    """Return the drawings, and the embedding of each, (n, 512) float32, unit norm.

    They come from the repository alone: no network, no weights, no TensorFlow.
    """
    pictures = _drawings()
    with np.load(FILE) as kept:
        row_of = {id: row for row, id in enumerate(kept["ids"].tolist())}
        values = kept["values"][[row_of[each.id] for each in pictures]].astype(np.float32)
    return pictures, values / np.linalg.norm(values, axis=1, keepdims=True)


def main() -> int:
    """Extract the drawings' vectors with the real VGG16, and store them as float16."""
    from helpers.features import VGG16, weights

    pictures, extractor = _drawings(), VGG16("max", "float32")
    batches = [pictures[start : start + 32] for start in range(0, len(pictures), 32)]
    values = np.concatenate([extractor.embed_many([p.path for p in batch]) for batch in batches])
    with atomic_write(FILE) as file:
        np.savez_compressed(
            file,
            ids=[picture.id for picture in pictures],
            values=values.astype(np.float16),
            extractor=extractor.name,
            weights=weights.SHA256,
        )
    print(f"{len(pictures)} vectors by {extractor.name}, in {FILE}")
    return 0


def _drawings():
    return dataset.load(replace(from_environment(), dataset="sample"), progress=False).pictures


if __name__ == "__main__":
    sys.exit(main())
