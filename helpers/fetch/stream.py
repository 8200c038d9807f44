"""The first N pictures of PASCAL VOC without the 2 GB: download its archive only as far as needed.

A part of an archive can't be checked against its digest, which covers the whole file. Instead,
every header has a checksum of its own, a picture that doesn't decode goes to the ledger, and a size
or version that changes midway is noticed.
"""

from contextlib import closing
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tqdm.auto import tqdm

from helpers.fetch.archive import ArchiveError, TruncatedArchiveError, members
from helpers.fetch.download import Part, from_any, need_space, refuse_offline
from helpers.fetch.remote import RemoteError

BYTES_PER_PICTURE = 130_000
BYTES_OF_ANNOTATIONS = 80 << 20


class Extract(NamedTuple):
    """The `paths` of some files of an `archive`, the last of which ends at the offset `end`."""

    archive: Path
    paths: set[PurePosixPath]
    end: int


def first(count: int, part: Part, progress: bool = True) -> Extract:
    """Return where the first `count` pictures of a VOC archive and their annotations are.

    The archive is downloaded, but only as far as it holds these; for more of it, or all of it, the
    next download goes on from there. Its members may come in any order. Raises DownloadError, and
    ArchiveError for a whole archive that is damaged or has no pictures.
    """
    with part.lock(progress):
        if part.is_whole(progress):
            return find(count, part.path)
        try:
            if part.have:
                return find(count, part.file)
        except TruncatedArchiveError:  # it goes on where this ends
            pass
        except ArchiveError:
            part.keep(0)
        return _fetch(count, part, progress)


def find(count: int, archive: Path) -> Extract:
    """Return where the first `count` pictures of the VOC `archive` and their annotations are.

    Raises ArchiveError, also when there are none.
    """
    with archive.open("rb") as file:
        return Extract(archive, *_find(count, file.read))


def _find(count, read, found=lambda pictures: None):
    """Return (paths, end) of what `find` looks for; call `found` with the number of pictures."""
    pictures, annotations, lacking, end = {}, {}, set(), 0
    for member in members(read):
        kind, stem, end = member.path.parent.name, member.path.stem, member.end
        if kind == "JPEGImages" and len(pictures) < count:
            pictures[stem] = member.path
            lacking |= {stem} - annotations.keys()
            found(len(pictures))
        elif kind == "Annotations":
            annotations[stem] = member.path
            lacking.discard(stem)
        if len(pictures) == count and not lacking:
            while member.file.read(1 << 16):  # so that the last file is here in full
                pass
            break
    if not pictures:
        raise ArchiveError("The archive holds no pictures of PASCAL VOC. Use another one.")
    return {*pictures.values(), *(annotations[s] for s in pictures if s in annotations)}, end


def _fetch(count, part, progress):
    """Return what `find` does, after downloading as much of `part` as is missing."""
    what, settings = f"The first {count:,} pictures of PASCAL VOC", part.settings
    refuse_offline(what, settings)
    packed = count * BYTES_PER_PICTURE + BYTES_OF_ANNOTATIONS
    need_space(part.path.parent, 2 * min(packed, settings.voc_release.size) - part.have)
    look = {"unit": " pictures", "delay": 1, "disable": not progress}
    with tqdm(desc="streaming VOC", total=count, **look) as bar:
        return from_any(what, part, partial(_read_on, count, part, bar))


def _read_on(count, part, bar, url):
    """Return what `find` does, reading first what is here and then what `url` has beyond it."""
    have, note = part.have, part.note
    try:
        with closing(part.receive(url)) as pieces:
            next(pieces, None)  # connected, and perhaps begun again
            with part.file.open("rb") as file:

                def read(size):
                    while not (data := file.read(size)) and next(pieces, None) is not None:
                        pass
                    return data

                return Extract(part.file, *_find(count, read, lambda n: bar.update(n - bar.n)))
    except TruncatedArchiveError as error:
        raise RemoteError(str(error)) from error
    except ArchiveError as error:
        # Without a version, only this tells that the file at an address has changed.
        changed = have > 0 and note.get("url") == url and not note.get("version")
        part.keep(0 if changed else have, note)
        raise RemoteError(str(error), again=changed) from error
