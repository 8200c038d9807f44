"""The extractor: whatever changes between two calls, the vectors are right and in order."""

import os
import random
import threading
import time
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from PIL import Image
from read_only import run_read_only
from vgg_kit import jpeg, picture_of_noise, real, save

from helpers.dataset.pictures import PictureError
from helpers.features import (
    VGG16,
    ExtractionInterrupted,
    FeaturesError,
    int8,
    load_vectors,
    prefetch,
    weights,
)
from helpers.features.pooling import POOLINGS
from helpers.features.turns import QUERIES_IN_A_ROW
from helpers.features.vector_store import StoreError, open_for_writing, read_file
from helpers.features.vgg16 import vectors_folder

SMALL = 64
"""Side in pixels for the tests that are about bookkeeping: twelve times faster than 224."""


class Numbers:
    """The numbers below 101, remembering how far they were read."""

    read = 0

    def __len__(self):
        return 101

    def __getitem__(self, part):
        self.read = part.stop
        return range(101)[part]


def test_prefetch_keeps_the_order_and_its_window():
    def work(number):
        time.sleep(random.random() / 200)
        return number

    numbers = Numbers()
    batches = prefetch.prefetch(work, numbers, 4)
    first = [next(batches) for _ in range(5)]
    assert numbers.read == 20 + 2 * 4, "more or less was read than two batches ahead"
    rest = list(batches)
    assert list(chain(*first, *rest)) == list(range(101))
    assert {len(batch) for batch in first + rest[:-1]} == {4}
    assert len(rest[-1]) == 1


@pytest.fixture(scope="module")
def extractor(shared_settings):
    """An extractor for small pictures, made once."""
    return VGG16("max", "float32", SMALL, real(shared_settings), progress=False)


@pytest.fixture
def folder(tmp_path, extractor):
    """Forty pictures of noise, and an extractor that keeps its vectors in the test's folder."""
    extractor.settings = replace(extractor.settings, data=tmp_path)
    return [save(tmp_path, f"p{number:02}", number) for number in range(40)]


@pytest.mark.weights
def test_vectors_have_unit_length_and_the_pictures_order(extractor, folder):
    vectors = extractor.extract(folder[::-1], "d", progress=False)
    assert vectors.ids == [picture.id for picture in folder[::-1]]
    assert vectors.values.shape == (40, 512)
    assert vectors.values.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors.values, axis=1), 1, atol=1e-6)
    assert np.allclose(vectors.values[7], extractor.embed(folder[32].path), atol=1e-5)
    again = load_vectors("d", extractor.name, extractor.settings)
    assert again.ids == vectors.ids
    assert np.array_equal(again.values, vectors.values)


@pytest.mark.weights
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_one_extraction_serves_every_pooling_to_the_last_bit(
    extractor, folder, precision, shared_settings
):
    made = VGG16("max", precision, SMALL, shared_settings, progress=False).load()
    made.settings = extractor.settings
    made.extract(folder[:11], "d", progress=False)
    for pooling in POOLINGS:
        other = VGG16(pooling, precision, SMALL, extractor.settings, progress=False)
        other.network = made.network
        embedded = np.stack([other.embed(picture.path) for picture in folder[:11]])
        assert np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-6)
        other.network = Forbidden(made.network.batch)
        found = other.extract(folder[:11], "d", progress=False)
        assert found.name == other.name
        assert np.array_equal(found.values, embedded), pooling
        loaded = load_vectors("d", other.name, extractor.settings)
        assert np.array_equal(loaded.values, embedded), pooling


@pytest.mark.weights
def test_what_an_earlier_version_kept_for_one_pooling_is_left_alone(extractor, folder, tmp_path):
    old = tmp_path / "vectors" / "d" / "vgg16-conv5-max-64"
    provenance = {"extractor": old.name, "weights": weights.SHA256, "dim": 512, "ranges": None}
    with open_for_writing(old, provenance) as store:
        store.append([read_file(folder[0])[0]], np.ones((1, 512), np.float32))
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    found = extractor.extract(folder[:3], "d", progress=False)
    assert np.array_equal(found.values[0], extractor.embed(folder[0].path))
    assert len(load_vectors("d", extractor.name, extractor.settings).ids) == 3
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


@pytest.mark.parametrize("name", ["", "resnet50", "vgg16-conv5-224", "vgg16-conv5-sum-224"])
def test_what_is_no_extractors_name_is_refused_in_a_sentence(here, name):
    with pytest.raises(FeaturesError, match=r"isn't an extractor's name\. Give one such as 'vgg16"):
        load_vectors("d", name, here)


@pytest.mark.weights
def test_path_bytes_and_image_are_the_same_picture(extractor, folder):
    path = folder[0].path
    one = extractor.embed(path)
    assert np.array_equal(one, extractor.embed(path.read_bytes()))
    assert np.array_equal(one, extractor.embed(Image.open(path)))
    with pytest.raises(PictureError):
        extractor.embed(b"no picture")


@pytest.mark.weights
def test_the_second_call_computes_nothing(extractor, folder, monkeypatch, capsys):
    first = extractor.extract(folder, "d", progress=False)
    monkeypatch.setattr(extractor, "network", Forbidden(extractor.network.batch))
    second = extractor.extract(folder, "d")
    assert np.array_equal(first.values, second.values)
    assert "40 of 40 were already done" in capsys.readouterr().out


class Forbidden:
    """A network that must not be used."""

    ranges = None

    def __init__(self, batch):
        self.batch = batch

    def __call__(self, _):
        raise AssertionError("something was computed again")


@pytest.mark.weights
def test_added_removed_and_changed_pictures(extractor, folder, tmp_path):
    before = extractor.extract(folder, "d", progress=False)
    folder[3].path.unlink()
    folder[5].path.write_bytes(jpeg(picture_of_noise(90, 70, 999)))
    os.utime(folder[6].path, ns=(1, 1))
    now = [*folder[:3], *folder[4:], save(tmp_path, "new", 77)]
    after = extractor.extract(now, "d", progress=False)
    assert after.ids == [picture.id for picture in now]
    kept = [name for name in after.ids if name not in ("p05", "new")]
    old = dict(zip(before.ids, before.values, strict=True))
    new = dict(zip(after.ids, after.values, strict=True))
    assert all(np.array_equal(old[name], new[name]) for name in kept)
    assert np.allclose(new["p05"], extractor.embed(folder[5].path), atol=1e-5)
    assert old["p05"] @ new["p05"] < 0.99
    assert "p03" not in load_vectors("d", extractor.name, extractor.settings).ids


@pytest.mark.weights
def test_unreadable_pictures_go_to_the_ledger_and_the_rest_goes_on(extractor, folder):
    folder[4].path.write_bytes(b"")
    folder[9].path.write_bytes(folder[9].path.read_bytes()[:300])
    folder[11].path.unlink()
    vectors = extractor.extract(folder, "d", progress=False)
    assert len(vectors.ids) == 37
    reasons = {os.path.basename(e.path): e.reason for e in vectors.ledger.entries}
    assert reasons.keys() == {"p04.jpg", "p09.jpg", "p11.jpg"}
    assert "empty" in reasons["p04.jpg"]
    assert len(load_vectors("d", extractor.name, extractor.settings).ledger) == 3


@pytest.mark.weights
def test_a_picture_that_became_unreadable_is_left_out(extractor, folder):
    extractor.extract(folder, "d", progress=False)
    folder[4].path.write_bytes(b"")
    vectors = extractor.extract(folder, "d", progress=False)
    assert "p04" not in vectors.ids
    assert len(vectors.ids) == 39
    assert "p04" not in load_vectors("d", extractor.name, extractor.settings).ids


@pytest.mark.weights
def test_asking_for_fewer_loses_nothing(extractor, folder, monkeypatch):
    extractor.extract(folder, "d", progress=False)
    assert extractor.extract(folder[10:15], "d", progress=False).ids == [
        picture.id for picture in folder[10:15]
    ]
    monkeypatch.setattr(extractor, "network", Forbidden(extractor.network.batch))
    assert len(extractor.extract(folder, "d", progress=False).ids) == 40


@pytest.mark.weights
def test_mixing_is_an_error_that_names_both(extractor, folder):
    extractor.extract(folder, "d", progress=False)
    here = vectors_folder("d", extractor.name, extractor.settings)
    here.rename(here.with_name("vgg16-conv5-96"))
    with pytest.raises(StoreError, match=r"'vgg16-conv5-64'.*'vgg16-conv5-96'"):
        load_vectors("d", "vgg16-conv5-max-96", extractor.settings)


@pytest.mark.weights
def test_the_name_says_how(extractor):
    assert extractor.name == "vgg16-conv5-max-64"
    made = VGG16("rmac", "bfloat16", SMALL, extractor.settings, progress=False)
    assert made.name == "vgg16-conv5-rmac-64-bfloat16"


@pytest.mark.weights
@pytest.mark.slow
def test_a_damaged_8_bit_network_is_converted_anew(here, monkeypatch):
    made = iter([b"first" * 99, b"second" * 99, b"third" * 99])
    monkeypatch.setattr(int8, "_convert", lambda settings: next(made))
    assert int8.quantised_model(here) == int8.quantised_model(here) == b"first" * 99
    (kept,) = (here.data / "weights").glob("*.tflite")
    kept.write_bytes(kept.read_bytes()[:-40])
    assert int8.quantised_model(here) == b"second" * 99
    kept.write_bytes(b"")
    assert int8.quantised_model(here) == int8.quantised_model(here) == b"third" * 99


@pytest.mark.weights
def test_int8_is_converted_once_and_serves_every_data_set(extractor, folder, monkeypatch):
    weights.load(extractor.settings)  # into the test's own folder
    made = VGG16(precision="int8", size=SMALL, settings=extractor.settings, progress=False)
    first = made.extract(folder[:20], "d", progress=False)
    assert np.sum(first.values * extractor.extract(folder[:20], "d", False).values, 1).min() > 0.98
    monkeypatch.setattr(int8, "_convert", Forbidden(0))
    later = VGG16(precision="int8", size=SMALL, settings=made.settings, progress=False)
    assert np.array_equal(later.extract(folder[:20], "other", False).values, first.values)
    paths = [picture.path for picture in folder[:20]]
    assert np.array_equal(made.embed_many(paths), first.values)
    assert np.array_equal(np.stack([later.embed(path) for path in paths]), first.values)
    monkeypatch.setattr(int8, "RANGES", "others")
    with pytest.raises(StoreError, match="'others' was asked for"):
        later.extract(folder[:20], "d", progress=False)


def test_an_interruption_while_the_network_is_loaded_is_told_in_a_sentence(here, monkeypatch):
    attempts = iter([KeyboardInterrupt, None])

    def loading(_):
        if interruption := next(attempts):
            raise interruption
        return "the network"

    monkeypatch.setattr(VGG16, "_warmed_up", loading)
    made = VGG16("max", "float32", settings=here, progress=False)
    with pytest.raises(ExtractionInterrupted, match=r"before the network was ready\. Run it again"):
        made.load()
    assert made.load().network == "the network"


@pytest.mark.weights
def test_a_conversion_that_fails_says_what_helps(here, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda _: b"")
    with pytest.raises(FeaturesError, match=r"8 bits \(.+\)\. Close other programs .*=float32"):
        int8._convert(here)


@pytest.mark.weights
def test_a_long_extraction_is_announced_with_what_the_warm_up_measured(
    extractor, folder, monkeypatch, capsys
):
    for seconds, told in ((2.0, True), (1.0, False)):
        monkeypatch.setattr(extractor.load(), "seconds", seconds)
        extractor.extract(folder, f"of {seconds}")
        said = capsys.readouterr().out
        assert ("40 pictures will take about 80 seconds" in said) is told
        assert ("BOOTCAMP_DATASET to voc:500" in said) is told


def test_an_unknown_option_is_refused_in_a_sentence(here):
    with pytest.raises(
        FeaturesError, match=r"no pooling 'sum'. Use one of max, avg, gem2, gem, rmac"
    ):
        VGG16("sum", settings=here)
    with pytest.raises(FeaturesError, match="no precision 'float8'"):
        VGG16(precision="float8", settings=here)
    with pytest.raises(FeaturesError, match="Run notebook 02 first"):
        load_vectors("sample", "vgg16-conv5-max-224", here)


@pytest.mark.weights
def test_an_interruption_keeps_what_is_done_and_says_so(extractor, folder, monkeypatch):
    seen, network = [], extractor.network

    class Counting(Forbidden):
        def __call__(self, pictures):
            if len(seen) == 1:
                seen.append(0)
                raise KeyboardInterrupt
            seen.append(len(pictures))
            return network(pictures)

    monkeypatch.setattr(extractor, "network", Counting(network.batch))
    with pytest.raises(
        ExtractionInterrupted, match=r"8 of 40 pictures done; they are kept. Run it again"
    ):
        extractor.extract(folder, "d", progress=False)
    extractor.extract(folder, "d", progress=False)
    assert sum(seen) == 40, "something was computed again"


class Recording:
    """A real network that notes how many pictures each call had, and calls `between` within it."""

    def __init__(self, network, between):
        self.network, self.between, self.calls = network, between, []
        self.batch = network.batch

    def __call__(self, pictures):
        self.calls.append(len(pictures))
        self.between(self)
        return self.network(pictures)


def in_line(line):
    """Wait until somebody waits for a turn in `line`."""
    end = time.monotonic() + 120
    while not line:
        assert time.monotonic() < end, "nobody asks for a turn"
        time.sleep(0.001)


@pytest.mark.weights
def test_a_query_goes_before_a_batch_that_has_waited_longer(extractor, folder, monkeypatch):
    recording, turns = Recording(extractor.network, lambda _: None), extractor.turns
    monkeypatch.setattr(extractor, "network", recording)
    extraction = threading.Thread(target=extractor.extract, args=(folder[:8], "d", False))
    query = threading.Thread(target=extractor.embed, args=(folder[0].path,))
    with turns.turn(turns.queries):
        extraction.start()
        in_line(turns.batches)
        query.start()
        in_line(turns.queries)
    for thread in (extraction, query):
        thread.join(600)
    assert recording.calls == [1, 8]


@pytest.mark.weights
@pytest.mark.parametrize("query", ["embed", "embed_many", "maps"])
def test_a_query_asked_during_a_batch_is_answered_before_the_next(
    extractor, folder, monkeypatch, query
):
    threads = []

    def ask(recording):
        if len(recording.calls) in (1, 3):
            source = [folder[0].path] * 2 if query == "embed_many" else folder[0].path
            threads.append(threading.Thread(target=getattr(extractor, query), args=(source,)))
            threads[-1].start()
            in_line(extractor.turns.queries)

    recording = Recording(extractor.network, ask)
    monkeypatch.setattr(extractor, "network", recording)
    extractor.extract(folder, "d", progress=False)
    for thread in threads:
        thread.join(600)
    asked = 2 if query == "embed_many" else 1
    assert recording.calls == [8, asked, 8, asked, 8, 8, 8]


@pytest.mark.weights
def test_an_extraction_ends_under_constant_queries(extractor, folder, monkeypatch):
    pixels, over = Image.open(folder[0].path).convert("RGB"), threading.Event()

    def ask():
        while not over.is_set():
            extractor.embed(pixels)

    def crowd(recording):
        if recording.calls == [8]:  # then each call finds others in line
            for thread in askers:
                thread.start()
        in_line(extractor.turns.queries)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    recording = Recording(extractor.network, crowd)
    monkeypatch.setattr(extractor, "network", recording)
    try:
        assert len(extractor.extract(folder, "d", progress=False).ids) == 40
    finally:
        recording.between = lambda _: None
        over.set()
        for thread in askers:
            thread.join(600)
    batches = [at for at, count in enumerate(recording.calls) if count == 8]
    between = np.diff(batches) - 1
    assert len(batches) == 5
    assert between.max() <= QUERIES_IN_A_ROW
    assert between.min() >= 1, "a batch went before a query that waited"


@pytest.mark.weights
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_embed_embed_many_and_extract_agree_to_the_last_bit(folder, extractor, precision):
    made = VGG16("avg", precision, SMALL, extractor.settings, progress=False)
    found = made.extract(folder, "d", progress=False).values
    paths = [picture.path for picture in folder]
    assert np.array_equal(made.embed_many(paths[:13]), found[:13])
    assert np.array_equal(made.embed_many(paths[:3]), found[:3])
    assert np.array_equal(np.stack([made.embed(path) for path in paths]), found)
    assert made.embed_many([]).shape == (0, 512)


@pytest.mark.weights
def test_what_watch_raises_ends_an_extraction_and_keeps_what_is_done(extractor, folder):
    told = []

    def watch(done, total):
        told.append((done, total))
        if done == 16:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        extractor.extract(folder, "d", progress=False, watch=watch)
    assert told == [(0, 40), (8, 40), (16, 40)]
    assert len(load_vectors("d", extractor.name, extractor.settings).ids) == 16
    told.clear()
    extractor.extract(folder, "d", False, lambda *done: told.append(done))
    assert told == [(16, 40), (24, 40), (32, 40)]


@pytest.mark.weights
def test_a_store_says_which_weights_made_it(extractor, folder, monkeypatch):
    extractor.extract(folder[:1], "d", progress=False)
    monkeypatch.setattr(weights, "SHA256", "0" * 64)
    with pytest.raises(StoreError, match=r"with weights 'd9a27cc1.*but '0000"):
        load_vectors("d", extractor.name, extractor.settings)
    with pytest.raises(StoreError, match=r"with weights 'd9a27cc1.*but '0000"):
        extractor.extract(folder[:2], "d", progress=False)


READ = """
import sys
from pathlib import Path
from helpers.dataset.pictures import Picture
from helpers.features import StoreError, VGG16
from helpers.settings import from_environment
folder, weights = Path(sys.argv[1]), sys.argv[2]
made = VGG16("max", "float32", 64, from_environment({"BOOTCAMP_DATA": weights}), False).load()
made.settings = from_environment({"BOOTCAMP_DATA": str(folder)})
pictures = [Picture(path.stem, path) for path in sorted(folder.glob("*.jpg"))]
print(len(made.extract(pictures[30::-1], "d", progress=False).ids))
try:
    made.extract(pictures, "d", progress=False)
except StoreError as error:
    print(error)
"""


@pytest.mark.weights
@pytest.mark.slow
def test_vectors_that_are_there_need_no_writing(extractor, folder, tmp_path, shared_settings):
    extractor.extract(folder[:31], "d", progress=False)
    said = run_read_only(tmp_path, READ, shared_settings.data)
    assert said.startswith("31\n")
    assert "can't be written, so new vectors can't be kept." in said


@pytest.mark.weights
def test_the_network_is_loaded_once_and_only_where_a_picture_needs_it(extractor, folder):
    extractor.extract(folder[:8], "d", progress=False)
    made = VGG16("max", "float32", SMALL, extractor.settings, progress=False)
    assert np.array_equal(
        made.extract(folder[:8], "d", progress=False).values,
        extractor.extract(folder[:8], "d", progress=False).values,
    )
    assert "network" not in vars(made)
    found = []
    threads = [threading.Thread(target=lambda: found.append(made.network)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert len(found) == 8
    assert {id(network) for network in found} == {id(made.load().network)}
