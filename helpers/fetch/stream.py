"""The first N pictures of PASCAL VOC without the 2 GB: read the archive's stream and stop early.

Nothing can vouch for a file of which only a part was read: the archive's digest covers all of
it. What holds instead: every member has a header with its own checksum, a picture that does not
decode goes to the ledger, and a size or version that changes midway is noticed.
"""

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from helpers.fetch.archive import ArchiveError, members, read_marker, save, skip, write_marker
from helpers.fetch.download import DownloadError, all_failed, megabytes, need_space
from helpers.fetch.remote import RemoteError, open_at, retry
from helpers.files import read_json, write_json

STATE = ".stream.json"
ANOTHER = "it holds another file than the one that was begun"
BYTES_A_PICTURE = 130_000
BYTES_OF_ANNOTATIONS = 80 << 20


@dataclass
class State:
    """How far a stream came: `offset` is the start of the next member, `taken` bytes received."""

    source: str = ""
    version: str = ""
    total: int | None = None
    offset: int = 0
    taken: int = 0
    pictures: list[str] = field(default_factory=list)


def first(count, sources, folder, size=None, timeout=20, pause=1.0, progress=True):
    """Put the first `count` pictures of a VOC archive and their annotations into `folder`.

    `sources` are addresses or Paths of one archive, tried in order, of `size` bytes where that is
    known; its members may come in any order. Returns what the marker in `folder` then holds:
    "source", "total" and "taken" (bytes) and "pictures" (ids in the archive's order), fewer than
    `count` when the archive has no more. Interrupted, the next call asks for the rest from the
    last whole member on. Raises DownloadError.
    """
    folder = Path(folder)
    if read_marker(folder):
        return read_marker(folder)
    if not (folder / STATE).exists() and folder.is_dir() and any(folder.iterdir()):
        raise DownloadError(f"{folder} holds other files. Stream into an empty folder.")
    need_space(folder, count * BYTES_A_PICTURE + BYTES_OF_ANNOTATIONS)
    tried = []
    with Stream(count, folder, [str(source) for source in sources], size, progress) as stream:
        for source in sources:
            try:
                retry(lambda s=source: stream.run(s, timeout), stream.reached, pause)
                return stream.finish()
            except (RemoteError, ArchiveError) as error:
                tried.append((source, str(error)))
    raise DownloadError(all_failed(f"The first {count:,} pictures of PASCAL VOC", tried))


class Stream:
    """One attempt after another at the same goal, and what they have so far."""

    def __init__(self, count, folder, sources, size, progress):
        """Take up what an earlier run left in `folder`."""
        self.count, self.folder, self.sources, self.size = count, folder, sources, size
        self.state = _read_state(folder)
        self.missing = {p for p in self.state.pictures if not self._annotation(p).exists()}
        self.bar = tqdm(
            desc="streaming VOC",
            total=count,
            initial=len(self.state.pictures),
            unit=" pictures",
            delay=1,
            disable=not progress,
        )
        self._save()

    def run(self, source, timeout):
        """Read `source` from where the last attempt stopped until everything wanted is here."""
        if self._complete():
            return
        version = self.state.version if self.state.source == str(source) else ""
        with open_at(source, self.state.offset, version, timeout) as body:
            self._adopt(source, body)
            begun, before = self.state.offset, self.state.taken
            try:
                self._walk(body, before)
            except ArchiveError as error:
                if begun < self.state.offset or body.version or not begun:
                    raise  # what came before is good: the next address may go on from there
                self._forget()  # no version could tell that the file is another one since
                raise RemoteError(ANOTHER, again=True) from error
            finally:
                self.state.taken = before + body.taken
                self._save()

    def reached(self):
        """Return a number that grows as the stream gets on."""
        return self.state.offset

    def finish(self):
        """Remove what is not wanted, write the marker and return its content."""
        keep = set(self.state.pictures)
        for path in (*self.folder.glob("Annotations/*"), *self.folder.glob("JPEGImages/*")):
            if path.stem not in keep or path.suffix == ".part":
                path.unlink()
        content = {k: v for k, v in asdict(self.state).items() if k not in ("offset", "version")}
        write_marker(self.folder, content)
        (self.folder / STATE).unlink(missing_ok=True)
        return content

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *error):
        """Close the bar."""
        self.bar.close()

    def _adopt(self, source, body):
        """Go on with `body`; begin again when it is not the file that the first part came from."""
        if self.size and body.total not in (None, self.size):
            raise RemoteError(f"it offers {body.total:,} bytes where {self.size:,} are right")
        state, known = self.state, str(source) == self.state.source
        same = body.total == state.total and (not known or body.version == state.version)
        if state.offset and not same:
            if not known and state.source in self.sources:
                raise RemoteError(ANOTHER)
            self._forget()
            if body.start:
                raise RemoteError(ANOTHER, again=True)
        self.state.source, self.state.version = str(source), body.version
        self.state.total = body.total
        if not body.start:  # a server without Range sends what we have once more
            skip(body.read, self.state.offset)

    def _walk(self, body, before):
        """Take members off `body` until everything wanted is here or the archive ends."""
        for member in members(body.read, self.state.offset):
            self._take(member, body.read)
            self.state.offset = member.end
            self.state.taken = before + body.taken
            if self._complete():
                return
            if time.monotonic() - self.saved > 0.5:
                self._save()

    def _take(self, member, read):
        """Save `member` when it is a wanted picture or annotation, else pass over it."""
        kind, name, stem = member.path.parent.name, member.path.name, member.path.stem
        full = len(self.state.pictures) >= self.count
        if kind == "Annotations" and (not full or stem in self.missing):
            save(read, member.size, self.folder / kind / name)
            self.missing.discard(stem)
        elif kind == "JPEGImages" and not full:
            save(read, member.size, self.folder / kind / name)
            self.state.pictures.append(stem)
            if not self._annotation(stem).exists():
                self.missing.add(stem)
            self.bar.update()
        else:
            skip(read, member.size)

    def _complete(self):
        """Return True when all pictures and their annotations are here."""
        return len(self.state.pictures) >= self.count and not self.missing

    def _annotation(self, stem):
        """Return where the annotation of a picture lies."""
        return self.folder / "Annotations" / f"{stem}.xml"

    def _forget(self):
        """Begin again from the first byte, with an empty folder."""
        for kind in ("Annotations", "JPEGImages"):
            shutil.rmtree(self.folder / kind, ignore_errors=True)
        self.state = State(taken=self.state.taken)
        self.missing.clear()
        self.bar.reset()

    def _save(self):
        """Note how far the stream came, whole or not at all."""
        write_json(self.folder / STATE, asdict(self.state))
        self.saved = time.monotonic()
        self.bar.set_postfix_str(megabytes(self.state.taken), refresh=False)


def _read_state(folder):
    """Return the State that an earlier run left in `folder`, or a fresh one."""
    try:
        return State(**read_json(folder / STATE))
    except TypeError:
        return State()
