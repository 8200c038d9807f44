"""One row of the index: a picture, its labels, its vector, and a digest of all that."""

import json
from collections.abc import Iterable
from hashlib import blake2b
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.index.errors import RowError
from helpers.index.filters import SLOTS, TEXT_BYTES, check_text

FIELDS = {"id", *SLOTS, "digest", "vector"}

PicturesLike = Iterable[Any]
"""Anything with `id` and `labels`, such as `helpers.dataset.Picture`."""
VectorsLike = Any
"""(n, dim) float32, one row per picture, or anything with `ids` and `values`, as `features` has."""


def schema(dim: int):
    """Return the schema of a collection for vectors of `dim` numbers; notebook 03 makes its own."""
    from pymilvus import DataType, MilvusClient

    fields = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    fields.add_field("id", DataType.VARCHAR, is_primary=True, max_length=TEXT_BYTES)
    for slot in SLOTS:
        fields.add_field(slot, DataType.VARCHAR, max_length=TEXT_BYTES)
    fields.add_field("digest", DataType.VARCHAR, max_length=32)
    fields.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    return fields


def rows_by_id(
    pictures: PicturesLike, vectors: VectorsLike, dim: int
) -> tuple[dict[str, dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Return {id: row}, ready for Milvus' `upsert`, and (id, reason) of pictures it can't keep.

    Pictures without a vector are left out. Raises RowError for ids that are there twice, and for
    vectors that Milvus would refuse only later, or keep silently.
    """
    by_id, rows, skipped = _by_id("pictures", ((p.id, p) for p in pictures)), {}, []
    ids = getattr(vectors, "ids", list(by_id))
    values = getattr(vectors, "values", vectors)
    values = check_vectors(values if len(values) else np.empty((0, dim)), dim)
    if len(ids) != len(values):
        raise RowError(
            f"There are {len(values)} vectors for {len(ids)} pictures. "
            "Extract the vectors of exactly these pictures again (notebook 02)."
        )
    vector_of = _by_id("vectors", zip(ids, values, strict=True))
    for name in filter(by_id.__contains__, vector_of):
        try:
            rows[name] = _row(by_id[name], vector_of[name])
        except RowError as error:
            skipped.append((name, str(error)))
    return rows, tuple(skipped)


def check_vectors(values: ArrayLike, dim: int) -> NDArray[np.float32]:
    """Return `values` as (n, dim) float32, finite and nowhere all zero, or raise RowError.

    A zero vector points nowhere: its cosine to anything is 0/0.
    """
    # Workaround (milvus-lite 3.2.2): NaN is stored silently; a server refuses it, but late.
    # Upstream: none known. Test: test_nan_is_stored_silently.
    values = np.ascontiguousarray(values, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != dim:
        raise RowError(
            f"The vectors have the shape {values.shape}, but this index keeps {dim} numbers per "
            "row. Use the extractor that the index was made with, or make another index for it."
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1) | ~values.any(axis=1))
    if len(bad):
        raise RowError(
            f"{len(bad)} of {len(values)} vectors can't be used: row {bad[0]} is all zero, or "
            "holds NaN or infinity. Embed its picture again (notebook 02)."
        )
    return values


def _by_id(what, pairs):
    by_id = {}
    for name, one in pairs:
        if name in by_id:
            raise RowError(
                f"Two {what} have the id {name!r}. "
                "Give each its own id, then run this again; nothing was written."
            )
        by_id[name] = one
    return by_id


def _row(picture, vector):
    """Return one row; its digest changes when anything in the row does."""
    row = {"id": check_text(picture.id, "a picture's id"), **_label_fields(picture)}
    text = json.dumps(row, sort_keys=True).encode()
    digest = blake2b(text + vector.tobytes(), digest_size=16).hexdigest()
    return row | {"digest": digest, "vector": vector}


def _label_fields(picture):
    labels = [check_text(label, f"a label of picture {picture.id!r}") for label in picture.labels]
    if len(labels) > len(SLOTS):
        raise RowError(
            f"Picture {picture.id!r} has {len(labels)} labels, but the index keeps {len(SLOTS)}. "
            "Drop the least important ones."
        )
    return dict(zip_longest(SLOTS, labels, fillvalue=""))
