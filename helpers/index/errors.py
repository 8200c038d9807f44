"""What can go wrong with Milvus, in one sentence that says what and one that says what to do."""

from helpers.errors import PlainError


class MilvusError(PlainError, RuntimeError):
    """Milvus could not do what was asked; the text says why and what to do about it."""


class MissingRowsWarning(UserWarning):
    """The index holds fewer rows than it once confirmed."""


def translate_error(error, doing, uri):
    """Return a MilvusError for an exception of pymilvus while `doing` something, in plain words."""
    text = " ".join(str(getattr(error, "message", None) or error).split())
    low = text.lower()
    if "no space left" in low:
        return MilvusError(
            f"The disk is full: Milvus could not {doing} {uri}. Free some space and run this again;"
            " the rows confirmed before are kept, and sync writes the rest."
        )
    if any(word in low for word in ("unavailable", "connect", "deadline", "timeout")):
        return MilvusError(
            f"Milvus at {uri} stopped answering and could not {doing}. "
            "Check that it runs, then run this again; what it confirmed is kept."
        )
    if any(word in low for word in ("parquet", "read data", "corrupt", "manifest")):
        return MilvusError(
            f"The database {uri} is damaged ({text:.160}). Move it away and run notebook 03 again: "
            "the index is rebuilt from the saved vectors."
        )
    return MilvusError(
        f"Milvus at {uri} could not {doing} ({type(error).__name__}: {text:.200}). "
        "Run this again; if it fails again, drop the index and run notebook 03."
    )
