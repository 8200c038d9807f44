"""Vectors on disk, written as they are made: what was computed once is never computed again.

A store is a folder of three files. `vectors-N.f32` holds one row of float32 per picture,
`rows-N.jsonl` says which picture and which file each row was made of, and `manifest.json` says how
the vectors were made and how many rows count. Rows are appended first and the manifest is replaced
after them in one step, so a run that is killed at any moment loses at most its last batch: what is
beyond the manifest's count is dropped when the store is next opened for writing.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.dataset.pictures import Picture
from helpers.errors import PlainError
from helpers.files import file_lock, read_json, tree_size, write_json


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
        self.folder, self.dim = Path(folder), provenance["dim"]
        new = {**provenance, "dtype": "float32", "part": 0, "count": 0}
        self.manifest = read_manifest(folder) or new
        self._check_provenance(provenance)
        self.fingerprints = self._read_fingerprints()
        # A picture that was done again has two rows; the later one counts.
        self.row_of = {each.id: row for row, each in enumerate(self.fingerprints)}
        self._times_changed = False

    def done(self, picture: Picture) -> bool:
        """Return whether `picture`'s file is the one its vector was made of; if not, forget it."""
        row = self.row_of.get(picture.id)
        if row is None:
            return False
        with suppress(OSError):
            known, status = self.fingerprints[row], os.stat(picture.path)
            if (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns):
                return True
            current, _ = read_file(picture)
            if current.sha256 == known.sha256:
                # Touched but not changed: remember the new time, so that it isn't read again.
                self.fingerprints[row], self._times_changed = current, True
                return True
        del self.row_of[picture.id]
        return False

    def append(self, fingerprints: Sequence[Fingerprint], vectors: NDArray[np.float32]) -> None:
        """Add a row for each of `fingerprints`, (n, dim); they are safe when this returns."""
        contents = np.ascontiguousarray(vectors, "<f4"), _json_lines(fingerprints)
        for path, content in zip(self._files, contents, strict=True):
            with path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        count = len(self.fingerprints)
        self._commit(count=count + len(fingerprints))
        self.row_of.update((each.id, row) for row, each in enumerate(fingerprints, count))
        self.fingerprints += fingerprints

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of `ids` in that order, (n, dim).

        Where they are in that order on disk they stay there until they are used (a private memory
        map: changing them changes no file).
        """
        rows = [self.row_of[name] for name in ids]
        if not rows:
            return np.empty((0, self.dim), np.float32)
        shape = (len(self.fingerprints), self.dim)
        table = np.memmap(self._files[0], "<f4", "c", shape=shape)
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
    def _files(self):
        part = self.manifest["part"]
        return self.folder / f"vectors-{part}.f32", self.folder / f"rows-{part}.jsonl"

    def _commit(self, **changes):
        """Replace the manifest in one step: from here on the new rows count."""
        self.manifest.update(changes)
        write_json(self.folder / "manifest.json", self.manifest)

    def _check_provenance(self, provenance):
        for key, asked in provenance.items():
            if self.manifest.get(key) != asked:
                raise StoreError(
                    f"{self.folder} holds vectors with {key} {self.manifest.get(key)!r}, but "
                    f"{asked!r} was asked for. Vectors made in different ways can't be compared: "
                    "use the other extractor, or delete that folder to make them again."
                )

    def _read_fingerprints(self):
        """Return those that count: as many as the manifest says and both files hold whole."""
        vectors, rows = self._files
        lines = rows.read_bytes().split(b"\n")[:-1] if rows.exists() else []
        held = tree_size(vectors) // (4 * self.dim)
        count = min(self.manifest["count"], len(lines), held)
        return [Fingerprint(**json.loads(line)) for line in lines[:count]]

    def _clean_up(self):
        """Delete superseded files; copy what counts when a killed run left more behind."""
        for pattern in ("vectors-*.f32", "rows-*.jsonl", ".*.part"):
            for path in {*self.folder.glob(pattern)} - {*self._files}:
                with suppress(PermissionError):  # Windows keeps what is still mapped; next time
                    path.unlink()
        sizes = 4 * self.dim * len(self.fingerprints), len(_json_lines(self.fingerprints))
        if (*map(tree_size, self._files),) != sizes:
            self._rewrite(self.row_of)


@contextmanager
def open_for_writing(folder: Path, provenance: Mapping[str, object]) -> Iterator[Store]:
    """Yield the Store in `folder`, a new one if need be, that nobody else may write meanwhile.

    Raises StoreError when another program is writing it, or it was made in another way.
    """

    def refuse():
        raise StoreError(
            f"Another program is writing to {folder}. Wait until it's done, or shut down the "
            "notebook that runs it."
        )

    with file_lock(Path(folder) / "lock", refuse):
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
    return "".join(json.dumps(asdict(each)) + "\n" for each in fingerprints).encode()
