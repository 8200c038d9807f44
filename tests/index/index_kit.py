"""What the tests of the index share: pictures, vectors, the right answers, and other processes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.dataset.pictures import Picture
from helpers.index import Index, collection_name, milvus_lite
from helpers.settings import ROOT

PAIR = ("sample", "vgg16-conv5-max-224")
COLLECTION = collection_name(*PAIR)


STRANGE = ['a"b', "a'b", "a\\", '\\"', "100%", "_ar", "naïve 日本", "a\nb", "tab\t", "\x01"]
STRANGE += ['" or id != "', "label_1", "|car|", "\\n", "true"]
NAMES = ("bus", "car", "dog", "person")


def clustered(count, seed=0, centres=20, noise=0.7):
    """Return (count, 512) unit vectors around a few centres, as real features are."""
    middle = np.random.default_rng(7).standard_normal((centres, 512))
    random = np.random.default_rng(seed)
    values = middle[random.integers(0, centres, count)]
    values = (values + noise * random.standard_normal((count, 512))).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def some_pictures(count):
    """Return pictures whose labels differ: the binary digits of their number pick the names."""
    return [
        Picture(
            id=f"2007_{number:06d}",
            path=Path("JPEGImages") / f"2007_{number:06d}.jpg",
            labels=tuple(name for bit, name in enumerate(NAMES) if number >> bit & 1),
            width=500,
            height=375,
        )
        for number in range(count)
    ]


def nearest(values, query, k, keep=None):
    """Return the ids of the k nearest rows by numpy, the oracle: (-score, id) decides."""
    scores = np.round(values @ query, 6)
    rows = [n for n in range(len(values)) if keep is None or keep(n)]
    return [f"2007_{n:06d}" for n in sorted(rows, key=lambda n: (-scores[n], n))[:k]]


def ids(hits):
    return [hit.id for hit in hits]


def release(here):
    """Let go of a database that was opened without an Index."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(here.milvus_uri)
    milvus_lite._clients.clear()


@pytest.fixture
def filled(here):
    """An index of 300 pictures, and the settings to open it again."""
    with Index(*PAIR, here) as index:
        index.sync(some_pictures(300), clustered(300), progress=False)
        yield index, here


@pytest.fixture
def elsewhere(here, tmp_path):
    """Settings of a second Milvus Lite database."""
    return replace(here, milvus_uri=str(tmp_path / "elsewhere.db"))


def whole_rows(settings, dim=512, pair=PAIR):
    """Return every row of a collection, by id, its vector as bytes."""
    with Index(*pair, settings, dim) as index:
        found = index.whole_rows(list(index.digests()))
    return {row["id"]: row | {"vector": np.float32(row["vector"]).tobytes()} for row in found}


CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started it all
sys.path[:0] = ["tests", "tests/index"]
from index_kit import *
from helpers import settings
from helpers.index import collection
here = settings.from_environment({"MILVUS_URI": sys.argv[1], "MILVUS_TOKEN": sys.argv[2]})
"""


def child(code, here, *arguments, **environment):
    """Start another Python that opens the same database, and return it."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, here.milvus_uri, here.milvus_token, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


@pytest.fixture
def mounted(tmp_path):
    """A function that mounts a small file system; skips, loudly, where that isn't allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"ABSENT: the right to mount a tmpfs ({done.stderr.decode().strip()})")
        return place

    yield mount
    subprocess.run(["umount", "-l", place], capture_output=True, check=False)
