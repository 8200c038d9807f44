"""What every extractor does: pictures in, vectors out, kept while they are made, never mixed.

VGG16 is one, and so is any other Keras network (`keras_network`); the engine, the index and the
tuning ask nothing more of an extractor than what is here.
"""

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.dataset.listing import Watch
from helpers.dataset.pictures import Ledger, Picture, PictureSource
from helpers.errors import Plain
from helpers.features.pooling import l2_normalise
from helpers.features.prefetch import prefetch, read
from helpers.features.turns import Turns
from helpers.features.vector_store import Store, open_for_writing
from helpers.settings import Settings

LONG = 60
"""Seconds from which on an extraction is announced."""


class ExtractionInterrupted(Plain, KeyboardInterrupt):
    """The learner interrupted an extraction; what was done is kept."""


@dataclass(frozen=True)
class Vectors:
    """What an extractor made: `values` (n, dim) float32, unit norm, one row for each of `ids`.

    `name` is the extractor's; `ledger` says which pictures couldn't be read.
    """

    ids: list[str]
    values: NDArray[np.float32]
    name: str
    ledger: Ledger = field(default_factory=Ledger)


class Extractor(ABC):
    """From any picture to (dim,) float32 of length one.

    A subclass gives it a `name` that says how the vectors are made, the `dim` of a vector, the
    `size` in pixels, `pixels`, `_open` and, if there is more to an output than its length, `pool`.
    Any number of threads may use it at once: they take turns at the network, and queries go before
    the batches of an extraction. The network is loaded when a picture first needs it; vectors that
    are on disk don't need it.
    """

    name: str
    dim: int
    size: int

    def __init__(self, settings: Settings | None = None, progress: bool = True):
        self.settings = settings or _settings.from_environment()
        self.turns, self._loading, self._progress = Turns(), Lock(), progress

    @abstractmethod
    def pixels(self, source: PictureSource) -> NDArray[np.uint8]:
        """Return a picture as the network takes it, (h, w, 3) uint8 RGB; raises PictureError."""

    @abstractmethod
    def _open(self) -> Any:
        """Return the network: it takes at most its `batch` of pictures, and returns a list."""

    def pool(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, dim) float32 of unit norm from the network's outputs (n, …)."""
        return l2_normalise(outputs)

    def folder(self, dataset_name: str) -> Path:
        """Return where the vectors of a data set are kept."""
        return self.settings.data / "vectors" / dataset_name / self.name

    def provenance(self) -> Mapping[str, object]:
        """Return what vectors on disk must have been made with; `dim` is the length of a row."""
        return {"extractor": self.name, "dim": self.dim}

    def row(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is kept of one output, (`provenance`'s dim,)."""
        return self.pool(output[None])[0]

    def columns(self) -> slice:
        """Return which columns of a kept row are this extractor's vector."""
        return slice(None)

    @functools.cached_property
    def network(self) -> Any:
        """The network, loaded and warmed up when it is first asked for."""
        with self._loading:
            try:
                if "network" not in self.__dict__:  # no other thread was faster
                    self.__dict__["network"] = self._warmed_up()
            except KeyboardInterrupt:
                told = "Stopped before the network was ready. Run it again to load it."
                raise ExtractionInterrupted(told) from None
            return self.__dict__["network"]

    def load(self) -> Self:
        """Load the network now, so that the first picture doesn't wait for it; return self."""
        _ = self.network
        return self

    def embed(self, source: PictureSource) -> NDArray[np.float32]:
        """Return the embedding of one picture, (dim,) float32, unit norm.

        Raises PictureError when it can't be read.
        """
        return self.embed_many([source])[0]

    def embed_many(self, sources: Sequence[PictureSource]) -> NDArray[np.float32]:
        """Return the embeddings of several pictures, (n, dim) float32, unit norm, made together.

        Raises PictureError when one of them can't be read.
        """
        if not sources:
            return np.empty((0, self.dim), np.float32)
        return np.concatenate([self.pool(each[None]) for each in self._outputs(sources)])

    def _outputs(self, sources):
        """Return the outputs for `sources`, before any batch of an extraction that waits."""
        network = self.network
        pixels, outputs = [self.pixels(source) for source in sources], []
        for start in range(0, len(pixels), network.batch):
            with self.turns.turn(self.turns.queries):
                outputs += network(pixels[start : start + network.batch])
        return outputs

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
        with open_for_writing(self.folder(dataset_name), self.provenance()) as store:
            ledger = self._embed_missing(pictures, store, progress, watch)
            return self.gathered(pictures, store, ledger)

    def gathered(self, pictures: Sequence[Picture], store: Store, ledger: Ledger) -> Vectors:
        """Return the Vectors of `pictures` that are in the store, after putting it in order."""
        ids = [picture.id for picture in pictures if picture.id in store.row_of]
        store.compact(ids, [(entry.path, entry.reason) for entry in ledger.entries])
        return Vectors(ids, store.vectors(ids, self.columns()), self.name, ledger)

    def _warmed_up(self):
        """Return the network after one picture and one batch, visibly; note what a picture took."""
        with tqdm(total=3, desc=f"warming up {self.name}", disable=not self._progress) as bar:
            network = self._open()
            bar.update()
            for count in (1, network.batch):
                start = time.perf_counter()
                network(np.zeros((count, self.size, self.size, 3), np.uint8))
                self.seconds = (time.perf_counter() - start) / count
                bar.update()
        return network

    def _embed_missing(self, pictures, store, progress, watch):
        """Embed what the store doesn't have yet, batch by batch; return the ledger of failures."""
        todo = left_to_do(self.name, pictures, store.done, progress)
        ledger, total, done = Ledger(), len(pictures), len(pictures) - len(todo)
        if not todo:
            return ledger
        network = self.network
        if progress:
            forecast(len(todo), self.seconds)
        bar = tqdm(total=total, initial=done, desc=self.name, disable=not progress)
        batches = prefetch(lambda one: read(one, self.pixels), todo, network.batch)
        # Ctrl-C strikes the main thread. In the middle of TensorFlow it comes out as an unrelated
        # SystemError, so each batch is computed and kept in a thread beside it.
        with (
            kept_when_interrupted(pictures, store),
            bar,
            closing(batches),
            ThreadPoolExecutor(1, "network") as beside,
        ):
            for loaded in batches:
                if watch:
                    watch(done, total)
                beside.submit(self._embed_batch, network, loaded, store, ledger).result()
                done += len(loaded)
                bar.update(len(loaded))
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
                outputs = network(pixels)
            store.append(fingerprints, np.stack([self.row(each) for each in outputs]))


# What an extraction says, here or on a cluster


def left_to_do(
    name: str, pictures: Sequence[Picture], is_done: Callable[[Picture], bool], tell: bool
) -> list[Picture]:
    """Return the pictures that aren't done yet, after telling how many are."""
    todo = [picture for picture in pictures if not is_done(picture)]
    if tell and len(todo) < len(pictures):
        done = len(pictures) - len(todo)
        print(f"{name}: {done:,} of {len(pictures):,} were already done.")
    return todo


def forecast(count: int, seconds: float) -> None:
    """Tell how long `count` pictures will take at `seconds` each, if that is LONG."""
    total = count * seconds
    if total > LONG:
        time = f"{total / 60:.0f} minutes" if total >= 90 else f"{total:.0f} seconds"
        print(
            f"{count:,} pictures will take about {time}. You can interrupt at any moment; what is "
            "done is kept. To begin with fewer, set BOOTCAMP_DATASET to voc:500, or to a folder of "
            "fewer pictures."
        )


@contextmanager
def kept_when_interrupted(pictures: Sequence[Picture], store: Store) -> Iterator[None]:
    """Turn Ctrl-C into an ExtractionInterrupted that says how many pictures are in the store."""
    try:
        yield
    except KeyboardInterrupt:
        kept = sum(picture.id in store.row_of for picture in pictures)
        raise ExtractionInterrupted(
            f"Stopped with {kept:,} of {len(pictures):,} pictures done; they are kept. "
            "Run it again to continue from there."
        ) from None
