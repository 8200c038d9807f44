"""A picture becomes 512 numbers: VGG16's last convolution, pooled, at length one.

`preprocess`, the network and `max` pooling stand in the open in notebook 02; this is the same
thing made fast, resumable and honest about how it was made: the name, such as
`vgg16-conv5-max-224`, says network, layer, pooling and input size, and vectors of different names
are never mixed.
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from helpers import precision as _precision
from helpers import settings as _settings
from helpers import weights
from helpers.errors import PlainError
from helpers.pictures import Ledger, PictureError, open_picture
from helpers.pooling import POOLINGS, unit
from helpers.precision import BATCH, MEAN_BGR
from helpers.store import Row, Store, digest, read_manifest, stat


class FeaturesError(PlainError, ValueError):
    """An extractor that cannot be made as asked, or vectors that are not there."""


class Stopped(PlainError, KeyboardInterrupt):
    """The learner interrupted an extraction; what was done is kept."""


@dataclass(frozen=True)
class Vectors:
    """What an extractor made: `values` (n, 512) float32, unit norm, a row for each of `ids`.

    `name` is the extractor's; `ledger` says which pictures could not be read.
    """

    ids: list[str]
    values: np.ndarray
    name: str
    ledger: Ledger = field(default_factory=Ledger)


class VGG16:
    """VGG16 without its classifier, from any picture to (512,) float32 of length one.

    `pooling` is "max", "avg", "gem" or "rmac"; `precision` is "float32", "bfloat16", "int8" or
    "auto"; `size` is the side in pixels that a picture is squeezed to.
    Raises FeaturesError for any other, and WeightsError when the weights cannot be had.
    """

    dim = 512

    def __init__(self, pooling="max", precision="float32", size=224, settings=None):
        """Load the weights and run one batch, so that the first picture is as fast as the last."""
        if pooling not in POOLINGS:
            raise FeaturesError(
                f"There is no pooling {pooling!r}. Use one of {', '.join(POOLINGS)}."
            )
        self.pooling, self.precision, self.size = pooling, precision, size
        self.settings = settings or _settings.from_environment()
        self.network = _precision.FloatNetwork(size, precision, self.settings)
        for count in (1, BATCH):
            self.network(np.zeros((count, size, size, 3), np.uint8))

    @property
    def name(self):
        """How the vectors are made, such as "vgg16-conv5-max-224" or "vgg16-conv5-avg-224-int8"."""
        short = f"vgg16-conv5-{self.pooling}-{self.size}"
        return short if self.precision == "float32" else f"{short}-{self.precision}"

    def embed(self, source):
        """Return the vector of one picture (path, bytes or PIL image), (512,) float32, unit norm.

        Raises PictureError when it cannot be read.
        """
        return self.pool(self.maps(source)[None])[0]

    def maps(self, source):
        """Return what the last convolution answers, (size/16, size/16, 512) float32, >= 0."""
        return self.network(pixels(source, self.size)[None])[0]

    def pool(self, maps):
        """Return (n, 512) float32 of unit norm from maps (n, h, w, 512)."""
        return unit(POOLINGS[self.pooling](maps))

    def extract(self, pictures, dataset_name, progress=True):
        """Return the Vectors of `pictures`, in their order; only what is not on disk is made.

        A picture that cannot be read goes to the ledger. Interrupting raises Stopped and keeps
        what was done; the next call goes on from there. Memory stays the same for any number.
        """
        store = Store(folder(dataset_name, self.name, self.settings), self.how())
        todo = [picture for picture in pictures if not store.done(picture)]
        already = len(pictures) - len(todo)
        if progress and already:
            print(f"{self.name}: {already} of {len(pictures)} pictures were already done.")
        ledger = Ledger()
        bar = tqdm(total=len(pictures), initial=already, desc=self.name, disable=not progress)
        with self._kept(bar, store), bar:
            for batch in batches(self._read(todo)):
                self._add(batch, store, ledger)
                bar.update(len(batch))
        ids = [picture.id for picture in pictures if picture.id in store.place]
        store.finish(ids, [(entry.path, entry.reason) for entry in ledger.entries])
        return Vectors(ids, store.vectors(ids), self.name, ledger)

    def how(self):
        """Return what must be the same for two vectors to be comparable."""
        return {"extractor": self.name, "weights": weights.SHA256, "dim": self.dim}

    def _add(self, batch, store, ledger):
        """Embed a batch of `(picture, row, pixels)` into the store; no row means unreadable."""
        good = [(row, image) for _, row, image in batch if row]
        for picture, row, reason in batch:
            if not row:
                ledger.add(picture.path, reason)
        if good:
            rows, images = zip(*good, strict=True)
            store.append(list(rows), self.pool(self.network(np.stack(images))))

    def _read(self, pictures):
        """Yield `(picture, row, pixels)` in order, read ahead while the network works."""
        return ahead(lambda picture: read(picture, self.size), pictures, 2 * BATCH)

    @contextmanager
    def _kept(self, bar, store):
        """Turn an interruption into a sentence."""
        try:
            yield
        except KeyboardInterrupt:
            raise Stopped(
                f"Stopped with {len(store.place)} of {bar.total} pictures done; they are kept. "
                "Run it again to go on from there."
            ) from None


def preprocess(image, size=224):
    """Return `image` as VGG16 was trained on them: (size, size, 3) float32, BGR, mean subtracted.

    Values lie between -123.68 and 151.061, as `keras.applications.vgg16.preprocess_input` gives.
    """
    rgb = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb, np.float32)[:, :, ::-1] - MEAN_BGR


def pixels(source, size=224):
    """Return any picture as (size, size, 3) uint8 RGB; raises PictureError when unreadable."""
    image = open_picture(source, (size, size))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def read(picture, size):
    """Return `(picture, Row, pixels)`, or `(picture, None, reason)` when it cannot be read."""
    try:
        found = stat(picture.path)
        raw = Path(picture.path).read_bytes()
        row = Row(picture.id, os.fspath(picture.path), *found, digest(raw))
        return picture, row, pixels(raw, size)
    except (PictureError, OSError, TypeError) as error:
        return picture, None, str(error)


def load_vectors(dataset_name, extractor_name, settings=None):
    """Return the Vectors that `extract` left on disk; no TensorFlow is needed.

    Raises FeaturesError when there are none, StoreError when they were made another way.
    """
    place = folder(dataset_name, extractor_name, settings or _settings.from_environment())
    manifest = read_manifest(place)
    if not manifest:
        raise FeaturesError(
            f"There are no vectors {extractor_name!r} of {dataset_name!r}. "
            "Run notebook 02 first, which makes them."
        )
    how = {"extractor": extractor_name, "weights": weights.SHA256, "dim": manifest["dim"]}
    store, ledger = Store(place, how), Ledger()
    for path, reason in manifest.get("skipped", []):
        ledger.add(path, reason)
    return Vectors(list(store.place), store.vectors(), extractor_name, ledger)


def folder(dataset_name, extractor_name, settings):
    """Return where the vectors of a data set made by an extractor are kept."""
    return settings.data / "vectors" / dataset_name / extractor_name


def ahead(work, items, window):
    """Yield `work(item)` in order, done by a thread a core, at most `window` items ahead."""
    items = iter(items)
    with ThreadPoolExecutor(os.cpu_count(), "reader") as threads:
        waiting = deque(threads.submit(work, item) for item in islice(items, window))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(threads.submit(work, item) for item in islice(items, 1))


def batches(items, count=BATCH):
    """Yield lists of `count` items, the last one perhaps shorter."""
    items = iter(items)
    while batch := list(islice(items, count)):
        yield batch
