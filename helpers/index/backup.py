"""All collections of ours in a folder, to keep; and back from there, also to another Milvus.

    python -m helpers.index.backup save FOLDER       (make backup TO=FOLDER)
    python -m helpers.index.backup restore FOLDER    (make restore FROM=FOLDER)

The folder holds a Parquet file for each collection and manifest.json, which names those that count,
with rows, SHA-256 and date. A file that is replaced goes only when the manifest names the new one,
so a backup that is interrupted leaves the one before it as it was.
"""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from helpers import settings as _settings
from helpers.files import file_lock, read_json, sha256, write_json
from helpers.index import names
from helpers.index.copying import make_equal, take_type
from helpers.index.errors import MilvusError
from helpers.index.index import Index
from helpers.index.parquet import File
from helpers.settings import Settings

MANIFEST = "manifest.json"
OURS = re.compile(r"\w+\.\d{8}T\d{12}\.parquet")  # files that a backup wrote


def save(
    folder: str | Path,
    wanted: Collection[str] = (),
    replace: bool = False,
    settings: Settings | None = None,
    tell: Callable[[str], object] = print,
) -> int:
    """Write the collections named, or all of ours, to `folder`; return how many could not be.

    `tell` gets a sentence for each. Collections that are no longer in Milvus stay in the folder.
    So does, unless `replace`, the older file of one that now has less than half of its rows: what
    was lost by accident mustn't be lost here, too.
    """
    folder, here = Path(folder), settings or _settings.from_environment()
    there = {info.name: info for info in names.collections(here)}
    if not there:
        raise MilvusError(f"{here.milvus_uri} has no collections of ours: nothing was saved.")
    _check_names(wanted, there, here.milvus_uri)
    with _held(folder, tell):
        manifest, failed = _manifest(folder), 0
        for name in wanted or there:
            if there[name].is_old:
                tell(f"{name}: left out, because an earlier version of this course made it.")
                continue
            try:
                manifest[name] = _saved(there[name], folder, manifest.get(name), replace, here)
            except MilvusError as error:
                failed += 1
                tell(f"{name}: NOT SAVED. {error}")
                continue
            write_json(folder / MANIFEST, manifest, indent=1)
            tell(f"{name}: {manifest[name]['rows']:,} rows saved.")
        for name in manifest.keys() - there.keys():
            tell(f"{name}: not in Milvus any more; kept as of {manifest[name]['date']}.")
        _tidy(folder, {entry["file"] for entry in manifest.values()})
    return failed


def restore(
    folder: str | Path,
    wanted: Collection[str] = (),
    replace: bool = False,
    settings: Settings | None = None,
    tell: Callable[[str], object] = print,
) -> int:
    """Bring the collections named, or all in `folder`, back; return how many could not be.

    First all their files are checked: raises MilvusError, before anything is written, when one is
    missing or isn't what it was. A collection with any row that its file doesn't hold, or holds
    otherwise, is left alone, unless `replace`.
    """
    folder, here = Path(folder), settings or _settings.from_environment()
    manifest, failed = _manifest(folder), 0
    if not manifest:
        raise MilvusError(f"{folder} holds no backup. Name the folder that you saved to.")
    _check_names(wanted, manifest, folder)
    chosen = {name: manifest[name] for name in wanted or manifest}
    for entry in chosen.values():
        _check_sum(folder / entry["file"], entry["sha256"])
    for name, entry in chosen.items():
        try:
            tell(f"{name}: {_restored(folder / entry['file'], replace, here)}.")
        except MilvusError as error:
            failed += 1
            tell(f"{name}: NOT RESTORED. {error}")
    return failed


def _saved(info, folder, before, replace, here):
    """Write one collection to a new file; return its entry in the manifest."""
    date = datetime.now(UTC)
    path = folder / f"{info.name}.{date:%Y%m%dT%H%M%S%f}.parquet"
    with Index(info.dataset_name, info.extractor_name, here, info.dim) as index:
        rows = index.count()
        if before and rows < before["rows"] / 2 and not replace:
            raise MilvusError(
                f"It has {rows:,} rows, but {before['rows']:,} are kept as of {before['date']}. "
                "Restore those, or, if the rest was deleted on purpose, add --replace."
            )
        index.export_parquet(path)
    facts = {"file": path.name, "rows": rows, "sha256": sha256(path)}
    return facts | {"date": f"{date:%Y-%m-%d %H:%M:%S} UTC"}


def _restored(path, replace, here):
    """Make a collection hold the rows of a file; return what that took."""
    file = File(path)
    with Index(file.dataset, file.extractor, here, file.dim) as index:
        others = 0 if replace else sum(map(len, _others(index, file)))
        if others:
            raise MilvusError(
                f"Milvus has {others:,} rows that are missing from the backup, or differ from it. "
                "Save them to another folder first; then add --replace to lose them."
            )
        result = make_equal(index, file, delete_most=True)
        take_type(index, file.index_type)
        return result


def _others(index, file):
    """Yield, page by page, the ids whose rows aren't in the file."""
    for page in index.digest_pages():
        held = file.digests(page)
        yield [name for name, digest in page.items() if held.get(name) != digest]


def _manifest(folder):
    """Return {name: {file, rows, sha256, date}}, or {} if nothing was saved there yet."""
    path, kinds = folder / MANIFEST, {"file": str, "rows": int, "sha256": str, "date": str}
    found = read_json(path)
    for entry in found.values():
        if not isinstance(entry, dict) or {k: type(v) for k, v in entry.items()} != kinds:
            break
        if not OURS.fullmatch(entry["file"]):  # a path would lead out of the folder
            break
    else:
        if found or not path.exists():
            return found
    raise MilvusError(f"{path} is damaged. Use another copy of the folder, or an empty one.")


def _check_names(wanted, there, where):
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise MilvusError(
            f"{where} has no collection {unknown[0]} of ours. It has: {', '.join(there) or 'none'}."
        )


def _held(folder, tell):
    """Hold the folder, so that two backups don't delete each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return file_lock(folder / ".lock", lambda: tell(f"Waiting for another backup to {folder}."))
    except OSError as error:
        raise MilvusError(
            f"{folder} can't be written to ({error.strerror}). Name another folder."
        ) from None


def _check_sum(path, expected):
    if not path.is_file() or sha256(path) != expected:
        raise MilvusError(
            f"{path} is {'not what was saved' if path.is_file() else 'missing'}. "
            "Use another copy of the folder; nothing was restored."
        )


def _tidy(folder: Path, kept: Iterable[str]):
    """Delete what earlier backups wrote and no manifest names."""
    for path in folder.iterdir():
        leftover = path.suffix == ".part" and path.name.startswith(".")
        if leftover or (OURS.fullmatch(path.name) and path.name not in kept):
            path.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> None:
    """Save or restore, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("save", "restore"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--collection", action="append", default=[], metavar="NAME")
    parser.add_argument("--replace", action="store_true", help="even if rows are lost by that")
    given = parser.parse_args(arguments)
    try:
        does = save if given.what == "save" else restore
        failed = does(given.folder, given.collection, given.replace)
    except MilvusError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Run the same command again; it carries on where it stopped.")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
