"""Load tests of services whose speed and errors we know, one of them over HTTP."""

import http.server
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from helpers.scale.load import Load, LoadTestError, doubled, load_table, load_test, told


def quietly(call, clients, seconds=0.5):
    return load_test(call, clients, seconds, progress=False)


def test_clients_of_a_service_that_serves_all_at_once_do_not_wait_for_each_other():
    one, ten = quietly(lambda: time.sleep(0.02), [1, 10], 1)
    assert (one.clients, ten.clients) == (1, 10)
    assert 20 <= one.p50 < 30
    assert 20 <= ten.p50 < 40
    assert 30 < one.per_second <= 50
    assert ten.per_second > 5 * one.per_second
    assert not one.errors
    assert not ten.errors


def test_clients_of_a_service_that_serves_one_at_a_time_share_it():
    with ThreadPoolExecutor(1) as service:  # first come, first served
        points = quietly(lambda: service.submit(time.sleep, 0.01).result(), [1, 2, 8], 1)
    assert points[2].per_second < 1.3 * points[0].per_second
    assert points[2].p50 > 4 * points[0].p50
    assert doubled(points) in (2, 8)


def test_every_answer_is_counted_and_the_rate_is_over_the_time_they_took():
    calls = count()
    (found,) = quietly(lambda: (time.sleep(0.01), next(calls)), [3], 0.5)
    assert next(calls) == found.requests + 3  # each client's first call opens its connection
    assert found.requests / found.per_second == pytest.approx(0.5, abs=0.1)


def test_percentiles_are_those_of_the_times():
    slow = count(1)

    def call():
        time.sleep(0.1 if next(slow) % 5 == 0 else 0.005)

    (found,) = quietly(call, [1], 2)
    assert found.p50 < 20
    assert found.p95 >= 100
    assert found.p50 <= found.p95 <= found.p99


def test_errors_are_counted_by_what_they_say_and_are_no_answers():
    calls = count()

    def call():
        time.sleep(0.005)
        if next(calls) % 4 == 0:
            raise ValueError(f"no room for {object()}")

    (found,) = quietly(call, [2], 1)
    ((text, times),) = found.errors.items()
    assert text == "ValueError: no room for <object object>"  # without an address each
    assert times + found.requests + 1 == next(calls)  # of two first calls one was answered
    assert times > 5
    assert f"2 clients, {times:,} times: {text}" in load_table([found])


def test_a_service_that_is_down_is_not_asked_in_a_tight_loop():
    def call():
        raise ConnectionError("refused")

    (found,) = quietly(call, [1], 0.5)
    assert found.requests == 0
    assert found.per_second == 0
    assert 2 < found.errors["ConnectionError: refused"] < 20
    assert found.p50 != found.p50  # NaN: nobody was answered
    assert "nan" in load_table([found])


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers 200 to /fine, 503 to anything else."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200 if self.path == "/fine" else 503)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_is_fetched_and_a_status_of_400_or_more_is_an_error(address):
    (fine,) = quietly(f"{address}/fine", [2])
    assert fine.requests > 10
    assert not fine.errors
    (busy,) = quietly(f"{address}/busy", [2])
    assert busy.requests == 0
    ((text, _),) = busy.errors.items()
    assert text.startswith("HTTPError: 503")


def test_doubled_is_the_first_number_of_clients_with_twice_the_median_of_the_fewest():
    def point(clients, p50):
        return Load(clients, 1, p50, p50, p50, 1)

    points = [point(1, 10), point(2, 12), point(4, 20), point(8, 80)]
    assert doubled(points) == 4
    assert doubled(points[::-1]) == 4
    assert doubled(points[:2]) is None
    assert doubled([point(1, float("nan")), point(2, 5)]) is None


@pytest.mark.parametrize(
    ("clients", "seconds"), [([], 1), ([0], 1), ([1, -2], 1), ([1], 0), (3000, 1), (10**30, 1)]
)
def test_what_makes_no_sense_is_refused(clients, seconds):
    with pytest.raises(LoadTestError, match="Choose again"):
        load_test(lambda: None, clients, seconds)


def test_an_interruption_ends_all_clients():
    before = threading.active_count()

    def interrupt():
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            quietly(lambda: time.sleep(0.01), [5], 30)
    finally:
        signal.signal(signal.SIGINT, old)
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_an_error_is_told_in_one_line():
    assert told(OSError("a\nb <X at 0x7f3a>")) == "OSError: a b <X>"
    assert len(told(OSError("x" * 999))) == 200


def test_the_table_has_a_line_for_each_point():
    lines = load_table([Load(1, 1200, 1.25, 2.5, 3.5, 400.0), Load(2, 9, 1, 1, 1, 1, {"E: a": 3})])
    assert lines.splitlines()[2:] == [
        "| 1 | 1,200 | 1.2 | 2.5 | 3.5 | 400.0 | 0 |",
        "| 2 | 9 | 1.0 | 1.0 | 1.0 | 1.0 | 3 |",
        "",
        "- 2 clients, 3 times: E: a",
    ]
