"""The engine, and the whole way from an archive of real photographs to measured answers."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from app_kit import Noting
from PIL import Image

from helpers import dataset
from helpers.dataset.pictures import PictureError
from helpers.features import VGG16
from helpers.index import Index, LabelFilter
from helpers.search import Engine, metrics, open_engine
from helpers.settings import ROOT

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def engine(shared_settings, tmp_path_factory):
    """An engine over 24 of the sample's pictures, in a database of its own."""
    own = replace(shared_settings, milvus_uri=str(tmp_path_factory.mktemp("engine") / "e.db"))
    whole = dataset.load(own, progress=False)
    data = replace(whole, name="engine-test", pictures=whole.pictures[::10][:24])
    extractor = VGG16(settings=own)
    with Index(data.name, extractor.name, own) as index:
        vectors = extractor.extract(data.pictures, data.name, progress=False)
        index.sync(data.pictures, vectors, progress=False)
        yield Engine(extractor, index, data)


def test_a_query_may_be_a_path_its_bytes_an_image_or_an_id(engine):
    picture = engine.dataset.pictures[3]
    image = Image.open(picture.path)
    for query in (picture.path, str(picture.path), picture.path.read_bytes(), image):
        first = engine.search(query, k=1)[0]
        assert (first.id, round(first.score, 3)) == (picture.id, 1.0)
    by_id = engine.search(picture.id, k=5)
    assert len(by_id) == 5
    assert picture.id not in [hit.id for hit in by_id]
    by_path = engine.search(picture.path, k=6)
    assert [hit.id for hit in by_id] == [hit.id for hit in by_path[1:]]


def test_a_known_embedding_finds_the_same_without_the_excluded_picture(engine):
    picture, second = engine.dataset.pictures[3], engine.search(engine.dataset.pictures[3].id)[0].id
    vector = engine.embed(picture.id)
    assert engine.embed(vector) is vector
    np.testing.assert_allclose(vector, engine.embed(picture.path), atol=1e-4)
    by_id = engine.search(picture.id, k=23)
    assert len(by_id) == 23  # all but itself
    assert engine.search(vector, k=23, exclude=picture.id) == by_id
    everything = [hit.id for hit in engine.search(vector, k=24)]
    assert everything == [picture.id, *(hit.id for hit in by_id)]
    assert [hit.id for hit in engine.search(vector, k=3, exclude=second)] == [
        picture.id, *everything[2:4]
    ]  # fmt: skip


def test_an_indexed_query_needs_its_stored_vector_and_no_file(engine, tmp_path):
    gone = [replace(picture, path=tmp_path / "gone.jpg") for picture in engine.dataset.pictures]
    without_files = Engine(engine.extractor, engine.index, replace(engine.dataset, pictures=gone))
    assert without_files.search(gone[3].id, k=5) == engine.search(gone[3].id, k=5)
    with pytest.raises(PictureError):
        without_files.search(gone[3].path)


def test_queries_go_through_the_embedder_but_only_those_that_need_the_network(engine):
    embedder, path = Noting(engine.extractor), engine.dataset.pictures[3].path
    through = Engine(engine.extractor, engine.index, engine.dataset, embedder)
    assert through.search(path, k=5) == engine.search(path, k=5)
    through.search(engine.dataset.pictures[3].id)
    through.search(engine.embed(path))
    assert embedder.sources == [path]


def test_many_threads_get_the_answers_of_one(engine):
    queries = [picture.path for picture in engine.dataset.pictures[:8]]
    alone = [engine.search(query, k=5) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: engine.search(query, k=5), queries))
    for one, other in zip(alone, together, strict=True):
        assert [hit.id for hit in one] == [hit.id for hit in other]


def test_the_classes_are_all_labels_in_order(engine):
    labels = {label for picture in engine.dataset.pictures for label in picture.labels}
    assert engine.dataset.classes == sorted(labels)
    assert len(labels) > 1


def test_hits_are_the_exact_nearest_in_order(engine):
    ids = [picture.id for picture in engine.dataset.pictures]
    table = np.stack([engine.index.vector(name) for name in ids])
    query = engine.embed(engine.dataset.pictures[0].path)
    expected = [ids[row] for row in np.argsort(-(table @ query))[:10]]
    hits = engine.search(engine.dataset.pictures[0].path, k=10)
    assert [hit.id for hit in hits] == expected
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_filter_and_minimum_score_reach_the_index(engine):
    label = engine.dataset.pictures[5].labels[0]
    hits = engine.search(
        engine.dataset.pictures[0].path, k=24, label_filter=LabelFilter(any=(label,))
    )
    assert hits
    assert all(label in hit.labels for hit in hits)
    assert all(hit.score >= 0.6 for hit in engine.search(ids_of(engine)[0], k=24, min_score=0.6))


def ids_of(engine):
    return [picture.id for picture in engine.dataset.pictures]


def test_what_is_not_a_picture_says_so(engine):
    with pytest.raises(PictureError):
        engine.search(b"this is not a picture", k=3)
    empty = BytesIO()
    Image.new("RGB", (2, 2)).save(empty, "PNG")
    assert len(engine.search(empty.getvalue(), k=3)) == 3


@pytest.mark.voc
@pytest.mark.slow
def test_real_photographs_all_the_way(voc_subset, shared_settings, tmp_path):
    """600 photographs, max pooling, no tuning: as good as the README says."""
    own = replace(
        shared_settings, dataset=str(voc_subset), milvus_uri=str(tmp_path / "photographs.db")
    )
    engine = open_engine("none", settings=own, embedder=Noting)
    assert engine.tuning is None
    assert engine.embedder.extractor is engine.extractor
    assert engine.index.count() == len(engine.dataset.pictures) == 600
    relevant = rankings(engine)
    engine.index.close()
    measured = [
        np.mean([metrics.precision_at_k(row, 1) for row in relevant]),
        np.mean([metrics.precision_at_k(row, 10) for row in relevant]),
        metrics.mean_average_precision(relevant),
        relevant.mean(),
    ]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(r"^\| original \|[^|]*\| (\S+) \| (\S+) \| (\S+) \(", text, re.M)
    told = [*row.groups(), re.search(r"chance (\d\.\d+)", text)[1]]
    assert measured == pytest.approx([float(number) for number in told], abs=0.004)


def rankings(engine):
    """Return one boolean row per query: is the i-th best other picture relevant? Asks Milvus."""
    ids = ids_of(engine)
    queries = np.stack([engine.index.vector(name) for name in ids])
    rows = []
    for name, hits in zip(ids, engine.index.search_many(queries, k=len(ids)), strict=True):
        wanted = set(engine.pictures[name].labels)
        rows.append([bool(wanted & set(hit.labels)) for hit in hits if hit.id != name])
    return np.array(rows)
