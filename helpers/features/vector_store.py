"""Vectors on disk, written as they are made: what was computed once is never computed again.

A store is a folder of three files. `vectors-N.f32` holds one row of float32 per picture,
`rows-N.jsonl` says which picture and which file each row was made of, and `manifest.json` says how
the vectors were made and how many rows count. Rows are appended first and the manifest is replaced
after them in one step, so a run that is killed at any moment loses at most its last batch: what is
beyond the manifest's count is cut off when the store is next opened for writing.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.dataset.pictures import Picture
from helpers.errors import PlainError
from helpers.files import file_lock, read_json, write_json


class StoreError(PlainError, ValueError):
    """A store that was made in another way than asked for, or that another program is writing."""


@dataclass(frozen=True)
class Fingerprint:
    """Which file a vector was made of: its size in bytes, time of change, and SHA-256."""

    id: str
    path: str
    size: int
    mtime_ns: int
    sha256: str


class Store:
    """A table of vectors; `provenance` names the extractor, the weights and the dimension.

    Made directly, it only reads; `open_for_writing` gives one that may be written. Raises
    StoreError, naming both, when the vectors in `folder` were made with another `provenance`.
    """

    def __init__(self, folder: Path, provenance: Mapping[str, object]):
        """Read what the store in `folder` holds, if anything."""
        self.folder, self.dim = Path(folder), provenance["dim"]
        new = {**provenance, "dtype": "float32", "part": 0, "count": 0}
        self.manifest = read_manifest(folder) or new
        self._check_provenance(provenance)
        self.fingerprints = self._read_fingerprints()
        # A picture that was done again has two rows; the later one counts.
        self.row_of = {each.id: row for row, each in enumerate(self.fingerprints)}
        self._times_changed = False

    def done(self, picture: Picture) -> bool:
        """Return whether `picture`'s file is the one its vector was made of."""
        row = self.row_of.get(picture.id)
        if row is None:
            return False
        known = self.fingerprints[row]
        try:
            status = os.stat(picture.path)
            if (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns):
                return True
            if status.st_size != known.size or read_file(picture)[0].sha256 != known.sha256:
                return False
        except OSError:
            return False
        # Touched but not changed: remember the new time, so that it isn't read again.
        self.fingerprints[row] = replace(known, mtime_ns=status.st_mtime_ns)
        self._times_changed = True
        return True

    def append(self, fingerprints: Sequence[Fingerprint], vectors: NDArray[np.float32]) -> None:
        """Add a row for each of `fingerprints`, (n, dim); they are safe when this returns."""
        _append(self._vectors_file, np.ascontiguousarray(vectors, "<f4"))
        _append(self._rows_file, _json_lines(fingerprints))
        for each in fingerprints:
            self.row_of[each.id] = len(self.fingerprints)
            self.fingerprints.append(each)
        self._commit(count=len(self.fingerprints))

    def forget(self, name: str) -> None:
        """Leave out the picture `name`, whose file can no longer be read."""
        self.row_of.pop(name, None)

    def vectors(self, ids: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return the vectors of `ids` in that order, (n, dim); all of them when None.

        Where they are in that order on disk they stay there until they are used (a private memory
        map: changing them changes no file).
        """
        rows = list(self.row_of.values()) if ids is None else [self.row_of[name] for name in ids]
        if not rows:
            return np.empty((0, self.dim), np.float32)
        shape = (len(self.fingerprints), self.dim)
        table = np.memmap(self._vectors_file, "<f4", "c", shape=shape)
        in_order = rows == [*range(len(rows))]
        return np.asarray(table[: len(rows)] if in_order else table[rows])

    def compact(self, ids: Sequence[str], skipped: Sequence[tuple[str, str]] = ()) -> None:
        """Put the rows of `ids` first and in that order, drop what is gone, note what was skipped.

        Rows of other pictures stay as long as their files do: asking for fewer loses nothing.
        """
        asked = set(ids)
        others = {name: self.fingerprints[row].path for name, row in self.row_of.items()}
        kept = [name for name, path in others.items() if name not in asked and os.path.exists(path)]
        wanted = [*ids, *kept]
        if self._times_changed or wanted != [each.id for each in self.fingerprints]:
            self._rewrite(wanted)
        self._commit(skipped=[list(pair) for pair in skipped])

    def _rewrite(self, wanted):
        """Put the rows of `wanted` into a new part; the old one is deleted at the next opening."""
        vectors = self.vectors(wanted)
        fingerprints = [self.fingerprints[self.row_of[name]] for name in wanted]
        self.manifest["part"] += 1
        self.fingerprints, self.row_of = [], {}
        self.append(fingerprints, vectors)

    @property
    def _vectors_file(self):
        return self.folder / f"vectors-{self.manifest['part']}.f32"

    @property
    def _rows_file(self):
        return self.folder / f"rows-{self.manifest['part']}.jsonl"

    def _commit(self, **changes):
        """Replace the manifest in one step: from here on the new rows count."""
        self.manifest.update(changes)
        write_json(self.folder / "manifest.json", self.manifest)

    def _check_provenance(self, provenance):
        """Raise StoreError when the vectors here were not made as asked."""
        for key, asked in provenance.items():
            if self.manifest.get(key) != asked:
                raise StoreError(
                    f"{self.folder} holds vectors with {key} {self.manifest.get(key)!r}, but "
                    f"{asked!r} was asked for. Vectors made in different ways can't be compared: "
                    "use the other extractor, or delete that folder to make them again."
                )

    def _read_fingerprints(self):
        """Return those that count: as many as the manifest says and both files hold whole."""
        if not (self._rows_file.exists() and self._vectors_file.exists()):
            return []
        lines = self._rows_file.read_bytes().split(b"\n")[:-1]
        held = self._vectors_file.stat().st_size // (4 * self.dim)
        count = min(self.manifest["count"], len(lines), held)
        return [Fingerprint(**json.loads(line)) for line in lines[:count]]

    def _clean_up(self):
        """Delete superseded parts; cut off what a killed run left beyond the rows that count."""
        whole = {self._vectors_file: 4 * self.dim * len(self.fingerprints)}
        whole[self._rows_file] = len(_json_lines(self.fingerprints))
        for pattern in ("vectors-*.f32", "rows-*.jsonl", ".*.part"):
            for path in {*self.folder.glob(pattern)} - whole.keys():
                with suppress(PermissionError):  # Windows keeps what is still mapped; next time
                    path.unlink()
        for path, size in whole.items():
            if path.exists() and path.stat().st_size != size:
                os.truncate(path, size)
        if self.manifest["count"] != len(self.fingerprints):
            self._commit(count=len(self.fingerprints))


@contextmanager
def open_for_writing(folder: Path, provenance: Mapping[str, object]) -> Iterator[Store]:
    """Yield the Store in `folder`, a new one if need be, that nobody else may write meanwhile.

    Raises StoreError when another program is writing it, or it was made in another way.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(Path(folder) / "lock"))
        except BlockingIOError:
            raise StoreError(
                f"Another program is writing to {folder}. Wait until it's done, or shut down the "
                "notebook that runs it."
            ) from None
        store = Store(folder, provenance)
        store._clean_up()
        yield store


def read_manifest(folder: Path) -> dict:
    """Return the manifest in `folder`, {} when there is none."""
    return read_json(Path(folder) / "manifest.json")


def read_file(picture: Picture) -> tuple[Fingerprint, bytes]:
    """Return the Fingerprint of a picture's file, and its content. Raises OSError."""
    path = Path(picture.path)
    status = path.stat()  # before reading, so that a change meanwhile is noticed next time
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    return Fingerprint(picture.id, str(path), status.st_size, status.st_mtime_ns, digest), raw


def _json_lines(fingerprints):
    """Return the fingerprints as JSON, one line each."""
    return "".join(json.dumps(asdict(each)) + "\n" for each in fingerprints).encode()


def _append(path, raw):
    """Add `raw` to a file and wait until the disk has it."""
    with path.open("ab") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
