"""Which files a visitor of the page may name: pictures below the allowed roots, nothing else."""

import os
from pathlib import Path

from helpers.settings import ROOT, from_environment


class PathError(ValueError):
    """A path that is not allowed or not there; its text says which and what to do."""


def default_roots(settings=None, environ=None):
    """Return the folders that may be read: BOOTCAMP_ROOTS, else the data folder and the project.

    BOOTCAMP_ROOTS holds one or more folders, separated as in PATH.
    """
    named = (os.environ if environ is None else environ).get("BOOTCAMP_ROOTS", "")
    if named:
        return tuple(Path(part).expanduser().resolve() for part in named.split(os.pathsep) if part)
    settings = settings or from_environment()
    return tuple(dict.fromkeys((settings.data.resolve(), ROOT.resolve())))


def resolve_inside(text, roots):
    """Return `text` as an absolute path without links, if it lies below one of `roots`.

    A relative path starts at the first root that has it. Raises PathError for `..`, for a link
    that leads out, for a URL and for whatever does not exist.
    """
    text = str(text).strip()
    path = Path(text).expanduser() if text.startswith("~") else Path(text)
    if not text or "\0" in text or "://" in text or text.lower().startswith("file:"):
        raise PathError(f"“{text[:80]}” is no path. Give a folder or a picture on this computer.")
    if ".." in path.parts:
        raise PathError("A path with “..” is not followed. Write it out from its beginning.")
    for root in roots:
        found = Path(os.path.realpath(root / path))
        if is_inside(found, roots) and found.exists():
            return found
    # A forbidden path and a missing one get the same answer: it tells nothing about the disk.
    places = " or ".join(str(root) for root in roots)
    raise PathError(f"“{text[:200]}” was not found. Look for it below {places}.")


def is_inside(path, roots):
    """Return True when `path`, with its links followed, lies in one of `roots`."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def complete(text, roots, limit=20):
    """Return up to `limit` folders below `roots` that begin with `text`, for the path box."""
    text = text.strip()
    if not text or ".." in Path(text).parts:
        return [str(root) for root in roots]
    found = []
    for root in roots:
        found += _matching_folders(Path(root) / text, text.endswith(("/", os.sep)), roots)
    return sorted(dict.fromkeys(found))[:limit]


def _matching_folders(path, whole, roots):
    """Return the visible sub-folders of `path`, or of its parent when its name is unfinished."""
    parent, beginning = (path, "") if whole else (path.parent, path.name)
    if not is_inside(parent, roots) or not parent.is_dir():
        return []
    with os.scandir(parent) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.name.lower().startswith(beginning.lower())
            and not entry.name.startswith(".")
            and entry.is_dir(follow_symlinks=False)
        ]
    return [str(parent / name) for name in sorted(names)]
