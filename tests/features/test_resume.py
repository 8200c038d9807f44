"""An extraction that is killed or interrupted, in a process of its own, and run again."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from vgg_kit import real, save

from helpers.features import VGG16

pytestmark = [pytest.mark.weights, pytest.mark.slow]

KILLS = int(os.environ.get("BOOTCAMP_KILLS", "3"))
"""How often to kill; each takes a start of TensorFlow, so the twenty are for patient days."""

RUN = """
import sys
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started it all
from pathlib import Path
from dataclasses import replace
from helpers import settings
from helpers.features import weights
from helpers.features import VGG16
from helpers.dataset.pictures import Picture
folder, data = Path(sys.argv[1]), Path(sys.argv[2])
extractor = VGG16("max", "float32", 64, settings.from_environment({"BOOTCAMP_DATA": str(data)}))
extractor.settings = replace(extractor.settings, data=folder)
pictures = [Picture(path.stem, path) for path in sorted(folder.glob("*.jpg"))]
extractor.extract(pictures, "d")
"""


def start(folder, settings):
    """Start an extraction in a process of its own."""
    command = [sys.executable, "-c", RUN, folder, settings.data]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process, folder, count):
    """Wait until `count` pictures are done, or the process ends."""
    while process.poll() is None and done(folder) < count:
        time.sleep(0.002)


def done(folder):
    """Return how many rows the store has."""
    rows = (folder / "vectors" / "d" / "vgg16-conv5-64").glob("rows-*.jsonl")
    return max((path.read_bytes().count(b"\n") for path in rows), default=0)


@pytest.fixture
def many(tmp_path):
    """So many pictures that there is time to interrupt."""
    return [save(tmp_path, f"p{number:03}", number) for number in range(240)]


def test_killed_and_run_again_gives_the_same_to_the_last_bit(many, tmp_path, shared_settings):
    extractor = VGG16("max", "float32", 64, real(shared_settings), progress=False)
    extractor.settings = replace(extractor.settings, data=tmp_path)
    whole = extractor.extract(many, "whole", progress=False)
    chance = random.Random(KILLS)
    for number in range(KILLS):
        before = done(tmp_path)
        with start(tmp_path, shared_settings) as process:
            wait_for(process, tmp_path, len(many) * (number + 1) // (KILLS + 1))
            time.sleep(chance.random() / 50)
            process.kill()
        assert done(tmp_path) >= before, "something that was done is gone"
    parts = extractor.extract(many, "d", progress=False)
    assert parts.ids == whole.ids
    assert np.array_equal(parts.values, whole.values)


def test_ctrl_c_ends_with_a_sentence(many, tmp_path, shared_settings):
    with start(tmp_path, shared_settings) as process:
        wait_for(process, tmp_path, 32)
        process.send_signal(signal.SIGINT)
        text = process.communicate()[1]
    assert "pictures done; they are kept. Run it again to continue from there." in text
    assert "During handling" not in text
    assert done(tmp_path) >= 32


def test_the_interrupt_button_ends_with_a_sentence(many, tmp_path, shared_settings):
    from jupyter_client.manager import start_new_kernel

    code = RUN.replace("import sys", f"import sys; sys.argv = ['', {str(tmp_path)!r}, '']")
    code = code.replace("Path(sys.argv[2])", f"Path({str(shared_settings.data)!r})")
    manager, client = start_new_kernel(kernel_name="python3")
    errors = []
    try:
        client.execute(code)
        end = time.monotonic() + 600
        while done(tmp_path) < 16:
            assert time.monotonic() < end, "the kernel extracts nothing"
            time.sleep(0.002)
        manager.interrupt_kernel()
        while (message := client.get_iopub_msg(timeout=600))["msg_type"] != "error":
            pass
        errors = message["content"]["traceback"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert len(errors) == 1
    assert "pictures done; they are kept. Run it again" in errors[0]
