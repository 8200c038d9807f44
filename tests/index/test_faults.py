"""A real server that is killed, stalls, fills its disk or comes back empty; writers that die."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from index_kit import PAIR, child, clustered, ids, nearest, some_pictures
from milvus_server import TOKEN
from test_collection import SLOWLY

from helpers.index import Index, MilvusError, collection, connection, errors

pytestmark = [pytest.mark.server, pytest.mark.slow]
STOPPED = "Milvus stopped answering and could not "


def timed(function, *arguments, **options):
    """Return the error that a function raises, or what it returns, and the seconds that took."""
    start = time.monotonic()
    try:
        found = function(*arguments, **options)
    except MilvusError as error:
        found = error
    return found, time.monotonic() - start


def test_the_server_is_killed_during_searches_a_load_and_an_index_build(fragile, monkeypatch):
    """And started again: the load goes on by itself, the others at the next call."""
    monkeypatch.setattr(collection, "READ_AGAIN", 3)
    pictures, values = some_pictures(2000), clustered(2000)
    with fragile.index("read") as read, fragile.index("load") as load, fragile.index("build") as b:
        for index in (read, b):
            index.sync(pictures, values, progress=False)
        monkeypatch.setattr(collection, "ROWS_PER_CALL", 10)  # so it's killed between two of them
        with ThreadPoolExecutor() as pool:
            loading = pool.submit(timed, load.sync, pictures, values, progress=False)
            while not load.count():
                time.sleep(0.05)
            building = pool.submit(timed, b.rebuild, "HNSW")
            searches = [pool.submit(search_until_it_fails, read, values) for _ in range(3)]
            time.sleep(0.3)
            fragile.server.kill()
            for search in searches:
                told, seconds = search.result()
                assert str(told).startswith(STOPPED)
                assert seconds < 10
            fragile.start()
            told, seconds = loading.result()
            assert (told.written, told.deleted) == (2000, 0), told
            built, _ = building.result()
        assert built is None or "Milvus" in str(built)
        assert ids(read.search(values[7], 9)) == nearest(values, values[7], 9)
        assert (load.count(), load.sync(pictures, values, progress=False).unchanged) == (2000, 2000)
        assert ids(load.search(values[7], 9)) == nearest(values, values[7], 9)
        b.rebuild("HNSW")
        assert (b.count(), b.index_type()) == (2000, "HNSW")
        assert ids(b.search(values[7], 9)) == nearest(values, values[7], 9)


def search_until_it_fails(index, values):
    """Search on and on; return the error and how long the call took that raised it."""
    for number in range(10_000):
        found, seconds = timed(index.search, values[number % len(values)])
        if isinstance(found, MilvusError):
            return found, seconds
    return None


def test_the_server_stalls(fragile, monkeypatch):
    """For longer than a call may take, but not for so long that it loses its own lease."""
    pictures, values = some_pictures(300), clustered(300)
    pid = fragile.server.process.server_proc.pid
    with fragile.index("stall") as index:
        index.sync(pictures[:200], values[:200], progress=False)
        monkeypatch.setattr(collection, "READ_SECONDS", 2)
        monkeypatch.setattr(collection, "TIMEOUT_SECONDS", 3)
        os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor() as pool:
                reading = pool.submit(timed, index.search, values[0])
                writing = pool.submit(timed, index.upsert, pictures[:9], values[:9], False)
                for told, seconds in (reading.result(), writing.result()):
                    assert str(told).startswith(STOPPED)
                    assert seconds < 5
        finally:
            os.kill(pid, signal.SIGCONT)
        assert ids(index.search(values[5], 9)) == nearest(values[:200], values[5], 9)
        monkeypatch.undo()
        assert index.sync(pictures, values, progress=False).written == 100
        assert index.count() == 300


def test_a_client_is_killed_while_it_writes(fragile):
    writing = SLOWLY + "index.sync(some_pictures(2000), clustered(2000), progress=False)"
    other = child(writing, fragile.settings)
    for _ in range(5):
        assert other.stdout.readline() == "50\n"
    other.kill()
    confirmed = 50 * (5 + len(other.communicate()[0].split()))
    with Index(*PAIR, fragile.settings) as index:
        assert confirmed <= index.count() < 2000
        change = index.sync(some_pictures(2000), clustered(2000), progress=False)
        assert change.unchanged >= confirmed
        assert index.count() == len(index.digests()) == 2000
        index.drop()


TOGETHER = """
collection.ROWS_PER_CALL = 50
sys.stdin.readline()
try:
    print(Index(*PAIR, here).sync(some_pictures(1500), clustered(1500), progress=False).written)
except MilvusError as error:
    print(error)
"""


def test_two_write_the_same_collection_at_once(fragile):
    """Both write the same rows, and whichever comes second finds some of them there."""
    code = "from helpers.index import MilvusError" + TOGETHER
    both = [child(code, fragile.settings) for _ in range(2)]
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=120) for one in both]
    assert all(out.strip().isdecimal() for out, _ in told), told
    with Index(*PAIR, fragile.settings) as index:
        assert index.sync(some_pictures(1500), clustered(1500), progress=False).unchanged == 1500
        assert index.count() == len(index.digests()) == 1500
        assert ids(index.search(clustered(1500)[7], 9)) == nearest(
            clustered(1500), clustered(1500)[7], 9
        )


def test_the_servers_disk_is_full(fragile, monkeypatch):
    if not fragile.mounted:
        pytest.skip("ABSENT: the right to mount a tmpfs")
    monkeypatch.setattr(collection, "TIMEOUT_SECONDS", 20)
    monkeypatch.setattr(collection, "WRITE_AGAIN", 5)
    pictures, values = some_pictures(3000), clustered(3000)
    ballast = fragile.disk / "ballast"
    with fragile.index("disk") as index:
        index.sync(pictures[:500], values[:500], progress=False)
        fill(ballast)
        told, seconds = timed(index.sync, pictures, values, progress=False)
        assert str(told).startswith((STOPPED, "The disk is full")), told
        assert seconds < 60
        ballast.unlink()
    with fragile.index("disk") as index:
        assert (index.count() >= 500, index.missing) == (True, 0)
        assert index.sync(pictures, values, progress=False).unchanged >= 500
        assert index.count() == len(index.digests()) == 3000
        assert ids(index.search(values[2999], 9)) == nearest(values, values[2999], 9)


def fill(path):
    """Write to a file until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass


def test_the_server_comes_back_empty(fragile, tmp_path):
    """Comes last: what the other tests wrote is gone."""
    pictures, values = some_pictures(300), clustered(300)
    index = fragile.index("empty")
    index.sync(pictures, values, progress=False)
    fragile.server.kill()
    fragile.server.folder = str(tmp_path)
    fragile.start()
    for call in (
        lambda: index.search(values[0]),
        index.count,
        lambda: index.sync(pictures, values),
    ):
        told, seconds = timed(call)
        assert str(told).startswith("There is no collection any more that Milvus could ")
        assert "Run notebook 03 again" in str(told)
        assert seconds < 15
    with fragile.index("empty") as again:
        assert again.sync(pictures, values, progress=False).written == 300
        assert again.missing == 0
    assert ids(index.search(values[5], 9)) == nearest(values, values[5], 9)
    index.close()


def test_pymilvus_gives_up_at_once(fragile):
    """What `patiently` is for, shown without our code."""
    client = connection.pymilvus().MilvusClient(fragile.relay.uri, token=TOKEN)
    target, fragile.relay.target = fragile.relay.target, 1
    fragile.relay.cut()
    start = time.monotonic()
    with pytest.raises(Exception, match="unavailable"):
        client.list_collections(timeout=20)
    assert time.monotonic() - start < 10, "patiently may go"
    fragile.relay.target = target
    client.close()


def test_what_passes_is_tried_again_and_nothing_else(monkeypatch):
    monkeypatch.setattr(errors.time, "sleep", lambda _: None)
    for text, times in (("server unavailable", 3), ("no space left", 1), ("Deadline Exceeded", 1)):
        raised = []

        def fails(text=text, raised=raised):
            raised.append(text)
            if len(raised) < 3:
                raise RuntimeError(text)
            return "done"

        if times == 3:
            assert errors.patiently(fails, 60) == "done"
        else:
            with pytest.raises(RuntimeError, match=text):
                errors.patiently(fails, 60)
        assert len(raised) == times
