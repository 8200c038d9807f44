"""Any other network of Keras as an extractor: notebook 06 leaves VGG16 behind with it.

Nothing else changes: the vectors are kept, resumed, indexed, tuned and searched in the same way.
"""

import gc
import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.dataset.pictures import PictureSource
from helpers.features.extractor import Extractor
from helpers.features.networks import batch_size, freeze
from helpers.features.preprocess import load_square
from helpers.features.runtime import FeaturesError, tensorflow
from helpers.settings import Settings


class KerasNetwork(Extractor):
    """A Keras model that turns pictures, (n, size, size, 3), into vectors, (n, dim).

    `prepare` turns RGB pixels, float32 from 0 to 255, into what the model takes, such as the
    `preprocess_input` of its module in keras.applications. `name` is yours, in letters, digits and
    hyphens; a digest of weights and preparation follows it, so that vectors made in different ways
    never meet. Raises FeaturesError for another name, and for a model of other shapes.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        prepare: Callable[[Any], Any] = lambda pixels: pixels,
        settings: Settings | None = None,
        progress: bool = True,
    ):
        super().__init__(settings, progress)
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise FeaturesError(f"{name!r} can't be a name. Use letters, digits and hyphens.")
        takes, gives = tuple(model.input_shape), tuple(model.output_shape)
        fits = len(takes) == 4 and len(gives) == 2 and takes[1] and takes[1] == takes[2]
        if not (fits and takes[3] == 3 and gives[1]):
            raise FeaturesError(
                f"{name} takes pictures of the shape {takes} and gives {gives}. Build it with "
                "include_top=False, input_shape=(size, size, 3) and pooling='avg'."
            )
        self.model, self.prepare = model, prepare
        self.size, self.dim = takes[1], gives[1]
        self.name = f"{name}-{self.size}-{_digest(model, prepare)}"

    def pixels(self, source: PictureSource) -> NDArray[np.uint8]:
        """Return a picture squashed to a square, (size, size, 3) uint8 RGB; raises PictureError."""
        return load_square(source, self.size)

    def _open(self):
        return _Frozen(self.model, self.prepare, self.size)


class _Frozen:
    """A model with its weights frozen in, as `networks` has VGG16."""

    def __init__(self, model, prepare, size):
        self.batch = batch_size(size, "float32")
        self.graph = freeze(model, prepare)
        gc.collect()

    def __call__(self, pictures):
        return [*self.graph(tensorflow().constant(np.stack(pictures)))[0].numpy()]


def _digest(model, prepare):
    """Return what tells these weights, and this preparation, from any others."""
    ramp = np.arange(0, 256, 5, dtype=np.float32).repeat(3).reshape(1, 1, -1, 3)
    found = hashlib.sha256(np.asarray(prepare(ramp)).round(2).tobytes())
    for array in model.get_weights():
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()[:8]
