"""VGG16's convolutions, ready to run: in float32 or bfloat16 by TensorFlow, in int8 by TFLite.

A network takes pictures (n, size, size, 3) uint8 RGB, n at most its `batch`, and returns the maps
of VGG16's last convolution, (n, size/16, size/16, 512) float32, none below 0. Notebook 02 builds
the float32 one in the open.
"""

import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from helpers.features import weights
from helpers.features.preprocess import MEAN_BGR
from helpers.features.runtime import has_gpu, silence_stderr, tensorflow

LAYER = "block5_conv3"


class FloatNetwork:
    """The network as a TensorFlow graph with the weights frozen in, in float32 or bfloat16.

    Frozen weights are laid out once as the processor likes them. One graph serves any number of
    pictures, so nothing is traced again and the weights are kept once; yet it is given only two
    numbers, one and a whole batch, because every new one would be prepared anew. A GPU is used
    where TensorFlow sees one.
    """

    def __init__(self, size, precision="float32", settings=None):
        """Build the graph."""
        self.batch, self.shape = batch_size(size, precision), (size, size, 3)
        self.graph = frozen(convolutions(size, precision, settings))
        gc.collect()  # the model's own copy of the weights, 59 MB

    def __call__(self, pictures):
        """Return the pictures' maps; a short batch is filled up with black pictures."""
        count = 1 if len(pictures) == 1 else self.batch
        full = np.zeros((count, *self.shape), np.uint8)
        full[: len(pictures)] = pictures
        return self.graph(tensorflow().constant(full))[0].numpy()[: len(pictures)]


class Int8Network:
    """The network with 8-bit weights and answers, one TFLite interpreter a core.

    Each core works on a picture of its own: they never wait for each other, and a picture's
    answers fit its core's cache. A single picture is shared by all cores instead.
    """

    def __init__(self, file, size):
        """Load the quantised model from `file` (quantise.py makes it)."""
        cores, self.batch = os.cpu_count(), batch_size(size, "int8")
        self.threads = ThreadPoolExecutor(cores, "int8")
        self.free, self.alone = SimpleQueue(), SimpleQueue()
        for _ in range(cores):
            self.free.put(interpreter(file, threads=1))
        self.alone.put(interpreter(file, threads=cores))

    def __call__(self, pictures):
        """Return the pictures' maps."""
        if len(pictures) == 1:
            return self._run(self.alone, pictures[0])[None]
        return np.stack(list(self.threads.map(lambda one: self._run(self.free, one), pictures)))

    def _run(self, queue, picture):
        """Return one picture's maps from whichever of the queue's interpreters is free."""
        model = queue.get()
        try:
            entry, answer = model.get_input_details()[0], model.get_output_details()[0]
            model.set_tensor(entry["index"], to_int8(picture, *entry["quantization"])[None])
            model.invoke()
            scale, zero = answer["quantization"]
            return (model.get_tensor(answer["index"])[0] - np.float32(zero)) * np.float32(scale)
        finally:
            queue.put(model)


def to_int8(picture, scale, zero):
    """Return (size, size, 3) uint8 RGB as the centred BGR that the 8-bit network takes, int8.

    There are only 256 values a channel, so each is worked out once and then looked up.
    """
    values = np.arange(256, dtype=np.float32)[:, None] - MEAN_BGR
    table = np.clip(np.round(values / scale) + zero, -128, 127).astype(np.int8)
    return np.stack([table[:, i][picture[..., 2 - i]] for i in range(3)], axis=-1)


def interpreter(file, threads):
    """Return a TFLite interpreter of the model in `file`."""
    lite = tensorflow().lite
    with warnings.catch_warnings(), silence_stderr():
        warnings.simplefilter("ignore")  # that it will move to a package of its own one day
        found = lite.Interpreter(str(file), num_threads=threads)
        found.allocate_tensors()
    return found


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
    return weights.apply(keras.Model(whole.input, whole.get_layer(LAYER).output), settings)


def frozen(model):
    """Return `model` as a function of (n, size, size, 3) uint8 RGB, its weights constant."""
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.uint8)])
    def run(pictures):
        centred = tf.cast(pictures[..., ::-1], tf.float32) - MEAN_BGR
        return tf.cast(model(centred, training=False), tf.float32)

    return convert_variables_to_constants_v2(run.get_concrete_function())


def batch_size(size, precision, available=None):
    """Return how many pictures to compute at once: what a quarter of the free memory holds.

    A 224 x 224 picture needs about 10 MB a byte of precision between its layers. More than 8 in
    float32, 16 in bfloat16 and 32 in int8 were no faster on a processor; a GPU takes four times
    as many.
    """
    import psutil

    available = psutil.virtual_memory().available if available is None else available
    width = {"float32": 4, "bfloat16": 2, "int8": 1}[precision]
    fitting = available / 4 / (10e6 * width * (size / 224) ** 2)
    most = 32 // width * (4 if precision != "int8" and has_gpu() else 1)
    return int(np.clip(2 ** int(np.log2(max(fitting, 1))), 1, most))
