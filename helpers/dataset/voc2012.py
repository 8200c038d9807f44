"""PASCAL VOC 2012: all of it or its first N pictures, from here, the web or a workshop kit."""

import math
from pathlib import PurePosixPath

from helpers.dataset.pictures import Selection
from helpers.fetch import archive, stream
from helpers.fetch.download import KitError, fetch, kit_file, megabytes, need_space
from helpers.files import read_json, tree_size
from helpers.settings import Settings

ALL = math.inf
"""The count that stands for the whole release; it is larger than any other."""


def obtain(count: float, because: str, settings: Settings, progress: bool = True) -> Selection:
    """Return the `Selection` of the first `count` pictures, or of `ALL`, fetched if need be.

    A larger set that is already here, or the kit's archive, spares the network. Raises
    DownloadError or ArchiveError.
    """
    here, only, note = ids_here(settings), None, "already here"
    name = holder = set_name(count)
    larger = next((other for other, ids in here.items() if len(ids) >= count), None)
    if count not in here and larger:
        holder, only = set_name(larger), tuple(here[larger][:count])
        note = f"part of {holder}, already here"
    elif count not in here:
        note = (_from_kit if settings.kit else _from_web)(count, settings, progress)
    have = count if only else len(ids_here(settings)[count])
    if have < count < ALL:
        note += f", {have:,} is all that the archive has"
    if count == ALL:
        # Unpacked, it is of no further use.
        (settings.data / "downloads" / settings.voc_release.file).unlink(missing_ok=True)
    what = "all" if count == ALL else f"the first {count:,} pictures"
    why = f"{what} of PASCAL VOC 2012 ({note}), {because}."
    return Selection(name, why, settings.data / "datasets" / holder, only)


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
    """Return how many pictures the kit's largest VOC archive is named for: N or `ALL`."""
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


def _from_kit(count, settings, progress):
    """Put the set into its folder from the kit's archive, and return in words where from."""
    folder = settings.data / "datasets" / set_name(count)
    largest = ALL if count == ALL else kit_count(settings)
    path = kit_file(settings.kit, f"voc/{archive_name(largest, settings)}", progress)
    if count == ALL:
        archive.unpack(path, folder, progress)
    else:
        stream.first(count, [path], folder, settings, progress)
    return "from the kit, verified"


def _from_web(count, settings, progress):
    """Put the set into its folder from an address, and return in words what that took."""
    folder, release = settings.data / "datasets" / set_name(count), settings.voc_release
    urls = settings.voc_mirrors or release.urls
    if count < ALL:
        size = None if settings.voc_mirrors else release.size
        done = stream.first(count, urls, folder, settings, progress, size)
        total = f" of the archive's {megabytes(done['total'])}" if done["total"] else ""
        return f"streamed, {megabytes(done['taken'])}{total}"
    path = settings.data / "downloads" / release.file
    if not settings.offline:
        need_space(path.parent, 2 * release.size - tree_size(folder, path.parent))
    fetch(urls, path, settings, progress, release.size, release.digests)
    archive.unpack(path, folder, progress)
    return f"downloaded and verified, {megabytes(release.size)}"
