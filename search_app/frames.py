"""One message of the page's socket is one binary frame, as in browser/page/frames.js.

Four bytes hold the length of the header (big-endian), the header is JSON, and the buffers follow,
whose lengths the header's `buffers` gives.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

from search_app.query import MAX_PICTURES, MessageError

MAX_HEADER = 64_000


def encode(message: dict[str, Any]) -> bytes:
    """Return the frame of `message`, in which bytes, at any depth, become {"$buffer": number}."""
    buffers = []
    header = _without_bytes(message, buffers) | {"buffers": [len(one) for one in buffers]}
    text = json.dumps(header).encode()
    return b"".join((struct.pack(">I", len(text)), text, *buffers))


def decode(frame: bytes) -> tuple[dict[str, Any], Sequence[memoryview]]:
    """Return the header and the buffers of a `frame`; raises MessageError for any other bytes."""
    view = memoryview(frame)
    try:
        end = 4 + struct.unpack_from(">I", frame)[0]
        if end > min(len(view), MAX_HEADER):
            raise ValueError("the header is too long")
        header = json.loads(bytes(view[4:end]))
        lengths = header.pop("buffers", [])
        if len(lengths) > MAX_PICTURES or end + sum(lengths) != len(view):
            raise ValueError("the buffers don't fit")
        buffers = []
        for length in lengths:
            if type(length) is not int or length < 0:
                raise ValueError("a length is no number of bytes")
            buffers.append(view[end : end + length])
            end += length
    except (struct.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise MessageError("The page sent something unreadable. Reload the page.") from error
    return header, buffers


def _without_bytes(value, buffers):
    """Return `value` as JSON has it, after moving its bytes into `buffers`."""
    if isinstance(value, bytes | memoryview):
        buffers.append(value)
        return {"$buffer": len(buffers) - 1}
    if isinstance(value, dict):
        return {key: _without_bytes(one, buffers) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(one, buffers) for one in value]
    return value
