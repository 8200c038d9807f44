"""The checks of notebook 03: filters, recall, and an index of one's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from helpers.course.exercises.check import check


@check(
    nudge="LabelFilter(all=(...), none=(...)): all holds what a hit must show, none what it must not.",
    hint="LabelFilter(all=(...), none=(...)): all holds what a hit must show, none what it must not.",
    way="LabelFilter(all=(...), none=(...)): all holds what a hit must show, none what it must not.",
)
def person_no_car(answer: Sequence[Any]) -> bool:
    """Notebook 03, exercise 1: hits that all show a person and no car."""
    return bool(answer) and all("person" in h.labels and "car" not in h.labels for h in answer)


@check(
    nudge="Take the first row whose recall is at least 0.95; a larger nprobe only costs time.",
    hint="Take the first row whose recall is at least 0.95; a larger nprobe only costs time.",
    way="Take the first row whose recall is at least 0.95; a larger nprobe only costs time.",
)
def enough_recall(answer: int, measured: Mapping[int, float]) -> bool:
    """Notebook 03, exercise 2: the smallest nprobe of {nprobe: recall} that reaches 0.95."""
    return answer == min(nprobe for nprobe, recall in measured.items() if recall >= 0.95)


@check(
    nudge="Upsert one row per picture, then search with exactly the vector that you stored.",
    hint="Upsert one row per picture, then search with exactly the vector that you stored.",
    way="Upsert one row per picture, then search with exactly the vector that you stored.",
)
def found_again(answer: Sequence[str], index: Any) -> bool:
    """Notebook 03, exercise 3: ids that are in the Index and find themselves first."""
    first = [index.search(index.vector(id), k=1)[0].id for id in answer]
    return bool(first) and first == list(answer)
