"""A first search: one drawing through VGG16 as it runs here, compared with all the others.

The drawings' vectors come with the course, so a right network gives nearly the one that is stored.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from helpers.course import first_search
from helpers.course.setup.check import Check
from helpers.course.setup.material import Plan
from helpers.dataset import Picture
from helpers.features import VGG16, runtime
from helpers.features.extractor import Extractor
from helpers.index import Hit
from helpers.settings import Settings

QUERY = 24
"""The drawing that notebook 01 begins with, too."""

ALIKE = 0.95
"""Cosine to the stored vector that every precision reaches; int8, the coarsest, has 0.99."""

SECONDS = 5
MOST = 24


@dataclass(frozen=True)
class Trial:
    """A query, its three nearest, and what VGG16 did here.

    `pictures` maps ids to Pictures. `precision` is "" and `rate`, pictures a second, is 0 where the
    network didn't run: then the query's stored vector searched. `cosine` is of the two vectors.
    """

    query: Picture
    hits: list[Hit]
    pictures: dict[str, Picture]
    precision: str = ""
    rate: float = 0.0
    cosine: float = 1.0


def search(settings: Settings, with_network: bool) -> Trial:
    """Return the Trial of the real network, which must be here: nothing is downloaded.

    Without it, the query's stored vector searches; that needs no weights and no TensorFlow.
    """
    if not with_network:
        drawings, vectors = first_search.load()
        return _trial(drawings, vectors, vectors[QUERY])
    precision, _ = runtime.choose(settings.precision)
    here = replace(settings, offline=True)
    return run(VGG16("max", precision, settings=here, progress=False), precision)


def run(extractor: Extractor, precision: str) -> Trial:
    """Return the Trial of any extractor that makes vectors like the stored ones."""
    drawings, vectors = first_search.load()
    found = extractor.load().embed(drawings[QUERY].path)
    rate = _rate(extractor.embed_many, extractor.seconds, drawings)
    made = _trial(drawings, vectors, found)
    return replace(made, precision=precision, rate=rate, cosine=float(found @ vectors[QUERY]))


def _trial(drawings, vectors, vector: NDArray[np.float32]):
    """Return the Trial in which `vector` asks: its three nearest but for the query itself."""
    scores = vectors @ vector
    best = [row for row in np.argsort(-scores) if row != QUERY][:3]
    hits = [Hit(drawings[row].id, float(scores[row]), drawings[row].labels) for row in best]
    return Trial(drawings[QUERY], hits, {each.id: each for each in drawings})


def _rate(embed_many: Callable, seconds: float, drawings) -> float:
    """Return pictures a second, decoding included, measured in about SECONDS on a slow machine."""
    count = int(np.clip(SECONDS / max(seconds, 1e-6), 4, MOST))
    paths = [each.path for each in drawings[:count]]
    start = time.perf_counter()
    embed_many(paths)
    return count / (time.perf_counter() - start)


def judged(trial: Trial) -> Check:
    """Check that the network gives here what it gave us."""
    nearest = ", ".join("+".join(hit.labels) for hit in trial.hits)
    query = "+".join(trial.query.labels)
    if not trial.precision:
        told = f"with the vectors that come with the course: {query} finds {nearest}"
        return Check(
            "search",
            None,
            told,
            "With VGG16's weights here, and without --quick, the network itself runs.",
        )
    told = f"{query} finds {nearest}; cosine to the vector that we stored: {trial.cosine:.3f}"
    if trial.cosine < ALIKE:
        fix = "Set BOOTCAMP_PRECISION=float32, and run this again."
        told += f", and it should be above {ALIKE}"
        return Check("search", False, told, fix, f"{trial.precision} computes wrongly")
    return Check("search", True, told)


def forecast(trial: Trial, planned: Plan | None) -> Check:
    """Say how long the planned pictures will take at the measured rate."""
    told = f"{trial.rate:.1f} pictures a second in {trial.precision}"
    brief = f"{trial.precision} {trial.rate:.1f} pictures/s"
    if not planned:
        return Check("speed", True, told, brief=brief)
    seconds = planned.count / trial.rate
    time_here = f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
    told += f": the {planned.count:,} of {planned.name} will take about {time_here}"
    if seconds < 30 * 60:
        return Check("speed", True, told, brief=brief)
    fix = "Set BOOTCAMP_DATASET=voc:500 for the course, or let it run overnight: it may be stopped."
    return Check("speed", None, told, fix, brief)
