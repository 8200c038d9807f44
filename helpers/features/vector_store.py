"""Vectors on disk, written as they are made: what was done once is never done again.

A store is a folder of three files. `vectors-N.f32` holds one row of float32 a picture,
`rows-N.jsonl` says which picture and which file each row was made of, and `manifest.json` says how
the vectors were made and how many rows count. Rows are appended first and the manifest is replaced
after them in one step, so a run that is killed at any moment loses at most its last batch: what
lies beyond the manifest's count is cut off when the store is opened again.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from helpers.errors import PlainError


class StoreError(PlainError, ValueError):
    """A store that was made another way than asked for, or that another program writes."""


@dataclass(frozen=True)
class Fingerprint:
    """Which picture a vector was made of: its file's size in bytes, time, and SHA-256."""

    id: str
    path: str
    size: int
    mtime_ns: int
    sha256: str


class Store:
    """An append-safe table of vectors; `provenance` names the extractor, weights and dimension.

    Opening it with another `provenance` than it was made with raises StoreError naming both.
    """

    def __init__(self, folder, provenance, writing=True):
        """Open the store in `folder`, or begin one; one program at a time may write."""
        self.folder, self.provenance = Path(folder), provenance
        if writing:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = lock(self.folder / "lock") if writing else None
        self.manifest = read_manifest(folder) or {
            **provenance,
            "dtype": "float32",
            "part": 0,
            "count": 0,
        }
        self._refuse_another_way()
        self.rows = self._read_rows()
        if writing:
            self._cut_unfinished()
        self.touched = False
        # A picture that was done again has two rows; the later one counts.
        self.place = {row.id: number for number, row in enumerate(self.rows)}

    def __enter__(self):
        """Return the store itself."""
        return self

    def __exit__(self, *error):
        """Let other programs write."""
        if self.lock:
            self.lock.close()

    def done(self, picture):
        """Return whether `picture`'s file is the one its vector was made of."""
        if picture.id not in self.place:
            return False
        number = self.place[picture.id]
        row, now = self.rows[number], stat(picture.path)
        if now is None or now == (row.size, row.mtime_ns):
            return now is not None
        if now[0] != row.size or digest(Path(picture.path).read_bytes()) != row.sha256:
            return False
        # Touched but not changed: remember the new time, so that it is not read again.
        self.rows[number] = replace(row, mtime_ns=now[1])
        self.touched = True
        return True

    def append(self, rows, vectors):
        """Add `rows` and their `vectors`, (n, dim) float32; they are safe when this returns."""
        _append(self._file("vectors", "f32"), np.ascontiguousarray(vectors, "<f4").tobytes())
        _append(self._file("rows", "jsonl"), _lines(rows))
        self.place.update((row.id, len(self.rows) + i) for i, row in enumerate(rows))
        self.rows += rows
        self._commit(count=len(self.rows))

    def forget(self, name):
        """Leave out the picture `name`, whose file can no longer be read."""
        self.place.pop(name, None)

    def vectors(self, ids=None):
        """Return the vectors of `ids` in that order, (n, dim) float32; all of them when None.

        Where they lie in that order on disk they stay there until they are used (a private memory
        map: changing them changes no file).
        """
        wanted = list(self.place.values()) if ids is None else [self.place[name] for name in ids]
        if not wanted:
            return np.empty((0, self.provenance["dim"]), np.float32)
        shape = (len(self.rows), self.provenance["dim"])
        table = np.memmap(self._file("vectors", "f32"), "<f4", "c", shape=shape)
        in_order = wanted == [*range(len(wanted))]
        return np.asarray(table[: len(wanted)] if in_order else table[wanted])

    def compact(self, ids, skipped=()):
        """Put the rows of `ids` first and in that order, drop what is gone, note what was skipped.

        Rows of other pictures stay as long as their files do: asking for fewer loses nothing.
        """
        asked = set(ids)
        others = [n for n in self.place if n not in asked and stat(self._row(n).path)]
        wanted = [*ids, *others]
        if self.touched or wanted != [row.id for row in self.rows]:
            self._rewrite(wanted)
        self._commit(count=len(self.rows), skipped=[list(pair) for pair in skipped])
        self._forget_other_parts()

    def _rewrite(self, wanted):
        """Put the rows of `wanted` into new files beside the old ones, which count until then."""
        table, self.rows = self.vectors(wanted), [self._row(name) for name in wanted]
        self.manifest["part"] += 1
        _write(self._file("vectors", "f32"), table)
        _write(self._file("rows", "jsonl"), _lines(self.rows))
        self.place = {name: number for number, name in enumerate(wanted)}

    def _row(self, name):
        """Return the row of the picture `name`."""
        return self.rows[self.place[name]]

    def _file(self, what, suffix):
        """Return the path of the current part's file."""
        return self.folder / f"{what}-{self.manifest['part']}.{suffix}"

    def _commit(self, **changes):
        """Replace the manifest in one step: from here on the new rows count."""
        self.manifest.update(changes)
        _write(self.folder / "manifest.json", json.dumps(self.manifest, indent=1).encode())

    def _refuse_another_way(self):
        """Raise StoreError when the vectors here were not made as asked."""
        for key, asked in self.provenance.items():
            if self.manifest[key] != asked:
                raise StoreError(
                    f"{self.folder} holds vectors with {key} {self.manifest[key]!r}, and "
                    f"{asked!r} was asked for. Vectors made in two ways cannot be compared: "
                    "use the other extractor, or delete that folder to make them again."
                )

    def _read_rows(self):
        """Return the rows that count: as many as the manifest says and both files hold whole."""
        vectors, rows = self._file("vectors", "f32"), self._file("rows", "jsonl")
        if not rows.exists():
            return []
        lines = rows.read_bytes().split(b"\n")[:-1]
        held = (stat(vectors) or (0,))[0] // (4 * self.provenance["dim"])
        count = min(self.manifest["count"], len(lines), held)
        return [Fingerprint(**json.loads(line)) for line in lines[:count]]

    def _cut_unfinished(self):
        """Cut off what a killed run wrote beyond the rows that count."""
        sizes = {("vectors", "f32"): 4 * self.provenance["dim"] * len(self.rows)}
        sizes["rows", "jsonl"] = len(_lines(self.rows))
        for name, size in sizes.items():
            found = stat(self._file(*name))
            if found and found[0] != size:
                os.truncate(self._file(*name), size)
        if self.manifest["count"] != len(self.rows):
            self._commit(count=len(self.rows))

    def _forget_other_parts(self):
        """Delete the files that the manifest no longer names."""
        keep = {self._file("vectors", "f32"), self._file("rows", "jsonl")}
        for path in {*self.folder.glob("vectors-*.f32"), *self.folder.glob("rows-*.jsonl")} - keep:
            with suppress(PermissionError):  # Windows keeps what is still mapped; next time
                path.unlink()


def read_manifest(folder):
    """Return the manifest in `folder` as a dict, None where there is none."""
    path = Path(folder) / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def lock(path):
    """Return the open file that keeps other programs out until it is closed, or dies with us."""
    held = path.open("a")
    try:
        import fcntl
    except ImportError:  # Windows refuses by itself to replace a file that is open
        return held
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"Another program is writing into {path.parent}. "
            "Wait until it is done, or shut down the notebook that runs it."
        ) from None
    return held


def stat(path):
    """Return a file's (bytes, time of change in ns), None when it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def digest(raw):
    """Return the SHA-256 of `raw` as hexadecimal text."""
    return hashlib.sha256(raw).hexdigest()


def _lines(rows):
    """Return the rows as JSON, one line each."""
    return "".join(json.dumps(asdict(row)) + "\n" for row in rows).encode()


def _append(path, raw):
    """Add `raw` to a file and wait until the disk has it."""
    with path.open("ab") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _write(path, raw):
    """Replace a file in one step: a reader sees the old one or the new one, never a half."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
