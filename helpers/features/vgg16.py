"""A picture becomes 512 numbers: VGG16's last convolution, pooled, at length one.

Notebook 02 shows preparation, network and `max` pooling step by step; this is the same thing
made fast, resumable and honest about how it was made: the name, such as `vgg16-conv5-max-224`,
says network, layer, pooling, input size and, unless it is float32, the precision. Vectors of
different names are never mixed.

Pooling costs next to nothing beside the network, so each picture is pooled in all of the ways at
once, and one extraction serves every pooling.
"""

import functools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.dataset.listing import Watch
from helpers.dataset.pictures import Ledger, Picture, PictureSource, Skipped
from helpers.errors import Plain
from helpers.features import int8, runtime, weights
from helpers.features.networks import FloatNetwork
from helpers.features.pooling import POOLINGS, l2_normalise
from helpers.features.prefetch import prefetch, read
from helpers.features.preprocess import load_shaped, load_square
from helpers.features.runtime import FeaturesError
from helpers.features.turns import Turns
from helpers.features.vector_store import Store, open_for_writing
from helpers.settings import Settings

LONG = 60
"""Seconds from which on an extraction is announced."""


class ExtractionInterrupted(Plain, KeyboardInterrupt):
    """The learner interrupted an extraction; what was done is kept."""


@dataclass(frozen=True)
class Vectors:
    """What an extractor made: `values` (n, 512) float32, unit norm, one row for each of `ids`.

    `name` is the extractor's; `ledger` says which pictures couldn't be read.
    """

    ids: list[str]
    values: NDArray[np.float32]
    name: str
    ledger: Ledger = field(default_factory=Ledger)


class VGG16:
    """VGG16 without its classifier: from any picture to (512,) float32 of length one.

    `pooling` is "max", "avg", "gem2", "gem" or "rmac"; `precision` is "float32", "bfloat16", "int8"
    or "auto", which follows BOOTCAMP_PRECISION or else takes the fastest for this processor, and
    says so; `size` is the side in pixels that a picture is squashed to or, with `keep_aspect`, the
    length of its longer side.
    Any number of threads may use it at once: they take turns at the network, and queries (`embed`,
    `embed_many`, `maps`) go before the batches of an extraction. Raises FeaturesError for anything
    else. The network is loaded when a picture first needs it, which raises WeightsError without
    weights; vectors that are on disk don't need it.
    """

    dim = 512

    def __init__(
        self,
        pooling: str = "max",
        precision: str = "auto",
        size: int = 224,
        settings: Settings | None = None,
        progress: bool = True,
        keep_aspect: bool = False,
    ):
        if pooling not in POOLINGS:
            known = ", ".join(POOLINGS)
            raise FeaturesError(f"There is no pooling {pooling!r}. Use one of {known}.")
        self.pooling, self.size, self.keep_aspect = pooling, size, keep_aspect
        self.settings = settings or _settings.from_environment()
        wanted = self.settings.precision if precision == "auto" else precision
        self.precision, why = runtime.choose(wanted)
        if precision == "auto":
            print(why)
        self.turns, self._loading, self._progress = Turns(), Lock(), progress

    @property
    def name(self) -> str:
        """How the vectors are made, such as "vgg16-conv5-max-224" or "vgg16-conv5-avg-224-int8"."""
        short = f"vgg16-conv5-{self.pooling}-{self.size}{'long' if self.keep_aspect else ''}"
        return short if self.precision == "float32" else f"{short}-{self.precision}"

    @functools.cached_property
    def network(self) -> FloatNetwork | int8.Int8Network:
        """The network, loaded and warmed up when it is first asked for."""
        with self._loading:
            try:
                if "network" not in self.__dict__:  # no other thread was faster
                    self.__dict__["network"] = self._warmed_up()
            except KeyboardInterrupt:
                told = "Stopped before VGG16 was ready. Run it again to load it."
                raise ExtractionInterrupted(told) from None
            return self.__dict__["network"]

    def load(self) -> "VGG16":
        """Load the network now, so that the first picture doesn't wait for it; return self."""
        _ = self.network
        return self

    def embed(self, source: PictureSource) -> NDArray[np.float32]:
        """Return the embedding of one picture, (512,) float32, unit norm.

        Raises PictureError when it can't be read.
        """
        return self.embed_many([source])[0]

    def embed_many(self, sources: Sequence[PictureSource]) -> NDArray[np.float32]:
        """Return the embeddings of several pictures, (n, 512) float32, unit norm, made together.

        Raises PictureError when one of them can't be read.
        """
        if not sources:
            return np.empty((0, self.dim), np.float32)
        maps = self._activations(sources)
        return np.concatenate([self.pool(each[None]) for each in maps])

    def pixels(self, source: PictureSource) -> NDArray[np.uint8]:
        """Return a picture as the network takes it, (h, w, 3) uint8 RGB.

        Giving this back, as an image, changes nothing more. Raises PictureError when it can't be
        read.
        """
        return (load_shaped if self.keep_aspect else load_square)(source, self.size)

    def maps(self, source: PictureSource) -> NDArray[np.float32]:
        """Return the last convolution's activations, (h/16, w/16, 512) float32, >= 0.

        Raises PictureError when it can't be read.
        """
        return self._activations([source])[0]

    def _activations(self, sources):
        """Return the activations of `sources`, before any batch of an extraction that waits."""
        network = self.network
        pixels, maps = [self.pixels(source) for source in sources], []
        for start in range(0, len(pixels), network.batch):
            with self.turns.turn(self.turns.queries):
                maps += network(pixels[start : start + network.batch])
        return maps

    def pool(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 512) float32 of unit norm from activations (n, h, w, 512)."""
        return l2_normalise(POOLINGS[self.pooling](maps))

    def extract(
        self,
        pictures: Sequence[Picture],
        dataset_name: str,
        progress: bool = True,
        watch: Watch | None = None,
    ) -> Vectors:
        """Return the Vectors of `pictures`, in their order; only what isn't on disk is computed.

        A picture that can't be read goes to the ledger. Interrupting raises ExtractionInterrupted
        and keeps what was done, as does whatever is raised by `watch`, which is told (done, total)
        before every batch; the next call continues from there. Memory doesn't grow with the number
        of pictures. Raises StoreError while another program extracts the same vectors.
        """
        folder = vectors_folder(dataset_name, self.name, self.settings)
        ranges = int8.RANGES if self.precision == "int8" else None
        with open_for_writing(folder, {**_provenance(self.name), "ranges": ranges}) as store:
            ledger = self._embed_missing(pictures, store, progress, watch)
            ids = [picture.id for picture in pictures if picture.id in store.row_of]
            store.compact(ids, [(entry.path, entry.reason) for entry in ledger.entries])
            return Vectors(ids, store.vectors(ids, _columns(self.name)), self.name, ledger)

    def _warmed_up(self):
        """Return the network after one picture and one batch, visibly; note what a picture took."""
        with tqdm(total=3, desc=f"warming up {self.name}", disable=not self._progress) as bar:
            if self.precision == "int8":
                network = int8.Int8Network(self.size, self.settings)
            else:
                square = not self.keep_aspect
                network = FloatNetwork(self.size, self.precision, self.settings, square)
            bar.update()
            for count in (1, network.batch):
                start = time.perf_counter()
                network(np.zeros((count, self.size, self.size, 3), np.uint8))
                self.seconds = (time.perf_counter() - start) / count
                bar.update()
        return network

    def _embed_missing(self, pictures, store, progress, watch):
        """Embed what the store doesn't have yet, batch by batch; return the ledger of failures."""
        todo, ledger = [picture for picture in pictures if not store.done(picture)], Ledger()
        total, done = len(pictures), len(pictures) - len(todo)
        if progress and done:
            print(f"{self.name}: {done:,} of {total:,} were already done.")
        if not todo:
            return ledger
        network = self.network
        if progress and len(todo) * self.seconds > LONG:
            print(_forecast(len(todo), len(todo) * self.seconds))
        bar = tqdm(total=total, initial=done, desc=self.name, disable=not progress)
        batches = prefetch(lambda one: read(one, self.pixels), todo, network.batch)
        try:
            # Ctrl-C strikes the main thread. In the middle of TensorFlow it comes out as an
            # unrelated SystemError, so each batch is computed and kept in a thread beside it.
            with bar, closing(batches), ThreadPoolExecutor(1, "network") as beside:
                for loaded in batches:
                    if watch:
                        watch(done, total)
                    beside.submit(self._embed_batch, network, loaded, store, ledger).result()
                    done += len(loaded)
                    bar.update(len(loaded))
        except KeyboardInterrupt:
            kept = sum(picture.id in store.row_of for picture in pictures)
            raise ExtractionInterrupted(
                f"Stopped with {kept:,} of {total:,} pictures done; they are kept. "
                "Run it again to continue from there."
            ) from None
        return ledger

    def _embed_batch(self, network, loaded, store, ledger):
        """Embed a batch of what `read` returned into the store; note what is unreadable."""
        for picture, fingerprint, reason in loaded:
            if not fingerprint:
                ledger.add(picture.path, reason)
        good = [(fingerprint, pixels) for _, fingerprint, pixels in loaded if fingerprint]
        if good:
            fingerprints, pixels = zip(*good, strict=True)
            with self.turns.turn(self.turns.batches):
                maps = network(pixels)
            store.append(fingerprints, np.stack([_every_pooling(each) for each in maps]))


def load_vectors(
    dataset_name: str, extractor_name: str, settings: Settings | None = None
) -> Vectors:
    """Return the Vectors that `extract` left on disk; TensorFlow isn't needed.

    Raises FeaturesError when there are none, StoreError when they were made in another way.
    """
    columns = _columns(extractor_name)
    folder = vectors_folder(dataset_name, extractor_name, settings or _settings.from_environment())
    store = Store(folder, _provenance(extractor_name))
    ids = list(store.row_of)
    if not ids:
        raise FeaturesError(
            f"There are no vectors {extractor_name!r} of {dataset_name!r}. "
            "Run notebook 02 first, which makes them."
        )
    ledger = Ledger([Skipped(path, reason) for path, reason in store.manifest.get("skipped", [])])
    return Vectors(ids, store.vectors(ids, columns), extractor_name, ledger)


def vectors_folder(dataset_name: str, extractor_name: str, settings: Settings) -> Path:
    """Return where the vectors of a data set made by an extractor are kept, of every pooling."""
    return settings.data / "vectors" / dataset_name / _without_pooling(extractor_name)


def _forecast(count, seconds):
    """Return how long `count` pictures will take, and what to do for whom that is too long."""
    time = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    return (
        f"{count:,} pictures will take about {time} on this computer. You can interrupt at any "
        "moment; what is done is kept. To begin with fewer, set BOOTCAMP_DATASET to voc:500, or to "
        "a folder of fewer pictures."
    )


def _provenance(extractor_name):
    return {
        "extractor": _without_pooling(extractor_name),
        "weights": weights.SHA256,
        "poolings": [*POOLINGS],
        "dim": VGG16.dim * len(POOLINGS),
    }


def _without_pooling(extractor_name):
    network, layer, _pooling, *rest = extractor_name.split("-")
    return "-".join((network, layer, *rest))


def _every_pooling(maps):
    """Return a picture's map pooled in every way, each at length one, side by side."""
    return np.concatenate([l2_normalise(pool(maps[None]))[0] for pool in POOLINGS.values()])


def _columns(extractor_name):
    """Return which columns of a store hold the vectors of an extractor's pooling."""
    pooling = "".join(extractor_name.split("-")[2:3])
    if pooling not in POOLINGS:
        raise FeaturesError(
            f"{extractor_name!r} isn't an extractor's name. Give one such as 'vgg16-conv5-max-224'."
        )
    place = [*POOLINGS].index(pooling)
    return slice(place * VGG16.dim, (place + 1) * VGG16.dim)
