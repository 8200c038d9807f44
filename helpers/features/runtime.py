"""Importing TensorFlow, and choosing the precision that is fastest on this processor.

The choice depends on the computer alone: every notebook and the search page make the same one, and
a data set that grows doesn't change it. Fewer bits are faster where the processor multiplies them
in hardware, and only there. The extractor's name carries its precision, because vectors of
different precisions are different embeddings, however close.
"""

import os
import sys
import threading
from contextlib import contextmanager, redirect_stderr
from functools import cache
from pathlib import Path
from types import ModuleType

from helpers.errors import PlainError

PRECISIONS = ("float32", "bfloat16", "int8")

RATES = (
    ("float32", "", 0.7),
    ("float32", "avx2", 1.5),
    ("float32", "avx512f", 3.1),
    ("bfloat16", "avx512_bf16", 6.4),
    ("bfloat16", "amx_bf16", 34),
    ("int8", "asimddp", 4),
    ("int8", "i8mm", 7),
    ("int8", "avx_vnni", 7),
    ("int8", "avx512_vnni", 11),
    ("int8", "amx_int8", 43),
)
"""Pictures per second and core, decoding included, by the processor's flag that makes it so; for
each precision the last flag that the processor has counts. Those of AVX-512 and AMX were measured;
the others are cautious guesses. bench/extract.py measures your machine."""


class FeaturesError(PlainError, ValueError):
    """An extractor that can't be made or used as asked, or vectors that aren't there."""


def choose(setting, flags=None, gpu=None) -> tuple[str, str]:
    """Return `(precision, sentence)`: the fastest on this computer, and why.

    `setting` (BOOTCAMP_PRECISION) decides unless it is "auto". The processor's set of flags and
    whether there is a GPU are looked up where they are None. Raises FeaturesError when `setting`
    isn't a precision.
    """
    known = (*PRECISIONS, "auto")
    if setting not in known:
        raise FeaturesError(
            f"There is no precision {setting!r}. "
            f"Set BOOTCAMP_PRECISION, or what VGG16 is given, to one of {', '.join(known)}."
        )
    if setting != "auto":
        return setting, f"Precision: {setting}, because BOOTCAMP_PRECISION says so."
    if has_gpu() if gpu is None else gpu:
        return "float32", "Precision: float32, because TensorFlow sees a GPU, which is fast at it."
    flags = cpu_flags() if flags is None else flags
    fast = {precision: (rate, flag) for precision, flag, rate in RATES if flag in {"", *flags}}
    best = max(fast, key=fast.get)
    if best == "float32":
        return best, "Precision: float32, because no lower one is known to be faster here."
    return best, (
        f"Precision: {best}, because this processor has {fast[best][1]}, with which it is the "
        "fastest. Set BOOTCAMP_PRECISION=float32 if you'd rather have that."
    )


def cpu_flags() -> set[str]:
    """Return which of the flags in RATES this processor has; none where they can't be found out."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return set()
    return words & {flag for _, flag, _ in RATES}


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(tensorflow().config.list_physical_devices("GPU"))


@cache
def tensorflow() -> ModuleType:
    """Return TensorFlow, imported without its chatter; the one place where it is loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        import tensorflow
        from absl import logging
    logging.set_verbosity("error")
    return tensorflow


_silence = threading.RLock()  # two threads at once would restore each other's silence for good


@contextmanager
def silence_stderr():
    """Throw away what libraries print past Python to the process' own error output.

    What Python prints there, such as a progress bar made within the block, is still seen.
    """
    with _silence, os.fdopen(os.dup(2), "w", buffering=1) as kept, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            with redirect_stderr(kept if sys.stderr is sys.__stderr__ else sys.stderr):
                yield
        finally:
            os.dup2(kept.fileno(), 2)
