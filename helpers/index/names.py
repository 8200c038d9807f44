"""Whose rows a collection holds: those of one data set by one extractor, as its name says.

So `sync` only ever touches its own rows, even on a server that many people share. The exact names
are properties of the collection, because Milvus allows only letters, digits and underscores in
a collection's own name.
"""

import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from helpers import settings as _settings
from helpers.index import connection
from helpers.index.errors import MilvusError, explained
from helpers.index.schema import FIELDS

DATASET, EXTRACTOR = "bootcamp.dataset", "bootcamp.extractor"
ROWS = "bootcamp.rows"  # how many rows the collection is known to have had
OLD_FIELDS = FIELDS | {"path", "width", "height"}
_told = set()  # addresses of Milvus whose old collections this process has warned of


@dataclass(frozen=True)
class CollectionInfo:
    """A collection of ours: its name in Milvus, whose rows it holds, how many were confirmed.

    `dim` is the length of its vectors. One that an earlier version made `is_old`: it is named after
    its extractor alone, and its `dataset_name` is empty.
    """

    name: str
    dataset_name: str
    extractor_name: str
    rows: int
    is_old: bool
    dim: int


def collection_name(dataset_name: str, extractor_name: str) -> str:
    """Return Milvus' name for a pair's collection; different pairs have different names.

    It says both as far as Milvus allows; where that loses something, a digest of the pair follows.
    """
    exact = f"{dataset_name}__{extractor_name}"
    # Capitals count as lost: Milvus Lite makes folders, and for some disks Pets is pets.
    plain = [re.sub(r"[^a-z0-9]+", "_", name.lower()) for name in (dataset_name, extractor_name)]
    readable = "__".join(name[:100] for name in plain)
    if readable == exact and exact.count("_") == 2 and exact[0].isalpha():
        return exact
    begin = "" if readable[0].isalpha() else "_"
    return f"{begin}{readable}__{_digest(dataset_name, extractor_name)}"


def own_name(name: str, settings: _settings.Settings | None = None) -> str:
    """Return `name` with a suffix of your own, a digest of computer, home and data folder.

    It is the same on every run, so that a second run replaces what the first one made.
    """
    here = settings or _settings.from_environment()
    return f"{name}_{_digest(socket.gethostname(), os.path.expanduser('~'), str(here.data))}"


def _digest(*texts):
    return blake2b(repr(texts).encode(), digest_size=6).hexdigest()


def collections(settings: _settings.Settings | None = None) -> list[CollectionInfo]:
    """Return all collections of ours on the Milvus of `settings`, also the old ones, by name."""
    with _milvus(settings, "list") as client:
        return _ours(client)


def drop_collection(name: str, settings: _settings.Settings | None = None) -> None:
    """Delete a collection with all its rows; raises MilvusError if it isn't there, or not ours."""
    with _milvus(settings, "drop") as client:
        if name not in {info.name for info in _ours(client)}:
            raise MilvusError(
                f"{name} isn't a collection of this course. "
                "helpers.index.collections() lists those that are."
            )
        client.drop_collection(name)


@contextmanager
def _milvus(settings, action) -> Iterator[Any]:
    here = settings or _settings.from_environment()
    client = connection.connect(here.milvus_uri, here.milvus_token)
    try:
        with explained(action, here.milvus_uri):
            yield client
    finally:
        connection.close(client, here.milvus_uri)


def _ours(client):
    infos = []
    for name in sorted(client.list_collections()):
        with suppress(Exception):  # damaged, or dropped by somebody else in the meantime
            described = client.describe_collection(name)
            given = dict(described.get("properties") or {})
            fields = {field["name"]: field for field in described["fields"]}
            if fields.keys() == (FIELDS if DATASET in given else OLD_FIELDS):
                pair = given.get(DATASET, ""), given.get(EXTRACTOR, name)
                rows, dim = int(given.get(ROWS, 0)), int(fields["vector"]["params"]["dim"])
                infos.append(CollectionInfo(name, *pair, rows, DATASET not in given, dim))
    return infos


def warn_of_old(client: Any, uri: str) -> None:
    """Warn, once for each Milvus, of collections that an earlier version made there."""
    old = [] if uri in _told else [info.name for info in _ours(client) if info.is_old]
    _told.add(uri)
    if old:
        warnings.warn(
            f"Milvus still holds what an earlier version of this course made: {', '.join(old)}. "
            "If nobody uses that version any more, remove each with "
            f"helpers.index.drop_collection({old[0]!r}).",
            stacklevel=4,
        )
