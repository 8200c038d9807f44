"""What a data set teaches about its own vectors, without a single label: `Tuning`.

    512 numbers → each channel × its spread → the main directions → 64 numbers, stored
    query → 64 numbers → + its nearest pictures' → search

A channel that is the same in every picture can't tell them apart, so each is weighted by its
standard deviation over the data set. Of what is left, few directions matter (PCA). And a query's
nearest pictures say what it shows better than it does alone (query expansion). Notebook 05 measures
each step, alone and together, and shows why the opposite of whitening helps here.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from helpers.errors import PlainError
from helpers.features import Vectors
from helpers.features.pooling import l2_normalise
from helpers.files import atomic_write
from helpers.search import reranking

Floats = NDArray[np.float32]

FEWEST = 50
"""The fewest pictures that a tuning is learned from."""

MOST = 5000
"""At most so many pictures are learned from; notebook 05 measures how few would do."""

GROWTH = 2
"""A data set that has grown by more than this since it was learned from is learned from again."""

UNREADABLE = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, BadZipFile)
"""What numpy and `zipfile` raise over a file that is damaged, or something else."""

NOISE = 1e-12
"""Variances below this are rounding errors: all lengths are one."""

SHARE = 30
"""An expansion takes at most one in this many pictures as neighbours: small sets have small
classes."""


class TuningError(PlainError, ValueError):
    """A tuning that isn't known, can't be read, or was fitted for other vectors."""


@dataclass(frozen=True)
class Recipe:
    """How pictures are embedded and what is learned about them; see `Tuning`.

    `pooling`, `size` and `keep_aspect` are VGG16's. `spread` and `exponent` are the powers of a
    channel's standard deviation and of a direction's variance, `dims` how many directions are kept;
    0 learns nothing. `neighbours` and `power` are those of `reranking.expand`.
    """

    pooling: str = "max"
    size: int = 224
    keep_aspect: bool = False
    spread: float = 0.0
    dims: int = 0
    exponent: float = 0.0
    neighbours: int = 0
    power: float = 1.0


RECIPES = {
    "none": Recipe("max"),
    "224": Recipe("gem", 224, False, 1.25, dims=64, exponent=0.1, neighbours=20, power=2.0),
    "384": Recipe("gem2", 384, True, 0.75, dims=64, exponent=0.2, neighbours=20, power=2.0),
}
"""By name: the original demo's; the default; and a better one, for which extraction takes about
twice as long. Their numbers are among the best on VOC's train part, and confirmed on its val part;
notebook 05 does the same on any set."""


def named(name: str) -> Recipe:
    """Return the Recipe that BOOTCAMP_TUNING names; "auto" is "224". Raises TuningError."""
    found = RECIPES.get("224" if name == "auto" else name)
    if found is None:
        known = ", ".join(("auto", *RECIPES))
        raise TuningError(f"Unknown tuning {name!r}. Set BOOTCAMP_TUNING to one of {known}.")
    return found


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was learned from `fitted_on` of a data set's vectors, made by `extractor`.

    `weights` and `mean` (c,), one per channel, and `directions` (c, dims), float32.
    """

    recipe: Recipe
    extractor: str
    fitted_on: int
    weights: Floats
    mean: Floats
    directions: Floats

    @property
    def dims(self) -> int:
        """How many numbers a picture keeps."""
        return self.directions.shape[1]

    @property
    def name(self) -> str:
        """What tells this tuning from any other, such as "tuned64-0123abcd"."""
        arrays = (self.weights, self.mean, self.directions)
        said = json.dumps([asdict(self.recipe), self.extractor]).encode()
        digest = hashlib.sha256(said + b"".join(array.tobytes() for array in arrays)).hexdigest()
        return f"tuned{self.dims}-{digest[:8]}"

    def apply(self, vectors: Floats) -> Floats:
        """Return the extractor's vectors (n, c), or one (c,), tuned: (n, dims), of length one.

        Raises TuningError for vectors of another length.
        """
        if vectors.ndim == 1:
            return self.apply(vectors[None])[0]
        if vectors.shape[1:] != self.weights.shape:
            raise TuningError(
                f"This tuning is for vectors of {len(self.weights)} numbers, but these have the "
                f"shape {vectors.shape}. Embed with {self.extractor}, or fit a tuning to these."
            )
        weighted = l2_normalise(vectors * self.weights)
        # In float64: in float32 a row's last bits depend on how many rows there are, and an index
        # would be rewritten for every picture that is added.
        centred = weighted - self.mean.astype(np.float64)
        return l2_normalise(centred @ self.directions.astype(np.float64))

    def neighbours(self, rows: int) -> int:
        """Return how many of a query's nearest pictures, out of `rows`, its expansion takes."""
        return min(self.recipe.neighbours, rows // SHARE)

    def expand(self, query: Floats, nearest: Floats) -> Floats:
        """Return a tuned query (dims,) with its nearest pictures (k, dims) added, at length one.

        The method is that of `reranking.expand`, with `recipe.power`.
        """
        if not len(nearest):
            return query
        return reranking.expand(query[None], nearest, len(nearest), self.recipe.power)[0]

    def save(self, path: Path) -> None:
        """Write it to an .npz file, in one step."""
        facts = {"recipe": asdict(self.recipe), "extractor": self.extractor}
        with atomic_write(path) as file:
            np.savez(
                file,
                facts=json.dumps(facts | {"fitted_on": self.fitted_on}),
                weights=self.weights,
                mean=self.mean,
                directions=self.directions,
            )

    @classmethod
    def load(cls, path: Path, extractor: str) -> "Tuning":
        """Return what `save` wrote; raises TuningError for a damaged file, or another extractor."""
        try:
            with np.load(path) as file:
                facts = json.loads(str(file["facts"]))
                arrays = {name: file[name] for name in ("weights", "mean", "directions")}
            found = cls(**facts | {"recipe": Recipe(**facts["recipe"])}, **arrays)
        except UNREADABLE as error:
            raise TuningError(
                f"The tuning in {path} can't be read ({error}). Delete that file; it is made again."
            ) from error
        if found.extractor != extractor:
            raise TuningError(
                f"The tuning in {path} was fitted for {found.extractor}, not for {extractor}. "
                "Use that extractor, or fit another tuning."
            )
        return found


def fit(vectors: Vectors, wanted: Recipe) -> Tuning:
    """Return the Tuning that `wanted` learns from `vectors`; the same ones give the same.

    Spread weights are our own, in the spirit of the channel weights of CroW (Kalantidis et al.
    2016; https://arxiv.org/abs/1512.04065). Principal directions on retrieval vectors: Jégou and
    Chum 2012 (https://doi.org/10.1007/978-3-642-33709-3_55), who whiten, exponent -0.5.
    Raises TuningError for fewer than FEWEST vectors, and when they are all the same.
    """
    count = len(vectors.values)
    if count < FEWEST:
        raise TuningError(
            f"There are only {count} vectors to learn from. Give {FEWEST} or more, or set "
            "BOOTCAMP_TUNING=none."
        )
    some = vectors.values[:: -(-count // MOST)]
    weights = some.std(axis=0, dtype=np.float64) ** wanted.spread
    weighted = l2_normalise(some * weights)
    mean = weighted.mean(axis=0, dtype=np.float64)
    variances, directions = _principal(weighted - mean, wanted.dims)
    if not len(variances):
        raise TuningError(
            f"The {count} vectors are all the same, so there is nothing to learn from them. "
            "Check the pictures, or set BOOTCAMP_TUNING=none."
        )
    arrays = (weights, mean, directions * variances**wanted.exponent)
    arrays = (np.ascontiguousarray(array, np.float32) for array in arrays)
    return Tuning(wanted, vectors.name, count, *arrays)


def _principal(centred, dims):
    """Return the variances (dims,) along the principal directions (c, dims), largest first.

    There are fewer where few vectors, or many copies, have no variance in so many directions.
    """
    covariance = centred.T.astype(np.float64) @ centred / len(centred)
    variances, directions = np.linalg.eigh(covariance)
    kept = np.flatnonzero(variances > NOISE)[::-1][:dims]
    variances, directions = variances[kept], directions[:, kept]
    # Which way a direction points means nothing; one way is chosen so that it's always the same.
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    return variances, directions * signs


def tuning_of(vectors: Vectors, wanted: Recipe, path: Path) -> tuple[Tuning | None, str | None]:
    """Return the Tuning kept at `path`, or a new one, and the name of one that it replaces.

    Pictures that come later are tuned by what was learned before, until there are more than GROWTH
    times as many. None where `wanted` learns nothing, and where `fit` can't learn.
    """
    kept = None
    if not wanted.dims:
        return None, None
    with suppress(TuningError):  # not there yet, or of no use: made again
        kept = Tuning.load(path, vectors.name)
    if kept and kept.recipe == wanted and len(vectors.values) <= GROWTH * kept.fitted_on:
        return kept, None
    try:
        made = fit(vectors, wanted)
    except TuningError:
        return None, kept and kept.name
    try:
        made.save(path)
    except OSError:  # it is made again each time, and what others keep here is still theirs
        return made, None
    return made, kept.name if kept and kept.name != made.name else None
