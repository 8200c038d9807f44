"""The workshop kit: what goes in comes out, verified, and with it no network is needed."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny_voc
from faulty_server import Server

from helpers import dataset
from helpers.course import kit
from helpers.dataset import voc2012
from helpers.dataset.listing import list_pictures
from helpers.features import weights
from helpers.fetch import archive
from helpers.fetch.download import KitError, kit_file
from helpers.settings import ROOT, SAMPLE, from_environment

COUNT = 30
ARCHIVE = tiny_voc.pack(tiny_voc.files(COUNT, filler=5_000))
RELEASE = tiny_voc.release(ARCHIVE, COUNT)


def settings(folder, **more):
    found = from_environment({"BOOTCAMP_DATA": str(folder), "BOOTCAMP_DATASET": "auto"})
    return replace(found, timeout=0.4, voc_release=RELEASE, **more)


@pytest.mark.parametrize(("count", "name"), [(10, "voc-10"), (voc2012.ALL, "voc")])
def test_a_kit_gives_the_same_pictures_on_a_machine_without_network(tmp_path, count, name):
    with Server(ARCHIVE) as server:
        here = settings(tmp_path / "here", voc_mirrors=(server.url,))
        kit.pack_voc(tmp_path / "kit" / "voc", count, here, progress=False)
    kit.write_sums(tmp_path / "kit", progress=False)
    there = settings(tmp_path / "there", kit=tmp_path / "kit", offline=True)
    found = dataset.load(there, progress=False)
    first = dataset.load(replace(here, offline=True), progress=False)
    assert found.name == first.name == name
    assert "because BOOTCAMP_KIT has them" in found.why
    assert [(p.id, p.boxes) for p in found.pictures] == [(p.id, p.boxes) for p in first.pictures]
    again = dataset.load(there, progress=False)
    assert "already here" in again.why


def test_the_kits_archive_is_the_same_bytes_every_time(tmp_path):
    digests = set()
    for folder in ("a", "b"):
        with Server(ARCHIVE) as server:
            here = settings(tmp_path / folder / "data", voc_mirrors=(server.url,))
            kit.pack_voc(tmp_path / folder, 10, here, progress=False)
        content = (tmp_path / folder / "voc-10.tar").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1
    archive.unpack(tmp_path / "a" / "voc-10.tar", tmp_path / "out", progress=False)
    assert len(list_pictures(tmp_path / "out")[0]) == 10


def test_the_sums_name_every_file_and_the_usual_tool_agrees(tmp_path):
    for name in ("voc/voc-5.tar", "weights/w.bin", "wheels/a.whl", "README.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    kit.write_sums(tmp_path, progress=False)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count(": OK") == 4
    assert kit_file(tmp_path, "weights/w.bin", progress=False).exists()


def test_an_unfinished_kit_is_refused(tmp_path):
    with Server(ARCHIVE) as server:
        here = settings(tmp_path / "here", voc_mirrors=(server.url,))
        kit.pack_voc(tmp_path / "kit" / "voc", 10, here, progress=False)
    with pytest.raises(KitError, match="no SHA256SUMS"):
        dataset.load(settings(tmp_path / "there", kit=tmp_path / "kit"), progress=False)


def sample_archive():
    """Return the bytes of our own drawings, packed as PASCAL VOC is published."""
    kinds = (("Annotations", "*.xml"), ("JPEGImages", "*.jpg"))
    found = [path for kind, glob in kinds for path in sorted((SAMPLE / kind).glob(glob))]
    return tiny_voc.pack(
        [(f"{tiny_voc.ROOT}/{path.parent.name}/{path.name}", path.read_bytes()) for path in found]
    )


@pytest.fixture
def whole_kit(tmp_path, shared_settings):
    """A kit as `make kit` builds it, with the drawings in place of the official archive."""
    archive_bytes = sample_archive()
    with Server(archive_bytes) as server:
        release = tiny_voc.release(archive_bytes, len(list((SAMPLE / "JPEGImages").iterdir())))
        here = replace(shared_settings, data=tmp_path / "builder", voc_mirrors=(server.url,))
        (here.data / "weights").mkdir(parents=True)  # so that they are not fetched once more
        (here.data / "weights" / weights.FILE).write_bytes(weights.load(shared_settings))
        here = replace(here, voc_release=release)
        return kit.build(tmp_path / "kit", 40, here, progress=False)


@pytest.mark.kit
def test_everything_installs_from_the_kit_with_every_package_index_disabled(whole_kit, tmp_path):
    """A new virtual environment, a closed network, notebook 01 from its first cell to its last."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(whole_kit / "wheels"),
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "BOOTCAMP_KIT": str(whole_kit),
        "BOOTCAMP_DATA": str(tmp_path / "data"),
    }

    def run(*command):
        subprocess.run(command, cwd=ROOT, env=env, check=True)

    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = (python, "-m", "pip", "install", "--quiet")
    run(*pip, "--require-hashes", "-r", "requirements.lock")
    run(*pip, "--no-deps", "--no-build-isolation", "-e", ".")
    notebook = "execute(NOTEBOOKS / '01_download_pascal_voc.ipynb', timeout=300)"
    run(python, "-c", "from helpers.course.run_notebooks import NOTEBOOKS, execute; " + notebook)
    assert list((tmp_path / "data" / "datasets").glob("voc*/.complete.json"))
