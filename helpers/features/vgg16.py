"""A picture becomes 512 numbers: VGG16's last convolution, pooled, at length one.

Notebook 02 shows preparation, network and `max` pooling step by step; this is the same thing
made fast, resumable and honest about how it was made: the name, such as `vgg16-conv5-max-224`,
says network, layer, pooling, input size and, unless it is float32, the precision. Vectors of
different names are never mixed.

Pooling costs next to nothing beside the network, so each picture is pooled in all of the ways at
once, and one extraction serves every pooling.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers import settings as _settings
from helpers.dataset.pictures import Ledger, PictureSource, Skipped
from helpers.features import int8, runtime, weights
from helpers.features.extractor import Extractor, Vectors
from helpers.features.networks import FloatNetwork
from helpers.features.pooling import POOLINGS, l2_normalise
from helpers.features.preprocess import load_shaped, load_square
from helpers.features.runtime import FeaturesError
from helpers.features.vector_store import Store
from helpers.settings import Settings


class VGG16(Extractor):
    """VGG16 without its classifier: from any picture to (512,) float32 of length one.

    `pooling` is "max", "avg", "gem2", "gem" or "rmac"; `precision` is "float32", "bfloat16", "int8"
    or "auto", which follows BOOTCAMP_PRECISION or else takes the fastest for this processor, and
    says so; `size` is the side in pixels that a picture is squashed to or, with `keep_aspect`, the
    length of its longer side. Raises FeaturesError for anything else, and WeightsError when a
    picture needs the network and there are no weights.
    """

    dim = 512

    def __init__(
        self,
        pooling: str = "max",
        precision: str = "auto",
        size: int = 224,
        settings: Settings | None = None,
        progress: bool = True,
        keep_aspect: bool = False,
    ):
        if pooling not in POOLINGS:
            known = ", ".join(POOLINGS)
            raise FeaturesError(f"There is no pooling {pooling!r}. Use one of {known}.")
        self.pooling, self.size, self.keep_aspect = pooling, size, keep_aspect
        super().__init__(settings, progress)
        wanted = self.settings.precision if precision == "auto" else precision
        self.precision, why = runtime.choose(wanted)
        if precision == "auto":
            print(why)

    @property
    def name(self) -> str:
        """How the vectors are made, such as "vgg16-conv5-max-224" or "vgg16-conv5-avg-224-int8"."""
        short = f"vgg16-conv5-{self.pooling}-{self.size}{'long' if self.keep_aspect else ''}"
        return short if self.precision == "float32" else f"{short}-{self.precision}"

    def pixels(self, source: PictureSource) -> NDArray[np.uint8]:
        """Return a picture as the network takes it, (h, w, 3) uint8 RGB.

        Giving this back, as an image, changes nothing more. Raises PictureError when it can't be
        read.
        """
        return (load_shaped if self.keep_aspect else load_square)(source, self.size)

    def maps(self, source: PictureSource) -> NDArray[np.float32]:
        """Return the last convolution's activations, (h/16, w/16, 512) float32, >= 0.

        Raises PictureError when it can't be read.
        """
        return self._outputs([source])[0]

    def pool(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 512) float32 of unit norm from activations (n, h, w, 512)."""
        return l2_normalise(POOLINGS[self.pooling](maps))

    def _open(self):
        if self.precision == "int8":
            return int8.Int8Network(self.size, self.settings)
        return FloatNetwork(self.size, self.precision, self.settings, not self.keep_aspect)

    def folder(self, dataset_name: str) -> Path:
        """Return where the vectors of a data set are kept, of every pooling."""
        return vectors_folder(dataset_name, self.name, self.settings)

    def provenance(self) -> Mapping[str, object]:
        """Return what vectors on disk must have been made with."""
        ranges = int8.RANGES if self.precision == "int8" else None
        return {**_provenance(self.name), "ranges": ranges}

    def row(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a picture's map pooled in every way, each at length one, side by side."""
        ways = [l2_normalise(pool(output[None]))[0] for pool in POOLINGS.values()]
        return np.concatenate(ways)

    def columns(self) -> slice:
        """Return which columns of a kept row are of this pooling."""
        return _columns(self.name)


def load_vectors(
    dataset_name: str, extractor_name: str, settings: Settings | None = None
) -> Vectors:
    """Return the Vectors that `extract` left on disk; TensorFlow isn't needed.

    Raises FeaturesError when there are none, StoreError when they were made in another way.
    """
    columns = _columns(extractor_name)
    folder = vectors_folder(dataset_name, extractor_name, settings or _settings.from_environment())
    store = Store(folder, _provenance(extractor_name))
    ids = list(store.row_of)
    if not ids:
        raise FeaturesError(
            f"There are no vectors {extractor_name!r} of {dataset_name!r}. "
            "Run notebook 02 first, which makes them."
        )
    ledger = Ledger([Skipped(path, reason) for path, reason in store.manifest.get("skipped", [])])
    return Vectors(ids, store.vectors(ids, columns), extractor_name, ledger)


def vectors_folder(dataset_name: str, extractor_name: str, settings: Settings) -> Path:
    """Return where the vectors of a data set made by an extractor are kept, of every pooling."""
    return settings.data / "vectors" / dataset_name / _without_pooling(extractor_name)


def _provenance(extractor_name):
    return {
        "extractor": _without_pooling(extractor_name),
        "weights": weights.SHA256,
        "poolings": [*POOLINGS],
        "dim": VGG16.dim * len(POOLINGS),
    }


def _without_pooling(extractor_name):
    network, layer, _pooling, *rest = extractor_name.split("-")
    return "-".join((network, layer, *rest))


def _columns(extractor_name):
    """Return which columns of a store hold the vectors of an extractor's pooling."""
    pooling = "".join(extractor_name.split("-")[2:3])
    if pooling not in POOLINGS:
        raise FeaturesError(
            f"{extractor_name!r} isn't an extractor's name. Give one such as 'vgg16-conv5-max-224'."
        )
    place = [*POOLINGS].index(pooling)
    return slice(place * VGG16.dim, (place + 1) * VGG16.dim)
