"""The first N pictures of PASCAL VOC without the 2 GB: read the archive's stream and stop early.

A partly read archive can't be checked against its digest, which covers the whole file. Instead,
every header has a checksum of its own, a picture that doesn't decode goes to the ledger, and a size
or version that changes midway is noticed.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from helpers.fetch.archive import MARKER, ArchiveError, members, save
from helpers.fetch.download import DownloadError, from_any, megabytes, need_space, refuse_offline
from helpers.fetch.remote import RemoteError, open_at
from helpers.files import durable_replace, read_json, write_json
from helpers.settings import Settings

STATE = ".stream.json"
ANOTHER_FILE = "it holds a different file than the one that was begun"
BYTES_PER_PICTURE = 130_000
BYTES_OF_ANNOTATIONS = 80 << 20


def first(
    count: int,
    sources: Sequence[str | Path],
    folder: Path,
    settings: Settings,
    progress: bool = True,
    size: int | None = None,
) -> dict:
    """Put the first `count` pictures of a VOC archive and their annotations into `folder`.

    `sources` are addresses or Paths of one archive, tried in order, of `size` bytes where that is
    known; its members may come in any order. Returns what the marker in `folder` then holds:
    "source", "total" and "taken" (bytes) and "pictures" (ids in the archive's order), fewer than
    `count` when the archive has no more. After an interruption, the next call
    continues after the last complete member. Raises DownloadError.
    """
    what = f"The first {count:,} pictures of PASCAL VOC"
    strangers = [path for path in folder.glob("*") if path.suffix != ".part"]
    if strangers and not (folder / STATE).exists():
        raise DownloadError(f"{folder} holds other files. Stream into an empty folder.")
    if not all(isinstance(source, Path) for source in sources):
        refuse_offline(what, settings)
    need_space(folder, count * BYTES_PER_PICTURE + BYTES_OF_ANNOTATIONS)
    look = {"unit": " pictures", "delay": 1, "disable": not progress}
    with tqdm(desc="streaming VOC", total=count, **look) as bar:
        stream = _Stream(count, sources, folder, settings.timeout, size, bar)
        return from_any(what, sources, stream.run, lambda: stream.state.offset, settings)


@dataclass
class _State:
    """How far a stream came, in all `taken` bytes, and which file gave what is kept.

    `offset` is the start of the next member; what came before it is from `source`.
    """

    source: str = ""
    version: str = ""
    total: int | None = None
    offset: int = 0
    taken: int = 0
    pictures: list[str] = field(default_factory=list)


class _Stream:
    """One attempt after another at the same goal, and what they have so far."""

    def __init__(self, count, sources, folder, timeout, size, bar):
        self.count, self.sources, self.folder = count, [str(source) for source in sources], folder
        self.timeout, self.size, self.bar = timeout, size, bar
        self.state = _State(**read_json(folder / STATE))
        bar.n = bar.initial = len(self.state.pictures)
        self._save()

    def run(self, source):
        """Read `source` from where the last attempt stopped; return the marker's content."""
        if not self._complete():
            self._read_on(source)
        if not self.state.pictures:
            self._forget()
            raise RemoteError("it holds no pictures of PASCAL VOC")
        return self._finish()

    def _read_on(self, source):
        """Read on until everything wanted is here or the archive ends; raise RemoteError."""
        begun, before = self.state.offset, self.state.taken
        known = str(source) == self.state.source  # never at offset 0
        version = self.state.version if known else ""
        with closing(open_at(source, begun, version, self.size, self.timeout)) as body:
            self._assert_same(body, known)
            try:
                self._walk(source, body, before)
            except ArchiveError as error:
                if known and begun == self.state.offset and not body.version:
                    self._forget()  # without a version, only this tells that the file changed
                    raise RemoteError(ANOTHER_FILE, again=True) from error
                # What came before is good: the next address may go on from there.
                raise RemoteError(str(error)) from error
            finally:
                self.state.taken = before + body.taken
                self._save()

    def _assert_same(self, body, known):
        """Begin again, or raise RemoteError, if `body` isn't the file that the rest came from."""
        state = self.state
        same = body.total == state.total and (not known or body.version == state.version)
        if state.offset and not same:
            if not known and state.source in self.sources:
                raise RemoteError(ANOTHER_FILE)
            self._forget()
            if body.start:
                raise RemoteError(ANOTHER_FILE, again=True)

    def _walk(self, source, body, before):
        """Take members off `body` until everything wanted is here or the archive ends."""
        state = self.state
        body.skip_to(state.offset)  # a server without Range sends what we have once more
        for member in members(body.read, state.offset):
            taken = self._take(member)
            state.source, state.version, state.total = str(source), body.version, body.total
            state.offset, state.taken = member.end, before + body.taken
            if taken and self._complete():
                return
            if time.monotonic() - self.saved > 0.5:
                self._save()

    def _take(self, member):
        """Save `member` and return True when it is a wanted picture or annotation."""
        kind, stem, pictures = member.path.parent.name, member.path.stem, self.state.pictures
        room = len(pictures) < self.count
        # Ctrl-C may have struck after a picture was noted and before the offset moved behind it.
        is_picture = kind == "JPEGImages" and room and stem not in pictures
        wanted = is_picture or (kind == "Annotations" and (room or stem in pictures))
        if wanted:
            save(member, self.folder / kind / member.path.name)
        if is_picture:
            pictures.append(stem)
            self.bar.update()
        return wanted

    def _complete(self):
        annotations, pictures = self.folder / "Annotations", self.state.pictures
        full = len(pictures) >= self.count
        return full and all((annotations / f"{stem}.xml").exists() for stem in pictures)

    def _finish(self):
        """Remove what isn't wanted, write the marker and return its content."""
        keep = set(self.state.pictures)
        for path in [p for p in self.folder.rglob("*") if p.is_file() and p.name != STATE]:
            if path.stem not in keep or path.suffix == ".part":  # what a killed run left
                path.unlink()
        self._save()
        durable_replace(self.folder / STATE, self.folder / MARKER)
        return asdict(self.state)

    def _forget(self):
        """Begin again from the first byte, with an empty folder."""
        for kind in ("Annotations", "JPEGImages"):
            shutil.rmtree(self.folder / kind, ignore_errors=True)
        self.state = _State(taken=self.state.taken)
        self.bar.reset()

    def _save(self):
        write_json(self.folder / STATE, asdict(self.state))
        self.saved = time.monotonic()
        self.bar.set_postfix_str(megabytes(self.state.taken), refresh=False)
