"""Near-duplicates are found exactly, whatever block they are in, and in little memory."""

import tracemalloc

import numpy as np
import pytest

from search_app import duplicates


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def by_hand(values, min_score):
    """Return the groups as `groups` does, by joining rows one pair at a time."""
    table = values @ values.T
    near = table >= min_score
    np.fill_diagonal(near, True)
    for _ in range(10):  # chains of up to 1,024 links
        near = near @ near
    rows = {tuple(np.flatnonzero(row).tolist()) for row in near if row.sum() > 1}
    np.fill_diagonal(table, -2)
    found = [(list(group), table[np.ix_(group, group)].max()) for group in rows]
    return sorted(found, key=lambda group: (-group[1], group[0]))


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_the_connected_components(monkeypatch, block, seed):
    monkeypatch.setattr(duplicates, "BLOCK_ROWS", block)
    values = unit(np.random.default_rng(seed).normal(size=(60, 6 + seed)))
    for min_score in (0.5, 0.7, 0.85):
        found, expected = duplicates.groups(values, min_score), by_hand(values, min_score)
        assert [rows for rows, _ in found] == [rows for rows, _ in expected]
        best = [score for _, score in expected]
        np.testing.assert_allclose([score for _, score in found], best, rtol=1e-5)
    assert len(found) > 0


def test_long_chains_join_and_the_closest_group_comes_first(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK_ROWS", 5)
    angles = np.concatenate([np.arange(40) * 0.05, 3 + np.arange(4) * 0.01])
    angles = np.random.default_rng(2).permutation(angles)
    values = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    near, chain = duplicates.groups(values, np.cos(0.051))
    assert [angles[row] > 2.9 for row in near[0]] == [True] * 4
    assert len(chain[0]) == 40
    assert near[1] > chain[1]


def test_nothing_to_compare_gives_nothing():
    assert duplicates.groups(np.empty((0, 4), np.float32), 0.9) == []
    assert duplicates.groups(unit(np.eye(3)), 0.9) == []
    assert duplicates.groups(unit(np.ones((1, 3))), 0.9) == []


@pytest.mark.slow
def test_all_of_voc_alike_stays_within_a_few_hundred_megabytes():
    values = unit(np.ones((17_125, 16)) + np.random.default_rng(3).random((17_125, 16)) / 100)
    tracemalloc.start()
    try:
        ((rows, best),) = duplicates.groups(values, 0.8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == [*range(17_125)]
    assert best == pytest.approx(1, abs=1e-4)
    assert peak < 300e6
