"""One Milvus collection: made, opened, written, indexed, and counted after every change."""

import time
import warnings

from tqdm.auto import tqdm

from helpers.index import connection, index_types, milvus_lite
from helpers.index.errors import MilvusError, MissingRowsWarning, translate_error
from helpers.index.schema import schema

BATCH = 1000  # rows a call; measured: smaller and larger batches are slower
LOG_FLUSH_BYTES = 200_000  # bytes of the log that need no flush, about 90 rows
RELOAD_ROWS = 4000  # new rows, of which a server begins to search only a part
TIMEOUT_SECONDS = 120  # seconds for one call, or for one index to be built


class Collection:
    """A collection named `name` for vectors of `dim` numbers, made where there is none.

    `missing` is how many rows it has lost since they were acknowledged; a loss is told by a
    MissingRowsWarning warning. Raises MilvusError when it cannot be had, or is another one's.
    """

    def __init__(self, uri, token, name, dim, index_type=None):
        """Open the collection, or make it with an index of this kind (None: EXACT)."""
        self.uri, self.name, self.dim = uri, name, dim
        self.is_lite = connection.is_lite(uri)
        self._described = float("-inf"), None  # when, what
        _check_index_type(index_type, self.is_lite)
        self.client = connection.connect(uri, token)
        try:
            self._open(index_type)
        except BaseException:
            self.close()
            raise

    def close(self):
        """Let go of Milvus; closing twice is closing once."""
        if self.client:
            connection.close(self.client, self.uri)
        self.client = None

    def ask(self, doing, method, *arguments, **options):
        """Call a method of MilvusClient, loading the collection first where Milvus forgot to.

        `doing` completes "Milvus could not …" in the MilvusError that is raised when it fails.
        """
        if self.client is None:
            raise MilvusError("This index is closed. Open it again with Index(…).")
        function = getattr(self.client, method)
        options.setdefault("timeout", TIMEOUT_SECONDS)
        try:
            try:
                return connection.call(function, *arguments, **options)
            except Exception as error:
                if "load" not in str(error):
                    raise
                connection.call(self.client.load_collection, self.name, timeout=TIMEOUT_SECONDS)
                return connection.call(function, *arguments, **options)
        except Exception as error:
            raise translate_error(error, doing, self.uri) from None

    # Making and opening

    def _open(self, index_type):
        """Make the collection or check the one there, load it, and count its rows."""
        if self.ask("look into", "has_collection", self.name):
            self._check_schema()
            if not self.ask("look into", "list_indexes", self.name):  # killed before it was made
                self._create_index(index_type or "EXACT", 0)
            self._load()
        else:
            self._create(index_type or "EXACT")
        if self.is_lite:
            self._flush()  # what a killed process left in the log
        expected = connection.acknowledged(self.client, self.uri, self.name)
        rows = self.count()
        self.missing = max(0, expected - rows)
        if self.missing:
            warnings.warn(
                f"The index {self.name} holds {rows} rows, but {expected} were confirmed: "
                f"{self.missing} are lost. Run sync (notebook 03) to make it whole again.",
                MissingRowsWarning,
                stacklevel=4,
            )
        if index_type not in (None, self.index_type()):
            self.build(index_type)

    def _create(self, index_type):
        """Make the collection with its index, so that it can be searched from the first row on."""
        fields = {"schema": schema(self.dim)}
        self.ask("make a collection in", "create_collection", self.name, **fields)
        self._create_index(index_type, 0)
        self._load()

    def _check_schema(self):
        """Raise MilvusError unless the collection's fields are those that we write."""
        there = self.ask("look into", "describe_collection", self.name)["fields"]
        wanted = {field.name: field.params for field in schema(self.dim).fields}
        if {field["name"] for field in there} != set(wanted):
            raise MilvusError(
                f"The collection {self.name} was made by another program or version. "
                f"Drop it (MilvusClient({self.uri!r}).drop_collection({self.name!r})), then run "
                "notebook 03 again."
            )
        dim = next(int(f["params"]["dim"]) for f in there if f["name"] == "vector")
        if dim != self.dim:
            raise MilvusError(
                f"The collection {self.name} keeps vectors of {dim} numbers, not {self.dim}. "
                "Open it with the extractor that it was made for, or drop it first."
            )

    def _load(self):
        """Load the collection; a damaged index file of Milvus Lite is thrown away and rebuilt."""
        try:
            self.ask("load", "load_collection", self.name)
        except MilvusError:
            if not (self.is_lite and milvus_lite.forget_indexes(self.uri, self.name)):
                raise
            self.ask("load", "load_collection", self.name)

    # The index

    def _create_index(self, index_type, rows):
        """Ask for an index of this kind over so many rows.

        The parameters are given twice: a server reads them beside `index_type`, Milvus Lite only
        inside `params`; it takes its own defaults, without a word, when they are not there.
        """
        parameters = index_types.build_parameters(index_type, rows)
        index = self.client.prepare_index_params()
        index.add_index(
            "vector",
            index_type=index_types.milvus_index_type(index_type),
            metric_type="COSINE",
            params={**parameters, "params": parameters},
        )
        self.ask("index", "create_index", self.name, index, sync=False)

    def index(self, age=0):
        """Return Milvus' own description of the index, at most `age` seconds old.

        Milvus Lite takes 8 ms to describe an index, nearly as long as to search it.
        """
        asked, description = self._described
        if time.monotonic() - asked > age:
            description = self.ask("describe", "describe_index", self.name, "vector")
            self._described = time.monotonic(), description
        return description

    def index_type(self):
        """Return the kind of the index, one of `index_types.INDEX_TYPES`."""
        return index_types.index_type_of(self.index())

    def build(self, index_type, progress=False):
        """Replace the index by one of this index_type, and wait until it is really built."""
        _check_index_type(index_type, self.is_lite)
        rows = self.count()
        self.ask("release", "release_collection", self.name)
        self.ask("drop the index of", "drop_index", self.name, "vector")
        self._create_index(index_type, rows)
        if not self.is_lite:  # which builds while it loads
            self._wait_for_server(progress)
        self._load()
        self.index()

    def unsettled(self, rows):
        """Return True when these rows were written, but settling them was interrupted."""
        return rows not in (None, connection.acknowledged(self.client, self.uri, self.name))

    def flush_and_index(self, written, progress=False):
        """Flush what was written, wait until it is indexed, count it, acknowledge the count."""
        self._flush()
        index, rows = self.index(), self.count()
        index_type, buckets = index_types.index_type_of(index), index_types.nlist_of(index)
        wanted = index_types.build_parameters(index_type, rows).get("nlist", 0)
        if max(wanted, buckets) > 2 * min(wanted, buckets):  # made for another number of rows
            self.build(index_type, progress)
        elif not self.is_lite:
            self._wait_for_server(progress)
            self._leave_memory(written)
        elif not milvus_lite.wait_until_indexed(self.uri, self.name, TIMEOUT_SECONDS):
            raise _too_slow()
        connection.acknowledge(self.client, self.uri, self.name, rows + self.missing)

    def _flush(self):
        """Turn the log of what was written into data files, which get an index.

        Without that, Milvus Lite searches 20 to 80 times as slowly. A few rows are safe and fast
        in the log as they are; FAISS would grumble about so few.
        """
        if not self.is_lite or milvus_lite.log_size(self.uri, self.name) > LOG_FLUSH_BYTES:
            self.ask("flush", "flush", self.name)

    def _wait_for_server(self, progress):
        """Wait until the index is really built, with a progress bar over the rows."""
        end = time.monotonic() + TIMEOUT_SECONDS
        rows = self.index()["total_rows"]
        with tqdm(desc="indexing", total=rows, delay=2, disable=not progress) as bar:
            while time.monotonic() < end:
                state = self.index()
                bar.update(min(rows, state["indexed_rows"]) - bar.n)
                if state["state"] == "Finished" and not state["pending_index_rows"]:
                    return
                time.sleep(0.2)
        raise _too_slow()

    def _leave_memory(self, written):
        """Make a server search the index now, and no longer the copy of the rows in its memory.

        Left alone, it changes over some 12 seconds after the index is finished; until then it
        looks, among more than about 5,000 new rows, into one eighth only.
        """
        if written > RELOAD_ROWS:
            self.ask("release", "release_collection", self.name)
            self._load()

    # The rows

    def count(self):
        """Return the number of rows, those just written included."""
        fields = {"output_fields": ["count(*)"]}
        answer = self.ask(
            "count", "query", self.name, filter="", **fields, **connection.STRONG_CONSISTENCY
        )
        return int(answer[0]["count(*)"])

    def digests(self, ids=None):
        """Return {id: digest} of the rows with these ids, or of all rows."""
        fields = {"output_fields": ["id", "digest"], **connection.STRONG_CONSISTENCY}
        if ids is None:
            return {row["id"]: row["digest"] for row in self._all(fields)}
        found = {}
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            rows = self.ask("read", "get", self.name, part, **fields)
            found |= {row["id"]: row["digest"] for row in rows}
        return found

    def _all(self, fields):
        """Yield all rows; a server gives no more than 16,384 at a time."""
        pages = self.ask("read", "query_iterator", self.name, batch_size=8000, **fields)
        while page := connection.call(pages.next):
            yield from page
        connection.call(pages.close)

    def write(self, rows, progress=False):
        """Upsert rows in batches; each batch is safe once its call returns."""
        with tqdm(desc="writing", total=len(rows), delay=2, disable=not progress) as bar:
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                self.ask("write to", "upsert", self.name, batch)
                bar.update(len(batch))

    def remove(self, ids):
        """Delete the rows with these ids, lowering what is acknowledged before, not after."""
        if not ids:
            return
        left = max(0, connection.acknowledged(self.client, self.uri, self.name) - len(ids))
        connection.acknowledge(self.client, self.uri, self.name, left)
        for start in range(0, len(ids), BATCH):
            self.ask("delete from", "delete", self.name, ids=ids[start : start + BATCH])

    def drop(self):
        """Delete the collection and all its rows."""
        connection.acknowledge(self.client, self.uri, self.name, 0)
        self.ask("drop", "drop_collection", self.name)

    def start_over(self):
        """Drop the collection and make it anew, with the same kind of index."""
        index_type = self.index_type()
        self.drop()
        self._create(index_type)
        self.missing = 0


def _check_index_type(index_type, is_lite):
    """Raise MilvusError when there is no such kind of index here."""
    if index_type is not None and (
        index_type not in index_types.INDEX_TYPES
        or (is_lite and index_type in index_types.SERVER_ONLY)
    ):
        there = [
            k for k in index_types.INDEX_TYPES if not (is_lite and k in index_types.SERVER_ONLY)
        ]
        raise MilvusError(f"There is no {index_type} index here. Choose one of {', '.join(there)}.")


def _too_slow():
    """Return the error for an index that does not get finished."""
    return MilvusError(
        f"Milvus has not built the index within {TIMEOUT_SECONDS} seconds; all rows are written. "
        "Open the index again later, or choose another index_type, such as EXACT."
    )
