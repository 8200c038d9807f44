"""PASCAL VOC 2012: all of it or its first N pictures, from here, the web or a workshop kit."""

import math
from pathlib import PurePosixPath

from helpers.dataset.pictures import Selection
from helpers.fetch import archive, download, stream
from helpers.fetch.download import DownloadError, KitError, megabytes
from helpers.files import read_json, tree_size
from helpers.settings import Settings

ALL = math.inf
"""The count that stands for the whole release; it is larger than any other."""


def obtain(count: float, because: str, settings: Settings, progress: bool = True) -> Selection:
    """Return the `Selection` of the first `count` pictures, or of `ALL`, fetched if need be.

    A larger set that is already here, or the kit's archive, saves the download; files that were
    deleted from a set are restored. Raises DownloadError or ArchiveError.
    """
    here, only = ids_here(settings), None
    larger = next((other for other, ids in here.items() if len(ids) >= count), count)
    holder = count if count in here else larger
    if holder not in here:
        note = _bring(count, settings, progress)
    else:
        note = "already here" + _restore(holder, settings, progress)
    if holder != count:
        note, only = f"part of {set_name(holder)}, {note}", tuple(here[holder][:count])
    have = count if only else len(ids_here(settings)[count])
    if have < count < ALL:
        note += f", {have:,} is all that the archive has"
    if count == ALL:  # unpacked, the archive is of no further use
        for path in (settings.data / "downloads").glob(f"{settings.voc_release.file}*"):
            path.unlink()
    what = "all" if count == ALL else f"the first {count:,} pictures"
    why = f"{what} of PASCAL VOC 2012 ({note}), {because}."
    return Selection(set_name(count), why, _folder(holder, settings), only)


def ids_here(settings: Settings) -> dict[float, list[str]]:
    """Return {count: ids in the archive's order} of the sets that are complete here.

    The largest comes first; the whole release has the count `ALL`.
    """
    found = {}
    for marker in settings.data.glob("datasets/voc*/" + archive.MARKER):
        content = read_json(marker)
        paths = map(PurePosixPath, content.get("files", ()))
        unpacked = [path.stem for path in paths if path.parent.name == "JPEGImages"]
        found[_count(marker.parent.name)] = content.get("pictures") or unpacked
    found.pop(0, None)
    return dict(sorted(found.items(), reverse=True))


def kit_count(settings: Settings) -> float:
    """Return how many pictures the kit's largest VOC archive has by its name: N or `ALL`."""
    folder = settings.kit / "voc"
    counts = [_count(path.stem) for path in folder.glob("voc-*.tar")]
    counts += [ALL] if (folder / settings.voc_release.file).exists() else []
    if not any(counts):
        raise KitError(
            f"The kit {settings.kit} has no PASCAL VOC archive in its folder voc. Build it again "
            "with `make kit`, or set BOOTCAMP_DATASET=sample."
        )
    return max(counts)


def set_name(count: float) -> str:
    """Return the name of the set of the first `count` pictures: "voc-2000", or "voc" for `ALL`."""
    return "voc" if count == ALL else f"voc-{count}"


def archive_name(count: float, settings: Settings) -> str:
    """Return the file name of the archive that a kit has for the first `count` pictures."""
    return settings.voc_release.file if count == ALL else f"{set_name(count)}.tar"


def _count(name):
    """Return the count of the set called `name`, and 0 for other names."""
    number = name.removeprefix("voc-")
    return ALL if name == "voc" else int(number) if number.isdecimal() and name != number else 0


def _folder(count, settings):
    return settings.data / "datasets" / set_name(count)


def _bring(count, settings, progress):
    """Put the set into its folder, and return in words where from and what that took."""
    source, only, words = (_from_kit if settings.kit else _from_web)(count, settings, progress)
    folder = _folder(count, settings)
    (folder / archive.MARKER).unlink(missing_ok=True)
    archive.unpack(source, folder, progress, only)
    return words


def _restore(count, settings, progress):
    """Bring back what was deleted from a set that is here; return in words what that took."""
    folder = _folder(count, settings)
    files = read_json(folder / archive.MARKER).get("files", ())
    gone = sum(not (folder / path).exists() for path in files if count < ALL)
    if not gone:
        return ""
    try:
        _bring(count, settings, progress)
    except (DownloadError, archive.ArchiveError):
        return f", but {gone:,} of its files are gone and could not be fetched again"
    return f", with {gone:,} deleted files unpacked again"


def _from_kit(count, settings, progress):
    """Return the kit's archive, which of its files are wanted (None for all), and some words."""
    largest = ALL if count == ALL else kit_count(settings)
    path = download.kit_file(settings.kit, f"voc/{archive_name(largest, settings)}", progress)
    only = None if count == ALL else stream.find(count, path).paths
    return path, only, "from the kit, verified"


def _from_web(count, settings, progress):
    """Return the archive from an address, which of its files are wanted, and what that took."""
    release, urls = settings.voc_release, settings.voc_mirrors or settings.voc_release.urls
    path = settings.data / "downloads" / release.file
    size = None if settings.voc_mirrors and count < ALL else release.size
    part = download.Part(path, urls, settings, size, release.digests)
    if count < ALL:
        source, only, end = stream.first(count, part, progress)
        of_all = f" of the archive's {megabytes(part.total)}" if part.total else ""
        return source, only, f"streamed, {megabytes(end)}{of_all}"
    if not settings.offline:
        have = tree_size(_folder(count, settings), path.parent)
        download.need_space(path.parent, 2 * release.size - have)
    whole = download.fetch(part, progress)
    return whole, None, f"downloaded and verified, {megabytes(release.size)}"
