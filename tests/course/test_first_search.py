"""The first search of notebook 01 needs nothing but the repository, and its vectors are VGG16's."""

import subprocess
import sys

import numpy as np
import pytest
from vgg_kit import real

from helpers.course import first_search
from helpers.features import VGG16, weights
from helpers.settings import ROOT, SAMPLE


def test_every_drawing_has_its_vector():
    pictures, vectors = first_search.load()
    assert [p.id for p in pictures] == (SAMPLE / "ImageSets/Main/trainval.txt").read_text().split()
    assert vectors.shape == (len(pictures), 512)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_the_file_says_what_made_it_and_is_small():
    with np.load(first_search.FILE) as kept:
        assert kept["values"].dtype == np.float16
        assert str(kept["extractor"]) == "vgg16-conv5-max-224"
        assert str(kept["weights"]) == weights.SHA256
    assert first_search.FILE.stat().st_size < 300_000


def test_neither_tensorflow_nor_milvus_is_loaded():
    code = (
        "import sys; from helpers.course import first_search; first_search.load();"
        "print({'tensorflow', 'keras', 'pymilvus'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "set()", run.stderr


@pytest.mark.weights
def test_vectors_are_those_of_the_real_network(shared_settings):
    pictures, vectors = first_search.load()
    some = slice(3, None, 40)
    extractor = VGG16("max", "float32", settings=real(shared_settings), progress=False)
    anew = extractor.embed_many([picture.path for picture in pictures[some]])
    assert (anew * vectors[some]).sum(axis=1).min() > 0.999
