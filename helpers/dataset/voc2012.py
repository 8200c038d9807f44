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

FROM_KIT = "from the kit, verified"


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
        sources = _sources(count, settings, progress)
        if count == ALL:
            note = _fetch_whole(sources, settings, progress)
        else:
            note = _stream_first(count, sources, settings, progress)
    have = count if only else len(ids_here(settings)[count])
    if have < count < ALL:
        note += f", {have:,} is all that the archive has"
    if count == ALL:
        _archive_path(settings).unlink(missing_ok=True)  # unpacked, it is of no further use
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
    if (folder / settings.voc_release.file).exists():
        counts.append(ALL)
    if not any(counts):
        raise KitError(
            f"The kit {settings.kit} has no PASCAL VOC archive in its folder voc. Build it again "
            "with `make kit`, or set BOOTCAMP_DATASET=sample."
        )
    return max(counts)


def set_name(count: float) -> str:
    """Return the name of the set of the first `count` pictures: "voc-2000", or "voc" for `ALL`."""
    return "voc" if count == ALL else f"voc-{count}"


def _count(name):
    """Return the count of the set called `name`, and 0 for other names."""
    number = name.removeprefix("voc-")
    return ALL if name == "voc" else int(number) if number.isdecimal() and name != number else 0


def _sources(count, settings, progress):
    """Return where to get `count` pictures: the kit's archive, verified, or addresses."""
    if not settings.kit:
        return settings.voc_mirrors or settings.voc_release.urls
    largest = ALL if count == ALL else kit_count(settings)
    file = settings.voc_release.file if largest == ALL else f"{set_name(largest)}.tar"
    return [kit_file(settings.kit, f"voc/{file}", progress)]


def _fetch_whole(sources, settings, progress):
    """Put the whole release into its folder, and return in words where it came from."""
    folder, path = settings.data / "datasets" / "voc", _archive_path(settings)
    release, note = settings.voc_release, FROM_KIT
    if settings.kit:
        path = sources[0]
    else:
        if not settings.offline:
            need_space(path.parent, 2 * release.size - tree_size(folder, path.parent))
        fetch(sources, path, settings, progress, release.size, release.digests)
        note = f"downloaded and verified, {megabytes(release.size)}"
    archive.unpack(path, folder, progress)
    return note


def _stream_first(count, sources, settings, progress):
    """Put the first `count` pictures into their folder, and return in words where from."""
    folder = settings.data / "datasets" / set_name(count)
    size = settings.voc_release.size if sources is settings.voc_release.urls else None
    done = stream.first(count, sources, folder, settings, progress, size)
    if settings.kit:
        return FROM_KIT
    total = f" of the archive's {megabytes(done['total'])}" if done["total"] else ""
    return f"streamed, {megabytes(done['taken'])}{total}"


def _archive_path(settings):
    """Return where the whole archive is kept until it is unpacked."""
    return settings.data / "downloads" / settings.voc_release.file
