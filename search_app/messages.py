"""What a browser may ask of a session, one message at a time, and errors told as sentences."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.errors import PlainError
from search_app import thumbs
from search_app.query import MAX_PICTURES, MessageError, number
from search_app.safe_paths import without_paths

if TYPE_CHECKING:
    from search_app.session import Session

log = logging.getLogger(__name__)
OPTIONS = {"k", "labels", "mode", "min_score", "engine"}

ACTIONS = {
    "upload": lambda session, message, buffers: session.upload_all(_files(message, buffers)),
    "open": lambda session, message, _: session.open(_text(message, "text", 4000)),
    "pick": lambda session, message, _: session.pick(_text(message, "id", 200)),
    "region": lambda session, message, _: session.select_region(message.get("region")),
    "mark": lambda session, message, _: session.mark(message.get("marks")),
    "refine": lambda session, message, _: session.refine(message.get("marks")),
    "remove": lambda session, message, _: session.remove(number(message.get("at"), 0, 1000)),
    "clear": lambda session, *_: session.clear(),
    "choose": lambda session, message, _: session.choose(**_options(message)),
    "suggest": lambda session, *_: session.suggest(),
    "large": lambda session, message, _: session.details.large(_text(message, "id", 200)),
    "why": lambda session, message, _: session.details.why(_text(message, "id", 200)),
    "groups": lambda session, message, _: session.details.groups(message.get("min_score")),
    "complete": lambda session, message, _: session.folders.complete(_text(message, "text", 4000)),
    "load": lambda session, message, _: session.folders.load(_text(message, "text", 4000)),
    "stop": lambda session, *_: session.folders.stop(),
    "unload": lambda session, message, _: session.folders.unload(message.get("folder")),
    "ping": lambda *_: None,  # the acknowledgement is the answer
}


def dispatch(session: "Session", message: object, buffers: Sequence[memoryview] = ()) -> None:
    """Call the method of `session` that `message["do"]` names: one of ACTIONS and no other.

    `buffers` are the bytes that came along. It returns at once. Raises MessageError for a message
    that the page doesn't send, and whatever PlainError says why the session won't do it.
    """
    action = message.get("do") if isinstance(message, Mapping) else None
    if not isinstance(action, str) or action not in ACTIONS:
        raise MessageError("The page asked for something unknown. Reload the page.")
    ACTIONS[action](session, message, buffers)


def explain(error: Exception, roots: Sequence[Path] = ()) -> str:
    """Return the sentence for `error`, without absolute paths of this computer.

    An error that nobody foresaw is logged in full.
    """
    if isinstance(error, PlainError):
        return without_paths(str(error), roots)
    log.error("The search page failed", exc_info=error)
    return f"Something went wrong ({type(error).__name__}). Try again; the log has the details."


def _text(message, key, length):
    """Return the text `message[key]`."""
    text = message.get(key)
    if not isinstance(text, str):
        raise MessageError(f"The page sent no {key}. Reload the page, then try again.")
    if len(text) > length:
        raise MessageError(f"That is longer than {length} characters. Enter something shorter.")
    return text


def _files(message, buffers):
    """Return the uploaded files, [(content, name)], copied only when they're small enough."""
    names = message.get("names", [message.get("name")])
    if not isinstance(names, list) or not 0 < len(buffers) == len(names):
        raise MessageError("The page sent no file. Reload the page, then choose it again.")
    if len(names) > MAX_PICTURES:
        raise MessageError(f"At most {MAX_PICTURES} pictures make one query. Choose fewer.")
    names = [_text({"name": name}, "name", 1000)[:120] for name in names]
    size = sum(memoryview(one).nbytes for one in buffers)
    thumbs.check_size(size, ", ".join(names)[:120])
    return [(bytes(one), name) for one, name in zip(buffers, names, strict=True)]


def _options(message):
    """Return what `Session.choose` takes."""
    options = message.get("options")
    if not isinstance(options, Mapping) or not options.keys() <= OPTIONS:
        raise MessageError("The page sent unknown settings. Reload the page, then set them again.")
    return options
