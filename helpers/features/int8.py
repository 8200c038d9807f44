"""VGG16 in 8 bits: what range each layer's answers have on real pictures, and a file made of it.

TFLite's full-integer quantisation (Jacob et al. 2018): weights and answers become 8-bit integers
with a scale each, found by showing the float32 network 64 pictures of the data set. That takes
half a minute once; the file is kept under a digest of all that went into it.
"""

import hashlib
import io
import os
import warnings
from contextlib import redirect_stdout

import numpy as np
from tqdm.auto import tqdm

from helpers.features import weights
from helpers.features.networks import convolutions
from helpers.features.preprocess import MEAN_BGR
from helpers.features.runtime import PrecisionError, silence_stderr, tensorflow

COUNT = 64


def calibrated(pictures, size, settings, progress=True):
    """Return `(digest, path)` of the 8-bit model for `pictures`, (64, size, size, 3) uint8 RGB.

    It is made when it is not there yet, with a progress bar.
    """
    if not len(pictures):
        raise PrecisionError(
            "int8 needs pictures to learn the network's ranges from, and there are none. "
            "Hand some over, as in VGG16(precision='int8', pictures=data.pictures)."
        )
    made_of = f"{weights.SHA256} {size} {tensorflow().__version__}".encode()
    digest = hashlib.sha256(made_of + np.ascontiguousarray(pictures).tobytes()).hexdigest()[:16]
    path = cached(digest, settings)
    if not path.exists():
        raw = convert(pictures, size, settings, progress)
        temporary = path.with_suffix(f".part-{os.getpid()}")
        temporary.write_bytes(raw)
        temporary.replace(path)
    return digest, path


def cached(digest, settings):
    """Return where the 8-bit model of that digest is kept."""
    return settings.data / "weights" / f"vgg16-int8-{digest}.tflite"


def chosen(pictures, count=COUNT):
    """Return `count` of `pictures`, spread evenly over the data set; the same ones every time."""
    step = max(1, len(pictures) / count)
    return [pictures[int(place * step)] for place in range(min(count, len(pictures)))]


def convert(pictures, size, settings, progress=True):
    """Return the 8-bit model's bytes; its input and its answers are int8 too."""
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(convolutions(size, "float32", settings))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with silence_stderr(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tqdm(total=len(pictures), desc="calibrating int8", disable=not progress) as bar:
            converter.representative_dataset = lambda: _shown(pictures, bar)
            return converter.convert()


def _shown(pictures, bar):
    """Yield each picture as the float network takes it, moving the bar."""
    for picture in pictures:
        yield [(picture[..., ::-1].astype(np.float32) - MEAN_BGR)[None]]
        bar.update()
