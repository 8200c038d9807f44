"""The engine's queries: several pictures, unwanted ones, expansion; on made-up vectors, tuned."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tuning_kit import SMALL, data_set, extractor, features, indexed

from helpers.index import Index, LabelFilter
from helpers.search import Engine
from helpers.search.engine import ALIKE, UNLIKE

COUNT = 150


def engine_over(settings, values, name="d"):
    """Return an Engine over made-up vectors, as open_engine makes it."""
    tuned, index, _ = indexed(settings, values, name)
    return Engine(tuned, index, data_set(len(values), name), None, tuned.tuning, SMALL)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings whose data and Milvus are this file's own."""
    from helpers.settings import from_environment

    return from_environment({"BOOTCAMP_DATA": str(tmp_path_factory.mktemp("tuned"))})


@pytest.fixture(scope="module")
def engine(settings):
    """A tuned engine over 150 pictures, whose expansion takes four neighbours."""
    made = engine_over(settings, features(COUNT))
    assert made.tuning.neighbours(COUNT) == 4
    yield made
    made.index.close()


@pytest.fixture(scope="module")
def table(engine):
    """What the index holds, (150, 16): the tuned vectors."""
    return engine.tuning.apply(features(COUNT))


def literally(table, query, left_out=(), neighbours=4):
    """Return {row: cosine} of every row to the query after its expansion, in float64."""
    table, query = table.astype(float), query.astype(float)
    near = [row for row in np.argsort(-(table @ query)) if row not in left_out][:neighbours]
    total = query + sum(max(0, table[row] @ query) * table[row] for row in near)
    cosines, plain = table @ (total / np.linalg.norm(total)), table @ query
    cosines = np.where(plain >= ALIKE, np.maximum(plain, cosines), cosines)
    return {row: cosine for row, cosine in enumerate(cosines) if row not in left_out}


def assert_hits(hits, cosines, k):
    """Check that the hits are the k best by `cosines`; those that differ in the last digit tie."""
    best = sorted(cosines.values(), reverse=True)[:k]
    scores = [hit.score for hit in hits]
    assert len({hit.id for hit in hits}) == len(hits) == len(best)
    assert np.allclose(scores, best, atol=2e-6)
    assert np.allclose(scores, [cosines[int(hit.id[1:])] for hit in hits], atol=2e-6)


def new(seed=1000):
    """Return the extractor's vector of a picture that isn't in the data set."""
    return features(3, seed)[2]


# One picture


def test_a_new_picture_is_expanded_by_its_nearest(engine, table):
    query = engine.tuning.apply(new())
    assert_hits(engine.search(query, k=20), literally(table, query), 20)


def test_an_indexed_picture_takes_no_part_in_its_own_expansion(engine, table):
    assert_hits(engine.search("p0007", k=20), literally(table, table[7], {7}), 20)
    by_vector = engine.search(table[7], k=20, exclude="p0007")
    assert by_vector == engine.search("p0007", k=20)


def test_what_is_excluded_takes_no_part_in_the_expansion(engine, table):
    near = [hit.id for hit in engine.search("p0007", k=3)]
    left_out = {7, *(int(name[1:]) for name in near)}
    for exclude in (near, tuple(near), set(near), iter(near)):
        assert_hits(
            engine.search("p0007", k=20, exclude=exclude), literally(table, table[7], left_out), 20
        )
    one = engine.search("p0007", k=20, exclude=near[0])
    assert_hits(one, literally(table, table[7], {7, int(near[0][1:])}), 20)
    assert engine.search("p0007", k=20, exclude="nobody") == engine.search("p0007", k=20)


def test_expansion_says_more_than_the_query_alone(engine, table):
    alone = literally(table, table[7], {7}, neighbours=0)
    assert literally(table, table[7], {7}) != alone  # so that the tests above can fail
    untuned = Engine(engine.extractor, engine.index, engine.dataset)
    assert_hits(untuned.search("p0007", k=20), alone, 20)


def test_more_hits_than_pictures_are_all_of_them(engine, table):
    assert_hits(engine.search("p0007", k=1000), literally(table, table[7], {7}), 1000)
    everything = [picture.id for picture in engine.dataset.pictures]
    assert engine.search("p0007", exclude=everything) == []
    assert len(engine.search("p0007", exclude=everything[:-1], k=9)) == 1


def test_a_filter_and_a_least_score_choose_among_the_hits_of_the_expanded_query(engine, table):
    cosines = literally(table, table[7], {7})
    kind = {row: cosine for row, cosine in cosines.items() if row % 5 == 3}
    hits = engine.search("p0007", k=20, label_filter=LabelFilter(any="kind3"))
    assert_hits(hits, kind, 20)
    least = sorted(cosines.values())[-9] - 1e-5
    hits = engine.search("p0007", k=20, min_score=least)
    assert_hits(hits, cosines, 9)
    hits = engine.search("p0007", 20, LabelFilter(any="kind2"), least)
    assert_hits(hits, {row: c for row, c in cosines.items() if row % 5 == 2 and c > least}, 20)


def test_a_copy_comes_first_though_others_are_more_like_its_neighbours(engine, table):
    in_the_way = [
        row for row in range(COUNT) if (table @ engine.expanded(table[row])).argmax() != row
    ]
    assert in_the_way, "by expansion alone each one would find itself first"
    for row in in_the_way:
        first, second = engine.search(table[row], k=2)
        assert (first.id, first.score) == (f"p{row:04}", pytest.approx(1, abs=1e-6))
        assert second.score < 1
        assert engine.search(table[row], min_score=0.9999) == [first]
        others = engine.search(table[row], k=COUNT, label_filter=LabelFilter(none=first.labels))
        assert len(others) == COUNT * 4 // 5
        assert len({hit.id for hit in engine.search(table[row], k=COUNT)}) == COUNT


# Several


def test_one_picture_in_a_list_is_the_picture_alone(engine, table):
    for query in ("p0007", engine.tuning.apply(new())):
        assert engine.search([query], k=20) == engine.search(query, k=20)
        assert engine.search((query,), k=20) == engine.search(query, k=20)


def test_several_pictures_are_their_mean_and_none_of_them_is_found(engine, table):
    rows = [3, 8, 40]
    mean = table[rows].astype(float).mean(axis=0)
    hits = engine.search([f"p{row:04}" for row in rows], k=20)
    assert_hits(hits, literally(table, mean / np.linalg.norm(mean), set(rows)), 20)


def test_the_order_of_several_pictures_means_nothing(engine):
    queries, unlike = ["p0003", engine.tuning.apply(new()), "p0101"], ["p0050", "p0061", "p0004"]
    one = engine.search(queries, k=30, unlike=unlike)
    other = engine.search(queries[::-1], k=30, unlike=[unlike[1], unlike[2], unlike[0]])
    assert [hit.id for hit in one] == [hit.id for hit in other]
    assert np.allclose([h.score for h in one], [h.score for h in other], atol=2e-6)


def test_unwanted_pictures_count_half_and_are_not_found(engine, table):
    query = table[3] - UNLIKE * (table[50].astype(float) + table[61]) / 2
    hits = engine.search("p0003", k=COUNT, unlike=["p0050", "p0061"])
    assert_hits(hits, literally(table, query / np.linalg.norm(query), {3, 50, 61}), COUNT)


def test_what_is_nearly_an_unwanted_picture_falls(settings):
    values = features(COUNT)
    values[60] = values[55] + 0.05 * values[61]
    values[60] /= np.linalg.norm(values[60])
    engine = engine_over(settings, values, "near duplicates")
    with engine.index:
        assert engine.index.vector("p0060") @ engine.index.vector("p0055") > 0.95
        before = score_of("p0060", engine.search("p0005", k=COUNT))
        after = score_of("p0060", engine.search("p0005", k=COUNT, unlike=["p0055"]))
        assert after < before - 0.05


def score_of(name, hits):
    """Return the score of one picture among the hits."""
    return next(hit.score for hit in hits if hit.id == name)


def test_nothing_wanted_is_refused_in_a_sentence(engine):
    for unlike in ((), ["p0003"]):
        with pytest.raises(ValueError, match=r"No picture says what is wanted\. Give at least one"):
            engine.search([], unlike=unlike)


# Small collections, and no tuning


@pytest.mark.parametrize(("count", "neighbours"), [(1, 0), (2, 0), (29, 0), (30, 1), (60, 2)])
def test_small_collections(settings, count, neighbours):
    """They are tuned by what was learned when they were larger."""
    large, index, _ = indexed(settings, features(60), "shrinking")
    data, table = data_set(count, "shrinking"), large.tuning.apply(features(count))
    with index:
        index.sync(data.pictures, table, progress=False, delete_most=True)
        engine = Engine(large, index, data, None, large.tuning)
        query = large.tuning.apply(new())
        assert_hits(engine.search(query), literally(table, query, (), neighbours), 12)
        assert_hits(engine.search("p0000"), literally(table, table[0], {0}, neighbours), 12)


def test_without_a_tuning_vectors_are_searched_as_they_are(settings):
    values = features(40)
    with Index("untuned", "vgg16-conv5-gem-224", settings) as index:
        index.sync(data_set(40).pictures, values, progress=False)
        engine = Engine(extractor(settings), index, data_set(40))
        assert engine.search("p0003", k=12, exclude="p0008") == [
            hit for hit in index.search(values[3], 14) if hit.id not in ("p0003", "p0008")
        ]
        assert engine.search(values[3], k=12) == index.search(values[3], 12)
        assert np.array_equal(engine.combined(["p0003"]), values[3])


def test_many_threads_get_the_answers_of_one(engine):
    queries = [
        {"query": ["p0003", f"p{n:04}"], "unlike": [f"p{n + 60:04}"], "exclude": f"p{n + 1:04}"}
        for n in range(5, 45)
    ]
    alone = [engine.search(k=15, **query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = [*pool.map(lambda query: engine.search(k=15, **query), queries * 3)]
    assert together == alone * 3
