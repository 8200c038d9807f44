"""Where things are and which data to use: everything that may differ between two machines.

Each setting is an environment variable with a default, read when `from_environment` is called.
"""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"


@dataclass(frozen=True)
class Settings:
    """The bootcamp's settings, already turned into paths and flags."""

    data: Path
    dataset: str
    offline: bool
    kit: Path | None
    milvus_uri: str
    milvus_token: str
    voc_mirrors: tuple[str, ...] = ()
    timeout: float = 20.0


def from_environment(environ=None):
    """Return the `Settings` that the environment variables ask for.

    Reads BOOTCAMP_DATA, BOOTCAMP_DATASET, BOOTCAMP_OFFLINE, BOOTCAMP_KIT, MILVUS_URI and
    MILVUS_TOKEN; all are optional. Relative paths start at the project's root, because a
    notebook's own working directory is `notebooks/`. With a kit, nothing is fetched from the net.
    BOOTCAMP_VOC_MIRRORS (addresses of the VOC archive, parted by blanks; default: the public
    ones) and BOOTCAMP_TIMEOUT (seconds a server may be silent, default 20) are for networks with
    a mirror or a proxy of their own.
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
        voc_mirrors=tuple((env.get("BOOTCAMP_VOC_MIRRORS") or "").split()),
        timeout=_seconds("BOOTCAMP_TIMEOUT", env.get("BOOTCAMP_TIMEOUT") or "20"),
    )


def _path(text):
    """Return `text` as a path that starts at the project's root or, after ~, at home."""
    return ROOT / Path(text).expanduser()


def _flag(name, text):
    """Return True for 1/true/yes/on and False for 0/false/no/off or nothing."""
    word = (text or "0").strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{name} is {text!r}, which is neither yes nor no. Set it to 1 or to 0.")


def _seconds(name, text):
    """Return `text` as a positive number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{name} is {text!r}, which is no number above 0. Set it to seconds.")
    return seconds
