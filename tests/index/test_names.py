"""A collection belongs to one data set and one extractor, and nobody else's rows are touched."""

import os
import random
import re
import warnings
from dataclasses import replace

import pytest
from index_kit import COLLECTION, PAIR, clustered, some_pictures

from helpers.index import (
    Index,
    MilvusError,
    collection_name,
    collections,
    connection,
    drop_collection,
    names,
    own_name,
)
from helpers.index.filters import SLOTS

OLD = "vgg16_conv5_max_224"  # as versions before collections had data sets named theirs
ALIKE = [
    "vgg-1",
    "vgg.1",
    "vgg_1",
    "vgg__1",
    "VGG-1",
    "_vgg",
    "vgg_",
    "1vgg",
    "é",
    "日本",
    "",
    "a'b",
]
ALIKE += ["vgg" * 100, "vgg" * 101, "vgg", "\\", "a\nb", "x" * 100, "x" * 101]


def test_every_pair_has_a_name_of_its_own_that_milvus_takes():
    random_texts = random.Random(0)
    texts = ALIKE + ["".join(random_texts.choices("aA_-1é", k=3)) for _ in range(60)]
    pairs = {(dataset, extractor) for dataset in texts for extractor in texts}
    found = {collection_name(*pair) for pair in pairs}
    # without regard to case, as the folders of Milvus Lite are on some disks
    assert len({name.lower() for name in found}) == len(pairs)
    assert all(re.fullmatch(r"[A-Za-z_]\w{0,254}", name, re.A) for name in found)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("sample", "vgg16"), "sample__vgg16"),
        (("voc-2000", "vgg16-conv5-max-224"), r"voc_2000__vgg16_conv5_max_224__[0-9a-f]{12}"),
        (("pets_3f9a2c", "vgg.1"), r"pets_3f9a2c__vgg_1__[0-9a-f]{12}"),
        (("Pets", "VGG16"), r"pets__vgg16__[0-9a-f]{12}"),
        (("2007", "vgg16"), r"_2007__vgg16__[0-9a-f]{12}"),
        (("p" * 300, "v" * 300), r"p{100}__v{100}__[0-9a-f]{12}"),
    ],
)
def test_a_name_can_be_read(pair, told):
    assert re.fullmatch(told, collection_name(*pair))
    assert collection_name(*pair) == collection_name(*pair)


def test_the_exact_names_are_kept_whatever_is_in_them(here):
    pairs = [("vgg-1", "a'b\\"), ("vgg.1", "a'b\\"), ('日本 "x"', "é\n")]
    for pair in pairs:
        with Index(*pair, here) as index:
            assert (index.dataset_name, index.extractor_name) == pair
        Index(*pair, here).close()
    assert sorted((c.dataset_name, c.extractor_name) for c in collections(here)) == sorted(pairs)


def test_a_collection_of_another_pair_is_not_opened(here):
    Index(*PAIR, here).close()
    client = connection.connect(here.milvus_uri)
    client.alter_collection_properties(COLLECTION, {names.DATASET: "another"})
    with pytest.raises(MilvusError, match="made by another program or version"):
        Index(*PAIR, here)
    connection.close(client, here.milvus_uri)


def each_set_keeps_what_is_its_own(settings):
    """Write, change and empty one set's collection; that of the other must not notice."""
    mine, theirs = some_pictures(40), some_pictures(60)
    with Index("mine", "vgg16", settings) as one, Index("theirs", "vgg16", settings) as other:
        one.sync(mine, clustered(40), progress=False)
        other.sync(theirs, clustered(60, seed=1), progress=False)
        assert (one.count(), other.count()) == (40, 60)
        assert one.search(clustered(60, seed=1)[50])[0].score < 0.9
        before = other.digests()
        one.sync(mine[30:], clustered(40)[30:], progress=False, delete_most=True)
        one.delete([mine[30].id])
        one.sync([], [], progress=False, delete_most=True)
        assert (one.count(), other.digests()) == (0, before)
        one.drop()
        assert other.sync(theirs, clustered(60, seed=1), progress=False).unchanged == 60
        assert (other.search(clustered(60, seed=1)[50])[0].id, other.missing) == (theirs[50].id, 0)


def test_each_set_keeps_what_is_its_own(here):
    each_set_keeps_what_is_its_own(here)


def old_collection(settings, name=OLD, rows=7):
    """Make a collection as earlier versions did."""
    client = connection.connect(settings.milvus_uri, settings.milvus_token)
    types, schema = connection.pymilvus().DataType, client.create_schema()
    schema.add_field("id", types.VARCHAR, is_primary=True, max_length=200)
    for field in ("path", *SLOTS, "digest"):
        schema.add_field(field, types.VARCHAR, max_length=200)
    for field in ("width", "height"):
        schema.add_field(field, types.INT32)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=512)
    client.create_collection(name, schema=schema, properties={names.ROWS: str(rows)})
    return client


def ours_are_listed_and_can_be_dropped(settings):
    """List ours, old and new, and drop them; what isn't ours stays."""
    client = old_collection(settings)
    client.create_collection("somebody_elses", dimension=8)
    with Index(*PAIR, settings) as index:
        index.sync(some_pictures(5), clustered(5), progress=False)
    found = {info.name: info for info in collections(settings)}
    assert found == {
        OLD: names.CollectionInfo(OLD, "", OLD, 7, True, 512),
        COLLECTION: names.CollectionInfo(COLLECTION, *PAIR, 5, False, 512),
    }
    for name in ("somebody_elses", "nobodys"):
        with pytest.raises(MilvusError, match=f"^{name} isn't a collection of this course"):
            drop_collection(name, settings)
    for name in found:
        drop_collection(name, settings)
    assert collections(settings) == []
    assert client.list_collections() == ["somebody_elses"]
    connection.close(client, settings.milvus_uri)


@pytest.mark.filterwarnings("ignore:Milvus still holds")
def test_ours_are_listed_and_can_be_dropped(here):
    ours_are_listed_and_can_be_dropped(here)


def test_a_collection_made_again_counts_from_zero(here):
    with Index(*PAIR, here) as index:
        index.sync(some_pictures(9), clustered(9), progress=False)
    drop_collection(COLLECTION, here)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Index(*PAIR, here) as again:
            assert (again.count(), again.missing) == (0, 0)
    assert [info.rows for info in collections(here)] == [0]


def test_old_collections_are_told_once_with_how_to_remove_them(here):
    client = old_collection(here)
    with pytest.warns(UserWarning, match=rf"{OLD}\..*drop_collection\('{OLD}'\)") as told:
        Index(*PAIR, here).close()
    assert told[0].filename == __file__  # the line to look at is the one that opened the Index
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Index(*PAIR, here).close()
    connection.close(client, here.milvus_uri)


def test_names_of_ones_own_stay_the_same_and_differ_between_learners(here, tmp_path, monkeypatch):
    mine = own_name("lesson_03", here)
    assert re.fullmatch(r"lesson_03_[0-9a-f]{12}", mine)
    assert own_name("lesson_03", here) == mine
    assert own_name("lesson_03", replace(here, data=tmp_path / "other")) != mine
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    assert own_name("lesson_03", here) != mine
    assert names.socket.gethostname() not in mine
