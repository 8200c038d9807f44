"""How a folder becomes a data set: its pictures listed, embedded, and written to a collection."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers import dataset
from helpers.dataset.pictures import Ledger, printable
from helpers.errors import PlainError
from helpers.features import Vectors, load_vectors
from helpers.features.runtime import FeaturesError
from helpers.search.engine import Engine, Tuned
from search_app.jobs import MAX_SKIPPED, Cancelled, Job
from search_app.messages import explain
from search_app.safe_paths import is_inside, shown

if TYPE_CHECKING:
    from search_app.catalogue import Catalogue

OUTSIDE = "it links to a place outside the allowed folders"


class FolderError(PlainError, ValueError):
    """A folder that can't be loaded; the text says why and what to do."""


def load(job: Job, folder: Path, catalogue: "Catalogue") -> None:
    """Load `folder` into `catalogue`, or what has changed in it; `job` says how it ends."""
    try:
        _load(job, folder, catalogue)
    except Cancelled:
        job.step("stopped")
    except Exception as error:
        job.step("error", error=explain(error, catalogue.roots))


def _load(job, folder, catalogue):
    """List, embed and write, so that the collection holds exactly what the folder does."""
    job.step("reading")
    job.watch(0, 0)  # it may have been cancelled while it waited
    settings = replace(catalogue.settings, dataset=str(folder))
    data, ledger = inside(_listed(settings, folder, job), catalogue.roots)
    job.step("embedding", **_skipped(ledger))
    extractor = catalogue.default.extractor
    vectors, state = _vectors(extractor, data, job)
    for entry in vectors.ledger.entries:
        ledger.add(shown(entry.path, (folder,)), entry.reason)
    job.step("writing", **_skipped(ledger))
    if not vectors.ids and state == "done":
        raise _no_picture(folder)
    facts = _write(data, vectors, ledger, catalogue) if vectors.ids else {}
    if state == "done":
        facts |= dict.fromkeys(("done", "total"), len(data.pictures))
    job.step(state, **facts, **_skipped(ledger))


def _listed(settings, folder, job):
    """Return the Dataset in `folder`; an error names no file, because some may be outside."""
    try:
        return dataset.load(settings, progress=False, watch=job.watch)
    except dataset.DatasetError as error:
        if isinstance(error.__cause__, OSError):  # of the disk, and not of the pictures
            raise
        raise _no_picture(folder) from None


def inside(data: dataset.Dataset, roots: Sequence[Path]) -> tuple[dataset.Dataset, Ledger]:
    """Return `data` without the pictures that are really outside `roots`, and the whole ledger.

    Nothing else that was found out about a file outside is revealed.
    """
    ledger, outside = Ledger(), []
    for entry in data.ledger.entries:
        if is_inside(data.folder / entry.path, roots):
            ledger.entries.append(entry)
        else:
            outside.append(entry.path)
    pictures = [one for one in data.pictures if is_inside(one.path, roots)]
    kept = {picture.id for picture in pictures}
    outside += [one.id for one in data.pictures if one.id not in kept]
    for path in dict.fromkeys(outside):
        ledger.add(path, OUTSIDE)
    return replace(data, pictures=pictures, ledger=ledger), ledger


def _vectors(extractor, data, job):
    """Return the Vectors, and how it ended: after "stopped", those that are on disk by then."""
    try:
        found = extractor.extract(data.pictures, data.name, progress=False, watch=job.watch)
        return found, "done"
    except Cancelled:
        with suppress(FeaturesError):
            return load_vectors(data.name, extractor.name, extractor.settings), "stopped"
    return Vectors([], np.empty((0, extractor.dim), np.float32), extractor.name), "stopped"


def _write(data, vectors, ledger, catalogue):
    """Make the collection equal to the pictures that have vectors; return what that took."""
    base = catalogue.default
    tuned = Tuned(base.extractor, base.recipe, data.name, vectors)
    known = catalogue.find(data.name, tuned.name)
    index = known.index if known else tuned.open_index(catalogue.settings)
    # A folder is what it is now, even if most of it was deleted.
    data, result = tuned.write(index, data, progress=False, delete_most=True)
    for name, reason in result.skipped:
        ledger.add(name, reason)
    engine = Engine(base.extractor, index, data, base.embedder, tuned.tuning, base.recipe)
    catalogue.add(engine, data.folder)
    rows = {key: getattr(result, key) for key in ("written", "deleted", "unchanged")}
    return rows | {"collection": index.name}


def _no_picture(folder):
    return FolderError(
        f"No picture in “{printable(folder.name)}” can be used. Put .jpg or .png files into it, "
        "then load it again, or load another folder."
    )


def _skipped(ledger):
    """Return what a job's view says of the files that can't be used."""
    skipped = [[entry.path, entry.reason] for entry in ledger.entries]
    return {"skipped": skipped[:MAX_SKIPPED], "skipped_count": len(skipped)}
