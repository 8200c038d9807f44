"""Small files written whole or not at all, and one process at a time where two would collide."""

import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path


def write_json(path, content):
    """Write `content` as JSON to `path`, which a kill at any moment leaves old or new, not half."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    os.replace(part, path)


def read_json(path):
    """Return the dict in the JSON file `path`, or {} when there is none or it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def file_lock(path, log=print):
    """Hold the lock file `path` while the block runs; wait while another process holds it.

    The system lets go of the lock when its process ends, however it ends. `log` gets one line
    when there is something to wait for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        waiting = False
        while not _locked(file):
            if not waiting:
                log("Another notebook is getting the pictures; waiting for it to finish.")
            waiting = True
            time.sleep(0.2)
        yield


def _locked(file):
    """Return True when this process now has the lock on `file`, or when there are no locks here."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        with suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return True
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network drives know no locks: then one notebook at a time it is
        return True
    return True
