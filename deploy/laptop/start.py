"""Opens the course in JupyterLab, without a network: `python3 start.py`.

With `--late` it takes the kit's vectors of all pictures, so that whoever lost time before can
begin at notebook 03 or 04.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def prepare(late):
    """Return the environment variables to start with; bring the kit's vectors for those `late`."""
    given = {"BOOTCAMP_OFFLINE": "1", "BOOTCAMP_DATA": str(HERE / "data")}
    if late:
        given["BOOTCAMP_PRECISION"] = "float32"  # as the kit's vectors are
        for made in (HERE / "kit-vectors").glob("*/*"):
            kept = HERE / "data" / "vectors" / made.parent.name / made.name
            if not (kept / "manifest.json").exists():
                shutil.copytree(made, kept, dirs_exist_ok=True)
    return given


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
