"""Filters by label: "a bus and no person" as an expression that Milvus understands.

A picture's labels lie in eight text fields, `label_1` to `label_8`, filled from the left, and a
filter compares each with `==`. Measured with 17,125 rows, one filtered search takes on Milvus Lite
12 ms this way, 11 ms with a yes/no field for each class, and 530 ms with one ARRAY field. Yes/no
fields need to know all classes when the collection is made; this way any label will do, and the
same expression works on Milvus Lite and on a server. Notebook 03 teaches filters.
"""

from dataclasses import dataclass

SLOTS = tuple(f"label_{number}" for number in range(1, 9))
LABEL_BYTES = 200
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True)
class Labels:
    """Which labels a hit must have: at least one of `any`, every one of `all`, not one of `none`.

    Each is a tuple of labels; a lone label may be given as text. Empty tuples ask for nothing.
    """

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def __post_init__(self):
        """Turn a lone label into a tuple of one, and refuse what is no label."""
        for name in ("any", "all", "none"):
            given = getattr(self, name)
            labels = (given,) if isinstance(given, str) else tuple(given)
            for label in labels:
                check_label(label)
            object.__setattr__(self, name, labels)


def check_label(label):
    """Return `label`, or raise ValueError when it is not a text of 1 to 200 bytes."""
    if not isinstance(label, str) or not 1 <= len(label.encode()) <= LABEL_BYTES:
        raise ValueError(
            f"{label!r:.60} cannot be a label. Use a text of 1 to {LABEL_BYTES} bytes (UTF-8)."
        )
    return label


def expression(label_filter):
    """Return the Milvus expression for `label_filter` (Labels, or None), empty when it asks for nothing.

    >>> expression(Labels(all="bus", none="person"))  # eight comparisons for each label
    """
    if label_filter is None:
        return ""
    parts = [_has(label) for label in label_filter.all]
    if label_filter.any:
        parts.append("(" + " or ".join(_has(label) for label in label_filter.any) + ")")
    parts += [f"not {_has(label)}" for label in label_filter.none]
    return " and ".join(parts)


def slots(labels):
    """Return the eight label fields of a row: `labels` from the left, then empty texts.

    Raises ValueError for more than eight labels, or for one that cannot be a label.
    """
    if len(labels) > len(SLOTS):
        raise ValueError(
            f"A picture has {len(labels)} labels, but the index keeps {len(SLOTS)}. "
            "Drop the least important ones."
        )
    filled = [check_label(label) for label in labels] + [""] * (len(SLOTS) - len(labels))
    return dict(zip(SLOTS, filled, strict=True))


def labels_of(row):
    """Return the labels in a row's label fields, as a tuple."""
    return tuple(row[slot] for slot in SLOTS if row.get(slot))


def quoted(text):
    r"""Return `text` as a literal of an expression; quotes and backslashes cannot end it early."""
    return f'"{text.translate(_ESCAPES)}"'


def _has(label):
    """Return the expression that is true for rows with this label."""
    return "(" + " or ".join(f"{slot} == {quoted(label)}" for slot in SLOTS) + ")"
