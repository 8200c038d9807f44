"""The worker runs one job at a time, and only the latest that waits."""

import threading

import pytest

from search_app.worker import Worker


def ignore(error, topic):
    """For tests in which no job fails."""


def test_a_new_request_replaces_the_one_that_waits():
    done, started, gate = [], threading.Event(), threading.Event()
    worker = Worker("test", ignore)

    def first():
        started.set()
        gate.wait(5)
        done.append("first")

    worker.submit(first, "search")
    assert started.wait(5)
    for name in ("second", "third", "fourth"):
        worker.submit(lambda name=name: done.append(name), "search")
    gate.set()
    worker.wait(5)
    assert done == ["first", "fourth"]


def test_topics_do_not_replace_each_other():
    done, started, gate = [], threading.Event(), threading.Event()
    worker = Worker("test", ignore)
    worker.submit(lambda: (started.set(), gate.wait(5)), "search")
    assert started.wait(5)
    for name, topic in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        worker.submit(lambda name=name: done.append(name), topic)
    gate.set()
    worker.wait(5)
    assert done == ["b1", "a2"]


def test_an_error_is_told_and_the_worker_lives_on():
    errors, done = [], []
    worker = Worker("test", lambda error, topic: errors.append((type(error), topic)))
    worker.submit(lambda: 1 / 0, "sums")
    worker.wait(5)
    worker.submit(lambda: done.append(1), "sums")
    worker.wait(5)
    assert errors == [(ZeroDivisionError, "sums")]
    assert done == [1]


def test_waiting_has_an_end():
    gate = threading.Event()
    worker = Worker("test", ignore)
    worker.submit(lambda: gate.wait(5), "search")
    with pytest.raises(TimeoutError):
        worker.wait(0.05)
    gate.set()
