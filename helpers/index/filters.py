"""Filters by label: "a bus and no person" as an expression that Milvus understands.

A picture's labels are in eight text fields, `label_1` to `label_8`, filled from the left, and a
filter compares each with `==`. With 17,125 rows, one filtered search on Milvus Lite takes 12 ms
this way and 11 ms with a yes/no field per class. Yes/no fields need to know all classes when the
collection is created; this way any label will do. Notebook 03 teaches filters.
"""

# Workaround (milvus-lite 3.2.2): a filter on one ARRAY field takes 530 ms, and the field can't have
# an index. Upstream: none known. Test: test_an_array_field_cannot_be_indexed.

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from helpers.index.errors import RowError

SLOTS = tuple(f"label_{number}" for number in range(1, 9))
TEXT_BYTES = 200  # at most, in a label or an id
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True)
class LabelFilter:
    """Which labels a hit must have: at least one of `any`, every one of `all`, and none of `none`.

    Each is a tuple of labels; a single label may be given as a string. An empty tuple asks for
    nothing. Raises RowError for a label that isn't text of 1 to 200 bytes.
    """

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("any", "all", "none"):
            given = getattr(self, name)
            labels = (given,) if isinstance(given, str) else tuple(given)
            for label in labels:
                check_text(label, "a label")
            object.__setattr__(self, name, labels)


def check_text(text: str, what: str) -> str:
    """Return `text`, or raise RowError, which calls it `what`, unless it is 1 to 200 bytes long."""
    try:
        size = len(text.encode())
    except (AttributeError, UnicodeEncodeError):  # no text, or the surrogates of undecodable bytes
        size = 0
    if not 1 <= size <= TEXT_BYTES:
        raise RowError(
            f"{text!r:.60} cannot be {what}. Use text of 1 to {TEXT_BYTES} bytes (UTF-8)."
        )
    return text


def expression(label_filter: LabelFilter | None) -> str:
    """Return the Milvus expression for a label filter, empty when it asks for nothing."""
    wanted = label_filter or LabelFilter()
    parts = [_has(label) for label in wanted.all] + [f"not {_has(label)}" for label in wanted.none]
    if wanted.any:
        parts.append("(" + " or ".join(map(_has, wanted.any)) + ")")
    return " and ".join(parts)


def ids_in(ids: Iterable[str]) -> str:
    """Return the Milvus expression for the rows with these ids."""
    return f"id in [{', '.join(map(_literal, ids))}]"


def labels_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels in a row's label fields."""
    return tuple(row[slot] for slot in SLOTS if row.get(slot))


def _has(label):
    return "(" + " or ".join(f"{slot} == {_literal(label)}" for slot in SLOTS) + ")"


def escaped(text: str) -> str:
    """Return `text` as it stands between double quotes: none in it can end it early."""
    return text.translate(_ESCAPES)


def _literal(text):
    return f'"{escaped(text)}"'
