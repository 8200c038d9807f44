"""Any picture as VGG16 was trained on it: a square, blue first, the mean pixel subtracted.

Notebook 02 does this step by step; everything that feeds a network uses these two functions.
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


def centre(rgb):
    """Return RGB pixels (..., 3) as BGR minus ImageNet's mean pixel, float32.

    `rgb` is a uint8 or float32 array, or a float32 tensor inside a TensorFlow graph. Values are
    those of `keras.applications.vgg16.preprocess_input`, between -123.68 and 151.061.
    """
    return rgb[..., ::-1] - MEAN_BGR
