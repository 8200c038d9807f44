"""Queries before batches, and an extraction that ends all the same."""

import threading

import pytest

from helpers.features.turns import QUERIES_IN_A_ROW, Turns

LIMIT = 600
"""Seconds after which a thread that should have ended makes a test fail."""


class Line:
    """Threads that wait for a turn, in a known order, behind a turn that the test holds."""

    def __init__(self):
        self.turns, self.order, self.threads = Turns(), [], []

    def ask(self, kind, name):
        """Let a thread wait for a turn; return once it is in line."""
        line = getattr(self.turns, kind)
        before = len(line)
        thread = threading.Thread(target=self.take, args=(kind, name))
        self.threads.append(thread)
        thread.start()
        while len(line) == before and thread.is_alive():
            thread.join(0.001)

    def take(self, kind, name):
        with self.turns.turn(getattr(self.turns, kind)):
            self.order.append(name)

    def end(self):
        """Wait for all threads, and return who had a turn, in order."""
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "somebody waits for ever"
        return self.order


@pytest.fixture
def line():
    return Line()


def test_queries_go_before_batches_that_waited_longer(line):
    with line.turns.turn(line.turns.batches):
        line.ask("batches", "b1")
        line.ask("batches", "b2")
        line.ask("queries", "q1")
        line.ask("queries", "q2")
    assert line.end() == ["q1", "q2", "b1", "b2"]


def test_a_batch_has_its_turn_after_so_many_queries(line):
    queries = [f"q{number}" for number in range(2 * QUERIES_IN_A_ROW + 1)]
    with line.turns.turn(line.turns.batches):
        for name in queries:
            line.ask("queries", name)
        line.ask("batches", "b1")
        line.ask("batches", "b2")
    first, second = queries[:QUERIES_IN_A_ROW], queries[QUERIES_IN_A_ROW : 2 * QUERIES_IN_A_ROW]
    assert line.end() == [*first, "b1", *second, "b2", queries[-1]]


def test_only_one_at_a_time_has_a_turn():
    turns, inside, most = Turns(), [], []

    def work(kind):
        for _ in range(200):
            with turns.turn(getattr(turns, kind)):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work, args=(kind,)) for kind in ["queries", "batches"] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert most == [1] * 1600


def test_who_is_interrupted_leaves_the_line(line, monkeypatch):
    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    with line.turns.turn(line.turns.queries):
        monkeypatch.setattr("helpers.features.turns.Event", Interrupted)
        with pytest.raises(KeyboardInterrupt), line.turns.turn(line.turns.batches):
            raise AssertionError("it had a turn that was somebody else's")
        monkeypatch.undo()
        line.ask("batches", "b")
    assert line.end() == ["b"]


def test_a_failure_passes_the_turn_on(line):
    def fail():
        with line.turns.turn(line.turns.queries):
            line.ask("batches", "b")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert line.end() == ["b"]
