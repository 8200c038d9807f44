"""What can go wrong with Milvus: one sentence says what happened, one says what to do."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from helpers.errors import PlainError

PASSING = "unavailable|fail connecting|channel not|no available|not loaded|node not|node offline"


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
    "collection at {uri}. Check that it's running (with a full disk it doesn't), then run this "
    "again; what it confirmed is kept.",
    "(can't find|not found|not exist).*collection|collection.*(not found|not exist)": "There is no "
    "collection any more that Milvus could {action} at {uri}: somebody dropped it, or the server "
    "has lost its data. Run notebook 03 again: it is rebuilt from the saved vectors.",
    "parquet|read data|corrupt|manifest|json": "The database {uri} is damaged ({text:.160}). Move "
    "it away and run notebook 03 again: the index is rebuilt from the saved vectors.",
    "": "Milvus could not {action} the collection at {uri} ({name}: {text:.200}). Run this again; "
    "if it fails again, drop the index and run notebook 03.",
}


def patiently(function: Callable[[], Any], seconds: float) -> Any:
    """Return `function()`; while the server is away or starting, try for `seconds` more.

    Only for calls that may be made twice.
    """
    # Workaround (pymilvus 3.0.2): it says that it tries again for as long as `timeout` allows, but
    # gives up at the first attempt to reconnect. Upstream: none known.
    # Test: test_pymilvus_gives_up_at_once.
    end, pause = time.monotonic() + seconds, 0.2
    while True:
        try:
            return function()
        except Exception as error:
            if time.monotonic() + pause > end or not re.search(PASSING, str(error), re.I):
                raise
        time.sleep(pause)
        pause = min(2 * pause, 3)


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
