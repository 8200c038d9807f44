"""Opens the course in JupyterLab, without a network: `python3 start.py`.

With `--late`, once, it takes the kit's vectors of all pictures from then on, so that whoever lost
time before can begin at notebook 03 or 04. One's own in that precision are kept beside them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LATE = HERE / "kit-vectors" / ".taken"


def prepare(late):
    """Return the environment variables to start with; bring the kit's vectors for those `late`."""
    given = {"BOOTCAMP_OFFLINE": "1", "BOOTCAMP_DATA": str(HERE / "data")}
    if late or LATE.exists():
        given["BOOTCAMP_PRECISION"] = "float32"  # as the kit's vectors are
        if not LATE.exists():
            for made in (HERE / "kit-vectors").glob("*/*"):
                bring(made, HERE / "data" / "vectors" / made.parent.name / made.name)
            LATE.parent.mkdir(exist_ok=True)
            LATE.touch()  # when all are there
    return given


def bring(made, kept):
    """Put the kit's vectors in the place of fewer of one's own, which are kept beside them."""
    part = kept.with_name(kept.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(made, part)
    if kept.exists():
        shutil.rmtree(kept.with_name(kept.name + ".own"), ignore_errors=True)
        kept.rename(kept.with_name(kept.name + ".own"))
    part.rename(kept)


def main():
    """Start JupyterLab with this folder's own Python."""
    python = HERE / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        sys.exit("The course isn't installed here. Run set_up.py, which is in the kit, first.")
    env = {**os.environ, **prepare("--late" in sys.argv)}
    env.pop("BOOTCAMP_KIT", None)
    command = [str(python), "-m", "jupyterlab", "--config=jupyter_server_config.json", "notebooks"]
    sys.exit(subprocess.call(command, cwd=str(HERE), env=env))


if __name__ == "__main__":
    main()
