"""Any picture as VGG16 takes it: a square (or not), blue first, the mean pixel subtracted.

Notebook 02 does this step by step for a square, as VGG16 was trained on; notebook 05 compares that
with pictures that keep their shape. Everything that feeds a network uses these functions.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.dataset.pictures import PictureSource, open_picture

MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
"""ImageNet's mean pixel in blue, green and red; VGG16 was trained on the difference from it."""


def load_square(source: PictureSource, size: int) -> NDArray[np.uint8]:
    """Return a picture squashed to a square, (size, size, 3) uint8 RGB, whatever its shape.

    A JPEG far larger than that is decoded at a half, a quarter or an eighth of its size, as long as
    twice `size` is left: measured to keep the embedding's cosine above 0.999.
    Raises PictureError when the picture can't be read.
    """
    image = open_picture(source, (2 * size, 2 * size))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR))


STRIDE = 16
"""Pixels between two neighbours of the last convolution's map."""


def load_shaped(source: PictureSource, size: int) -> NDArray[np.uint8]:
    """Return a picture with its longer side `size` pixels long, (h, w, 3) uint8 RGB.

    The aspect ratio is kept as far as sides in steps of 16 pixels allow, and no side is shorter
    than 32. Decoded as `load_square` does. Raises PictureError when the picture can't be read.
    """
    image = open_picture(source, (2 * size, 2 * size))
    scale = size / max(image.size) / STRIDE
    sides = (STRIDE * max(2, round(side * scale)) for side in image.size)
    return np.array(image.resize(tuple(sides), Image.Resampling.BILINEAR))


def centre(rgb):
    """Return RGB pixels (..., 3) as BGR minus ImageNet's mean pixel, float32.

    `rgb` is a uint8 or float32 array, or a float32 tensor inside a TensorFlow graph. Values are
    those of `keras.applications.vgg16.preprocess_input`, between -123.68 and 151.061.
    """
    return rgb[..., ::-1] - MEAN_BGR
