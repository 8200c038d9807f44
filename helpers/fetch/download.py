"""One verified download: mirrors in order, resumed where it stopped, named only when right."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from helpers.errors import PlainError
from helpers.fetch.remote import RemoteError, open_at
from helpers.files import durable_replace, read_json, write_json
from helpers.settings import Settings

MARGIN = 50 << 20
"""Bytes that must stay free on the disk beyond what is fetched."""

ATTEMPTS = 3


class DownloadError(PlainError, RuntimeError):
    """A file that could not be fetched from anywhere; the text lists what was tried."""


class KitError(DownloadError):
    """A workshop kit that lacks a file, or holds one that isn't as it was packed."""


def fetch(
    urls: Sequence[str],
    path: Path,
    settings: Settings,
    progress: bool = True,
    size: int | None = None,
    digests: Iterable[tuple[str, str]] = (),
) -> Path:
    """Return `path`, downloaded from the first of `urls` that gives the right bytes.

    `size` is in bytes, `digests` holds (algorithm, hex) pairs. A file under its final name
    is complete and isn't downloaded again. After an interruption the next call continues; nothing
    is appended to another version of the file, and wrong bytes are thrown away. Raises
    DownloadError.
    """
    if path.is_file() and size in (None, path.stat().st_size):
        return path
    refuse_offline(path.name, settings)
    job = _Download(path, size, tuple(digests), settings.timeout, progress)
    need_space(path.parent, (size or 0) - job.have())
    path.parent.mkdir(parents=True, exist_ok=True)
    return from_any(path.name, urls, job.run, lambda: (len(job.doubted), job.have()), settings)


def from_any(
    what: str, sources: Sequence, attempt: Callable, reached: Callable, settings: Settings
) -> Any:
    """Return `attempt(source)` of the first source that succeeds; it raises RemoteError if not.

    A transient fault is retried, after a pause that doubles, until `ATTEMPTS` in a row have failed
    without `reached()` growing. Raises DownloadError, with a table of (address, reason).
    """
    tried = {}
    for source in sources:
        best, failures = reached(), 0
        while True:
            try:
                return attempt(source)
            except RemoteError as error:
                failures = 0 if reached() > best else failures + 1
                best, reason = max(best, reached()), str(error)
                if not error.again or failures == ATTEMPTS:
                    break
            time.sleep(settings.timeout / 20 * 2**failures)
        tried[str(source)] = reason
    width = max(map(len, tried))
    rows = "\n".join(f"  {source:<{width}}  {reason}" for source, reason in tried.items())
    raise DownloadError(
        f"{what} could not be fetched. What was tried, and why it failed:\n{rows}\n"
        "What arrived is kept: run this again on a better network to continue from there, or set "
        "BOOTCAMP_DATASET=sample to continue without it."
    )


def need_space(folder: Path, size: int) -> None:
    """Raise DownloadError unless `size` bytes and a margin fit on the disk of `folder`."""
    folder = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if size > 0 and free < size + MARGIN:
        raise DownloadError(
            f"This needs {megabytes(size)}, but the disk of {folder} has only {megabytes(free)} "
            "left. Free some space, or set BOOTCAMP_DATA to a folder on a larger disk."
        )


def refuse_offline(what: str, settings: Settings) -> None:
    """Raise DownloadError when BOOTCAMP_OFFLINE forbids the network."""
    if settings.offline:
        raise DownloadError(
            f"{what}: not here yet, and BOOTCAMP_OFFLINE=1 forbids fetching it. Unset it, or set "
            "BOOTCAMP_DATASET=sample to go on with the bootcamp's own drawings."
        )


def megabytes(size: int) -> str:
    """Return `size` in bytes as text in MB or GB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def kit_file(kit: Path, name: str, progress: bool = True) -> Path:
    """Return the path of the file `name` ("voc/voc-2000.tar") of the folder `kit`, verified.

    The kit's `SHA256SUMS` has the digests, one "hex  name" per line. Raises KitError.
    """
    path = kit / name
    try:
        lines = (kit / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        digest = next(line.partition("  ")[0] for line in lines if line.endswith(f"  {name}"))
        wrong = _fault(path, [("sha256", digest)], progress)
    except (OSError, StopIteration) as error:
        raise KitError(
            f"The kit {kit} has no {name}, or no SHA256SUMS that names it. Copy all of it again."
        ) from error
    if wrong:
        raise KitError(f"{name} in the kit {kit} is damaged. Copy the kit again.")
    return path


class _Download:
    """A file on its way: what it must be, and the part of it that is here.

    The part outlives a killed run, so it has a fixed name; a note beside it holds the address and
    the version that it came from.
    """

    def __init__(self, path, size, digests, timeout, progress):
        self.path, self.size, self.digests = path, size, digests
        self.timeout, self.progress, self.doubted = timeout, progress, set()
        self.part = path.with_name(path.name + ".part")
        self.note = path.with_name(path.name + ".part.json")

    def have(self):
        return self.part.stat().st_size if self.part.exists() else 0

    def run(self, url):
        """Return the path, with its bytes from `url`; raise RemoteError if they are wrong."""
        pieces = self._receive(url)
        wrong = f"it sent {self.have():,} bytes instead of {self.size or 0:,}"
        if self.size in (None, self.have()):
            wrong = _fault(self.part, self.digests, self.progress)
        if wrong:
            self.part.unlink()
            self.note.unlink(missing_ok=True)
            again = pieces and url not in self.doubted  # perhaps pieces of different files
            self.doubted.add(url)
            raise RemoteError(wrong, again)
        durable_replace(self.part, self.path)
        self.note.unlink(missing_ok=True)
        return self.path

    def _receive(self, url):
        """Append to the part what `url` gives from there on; return whether one was kept."""
        start, version = self._resume_point(url)
        if start == self.size:
            return True
        with (
            closing(open_at(url, start, version, self.size, self.timeout)) as body,
            self.part.open("ab" if body.start else "wb") as file,
            byte_bar(self.path.name, self.size or body.total, body.start, self.progress) as bar,
        ):
            write_json(self.note, {"url": url, "version": body.version})
            while data := body.read(1 << 16):
                file.write(data)
                if bar.total is not None and file.tell() > bar.total:
                    raise RemoteError("it sends more bytes than the file has")
                bar.update(len(data))
        return body.start > 0

    def _resume_point(self, url):
        """Return (bytes to keep, version to ask for) of an interrupted download.

        Bytes from another address are kept only when a digest will judge the whole.
        """
        note, have = read_json(self.note), self.have()
        if self.size is not None and have > self.size:
            have = 0
        if note.get("url") == url and note.get("version"):
            return have, note["version"]
        return have if self.digests else 0, ""


def _fault(path, digests, progress):
    """Return in words which of `digests` the file doesn't have, or None."""
    if not digests:
        return None
    sums = {name: hashlib.new(name, usedforsecurity=False) for name, _ in digests}
    with (
        path.open("rb") as file,
        byte_bar(f"verifying {path.name}", path.stat().st_size, 0, progress) as bar,
    ):
        while data := file.read(1 << 20):
            for digest in sums.values():
                digest.update(data)
            bar.update(len(data))
    wrong = [name for name, right in digests if sums[name].hexdigest() != right.lower()]
    return f"its bytes are not the right ones ({wrong[0]} differs)" if wrong else None


def byte_bar(what: str, total: int | None, start: int, progress: bool) -> tqdm:
    """Return a bar of bytes with rate and time left; it shows up after a second."""
    look = {"unit": "B", "unit_scale": True, "delay": 1, "disable": not progress}
    return tqdm(desc=what, total=total, initial=start, **look)
