"""Near-duplicates: groups of pictures whose embeddings are closer than a threshold."""

import numpy as np

BLOCK = 1024


def pairs(values, min_score):
    """Return (i, j, score) arrays of all pairs i < j whose cosine similarity is at least `min_score`.

    `values` is (n, d) float32 of unit norm. All pairs are compared, in blocks of 1024 rows, so
    that 17,125 pictures need 70 MB at a time and not 1.2 GB.
    """
    found = []
    for start in range(0, len(values), BLOCK):
        scores = values[start : start + BLOCK] @ values[start:].T
        rows, columns = np.nonzero(np.triu(scores >= min_score, k=1))
        found.append((rows + start, columns + start, scores[rows, columns]))
    if not found:
        return np.empty(0, int), np.empty(0, int), np.empty(0, np.float32)
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def groups(count, first, second, scores):
    """Return [(rows, best score)] of rows connected by pairs; the closest group comes first.

    Two pictures belong together when a chain of pairs leads from one to the other (single
    linkage), found by union and find.
    """
    parent = np.arange(count)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        parent[_root(parent, i)] = _root(parent, j)
    members, best = {}, {}
    for row in sorted(set(first.tolist()) | set(second.tolist())):
        members.setdefault(_root(parent, row), []).append(row)
    for i, score in zip(first.tolist(), scores.tolist(), strict=True):
        root = _root(parent, i)
        best[root] = max(score, best.get(root, -1.0))
    ordered = sorted(members, key=lambda root: (-best[root], members[root]))
    return [(members[root], best[root]) for root in ordered]


def _root(parent, row):
    """Follow `row` to the row that stands for its group, shortening the way for the next."""
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return int(row)
