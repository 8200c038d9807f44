"""Which files a visitor of the page may name: pictures below the allowed roots, nothing else.

`roots` are folders without links, as `resolved` returns them. A visitor sees and enters paths that
are relative to a root, with the root's own name in front where there are several: `photos/pets`.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from helpers.dataset.pictures import printable
from helpers.errors import PlainError

PART = r"[^\s/\\\"'“”<>|]+"
ABSOLUTE = re.compile(rf"(?<![\w:/\\.])(?:/|[A-Za-z]:\\){PART}(?:[/\\]{PART})+")


class PathError(PlainError, ValueError):
    """A path that isn't allowed or doesn't exist; the text says which and what to do."""


def resolved(roots: Iterable[Path | str]) -> tuple[Path, ...]:
    """Return `roots` without links, in their order; only such ones are compared with files."""
    return tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))


def resolve_inside(text: str, roots: Sequence[Path]) -> Path:
    """Return `text` as an absolute path without links, if it is below one of `roots`.

    A relative path starts at the first root that has it, or with a root's name. Raises PathError
    for `..`, for a link that leads out, for a URL and for whatever doesn't exist.
    """
    text = text.strip()
    if not text or "\0" in text or "://" in text or text.lower().startswith("file:"):
        raise PathError(f"“{text[:80]}” isn't a path. Enter a file or folder on this computer.")
    if ".." in Path(text).parts:
        raise PathError("Paths with “..” aren't allowed. Enter the full path.")
    for found in _candidates(text, roots):
        try:
            real = Path(os.path.realpath(found))
            if is_inside(real, roots) and real.exists():
                return real
        except (OSError, ValueError):  # too long for the disk, or no text that a path can have
            continue
    # A forbidden path and a missing one get the same answer: it tells nothing about the disk.
    allowed = " or ".join(f"“{root.name or root}”" for root in roots) or "an allowed folder"
    raise PathError(f"“{text[:200]}” wasn't found. Enter a path below {allowed}.")


def _candidates(text, roots):
    """Yield where `text` may lead: below each root, and below the one that it begins with."""
    try:
        path = Path(os.path.expanduser(text))
    except ValueError:  # a user whose name no system can have
        return
    yield from (root / path for root in roots)
    yield from (root.joinpath(*path.parts[1:]) for root in roots if path.parts[:1] == (root.name,))


def is_inside(path: Path | str, roots: Sequence[Path]) -> bool:
    """Return True when `path`, with its links followed, is in one of `roots`."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(root) for root in roots)


def shown(path: Path | str, roots: Sequence[Path]) -> str:
    """Return `path` as visitors see it: relative to its root, printable, never absolute."""
    path = Path(path)
    for root in roots:
        if path.is_relative_to(root):
            below, name = printable(path.relative_to(root)), printable(root.name)
            if below == ".":
                return name
            return f"{name}/{below}" if len(roots) > 1 else below
    return printable(path.name)


def without_paths(text: str, roots: Sequence[Path]) -> str:
    """Return the sentence `text` with every absolute path in it replaced by what `shown` gives."""
    for root in sorted(roots, key=lambda root: -len(str(root))):
        text = text.replace(f"{root}{os.sep}", f"{root.name}/").replace(str(root), root.name)
    return ABSOLUTE.sub(lambda found: re.split(r"[/\\]", found[0])[-1], text)


def complete(text: str, roots: Sequence[Path], limit: int = 20) -> list[str]:
    """Return up to `limit` folders below `roots` that begin with `text`, as visitors see them.

    Hidden folders, and whatever is in one, are left out.
    """
    text = text.strip()
    if not text or ".." in Path(text).parts:
        return [root.name for root in roots]
    found = set()
    for place in _candidates(text + "*", roots):  # so that "pets/" keeps its slash
        parent, beginning = os.path.split(str(place)[:-1])
        found |= {shown(each, roots) for each in _folders(parent, beginning.lower(), roots)}
    return sorted(found)[:limit]


def _folders(parent, beginning, roots):
    """Return the visible folders in `parent` that begin with `beginning`; links are left out."""
    try:
        real = Path(os.path.realpath(parent))
        if not is_inside(real, roots) or _is_hidden(real, roots):
            return []
        with os.scandir(real) as entries:
            visible = [one for one in entries if not one.name.startswith(".")]
            found = [one for one in visible if one.name.lower().startswith(beginning)]
            return [one.path for one in found if one.is_dir(follow_symlinks=False)]
    except (OSError, ValueError):
        return []


def _is_hidden(path, roots):
    """Return True unless, seen from one of `roots` that it is in, no part of `path` is hidden."""
    inside = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
    return not any(all(part[0] != "." for part in below.parts) for below in inside)
