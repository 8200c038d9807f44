"""A collection as one Parquet file: to keep, to hand on, or for other programs to read.

Its columns are exactly the fields of our schema, and its vectors are lists, not lists of a fixed
size, because Milvus' own bulk import wants both. What else belongs to the collection is JSON in the
file's metadata, under `bootcamp.collection`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from helpers.files import atomic_write
from helpers.index.copying import Page, Rows, batches, make_equal
from helpers.index.errors import MilvusError
from helpers.index.filters import SLOTS
from helpers.index.index import Index, SyncResult

TEXTS = ["id", *SLOTS, "digest"]
COLUMNS = [*TEXTS, "vector"]
KEY = b"bootcamp.collection"
FACTS = {"dataset": str, "extractor": str, "dim": int, "index_type": str}


def export(index: Index, path: str | Path, progress: bool = True) -> Path:
    """Write the rows of `index` to the Parquet file `path`, as `Index.export_parquet` says."""
    source, path = Rows(index), Path(path)
    if path.suffix != ".parquet":
        path = path / f"{index.name}.parquet"
    facts = {"dataset": index.dataset_name, "extractor": index.extractor_name}
    facts |= {"dim": index.dim, "index_type": index.index_type()}
    fields = [(name, pa.string()) for name in TEXTS] + [("vector", pa.list_(pa.float32()))]
    schema = pa.schema(fields, {KEY: json.dumps(facts).encode()})
    options = {"write_page_checksum": True, "use_dictionary": list(SLOTS)}
    try:
        with atomic_write(path, durable=True) as file:
            with pq.ParquetWriter(file, schema, **options) as writer:
                written = _write(writer, schema, source, progress)
            if written != source.total:
                raise MilvusError(
                    f"{index.name} held {source.total:,} rows, then {written:,}. Another program "
                    "is writing to it: wait for that, then run this again. No file was written."
                )
    except OSError as error:
        raise MilvusError(
            f"{path} could not be written ({error.strerror or error}). Free some space or name "
            "another place; what was there before is unchanged."
        ) from None
    return path


def _write(writer, schema, source, progress):
    """Write each batch of rows as a row group; return the number of rows."""
    written = 0
    with tqdm(desc="exporting", total=source.total, delay=2, disable=not progress) as bar:
        for rows in batches(source):
            columns = {name: [row[name] for row in rows] for name in schema.names}
            writer.write_table(pa.table(columns, schema))
            written += len(rows)
            bar.update(len(rows))
    return written


class File:
    """A file that `export` wrote, as a Source. Raises MilvusError for any other, or a damaged one.

    `dataset`, `extractor`, `dim` and `index_type` are those of the collection.
    """

    def __init__(self, path: str | Path):
        """Read the whole file once, so that a damaged one shows before anything is written."""
        self.path, self.told = Path(path), f"The file {path}"
        with self._readable():
            with pq.ParquetFile(self.path) as file:
                self.total, self._groups = file.metadata.num_rows, file.num_row_groups
                names, metadata = file.schema_arrow.names, file.schema_arrow.metadata or {}
            facts = json.loads(metadata[KEY])
            if names != COLUMNS or {key: type(facts[key]) for key in FACTS} != FACTS:
                raise ValueError("other columns")
        self.dataset, self.extractor = facts["dataset"], facts["extractor"]
        self.dim, self.index_type = facts["dim"], facts["index_type"]
        self._digests = {row["id"]: row["digest"] for rows in batches(self) for row in rows}
        if len(self._digests) != self.total:
            raise self._unreadable("an id is there twice")

    def pages(self) -> Iterator[Page]:
        """Yield all rows, one row group at a time."""
        for number in range(self._groups):
            with self._readable():
                rows = self._group(number)
            yield {name: row["digest"] for name, row in rows.items()}, _reader(rows)

    def digests(self, ids: Iterable[str]) -> dict[str, str]:
        """Return {id: digest} of those ids that are there."""
        return {name: self._digests[name] for name in ids if name in self._digests}

    def _group(self, number):
        """Return {id: row} of one row group."""
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read_row_group(number)
        values = table["vector"].combine_chunks().flatten().to_numpy()
        vectors = values.reshape(table.num_rows, self.dim)
        texts = table.select(TEXTS).to_pylist()
        return {text["id"]: {**text, "vector": v} for text, v in zip(texts, vectors, strict=True)}

    @contextmanager
    def _readable(self):
        """Turn what Arrow raises for a file that it can't read into a MilvusError."""
        try:
            yield
        except FileNotFoundError:
            raise MilvusError(f"{self.path} doesn't exist. Check the path.") from None
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, why):
        return MilvusError(
            f"{self.path} is damaged, or no file that export_parquet wrote ({why!s:.160}). "
            "Use another copy of it."
        )


def _reader(rows):
    return lambda ids: [rows[name] for name in ids]


def import_file(index: Index, path: str | Path, delete_most: bool, progress: bool) -> SyncResult:
    """Make `index` hold the rows of a file, as `Index.import_parquet` says."""
    file = File(path)
    theirs = (file.dataset, file.extractor, file.dim)
    if theirs != (index.dataset_name, index.extractor_name, index.dim):
        raise MilvusError(
            f"{path} holds vectors of {file.dim} numbers that {file.extractor} made of "
            f"{file.dataset}, and {index.name} is for others. Open the index that they belong in: "
            f"Index({file.dataset!r}, {file.extractor!r}, dim={file.dim})."
        )
    return make_equal(index, file, delete_most, progress)
