"""What one row of the index holds: a picture, its labels, its vector, and a digest of all that."""

import json
from hashlib import blake2b

import numpy as np

from helpers.errors import PlainError
from helpers.index.filters import LABEL_BYTES, SLOTS, slots

ID_BYTES = 200
PATH_BYTES = 4096


class RowError(PlainError, ValueError):
    """A picture or a vector that cannot be a row of the index, or be asked for."""


def schema(dim):
    """Return the schema of a collection for vectors of `dim` numbers; notebook 03 explains it."""
    from pymilvus import DataType, MilvusClient

    fields = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    fields.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_BYTES)
    fields.add_field("path", DataType.VARCHAR, max_length=PATH_BYTES)
    for slot in SLOTS:
        fields.add_field(slot, DataType.VARCHAR, max_length=LABEL_BYTES)
    fields.add_field("width", DataType.INT32)
    fields.add_field("height", DataType.INT32)
    fields.add_field("digest", DataType.VARCHAR, max_length=32)
    fields.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    return fields


def rows(pictures, vectors, dim):
    """Return {id: row} for pictures and their vectors, ready for `upsert`.

    `vectors` is (n, dim) with one row a picture, or has `ids` and `values`; pictures without a
    vector are left out. Raises RowError for what Milvus would refuse late, or keep in silence.
    """
    by_id = _by_id(pictures)
    ids = getattr(vectors, "ids", None)
    values = check_vectors(vectors if ids is None else vectors.values, dim)
    ids = list(by_id) if ids is None else ids
    if len(ids) != len(values):
        raise RowError(
            f"There are {len(values)} vectors for {len(ids)} pictures. "
            "Extract the vectors of exactly these pictures again (notebook 02)."
        )
    pairs = zip(ids, values, strict=True)
    return {id: _row(by_id[id], vector) for id, vector in pairs if id in by_id}


def check_vectors(values, dim):
    """Return `values` as (n, dim) float32, finite and not zero; raise RowError otherwise.

    Milvus Lite would take NaN without a word, and a zero vector points nowhere: its cosine to
    anything is 0/0.
    """
    values = np.ascontiguousarray(values, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != dim:
        raise RowError(
            f"The vectors have the shape {values.shape}, but this index keeps {dim} numbers a row. "
            "Use the extractor that the index was made with, or make an index of its own for it."
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1) | ~values.any(axis=1))
    if len(bad):
        raise RowError(
            f"{len(bad)} of {len(values)} vectors are all zero or hold NaN or infinity, first row "
            f"{bad[0]}. Extract those pictures again (notebook 02); none was written."
        )
    return values


def check_id(id):
    """Return `id`, or raise RowError when it is no text of 1 to 200 bytes."""
    if not isinstance(id, str) or not 1 <= len(id.encode()) <= ID_BYTES:
        raise RowError(
            f"{id!r:.60} cannot be a picture's id. Use a text of 1 to {ID_BYTES} bytes (UTF-8); "
            "a shorter file name will do."
        )
    return id


def _by_id(pictures):
    """Return {id: picture}, refusing an id that stands for two pictures."""
    by_id = {}
    for picture in pictures:
        if by_id.setdefault(check_id(picture.id), picture) is not picture:
            raise RowError(
                f"Two pictures have the id {picture.id!r}. "
                "Give each picture an id of its own, then run this again; nothing was written."
            )
    return by_id


def _row(picture, vector):
    """Return one row; its digest changes when anything in the row does."""
    row = {"id": picture.id, "path": str(picture.path), "width": picture.width}
    row |= {"height": picture.height} | _slots(picture)
    if len(row["path"].encode()) > PATH_BYTES:
        raise RowError(
            f"The path of {picture.id!r} is longer than {PATH_BYTES} bytes. Move the picture up."
        )
    text = json.dumps(row, sort_keys=True).encode()
    digest = blake2b(text + vector.tobytes(), digest_size=16).hexdigest()
    return row | {"digest": digest, "vector": vector}


def _slots(picture):
    """Return the picture's label fields, naming the picture when its labels cannot be kept."""
    try:
        return slots(picture.labels)
    except ValueError as error:
        raise RowError(f"Picture {picture.id!r}: {error}") from None
