"""Near-duplicates are found exactly, whatever block they are in."""

import numpy as np

from search_app import duplicates


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_pairs_are_those_of_the_whole_table(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK_ROWS", 7)
    values = unit(np.random.default_rng(1).normal(size=(40, 6)))
    first, second, scores = duplicates.pairs(values, 0.5)
    table = values @ values.T
    expected = [(i, j) for i in range(40) for j in range(i + 1, 40) if table[i, j] >= 0.5]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
    assert len(expected) > 10
    np.testing.assert_allclose(scores, [table[pair] for pair in expected], rtol=1e-5)


def test_groups_join_chains_and_begin_with_the_closest():
    pairs = np.array([0, 1, 5]), np.array([1, 2, 7]), np.array([0.9, 0.91, 0.99])
    assert duplicates.groups(8, *pairs) == [([5, 7], 0.99), ([0, 1, 2], 0.91)]


def test_groups_are_the_connected_components_of_random_pairs():
    random = np.random.default_rng(4)
    for count in (3, 12, 60):
        pairs = random.integers(0, count, (2, count // 2))
        near = np.eye(count, dtype=int)
        near[pairs[0], pairs[1]] = near[pairs[1], pairs[0]] = 1
        for _ in range(6):  # chains of up to 64 links
            near = (near @ near > 0).astype(int)
        expected = {tuple(np.flatnonzero(near[row])) for row in pairs.ravel()}
        found = duplicates.groups(count, *pairs, random.random(count // 2))
        assert {tuple(rows) for rows, _ in found} == expected


def test_nothing_to_compare_gives_nothing():
    none = duplicates.pairs(np.empty((0, 4), np.float32), 0.9)
    assert duplicates.groups(0, *none) == []
    alone = duplicates.pairs(unit(np.eye(3)), 0.9)
    assert duplicates.groups(3, *alone) == []
