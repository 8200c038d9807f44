"""Pictures as VGG16 was trained on them: a square in blue, green, red, the mean pixel taken away."""

import numpy as np
from PIL import Image

MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
"""ImageNet's mean pixel in blue, green and red; VGG16 was trained on what is left without it."""


def preprocess(image, size=224):
    """Return a PIL image as VGG16 was trained on them: (size, size, 3) float32, BGR, centred.

    Values lie between -123.68 and 151.061, as `keras.applications.vgg16.preprocess_input` gives.
    """
    rgb = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb, np.float32)[:, :, ::-1] - MEAN_BGR
