"""Which files a visitor of the page may name: pictures below the allowed roots, nothing else.

`roots` are folders, by default those of `settings.roots`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import PlainError


class PathError(PlainError, ValueError):
    """A path that isn't allowed or doesn't exist; the text says which and what to do."""


def resolve_inside(text: str, roots: Sequence[Path]) -> Path:
    """Return `text` as an absolute path without links, if it is below one of `roots`.

    A relative path starts at the first root that has it. Raises PathError for `..`, for a link
    that leads out, for a URL and for whatever doesn't exist.
    """
    text = text.strip()
    if not text or "\0" in text or "://" in text or text.lower().startswith("file:"):
        raise PathError(f"“{text[:80]}” isn't a path. Enter a file or folder on this computer.")
    path = Path(os.path.expanduser(text))
    if ".." in path.parts:
        raise PathError("Paths with “..” aren't allowed. Enter the full path.")
    for root in roots:
        found = Path(os.path.realpath(root / path))
        if is_inside(found, roots) and found.exists():
            return found
    # A forbidden path and a missing one get the same answer: it tells nothing about the disk.
    allowed = " or ".join(str(root) for root in roots)
    raise PathError(f"“{text[:200]}” wasn't found. Enter a path below {allowed}.")


def is_inside(path: Path | str, roots: Sequence[Path]) -> bool:
    """Return True when `path`, with its links followed, is in one of `roots`."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def complete(text: str, roots: Sequence[Path], limit: int = 20) -> list[str]:
    """Return up to `limit` folders below `roots` that begin with `text`, for the path box."""
    text = text.strip()
    if not text or ".." in Path(text).parts:
        return [str(root) for root in roots]
    found = set()
    for root in roots:
        parent, beginning = os.path.split(os.path.join(root, text))
        if is_inside(parent, roots) and os.path.isdir(parent):
            found |= {
                entry.path
                for entry in os.scandir(parent)
                if entry.name.lower().startswith(beginning.lower())
                and not entry.name.startswith(".")
                and entry.is_dir(follow_symlinks=False)
            }
    return sorted(found)[:limit]
