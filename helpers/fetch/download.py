"""One verified fetch: mirrors in order, resumed where it stopped, named only when it is right."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from helpers.errors import PlainError
from helpers.fetch.remote import RemoteError, open_at, retry
from helpers.files import read_json, write_json

MARGIN = 50 << 20
"""Bytes that must stay free on the disk beyond what is fetched."""


class DownloadError(PlainError, RuntimeError):
    """A file that could not be had from anywhere; the text holds what was tried."""


@dataclass(frozen=True)
class Target:
    """What a file must be: its size in bytes and digests such as {"sha1": "4e44…"}, if known."""

    path: Path
    size: int | None = None
    digests: tuple[tuple[str, str], ...] = ()

    @property
    def part(self):
        """Return where the bytes gather until they are all there and right."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def note(self):
        """Return where it is noted which address and version the part came from."""
        return self.path.with_name(self.path.name + ".part.json")


def fetch(urls, path, size=None, digests=None, offline=False, timeout=20, pause=1.0, progress=True):
    """Return `path`, fetched from the first of `urls` that gives the right bytes.

    `size` in bytes, `digests` {algorithm: hex}, `timeout` seconds of silence, `pause` seconds
    before a second try. A file that has its name is right and is not fetched again. Interrupted
    at any byte, the next call goes on from there; nothing is appended to another version of the
    file, and what turns out wrong is thrown away. Raises DownloadError.
    """
    target = Target(Path(path), size, tuple((digests or {}).items()))
    if target.path.is_file() and size in (None, target.path.stat().st_size):
        return target.path
    if offline:
        refuse_offline(target.path.name)
    need_space(target.path.parent, (size or 0) - _have(target))
    tried = []
    for url in urls:
        try:
            _from(url, target, timeout, pause, progress)
            return target.path
        except RemoteError as error:
            tried.append((url, str(error)))
    raise DownloadError(all_failed(target.path.name, tried))


def verify(path, digests, progress=True):
    """Return the first (algorithm, hex) of `digests` that the file does not have, or None."""
    if not digests:
        return None
    sums = {name: hashlib.new(name, usedforsecurity=False) for name, _ in digests}
    size = path.stat().st_size
    with (
        path.open("rb") as file,
        _bar(f"verifying {path.name}", size, 0, progress) as bar,
    ):
        while data := file.read(1 << 20):
            for digest in sums.values():
                digest.update(data)
            bar.update(len(data))
    return next(((n, h) for n, h in digests if sums[n].hexdigest() != h.lower()), None)


def need_space(folder, size):
    """Raise DownloadError unless `size` bytes and a margin fit on the disk of `folder`."""
    there = Path(folder)
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if size > 0 and free < size + MARGIN:
        raise DownloadError(
            f"This needs {megabytes(size)} and the disk of {there} has {megabytes(free)} left. "
            "Free some, or set BOOTCAMP_DATA to a folder on a larger disk."
        )


def refuse_offline(what):
    """Raise the DownloadError that BOOTCAMP_OFFLINE asks for."""
    raise DownloadError(
        f"{what} is not here, and BOOTCAMP_OFFLINE=1 forbids to fetch it. Unset it, or set "
        "BOOTCAMP_DATASET=sample to go on with the bootcamp's own drawings."
    )


def all_failed(what, tried):
    """Return the text, with a table of (address, reason), for when every address failed."""
    width = max((len(str(source)) for source, _ in tried), default=0)
    rows = "\n".join(f"  {source!s:<{width}}  {reason}" for source, reason in tried)
    return (
        f"{what} could not be fetched. What was tried, and why it failed:\n{rows}\n"
        "What came is kept: run this again on a better network to go on from there, or set "
        "BOOTCAMP_DATASET=sample to go on without it."
    )


def log(line, progress):
    """Print `line` without tearing a bar, where `progress` is True."""
    if progress:
        tqdm.write(line)


def megabytes(size):
    """Return `size` in bytes as text in MB or GB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _from(url, target, timeout, pause, progress, last=False):
    """Give `target` its bytes from `url`; raise RemoteError when they do not come or are wrong."""
    target.path.parent.mkdir(parents=True, exist_ok=True)
    starts = []
    retry(lambda: _continue(url, target, timeout, progress, starts), lambda: _have(target), pause)
    wrong = verify(target.part, target.digests, progress)
    if wrong:
        _forget(target)
        if any(starts) and not last:  # perhaps pieces of different files: once more from 0
            return _from(url, target, timeout, pause, progress, last=True)
        raise RemoteError(f"its bytes are not the right ones ({wrong[0]} differs)")
    os.replace(target.part, target.path)
    target.note.unlink(missing_ok=True)
    return None


def _continue(url, target, timeout, progress, starts):
    """Append to the part what `url` gives from there on; add the first byte's place to `starts`."""
    start, version = _resume_point(url, target)
    if target.size is not None and start == target.size:
        starts.append(start)
        return
    with open_at(url, start, version, timeout) as body:
        starts.append(body.start)
        if target.size is not None and body.total not in (None, target.size):
            raise RemoteError(f"it offers {body.total:,} bytes where {target.size:,} are right")
        write_json(target.note, {"url": url, "version": body.version})
        _copy(body, target, progress)
    have = _have(target)
    if have != (target.size if target.size is not None else have):
        _forget(target)
        raise RemoteError(f"it sent {have:,} bytes where {target.size:,} are right")


def _copy(body, target, progress):
    """Write the bytes of `body` to the part, from `body.start` on."""
    size = target.size or body.total
    with (
        target.part.open("ab" if body.start else "wb") as file,
        _bar(target.path.name, size, body.start, progress) as bar,
    ):
        while data := body.read(1 << 20):
            file.write(data)
            if size is not None and file.tell() > size:
                raise RemoteError("it sends more bytes than the file has")
            bar.update(len(data))


def _resume_point(url, target):
    """Return (bytes to keep, version to ask for) of an interrupted fetch.

    Bytes from another address are kept only when a digest will judge the whole.
    """
    note = read_json(target.note)
    same = note.get("url") == url and note.get("version")
    have = _have(target)
    if target.size is not None and have > target.size:
        have = 0
    return (have, note["version"]) if same else (have if target.digests else 0, "")


def _have(target):
    """Return how many bytes of `target` are here."""
    return target.part.stat().st_size if target.part.exists() else 0


def _forget(target):
    """Throw away what was fetched."""
    target.part.unlink(missing_ok=True)
    target.note.unlink(missing_ok=True)


def _bar(what, total, start, progress):
    """Return a bar of bytes with rate and time left; it shows up after a second."""
    return tqdm(
        desc=what,
        total=total,
        initial=start,
        unit="B",
        unit_scale=True,
        delay=1,
        disable=not progress,
    )


class KitError(DownloadError):
    """A workshop kit that lacks a file, or holds one that is not as it was packed."""


def kit_file(kit, name, progress=True):
    """Return the path of the file `name` ("voc/voc-2000.tar") of the folder `kit`, verified.

    The kit's `SHA256SUMS` has the digest, one "hex  name" a line. Raises KitError.
    """
    path, sums = Path(kit) / name, {}
    try:
        for line in (Path(kit) / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
            digest, _, packed = line.partition("  ")
            sums[packed.strip()] = digest
        wrong = verify(path, [("sha256", sums[name])], progress)
    except (OSError, KeyError) as error:
        raise KitError(
            f"The kit {kit} has no {name}, or no SHA256SUMS that names it. Copy the whole kit "
            "again."
        ) from error
    if wrong:
        raise KitError(f"{name} in the kit {kit} is damaged. Copy the kit again.")
    return path
