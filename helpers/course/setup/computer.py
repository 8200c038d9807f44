"""Python and its packages, memory, disk, folder and processor: what this computer brings along."""

import platform
import shutil
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

import psutil

from helpers.course.setup.check import Check
from helpers.features import runtime
from helpers.settings import ROOT, Settings

PYTHONS = ((3, 11), (3, 13))
MEMORY = 2.5e9
"""Bytes that should be free: TensorFlow with VGG16 takes 1.3 GB; Milvus and pictures, the rest."""

AT_WORK = 5e8
"""Bytes on the disk for weights, vectors and the database, beyond the pictures."""

LOCK = ROOT / "requirements.lock"


def python(version: tuple[int, ...] = sys.version_info[:3], cwd: Path | None = None) -> Check:
    """Check that this Python is one that the course is made for, with the course of this folder."""
    number = ".".join(map(str, version))
    oldest, newest = (".".join(map(str, each)) for each in PYTHONS)
    brief = f"Python {number}"
    if not PYTHONS[0] <= version[:2] <= PYTHONS[1]:
        told = f"This is Python {number}, and the course needs {oldest} to {newest}."
        return Check("Python", False, told, f"make lab PYTHON=python{newest}", brief)
    here = _checkout(cwd or Path.cwd())
    if here not in (None, ROOT):
        told = f"This Python runs the course in {ROOT}, but you are in {here}."
        return Check("Python", False, told, f'Start Jupyter there: make -C "{here}" lab', brief)
    inside = Path(sys.prefix).is_relative_to(ROOT)
    where = f"the course's own {Path(sys.prefix).name}" if inside else sys.prefix
    return Check("Python", True, f"{number}, in {where}", brief=brief)


def _checkout(folder):
    """Return the copy of the course that `folder` is in, if it is in one."""
    places = (folder, *folder.parents)
    return next((each for each in places if (each / "helpers/course/setup").is_dir()), None)


def packages(settings: Settings | None = None, lock: Path = LOCK) -> Check:
    """Check the installed packages against pyproject.toml, which must hold, and the lock file."""
    from helpers.course.kit.wheels import pins

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = _apply_here(f"{pin.line} ; {pin.marker}".rstrip(" ;") for pin in pins(lock))
    direct = _apply_here(project["dependencies"])
    unlike = [one.name for one in locked if not _satisfied(one)]
    wrong = [one.name for one in locked if _installed(one.name) is None]
    wrong += [one.name for one in direct if not _satisfied(one) and one.name not in wrong]
    if wrong:
        told = f"{len(wrong)} of {len(locked)} packages are missing, or too old or new: "
        told, brief = told + _few(wrong), f"packages: {_few(wrong)}"
        return Check("packages", False, told, _install(settings), brief)
    if unlike:
        told = f"all {len(locked)} are here; {_few(unlike)} in other versions than we tested with"
        return Check("packages", None, told)
    return Check("packages", True, f"all {len(locked)}, in the versions that we tested with")


def _apply_here(requirements):
    """Return those requirements, parsed, that are meant for this system and Python."""
    from packaging.requirements import Requirement

    parsed = map(Requirement, requirements)
    return [one for one in parsed if one.marker is None or one.marker.evaluate()]


def _satisfied(requirement):
    return requirement.specifier.contains(_installed(requirement.name) or "0", prereleases=True)


def _installed(name):
    """Return the installed version of a package, or None; nothing is imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _install(settings):
    """Return the command that installs what the lock file names, from the kit if there is one."""
    kit = (
        f' --no-index --find-links "{settings.kit / "wheels"}"' if settings and settings.kit else ""
    )
    return f'"{sys.executable}" -m pip install --require-hashes{kit} -r "{LOCK}"'


def _few(names):
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def memory(available: float | None = None) -> Check:
    """Check that enough memory is free for TensorFlow and Milvus in one kernel."""
    free = psutil.virtual_memory().available if available is None else available
    told, brief = f"{free / 1e9:.1f} GB free", f"{free / 1e9:.1f} GB memory free"
    if free < MEMORY:
        told += f", and the notebooks need {MEMORY / 1e9:g} GB: a kernel may die without a word."
        fix = "Close the browser's other tabs, other notebooks' kernels and other programs."
        return Check("memory", False, told, fix, brief)
    return Check("memory", True, told, brief=brief)


def disk(settings: Settings, pictures: float = 0, free: float | None = None) -> Check:
    """Check the free space for BOOTCAMP_DATA; `pictures` are the bytes still to be fetched."""
    free = shutil.disk_usage(_nearest(settings.data)).free if free is None else free
    need = AT_WORK + pictures
    told, brief = f"{free / 1e9:.1f} GB free", f"{free / 1e9:.1f} GB disk free"
    if free < need:
        told += f" for {settings.data}, but {need / 1e9:.1f} GB are needed."
        fix = "Free some space, or set BOOTCAMP_DATA to a folder on a larger disk."
        return Check("disk", False, told, fix, brief)
    return Check("disk", True, f"{told}, {need / 1e9:.1f} GB needed", brief=brief)


def folder(settings: Settings) -> Check:
    """Check that BOOTCAMP_DATA can be written, and that its name and the course's are UTF-8."""
    for path in (settings.data, ROOT):
        if str(path) != str(path).encode("utf-8", "ignore").decode("utf-8"):
            fix = "Rename that folder, using letters that your system knows."
            return Check("folder", False, f"The name of {path} isn't valid UTF-8.", fix)
    if fault := unwritable(settings.data):
        fix = "Set BOOTCAMP_DATA to a folder of your own."
        return Check("folder", False, fault, fix, "data folder not writable")
    shown = settings.data.relative_to(ROOT) if settings.data.is_relative_to(ROOT) else settings.data
    return Check("folder", True, f"{shown} can be written")


def unwritable(folder: Path) -> str:
    """Return why nothing can be written to a folder, which needn't exist yet, or ""."""
    place = _nearest(folder)
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return f"Nothing can be written to {place} ({error.strerror})."
    return ""


def _nearest(path):
    """Return what exists and is nearest to `path`: where it would be made, if that's a folder."""
    return next((each for each in (path, *path.parents) if each.exists()), path)


def processor(settings: Settings, info: Path = Path("/proc/cpuinfo")) -> Check:
    """Check that TensorFlow can run here, and say which precision is the fastest without a GPU."""
    if _lacks_avx(info):
        told = "This processor lacks AVX, without which TensorFlow ends the kernel at once."
        fix = "Work with a neighbour, or on the search page of the teacher's computer."
        return Check("processor", False, told, fix, "no AVX")
    flags, cores = runtime.cpu_flags(), psutil.cpu_count(logical=False) or 1
    precision, why = runtime.choose(settings.precision, flags, gpu=False)
    rates = [
        rate for name, flag, rate in runtime.RATES if name == precision and flag in {"", *flags}
    ]
    known = f"with {', '.join(sorted(flags))}" if flags else "with no instructions known to be fast"
    first = why.partition(". ")[0].rstrip(".")
    about = f"Expect about {max(rates, default=1) * cores:.0f} pictures a second."
    return Check("processor", True, f"{cores} cores {known}. {first}. {about}")


def _lacks_avx(info):
    """Return whether this is a PC's processor that is known to lack AVX."""
    known = platform.machine() in ("x86_64", "AMD64") and info.exists()
    return known and "avx" not in info.read_text(encoding="utf-8").split()


def gpu() -> Check:
    """Say whether TensorFlow sees a GPU; importing it takes seconds, and shows that it works."""
    if runtime.has_gpu():
        return Check("GPU", True, "TensorFlow sees one, and will use it", brief="GPU")
    if shutil.which("nvidia-smi") and platform.system() == "Linux":
        fix = f'"{sys.executable}" -m pip install "tensorflow[and-cuda]"'
        return Check("GPU", None, "there is an NVIDIA driver, but TensorFlow sees no GPU", fix)
    return Check("GPU", None, "none, and none is needed")
