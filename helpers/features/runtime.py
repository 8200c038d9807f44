"""How many bits a number gets: what the processor is good at, and what that makes worth while.

Fewer bits are faster where the processor multiplies them in hardware, and only there. The
embedding's name carries its precision, because vectors of different precisions are different
embeddings, however close.
"""

import os
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from helpers.errors import PlainError

PRECISIONS = ("float32", "bfloat16", "int8")

RATES = {
    "float32": {"avx512f": 3.1, "avx2": 1.5, "": 0.7},
    "bfloat16": {"amx_bf16": 34, "avx512_bf16": 6.4},
    "int8": {"amx_int8": 43, "avx512_vnni": 11, "avx_vnni": 7, "i8mm": 7, "asimddp": 4},
}
"""Pictures a second and core, decoding included, by the feature that makes it so. Those of AVX-512
and AMX were measured; the others are cautious guesses. bench/extract.py measures your machine."""

CALIBRATION_SECONDS = 35
"""What int8 costs once for a data set, before its first picture."""

AUTO_FLOAT32_SECONDS = 60
"""Below this, `auto` stays with float32: nothing is faster than not having to explain it."""


class PrecisionError(PlainError, ValueError):
    """A precision that there is not, or one that lacks what it needs."""


def choose(pictures=None, features=None, cores=None, gpu=None, environ=None):
    """Return `(precision, sentence)`: the fastest for so many pictures here, and why.

    `pictures` is their number; the other arguments are found out where they are None.
    BOOTCAMP_PRECISION decides when it is set. Raises PrecisionError when it names none.
    """
    wish = (os.environ if environ is None else environ).get("BOOTCAMP_PRECISION") or "auto"
    if wish != "auto":
        return check(wish), f"Precision: {wish}, because BOOTCAMP_PRECISION says so."
    if has_gpu() if gpu is None else gpu:
        return "float32", "Precision: float32, because TensorFlow sees a GPU, which is fast in it."
    features = processor() if features is None else features
    seconds = expected_seconds(pictures or 1, features, cores or os.cpu_count())
    slow, best = seconds["float32"], min(seconds, key=seconds.get)
    if slow <= AUTO_FLOAT32_SECONDS or best == "float32":
        return "float32", (
            f"Precision: float32, because {pictures or 1:,} pictures take about {_span(slow)} in "
            "it here and nothing else is worth while."
        )
    return best, (
        f"Precision: {best}, because this processor has {deciding(best, features)} and "
        f"{pictures:,} pictures then take about {_span(seconds[best])} instead of {_span(slow)}. "
        "Set BOOTCAMP_PRECISION=float32 to have it otherwise."
    )


def expected_seconds(pictures, features, cores):
    """Return {precision: seconds} for so many pictures, of the precisions fast with `features`."""
    known = {name: deciding(name, features) for name in PRECISIONS}
    seconds = {
        name: pictures / (RATES[name][feature] * cores)
        for name, feature in known.items()
        if feature is not None
    }
    if "int8" in seconds:
        seconds["int8"] += CALIBRATION_SECONDS
    return seconds


def deciding(precision, features):
    """Return the feature that makes `precision` fast, the best one; None when there is none."""
    return next((name for name in RATES[precision] if name in features or not name), None)


def processor():
    """Return which of the features in RATES this processor has; none where it cannot be told."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        words = set()
    return {name for rates in RATES.values() for name in rates if name in words}


def check(precision):
    """Return `precision` when there is one of that name; raises PrecisionError otherwise."""
    if precision not in PRECISIONS:
        known = ", ".join((*PRECISIONS, "auto"))
        raise PrecisionError(f"There is no precision {precision!r}. Use one of {known}.")
    return precision


def has_gpu():
    """Return whether TensorFlow sees a GPU."""
    return bool(tensorflow().config.list_physical_devices("GPU"))


@cache
def tensorflow():
    """Return TensorFlow, imported without its chatter; the one place where it is loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        import tensorflow
        from absl import logging
    logging.set_verbosity("error")
    return tensorflow


@contextmanager
def silence_stderr():
    """Throw away what libraries print past Python to the process' own error output.

    What Python prints there, such as a progress bar made within the block, is still seen.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    aside = os.fdopen(os.dup(2), "w", buffering=1)
    before = sys.stderr
    try:
        if before is sys.__stderr__:
            sys.stderr = aside
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        sys.stderr = before
        for number in (kept, nowhere):
            os.close(number)
        aside.close()


def _span(seconds):
    """Return a time as people say it."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
