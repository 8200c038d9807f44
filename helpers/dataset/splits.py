"""Which pictures choices are made on, and which others confirm them."""

import numpy as np
from numpy.typing import NDArray

from helpers.dataset import voc
from helpers.dataset.loader import Dataset


def train_part(data: Dataset) -> NDArray[np.bool_]:
    """Return which pictures are for choosing, (n,) booleans; the others are for confirming.

    In PASCAL VOC they are its own train and val lists (ImageSets/Main). Pictures that are in
    neither, and those of any other set, alternate, in the order of their ids.
    """
    lists = [_listed(data, name) for name in ("train", "val")]
    order = {name: place for place, name in enumerate(sorted(one.id for one in data.pictures))}

    def in_train(picture):
        if any(picture.id in ids for ids in lists):
            return picture.id in lists[0]
        return order[picture.id] % 2 == 0

    return np.array([in_train(picture) for picture in data.pictures], bool)


def _listed(data, name):
    """Return the ids in one of VOC's lists; none where the data set has no such list."""
    place = voc.find(data.folder) or data.folder
    path = place / "ImageSets" / "Main" / f"{name}.txt"
    if not path.is_file():
        return set()
    return {line.split()[0] for line in path.read_text(errors="replace").splitlines() if line}
