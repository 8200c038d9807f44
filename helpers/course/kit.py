"""The workshop kit: one folder, for a USB stick or a LAN share, that replaces the internet.

`python -m helpers.course.kit FOLDER --voc 2000` gathers the wheels for this machine's system and
Python, VGG16's weights and a PASCAL VOC archive; `SHA256SUMS` is written last, so a kit without it
was never finished. With `BOOTCAMP_KIT=FOLDER` everything comes from there.
"""

import argparse
import hashlib
import platform
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

from tqdm.auto import tqdm

from helpers.dataset import voc, voc2012
from helpers.features import weights
from helpers.fetch.download import DownloadError, megabytes, need_space
from helpers.files import atomic_write, file_lock, tree_size
from helpers.settings import ROOT, Settings, from_environment

WHEELS_BYTES = 1_200 << 20


def build(
    out: Path, count: float = 2000, settings: Settings | None = None, progress: bool = True
) -> Path:
    """Fill the folder `out` with a kit of the first `count` VOC pictures, and return it.

    `count` may be `voc2012.ALL`. Run again, it fetches only what is missing. Raises DownloadError
    or WeightsError.
    """
    settings = replace(settings or from_environment(), kit=None)
    (out / "SHA256SUMS").unlink(missing_ok=True)
    need_space(out, WHEELS_BYTES)
    what = pack_voc(out / "voc", count, settings, progress)
    with atomic_write(out / "weights" / weights.FILE) as file:
        file.write(weights.load(settings))
    gather_wheels(out / "wheels")
    system, python = f"{platform.system()} {platform.machine()}", platform.python_version()
    note = Path(__file__).with_name("kit_note.txt").read_text(encoding="utf-8")
    note = note.format(system=system, python=python, voc=what)
    (out / "README.txt").write_text(note, encoding="utf-8")
    write_sums(out, progress)
    return out


def pack_voc(folder: Path, count: float, settings: Settings, progress: bool = True) -> str:
    """Write the kit's VOC archive into `folder`, and return in words what it holds."""
    waiting = "A notebook is fetching these pictures; waiting for it to finish."
    with file_lock(settings.data / "datasets" / ".lock", lambda: tqdm.write(waiting)):
        selection = voc2012.obtain(count, "for the kit", settings, progress)
    ids, root = selection.only or voc2012.ids_here(settings)[count], voc.find(selection.folder)
    with (
        atomic_write(folder / voc2012.archive_name(count, settings)) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for kind, suffix in (("Annotations", ".xml"), ("JPEGImages", ".jpg")):
            for stem in tqdm(ids, f"packing {kind}", leave=False, disable=not progress):
                _add(tar, root / kind / (stem + suffix), f"VOCdevkit/VOC2012/{kind}/")
    return "all of it" if count == voc2012.ALL else f"the first {count:,} pictures"


def gather_wheels(folder: Path) -> None:
    """Let pip download what requirements.lock names, for this system and this Python."""
    command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), "-r", str(ROOT / "requirements.lock")]
    if subprocess.run(command, check=False).returncode:
        raise DownloadError(
            "pip could not download all wheels; its own message is above. Run this again on a "
            "network that reaches the package index: what arrived is kept."
        )


def write_sums(out: Path, progress: bool = True) -> None:
    """Write `SHA256SUMS` over every file of the kit, in the order of their names."""
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    with atomic_write(out / "SHA256SUMS", durable=True) as sums:
        for name in tqdm(files, "checksums", leave=False, disable=not progress):
            with (out / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            sums.write(f"{digest}  {name}\n".encode())


def _add(tar, path, folder):
    """Add the file at `path` to `tar` under `folder`, the same on every machine and day."""
    if path.exists():
        info = tarfile.TarInfo(folder + path.name)
        info.size = path.stat().st_size
        with path.open("rb") as file:
            tar.addfile(info, file)


def main() -> None:
    """Read the command line and build the kit."""
    parser = argparse.ArgumentParser(description="Build the workshop kit.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voc", default="2000", help='"all" or the first N pictures (2000)')
    given = parser.parse_args()
    try:
        out = build(given.folder, voc2012.ALL if given.voc == "all" else int(given.voc))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    print(f"The kit is in {out}: {megabytes(tree_size(out))}. Its README.txt says how to use it.")


if __name__ == "__main__":
    main()
