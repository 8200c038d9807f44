"""The checks of notebook 06: a system for ten million, where latency doubles, a move that is whole.

Loads are those of `scale.load_test`, with `clients` and `p50`, in milliseconds.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.course.exercises.check import Mistake, check, known, whole


@check(
    nudge="Is your answer a pair, such as (512, 'EXACT')? Compare the monthly price of all six.",
    hint="Call scale.needs(10_000_000, dim, index_type, 2, 50).monthly for both numbers and for "
    "each index type.",
    way="prices = {(d, i): scale.needs(10_000_000, d, i, 2, 50).monthly for d in (64, 512) for i "
    "in ('HNSW', 'IVF_SQ8', 'EXACT')}, then min(prices, key=prices.get).",
)
def sized(answer: tuple[int, str], needs: Callable[[int, str], Any]) -> str | bool:
    """Notebook 06, exercise 1: (dim, index type) of the system that costs least by the month.

    `needs(dim, index_type)` says what a system needs, in dollars as `monthly`. As right as the
    cheapest is what costs at most 1 % more.
    """
    prices = {
        (dim, kind): needs(dim, kind).monthly
        for dim in (64, 512)
        for kind in ("HNSW", "IVF_SQ8", "EXACT")
    }
    least = min(prices.values())
    answer = tuple(answer) if isinstance(answer, list) else answer
    if not isinstance(answer, tuple) or answer not in prices:
        return Mistake("Give 64 or 512, and then HNSW, IVF_SQ8 or EXACT, in quotes.")
    if prices[answer] <= 1.01 * least:
        return f"Right: {needs(*answer)}"
    return Mistake(f"That costs ${prices[answer]:,.0f} a month, and another ${least:,.0f}.")


@check(
    nudge="What is p50 with one client, and which is the first line of your table with twice that?",
    hint="Measure every number of clients from 1 on: scale.load_test(by_upload, clients=range(1, "
    "9)). Then compare each p50 with the first.",
    way="my_clients = scale.doubled(my_points) is the first number of clients whose p50 is at "
    "least twice that of one.",
)
def latency_doubles(answer: int, points: Sequence[Any]) -> str | bool:
    """Notebook 06, exercise 2: the fewest clients with which p50 is twice that of one client.

    `points` are the learner's own Loads, one for each number of clients from 1 to the answer.
    """
    p50 = {point.clients: point.p50 for point in points if point.requests}
    answer = whole(answer)  # of any size, so only some are looked at
    if missing := [count for count in range(1, min(answer, 99) + 1) if count not in p50]:
        told = ", ".join(map(str, missing[:5]))
        return Mistake(f"Your points lack {told} clients. Measure all numbers up to your answer.")
    first = min(count for count in [*p50, np.inf] if count == np.inf or p50[count] >= 2 * p50[1])
    if answer == first:
        return f"Right: {p50[answer]:.0f} ms with {answer} clients, {p50[1]:.0f} ms with one."
    return known([
        (p50[answer] < 2 * p50[1], f"With {answer} clients p50 is {p50[answer] / p50[1]:.1f} times "
         "that of one, which isn't twice."),
        (first < answer, "It takes twice as long with fewer clients already."),
    ])  # fmt: skip


@check(
    nudge="Is your answer an open Index, and on another Milvus than the original?",
    hint="Copy with there.copy_to(address), then open the collection at that address: "
    "Index(…, replace(config, milvus_uri=address), dim=there.dim).",
    way="elsewhere = str(config.data / 'elsewhere.db'); there.copy_to(elsewhere); my_index = "
    "Index(there.dataset_name, there.extractor_name, replace(config, milvus_uri=elsewhere), "
    "dim=there.dim).",
)
def nothing_lost(answer: Any, original: Any, queries: NDArray) -> str | bool:
    """Notebook 06, exercise 3: an index elsewhere that holds and finds what the original does.

    `queries`: (n, dim) float32, searched for on both sides.
    """
    same = answer.uri == original.uri or os.path.realpath(answer.uri) == os.path.realpath(
        original.uri
    )
    if answer is original or same:
        return Mistake("That is the original. Copy it to another address, and open it there.")
    held, wanted = answer.digests(), original.digests()
    lost, strange = wanted.keys() - held.keys(), held.keys() - wanted.keys()
    if lost or strange:
        told = f"Yours lacks {len(lost):,} of the {len(wanted):,} rows"
        return Mistake(f"{told} and holds {len(strange):,} others.")
    if changed := [name for name, digest in wanted.items() if held[name] != digest]:
        return Mistake(f"{len(changed):,} of the rows aren't as they were.")
    if answer.index_type() != original.index_type():
        return Mistake(f"Yours has the index {answer.index_type()}. copy_to keeps the original's.")
    pairs = zip(answer.search_many(queries, k=5), original.search_many(queries, k=5), strict=True)
    if any([one.id for one in mine] != [one.id for one in theirs] for mine, theirs in pairs):
        return Mistake("All rows are there, but the answers differ. Copy again, with copy_to.")
    return f"Right: {len(wanted):,} rows, each as it was, and {len(queries)} queries agree."
