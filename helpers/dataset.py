"""Which pictures this run works on: PASCAL VOC, its first N, a folder, an archive or the sample."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from helpers import archive, folder, voc
from helpers import settings as _settings
from helpers.errors import PlainError
from helpers.pictures import Ledger, Picture, PictureError, check


class DatasetError(PlainError, ValueError):
    """BOOTCAMP_DATASET asks for something that is not there."""


@dataclass(frozen=True)
class Dataset:
    """The pictures of one run; `why` says in one sentence which they are and why these."""

    name: str
    why: str
    pictures: list[Picture] = field(repr=False)
    ledger: Ledger = field(repr=False)


def load(settings=None, progress=True):
    """Return the `Dataset` that `settings.dataset` asks for, fetched and unpacked where needed.

    It is `auto`, `voc`, `voc:N`, `sample`, a folder or a `.tar`. The ledger is also written to
    `ledgers/NAME.csv` under `settings.data`. Raises DatasetError, ArchiveError or DownloadError.
    """
    settings = settings or _settings.from_environment()
    name, place, why = _choose(settings, progress)
    with Checks(settings.data / "checks" / f"{name}.json", progress) as checked:
        reader = voc.read if voc.find(place) else folder.read
        pictures, ledger = reader(place, checked)
    if not pictures:
        raise DatasetError(
            f"No picture could be read in {place}.\n{ledger.table()}\nSet "
            "BOOTCAMP_DATASET to a folder with .jpg or .png files, or to sample."
        )
    ledger.to_csv(settings.data / "ledgers" / f"{name}.csv")
    return Dataset(name, why, pictures, ledger)


def _choose(settings, progress):
    """Return (name, folder, why) of the data set asked for, after fetching what it lacks."""
    wish = settings.dataset.strip()
    if wish == "sample":
        return "sample", _settings.SAMPLE, "the bootcamp's own drawings, as BOOTCAMP_DATASET says."
    if wish == "auto":
        return "sample", _settings.SAMPLE, "the bootcamp's own drawings: no other set is here yet."
    path = _settings.ROOT / Path(wish).expanduser()
    if path.is_file():
        return _from_archive(path, settings, progress)
    if path.is_dir():
        return _safe_name(path.name), path, f"the folder {path}, as BOOTCAMP_DATASET says."
    raise DatasetError(
        f"BOOTCAMP_DATASET is {wish!r}, which is neither a folder, a .tar, auto, "
        "voc, voc:N nor sample. Set it to one of these."
    )


def _from_archive(path, settings, progress):
    """Return (name, folder, why) of the tar archive `path`, unpacked under `settings.data`."""
    name = _safe_name(path.stem)
    place = settings.data / "datasets" / name
    if not archive.is_unpacked(path, place):
        archive.unpack(path, place, progress)
    return name, place, f"the archive {path.name}, as BOOTCAMP_DATASET says."


def _safe_name(text):
    """Return `text` as a short name that any file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "pictures"


class Checks:
    """Checks each picture once: remembers width, height or fault until the file changes."""

    def __init__(self, path, progress):
        """Read what `path` remembers; show a bar where `progress` is True."""
        self.path, self.known = path, {}
        try:
            self.known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}
        self.fresh = {}
        self.bar = tqdm(
            desc="checking pictures", unit=" pictures", disable=not progress, leave=False
        )

    def __call__(self, path):
        """Return (width, height) of the picture at `path`; raise PictureError when unusable."""
        self.bar.update()
        status = path.stat()
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
        self.fresh[key] = self.known.get(key) or _verdict(path)
        if isinstance(self.fresh[key], str):
            raise PictureError(self.fresh[key])
        return tuple(self.fresh[key])

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *error):
        """Write what is known now, whole or not at all."""
        self.bar.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.fresh), encoding="utf-8")
        os.replace(part, self.path)


def _verdict(path):
    """Return [width, height] of the picture at `path`, or the reason why it is unusable."""
    try:
        return list(check(path))
    except PictureError as error:
        return str(error)
