"""Queries that wait go through the real network together, and a full queue says so."""

import threading
from concurrent.futures import ThreadPoolExecutor

import app_kit
import numpy as np
import pytest
from vgg_kit import jpeg, picture_of_noise

from helpers.dataset.pictures import PictureError
from search_app.batcher import Batcher, Busy

pytestmark = pytest.mark.weights


class Counting:
    """The real extractor, which notes how many pictures came together and can be held up."""

    def __init__(self, extractor):
        self.extractor, self.pixels, self.counts = extractor, extractor.pixels, []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def embed_many(self, sources):
        self.counts.append(len(sources))
        self.begun.set()
        assert self.go.wait(600)
        return self.extractor.embed_many(sources)


@pytest.fixture(scope="module")
def extractor(shared_settings):
    return app_kit.extractor(shared_settings)


@pytest.fixture
def counting(extractor):
    return Counting(extractor)


@pytest.fixture
def batcher(counting):
    batcher = Batcher(counting, most_waiting=12)
    yield batcher
    counting.go.set()
    batcher.close()


def waiting(batcher, count):
    """Return when `count` queries wait."""
    with batcher._changed:
        pass
    while len(batcher._waiting) < count:
        threading.Event().wait(0.01)


def test_everybody_gets_the_embedding_of_the_own_picture(batcher, counting, extractor):
    pictures = [jpeg(picture_of_noise(seed=seed)) for seed in range(9)]
    counting.go.clear()
    with ThreadPoolExecutor(9) as many:
        answers = many.map(batcher.embed, pictures)
        assert counting.begun.wait(600)
        waiting(batcher, 9 - counting.counts[0])
        counting.go.set()
        found = np.stack(list(answers))
    assert sum(counting.counts) == 9
    assert len(counting.counts) == 2  # the first, and all that came meanwhile
    alone = extractor.embed_many(pictures)
    assert np.allclose(np.sum(found * alone, axis=1), 1, atol=1e-5)


def test_a_bad_picture_fails_for_nobody_else(batcher):
    good = jpeg(picture_of_noise())
    with ThreadPoolExecutor(4) as many:
        jobs = [many.submit(batcher.embed, one) for one in (good, b"no picture", good, b"")]
    for job in jobs[::2]:
        assert np.linalg.norm(job.result()) == pytest.approx(1, abs=1e-4)
    for job in jobs[1::2]:
        with pytest.raises(PictureError):
            job.result()


def test_a_full_queue_is_busy_and_then_open_again(batcher, counting):
    picture = picture_of_noise()
    counting.go.clear()
    with ThreadPoolExecutor(13) as many:
        first = many.submit(batcher.embed, picture)
        assert counting.begun.wait(600)
        others = [many.submit(batcher.embed, picture) for _ in range(12)]
        waiting(batcher, 12)
        with pytest.raises(Busy) as busy:
            batcher.embed(picture)
        assert busy.value.retry_after > 0
        counting.go.set()
        assert all(job.result().shape == (512,) for job in (first, *others))
    assert batcher.embed(picture).shape == (512,)


def test_what_fails_in_the_network_fails_for_its_callers_and_not_for_later_ones(batcher, counting):
    original, counting.extractor = counting.extractor, None
    with pytest.raises(AttributeError):
        batcher.embed(picture_of_noise())
    counting.extractor = original
    assert batcher.embed(picture_of_noise()).shape == (512,)


def test_a_closed_batcher_answers_who_waits_and_takes_nobody_else(batcher, counting):
    counting.go.clear()
    with ThreadPoolExecutor(3) as many:
        jobs = [many.submit(batcher.embed, picture_of_noise()) for _ in range(3)]
        assert counting.begun.wait(600)
        waiting(batcher, 3 - counting.counts[0])
        batcher.close()
        with pytest.raises(Busy):
            batcher.embed(picture_of_noise())
        counting.go.set()
        assert all(job.result().shape == (512,) for job in jobs)
