"""Sets the course up on this laptop from the kit in this folder, without any network.

`python3 set_up.py` makes the folder image-search in your home folder; another one can be named
behind it. What is there already stays, so after an interruption just run it again. This file
imports nothing but the standard library, and old Pythons can read it, to say that they are old.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

KIT = Path(__file__).resolve().parent
SYSTEMS = {
    ("Linux", "x86_64"): "linux",
    ("Linux", "aarch64"): "linux-arm",
    ("Windows", "amd64"): "windows",
    ("Darwin", "arm64"): "macos",
}


def check_python(targets, system, machine, version):
    """Return what is wrong with this system and this Python for a kit with these targets, or ""."""
    name = SYSTEMS.get((system, machine if system != "Windows" else machine.lower()))
    python = "{}.{}".format(*version)
    if name and name + "-" + python in targets:
        return ""
    pythons = sorted(one.rpartition("-")[2] for one in targets if one.rpartition("-")[0] == name)
    if pythons:
        return (
            "This is Python {}, and the kit is for {}. Run this file with one of those: "
            "python{} set_up.py (Windows: py -{} set_up.py)."
        ).format(python, ", ".join(pythons), pythons[-1], pythons[-1])
    return (
        f"This kit has no packages for {system} on {machine}; START_HERE.html says what you can "
        'do (look for "no packages").'
    )


def check_file(name):
    """Stop unless the kit's file has the digest that SHA256SUMS gives it."""
    lines = (KIT / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    known = [line.split("  ")[0] for line in lines if line.endswith("  " + name)]
    if hashlib.sha256((KIT / name).read_bytes()).hexdigest() not in known:
        sys.exit(name + " is damaged. Copy the kit again.")


def unpack(folder):
    """Unpack the course into `folder`; files that are there stay as they are."""
    with zipfile.ZipFile(KIT / "course.zip") as packed:
        for name in packed.namelist():
            if not (folder / name).exists():
                put(packed.read(name), folder / name)
    for path in (KIT / "vectors").rglob("*"):
        place = folder / "kit-vectors" / path.relative_to(KIT / "vectors")
        if path.is_file() and not place.exists():
            put(path.read_bytes(), place)
    put((KIT / "start.py").read_bytes(), folder / "start.py")


def put(content, path):
    """Write a file whole or not at all, with a new file's rights: a stick's may forbid writing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(str(part), str(path))


def install(folder):
    """Make an environment in `folder` and install everything into it; return its Python."""
    where = folder / ".venv"
    python = where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not works(python):
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", str(where)])
    pip = [str(python), "-m", "pip", "--isolated", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-index", "--find-links", str(KIT / "wheels")]
    subprocess.check_call([*pip, "--require-hashes", "-r", str(folder / "requirements.lock")])
    subprocess.check_call([*pip, "--no-deps", "--no-build-isolation", "--editable", str(folder)])
    return python


def works(python):
    """Return whether an environment's Python is this one's version and has pip."""
    code = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.call([str(python), "-c", code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def bring_data(folder, python):
    """Unpack pictures and weights, each verified, so that the kit isn't needed any more."""
    code = "from helpers import dataset; from helpers.features import weights; "
    code += "print('Pictures:', dataset.load().why); weights.load()"
    given = {"BOOTCAMP_KIT": str(KIT), "BOOTCAMP_DATA": str(folder / "data")}
    given["BOOTCAMP_DATASET"] = "auto"
    subprocess.check_call([str(python), "-c", code], cwd=str(folder), env={**os.environ, **given})


def main():
    """Do all of it, step by step, and say how to start."""
    for name in ("SHA256SUMS", "kit.json", "course.zip", "start.py"):
        if not (KIT / name).exists():
            sys.exit(f"There is no {name} beside this file: the kit isn't whole. Copy it again.")
    targets = json.loads((KIT / "kit.json").read_text(encoding="utf-8"))["targets"]
    wrong = check_python(targets, platform.system(), platform.machine(), sys.version_info)
    if wrong:
        sys.exit(wrong)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path.home() / "image-search").resolve()
    check_file("course.zip")
    print("1 of 3: unpacking the course into", folder, flush=True)
    unpack(folder)
    print("2 of 3: installing the packages; this takes some minutes", flush=True)
    try:
        python = install(folder)
        print("3 of 3: unpacking pictures and weights", flush=True)
        bring_data(folder, python)
    except subprocess.CalledProcessError:
        sys.exit("That failed; the message is above. START_HERE.html has the usual fixes.")
    command = "py" if os.name == "nt" else "python3"
    print("Ready: the kit can go to the next laptop. Start, now and later, with:")
    print('  {} "{}"'.format(command, folder / "start.py"))


if __name__ == "__main__":
    main()
