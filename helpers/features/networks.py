"""VGG16's convolutions as TensorFlow runs them, in float32 or bfloat16 (int8.py: in 8 bits).

A network takes n pictures, (h, w, 3) uint8 RGB each, n at most its `batch`, and returns for each
the activations of VGG16's last convolution, (h/16, w/16, 512) float32, none below 0. They are the
same, to the last bit, whatever else is in the batch.
Notebook 02 builds the float32 one step by step.
"""

import gc
import os

import numpy as np
import psutil

from helpers.features import weights
from helpers.features.preprocess import centre
from helpers.features.runtime import has_gpu, tensorflow


class FloatNetwork:
    """The network as a TensorFlow graph with the weights frozen in, in float32 or bfloat16.

    Frozen weights are laid out once, in the order that suits the processor, and one graph serves
    any number of pictures, so nothing is traced again. A GPU is used where TensorFlow sees one.
    With `square`, all pictures are (size, size); otherwise they may have any shape.
    """

    def __init__(self, size, precision="float32", settings=None, square=True):
        self.batch = batch_size(size, precision)
        self.graph = freeze(convolutions(size if square else None, precision, settings), centre)
        gc.collect()  # the model's own copy of the weights, 59 MB

    def __call__(self, pictures):
        """Return the pictures' activations, as above."""
        if len({picture.shape for picture in pictures}) > 1:
            return [self([picture])[0] for picture in pictures]
        return [*self.graph(tensorflow().constant(np.stack(pictures)))[0].numpy()]


def convolutions(size, precision="float32", settings=None):
    """Return Keras' VGG16 up to its last convolution, with the ImageNet weights.

    It takes pictures of `size` x `size` pixels, or of any shape where `size` is None.
    """
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
    per byte of precision. On a processor 8 are as fast as more, and a query that waits for them
    soon has its turn; int8 gives each core a picture, and a GPU takes 32 in the same time.
    """
    available = psutil.virtual_memory().available if available is None else available
    width = {"float32": 4, "bfloat16": 2, "int8": 1}[precision]
    fitting = available / 4 / (10e6 * width * (size / 224) ** 2)
    most = max(8, os.cpu_count()) if precision == "int8" else 32 if has_gpu() else 8
    return int(np.clip(fitting, 1, most))


def freeze(model, prepare):
    """Return `model` after `prepare` as a function of (n, h, w, 3) uint8 RGB, weights constant."""
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.uint8)])
    def run(pictures):
        outputs = model(prepare(tf.cast(pictures, tf.float32)), training=False)
        return tf.cast(outputs, tf.float32)

    return convert_variables_to_constants_v2(run.get_concrete_function())
