"""The same network with fewer bits: float32, bfloat16 and int8, and which suits a processor.

A network takes pictures (n, size, size, 3) uint8 RGB and returns the maps of VGG16's last
convolution, (n, size/16, size/16, 512) float32. Notebook 02 builds the float32 one in the open.
"""

import os

import numpy as np

from helpers import weights
from helpers.errors import PlainError

LAYER = "block5_conv3"
BATCH = 16
"""Pictures a batch: larger ones were no faster and take 30 MB more a picture."""

MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
"""What ImageNet's mean pixel is in blue, green and red; VGG16 was trained without it."""

PRECISIONS = ("float32", "bfloat16", "int8")


class PrecisionError(PlainError, ValueError):
    """A precision that there is not, or that lacks what it needs."""


def tensorflow():
    """Return TensorFlow, imported without its chatter; the one place where it is loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    return tensorflow


class FloatNetwork:
    """VGG16's convolutions as one TensorFlow graph with its weights frozen in.

    Frozen weights are laid out once as the processor likes them, and the two shapes of input are
    fixed, so nothing is traced again. TensorFlow puts the graph on a GPU where it sees one.
    """

    def __init__(self, size, precision="float32", settings=None):
        """Build the graphs for a batch and for one picture."""
        model = convolutions(size, precision, settings)
        self.graphs = {count: frozen(model, count, size) for count in (1, BATCH)}
        self.shape = (size, size, 3)

    def __call__(self, pictures):
        """Return the maps of up to `BATCH` pictures; a short batch is filled up with black."""
        full = np.zeros((1 if len(pictures) == 1 else BATCH, *self.shape), np.uint8)
        full[: len(pictures)] = pictures
        return self.graphs[len(full)](tensorflow().constant(full))[0].numpy()[: len(pictures)]


def convolutions(size, precision="float32", settings=None):
    """Return Keras' VGG16 up to its last convolution, with the ImageNet weights."""
    tensorflow()
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        whole = keras.applications.VGG16(
            include_top=False, weights=None, input_shape=(size, size, 3)
        )
    finally:
        keras.config.set_dtype_policy(before)
    return weights.apply(keras.Model(whole.input, whole.get_layer(LAYER).output), settings)


def frozen(model, count, size):
    """Return `model` as a function of (count, size, size, 3) uint8 RGB with constant weights."""
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[tf.TensorSpec((count, size, size, 3), tf.uint8)])
    def run(pictures):
        centred = tf.cast(pictures[..., ::-1], tf.float32) - MEAN_BGR
        return tf.cast(model(centred, training=False), tf.float32)

    return convert_variables_to_constants_v2(run.get_concrete_function())
