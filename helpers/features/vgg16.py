"""A picture becomes 512 numbers: VGG16's last convolution, pooled, at length one.

`preprocess`, the network and `max` pooling stand in the open in notebook 02; this is the same
thing made fast, resumable and honest about how it was made: the name, such as
`vgg16-conv5-max-224`, says network, layer, pooling, input size and, unless it is float32, the
precision. Vectors of different names are never mixed.
"""

from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.dataset.pictures import Ledger
from helpers.errors import PlainError
from helpers.features import int8, weights
from helpers.features import runtime as _precision
from helpers.features.networks import FloatNetwork, Int8Network
from helpers.features.pooling import POOLINGS, unit
from helpers.features.prefetch import batches, pixels, prefetch, read
from helpers.features.runtime import PrecisionError
from helpers.features.vector_store import Store, StoreError, read_manifest


class FeaturesError(PlainError, ValueError):
    """An extractor that cannot be made as asked, or vectors that are not there."""


class ExtractionInterrupted(PlainError, KeyboardInterrupt):
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

    def insist(self, name):
        """Return self when made by the extractor `name`; raises StoreError naming both if not."""
        if self.name != name:
            raise StoreError(
                f"These vectors were made by {self.name!r}, and {name!r} was asked for. "
                "Vectors made in two ways cannot be compared: use one extractor for both."
            )
        return self


class VGG16:
    """VGG16 without its classifier, from any picture to (512,) float32 of length one.

    `pooling` is "max", "avg", "gem" or "rmac"; `precision` is "float32", "bfloat16", "int8" or
    "auto", which chooses for this processor and the number of `pictures` and says so; `size` is
    the side in pixels that a picture is squeezed to. For int8, 64 of `pictures` teach the network
    its ranges; without them the first `extract` does it.
    Raises FeaturesError or PrecisionError for anything else, and WeightsError without weights.
    """

    dim = 512

    def __init__(
        self,
        pooling="max",
        precision="float32",
        size=224,
        settings=None,
        pictures=None,
        progress=True,
    ):
        """Build the network and run it once, so that the first picture is as fast as the last."""
        if pooling not in POOLINGS:
            known = ", ".join(POOLINGS)
            raise FeaturesError(f"There is no pooling {pooling!r}. Use one of {known}.")
        if precision == "auto":
            precision, why = _precision.choose(len(pictures or ()))
            print(why)
        self.pooling, self.precision = pooling, _precision.check(precision)
        self.size, self.settings = size, settings or _settings.from_environment()
        self.network = self.calibration = None
        if precision != "int8":
            self._warm_up(lambda: FloatNetwork(size, precision, self.settings), progress)
        elif pictures:
            self.calibrate(pictures, progress)

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
        if self.network is None:
            raise PrecisionError(
                "The int8 network has not learned its ranges yet. Make it with some pictures, "
                "VGG16(precision='int8', pictures=data.pictures), or call extract first."
            )
        return self.network(pixels(source, self.size)[None])[0]

    def pool(self, maps):
        """Return (n, 512) float32 of unit norm from maps (n, h, w, 512)."""
        return unit(POOLINGS[self.pooling](maps))

    def extract(self, pictures, dataset_name, progress=True):
        """Return the Vectors of `pictures`, in their order; only what is not on disk is made.

        A picture that cannot be read goes to the ledger. Interrupting raises ExtractionInterrupted and keeps
        what was done; the next call goes on from there. Memory stays the same for any number.
        """
        place = folder(dataset_name, self.name, self.settings)
        if self.precision == "int8":
            self._learn_ranges(pictures, read_manifest(place), progress)
        with Store(place, self.provenance()) as store:
            todo = [picture for picture in pictures if not store.done(picture)]
            already = len(pictures) - len(todo)
            if progress and already:
                print(f"{self.name}: {already:,} of {len(pictures):,} were already done.")
            ledger = self._work(todo, store, already, progress)
            ids = [picture.id for picture in pictures if picture.id in store.place]
            store.compact(ids, [(entry.path, entry.reason) for entry in ledger.entries])
            return Vectors(ids, store.vectors(ids), self.name, ledger)

    def provenance(self):
        """Return what must be the same for two vectors to be comparable."""
        same = {"extractor": self.name, "weights": weights.SHA256, "dim": self.dim}
        return {**same, "calibration": self.calibration} if self.calibration else same

    def calibrate(self, pictures, progress=True):
        """Make the int8 network with ranges learned from 64 of `pictures`; once a data set."""
        some = [read(picture, self.size) for picture in int8.chosen(pictures)]
        images = [image for _, row, image in some if row]
        digest, file = int8.calibrated(images, self.size, self.settings, progress)
        self._use(digest, file, progress)

    def _learn_ranges(self, pictures, manifest, progress):
        """Use the ranges that the vectors on disk were made with; learn new ones for new data."""
        before = (manifest or {}).get("calibration")
        file = int8.cached(before, self.settings)
        if before and file.exists():
            if before != self.calibration:
                self._use(before, file, progress)
        elif self.network is None:
            self.calibrate(pictures, progress)

    def _use(self, digest, file, progress):
        """Load the int8 network in `file`."""
        self._warm_up(lambda: Int8Network(file, self.size), progress)
        self.calibration = digest

    def _warm_up(self, make, progress):
        """Make the network and run one picture and one batch through it, visibly."""
        with tqdm(total=3, desc=f"warming up {self.name}", disable=not progress) as bar:
            self.network = make()
            bar.update()
            for count in (1, self.network.batch):
                self.network(np.zeros((count, self.size, self.size, 3), np.uint8))
                bar.update()

    def _work(self, todo, store, already, progress):
        """Embed `todo` into the store, batch by batch; return the ledger of what failed."""
        total, ledger, batch = already + len(todo), Ledger(), self.network.batch
        done = already
        bar = tqdm(total=total, initial=already, desc=self.name, disable=not progress)
        ready = prefetch(lambda picture: read(picture, self.size), todo, 2 * batch)
        try:
            for some in batches(ready, batch):
                self._add(some, store, ledger)
                done += len(some)
                bar.update(len(some))
        except KeyboardInterrupt:
            raise ExtractionInterrupted(
                f"Stopped with {done:,} of {total:,} pictures done; they are kept. "
                "Run it again to go on from there."
            ) from None
        finally:
            ready.close()
            bar.close()
        return ledger

    def _add(self, some, store, ledger):
        """Embed a batch of `(picture, row, pixels)` into the store; no row means unreadable."""
        for picture, row, reason in some:
            if not row:
                ledger.add(picture.path, reason)
                store.forget(picture.id)
        good = [(row, image) for _, row, image in some if row]
        if good:
            rows, images = zip(*good, strict=True)
            store.append(list(rows), self.pool(self.network(np.stack(images))))


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
    provenance = {"extractor": extractor_name, "weights": weights.SHA256, "dim": manifest["dim"]}
    ledger = Ledger()
    for path, reason in manifest.get("skipped", []):
        ledger.add(path, reason)
    store = Store(place, provenance, writing=False)
    return Vectors(list(store.place), store.vectors(), extractor_name, ledger)


def folder(dataset_name, extractor_name, settings):
    """Return where the vectors of a data set made by an extractor are kept."""
    return settings.data / "vectors" / dataset_name / extractor_name
