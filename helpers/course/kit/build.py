"""Putting a kit together: what it will take, then one part after the other, checksums last."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import Template

from helpers.course.kit import papers, pictures, wheels
from helpers.course.kit.targets import SYSTEMS, Target, about
from helpers.dataset import voc2012
from helpers.features import weights
from helpers.fetch.download import megabytes, need_space
from helpers.files import atomic_write, tree_size, write_json
from helpers.settings import ROOT, Settings, from_environment

LAPTOP = ROOT / "deploy" / "laptop"
PICTURE = 125_000
"""Bytes of a photograph with its annotation and vectors, on average."""
REST = 80_000_000
"""Bytes of the weights, the course, its editions and pages."""


def build(
    out: Path,
    targets: Sequence[Target],
    count: float = 2000,
    settings: Settings | None = None,
    progress: bool = True,
) -> Path:
    """Fill the folder `out` with a kit for `targets` and the first `count` VOC pictures; return it.

    `count` may be `voc2012.ALL`. `SHA256SUMS` is written last, so a kit without it was never
    finished. Run again, it fetches only what is missing. Raises DownloadError or WeightsError.
    """
    settings = replace(settings or from_environment(), kit=None)
    (out / "SHA256SUMS").unlink(missing_ok=True)
    announce(out, targets, count, settings)
    with atomic_write(out / "weights" / weights.FILE) as file:
        file.write(weights.load(settings))
    wheels.gather(out / "wheels", targets)
    what = pictures.pack_voc(out / "voc", count, settings, progress)
    name = pictures.pack_vectors(out / "vectors", count, settings, progress)
    papers.pack_course(out / "course.zip")
    papers.write_editions(out)
    write_start(out, targets, what, name)
    papers.write_sums(out, progress)
    return out


def announce(out: Path, targets: Sequence[Target], count: float, settings: Settings) -> int:
    """Tell what the kit will take, and return it in bytes; raise DownloadError if it won't fit."""
    number = dict(settings.voc_release.counts)["pictures"] if count == voc2012.ALL else count
    packages, photographs = about(targets), int(number) * PICTURE
    total = packages + photographs + REST
    print(
        f"A kit for {', '.join(target.name for target in targets)}: about "
        f"{megabytes(packages)} of packages, {megabytes(photographs)} of pictures and "
        f"{megabytes(REST)} of everything else, together {megabytes(total)}; "
        f"{megabytes(tree_size(out))} are in {out} already."
    )
    need_space(out, total - tree_size(out))
    return total


def write_start(out: Path, targets: Sequence[Target], what: str, extractor: str) -> None:
    """Write what a laptop begins with: START_HERE.html, set_up.py, start.py and kit.json."""
    for name in ("set_up.py", "start.py"):
        shutil.copyfile(LAPTOP / name, out / name)
    systems = [SYSTEMS[name].title for name in dict.fromkeys(each.system for each in targets)]
    pythons = sorted({each.python for each in targets})
    filled = Template((LAPTOP / "START_HERE.html").read_text(encoding="utf-8")).substitute(
        systems="; ".join(systems), pythons=", ".join(pythons), pictures=what, extractor=extractor
    )
    with atomic_write(out / "START_HERE.html") as file:
        file.write(filled.encode())
    write_json(out / "kit.json", {"targets": [each.name for each in targets]}, indent=1)
