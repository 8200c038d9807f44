"""Vectors on disk, written as they are made: what was computed once is never computed again.

A store is a folder of three files. `vectors-PART.f32` holds one row of float32 per picture,
`rows-PART.jsonl` says which picture and which file each row was made of, and `manifest.json` says
how the vectors were made and which PART holds them. A row counts from the moment its line is
whole; its vector was there before. So a run that is killed loses at most its last batch.

Rows are only ever appended. To put them in order, they are copied to a part with a new name; then
the manifest names that one, and then the old files go. So whoever reads while another program
writes has all the old rows or all the new ones.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.dataset.pictures import Picture
from helpers.errors import PlainError
from helpers.files import file_lock, read_json, tree_size, write_json

FRESH_NS = 2 * 10**9
"""File systems tell times to between microseconds and two seconds (FAT): a file that changed less
than this before it was read can change again without another time to show for it."""


class StoreError(PlainError, ValueError):
    """A store that was made in another way than asked for, or that another program is writing."""


@dataclass(frozen=True)
class Fingerprint:
    """Which file a vector was made of: its size in bytes, times of change, and SHA-256.

    Anybody can set `mtime_ns`; the system sets `ctime_ns`, for a new name, too. -1: not known.
    """

    id: str
    path: str
    size: int
    mtime_ns: int
    sha256: str
    ctime_ns: int = -1


class Store:
    """A table of vectors; `provenance` names the extractor, the weights and the dimension.

    Made directly, it only reads: what was there at that moment. `open_for_writing` gives one that
    may be written. Raises StoreError, naming both, when the vectors in `folder` were made with
    another `provenance`.
    """

    def __init__(self, folder: Path, provenance: Mapping[str, object]):
        self.folder, self.dim = Path(folder), provenance["dim"]
        self.writable, self.table = os.access(folder, os.W_OK), np.zeros((0, self.dim), np.float32)
        self._read({**provenance, "dtype": "float32"})
        for key, asked in provenance.items():
            if self.manifest.get(key) != asked:
                raise StoreError(
                    f"{self.folder} holds vectors with {key} {self.manifest.get(key)!r}, but "
                    f"{asked!r} was asked for. Vectors made in different ways can't be compared: "
                    "use the other extractor, or delete that folder to make them again."
                )
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
            times = known.size, known.mtime_ns, known.ctime_ns
            if (status.st_size, status.st_mtime_ns, status.st_ctime_ns) == times:
                return True
            current, _ = read_file(picture)
            if current.sha256 == known.sha256:
                # Touched but not changed: remember the new times, so that it isn't read again.
                self._times_changed |= current != known
                self.fingerprints[row] = current
                return True
        del self.row_of[picture.id]
        return False

    def append(self, fingerprints: Sequence[Fingerprint], vectors: NDArray[np.float32]) -> None:
        """Add a row for each of `fingerprints`, (n, dim); they are safe when this returns.

        Raises StoreError where nothing can be written.
        """
        if not self.writable:
            raise StoreError(
                f"{self.folder} can't be written, so new vectors can't be kept. "
                "Set BOOTCAMP_DATA to a folder of your own."
            )
        contents = np.ascontiguousarray(vectors, "<f4"), _json_lines(fingerprints)
        for path, content in zip(self._files, contents, strict=True):
            with path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        count = len(self.fingerprints)
        self.row_of.update((each.id, row) for row, each in enumerate(fingerprints, count))
        self.fingerprints += fingerprints
        self.table = self._map()

    def vectors(self, ids: Sequence[str], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Return the vectors of `ids` in that order, (n, dim), or only some of their columns."""
        rows = np.array([self.row_of[name] for name in ids], int)
        values = np.empty((len(rows), len(range(self.dim)[columns])), np.float32)
        for start in range(0, len(rows), 1000):
            some, table = slice(start, start + 1000), self.table
            with suppress(OSError):  # where another program has put the rows into a new part
                table = self._map()  # a fresh one, so that what was read can be forgotten
            values[some] = table[rows[some], columns]
        return values

    def compact(self, ids: Sequence[str], skipped: Sequence[tuple[str, str]] = ()) -> None:
        """Put the rows of `ids` first and in that order, drop what is gone, note what was skipped.

        Rows of other pictures stay as long as their files do: asking for fewer loses nothing.
        A folder that can't be written stays as it is.
        """
        if not self.writable:
            return
        asked, skipped = set(ids), [list(pair) for pair in skipped]
        others = {name: self.fingerprints[row].path for name, row in self.row_of.items()}
        kept = [name for name, path in others.items() if name not in asked and os.path.exists(path)]
        wanted = [*ids, *kept]
        if self._times_changed or wanted != [each.id for each in self.fingerprints]:
            self._rewrite(wanted, skipped)
        elif skipped != self.manifest.get("skipped"):
            self._commit(skipped)

    def _rewrite(self, wanted, skipped):
        """Put the rows of `wanted` into a new part, then delete the old one."""
        table, rows = self.table, [self.row_of[name] for name in wanted]
        fingerprints = [self.fingerprints[row] for row in rows]
        self.manifest["part"] = secrets.token_hex(4)
        self.fingerprints, self.row_of, self._times_changed = [], {}, False
        for start in range(0, len(rows) or 1, 1000):  # a new store's part, too, gets its files
            some = slice(start, start + 1000)
            self.append(fingerprints[some], table[rows[some]])
        self._commit(skipped)
        self._clean_up()

    def _commit(self, skipped):
        """Replace the manifest in one step."""
        self.manifest["skipped"] = skipped
        write_json(self.folder / "manifest.json", self.manifest)

    def _clean_up(self):
        """Delete all files of other parts."""
        for pattern in ("vectors-*.f32", "rows-*.jsonl", ".*.part"):
            for path in {*self.folder.glob(pattern)} - {*self._files}:
                with suppress(OSError):  # Windows keeps what is still mapped; next time
                    path.unlink()

    @property
    def _files(self):
        part = self.manifest.get("part")
        return self.folder / f"vectors-{part}.f32", self.folder / f"rows-{part}.jsonl"

    def _read(self, new):
        """Read the rows that count: whole lines, whose vectors were written before them.

        A part's files go only after the manifest has named another, and no name comes twice. So if
        it names the same part before and after, they were there all the time; else read again.
        """
        while True:
            found = read_manifest(self.folder)
            self.manifest, self.fingerprints = found or new, []
            vectors, rows = self._files
            with suppress(FileNotFoundError):
                lines = rows.read_bytes().splitlines()
                self.fingerprints = [*_parsed(lines[: tree_size(vectors) // (4 * self.dim)])]
                self.table = self._map()
            if read_manifest(self.folder).get("part") == found.get("part"):
                return

    def _map(self):
        """Return the vectors of all rows, (n, dim), as a memory map of their file."""
        shape = (len(self.fingerprints), self.dim)
        return np.memmap(self._files[0], "<f4", "c", shape=shape) if shape[0] else self.table

    def _prepare(self):
        """Make a new store's files, or drop what a killed run left behind in an old one."""
        sizes = [4 * self.table.size, len(_json_lines(self.fingerprints))]
        if "part" not in self.manifest or sizes != [*map(tree_size, self._files)]:
            self._rewrite(self.row_of, self.manifest.get("skipped", []))
        self._clean_up()


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
        if store.writable:
            store._prepare()
        try:
            yield store
        finally:
            store.writable = False  # a thread left behind by a second Ctrl-C writes no more


def read_manifest(folder: Path) -> dict:
    """Return the manifest in `folder`, {} when there is none."""
    return read_json(Path(folder) / "manifest.json")


def read_file(picture: Picture) -> tuple[Fingerprint, bytes]:
    """Return the Fingerprint of a picture's file, and its content. Raises OSError."""
    path = Path(picture.path)
    status = path.stat()  # before reading, so that a change meanwhile is noticed next time
    times = status.st_mtime_ns, status.st_ctime_ns
    if max(times) > time.time_ns() - FRESH_NS:
        times = -1, -1  # next time its content is compared
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    return Fingerprint(picture.id, str(path), status.st_size, times[0], digest, times[1]), raw


def _json_lines(fingerprints):
    return "".join(json.dumps(asdict(each)) + "\n" for each in fingerprints).encode()


def _parsed(lines):
    """Yield the Fingerprints of `lines`, up to the first that is damaged."""
    with suppress(ValueError, TypeError):
        for line in lines:
            yield Fingerprint(**json.loads(line))
