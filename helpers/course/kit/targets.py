"""Which laptops a kit serves: their system, their Python, and which wheels fit them.

A target decides two things. Environment markers, because pip judges the lock file's by the Python
that runs it, whatever `--platform` says; and tags (PEP 425, PEP 600), the last part of a wheel's
name.
"""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from helpers.errors import PlainError

PYTHONS = ("3.11", "3.12", "3.13")


class TargetError(PlainError, ValueError):
    """A system or a Python that a kit can't be made for."""


@dataclass(frozen=True)
class System:
    """A kind of laptop as Python, markers and wheels call it; sizes are in MB, as measured.

    `first` is what all wheels for one Python take, `more` what each further Python adds.
    """

    title: str
    sys_platform: str
    os_name: str
    machine: str
    platforms: tuple[str, ...]
    first: int
    more: int


def _manylinux(machine):
    """Return the wheels that Linux with glibc 2.28 or newer (that is, since 2018) can run."""
    named = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]
    return (*named, *(f"manylinux{age}_{machine}" for age in (2014, 2010, 1)))


SYSTEMS = {
    "linux": System("Linux", "linux", "posix", "x86_64", _manylinux("x86_64"), 517, 406),
    "linux-arm": System(
        "Linux on ARM", "linux", "posix", "aarch64", _manylinux("aarch64"), 509, 408
    ),
    "windows": System("Windows", "win32", "nt", "AMD64", ("win_amd64",), 553, 464),
    "macos": System(
        "macOS 14 or newer on Apple silicon",
        "darwin",
        "posix",
        "arm64",
        tuple(mac_platforms((14, 0), "arm64")),
        421,
        322,
    ),
}
PURE = 62
"""MB of wheels that fit every system; they are in the kit once."""


@dataclass(frozen=True)
class Target:
    """A system of SYSTEMS with a Python, "3.12"."""

    system: str
    python: str

    @property
    def name(self) -> str:
        """Return "windows-3.12"."""
        return f"{self.system}-{self.python}"

    @cached_property
    def tags(self) -> frozenset[Tag]:
        """The tags of all wheels that fit."""
        version = tuple(map(int, self.python.split(".")))
        interpreter, platforms = f"cp{version[0]}{version[1]}", SYSTEMS[self.system].platforms
        own = cpython_tags(version, platforms=platforms)
        return frozenset([*own, *compatible_tags(version, interpreter, platforms)])

    def environment(self, micro: int) -> dict[str, str]:
        """Return what markers are evaluated in, for Python 3.x.`micro` on this target."""
        system, full = SYSTEMS[self.system], f"{self.python}.{micro}"
        names = {"linux": "Linux", "win32": "Windows", "darwin": "Darwin"}
        return {
            "sys_platform": system.sys_platform,
            "os_name": system.os_name,
            "platform_machine": system.machine,
            "platform_system": names[system.sys_platform],
            "python_version": self.python,
            "python_full_version": full,
            "implementation_name": "cpython",
            "implementation_version": full,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
        }


def here() -> Target:
    """Return this machine's target; raises TargetError where there is none."""
    machine = platform.machine()
    for name, system in SYSTEMS.items():
        if (system.sys_platform, system.machine) == (sys.platform, machine):
            return _checked(Target(name, "{}.{}".format(*sys.version_info)))
    raise TargetError(
        f"There are no packages for this machine ({platform.system()} {machine}). Name the "
        f"systems of the laptops instead, such as FOR={next(iter(SYSTEMS))}."
    )


def chosen(systems: Sequence[str] = (), pythons: Sequence[str] = ()) -> list[Target]:
    """Return the targets of these systems and Pythons, all of them where none is named.

    "here" is this machine. Raises TargetError for what isn't known.
    """
    found = []
    for system in systems or SYSTEMS:
        if system == "here":
            found.append(here())
        else:
            found += [_checked(Target(system, python)) for python in pythons or PYTHONS]
    return list(dict.fromkeys(found))


def about(targets: Sequence[Target]) -> int:
    """Return about how many bytes the wheels for these targets are."""
    total, systems = 0, {target.system for target in targets}
    for name in systems:
        count = sum(target.system == name for target in targets)
        total += SYSTEMS[name].first + (count - 1) * SYSTEMS[name].more
    return (total - PURE * (len(systems) - 1)) * 1_000_000


def _checked(target):
    for given, known in ((target.system, [*SYSTEMS, "here"]), (target.python, PYTHONS)):
        if given not in known:
            raise TargetError(f"A kit can't be made for {given}. Choose from {', '.join(known)}.")
    return target
