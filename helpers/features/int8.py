"""VGG16 in 8 bits: calibrated on real pictures, converted to a file, and run from it.

TFLite's full-integer quantisation (Jacob et al. 2018; https://arxiv.org/abs/1712.05877): weights
and activations become 8-bit integers with a scale each, found by showing the float32 network 64
pictures of the data set. That takes half a minute once; the file is kept under a digest of all that
went into it.
"""

import hashlib
import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from queue import SimpleQueue

import numpy as np
from tqdm.auto import tqdm

from helpers.features import weights
from helpers.features.networks import batch_size, convolutions
from helpers.features.preprocess import centre
from helpers.features.runtime import FeaturesError, silence_stderr, tensorflow
from helpers.files import atomic_write


class Int8Network:
    """The network with 8-bit weights and activations, one TFLite interpreter per core.

    Each core works on a picture of its own: they never wait for each other, and a picture's
    activations fit its core's cache. A single picture is shared by all cores instead.
    """

    def __init__(self, file, size, calibration):
        self.calibration, self.batch = calibration, batch_size(size, "int8")
        cores = os.cpu_count()
        self.threads = ThreadPoolExecutor(cores, "int8")
        self.single_core, self.all_cores = SimpleQueue(), SimpleQueue()
        for _ in range(cores):
            self.single_core.put(_interpreter(file, threads=1))
        self.all_cores.put(_interpreter(file, threads=cores))

    def __call__(self, pictures):
        """Return the pictures' activations, as networks.py says."""
        if len(pictures) == 1:
            return _run(self.all_cores, pictures[0])[None]
        return np.stack(list(self.threads.map(lambda one: _run(self.single_core, one), pictures)))


def calibration_sample(pictures, count=64):
    """Return `count` of `pictures`, spread evenly over the data set; the same ones every time."""
    step = max(1, len(pictures) / count)
    return [pictures[int(number * step)] for number in range(min(count, len(pictures)))]


def quantised_model(pixels, size, settings, progress=True):
    """Return `(digest, path)` of the 8-bit model calibrated on `pixels`, (n, size, size, 3) uint8.

    It is made when it isn't there yet, with a progress bar. Raises FeaturesError without pictures.
    """
    if not len(pixels):
        raise FeaturesError(
            "int8 needs pictures to calibrate the network with, and there are none. "
            "Pass some, as in VGG16(precision='int8', pictures=data.pictures)."
        )
    made_of = f"{weights.SHA256} {size} {tensorflow().__version__}".encode()
    digest = hashlib.sha256(made_of + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]
    path = model_path(digest, settings)
    if not path.exists():
        content = _convert(pixels, size, settings, progress)
        with atomic_write(path) as file:
            file.write(content)
    return digest, path


def model_path(digest, settings):
    """Return where the 8-bit model with that digest is kept."""
    return settings.data / "weights" / f"vgg16-int8-{digest}.tflite"


def to_int8(picture, scale, zero):
    """Return (size, size, 3) uint8 RGB as the centred BGR that the 8-bit network takes, int8."""
    return np.clip(np.round(centre(picture) / scale) + zero, -128, 127).astype(np.int8)


def _run(interpreters, picture):
    """Return one picture's activations from whichever of the queue's interpreters is free."""
    model = interpreters.get()
    try:
        (entry,), (output,) = model.get_input_details(), model.get_output_details()
        model.set_tensor(entry["index"], to_int8(picture, *entry["quantization"])[None])
        model.invoke()
        scale, zero = output["quantization"]
        return (model.get_tensor(output["index"])[0] - np.float32(zero)) * np.float32(scale)
    finally:
        interpreters.put(model)


def _interpreter(file, threads):
    lite = tensorflow().lite
    # The warning is that it will move to a package of its own one day.
    with warnings.catch_warnings(action="ignore"), silence_stderr():
        interpreter = lite.Interpreter(str(file), num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter


def _convert(pixels, size, settings, progress):
    """Return the 8-bit model's bytes; its input and its activations are int8 too."""
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(convolutions(size, "float32", settings))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with silence_stderr(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown = tqdm(pixels, desc="calibrating int8", disable=not progress)
        converter.representative_dataset = lambda: ([centre(picture)[None]] for picture in shown)
        return converter.convert()
