"""The kit's photographs, and their vectors for those who join late."""

import tarfile
from dataclasses import replace
from pathlib import Path

from tqdm.auto import tqdm

from helpers import dataset, features
from helpers.dataset import voc, voc2012
from helpers.features.vector_store import Store, open_for_writing
from helpers.files import atomic_write, file_lock
from helpers.settings import Settings

PRECISION = "float32"
"""Every processor computes it, so whoever joins with these vectors can embed queries to match."""


def pack_voc(folder: Path, count: float, settings: Settings, progress: bool = True) -> str:
    """Write the kit's VOC archive into `folder`, and return in words what it holds."""
    waiting = "A notebook is fetching these pictures; waiting for it to finish."
    with file_lock(settings.data / "datasets" / ".lock", lambda: tqdm.write(waiting)):
        selection = voc2012.obtain(count, "for the kit", settings, progress)
    ids, root = selection.only or voc2012.ids_here(settings)[count], voc.find(selection.folder)
    with (
        atomic_write(folder / voc2012.archive_name(count, settings)) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for kind, suffix in (("Annotations", ".xml"), ("JPEGImages", ".jpg")):
            for stem in tqdm(ids, f"packing {kind}", leave=False, disable=not progress):
                _add(tar, root / kind / (stem + suffix), f"VOCdevkit/VOC2012/{kind}/")
    return "all of it" if count == voc2012.ALL else f"the first {count:,} pictures"


def pack_vectors(folder: Path, count: float, settings: Settings, progress: bool = True) -> str:
    """Write the vectors of the kit's pictures into `folder`; return the extractor's name.

    They are computed here, unless they are here already, and lie as below `data/vectors`.
    """
    asked = "voc" if count == voc2012.ALL else f"voc:{count}"
    found = dataset.load(replace(settings, dataset=asked), progress)
    extractor = features.VGG16(precision=PRECISION, settings=settings, progress=progress)
    extractor.extract(found.pictures, found.name, progress)
    made = extractor.folder(found.name)
    store, kept = Store(made, extractor.provenance()), folder / found.name / made.name
    ids = [picture.id for picture in found.pictures if picture.id in store.row_of]
    with open_for_writing(kept, extractor.provenance()) as packed:
        new = [name for name in ids if name not in packed.row_of]
        if new:
            packed.append([_elsewhere(store, name) for name in new], store.vectors(new))
        packed.compact(ids)
    (kept / "lock").unlink(missing_ok=True)
    return extractor.name


def _elsewhere(store, name):
    """Return a picture's fingerprint without what only this machine knows: path and times."""
    known = store.fingerprints[store.row_of[name]]
    return replace(known, path="", mtime_ns=-1, ctime_ns=-1)


def _add(tar, path, folder):
    """Add the file at `path` to `tar` under `folder`, the same on every machine and day."""
    if path.exists():
        info = tarfile.TarInfo(folder + path.name)
        info.size = path.stat().st_size
        with path.open("rb") as file:
            tar.addfile(info, file)
