"""The workshop kit: what goes in comes out, verified, and with it no network is needed."""

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_voc
from faulty_server import Server

from helpers import dataset, features
from helpers.course.kit import build, papers, pictures, targets, wheels
from helpers.course.run_notebooks import notebook_paths
from helpers.dataset import voc2012
from helpers.dataset.listing import list_pictures
from helpers.features import weights
from helpers.features.vector_store import open_for_writing, read_file
from helpers.fetch import archive
from helpers.fetch.download import DownloadError, KitError, kit_file
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
        pictures.pack_voc(tmp_path / "kit" / "voc", count, here, progress=False)
    papers.write_sums(tmp_path / "kit", progress=False)
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
            pictures.pack_voc(tmp_path / folder, 10, here, progress=False)
        content = (tmp_path / folder / "voc-10.tar").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1
    archive.unpack(tmp_path / "a" / "voc-10.tar", tmp_path / "out", progress=False)
    assert len(list_pictures(tmp_path / "out")[0]) == 10


def test_the_sums_name_every_file_and_the_usual_tool_agrees(tmp_path):
    for name in ("voc/voc-5.tar", "weights/w.bin", "wheels/a.whl", "README.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    papers.write_sums(tmp_path, progress=False)
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
        pictures.pack_voc(tmp_path / "kit" / "voc", 10, here, progress=False)
    with pytest.raises(KitError, match="no SHA256SUMS"):
        dataset.load(settings(tmp_path / "there", kit=tmp_path / "kit"), progress=False)


def test_the_kits_vectors_are_found_by_whoever_joins_late(tmp_path):
    """With made-up vectors, so that no network of neurons is needed."""
    with Server(ARCHIVE) as server:
        here = settings(tmp_path / "here", voc_mirrors=(server.url,))
        found = dataset.load(replace(here, dataset="voc:10"), progress=False)
    extractor = features.VGG16(precision="float32", settings=here, progress=False)
    width = extractor.provenance()["dim"]
    made = np.random.default_rng(0).random((10, width), np.float32)
    with open_for_writing(extractor.folder(found.name), extractor.provenance()) as store:
        store.append([read_file(picture)[0] for picture in found.pictures], made)
    name = pictures.pack_vectors(tmp_path / "kit", 10, here, progress=False)
    pictures.pack_vectors(tmp_path / "kit", 10, here, progress=False)
    packed = "".join(path.read_text() for path in (tmp_path / "kit").rglob("rows-*"))
    assert packed.count("\n") == 10
    assert str(tmp_path) not in packed

    laptop = tmp_path / "laptop"
    shutil.copytree(tmp_path / "kit", laptop / "kit-vectors")
    shutil.copy(build.LAPTOP / "start.py", laptop)
    given = runpy.run_path(str(laptop / "start.py"))["prepare"](late=True)
    assert given["BOOTCAMP_PRECISION"] == "float32"
    there = settings(Path(given["BOOTCAMP_DATA"]))
    vectors = features.load_vectors(found.name, name, there)
    assert vectors.ids == [picture.id for picture in found.pictures]
    np.testing.assert_array_equal(vectors.values, made[:, extractor.columns()])
    late = features.VGG16(precision="float32", settings=there, progress=False)
    again = late.extract(found.pictures, found.name, progress=False)  # computes nothing
    np.testing.assert_array_equal(again.values, vectors.values)


def wheel(folder, name, tag, version="1.0", needs=">=3.11"):
    """Write a wheel with nothing in it but its name; return its digest."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"
        )
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}")
        file.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


MAC, WINDOWS = "cp312-cp312-macosx_12_0_arm64", "cp312-cp312-win_amd64"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A lock file of three packages, and the folder that is pip's only index."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    pure = wheel(index, "pure", "py3-none-any")
    built = [wheel(index, "built", tag) for tag in (MAC, WINDOWS)]
    mac = wheel(index, "maconly", "py3-none-any")
    lock = tmp_path / "tiny.lock"
    lock.write_text(
        f"pure==1.0 \\\n    --hash=sha256:{pure}\n    # via somebody\n"
        f"built==1.0 \\\n    --hash=sha256:{built[0]} \\\n    --hash=sha256:{built[1]}\n"
        f"maconly==1.0 ; sys_platform == 'darwin' \\\n    --hash=sha256:{mac}\n"
    )
    return index, lock


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_each_target_gets_the_wheels_that_its_markers_and_tags_ask_for(tiny, tmp_path):
    _, lock = tiny
    wheels.gather(tmp_path / "w", targets.chosen(["windows"], ["3.12"]), lock)
    assert names(tmp_path / "w") == [f"built-1.0-{WINDOWS}.whl", "pure-1.0-py3-none-any.whl"]
    wheels.gather(tmp_path / "w", targets.chosen(["macos"], ["3.12"]), lock)
    assert f"built-1.0-{MAC}.whl" in names(tmp_path / "w")
    assert "maconly-1.0-py3-none-any.whl" in names(tmp_path / "w")


def test_a_whole_folder_needs_no_index_and_a_damaged_wheel_is_fetched_again(tiny, tmp_path):
    index, lock = tiny
    macos = targets.chosen(["macos"], ["3.12"])
    wheels.gather(tmp_path / "w", macos, lock)
    for path in index.iterdir():
        path.rename(path.with_name(path.name + ".away"))
    wheels.gather(tmp_path / "w", macos, lock)
    half = tmp_path / "w" / f"built-1.0-{MAC}.whl"
    right = half.read_bytes()
    half.write_bytes(right[:50])
    with pytest.raises(DownloadError, match=r"macos-3\.12.*what arrived is kept"):
        wheels.gather(tmp_path / "w", macos, lock)
    assert "pure-1.0-py3-none-any.whl" in names(tmp_path / "w")
    for path in index.iterdir():
        path.rename(path.with_name(path.name.removesuffix(".away")))
    wheels.gather(tmp_path / "w", macos, lock)
    assert half.read_bytes() == right


def test_an_early_and_a_late_python_3_11_each_get_their_own(tiny, tmp_path):
    index, lock = tiny
    late = wheel(index, "soup", "py3-none-any", "2.0", ">=3.11.5")
    early = wheel(index, "soup", "py3-none-any", "1.0", "<3.11.5")
    lock.write_text(
        f"soup==1.0 ; python_full_version < '3.11.5' \\\n    --hash=sha256:{early}\n"
        f"soup==2.0 ; python_full_version >= '3.11.5' \\\n    --hash=sha256:{late}\n"
    )
    wheels.gather(tmp_path / "w", targets.chosen(["windows"], ["3.11"]), lock)
    assert names(tmp_path / "w") == [f"soup-{n}.0-py3-none-any.whl" for n in (1, 2)]


def test_a_python_without_a_wheel_is_named(tiny, tmp_path):
    with pytest.raises(DownloadError, match=r"windows-3\.13"):
        wheels.gather(tmp_path / "w", targets.chosen(["windows"], ["3.13"]), tiny[1])


def test_the_real_lock_file_is_judged_for_each_target():
    found = wheels.pins(wheels.LOCK)

    def names_for(system, python, micro):
        (target,) = targets.chosen([system], [python])
        return [pin.line for pin in found if pin.is_for(target, micro)]

    assert any(one.startswith("pywinpty") for one in names_for("windows", "3.12", 0))
    assert not any(one.startswith("pywinpty") for one in names_for("macos", "3.12", 0))
    assert any(one.startswith("tensorflow==") for one in names_for("linux-arm", "3.13", 0))
    assert any(one.startswith("tensorflow-cpu==") for one in names_for("windows", "3.13", 0))
    soup = {micro: [one for one in names_for("linux", "3.11", micro) if "soupsieve" in one]
            for micro in wheels.MICROS}  # fmt: skip
    assert soup[0] != soup[99]
    assert all(pin.digests for pin in found)


def test_unknown_systems_are_refused_and_sizes_add_up():
    with pytest.raises(targets.TargetError, match="solaris"):
        targets.chosen(["solaris"])
    assert len(targets.chosen()) == 12
    assert targets.about(targets.chosen()) == pytest.approx(5.017e9, rel=0.01)  # as measured
    assert targets.about(targets.chosen(["linux"], ["3.11"])) == pytest.approx(517e6, rel=0.01)


def test_the_start_page_is_whole_without_a_network_and_names_all_that_is_in_the_kit(tmp_path):
    made = targets.chosen(["linux", "windows"])
    build.write_start(tmp_path, made, "the first 40 pictures", "vgg16-conv5-max-224")
    page = (tmp_path / "START_HERE.html").read_text(encoding="utf-8")
    assert "://" not in page.replace("HOST=0.0.0.0", "")
    assert "src=" not in page
    linked = set(re.findall(r'href="([^"#]+?)/?"', page))
    parts = {"course.zip", "learner", "instructor", "pages", "wheels", "weights", "voc", "vectors"}
    assert linked == parts | set(names(tmp_path)) | {"SHA256SUMS"}
    assert "the first 40 pictures" in page
    assert "$HOME" in page


def test_the_course_is_packed_alike_with_git_and_without(tmp_path):
    with_git = tmp_path / "a.zip"
    papers.pack_course(with_git)
    with zipfile.ZipFile(with_git) as packed:
        packed.extractall(tmp_path / "copy")
    (tmp_path / "copy" / ".venv").mkdir()
    (tmp_path / "copy" / ".venv" / "pyvenv.cfg").touch()
    (tmp_path / "copy" / "data" / "milvus.db").mkdir()
    (tmp_path / "copy" / "data" / "milvus.db" / "LOCK").touch()
    papers.pack_course(tmp_path / "b.zip", tmp_path / "copy")
    assert zipfile.ZipFile(with_git).namelist() == zipfile.ZipFile(tmp_path / "b.zip").namelist()


def test_both_editions_and_the_pages_come_from_the_stored_outputs(tmp_path):
    papers.write_editions(tmp_path)
    stems = [path.stem for path in notebook_paths()]
    for folder in ("learner", "instructor", "pages"):
        assert [path.stem for path in sorted((tmp_path / folder).iterdir())] == stems
    handed_out = (tmp_path / "learner" / f"{stems[1]}.ipynb").read_text()
    assert '"solution"' not in handed_out
    assert '"solution"' in (tmp_path / "instructor" / f"{stems[1]}.ipynb").read_text()


@pytest.mark.parametrize(
    ("machine", "wrong"),
    [
        (("Linux", "x86_64", (3, 11)), ""),
        (("Windows", "AMD64", (3, 11)), "no packages for Windows on AMD64"),
        (("Darwin", "x86_64", (3, 11)), "no packages for Darwin on x86_64"),
        (("Linux", "x86_64", (3, 9)), "This is Python 3.9, and the kit is for 3.11, 3.13"),
    ],
)
def test_a_laptop_that_the_kit_does_not_serve_is_told_so(machine, wrong):
    check = runpy.run_path(str(build.LAPTOP / "set_up.py"))["check_python"]
    said = check(["linux-3.11", "linux-3.13"], *machine)
    assert wrong in said
    assert bool(said) == bool(wrong)


@pytest.fixture
def set_up(tmp_path):
    """What set_up.py defines, for a kit on a stick that may only be read."""
    kit = tmp_path / "kit"
    (kit / "vectors" / "voc" / "vgg").mkdir(parents=True)
    (kit / "vectors" / "voc" / "vgg" / "manifest.json").write_text("{}")
    with zipfile.ZipFile(kit / "course.zip", "w") as packed:
        packed.writestr("helpers/a.py", "x = 1\n")
    shutil.copy(build.LAPTOP / "start.py", kit)
    for path in [*kit.rglob("*"), kit]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    defined = runpy.run_path(str(build.LAPTOP / "set_up.py"))
    defined["unpack"].__globals__["KIT"] = kit
    return defined


def test_setting_up_again_mends_nothing_by_halves_and_can_write(set_up, tmp_path, monkeypatch):
    laptop, real_replace = tmp_path / "laptop", os.replace

    def killed(part, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        set_up["unpack"](laptop)
    assert not (laptop / "helpers" / "a.py").exists()
    monkeypatch.setattr(os, "replace", real_replace)
    for _ in range(2):
        set_up["unpack"](laptop)
    assert (laptop / "helpers" / "a.py").read_text() == "x = 1\n"
    for path in laptop.rglob("*"):
        assert path.stat().st_mode & 0o200, path


def test_an_environment_without_pip_or_of_another_python_is_made_anew(set_up, tmp_path):
    assert set_up["works"](sys.executable)
    assert not set_up["works"](tmp_path / "nothing" / "python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    assert not set_up["works"](tmp_path / "bare" / "bin" / "python")


@pytest.mark.parametrize("gone", ["SHA256SUMS", "kit.json", "course.zip", "start.py"])
def test_half_a_kit_says_what_is_missing(tmp_path, gone):
    for name in {"SHA256SUMS", "kit.json", "course.zip", "start.py"} - {gone}:
        (tmp_path / name).write_text("{}")
    shutil.copy(build.LAPTOP / "set_up.py", tmp_path)
    command = [sys.executable, tmp_path / "set_up.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr == f"There is no {gone} beside this file: the kit isn't whole. Copy it again.\n"
    )


def test_late_once_is_late_from_then_on_and_keeps_ones_own_vectors(tmp_path):
    shutil.copy(build.LAPTOP / "start.py", tmp_path)
    kits, own = (
        tmp_path / "kit-vectors" / "voc" / "vgg",
        tmp_path / "data" / "vectors" / "voc" / "vgg",
    )
    for folder, text in ((kits, "kit"), (own, "interrupted")):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(text)
    prepare = runpy.run_path(str(tmp_path / "start.py"))["prepare"]
    assert "BOOTCAMP_PRECISION" not in prepare(late=False)
    assert prepare(late=True)["BOOTCAMP_PRECISION"] == "float32"
    assert (own / "manifest.json").read_text() == "kit"
    assert (own.with_name("vgg.own") / "manifest.json").read_text() == "interrupted"
    (own / "manifest.json").write_text("kit, and more")
    for late in (False, True):
        assert prepare(late=late)["BOOTCAMP_PRECISION"] == "float32"
    assert (own / "manifest.json").read_text() == "kit, and more"


@pytest.mark.parametrize(
    ("kit", "url"),
    [
        ("/media/usb", "file:///media/usb/wheels"),
        ("/media/My Stick", "file:///media/My%20Stick/wheels"),
        ("a kit", f"file://{ROOT}/a%20kit/wheels".replace(" ", "%20")),
    ],
)
def test_make_finds_the_wheels_of_a_kit_whose_path_has_a_space(kit, url):
    command = ["make", "-pn", "help", f"BOOTCAMP_KIT={kit}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert f"export PIP_FIND_LINKS := {url}\n" in told or f"PIP_FIND_LINKS := {url}\n" in told


def sample_archive():
    """Return the bytes of our own drawings, packed as PASCAL VOC is published."""
    kinds = (("Annotations", "*.xml"), ("JPEGImages", "*.jpg"))
    found = [path for kind, glob in kinds for path in sorted((SAMPLE / kind).glob(glob))]
    return tiny_voc.pack(
        [(f"{tiny_voc.ROOT}/{path.parent.name}/{path.name}", path.read_bytes()) for path in found]
    )


@pytest.fixture(scope="module")
def whole_kit(tmp_path_factory, shared_settings):
    """A kit as `make kit` builds it, with the drawings in place of the official archive."""
    tmp_path = tmp_path_factory.mktemp("kit")
    archive_bytes = sample_archive()
    with Server(archive_bytes) as server:
        release = tiny_voc.release(archive_bytes, len(list((SAMPLE / "JPEGImages").iterdir())))
        here = replace(shared_settings, data=tmp_path / "builder", voc_mirrors=(server.url,))
        (here.data / "weights").mkdir(parents=True)  # so that they are not fetched once more
        (here.data / "weights" / weights.FILE).write_bytes(weights.load(shared_settings))
        here = replace(here, voc_release=release)
        made = targets.chosen(["linux"], ["3.11", "3.13"])
        return build.build(tmp_path / "kit", made, 40, here, progress=False)


@pytest.mark.kit
@pytest.mark.parametrize("version", ["of the tests", "3.13"])
def test_a_laptop_without_network_sets_itself_up_from_the_kit(whole_kit, tmp_path, version):
    """With closed indexes and a fresh home, as START_HERE.html says."""
    for name in ("START_HERE.html", "set_up.py", "course.zip", "pages", "learner", "instructor"):
        assert (whole_kit / name).exists(), name
    python = sys.executable if version == "of the tests" else python_313()
    if not python:
        pytest.skip("ABSENT: Python 3.13, on which the kit is to be installed, too")
    home = tmp_path / "a home"
    home.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_COMPILE": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    subprocess.run([python, whole_kit / "set_up.py"], cwd=tmp_path, env=env, check=True)
    laptop = home / "image-search"
    assert list((laptop / "data" / "datasets").glob("voc*/.complete.json"))
    code = "import keras, pymilvus, milvus_lite, helpers; print(helpers.__file__)"
    command = [laptop / ".venv" / "bin" / "python", "-c", code]
    told = subprocess.run(command, cwd=home, env=env, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == str(laptop / "helpers" / "__init__.py")


def python_313():
    """Return a Python 3.13 that is installed and runs, or None."""
    named = [*sorted(Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13"))]
    named += [Path(found)] if (found := shutil.which("python3.13")) else []
    works = [
        one for one in named if subprocess.run([one, "--version"], check=False).returncode == 0
    ]
    return works[0] if works else None
