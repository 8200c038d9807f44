"""Many on one Milvus: learners with sets of their own, with the same set, a notebook and a page.

The first tests need one process, and run on Milvus Lite too; the others are the two processes that
only a server allows.
"""

import signal
import time
import warnings

import pytest
from index_kit import COLLECTION, PAIR, child, clustered, ids, nearest, some_pictures
from test_collection import SLOWLY
from test_names import each_set_keeps_what_is_its_own, ours_are_listed_and_can_be_dropped

from helpers.index import Index, MissingRowsWarning, collection_name, collections, connection

pytestmark = pytest.mark.slow
LIMIT = 600  # seconds that any of this may take on a busy machine
served = pytest.mark.server


def only_the_collection_that_lost_rows_warns(settings):
    """Take rows from one of two collections behind our back; opening them tells of that one."""
    for name in ("mine", "theirs"):
        with Index(name, "vgg16", settings) as index:
            index.sync(some_pictures(50), clustered(50), progress=False)
    client = connection.connect(settings.milvus_uri, settings.milvus_token)
    theirs = collection_name("theirs", "vgg16")
    client.load_collection(theirs)
    client.delete(theirs, filter='id in ["2007_000001", "2007_000002"]')
    connection.close(client, settings.milvus_uri)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingRowsWarning)
        Index("mine", "vgg16", settings).close()
    with pytest.warns(MissingRowsWarning, match=f"{theirs} holds 48 rows, but 50 .* 2 are lost"):
        index = Index("theirs", "vgg16", settings)
    with index:
        index.sync(some_pictures(50), clustered(50), progress=False)
        assert (index.count(), index.missing) == (50, 0)
    assert [info.rows for info in collections(settings)] == [50, 50]


def test_only_the_collection_that_lost_rows_warns(here):
    only_the_collection_that_lost_rows_warns(here)


@served
def test_only_the_collection_that_lost_rows_warns_on_a_server(there):
    only_the_collection_that_lost_rows_warns(there)


@served
def test_each_set_keeps_what_is_its_own_on_a_server(there):
    each_set_keeps_what_is_its_own(there)


@served
@pytest.mark.filterwarnings("ignore:Milvus still holds")
def test_ours_are_listed_and_can_be_dropped_on_a_server(there):
    ours_are_listed_and_can_be_dropped(there)


LEARNER = """
from dataclasses import replace
home, name = Path(sys.argv[3]), sys.argv[4]
pictures = [replace(p, path=home / p.path) for p in some_pictures(3000)]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    with Index(name, "vgg16", here) as index:
        done = index.sync(pictures, clustered(3000), progress=False)
        print(done.written, done.deleted, done.unchanged, index.count(), flush=True)
"""


def at_once(settings, *learners):
    """Run a LEARNER for each (home, data set) at the same time; return what each one printed."""
    others = [child(LEARNER, settings, *learner) for learner in learners]
    for other in others:
        assert other.stdout.readline() == "ready\n"
    for other in others:
        other.stdin.write("go\n")
        other.stdin.flush()
    told = [other.communicate(timeout=LIMIT) for other in others]
    assert not any(other.returncode for other in others), told
    return [[tuple(map(int, line.split())) for line in out.splitlines()] for out, _ in told]


@served
def test_two_learners_with_the_same_set_in_different_places_share_its_rows(there):
    at_once(there, ("/home/ann", "voc-2000"), ("/home/bob", "voc-2000"))
    (again,) = at_once(there, ("/home/cem/data", "voc-2000"))
    assert again == [(0, 0, 3000, 3000)] * 2  # nobody writes what another has written
    with Index("voc-2000", "vgg16", there) as index:
        values = clustered(3000)
        assert ids(index.search(values[77], 9)) == nearest(values, values[77], 9)
        row = connection.call(
            index.client.query, index.name, filter='id == "2007_000077"', output_fields=["*"]
        )
        assert "home" not in str(row)  # nor learns where it is on another's disk


@served
def test_two_learners_with_sets_of_their_own_write_at_once(there):
    told = at_once(there, ("/home/ann", "pets_3f9a2c"), ("/home/bob", "pets_77aa01"))
    assert told == [[(3000, 0, 0, 3000), (0, 0, 3000, 3000)]] * 2


SERVICE = """
query, k = clustered(400)[399], 1
with Index(*PAIR, here) as index:
    print("open", index.count(), flush=True)
    while index.search(query, k, None)[0].id != "2007_000399":
        pass
    print("found", flush=True)
    sys.stdin.readline()
    print("still", index.count(), index.search(query, k)[0].id, flush=True)
"""


@served
def test_a_notebook_writes_beside_a_page_that_searches(there):
    with Index(*PAIR, there) as notebook:
        notebook.sync(some_pictures(300), clustered(400)[:300], progress=False)
        page = child(SERVICE, there)
        assert page.stdout.readline() == "open 300\n"
        with Index("another", PAIR[1], there) as another:
            another.sync(some_pictures(50), clustered(50, seed=9), progress=False)
            notebook.sync(some_pictures(400), clustered(400), progress=False)
            assert page.stdout.readline() == "found\n"
            another.drop()
        out, error = page.communicate("go\n", timeout=LIMIT)
        assert out == "still 400 2007_000399\n", error


REBUILD = """
with Index(*PAIR, here) as index:
    index.rebuild("HNSW")
"""


@served
def test_an_index_that_another_program_has_rebuilt_is_searched_as_what_it_is_now(there):
    with Index(*PAIR, there) as index:
        index.sync(some_pictures(300), clustered(300), progress=False)
        assert index.search(clustered(300)[7], 1)[0].id == "2007_000007"
        assert child(REBUILD, there).wait(LIMIT) == 0
        end = time.monotonic() + LIMIT
        while index._index(seen=True)["index_type"] != "HNSW":  # which a search goes by
            assert time.monotonic() < end
        assert index.search(clustered(300)[7], 1)[0].id == "2007_000007"


@served
def test_a_killed_sync_loses_nothing_and_harms_no_other(there):
    with Index("theirs", PAIR[1], there) as theirs:
        theirs.sync(some_pictures(60), clustered(60), progress=False)
        before = theirs.digests()
        writing = SLOWLY + "index.sync(some_pictures(2000), clustered(2000), progress=False)"
        other = child(writing, there)
        for _ in range(5):
            assert other.stdout.readline() == "50\n"
        other.send_signal(signal.SIGKILL)
        confirmed = 250 + 50 * len(other.communicate()[0].split())
        with Index(*PAIR, there) as index:
            assert (confirmed <= index.count() < 2000, index.missing) == (True, 0)
            change = index.sync(some_pictures(2000), clustered(2000), progress=False)
            assert change.unchanged >= confirmed
            assert index.count() == 2000
        assert (theirs.digests(), theirs.name != COLLECTION) == (before, True)
