"""Ids are file names, and a file name can be anything: whatever it is, one id means one row."""

import random
from pathlib import Path

import numpy as np
import pytest
from index_kit import PAIR, STRANGE, clustered

from helpers.dataset.pictures import Picture
from helpers.index import Index

HOSTILE = [*STRANGE, "mum's cat.jpg", "a'] or id not in ['b.jpg", 'a"] or id not in ["b.jpg']
HOSTILE += ["it's \\", "[1, 2]", "{name}", "line\r\nend", "\\u0041", "'", '"', "\\", "e\u0301", "é"]


def random_ids(count, seed=0):
    """Return `count` different ids of 1 to 12 characters from all of Unicode, NUL left out."""
    chance, found = random.Random(seed), dict.fromkeys(HOSTILE)
    while len(found) < count:
        ranges = [(1, 127), (1, 127), (128, 0xD7FF), (0xE000, 0x10FFFF)]
        letters = [
            chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(1, 12))
        ]
        found["".join(letters)] = None
    return list(found)


def filled(settings, names):
    """Return an open index that holds a picture for each of `names`."""
    index = Index(*PAIR, settings)
    index.sync([Picture(name, Path("p")) for name in names], clustered(len(names)), progress=False)
    return index


def each_id_means_its_own_row(settings):
    """Read, delete and replace pictures with hostile ids, and count what is left."""
    names = list(dict.fromkeys(HOSTILE))
    with filled(settings, names) as index:
        for name, vector in zip(names, clustered(len(names)), strict=True):
            assert set(index.digests([name])) == {name}
            assert np.allclose(index.vector(name), vector)
            assert index.search(vector, k=1)[0].id == name
        again = index.sync([Picture(n, Path("p")) for n in names], clustered(len(names)), False)
        assert (again.written, again.deleted) == (0, 0)
        # Each is once the last of all ids, behind which the next page begins.
        for left, name in reversed(list(enumerate(sorted(names)))):
            assert index.digests().keys() == {*sorted(names)[: left + 1]}
            assert index.delete([name]) == 1
            assert index.count() == left


def thousands_of_random_ids_come_back_and_go(settings, count):
    """Sync random ids, sync them again, and delete half of them in one call."""
    names = random_ids(count)
    with filled(settings, names) as index:
        assert index.count() == count
        assert set(index.digests(names)) == set(names)
        assert index.delete(names[::2]) == len(names[::2])
        assert set(index.digests()) == set(names[1::2])
        one = [Picture(names[1], Path("p"))], clustered(count)[1:2]
        assert index.sync(*one, progress=False, delete_most=True).deleted == len(names[3::2])
        assert set(index.digests()) == {names[1]}


@pytest.mark.slow
def test_each_id_means_its_own_row(here):
    each_id_means_its_own_row(here)


@pytest.mark.slow
def test_ten_thousand_random_ids_come_back_and_go(here):
    thousands_of_random_ids_come_back_and_go(here, 10_000)
