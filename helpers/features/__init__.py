"""Notebook 02: a picture becomes an embedding, 512 numbers of unit length.

In go `Picture`s (or any picture file), out come `Vectors`: (n, 512) float32, unit norm, in the
pictures' order, with the name of the extractor that made them. `vgg16` puts together what the
other modules do: weights, networks in three precisions, pooling, and a store that survives
interruptions. `keras_network` does the same with any other network of Keras.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    extractor=("ExtractionInterrupted", "Extractor", "Vectors"),
    keras_network=("KerasNetwork",),
    runtime=("FeaturesError",),
    vector_store=("StoreError",),
    vgg16=("VGG16", "load_vectors"),
    weights=("WeightsError",),
)
