"""Notebook 01: which pictures we work on, and what their annotations say.

In goes `BOOTCAMP_DATASET`, out comes a `Dataset`: a name, a sentence that says why this one, a
list of `Picture(id, path, labels, boxes)`, and a ledger of every file that could not be used.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    loader=("Dataset", "load"),
    pictures=("Box", "DatasetError", "Ledger", "Picture", "PictureError", "open_picture"),
)
