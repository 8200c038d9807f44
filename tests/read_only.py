"""Running code where nothing can be written, which root can't do to itself by permissions alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.settings import ROOT


def run_read_only(folder, code, *arguments):
    """Return what `code` prints in a process that can't write in or below `folder`."""
    if os.name == "nt":
        pytest.skip("Windows knows no such permissions")
    places = [folder, *(path for path in Path(folder).rglob("*") if path.is_dir())]
    root = ["setpriv", "--bounding-set=-dac_override"] if not os.geteuid() else []
    command = [*root, sys.executable, "-c", code, str(folder), *map(str, arguments)]
    for place in places:
        place.chmod(0o500)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for place in places:
        place.chmod(0o700)
    assert done.returncode == 0, done.stderr
    return done.stdout
