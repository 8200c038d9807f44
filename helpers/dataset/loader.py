"""Which pictures this run works on: PASCAL VOC, its first N, a folder, an archive or the sample."""

import errno
import functools
import hashlib
import os
import re
import secrets
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from helpers.dataset import voc2012
from helpers.dataset.listing import Watch, list_pictures, remembered_sizes, unless_read_only
from helpers.dataset.pictures import (
    SUFFIXES,
    DatasetError,
    Ledger,
    Picture,
    Selection,
    printable,
)
from helpers.fetch.archive import MARKER, unpack
from helpers.fetch.download import DownloadError
from helpers.files import file_lock, read_json, write_json
from helpers.settings import ROOT, SAMPLE, Settings, from_environment

WORKSHOP = 2000
"""How many pictures of PASCAL VOC `auto` streams: enough to learn from, a tenth of the bytes."""

ASKED = "because BOOTCAMP_DATASET asks for them"

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Dataset:
    """The pictures of one run.

    `name` is short and fits a file name; `why` completes "Working on …": which pictures, and why
    these; `folder` is the one that holds them all, at any depth.
    """

    name: str
    why: str
    pictures: list[Picture] = field(repr=False)
    ledger: Ledger = field(repr=False)
    folder: Path

    @functools.cached_property
    def classes(self) -> list[str]:
        """Every label of the pictures, sorted; empty where nobody labelled them."""
        return sorted({label for picture in self.pictures for label in picture.labels})

    def relative(self, picture: Picture) -> str:
        """Return the path of `picture` below the folder, with `/`: what a page may show of it."""
        return printable(picture.path.relative_to(self.folder))


@dataclass(frozen=True)
class Wanted:
    """Which pictures are meant: those at `path`, the first `count` of VOC, or else the drawings.

    `because` says why. With `or_sample`, the drawings will do where VOC can't be fetched.
    """

    because: str
    count: float = 0
    path: Path | None = None
    or_sample: bool = False


def load(
    settings: Settings | None = None, progress: bool = True, watch: Watch | None = None
) -> Dataset:
    """Return the `Dataset` that `settings.dataset` asks for, fetched and unpacked where needed.

    It is `auto`, `voc`, `voc:N`, `sample`, a folder or a `.tar`. The ledger is also written to
    `ledgers/NAME.csv` under `settings.data`. `watch(done, total)` is called while the pictures are
    found and checked; whatever it raises ends that, and what was checked so far is remembered.
    Raises DatasetError, DownloadError, ArchiveError.
    """
    settings = settings or from_environment()
    waiting = "Another notebook is fetching these pictures; waiting for it to finish."
    try:
        # A folder is not fetched; it needn't wait until a notebook has downloaded gigabytes.
        lock = file_lock(settings.data / "datasets" / ".lock", lambda: _print(waiting, progress))
        with nullcontext() if os.path.isdir(settings.dataset) else lock:
            selection = locate(settings, progress)
        return _list(selection, settings, progress, watch)
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        path = Path(error.filename or settings.data)
        if not path.is_relative_to(settings.data):
            raise DatasetError(
                f"{printable(path)} can't be read ({error.strerror}). Set BOOTCAMP_DATASET to a "
                "folder or archive that you may read."
            ) from error
        raise DatasetError(
            f"Nothing more can be written to {settings.data} ({error.strerror}). Free space there, "
            "or set BOOTCAMP_DATA to another folder; what is already here is kept."
        ) from error


def locate(settings: Settings, progress: bool = True) -> Selection:
    """Return the `Selection` that `settings.dataset` means, after fetching what it lacks."""
    wanted = decide(settings)
    if wanted.path:
        return _own(wanted.path, settings, progress)
    if not wanted.count:
        return _sample(wanted.because)
    try:
        return voc2012.obtain(wanted.count, wanted.because, settings, progress)
    except DownloadError as error:
        if not wanted.or_sample:
            raise
        _print(str(error), progress)
        return _sample("because PASCAL VOC is not here and could not be fetched")


def decide(settings: Settings) -> Wanted:
    """Return what `settings.dataset` means, before anything is fetched. Raises DatasetError."""
    asked = settings.dataset.strip() or "auto"
    if asked == "auto":
        return _best(settings)
    if asked == "sample":
        return Wanted(ASKED)
    if asked == "voc" or asked.startswith("voc:"):
        return Wanted(ASKED, _count(asked))
    # A folder's own name may well end in a space.
    return Wanted(ASKED, path=_path(settings.dataset if os.path.isdir(settings.dataset) else asked))


def _best(settings):
    """Return the best within reach: the kit's set, the largest here, a streamed one, drawings."""
    if settings.kit:
        return Wanted("because BOOTCAMP_KIT has them", voc2012.kit_count(settings))
    if here := voc2012.ids_here(settings):
        return Wanted("because no larger set is here", next(iter(here)), or_sample=True)
    if settings.offline:
        return Wanted("because BOOTCAMP_OFFLINE=1 and no PASCAL VOC is here yet")
    return Wanted("because no other was here", WORKSHOP, or_sample=True)


def _path(asked):
    """Return where the learner's own pictures are: a folder, or a tar archive."""
    path = ROOT / os.path.expanduser(asked)
    if not os.path.exists(path):
        raise DatasetError(
            f"BOOTCAMP_DATASET is {asked!r}, but there is no such folder or archive. Set it to a "
            "folder of pictures, a .tar, auto, voc, voc:N (such as voc:2000) or sample."
        )
    if path.is_file() and path.suffix.lower() != ".tar":
        raise DatasetError(
            f"{path.name} is not a .tar archive. Unpack it, and set BOOTCAMP_DATASET to the folder."
        )
    return path


def _own(path, settings, progress):
    """Return the learner's own pictures; an archive is unpacked below the data."""
    name, place, what = _unique_name(path, settings), path, f"the folder {printable(path.name)}"
    if path.is_file():
        place, what = settings.data / "datasets" / name, path.name
        unpack(path, place, progress)
    return Selection(name, f"the pictures in {what}, {ASKED}.", place)


def _sample(because):
    return Selection("sample", f"the bootcamp's own drawings in data/sample, {because}.", SAMPLE)


def _list(selection, settings, progress, watch):
    """Return the Dataset with the pictures of `selection`, and write its ledger."""
    name, place = selection.name, selection.folder
    with remembered_sizes(settings.data / "checks" / f"{name}.json") as size_of:
        pictures, ledger = list_pictures(place, size_of, selection.only, progress, watch)
    _remark_gone(selection, ledger)
    with unless_read_only():
        ledger.to_csv(settings.data / "ledgers" / f"{name}.csv")
    if not pictures:
        reasons = "; ".join(f"{entry.path}: {entry.reason}" for entry in ledger.entries[:5])
        raise DatasetError(
            f"No picture in {printable(place)} could be used ({reasons or 'it is empty'}). "
            "Set BOOTCAMP_DATASET to a folder with .jpg or .png pictures, or to sample."
        )
    if name == "voc":
        _assert_whole(place, pictures, settings)
    return Dataset(name, selection.why, pictures, ledger, place)


def _remark_gone(selection, ledger):
    """Note in `ledger` each picture that was unpacked into the folder and isn't there now."""
    only = selection.only and set(selection.only)
    for path in map(Path, read_json(selection.folder / MARKER).get("files", ())):
        wanted = only is None or path.stem in only
        if wanted and path.suffix.lower() in SUFFIXES and not (selection.folder / path).exists():
            ledger.add(path, f"it is gone; to get it back, delete {printable(selection.folder)}")


def _assert_whole(place, pictures, settings):
    """Raise DatasetError unless the full set holds what the release is known to hold."""
    boxes = [box for picture in pictures for box in picture.boxes]
    found = {
        "pictures": len(pictures),
        "annotations": sum(bool(picture.boxes) for picture in pictures),
        "objects": len(boxes),
        "classes": len({box.label for box in boxes}),
    }
    known = settings.voc_release.counts
    wrong = [f"{found[k]:,} {k} instead of {n:,}" for k, n in known if found[k] != n]
    if wrong:
        raise DatasetError(
            f"PASCAL VOC 2012 is not complete: it has {' and '.join(wrong)}. Delete {place} and "
            "run this again."
        )


def _count(asked):
    """Return N of `voc:N`, and ALL for `voc`."""
    if asked == "voc":
        return voc2012.ALL
    text = asked.removeprefix("voc:").replace("_", "")
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise DatasetError(f"BOOTCAMP_DATASET is {asked!r}. After voc: write a number: voc:2000.")
    return int(text)


def _unique_name(path, settings):
    """Return a name that only the set at `path` has: "pets_3f9a2c". No other kind has a "_"."""
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40] or "pictures"
    exact = _owner(settings).encode() + os.fsencode(path.resolve())
    return f"{stem}_{hashlib.sha256(exact).hexdigest()[:6]}"


def _owner(settings):
    """Return what tells this data folder from all others: a random ID, drawn once.

    In a workshop's containers everybody's pictures are at the same path, and one Milvus server may
    serve them all.
    """
    memory = settings.data / "owner.json"
    try:
        with file_lock(settings.data / ".owner.lock", lambda: None):
            if not read_json(memory).get("id"):
                write_json(memory, {"id": secrets.token_hex(8)})
            return str(read_json(memory)["id"])
    except OSError:  # a data folder that can't be written
        return ""


def _print(line, progress):
    if progress:
        tqdm.write(line)
