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
    BOOTCAMP_ROOTS, MILVUS_URI and MILVUS_TOKEN are explained in the README. BOOTCAMP_VOC_MIRRORS
    (addresses of the VOC archive, separated by spaces), BOOTCAMP_TIMEOUT (seconds a server may be
    silent) and BOOTCAMP_LEAST_RATE (bytes a second, below which it is given up after a minute) are
    for networks with a mirror or a proxy of their own, KERAS_HOME is Keras' own.

    Relative paths start at the project's root, because a notebook's working directory is
    `notebooks/`. With a kit, nothing is fetched from the network. Raises SettingsError for a flag
    or a number that isn't one, a user that doesn't exist, and a file where a folder belongs.
    """
    env = os.environ if environ is None else environ
    data, kit = _path(env, "BOOTCAMP_DATA", "data"), env.get("BOOTCAMP_KIT")
    _assert_folder(data)
    uri = env.get("MILVUS_URI") or str(data / "milvus.db")
    return Settings(
        data=data,
        dataset=env.get("BOOTCAMP_DATASET") or "auto",
        offline=_flag(env, "BOOTCAMP_OFFLINE") or bool(kit),
        kit=_path(env, "BOOTCAMP_KIT") if kit else None,
        milvus_uri=uri if "://" in uri else str(_expand("MILVUS_URI", uri)),
        milvus_token=env.get("MILVUS_TOKEN") or "",
        precision=env.get("BOOTCAMP_PRECISION") or "auto",
        roots=_roots(env, data),
        keras_home=_path(env, "KERAS_HOME", "~/.keras"),
        voc_mirrors=tuple((env.get("BOOTCAMP_VOC_MIRRORS") or "").split()),
        timeout=_positive(env, "BOOTCAMP_TIMEOUT", "20", "seconds"),
        least_rate=_positive(env, "BOOTCAMP_LEAST_RATE", "4000", "bytes a second"),
    )


def _path(env, name, default=""):
    return _expand(name, env.get(name) or default)


def _expand(name, text):
    """Return `text` as a path that starts at the project's root or, after ~, at home."""
    try:
        return ROOT / Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(
            f"{name} is {text!r}, and there is no such user here. Set it to a whole path."
        ) from error


def _assert_folder(data):
    """Raise SettingsError when `data`, or what it would be in, is a file."""
    file = next((path for path in (data, *data.parents) if path.is_file()), None)
    if file:
        raise SettingsError(f"BOOTCAMP_DATA is {data}, but {file} is a file. Set it to a folder.")


def _roots(env, data):
    """Return the folders that are named as in PATH; by default `data` and the project."""
    parts = (env.get("BOOTCAMP_ROOTS") or "").split(os.pathsep)
    named = [_expand("BOOTCAMP_ROOTS", part) for part in parts if part]
    return tuple(dict.fromkeys(path.resolve() for path in named or (data, ROOT)))


def _flag(env, name):
    """Return True for 1/true/yes/on and False for 0/false/no/off or nothing."""
    word = (env.get(name) or "0").strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise SettingsError(f"{name} is {word!r}, which is neither yes nor no. Set it to 1 or 0.")


def _positive(env, name, default, unit):
    """Return a positive number of `unit`."""
    text = env.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingsError(
            f"{name} is {text!r}, which isn't a positive number. Set it to {unit}, such as "
            f"{default}."
        )
    return number
