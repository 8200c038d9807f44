"""Each visitor's jobs run one at a time, and only the latest that waits; threads are shared."""

import gc
import threading
import weakref

import pytest

from search_app.worker import Pool, Worker

LONG = 600  # seconds, for what happens at once even on a busy machine


def ignore(error, topic):
    """For tests in which no job fails."""


@pytest.fixture(scope="module")
def pool():
    return Pool("test", 2)


def test_a_new_request_replaces_the_one_that_waits(pool):
    done, started, gate = [], threading.Event(), threading.Event()
    worker = Worker(pool, ignore)

    def first():
        started.set()
        gate.wait(LONG)
        done.append("first")

    worker.submit(first, "search")
    assert started.wait(LONG)
    for name in ("second", "third", "fourth"):
        worker.submit(lambda name=name: done.append(name), "search")
    gate.set()
    worker.wait()
    assert done == ["first", "fourth"]


def test_topics_do_not_replace_each_other(pool):
    done, started, gate = [], threading.Event(), threading.Event()
    worker = Worker(pool, ignore)
    worker.submit(lambda: (started.set(), gate.wait(LONG)), "search")
    assert started.wait(LONG)
    for name, topic in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        worker.submit(lambda name=name: done.append(name), topic)
    gate.set()
    worker.wait()
    assert done == ["b1", "a2"]


def test_one_visitors_jobs_never_run_side_by_side(pool):
    worker, running, most, lock = Worker(pool, ignore), [], [], threading.Lock()

    def job():
        with lock:
            running.append(1)
            most.append(len(running))
        threading.Event().wait(0.001)  # long enough for another thread to begin
        with lock:
            running.pop()

    for number in range(300):
        worker.submit(job, f"topic {number}")
    worker.wait()
    assert len(most) == 300
    assert max(most) == 1


def test_a_visitor_who_asks_for_much_does_not_hold_up_another():
    """On a single thread the second visitor has its turn after one job, not after all."""
    pool, order, started, gate = Pool("single", 1), [], threading.Event(), threading.Event()
    busy, modest = Worker(pool, ignore), Worker(pool, ignore)
    busy.submit(lambda: (started.set(), gate.wait(LONG)), "first")
    assert started.wait(LONG)
    for number in range(20):
        busy.submit(lambda: order.append("busy"), f"{number}")
    modest.submit(lambda: order.append("modest"), "search")
    gate.set()
    busy.wait()
    modest.wait()
    assert order.index("modest") <= 1


def test_threads_are_as_many_as_the_pool_has_whatever_the_number_of_visitors(pool):
    names = set()
    workers = [Worker(pool, ignore) for _ in range(50)]
    before = threading.active_count()
    for worker in workers:
        worker.submit(lambda: names.add(threading.current_thread().ident), "search")
    for worker in workers:
        worker.wait()
    assert len(names) <= 2
    assert threading.active_count() <= before + 2


def test_an_error_is_told_and_the_worker_lives_on(pool):
    errors, done = [], []
    worker = Worker(pool, lambda error, topic: errors.append((type(error), topic)))
    worker.submit(lambda: 1 / 0, "sums")
    worker.wait()
    worker.submit(lambda: done.append(1), "sums")
    worker.wait()
    assert errors == [(ZeroDivisionError, "sums")]
    assert done == [1]


def test_closing_drops_what_waits_and_takes_nothing_more(pool):
    done, started, gate = [], threading.Event(), threading.Event()
    worker = Worker(pool, ignore)
    worker.submit(lambda: (started.set(), gate.wait(LONG), done.append("begun")), "search")
    assert started.wait(LONG)
    worker.submit(lambda: done.append("waiting"), "search")
    worker.close()
    worker.submit(lambda: done.append("late"), "search")
    gate.set()
    worker.wait()
    assert done == ["begun"]


class Content:
    """Stands for the bytes of an upload: unlike bytes, it can be watched."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_finished_job_leaves_nothing_in_memory(pool, fails):
    content = Content()
    gone = weakref.ref(content)

    def job(content=content):
        if fails:
            raise ValueError(content)

    worker = Worker(pool, ignore)
    gc.disable()  # it must not take the collector of cycles
    try:
        worker.submit(job, "search")
        worker.wait()
        job = content = None
        worker.submit(lambda: None, "other")  # so that the thread has left the first job behind
        worker.wait()
        assert gone() is None
    finally:
        gc.enable()


def test_waiting_has_an_end(pool):
    gate = threading.Event()
    worker = Worker(pool, ignore)
    worker.submit(lambda: gate.wait(LONG), "search")
    with pytest.raises(TimeoutError):
        worker.wait(0.05)
    gate.set()
    worker.wait()
