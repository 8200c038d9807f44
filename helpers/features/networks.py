"""VGG16's convolutions as TensorFlow runs them, in float32 or bfloat16 (int8.py: in 8 bits).

A network takes pictures (n, size, size, 3) uint8 RGB, n at most its `batch`, and returns the
activations of VGG16's last convolution, (n, size/16, size/16, 512) float32, none below 0.
Notebook 02 builds the float32 one step by step.
"""

import gc

import numpy as np
import psutil

from helpers.features import weights
from helpers.features.preprocess import centre
from helpers.features.runtime import has_gpu, tensorflow


class FloatNetwork:
    """The network as a TensorFlow graph with the weights frozen in, in float32 or bfloat16.

    Frozen weights are laid out once, in the order that suits the processor. One graph serves any
    number of pictures, so nothing is traced again and the weights are kept once; but TensorFlow
    prepares itself for every new number, so it only ever sees two: one and a whole batch. A GPU is
    used where TensorFlow sees one.
    """

    def __init__(self, size, precision="float32", settings=None):
        self.batch, self.shape = batch_size(size, precision), (size, size, 3)
        self.graph = _freeze(convolutions(size, precision, settings))
        gc.collect()  # the model's own copy of the weights, 59 MB

    def __call__(self, pictures):
        """Return the pictures' activations; a short batch is filled up with black pictures."""
        count = 1 if len(pictures) == 1 else self.batch
        full = np.zeros((count, *self.shape), np.uint8)
        full[: len(pictures)] = pictures
        return self.graph(tensorflow().constant(full))[0].numpy()[: len(pictures)]


def convolutions(size, precision="float32", settings=None):
    """Return Keras' VGG16 up to its last convolution, with the ImageNet weights."""
    keras = tensorflow().keras
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        shape = (size, size, 3)
        whole = keras.applications.VGG16(include_top=False, weights=None, input_shape=shape)
    finally:
        keras.config.set_dtype_policy(before)
    last = whole.get_layer(weights.LAYERS[-1])
    return weights.apply(keras.Model(whole.input, last.output), settings)


def batch_size(size, precision, available=None):
    """Return how many pictures to compute at once: what a quarter of the free memory holds.

    `available` is that memory in bytes. Between its layers a 224 x 224 picture needs about 10 MB
    per byte of precision. More than 8 in float32, 16 in bfloat16 and 32 in int8 were no faster on a
    processor; a GPU takes four times as many.
    """
    available = psutil.virtual_memory().available if available is None else available
    width = {"float32": 4, "bfloat16": 2, "int8": 1}[precision]
    fitting = available / 4 / (10e6 * width * (size / 224) ** 2)
    most = 32 // width * (4 if precision != "int8" and has_gpu() else 1)
    return int(np.clip(2 ** int(np.log2(max(fitting, 1))), 1, most))


def _freeze(model):
    """Return `model` as a function of (n, size, size, 3) uint8 RGB, its weights constant."""
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.uint8)])
    def run(pictures):
        activations = model(centre(tf.cast(pictures, tf.float32)), training=False)
        return tf.cast(activations, tf.float32)

    return convert_variables_to_constants_v2(run.get_concrete_function())
