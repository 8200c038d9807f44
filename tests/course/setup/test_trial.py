"""The first search: the nearest are the nearest, a wrong network is noticed, time is foretold."""

from dataclasses import replace

import numpy as np
import pytest
from vgg_kit import real

from helpers.course import first_search
from helpers.course.setup import trial
from helpers.course.setup.material import Plan
from helpers.features import runtime


class Stub:
    """An extractor that answers at once, with one vector, whatever it sees."""

    seconds = 0.001

    def __init__(self, vector):
        self.vector, self.asked = vector, []

    def load(self):
        return self

    def embed(self, path):
        return self.embed_many([path])[0]

    def embed_many(self, paths):
        self.asked += paths
        return np.stack([self.vector for _ in paths])


def nearest_by_hand(vector, vectors, count):
    """Return the rows with the largest dot products, one comparison after the other."""
    found = []
    while len(found) < count:
        best = None
        for row in range(len(vectors)):
            if row != trial.QUERY and row not in found:
                score = sum(float(a) * float(b) for a, b in zip(vector, vectors[row], strict=True))
                if best is None or score > best[0]:
                    best = (score, row)
        found.append(best[1])
    return found


def test_the_three_nearest_without_the_query(here):
    drawings, vectors = first_search.load()
    made = trial.search(here, with_network=False)
    by_hand = nearest_by_hand(vectors[trial.QUERY], vectors, 3)
    assert [hit.id for hit in made.hits] == [drawings[row].id for row in by_hand]
    assert made.query is not None
    assert {hit.id for hit in made.hits} < made.pictures.keys()
    assert trial.judged(made).ok is None


def test_the_right_network_is_right_and_a_wrong_one_is_not():
    _, vectors = first_search.load()
    right = trial.run(Stub(vectors[trial.QUERY]), "int8")
    assert right.cosine == pytest.approx(1, abs=1e-5)
    assert trial.judged(right).ok
    wrong = trial.run(Stub(vectors[trial.QUERY + 1]), "int8")
    found = trial.judged(wrong)
    assert found.ok is False
    assert found.brief == "int8 computes wrongly"


def test_a_slow_network_is_measured_on_few_pictures():
    _, vectors = first_search.load()
    fast, slow = Stub(vectors[0]), Stub(vectors[0])
    slow.seconds = 2.5
    trial.run(fast, "int8")
    trial.run(slow, "float32")
    assert len(fast.asked) == 1 + trial.MOST
    assert len(slow.asked) == 1 + 4


def test_the_forecast_is_pictures_over_rate(here):
    made = replace(trial.search(here, False), precision="int8", rate=20.0)
    told = trial.forecast(made, Plan("voc:2000", 2000, "web"))
    assert told.ok
    assert told.found.endswith("the 2,000 of voc:2000 will take about 2 minutes")
    assert told.brief == "int8 20.0 pictures/s"
    assert trial.forecast(made, Plan("sample", 240, "here")).found.endswith("about 12 seconds")
    assert trial.forecast(replace(made, rate=1.0), Plan("voc", 17_125, "web")).ok is None
    assert trial.forecast(made, None).ok


@pytest.mark.weights
@pytest.mark.slow
def test_every_precision_of_the_real_network_is_right(shared_settings):
    for precision in runtime.PRECISIONS:
        settings = replace(real(shared_settings), precision=precision)
        made = trial.search(settings, with_network=True)
        assert made.precision == precision
        assert made.rate > 0
        assert trial.judged(made).ok, made.cosine
        assert made.hits[0].labels == ("cat",)
