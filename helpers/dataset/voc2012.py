"""The official PASCAL VOC 2012 archive: all of it or its first N pictures, from net or kit."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers.fetch import archive, stream
from helpers.fetch.download import (
    KitError,
    fetch,
    kit_file,
    megabytes,
    need_space,
    refuse_offline,
)
from helpers.settings import VOC2012

FROM_KIT = "from the kit, verified"


@dataclass(frozen=True)
class Here:
    """A PASCAL VOC that is all here: its folder and the ids to keep to (None: all in it)."""

    folder: Path
    only: frozenset[str] | None
    note: str


def full(settings, release=VOC2012, progress=True):
    """Return the `Here` of the whole release, fetched, verified and unpacked where it is not yet.

    Needs twice the archive's size on disk for a while; the archive is deleted once unpacked.
    Raises DownloadError or ArchiveError.
    """
    folder = settings.data / "datasets" / "voc"
    kept = settings.data / "downloads" / release.file
    if archive.read_marker(folder):
        kept.unlink(missing_ok=True)
        return Here(folder, None, "here already")
    source, note = _whole_archive(kept, settings, release, progress)
    archive.unpack(source, folder, progress)
    kept.unlink(missing_ok=True)
    return Here(folder, None, note)


def first(count, settings, release=VOC2012, progress=True):
    """Return the `Here` of the release's first `count` pictures, streamed where they are not yet.

    A larger set that is here already, or the kit's archive, spares the network. Raises
    DownloadError.
    """
    folder = settings.data / "datasets" / f"voc-{count}"
    if archive.read_marker(folder):
        return Here(folder, None, "here already" + _all_of(folder, count))
    larger = _larger(count, settings)
    if larger:
        return larger
    if settings.kit:
        sources = (kit_archive(settings.kit, release, progress),)
    elif settings.offline:
        refuse_offline(f"The first {count:,} pictures of PASCAL VOC")
    else:
        sources = settings.voc_mirrors or release.urls
    size = release.size if sources is release.urls else None
    done = stream.first(count, sources, folder, size, settings.timeout, progress=progress)
    note = f"streamed, {megabytes(done['taken'])}"
    if done["total"]:
        note += f" of the archive's {megabytes(done['total'])}"
    return Here(folder, None, (FROM_KIT if settings.kit else note) + _all_of(folder, count))


def here(settings):
    """Return the names of the sets that are all here, the largest first: "voc", "voc-2000"…"""
    found = [p.parent.name for p in settings.data.glob("datasets/voc*/" + archive.MARKER)]
    sizes = {name: _count(name) for name in found}
    return sorted((n for n in found if sizes[n]), key=sizes.get, reverse=True)


def order(folder):
    """Return the ids of the pictures in `folder` in their archive's order, if that is known."""
    marker = archive.read_marker(folder)
    paths = (PurePosixPath(file) for file in marker.get("files", ()))
    found = [path.stem for path in paths if path.parent.name == "JPEGImages"]
    return marker.get("pictures") or found


def kit_name(kit, release=VOC2012):
    """Return the name of the largest VOC archive in the folder `kit`: "voc" or "voc-N"."""
    names = [path.stem for path in Path(kit).glob("voc/voc-*.tar") if _count(path.stem)]
    if (Path(kit) / "voc" / release.file).exists():
        names.append("voc")
    if not names:
        raise KitError(
            f"The kit {kit} has no PASCAL VOC archive in its folder voc. Build it again with "
            "`make kit`, or set BOOTCAMP_DATASET=sample."
        )
    return max(names, key=_count)


def kit_archive(kit, release=VOC2012, progress=True):
    """Return the largest VOC archive of the folder `kit`, verified."""
    name = kit_name(kit, release)
    return kit_file(kit, f"voc/{release.file if name == 'voc' else name + '.tar'}", progress)


def _whole_archive(path, settings, release, progress):
    """Return (file, note) of the whole archive, from the kit or fetched to `path`."""
    if settings.kit:
        return kit_file(settings.kit, f"voc/{release.file}", progress), FROM_KIT
    if not settings.offline:
        here = _bytes_in(path.parent.parent / "datasets" / "voc", path)
        need_space(path.parent, 2 * release.size - here)
    urls, rest = settings.voc_mirrors or release.urls, (settings.offline, settings.timeout)
    fetch(urls, path, release.size, dict(release.digests), *rest, progress=progress)
    return path, f"fetched and verified, {megabytes(release.size)}"


def _larger(count, settings):
    """Return the `Here` of `count` pictures within a larger set that is here, or None."""
    for name in here(settings):
        folder = settings.data / "datasets" / name
        ids = order(folder)
        if len(ids) >= count:
            return Here(folder, frozenset(ids[:count]), f"part of {name}, here already")
    return None


def _all_of(folder, count):
    """Return a remark where the archive had fewer than the `count` pictures asked for."""
    have = len(order(folder))
    return f", {have:,} is all that the archive has" if have < count else ""


def _count(name):
    """Return N of "voc-N", a number above all of them for "voc", and 0 for other names."""
    if name == "voc":
        return 10**9
    number = name.removeprefix("voc-")
    return int(number) if number.isdecimal() and name != number else 0


def _bytes_in(folder, file):
    """Return how many bytes of archive and unpacked pictures are here from an earlier run."""
    paths = [file, file.with_name(file.name + ".part"), *folder.rglob("*")]
    return sum(path.stat().st_size for path in paths if path.is_file())
