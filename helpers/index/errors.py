"""What can go wrong with Milvus: one sentence says what happened, one says what to do."""

from helpers.errors import PlainError


class MilvusError(PlainError, RuntimeError):
    """Milvus couldn't do what was asked; the text says why and what to do about it."""


class RowError(PlainError, ValueError):
    """A picture, vector or label that can't be in the index, or can't be searched for."""


class MissingRowsWarning(UserWarning):
    """The index holds fewer rows than it once confirmed."""


def translate_error(error: Exception, action: str, uri: str) -> MilvusError:
    """Return an exception of pymilvus as a MilvusError; `action` completes "could not …"."""
    text = " ".join(str(getattr(error, "message", None) or error).split())
    low = text.lower()
    if "no space left" in low:
        return MilvusError(
            f"The disk is full: Milvus could not {action} {uri}. Free some space and run this "
            "again; the rows confirmed before are kept, and sync writes the rest."
        )
    if any(word in low for word in ("unavailable", "connect", "deadline", "timeout")):
        return MilvusError(
            f"Milvus at {uri} stopped answering and could not {action}. "
            "Check that it's running, then run this again; what it confirmed is kept."
        )
    if any(word in low for word in ("parquet", "read data", "corrupt", "manifest")):
        return MilvusError(
            f"The database {uri} is damaged ({text:.160}). Move it away and run notebook 03 again: "
            "the index is rebuilt from the saved vectors."
        )
    return MilvusError(
        f"Milvus at {uri} could not {action} ({type(error).__name__}: {text:.200}). "
        "Run this again; if it fails again, drop the index and run notebook 03."
    )
