"""What is read rather than computed: the course's own files, both editions, pages, checksums."""

import copy
import os
import subprocess
import zipfile
from pathlib import Path

import nbformat
from tqdm.auto import tqdm

from helpers.course import editions, run_notebooks
from helpers.files import atomic_write, sha256
from helpers.settings import ROOT

MADE = {".git", ".venv", "build", "__pycache__", "node_modules"}
KEPT_DATA = ("README.md", "result.jpg", "sample")


def pack_course(path: Path, root: Path = ROOT) -> int:
    """Write the course's files into a zip at `path`, as Git tracks them; return how many.

    Without Git, as in a course that was itself unpacked from a zip: all but what was made here.
    The same files give the same bytes.
    """
    names = _tracked(root) or _as_unpacked(root)
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = ((root / name).stat().st_mode & 0xFFFF) << 16
            packed.writestr(info, (root / name).read_bytes())
    return len(names)


def _tracked(root):
    """Return what Git tracks in `root`, sorted; [] where that isn't a repository of Git's."""
    if not (root / ".git").exists():
        return []
    try:
        command = ["git", "-C", str(root), "ls-files", "-z"]
        told = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    names = sorted(filter(None, told.decode().split("\0")))
    return [name for name in names if (root / name).is_file()]


def _as_unpacked(root):
    """Return all files below `root` except environments, downloads and other products."""
    names = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in MADE and not _is_product(name)]
        below = Path(place).relative_to(root)
        names += [(below / name).as_posix() for name in files if not name.endswith(".pyc")]
    data = [name for name in names if name.startswith("data/")]
    gone = {name for name in data if name.split("/")[1] not in KEPT_DATA}
    return sorted(set(names) - gone - {"start.py"})


def _is_product(name):
    return name.startswith(".venv") or name.endswith(("_cache", ".egg-info", "_checkpoints"))


def write_editions(out: Path) -> None:
    """Write `learner/` (no solutions), `instructor/` and `pages/` from the stored outputs."""
    for path in run_notebooks.notebook_paths():
        notebook = nbformat.read(path, as_version=4)
        run_notebooks.write(editions.learner(notebook), _made(out / "learner") / path.name)
        run_notebooks.describe_figures(notebook)
        page = run_notebooks.page_of(copy.deepcopy(notebook), path.stem.replace("_", " "))
        with atomic_write(out / "pages" / f"{path.stem}.html") as file:
            file.write(page.encode())
        for cell in notebook.cells:
            cell.metadata.pop("jupyter", None)  # it folds the solutions
        run_notebooks.write(notebook, _made(out / "instructor") / path.name)


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_sums(out: Path, progress: bool = True) -> None:
    """Write `SHA256SUMS` over every file of the kit, in the order of their names."""
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    with atomic_write(out / "SHA256SUMS", durable=True) as sums:
        for name in tqdm(files, "checksums", leave=False, disable=not progress):
            if name != "SHA256SUMS":
                sums.write(f"{sha256(out / name)}  {name}\n".encode())
