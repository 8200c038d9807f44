"""Which pictures this run works on: PASCAL VOC, its first N, a folder, an archive or the sample."""

import errno
import re
from dataclasses import dataclass, field
from pathlib import Path

from helpers import settings as _settings
from helpers.dataset import folder, voc, voc2012
from helpers.dataset.decode_cache import Checks
from helpers.dataset.pictures import Ledger, Picture
from helpers.errors import PlainError
from helpers.fetch import archive
from helpers.fetch.download import DownloadError, log
from helpers.files import file_lock, read_json, write_json

WORKSHOP = 2000
"""How many pictures of PASCAL VOC `auto` streams: enough to learn from, a tenth of the bytes."""

ASKED = "because BOOTCAMP_DATASET asks for them"

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class DatasetError(PlainError, ValueError):
    """BOOTCAMP_DATASET asks for something that is not there or cannot be kept."""


@dataclass(frozen=True)
class Dataset:
    """The pictures of one run.

    `name` is short and fits a file name; `why` completes "Working on …": which pictures, and why
    these.
    """

    name: str
    why: str
    pictures: list[Picture] = field(repr=False)
    ledger: Ledger = field(repr=False)


@dataclass(frozen=True)
class Choice:
    """A data set before its pictures are read: `only` is a set of ids to keep to, if not all."""

    name: str
    why: str
    folder: Path
    only: frozenset[str] | None = None


def load(settings=None, progress=True, official=voc2012.VOC2012):
    """Return the `Dataset` that `settings.dataset` asks for, fetched and unpacked where needed.

    It is `auto`, `voc`, `voc:N`, `sample`, a folder or a `.tar`. The ledger is also written to
    `ledgers/NAME.csv` under `settings.data`. Raises DatasetError, DownloadError, ArchiveError.
    """
    settings = settings or _settings.from_environment()
    try:
        with file_lock(
            settings.data / "datasets" / ".lock",
            lambda: log(
                "Another notebook is fetching these pictures; waiting for it to finish.", progress
            ),
        ):
            choice = choose(settings, progress, official)
        return _read(choice, settings, progress, official)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DatasetError(
            f"Nothing more can be written to {settings.data} ({error.strerror}). Free space there, "
            "or set BOOTCAMP_DATA to another folder; what is already here is kept."
        ) from error


def choose(settings, progress=True, official=voc2012.VOC2012):
    """Return the `Choice` that `settings.dataset` means, after fetching what it lacks."""
    wish = settings.dataset.strip()
    if wish == "sample":
        return _sample(ASKED)
    if wish == "auto":
        return _auto(settings, progress, official)
    if wish == "voc":
        return _whole(settings, progress, official)
    if wish.startswith("voc:"):
        return _first(_number(wish), settings, progress, official)
    path = _settings.ROOT / Path(wish).expanduser()
    if path.is_file() and path.suffix.lower() != ".tar":
        raise DatasetError(
            f"{path.name} is no .tar archive. Unpack it, and set BOOTCAMP_DATASET to the folder."
        )
    if path.is_file():
        return _archive(path, settings, progress)
    if path.is_dir():
        why = f"the pictures in the folder {path.name}, {ASKED}."
        return Choice(_name(path, settings), why, path)
    raise DatasetError(
        f"BOOTCAMP_DATASET is {wish!r}, and there is no such folder or archive. Set it to a folder "
        "of pictures, a .tar, auto, voc, voc:N (such as voc:2000) or sample."
    )


def _auto(settings, progress, official):
    """Return the best set that is to be had: from the kit, here already, streamed, or drawn."""
    if settings.kit:
        name = voc2012.kit_name(settings.kit, official)
        return _by_name(name, settings, progress, official, "because BOOTCAMP_KIT has them")
    for name in voc2012.here(settings):
        return _by_name(name, settings, progress, official, "because no larger set is here")
    if settings.offline:
        return _sample("because BOOTCAMP_OFFLINE=1 and no PASCAL VOC is here yet")
    try:
        return _first(WORKSHOP, settings, progress, official, "because no other was here")
    except DownloadError as error:
        log(str(error), progress)
        return _sample("because PASCAL VOC is not here and could not be fetched")


def _by_name(name, settings, progress, official, because):
    """Return the set called "voc" or "voc-N"."""
    if name == "voc":
        return _whole(settings, progress, official, because)
    count = int(name.removeprefix("voc-"))
    return _first(count, settings, progress, official, because)


def _whole(settings, progress, official, because=ASKED):
    """Return all of PASCAL VOC 2012."""
    found = voc2012.full(settings, official, progress)
    why = f"all of PASCAL VOC 2012 ({found.note}), {because}."
    return Choice("voc", why, found.folder, found.only)


def _first(count, settings, progress, official, because=ASKED):
    """Return the first `count` pictures of PASCAL VOC 2012."""
    found = voc2012.first(count, settings, official, progress)
    why = f"the first {count:,} pictures of PASCAL VOC 2012 ({found.note}), {because}."
    return Choice(f"voc-{count}", why, found.folder, found.only)


def _sample(because):
    """Return the bootcamp's own drawings."""
    why = f"the bootcamp's own drawings in data/sample, {because}."
    return Choice("sample", why, _settings.SAMPLE)


def _archive(path, settings, progress):
    """Return the tar archive at `path`, unpacked under `settings.data`."""
    name = _name(path, settings)
    place = settings.data / "datasets" / name
    if not archive.is_unpacked(path, place):
        archive.unpack(path, place, progress)
    return Choice(name, f"the pictures in {path.name}, {ASKED}.", place)


def _read(choice, settings, progress, official):
    """Return the Dataset with the pictures of `choice`, and write its ledger."""
    with Checks(settings.data / "checks" / f"{choice.name}.json") as checked:
        if voc.find(choice.folder):
            found = voc.read(choice.folder, checked, choice.only, progress)
        else:
            found = folder.read(choice.folder, checked, progress)
    pictures, ledger = found
    ledger.to_csv(settings.data / "ledgers" / f"{choice.name}.csv")
    if not pictures:
        raise DatasetError(
            f"No picture could be used in {choice.folder}. {ledger.table()}\n"
            "Set BOOTCAMP_DATASET to a folder with .jpg or .png pictures, or to sample."
        )
    if choice.name == "voc":
        _assert_whole(choice.folder, pictures, official)
    return Dataset(choice.name, choice.why, pictures, ledger)


def _assert_whole(place, pictures, official):
    """Raise VocError unless the full set holds what the release is known to hold."""
    annotations = len(list((voc.find(place) / "Annotations").glob("*.xml")))
    found = {**voc.counts(pictures), "annotations": annotations}
    wrong = [f"{found[k]:,} {k}, not {n:,}" for k, n in official.counts if found[k] != n]
    if wrong:
        raise voc.VocError(
            f"PASCAL VOC 2012 is not whole: it has {' and '.join(wrong)}. Delete {place} and run "
            "this again."
        )


def _number(wish):
    """Return N of `voc:N`."""
    text = wish.removeprefix("voc:").replace("_", "")
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise DatasetError(f"BOOTCAMP_DATASET is {wish!r}. After voc: write a number, as voc:2000.")
    return int(text)


def _name(path, settings):
    """Return a name for the set at `path` that no other path has: "pets", else "pets-2"…"""
    file = settings.data / "datasets" / "names.json"
    taken = read_json(file)
    base = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40] or "pictures"
    name, number = base, 1
    while re.fullmatch(r"sample|voc(-\d+)?", name) or taken.get(name) not in (
        None,
        str(path.resolve()),
    ):
        number += 1
        name = f"{base}-{number}"
    if name not in taken:
        write_json(file, {**taken, name: str(path.resolve())})
    return name
