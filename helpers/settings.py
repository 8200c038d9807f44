"""Where things are and which data to use: everything that may differ between two machines.

Each setting is an environment variable with a default; all are read here, by `from_environment`,
and nowhere else.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"


@dataclass(frozen=True)
class Release:
    """An archive as published: its file's name, bytes, digests, addresses, and what it holds."""

    file: str
    size: int
    digests: tuple[tuple[str, str], ...]
    urls: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]


_FILE = "VOCtrainval_11-May-2012.tar"
VOC2012 = Release(
    file=_FILE,
    size=1_999_639_040,
    digests=(
        ("md5", "6cd6e144f989b92b3379bac3b3de84fd"),
        ("sha1", "4e443f8a2eca6b1dac8a6c57641b67dd40621a49"),
    ),
    urls=(
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc2012/{_FILE}",
        f"https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/{_FILE}",
        f"http://d2l-data.s3-accelerate.amazonaws.com/{_FILE}",
        f"http://data.mxnet.io/data/{_FILE}",
    ),
    counts=(("pictures", 17_125), ("annotations", 17_125), ("objects", 40_138), ("classes", 20)),
)


@dataclass(frozen=True)
class Settings:
    """The bootcamp's settings, already turned into paths, numbers and flags.

    `voc_release` is what PASCAL VOC 2012 must be; only tests replace it.
    """

    data: Path
    dataset: str
    offline: bool
    kit: Path | None
    milvus_uri: str
    milvus_token: str
    precision: str = "auto"
    roots: tuple[Path, ...] = ()
    keras_home: Path = Path("~/.keras")
    voc_mirrors: tuple[str, ...] = ()
    timeout: float = 20.0
    voc_release: Release = VOC2012


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the `Settings` that the environment variables ask for; all of them are optional.

    BOOTCAMP_DATA, BOOTCAMP_DATASET, BOOTCAMP_OFFLINE, BOOTCAMP_KIT, BOOTCAMP_PRECISION,
    BOOTCAMP_ROOTS, MILVUS_URI and MILVUS_TOKEN are explained in the README. BOOTCAMP_VOC_MIRRORS
    (addresses of the VOC archive, separated by spaces) and BOOTCAMP_TIMEOUT (seconds a server may
    be silent) are for networks with a mirror or a proxy of their own, KERAS_HOME is Keras' own.

    Relative paths start at the project's root, because a notebook's working directory is
    `notebooks/`. With a kit, nothing is fetched from the network. Raises ValueError for a flag or
    a number that isn't one.
    """
    env = os.environ if environ is None else environ
    data, kit = _path(env.get("BOOTCAMP_DATA") or "data"), env.get("BOOTCAMP_KIT")
    uri = env.get("MILVUS_URI") or str(data / "milvus.db")
    return Settings(
        data=data,
        dataset=env.get("BOOTCAMP_DATASET") or "auto",
        offline=_flag("BOOTCAMP_OFFLINE", env.get("BOOTCAMP_OFFLINE")) or bool(kit),
        kit=_path(kit) if kit else None,
        milvus_uri=uri if "://" in uri else str(_path(uri)),
        milvus_token=env.get("MILVUS_TOKEN") or "",
        precision=env.get("BOOTCAMP_PRECISION") or "auto",
        roots=_roots(env.get("BOOTCAMP_ROOTS"), data),
        keras_home=Path(env.get("KERAS_HOME") or "~/.keras").expanduser(),
        voc_mirrors=tuple((env.get("BOOTCAMP_VOC_MIRRORS") or "").split()),
        timeout=_seconds("BOOTCAMP_TIMEOUT", env.get("BOOTCAMP_TIMEOUT") or "20"),
    )


def _path(text):
    """Return `text` as a path that starts at the project's root or, after ~, at home."""
    return ROOT / Path(text).expanduser()


def _roots(text, data):
    """Return the folders in `text`, separated as in PATH; by default `data` and the project."""
    named = [_path(part) for part in (text or "").split(os.pathsep) if part]
    return tuple(dict.fromkeys(path.resolve() for path in named or (data, ROOT)))


def _flag(name, text):
    """Return True for 1/true/yes/on and False for 0/false/no/off or nothing."""
    word = (text or "0").strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{name} is {text!r}, which is neither yes nor no. Set it to 1 or 0.")


def _seconds(name, text):
    """Return `text` as a positive number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{name} is {text!r}, which isn't a positive number. Set it to seconds.")
    return seconds
