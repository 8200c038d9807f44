"""Extraction on two machines: the same as on one, whoever dies in between."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from ray_kit import Bucket, TwoNodes, kill, many, picture_bytes, rows_kept, serving
from vgg_kit import real

from helpers.dataset.pictures import Ledger
from helpers.features import VGG16, load_vectors
from helpers.features.vector_store import Store
from helpers.index import Index
from helpers.scale import ray_extract, sources
from helpers.scale.cluster import ClusterError, share
from helpers.scale.kept import sync_kept
from helpers.scale.ray_extract import Batch, extract_on_cluster, summary
from helpers.scale.worker import NOT_THERE, rows_schema

COUNT, BATCH = 80, 8


@pytest.fixture(scope="module")
def nodes():
    """Two nodes with a processor each."""
    return TwoNodes()


@pytest.fixture
def cluster(nodes, monkeypatch):
    """The address of both, once they are there; batches are small, so that there is a middle."""
    nodes.whole()
    monkeypatch.setattr(ray_extract, "BATCH", BATCH)
    return nodes.address


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return many(tmp_path_factory.mktemp("many") / "pictures", COUNT)


def extractor(settings, data, precision="float32"):
    """Return a fast extractor that has its weights from `settings` and keeps vectors in `data`."""
    (data / "weights").symlink_to((settings.data / "weights").resolve())
    made = VGG16("max", precision, 64, real(settings), progress=False)
    made.settings = replace(settings, data=data)
    return made


def same(one, other, precision_of):
    """Assert that two runs gave the same, to the last bit, in memory and on disk."""
    assert one.ids == other.ids
    assert one.ledger == other.ledger
    assert np.array_equal(one.values, other.values)
    stores = [next(precision_of.folder(name).glob("vectors-*")) for name in ("two", "one")]
    assert stores[0].read_bytes() == stores[1].read_bytes()


def when_first_comes(monkeypatch, act):
    """Call `act(table)` once, when the first batch has come and been kept."""
    keep, acted = ray_extract._keep, []

    def watching(table, *arguments):
        batch = keep(table, *arguments)
        if not acted:
            acted.append(batch)
            act(batch)
        return batch

    monkeypatch.setattr(ray_extract, "_keep", watching)
    return acted


@pytest.mark.slow
@pytest.mark.weights
class TestOnTwoNodes:
    def test_a_killed_worker_loses_and_doubles_nothing(
        self, cluster, pictures, tmp_path, shared_settings, monkeypatch, here
    ):
        made = extractor(shared_settings, tmp_path)
        one = made.extract(pictures, "one", progress=False)
        killed = when_first_comes(monkeypatch, lambda batch: kill(batch.pid))
        two = extract_on_cluster(made, pictures, "two", cluster)
        same(two, one, made)
        assert [entry.path for entry in two.ledger.entries] == [str(pictures[1].path)]
        came = [name for batch in two.batches for name in batch.ids]
        assert sorted(came) == sorted(picture.id for picture in pictures)
        assert len({batch.node for batch in two.batches}) == 2
        assert len({batch.pid for batch in two.batches}) == 3, "nobody took the killed one's place"
        assert all(0 < batch.begun < batch.ended for batch in two.batches)
        assert len(summary(two.batches).splitlines()) == 3
        assert killed[0] in two.batches
        good = [pictures[0], *pictures[2:]]
        again = extract_on_cluster(made, good, "two", "127.0.0.1:1")  # where nobody answers
        assert again.batches == []
        assert again.ids == two.ids

        settings = replace(here, data=tmp_path, milvus_uri=str(tmp_path / "milvus.db"))
        with Index("one", made.name, settings) as index:
            index.sync(pictures, two, progress=False)
            expected = index.digests()
        assert len(expected) == COUNT
        with Index("two", made.name, settings) as index:
            index.upsert([replace(pictures[0], id="gone")], two.values[:1], progress=False)
            index.upsert(pictures[:1], two.values[1:2], progress=False)
            told = sync_kept(index, pictures, made, progress=False)
            assert (told.written, told.deleted, told.unchanged) == (COUNT, 1, 0)
            assert index.digests() == expected
            assert sync_kept(index, pictures, made).unchanged == COUNT

    def test_a_removed_node_loses_and_doubles_nothing_in_8_bits(
        self, nodes, cluster, pictures, tmp_path, shared_settings, monkeypatch
    ):
        made = extractor(shared_settings, tmp_path, "int8")
        one = made.extract(pictures, "one", progress=False)
        removed = when_first_comes(monkeypatch, lambda batch: nodes.remove_second())
        two = extract_on_cluster(made, pictures, "two", cluster)
        assert removed
        same(two, one, made)
        came = [name for batch in two.batches for name in batch.ids]
        assert sorted(came) == sorted(picture.id for picture in pictures)

    def test_an_object_store_is_read_by_the_workers(self, cluster, tmp_path, shared_settings):
        made, bucket = extractor(shared_settings, tmp_path), Bucket()
        for number in range(12):
            bucket.put(f"pictures/cats/{number}.jpg", picture_bytes(number))
        bucket.put("pictures/cats/bad é.jpg", b"no picture")
        with serving(bucket) as url:
            files, found, _ = sources.list_remote(url)
            vectors = extract_on_cluster(made, found, "shop", cluster, files=files)
            assert vectors.ids == sorted(f"cats/{number}.jpg" for number in range(12))
            assert len(vectors.ledger) == 1
            expected = [made.embed(bucket[f"pictures/{name}"]) for name in vectors.ids]
            assert np.array_equal(vectors.values, expected)
            bucket.put(
                "pictures/cats/7.jpg", picture_bytes(99), bucket.changed["pictures/cats/7.jpg"]
            )
            found = sources.list_remote(url)[1]
        store = Store(made.folder("shop"), made.provenance())
        changed = [one.id for one in found if not sources.unchanged(one, store)]
        assert changed == ["cats/7.jpg", "cats/bad é.jpg"]
        assert "cats/7.jpg" not in store.row_of
        assert load_vectors("shop", made.name, made.settings).ids == vectors.ids


RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started it all
from helpers.scale import ray_extract
ray_extract.BATCH = 4
sys.exit(ray_extract.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.weights
def test_the_command_interrupted_then_killed_then_run_to_its_end(
    nodes, tmp_path, shared_settings, pictures
):
    nodes.whole()
    data = tmp_path / "data"
    data.mkdir()
    (data / "weights").symlink_to((real(shared_settings).data / "weights").resolve())
    env = {**os.environ, "BOOTCAMP_DATA": str(data), "BOOTCAMP_TUNING": "none"}
    env |= {"BOOTCAMP_DATASET": str(pictures[0].path.parent), "BOOTCAMP_PRECISION": "float32"}
    command = [sys.executable, "-c", RUN, "--milvus", "--address", nodes.address]

    def start():
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=env, text=True, start_new_session=True, **pipes)

    def wait_for(process, count):
        while process.poll() is None and rows_kept(data) < count:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()

    with start() as process:
        wait_for(process, 8)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"Stopped with \d+ of 80 pictures done; they are kept. Run it again", told)
    assert "Traceback" not in out + told
    with start() as process:
        wait_for(process, kept := rows_kept(data) + 4)
        process.kill()
        process.communicate()
    kept = rows_kept(data)
    assert 12 <= kept < COUNT
    with start() as process:
        out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert f"{kept} of {COUNT} were already done" in out
    counts = [int(count) for count in re.findall(r"process \d+: (\d+) pictures", out)]
    assert sum(counts) == COUNT - kept
    assert f"{COUNT} written" in out
    noise = [line for line in (out + told).splitlines() if re.search("ray|Ray|WARN|ERROR", line)]
    assert noise == [], noise


# Without any cluster


def test_pictures_that_a_worker_does_not_see_are_not_called_damaged(tmp_path):
    (tmp_path / "here.jpg").write_bytes(b"content")
    paths = [tmp_path / "here.jpg", tmp_path / "gone.jpg"]
    rows = [
        {"id": path.name, "path": os.fsencode(path), "reason": NOT_THERE, "machine": "10.0.0.7"}
        for path in paths
    ]
    schema, ledger = rows_schema(4), Ledger()
    ray_extract._keep(pa.Table.from_pylist(rows[1:], schema), None, ledger, None)
    assert [entry.path for entry in ledger.entries] == [str(paths[1])]
    with pytest.raises(ClusterError, match=r"on 10.0.0.7 doesn't have .*here.jpg. .* same path"):
        ray_extract._keep(pa.Table.from_pylist(rows[:1], schema), None, ledger, None)


def test_a_long_extraction_is_forecast_after_its_first_batch(capsys):
    batch = Batch("n", "m", 1, 100.0, 164.0, tuple("abcdefgh"))
    with ray_extract._Bar("vgg16", 108, 0, 2, True) as bar:
        bar.update(batch)
        bar.update(batch)
        assert (bar.bar.initial, bar.bar.n) == (8, 16)
    assert "100 pictures will take about 7 minutes. You can interrupt" in capsys.readouterr().out
    with ray_extract._Bar("vgg16", 20, 0, 2, True) as bar:
        bar.update(batch)
    assert capsys.readouterr().out == ""


def test_each_machine_has_a_worker_and_all_of_its_processors():
    assert share([4, 4]) == (2, 4)
    assert share([16, 4]) == (5, 4)
    assert share([0, 3]) == (1, 3)
    assert share([2], 2) == (2, 1)
    assert share([16, 4], 3) == (3, 5)
    assert share([8, 4], 3) == (3, 4)
    assert share([2], 9) == (2, 1)
    with pytest.raises(ClusterError, match="no processors"):
        share([0, 0.5])


@pytest.mark.weights
def test_nobody_answers(pictures, tmp_path, shared_settings, monkeypatch):
    made = extractor(shared_settings, tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # where auto looks first
    for address in ("127.0.0.1:1", "nonsense", "auto"):
        with pytest.raises(ClusterError, match=r"No Ray cluster answers at .*ray start"):
            extract_on_cluster(made, pictures[:1], "none", address)


@pytest.mark.weights
def test_ray_that_does_not_start_says_so(pictures, tmp_path, shared_settings, monkeypatch):
    """Its sockets have no room in a path of more than 107 bytes."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("long" * 30)))
    made = extractor(shared_settings, tmp_path)
    with pytest.raises(ClusterError, match=r"^Ray didn't start on this computer .*run this again"):
        extract_on_cluster(made, pictures[:1], "none", "local")


def test_without_ray_it_says_what_to_install(tmp_path, pictures, shared_settings):
    code = """
import sys
sys.modules["ray"] = None  # as if it weren't installed
from helpers.scale.ray_extract import main
sys.exit(main(["--precision", "float32"]))
"""
    env = {**os.environ, "BOOTCAMP_DATA": str(tmp_path), "BOOTCAMP_TUNING": "none"}
    env |= {"BOOTCAMP_DATASET": str(pictures[0].path.parent)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Ray isn't installed" in done.stderr
    assert "pip install '.[scale]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_says_what_it_leaves_out_and_hides_its_key(tmp_path):
    bucket = Bucket()
    for key in ("b.jpg", "a/x.PNG", "readme.txt", ".hidden/x.jpg", f"{'long' * 60}.jpg"):
        bucket.put(f"pictures/{key}", b"something")
    bucket.put("others/x.jpg", b"something")
    with serving(bucket) as url:
        _, found, ledger = sources.list_remote(url)
        assert [(one.id, one.labels) for one in found] == [("a/x.PNG", ("a",)), ("b.jpg", ())]
        assert len(ledger) == 2
        with pytest.raises(sources.SourceError, match=r"^s3://shop/none can't be listed") as told:
            sources.list_remote(url.replace("/pictures", "/none"))
        assert "secret" not in str(told.value)
        bucket.put("none/readme.txt", b"something")
        with pytest.raises(sources.SourceError, match="s3://shop/none holds no pictures"):
            sources.list_remote(url.replace("/pictures", "/none"))
    for url in ("foo://x", "zip://::file:///none.zip", f"file://{tmp_path}/none"):
        with pytest.raises(sources.SourceError):
            sources.list_remote(url)


def test_any_address_of_fsspec_will_do(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("cats/1.jpg", b"content")
    files, (one,), _ = sources.list_remote(f"zip://::file://{tmp_path}/x.zip")
    assert (one.id, one.labels) == ("cats/1.jpg", ("cats",))
    assert sources.read_remote(files, one)[1] == b"content"
