"""Where things are and which data to use: everything that may differ between two machines.

Each setting is an environment variable with a default; all are read here, by `from_environment`,
and nowhere else.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import PlainError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"


class SettingsError(PlainError, ValueError):
    """An environment variable with a value that can't be used."""


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

    `timeout` and `rate_window` are in seconds, `least_rate` in bytes a second on average over that
    window. `voc_release` is what PASCAL VOC 2012 must be; only tests replace these last two.
    """

    data: Path
    dataset: str
    offline: bool
    kit: Path | None
    milvus_uri: str
    milvus_token: str
    precision: str = "auto"
    tuning: str = "auto"
    roots: tuple[Path, ...] = ()
    keras_home: Path = Path("~/.keras")
    voc_mirrors: tuple[str, ...] = ()
    timeout: float = 20.0
    least_rate: float = 4000.0
    rate_window: float = 60.0
    voc_release: Release = VOC2012


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the `Settings` that the environment variables ask for; all of them are optional.

    BOOTCAMP_DATA, BOOTCAMP_DATASET, BOOTCAMP_OFFLINE, BOOTCAMP_KIT, BOOTCAMP_PRECISION,
    BOOTCAMP_ROOTS, BOOTCAMP_TUNING, MILVUS_URI and MILVUS_TOKEN are explained in the README.
    BOOTCAMP_VOC_MIRRORS (addresses of the VOC archive, separated by spaces), BOOTCAMP_TIMEOUT
    (seconds a server may be silent) and BOOTCAMP_LEAST_RATE (bytes a second that it must send over
    a minute) are for networks with a mirror or a proxy of their own; KERAS_HOME belongs to Keras.

    Relative paths start at the project's root, because a notebook's working directory is
    `notebooks/`. With a kit, nothing is fetched from the network. Raises SettingsError for a flag
    or a number that isn't one, a user that doesn't exist, and a file where a folder belongs.
    """
    env = os.environ if environ is None else environ

    def value(name, default=""):
        return env.get(name) or default

    data, kit = _path("BOOTCAMP_DATA", value("BOOTCAMP_DATA", "data")), value("BOOTCAMP_KIT")
    uri = value("MILVUS_URI", str(data / "milvus.db"))
    for path in (data, *data.parents):
        if os.path.isfile(path):
            raise SettingsError(
                f"BOOTCAMP_DATA is {data}, but {path} is a file. Set it to a folder."
            )
    return Settings(
        data=data,
        dataset=value("BOOTCAMP_DATASET", "auto"),
        offline=_flag("BOOTCAMP_OFFLINE", value("BOOTCAMP_OFFLINE", "0")) or bool(kit),
        kit=_path("BOOTCAMP_KIT", kit) if kit else None,
        milvus_uri=uri if "://" in uri else str(_path("MILVUS_URI", uri)),
        milvus_token=value("MILVUS_TOKEN"),
        precision=value("BOOTCAMP_PRECISION", "auto").strip().lower(),
        tuning=value("BOOTCAMP_TUNING", "auto").strip().lower(),
        roots=_roots(value("BOOTCAMP_ROOTS"), data),
        keras_home=_path("KERAS_HOME", value("KERAS_HOME", "~/.keras")),
        voc_mirrors=tuple(value("BOOTCAMP_VOC_MIRRORS").split()),
        timeout=_positive("BOOTCAMP_TIMEOUT", value("BOOTCAMP_TIMEOUT", "20")),
        least_rate=_positive("BOOTCAMP_LEAST_RATE", value("BOOTCAMP_LEAST_RATE", "4000")),
    )


def _path(name, text):
    """Return `text` as a path that starts at the project's root or, after ~, at home."""
    whole = os.path.expanduser(text)  # it leaves the ~name of an unknown user as it is
    if whole.startswith("~"):
        raise SettingsError(f"{name} is {text!r}, a user who isn't known here. Set it to a path.")
    return ROOT / whole


def _roots(text, data):
    """Return the folders in `text`, separated as in PATH; by default `data` and the project."""
    named = [_path("BOOTCAMP_ROOTS", part) for part in text.split(os.pathsep) if part]
    return tuple(dict.fromkeys(path.resolve() for path in named or (data, ROOT)))


def _flag(name, text):
    """Return True for 1/true/yes/on and False for 0/false/no/off."""
    word = text.strip().lower()
    if word not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise SettingsError(f"{name} is {text!r}, which is neither yes nor no. Set it to 1 or 0.")
    return word in {"1", "true", "yes", "on"}


def _positive(name, text):
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingsError(f"{name} is {text!r}. Set it to a number above 0, or unset it.")
    return number
