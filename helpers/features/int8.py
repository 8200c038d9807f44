"""VGG16 in 8 bits: quantised once per computer, kept as a file, and run from it.

TFLite's full-integer quantisation (Jacob et al. 2018; https://arxiv.org/abs/1712.05877): weights
and activations become 8-bit integers with a scale each. The activations' scales are usually found
by showing the network pictures of the data set. These are fixed instead: photographs and drawings
were measured to have nearly the same ranges, so one network serves all data sets, their vectors can
be compared, and converting takes seconds rather than half a minute for each.
"""

import hashlib
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from queue import SimpleQueue

import numpy as np

from helpers.features import weights
from helpers.features.networks import batch_size, convolutions
from helpers.features.preprocess import centre
from helpers.features.runtime import FeaturesError, silence_stderr, tensorflow
from helpers.files import atomic_write
from helpers.settings import ROOT

LARGEST = (790, 3650, 6700, 11500, 16000, 15200, 18000, 12700, 6900, 4100, 2700, 920, 460)
"""What each convolution's activations are clipped to, input first: about the largest that it had in
two hundred photographs of PASCAL VOC and drawings of ours. Others would make other vectors."""

RANGES = hashlib.sha256(str(LARGEST).encode()).hexdigest()[:16]
"""A digest of LARGEST; it is kept beside the vectors, because it is part of how they were made."""


class Int8Network:
    """The network with 8-bit weights and activations, one TFLite interpreter per core.

    Each core works on a picture of its own: they never wait for each other, and a picture's
    activations fit its core's cache. A single picture is shared by all cores instead.
    """

    def __init__(self, size, settings):
        self.batch, model = batch_size(size, "int8"), quantised_model(settings)
        cores = os.cpu_count()
        self.threads = ThreadPoolExecutor(cores, "int8")
        self.single_core, self.all_cores = SimpleQueue(), SimpleQueue()
        for _ in range(cores):
            self.single_core.put(_interpreter(model, threads=1))
        self.all_cores.put(_interpreter(model, threads=cores))

    def __call__(self, pictures):
        """Return the pictures' activations, as networks.py says."""
        if len(pictures) == 1:
            return [_run(self.all_cores, pictures[0])]
        return list(self.threads.map(lambda one: _run(self.single_core, one), pictures))


def quantised_model(settings):
    """Return the bytes of the 8-bit model; it is made where there is no whole file of it yet."""
    made_of = f"{weights.SHA256} {tensorflow().__version__} {LARGEST}"
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    path = settings.data / "weights" / f"vgg16-int8-{digest}.tflite"
    kept = path.read_bytes() if path.exists() else b""
    if kept[-32:] == hashlib.sha256(kept[:-32]).digest():  # TensorFlow itself sees little damage
        return kept[:-32]
    model = _convert(settings)
    with suppress(OSError), atomic_write(path) as file:  # where it can't be kept, it still works
        file.write(model + hashlib.sha256(model).digest())
    return model


def to_int8(picture, scale, zero):
    """Return (h, w, 3) uint8 RGB as the centred BGR that the 8-bit network takes, int8."""
    return np.clip(np.round(centre(picture) / scale) + zero, -128, 127).astype(np.int8)


def _run(interpreters, picture):
    """Return one picture's activations from whichever of the queue's interpreters is free."""
    model = interpreters.get()
    try:
        entry, shape = model.get_input_details()[0], (1, *picture.shape)
        if tuple(entry["shape"]) != shape:  # some milliseconds, and only when the shape changes
            model.resize_tensor_input(entry["index"], shape)
            model.allocate_tensors()
        (output,) = model.get_output_details()
        model.set_tensor(entry["index"], to_int8(picture, *entry["quantization"])[None])
        model.invoke()
        scale, zero = output["quantization"]
        return (model.get_tensor(output["index"])[0] - np.float32(zero)) * np.float32(scale)
    finally:
        interpreters.put(model)


def _interpreter(model, threads):
    lite = tensorflow().lite
    # The warning is that it will move to a package of its own one day.
    with warnings.catch_warnings(action="ignore"), silence_stderr():
        interpreter = lite.Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter


def _convert(settings):
    """Return the 8-bit model's bytes, made in another process: it needs 1 GB, and never again."""
    weights.load(settings)  # here, because a failure has a message for the learner
    command = [sys.executable, "-c", "from helpers.features import int8; int8._converter()"]
    given = pickle.dumps(settings)
    done = subprocess.run(command, input=given, capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise FeaturesError(
            f"VGG16 couldn't be converted to 8 bits ({last[0] if last else done.returncode}). "
            "Close other programs and try again, or set BOOTCAMP_PRECISION=float32."
        )
    return done.stdout


def _converter():
    """Read what `_convert` gives and write the model, whose input and output are int8, too."""
    settings = pickle.load(sys.stdin.buffer)
    with redirect_stdout(sys.stderr):
        tf = tensorflow()
        graph = _rounded(convolutions(224, "float32", settings)).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        model = converter.convert()
    sys.stdout.buffer.write(model)


def _rounded(model):
    """Return `model` as a function that rounds weights and activations to 256 steps.

    The converter recognises these operations, and turns what is between them into integers.
    """
    tf = tensorflow()
    steps = tf.quantization
    lowest, highest = centre(np.zeros(3)).min(), centre(np.full(3, 255)).max()
    largest = dict(zip(weights.LAYERS, LARGEST, strict=True))
    arrays = {name: model.get_layer(name).get_weights() for name in largest}

    def convolved(x, name):
        kernel, bias = arrays[name]
        most = np.abs(kernel).max((0, 1, 2))  # every output channel has a scale of its own
        kernel = steps.fake_quant_with_min_max_vars_per_channel(
            tf.constant(kernel), -most, most, narrow_range=True
        )
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        return steps.fake_quant_with_min_max_args(x, 0, largest[name])

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)])
    def run(x):
        x = steps.fake_quant_with_min_max_args(x, lowest, highest)
        for layer in model.layers[1:]:
            x = convolved(x, layer.name) if layer.name in largest else layer(x)
        return x

    return run
