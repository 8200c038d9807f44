"""Which pictures choices are made on, and which others confirm them."""

import numpy as np
from numpy.typing import NDArray

from helpers.dataset import voc
from helpers.dataset.loader import Dataset


def train_part(data: Dataset) -> NDArray[np.bool_]:
    """Return which pictures are for choosing, (n,) booleans; the others are for confirming.

    In PASCAL VOC they are its own train and val lists (ImageSets/Main), where these are here: a set
    of the first N pictures comes without. Pictures that are in neither, and those of any other set,
    alternate, in the order of their ids.
    """
    train, val = (_listed(data, name) for name in ("train", "val"))
    unlisted = sorted({picture.id for picture in data.pictures} - train - val)
    chosen = train | set(unlisted[::2])
    return np.array([picture.id in chosen for picture in data.pictures], bool)


def _listed(data, name):
    """Return the ids in one of VOC's lists; none where the data set has no such list."""
    place = voc.find(data.folder) or data.folder
    path = place / "ImageSets" / "Main" / f"{name}.txt"
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.split()[0] for line in lines if line.strip()}
