"""What can go wrong with Milvus: one sentence says what happened, one says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from helpers.errors import PlainError


class MilvusError(PlainError, RuntimeError):
    """Milvus couldn't do what was asked; the text says why and what to do about it."""


class RowError(PlainError, ValueError):
    """A picture, vector or label that can't be in the index, or can't be searched for."""


class MissingRowsWarning(UserWarning):
    """The index holds fewer rows than it once confirmed."""


SENTENCES = {  # what to say when the message holds one of these words, as it always does ""
    "no space left": "The disk is full: Milvus could not {action} the collection at {uri}. Free "
    "some space and run this again; the rows confirmed before are kept, and sync writes the rest.",
    "unavailable|connect|deadline|timeout": "Milvus stopped answering and could not {action} the "
    "collection at {uri}. Check that it's running, then run this again; what it confirmed is kept.",
    "parquet|read data|corrupt|manifest|json": "The database {uri} is damaged ({text:.160}). Move "
    "it away and run notebook 03 again: the index is rebuilt from the saved vectors.",
    "": "Milvus could not {action} the collection at {uri} ({name}: {text:.200}). Run this again; "
    "if it fails again, drop the index and run notebook 03.",
}


@contextmanager
def explained(action: str, uri: str) -> Iterator[None]:
    """Turn what pymilvus raises into a MilvusError; `action` completes "could not …"."""
    try:
        yield
    except MilvusError:
        raise
    except Exception as error:
        raise _translated(error, action, uri) from None


def _translated(error, action, uri):
    text = " ".join(str(getattr(error, "message", None) or error).split())
    told = next(told for words, told in SENTENCES.items() if re.search(words, text, re.I))
    return MilvusError(told.format(action=action, uri=uri, name=type(error).__name__, text=text))
