"""How many users can it carry? More and more clients at once, each asking as fast as it can.

Notebook 06 tries it on the REST service, `bench/scale.py` on Milvus. Each client is a thread that
waits for its answer before it asks again (a closed loop), so a slow service is asked less: what is
measured is what so many clients get, not what happens when still more come.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import requests
from tqdm.auto import tqdm

from helpers.errors import PlainError

CLIENTS = (1, 2, 4, 8, 16, 30)
MOST = 500  # threads of one Python; beyond it, it is the client that is measured
PAUSE = 0.05  # seconds after an error, or a service that is down would be asked in a tight loop
PATIENCE = 30.0  # seconds for a URL to answer
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f} of {total:.0f} s"
TICK = 0.2  # seconds between two looks at the clock
COLUMNS = ("clients", "requests", "p50 ms", "p95 ms", "p99 ms", "per second", "errors")


class LoadTestError(PlainError, ValueError):
    """A number of clients or seconds that makes no sense."""


@dataclass(frozen=True)
class Load:
    """What `clients` at once got: `requests` that were answered, `per_second` of them.

    `p50`, `p95` and `p99` are in milliseconds, of those that were answered; NaN when none was.
    `errors` counts those that failed by what was said.
    """

    clients: int
    requests: int
    p50: float
    p95: float
    p99: float
    per_second: float
    errors: dict[str, int] = field(default_factory=dict)


def load_test(
    call: Callable[[], Any] | str,
    clients: Iterable[int] | int = CLIENTS,
    seconds: float = 5.0,
    progress: bool = True,
) -> list[Load]:
    """Return one Load for each number of clients, each of which calls for so many seconds.

    `call()` asks one question, waits for the answer, and raises when there is none; it is called
    from many threads at once. A text is a URL that is fetched; a status of 400 or more is an error.
    Every client's first call isn't timed, because it opens a connection. Raises LoadTestError.
    """
    clients = [clients] if isinstance(clients, int) else list(clients)
    whole = all(isinstance(count, int) and 1 <= count <= MOST for count in clients)
    if not (clients and whole and 0 < seconds < float("inf")):
        raise LoadTestError(
            f"clients is {clients!s:.80} and seconds {seconds}, but there must be from one to "
            f"{MOST} clients, and some time. Choose again."
        )
    call = fetching(call) if isinstance(call, str) else call
    with tqdm(total=len(clients) * seconds, bar_format=BAR, disable=not progress) as bar:
        return [_crowd(call, count, seconds, bar) for count in clients]


def fetching(url: str) -> Callable[[], requests.Response]:
    """Return a `call` that fetches `url`, each thread with a connection of its own."""
    own = threading.local()

    def fetch():
        own.session = getattr(own, "session", None) or requests.Session()
        answer = own.session.get(url, timeout=PATIENCE)
        answer.raise_for_status()
        return answer

    return fetch


def _crowd(call, count, seconds, bar):
    """Let so many clients call until time is up."""
    bar.set_description(f"{count} clients" if count > 1 else "1 client")
    crowd = _Crowd(call, count)
    try:
        crowd.begin()
        while (spent := time.perf_counter() - crowd.begun) < seconds:
            time.sleep(min(TICK, seconds - spent))
            bar.update(min(seconds, time.perf_counter() - crowd.begun) - spent)
    finally:
        crowd.over.set()  # also on Ctrl-C: each ends with the call it is in
        crowd.ready.abort()
    return crowd.load()


class _Crowd:
    """Clients that begin together, and what they have seen so far."""

    def __init__(self, call, count):
        self.call, self.count = call, count
        self.over, self.ready = threading.Event(), threading.Barrier(count + 1)
        self.begun, self.spent, self.errors = 0.0, [], Counter()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(count)]

    def begin(self):
        """Let all make their first call, then start the clock."""
        for thread in self.threads:
            thread.start()
        self.ready.wait()
        self.begun = time.perf_counter()

    def _client(self):
        self._ask()
        with suppress(threading.BrokenBarrierError):  # Ctrl-C before all were there
            self.ready.wait()
        while not self.over.is_set():
            started = time.perf_counter()
            if self._ask():
                self.spent.append(time.perf_counter() - started)

    def _ask(self):
        """Return whether the call was answered; count the error if not."""
        try:
            self.call()
        except BaseException as error:  # whatever it is, the others wait for this client
            with self.lock:  # += is not one step
                self.errors[told(error)] += 1
            time.sleep(PAUSE)
            return False
        return True

    def load(self):
        """Wait for the last answers, and return the Load."""
        for thread in self.threads:
            thread.join()
        took = time.perf_counter() - self.begun
        p50, p95, p99 = (
            np.percentile(self.spent, [50, 95, 99]) * 1000 if self.spent else [float("nan")] * 3
        )
        rate = len(self.spent) / took
        return Load(
            self.count, len(self.spent), *map(float, (p50, p95, p99)), rate, {**self.errors}
        )


def told(error: BaseException) -> str:
    """Return what an error says, in one line, without the addresses that differ each time."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return re.sub(r" at 0x[0-9a-f]+", "", text)[:200]


def doubled(points: Sequence[Load]) -> int | None:
    """Return the first number of clients whose p50 is at least twice the fewest's, or None."""
    points = sorted(points, key=lambda point: point.clients)
    return next((one.clients for one in points[1:] if one.p50 >= 2 * points[0].p50), None)


def load_table(points: Sequence[Load]) -> str:
    """Return the points as a Markdown table, and below it every error with its count."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| ---: " * len(COLUMNS) + "|"]
    for one in points:
        cells = [f"{one.clients}", f"{one.requests:,}"]
        cells += [f"{value:,.1f}" for value in (one.p50, one.p95, one.p99, one.per_second)]
        lines.append("| " + " | ".join([*cells, f"{sum(one.errors.values()):,}"]) + " |")
    said = [(one.clients, *error) for one in points for error in one.errors.items()]
    if said:
        lines += ["", *(f"- {who} clients, {count:,} times: {text}" for who, text, count in said)]
    return "\n".join(lines)
