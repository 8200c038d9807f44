"""The workshop kit: one folder, for a USB stick or a LAN share, that replaces the internet.

`python -m helpers.course.kit FOLDER --voc 2000` gathers the wheels for this machine's system and Python,
VGG16's weights and a PASCAL VOC archive; `SHA256SUMS` is written last, so that a kit without it
is one that was not finished. `BOOTCAMP_KIT=FOLDER` makes everything come from there.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.dataset import voc, voc2012
from helpers.features import weights
from helpers.fetch.download import DownloadError, need_space

LOCK = _settings.ROOT / "requirements.lock"
WHEELS_BYTES = 1_200 << 20

NOTE = """\
Workshop kit for the reverse image search bootcamp
==================================================

Made on {system}, Python {python}: the wheels fit that system and that Python only.

What is in it
  wheels/     every package of requirements.lock
  weights/    VGG16's ImageNet weights (K. Simonyan, A. Zisserman; CC BY 4.0)
  voc/        PASCAL VOC 2012: {voc}
              (Flickr pictures, under the terms of the VOC challenge: do not publish them)
  SHA256SUMS  what each file must be; `sha256sum --check SHA256SUMS` tests all of it

How to use it, in the bootcamp's own folder (copy that, too), with KIT for this folder
  python3 -m venv .venv
  .venv/bin/python -m pip install --no-index --find-links KIT/wheels \\
      --require-hashes -r requirements.lock
  .venv/bin/python -m pip install --no-index --no-deps --no-build-isolation -e .
  BOOTCAMP_KIT=KIT .venv/bin/jupyter lab --config=jupyter_server_config.json notebooks

On Windows write .venv\\Scripts in place of .venv/bin, and `set BOOTCAMP_KIT=KIT` on a line before.
With BOOTCAMP_KIT set no connection is opened for data. A file that was damaged on the way is
refused with its name: copy it again.
"""


def build(out, wish="2000", settings=None, progress=True, official=voc2012.VOC2012):
    """Fill the folder `out` and return it; `wish` is "all" or a number of VOC pictures.

    Run again, it fetches only what is missing. Raises DownloadError or WeightsError.
    """
    settings = replace(settings or _settings.from_environment(), kit=None)
    out = Path(out)
    (out / "SHA256SUMS").unlink(missing_ok=True)
    need_space(out, WHEELS_BYTES)
    what = pack_voc(out / "voc", wish, settings, official, progress)
    _copy(weights.fetch(settings), out / "weights")
    gather_wheels(out / "wheels")
    system = f"{platform.system()} {platform.machine()}"
    note = NOTE.format(system=system, python=platform.python_version(), voc=what)
    (out / "README.txt").write_text(note, encoding="utf-8")
    write_sums(out, progress)
    return out


def pack_voc(folder, wish, settings, official=voc2012.VOC2012, progress=True):
    """Write the VOC archive of the kit into `folder`, and return in words what it holds."""
    if wish == "all":
        found, name, what = voc2012.full(settings, official, progress), official.file, "all of it"
    else:
        found = voc2012.first(int(wish), settings, official, progress)
        name, what = f"voc-{int(wish)}.tar", f"the first {int(wish):,} pictures"
    root = voc.find(found.folder)
    order = [stem for stem in voc2012.order(found.folder) if (not found.only) or stem in found.only]
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (name + ".part")
    with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as tar:
        for kind, suffix in (("Annotations", ".xml"), ("JPEGImages", ".jpg")):
            for stem in tqdm(order, f"packing {kind}", leave=False, disable=not progress):
                _add(tar, root / kind / (stem + suffix), f"VOCdevkit/VOC2012/{kind}/")
    os.replace(part, folder / name)
    return what


def gather_wheels(folder):
    """Let pip download what requirements.lock names, for this system and this Python."""
    command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), "-r", str(LOCK)]
    if subprocess.run(command, check=False).returncode:
        raise DownloadError(
            "pip could not download all wheels; its own words are above. Run this again on a "
            "network that reaches the package index: what came is kept."
        )


def write_sums(out, progress=True):
    """Write `SHA256SUMS` over every file of the kit, in the order of their names."""
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    lines = []
    for name in tqdm(files, "checksums", leave=False, disable=not progress):
        with (out / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    part = out / "SHA256SUMS.part"
    part.write_text("".join(lines), encoding="utf-8")
    os.replace(part, out / "SHA256SUMS")


def _add(tar, path, folder):
    """Add the file at `path` to `tar` under `folder`, the same on every machine and day."""
    if path.exists():
        info = tarfile.TarInfo(folder + path.name)
        info.size = path.stat().st_size
        with path.open("rb") as file:
            tar.addfile(info, file)


def _copy(path, folder):
    """Copy the file at `path` into `folder`; it gets its name when whole."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (path.name + ".part")
    shutil.copyfile(path, part)
    os.replace(part, folder / path.name)


def main():
    """Read the command line and build the kit."""
    words = argparse.ArgumentParser(description="Build the workshop kit.")
    words.add_argument("folder", type=Path)
    words.add_argument("--voc", default="2000", help='"all" or the first N pictures (2000)')
    given = words.parse_args()
    try:
        out = build(given.folder, given.voc)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"The kit is in {out}: {size / 1e9:.2f} GB. Its README.txt says how to use it.")


if __name__ == "__main__":
    main()
