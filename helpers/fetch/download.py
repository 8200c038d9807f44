"""One verified download: mirrors in order, resumed where it stopped, named only when right."""

import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from helpers.errors import PlainError
from helpers.fetch.remote import RemoteError, open_at
from helpers.files import durable_replace, file_lock, read_json, write_json
from helpers.settings import Settings

MARGIN = 50 << 20
"""Bytes that must stay free on the disk beyond what is fetched."""

ATTEMPTS = 3


class DownloadError(PlainError, RuntimeError):
    """A file that could not be fetched from anywhere; the text lists what was tried."""


class KitError(DownloadError):
    """A workshop kit that lacks a file, or holds one that isn't as it was packed."""


def fetch(part: "Part", progress: bool = True) -> Path:
    """Download what `part` still lacks; return the path of the whole file.

    A file that is there and right isn't downloaded again. After an interruption the next call
    continues; nothing is appended to another version of the file, and wrong bytes are thrown away.
    Raises DownloadError.
    """
    with part.lock(progress):
        if not part.is_whole(progress):
            refuse_offline(part.path.name, part.settings)
            need_space(part.path.parent, (part.size or 0) - part.have)
            from_any(part.path.name, part, partial(_finish, part, progress))
    return part.path


def _finish(part, progress, url):
    """Fetch what `part` lacks from `url` and give it its name; raise RemoteError if it's wrong."""
    resumed = part.have > 0
    with byte_bar(part.path.name, part.size, part.have, progress) as bar:
        for _ in part.receive(url):
            bar.total = part.total
            bar.update(part.have - bar.n)
    wrong = f"it sent {part.have:,} bytes instead of {part.size or 0:,}"
    if part.size in (None, part.have):
        wrong = _fault(part.file, part.digests, progress)
    if wrong:
        part.keep(0)
        raise RemoteError(wrong, again=resumed)  # perhaps pieces of different files
    part.rename()


def from_any(what: str, part: "Part", attempt: Callable[[str], Any]) -> Any:
    """Return `attempt(url)` of the first of the `part`'s addresses that succeeds.

    `attempt` raises RemoteError when an address fails. A transient fault is retried, after a pause
    that doubles, until `ATTEMPTS` in a row have failed without bringing a single new byte. Raises
    DownloadError, with a table of (address, reason).
    """
    tried = {}
    for url in part.urls:
        best, failures = part.have, 0
        while True:
            try:
                return attempt(url)
            except RemoteError as error:
                failures = 0 if part.have > best else failures + 1
                best, reason = max(best, part.have), str(error)
                if not error.again or failures == ATTEMPTS:
                    break
            time.sleep(part.settings.timeout / 20 * 2**failures)
        tried[url] = reason
    width = max(map(len, tried), default=0)
    rows = "\n".join(f"  {url:<{width}}  {reason}" for url, reason in tried.items())
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


class Part:
    """A file on its way from one of `urls` to `path`: as much as is here, from its first byte on.

    It should be of `size` bytes and have `digests`, pairs of (algorithm, hex), where those are
    known. It outlives a killed run, so it has a fixed name. The note beside it holds the "url" and
    the "version" that it came from and the "total" of bytes; or, of the whole file, what was
    verified: its size, its time and the digests.
    """

    def __init__(
        self,
        path: Path,
        urls: Sequence[str],
        settings: Settings,
        size: int | None = None,
        digests: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.path, self.urls, self.settings = path, urls, settings
        self.size, self.digests = size, [list(pair) for pair in digests]
        self.file = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".json")

    @property
    def have(self) -> int:
        """How many bytes are here."""
        return self.file.stat().st_size if self.file.exists() else 0

    @property
    def note(self) -> dict:
        """What is known of the bytes that are here."""
        return read_json(self._note)

    @property
    def total(self) -> int | None:
        """How many bytes the whole file has, where that is known or a server has told."""
        return self.size or self.note.get("total")

    def lock(self, progress: bool) -> AbstractContextManager:
        """Return a context that is entered once no other process is fetching this file."""
        text = f"Another program is fetching {self.path.name}; waiting for it to finish."
        lock = self.path.with_name(f".{self.path.name}.lock")
        return file_lock(lock, lambda: tqdm.write(text) if progress else None)

    def is_whole(self, progress: bool) -> bool:
        """Return True when the file is at `path` with the right bytes, which is checked once."""
        if not self.path.is_file() or self.size not in (None, self.path.stat().st_size):
            return False
        if self.digests and self.note != self._verified():
            if _fault(self.path, self.digests, progress):
                return False
            with suppress(OSError):  # on a disk that can't be written, it is checked every time
                write_json(self._note, self._verified())
        return True

    def receive(self, url: str) -> Iterator[bytes]:
        """Yield what `url` sends, piece by piece, each once its new bytes are in the part.

        A server without Range sends what is here once more, and it must be the same. Raises
        RemoteError, also when `url` has another file than the one that was begun.
        """
        if self.size and self.have >= self.size:
            return
        note = self.note
        version = note.get("version", "") if note.get("url") == url else ""
        # Without a version to ask for, only a digest can tell whether the rest fits.
        start = self.have if version or self.digests else 0
        with (
            closing(open_at(url, start, version, self.size, self.settings)) as body,
            self.file.open("a+b") as file,
        ):
            if body.start and len({note.get("total"), body.total} - {None}) > 1:
                self._refuse(url, file)
            source = {"url": url, "version": body.version, "total": body.total}
            file.seek(body.start)
            while data := body.read(1 << 16):
                known = file.read(len(data))
                if not data.startswith(known):
                    self._refuse(url, file)
                if known != data and note != source:
                    note = source
                    write_json(self._note, note)
                file.write(data[len(known) :])
                file.flush()  # a reader has it open, too
                if file.tell() > (self.size or body.total or math.inf):
                    raise RemoteError("it sends more bytes than the file has")
                yield data

    def keep(self, size: int, note: dict | None = None) -> None:
        """Keep only the first `size` bytes, and the `note` that goes with them."""
        if size:
            os.truncate(self.file, size)
            write_json(self._note, note)
        else:
            self.file.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def rename(self) -> None:
        """Give the part, now whole and verified, its final name."""
        durable_replace(self.file, self.path)
        write_json(self._note, self._verified())

    def _refuse(self, url, file):
        """Raise RemoteError: `url` has another file than the one that was begun, or has now."""
        begun = self.note.get("url", url)
        if begun == url:
            file.truncate(0)
            self._note.unlink(missing_ok=True)
        raise RemoteError(
            f"it holds a different file than the one begun at {begun}; if that was the wrong one, "
            f"delete {self.file}",
            again=begun == url,
        )

    def _verified(self):
        status = self.path.stat()
        checked = {"bytes": status.st_size, "changed": status.st_mtime_ns}
        return {**checked, "digests": self.digests}


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
