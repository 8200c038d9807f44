"""Where scikit-learn measures the same, our measures give the same numbers."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, precision_score

from helpers.search import metrics


@pytest.fixture(params=range(20))
def ranking(request):
    """Twenty pictures in a random order: gains, best hit first, and falling scores."""
    rng = np.random.default_rng(request.param)
    gains = rng.random(20) * (rng.random(20) < 0.4)
    gains[rng.integers(20)] = 1.0
    return gains, np.arange(20, 0, -1.0)


def test_average_precision(ranking):
    gains, scores = ranking
    ours = metrics.average_precision(gains > 0)
    assert ours == pytest.approx(average_precision_score(gains > 0, scores))


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_precision_at_k(ranking, k):
    gains, scores = ranking
    theirs = precision_score(gains > 0, scores >= np.sort(scores)[-k])
    assert metrics.precision_at_k(gains > 0, k) == pytest.approx(theirs)


@pytest.mark.parametrize("k", [1, 5, 10, None])
def test_ndcg(ranking, k):
    gains, scores = ranking
    theirs = ndcg_score(gains[None], scores[None], k=k)
    assert metrics.ndcg(gains, k=k) == pytest.approx(theirs)


def test_evaluate_over_many_queries():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 8)).astype(np.float32)
    alike = (rng.random((60, 60)) < 0.2).astype(np.float32)
    rows = np.arange(60)
    found = metrics.evaluate(lambda r: vectors[r] @ vectors.T, lambda r: alike[r], rows)
    scores = vectors @ vectors.T
    for row in rows:
        others = rows != row
        theirs = average_precision_score(alike[row, others], scores[row, others])
        assert found.ap[row] == pytest.approx(theirs, abs=1e-6)
