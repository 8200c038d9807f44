"""Re-ranking against the papers' definitions, written as plain loops over sets and pictures."""

import time
import tracemalloc

import numpy as np
import pytest

from helpers.features.pooling import l2_normalise
from helpers.search import reranking
from helpers.search.reranking import TooManyRowsError, augment, diffuse, expand, k_reciprocal


def unit_rows(seed, count, dim=6):
    """Return random rows of length one, (count, dim) float32; their cosines have both signs."""
    return l2_normalise(np.random.default_rng(seed).normal(size=(count, dim)))


def groups(seed, count=30, dim=8):
    """Return rows around three centres, so that neighbourhoods mean something."""
    random = np.random.default_rng(seed)
    return l2_normalise(random.normal(size=(3, dim)).repeat(count // 3, axis=0)
                        + random.normal(scale=0.4, size=(count, dim)))  # fmt: skip


def nearest(database, vector, count, leave=None):
    """Return the numbers of the `count` nearest rows, the nearest first."""
    cosines = [float(np.dot(row.astype(float), vector.astype(float))) for row in database]
    others = [i for i in range(len(database)) if i != leave]
    return sorted(others, key=lambda i: -cosines[i])[:count]


# New vectors


def literal_expansion(vector, database, neighbours, power, leave=None):
    """Return one expanded vector, in float64."""
    total = vector.astype(float)
    for i in nearest(database, vector, neighbours, leave):
        cosine = float(np.dot(database[i].astype(float), vector.astype(float)))
        total = total + max(0.0, cosine) ** power * database[i].astype(float)
    return total / np.linalg.norm(total)


def test_expansion_of_a_worked_example():
    query = np.array([[1, 0]], dtype=np.float32)
    database = np.array([[0.6, 0.8], [-1, 0], [0, 1]], dtype=np.float32)
    # the nearest has the cosine 0.6: (1, 0) + 0.36 * (0.6, 0.8) = (1.216, 0.288)
    expected = np.array([1.216, 0.288]) / np.hypot(1.216, 0.288)
    assert np.allclose(expand(query, database, neighbours=1), expected)
    assert np.allclose(expand(query, database, neighbours=3), expected)  # the others weigh 0
    # power 0 is the plain average: (1, 0) + (0.6, 0.8) = (1.6, 0.8)
    plain = np.array([2, 1]) / np.sqrt(5)
    assert np.allclose(expand(query, database, neighbours=1, power=0), plain)


@pytest.mark.parametrize("neighbours", [1, 5, 40, 100])
@pytest.mark.parametrize("power", [0, 1, 2.0, 3.5])
def test_expand_agrees_with_its_definition(neighbours, power, monkeypatch):
    monkeypatch.setattr(reranking, "BLOCK", 4)  # nine queries make three blocks
    queries, database = unit_rows(0, 9), unit_rows(1, 40)
    expanded = expand(queries, database, neighbours, power)
    assert expanded.dtype == np.float32
    expected = [literal_expansion(query, database, neighbours, power) for query in queries]
    assert np.allclose(expanded, expected, atol=1e-5)


@pytest.mark.parametrize("neighbours", [3, 39, 40, 100])
@pytest.mark.parametrize("power", [0, 2])
def test_a_querys_own_row_is_not_its_neighbour(neighbours, power, monkeypatch):
    monkeypatch.setattr(reranking, "BLOCK", 2)
    database, own = unit_rows(2, 40), [7, 0, 39]
    expanded = expand(database[own], database, neighbours, power, own)
    expected = [literal_expansion(database[i], database, neighbours, power, i) for i in own]
    assert np.allclose(expanded, expected, atol=1e-5)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    queries, database = unit_rows(3, 50), unit_rows(4, 60)
    whole = expand(queries, database, own=np.arange(50))
    monkeypatch.setattr(reranking, "BLOCK", 7)
    assert np.allclose(expand(queries, database, own=np.arange(50)), whole, atol=1e-6)


def test_augment_expands_every_row_by_the_others():
    database = unit_rows(5, 30)
    expected = [literal_expansion(row, database, 4, 2, i) for i, row in enumerate(database)]
    assert np.allclose(augment(database, neighbours=4), expected, atol=1e-5)


def test_new_vectors_have_length_one_and_the_old_ones_stay():
    database = unit_rows(6, 30)
    before = database.copy()
    for vectors in (expand(database[:5], database), augment(database)):
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(database, before)
    assert np.allclose(augment(database[:1]), database[:1])  # nobody is near
    assert (expand(np.zeros((1, 6), np.float32), database) == 0).all()


def test_expansion_does_not_fill_memory_with_neighbours():
    """All neighbours at once would take 84 MB, and all cosines 16 MB more."""
    vectors = unit_rows(7, 2048, dim=512)
    tracemalloc.start()
    augment(vectors, neighbours=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


# New scores by diffusion


def literal_diffusion(database, row, neighbours, power, alpha):
    """Return the scores of one query as a sum over longer and longer walks on the graph."""
    n = len(database)
    cosines = database.astype(float) @ database.astype(float).T
    affinity = np.maximum(cosines, 0) ** power
    near = [nearest(database, database[i], neighbours, leave=i) for i in range(n)]
    weights = np.zeros((n, n))
    for i in range(n):
        for j in near[i]:
            if i in near[j]:
                weights[i, j] = affinity[i, j]
    degree = weights.sum(axis=1)
    walk = np.zeros((n, n))
    for i, j in zip(*np.nonzero(weights), strict=True):
        walk[i, j] = weights[i, j] / np.sqrt(degree[i] * degree[j])
    state = np.zeros(n)
    for i in [row, *near[row][: neighbours - 1]]:
        state[i] = affinity[row, i]
    scores = np.zeros(n)
    for _ in range(int(20 / (1 - alpha))):  # alpha to this power is 2e-9
        scores += (1 - alpha) * state
        state = alpha * walk @ state
    return scores


@pytest.mark.parametrize(
    ("neighbours", "power", "alpha"), [(5, 3, 0.99), (5, 1, 0.9), (12, 2, 0.5), (100, 3, 0.9)]
)
def test_diffusion_is_the_sum_over_walks(neighbours, power, alpha):
    database, rows = groups(10), [0, 13, 29]
    scores = diffuse(database, rows, neighbours, power, alpha)
    for found, row in zip(scores, rows, strict=True):
        expected = literal_diffusion(database, row, neighbours, power, alpha)
        reached = expected > 1e-9
        assert np.allclose(found[reached], expected[reached], rtol=1e-4)
        cosines = database @ database[row]
        assert np.allclose(found[~reached], cosines[~reached] - 2, atol=1e-5)


def test_diffusion_between_two_pictures_by_hand():
    """One edge, so that S = [[0, 1], [1, 0]]; f = (1 - a) / (1 - a^2) (y + a S y)."""
    database = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)  # cosine 0.6, y = (1, 0.6)
    scores = diffuse(database, [0], neighbours=2, power=1, alpha=0.5)
    assert np.allclose(scores, [[(1 + 0.5 * 0.6) / 1.5, (0.6 + 0.5) / 1.5]])


def test_diffusion_follows_a_chain_where_cosines_do_not():
    """Pictures on an arc, 10 degrees apart; a lone one is nearer to the first than the last is."""
    angles = np.radians([*range(0, 90, 10), -60])
    database = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert database[0] @ database[8] < database[0] @ database[9]
    scores = diffuse(database, [0], neighbours=2)[0]
    assert scores[8] > 0 > scores[9]


# New scores by k-reciprocal encoding


def literal_k_reciprocal(database, row, k1, k2, weight):
    """Return the scores of one query, from sets of neighbours as in the paper."""
    n = len(database)
    distance = np.array([[1 - a.astype(float) @ b.astype(float) for b in database]
                         for a in database])  # fmt: skip
    distance = distance / distance.max(axis=1, keepdims=True)
    order = [[i, *nearest(database, database[i], n, leave=i)] for i in range(n)]

    def reciprocal(p, k):
        return {g for g in order[p][: k + 1] if p in order[g][: k + 1]}

    def expanded(p):
        found = reciprocal(p, k1)
        halves = [reciprocal(q, round(k1 / 2)) for q in found]
        return found.union(*[h for h in halves if len(found & h) >= 2 / 3 * len(h) - 1e-9])

    codes = np.zeros((n, n))
    for p in range(n):
        for g in expanded(p):
            codes[p, g] = np.exp(-distance[p, g])
        codes[p] /= codes[p].sum()
    codes = np.array([np.mean([codes[i] for i in order[p][:k2]], axis=0) for p in range(n)])
    jaccard = [1 - np.minimum(codes[row], code).sum() / np.maximum(codes[row], code).sum()
               for code in codes]  # fmt: skip
    return 1 - ((1 - weight) * np.array(jaccard) + weight * distance[row])


@pytest.mark.parametrize(
    ("k1", "k2", "weight"), [(6, 3, 0.3), (9, 1, 0.0), (4, 6, 0.7), (20, 6, 0.3), (50, 40, 0.3)]
)
def test_k_reciprocal_agrees_with_the_papers_sets(k1, k2, weight):
    database, rows = groups(20), [0, 11, 29]
    scores = k_reciprocal(database, rows, k1, k2, weight)
    expected = [literal_k_reciprocal(database, row, k1, min(k2, k1 + 1), weight) for row in rows]
    assert np.allclose(scores, expected, atol=1e-5)


def test_a_neighbourhood_grows_by_what_its_members_share():
    """Two thirds of what is near to a member must be in already: so some rows grow, not all."""
    order = reranking._nearest_first(groups(20) @ groups(20).T, 7)
    before, after = reranking._reciprocal(order), reranking._neighbourhoods(order, 6)
    grown = (after & ~before).sum(axis=1)
    assert not (before & ~after).any()
    assert (grown == 0).any()
    assert (grown > 0).any()


def test_k_reciprocal_scores_are_shares_with_the_query_first():
    database = groups(21)
    scores = k_reciprocal(database, np.arange(30), k1=6, k2=3)
    assert scores.dtype == np.float32
    assert scores.min() >= -1e-6
    assert np.allclose(scores.diagonal(), 1, atol=1e-5)
    assert (scores.argmax(axis=1) == np.arange(30)).all()


def test_copies_of_one_picture_are_equally_near():
    database = groups(22)[[0, 0, 0, 15, 16, 17, 28, 29]]
    scores = k_reciprocal(database, [0, 1, 2], k1=2, k2=1)  # two others: the cut parts no copies
    assert np.allclose(scores[:, :3], 1, atol=1e-5)
    alike = k_reciprocal(database[[0, 0, 0]], [0], k1=2, k2=1)
    assert np.allclose(alike, 1, atol=1e-5)  # all distances are 0: nothing is divided by it


def test_a_picture_is_its_own_nearest_even_beside_copies():
    database = np.eye(2, dtype=np.float32)[[0, 0, 0, 0, 1]]  # ones and zeros: exact ties
    with np.errstate(invalid="raise"):  # a neighbourhood without itself could be empty: 0 / 0
        scores = k_reciprocal(database, np.arange(5), k1=1, k2=1)
    assert np.allclose(scores.diagonal(), 1)
    assert (diffuse(database, np.arange(5), neighbours=1).diagonal() > 0).all()


def test_two_thousand_pictures_are_compared_in_time():
    vectors = groups(23, count=1998, dim=64)
    start = time.perf_counter()
    assert k_reciprocal(vectors, np.arange(1998)).shape == (1998, 1998)
    assert time.perf_counter() - start < 15


# What holds for both


@pytest.mark.parametrize("scores_of", [diffuse, k_reciprocal])
def test_which_queries_are_asked_together_changes_nothing(scores_of):
    database = groups(30)
    every = scores_of(database, np.arange(30))
    assert every.shape == (30, 30)
    for rows in ([4], [29, 0], []):
        assert np.allclose(scores_of(database, np.array(rows, dtype=int)), every[rows], atol=1e-6)


@pytest.mark.parametrize("scores_of", [diffuse, k_reciprocal])
def test_too_many_pictures_are_refused_with_a_way_out(scores_of):
    with pytest.raises(TooManyRowsError, match=r"4,001 rows.*use `expand`") as refused:
        scores_of(np.zeros((4001, 1), np.float32), [0])
    assert isinstance(refused.value, ValueError)
    assert len(refused.value._render_traceback_()) == 1


ROWS = unit_rows(8, 4)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: expand(ROWS, ROWS, neighbours=0), "neighbours is 0"),
        (lambda: expand(ROWS[0], ROWS), r"vector\[None\]"),
        (lambda: expand(ROWS[:, :3], ROWS), "same extractor"),
        (lambda: expand(ROWS, ROWS, own=[0]), "`own` holds 1 rows"),
        (lambda: augment(ROWS, neighbours=-1), "neighbours is -1"),
        (lambda: diffuse(ROWS, [0], neighbours=0), "neighbours is 0"),
        (lambda: diffuse(ROWS, [0], alpha=1), "between 0 and 1"),
        (lambda: k_reciprocal(ROWS, [0], k1=0), "k1 is 0"),
        (lambda: k_reciprocal(ROWS, [0], k2=0), "k2 is 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
