"""One Milvus collection: created, opened, written, indexed, and counted after every change."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from tqdm.auto import tqdm

from helpers.files import tree_size
from helpers.index import build, connection, index_types, milvus_lite, names
from helpers.index.build import TIMEOUT_SECONDS
from helpers.index.errors import MilvusError, MissingRowsWarning, explained, patiently
from helpers.index.filters import escaped, ids_in
from helpers.index.schema import FIELDS, schema
from helpers.settings import Settings, from_environment

ROWS_PER_CALL = 1000  # measured: smaller and larger batches are slower
LOG_FLUSH_BYTES = 200_000  # of log that need no flush, about 90 rows
RELOAD_ROWS = 4000  # new rows, of which a server at first searches only a part
READS = {"search", "query", "describe_collection", "describe_index", "has_collection"}
READ_SECONDS = 30  # for one read of a server: somebody is waiting
READ_AGAIN, WRITE_AGAIN = 10, 90  # for how many seconds a call is tried again; a restart takes 60
SETTLE_SECONDS = 15  # within which a server agrees with itself on how many rows it has
STRONG = {"consistency_level": "Strong"}  # a read that sees everything written before it
DIGESTS = {"output_fields": ["id", "digest"], **STRONG}
_seen = {}  # of each index that this process has open: when it was described, and how


class Collection(AbstractContextManager):
    """The collection of a data set and an extractor; `Index` says what it takes and raises.

    `missing` is how many rows it has lost since they were confirmed.
    """

    def __init__(
        self,
        dataset_name: str,
        extractor_name: str,
        settings: Settings | None = None,
        dim: int = 512,
        index_type: str | None = None,
    ):
        here = settings or from_environment()
        self.dataset_name, self.extractor_name = dataset_name, extractor_name
        self._whose = {names.DATASET: dataset_name, names.EXTRACTOR: extractor_name}
        self.name = names.collection_name(dataset_name, extractor_name)
        self.uri, self.dim = here.milvus_uri, dim
        self.is_lite = connection.is_lite(self.uri)
        self.folder = milvus_lite.folder(self.uri, self.name) if self.is_lite else None
        _check_index_type(index_type, self.is_lite)
        self.client = connection.connect(self.uri, here.milvus_token)
        try:
            self._open(index_type)
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Let go of Milvus: a Milvus Lite database is free for others after the last close."""
        client, self.client = self.client, None
        if client:
            connection.close(client, self.uri)

    def _call(self, action, method, *arguments, **options):
        """Call a method of the client on this collection, loading the collection if need be.

        `action` completes "Milvus could not …" in the MilvusError that is raised when it fails.
        """
        if self.client is None:
            raise MilvusError("This index is closed. Open it again with Index(…).")
        timeout, more = self._patience(method)
        options = {"timeout": timeout} | options
        function = partial(getattr(self.client, method), self.name, *arguments, **options)
        with explained(action, self.uri):
            return patiently(partial(self._loaded, function), more)

    def _patience(self, method):
        """Return how many seconds a call may take, and for how many it is tried again."""
        if self.is_lite or method == "drop_collection":  # which may not be made twice
            return TIMEOUT_SECONDS, 0
        if method in READS:
            return READ_SECONDS, READ_AGAIN
        return TIMEOUT_SECONDS, WRITE_AGAIN

    def _loaded(self, function):
        """Call a function of the client; load the collection first if need be."""
        try:
            return function()
        except Exception as error:
            if "load" not in str(error):
                raise
        # Workaround (milvus-lite 3.2.2): when it starts, all its collections are released,
        # and `milvus-lite server` may restart. Upstream: none known.
        # Test: test_a_reopened_collection_must_be_loaded.
        self.client.load_collection(self.name, timeout=TIMEOUT_SECONDS)
        return function()

    # Creating and opening

    def _open(self, index_type):
        """Create the collection or check the one there, load it, and count its rows."""
        self._unless_there("has_collection", self._create)
        self._check_whose()
        first = partial(self._build, build.create_index, index_type or "EXACT", 0)
        self._unless_there("list_indexes", first)  # new, or killed before it got one
        self._load()
        if self.is_lite:
            self._flush()  # what a killed process left in the log
        rows, expected = self.count(), self._confirmed()
        self.missing = max(0, expected - rows)
        if self.missing:
            warnings.warn(
                f"The index {self.name} holds {rows} rows, but {expected} were confirmed: "
                f"{self.missing} are lost. Run sync (notebook 03) to make it whole again.",
                MissingRowsWarning,
                stacklevel=3,
            )
        if index_type not in (None, self.index_type()):
            self.rebuild(index_type)
        names.warn_of_old(self.client, self.uri)

    def _unless_there(self, look, create):
        """Call `create` unless `look` finds it there, or somebody else gets there first."""
        if not self._call("look into", look):
            try:
                create()
            except MilvusError:
                if not self._call("look into", look):
                    raise

    def _create(self):
        fields = schema(self.dim)
        self._call("create", "create_collection", schema=fields, properties=self._whose)

    def _check_whose(self):
        described = self._call("look into", "describe_collection")
        fields = {field["name"]: field for field in described["fields"]}
        ours = self._whose.items() <= dict(described.get("properties") or {}).items()
        if fields.keys() != FIELDS or not ours:
            why = "was made by another program or version"
        elif (dim := int(fields["vector"]["params"]["dim"])) != self.dim:
            why = f"keeps vectors of {dim} numbers, not {self.dim}"
        else:
            return
        raise MilvusError(
            f"The collection {self.name} {why}. Drop it (MilvusClient({self.uri!r})."
            f"drop_collection({self.name!r})), then run notebook 03 again."
        )

    def _load(self):
        """Load the collection, without a damaged index file of Milvus Lite."""
        try:
            self._call("load", "load_collection")
        except MilvusError:
            # Workaround (milvus-lite 3.2.2): it builds a missing index file again, but doesn't load
            # beside a damaged one. Upstream: none known.
            # Test: test_a_damaged_index_file_keeps_a_collection_from_loading.
            if not (self.is_lite and milvus_lite.delete_index_files(self.uri, self.name)):
                raise
            self._call("load", "load_collection")

    # The index

    def index_type(self) -> str:
        """Return the type of the index, one of `index_types.INDEX_TYPES`."""
        return index_types.type_and_nlist(self._index())[0]

    def rebuild(self, index_type: str) -> None:
        """Replace the index with one of another type, and wait until it is really built.

        `index_type` is one of `index_types.INDEX_TYPES`. Raises MilvusError for any other, or
        when it takes longer than TIMEOUT_SECONDS.
        """
        _check_index_type(index_type, self.is_lite)
        self._build(build.build_index, index_type, self.count())
        self._index()

    def _build(self, function, index_type, rows):
        """Call a function of `build` with what suits this number of rows."""
        made_of = "IVF_FLAT" if index_type == "EXACT" else index_type
        parameters = index_types.build_parameters(index_type, rows)
        with explained("index", self.uri):
            function(self.client, self.name, made_of, **parameters)

    def _index(self, seen=False):
        """Return Milvus' description of the index; with `seen`, the last one will do."""
        # Workaround (milvus-lite 3.2.2): to describe an index takes 10 ms, nearly as long as to
        # search it, and only this process can change it. On a server others can, and it is asked
        # once a second. Upstream: none known. Test: none, it would need a clock.
        asked, description = _seen.get((self.uri, self.name), (0, None))
        if not (seen and description and (self.is_lite or time.monotonic() - asked < 1)):
            description = self._call("describe", "describe_index", "vector")
            _seen[self.uri, self.name] = time.monotonic(), description
        return description

    def flush_and_index(self, written: int, expected: int | None = None) -> None:
        """Flush what was written, wait until it is indexed, count it, confirm the count.

        `expected` is how many rows there should be then, if that is known.
        """
        self._flush()
        rows = self._settled(expected)
        index_type, nlist = index_types.type_and_nlist(self._index())
        wanted = index_types.build_parameters(index_type, rows).get("nlist", 0)
        if max(wanted, nlist) > 2 * min(wanted, nlist):  # made for another number of rows
            self.rebuild(index_type)
        elif not self.is_lite:
            with explained("index", self.uri):
                build.wait_until_built(self.client, self.name)
            # Workaround (milvus 2.3.5): for 12 to 20 seconds after the index is finished it still
            # searches new rows in memory, and of more than about 5,000 only one eighth.
            # Upstream: https://github.com/milvus-io/milvus/issues/42848.
            # Test: test_new_rows_are_searched_in_part_until_reloaded.
            if written > RELOAD_ROWS:
                self._call("release", "release_collection")
                self._load()
        elif not milvus_lite.wait_until_indexed(self.uri, self.name, TIMEOUT_SECONDS):
            raise MilvusError(build.TOO_SLOW)
        self._confirm(rows + self.missing)

    def _settled(self, expected):
        """Return the number of rows, once it is the one expected or has had time to become it."""
        # Workaround (milvus 2.3.5): rarely, a row just deleted is counted for a while, although the
        # read is a strong one. Upstream: https://github.com/milvus-io/milvus/issues/36222. Test:
        # none, it came once in some hundred times; test_each_id_means_its_own_row_on_a_server.
        end = time.monotonic() + (0 if expected is None or self.is_lite else SETTLE_SECONDS)
        while (rows := self.count()) != expected and time.monotonic() < end:
            time.sleep(0.2)
        return rows

    def _flush(self):
        """Turn the log of what was written into data files, which get an index."""
        # Workaround (milvus-lite 3.2.2): it searches rows in the log 20 to 80 times as slowly, and
        # flushes them itself only beyond 128 MiB. A few rows may stay, FAISS would warn of so few.
        # Upstream: none known. Test: test_rows_stay_in_the_log_without_a_flush.
        if not self.is_lite or tree_size(self.folder / "wal") > LOG_FLUSH_BYTES:
            self._call("flush", "flush")

    # The rows

    def count(self) -> int:
        """Return the number of rows, those just written included."""
        answer = self._call("count", "query", filter="", output_fields=["count(*)"], **STRONG)
        return int(answer[0]["count(*)"])

    def digests(self, ids: Sequence[str] | None = None) -> dict[str, str]:
        """Return {id: digest} of the rows with these ids, or of all rows."""
        if ids is None:
            batches = self.digest_pages()
        else:
            batches = (_digests(self._rows(part, **DIGESTS)) for part in _batches(ids))
        return {name: digest for batch in batches for name, digest in batch.items()}

    def digest_pages(self) -> Iterator[dict[str, str]]:
        """Yield {id: digest} of all rows, some thousands at a time."""
        yield from map(_digests, self._pages(DIGESTS))

    def whole_rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows with these ids, with all of their fields."""
        return self._rows(ids, output_fields=sorted(FIELDS), **STRONG)

    # Workaround (pymilvus 3.0.2): `get` and `delete` put ids into an expression as they are, where
    # a quote in one breaks the call and "a'] or id not in ['b" means every row; so the expressions
    # are ours, and an iterator's ids are escaped. Upstream: none known.
    # Test: test_ids_are_not_escaped.

    def _rows(self, ids, **fields):
        return self._call("read", "query", filter=ids_in(ids), **fields)

    def _pages(self, fields):
        """Yield all rows, some at a time; a server returns no more than 16,384 per call."""
        pages = self._call("read", "query_iterator", batch_size=8000, **fields)
        with explained("read", self.uri):
            while page := connection.call(pages.next):
                yield page
                pages._next_id = escaped(page[-1]["id"])  # where the next page begins
            connection.call(pages.close)

    def upsert_rows(self, rows: Sequence[Mapping[str, Any]], progress: bool = False) -> None:
        """Write rows of `schema.rows_by_id` in batches; each is safe once its call returns."""
        with tqdm(desc="writing", total=len(rows), delay=2, disable=not progress) as bar:
            for batch in _batches(rows):
                self._call("write to", "upsert", batch)
                bar.update(len(batch))

    def delete_rows(self, ids: Sequence[str]) -> None:
        """Delete the rows with these ids, lowering the confirmed count before, not after."""
        if ids:
            self._confirm(max(0, self._confirmed() - len(ids)))
        for batch in _batches(ids):
            self._call("delete from", "delete", filter=ids_in(batch))

    def drop(self) -> None:
        """Delete the collection with all its rows, and close; opening creates an empty one."""
        # Workaround (milvus-lite 3.2.2): it indexes what is in the log before it drops it, and of
        # fewer than 39 rows FAISS warns in the notebook; without an index there's nothing to build.
        # Upstream: none known. Test: test_dropping_a_few_rows_makes_faiss_warn.
        if self.is_lite:
            self._call("release", "release_collection")
            self._call("drop the index of", "drop_index", "vector")
        self._call("drop", "drop_collection")
        self.close()

    # Workaround (milvus-lite 3.2.2): it serves what is left of a damaged database without an error,
    # so the number of rows that it confirmed is kept apart from them. Upstream: none known.
    # Test: test_the_rest_of_a_damaged_database_is_served_silently.

    def _confirmed(self):
        """Return how many rows the collection is known to have had, 0 when nobody noted it."""
        described = self._call("look into", "describe_collection")
        return int(dict(described.get("properties") or {}).get(names.ROWS, 0))

    def _confirm(self, count):
        self._call("write to", "alter_collection_properties", {names.ROWS: str(count)})


def _digests(rows):
    return {row["id"]: row["digest"] for row in rows}


def _batches(items):
    for start in range(0, len(items), ROWS_PER_CALL):
        yield items[start : start + ROWS_PER_CALL]


def _check_index_type(index_type, is_lite):
    there = index_types.LITE_TYPES if is_lite else index_types.INDEX_TYPES
    if index_type not in (None, *there):
        raise MilvusError(f"There is no {index_type} index here. Choose one of {', '.join(there)}.")
