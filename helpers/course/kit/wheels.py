"""The packages for every target in one folder, by pip, each with a digest of the lock file.

A wheel that fits several targets is fetched once. What is there and right isn't fetched again, so
an interrupted build goes on where it stopped, and a complete folder needs no network.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name, parse_wheel_filename

from helpers.course.kit.targets import SYSTEMS, Target, TargetError, here
from helpers.fetch.download import DownloadError
from helpers.files import sha256
from helpers.settings import ROOT

LOCK = ROOT / "requirements.lock"
AT_ONCE = 30
"""Pip keeps what it fetched only when a whole call succeeds; so each call fetches a few."""

MICROS = (99, 0)
"""The lock file has one soupsieve for Python 3.11.5 and newer and one for older: pack both."""


@dataclass(frozen=True)
class Pin:
    """One package of the lock file: the line that names it, its marker, and its wheels' digests."""

    line: str
    marker: str
    digests: frozenset[str]

    @property
    def requirement(self) -> str:
        """Return it as pip reads it, without the marker."""
        return " ".join([self.line, *(f"--hash=sha256:{one}" for one in sorted(self.digests))])

    def is_for(self, target: Target, micro: int) -> bool:
        """Return whether this package belongs on Python 3.x.`micro` of `target`."""
        return not self.marker or Marker(self.marker).evaluate(target.environment(micro))

    def is_met(self, target: Target, have: dict[str, str]) -> bool:
        """Return whether one of the wheels `have`, {file name: digest}, is this and fits."""
        name, _, version = self.line.partition("==")
        for file in (file for file, digest in have.items() if digest in self.digests):
            found, release, _, tags = parse_wheel_filename(file)
            right = (found, str(release)) == (canonicalize_name(name), version)
            if right and not tags.isdisjoint(target.tags):
                return True
        return False


def gather(folder: Path, targets: Iterable[Target], lock: Path = LOCK) -> None:
    """Let pip fetch into `folder` what `lock` names for each of `targets` and isn't there yet.

    Wheels that the lock file doesn't know, older or damaged, are deleted. Raises DownloadError,
    which names the target and leaves what arrived.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = pins(lock)
    have = _drop_unknown(folder, found)
    for target in targets:
        for micro in MICROS:
            wanted = [pin for pin in found if pin.is_for(target, micro)]
            missing = [pin for pin in wanted if not pin.is_met(target, have)]
            if missing:
                print(f"{target.name}: {len(missing)} of {len(wanted)} packages to fetch")
            for some in _in_groups(missing, AT_ONCE):
                _fetch(folder, target, micro, some)
                have = _digests(folder, have)


def pins(lock: Path) -> list[Pin]:
    """Return the packages that a lock file names, in its order."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"))
    made = []
    for block in blocks:
        line, _, marker = block.partition("\n")[0].rstrip(" \\").partition(" ; ")
        if "==" in line:
            digests = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
            made.append(Pin(line.strip(), marker.strip(), digests))
    return made


def _fetch(folder, target, micro, wanted):
    """Let pip fetch `wanted`, whose markers have been judged already."""
    with tempfile.TemporaryDirectory() as place:
        names = Path(place) / "requirements.txt"
        names.write_text("\n".join(pin.requirement for pin in wanted) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(folder), "-r", str(names)]
        command += ["--implementation", "cp", "--python-version", f"{target.python}.{micro}"]
        for name in SYSTEMS[target.system].platforms:
            command += ["--platform", name]
        if not _is_here(target):  # they would fill pip's cache, for laptops that aren't this one
            command += ["--no-cache-dir"]
        if subprocess.run(command, check=False).returncode:
            raise DownloadError(
                f"pip could not fetch all packages for {target.name}; its own message is above. "
                "Run this again on a network that reaches the package index: what arrived is kept."
            )


def _is_here(target):
    try:
        return target == here()
    except TargetError:
        return False


def _drop_unknown(folder: Path, found: Sequence[Pin]) -> dict[str, str]:
    """Delete the wheels that no pin knows; return {file name: digest} of the others."""
    known = frozenset().union(*(pin.digests for pin in found))
    have = _digests(folder, {})
    for name in [name for name, digest in have.items() if digest not in known]:
        (folder / name).unlink()
        del have[name]
    return have


def _digests(folder, before):
    """Return {file name: digest} of the wheels in `folder`; those of `before` aren't read again."""
    have = dict(before)
    for path in sorted(folder.glob("*.whl")):
        if path.name not in have:
            have[path.name] = sha256(path)
    return have


def _in_groups(items: Sequence[Pin], size: int) -> Iterator[Sequence[Pin]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
