"""Any other network of Keras as an extractor: notebook 06 leaves VGG16 behind with it.

Nothing else changes: the vectors are kept, resumed, indexed, tuned and searched in the same way.
"""

import gc
import hashlib
import json
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
        if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9-]{1,100}", name)):
            told = f"{name!r:.60} can't be a name. Use up to a hundred letters, digits and hyphens."
            raise FeaturesError(told)
        takes, gives = _shapes(model)
        fits = len(takes) == 4 and len(gives) == 2 and takes[1] and takes[1] == takes[2]
        if not (fits and takes[3] == 3 and isinstance(gives[1], int)):
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
        found = self.graph(tensorflow().constant(np.stack(pictures)))[0].numpy()
        if len(found) != len(pictures) or not np.isfinite(found).all():
            raise FeaturesError(
                f"For {len(pictures)} pictures the network returned {len(found)} vectors, or NaN. "
                "Check `prepare`: it must treat each picture by itself."
            )
        return [*found]


def _shapes(model):
    """Return the model's input and output shape, () where it has none, or several."""
    shapes = [getattr(model, which, None) for which in ("input_shape", "output_shape")]
    return [tuple(shape) if isinstance(shape, tuple) else () for shape in shapes]


def _digest(model, prepare):
    """Return what tells this network, its weights and its preparation from any others.

    The preparation is known by what it makes of some colours, the rest of the computer's precision.
    """
    colours = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    made = np.asarray(tensorflow().cast(prepare(tensorflow().constant(colours)), "float32"))
    found = hashlib.sha256(made.round(2).tobytes())
    for layer in model.layers:
        kind, config = layer.__class__.__name__, layer.get_config()
        config.pop("name", None)  # Keras counts it up within a session
        found.update(json.dumps([kind, config], sort_keys=True, default=str).encode())
    for array in model.get_weights():
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()[:8]
