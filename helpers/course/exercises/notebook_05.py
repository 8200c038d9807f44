"""The checks of notebook 05: beating the scoreboard, a class that loses, and a setting for a phone.

A row of the scoreboard is a dict with "setting", "bytes" (per picture), "map" and "query_ms".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.course.exercises.check import Mistake, check, known
from helpers.features.pooling import l2_normalise
from helpers.search import metrics

CLOSE = 0.005
"""Two mAPs that are nearer than this count as equally good: intervals don't tell them apart."""


@check(
    nudge="Is your answer a pair: one vector per picture, and True or False?",
    hint="metrics.paired_interval(check(my_vectors).ap, to_beat.ap) compares yours with theirs. "
    "You may claim to be better only when the whole interval lies above 0.",
    way="One change is another power of the eigenvalues: my_vectors = l2_normalise(along[:, :D] * "
    "variances[:D] ** 0.2). Then difference, low, high = "
    "metrics.paired_interval(check(my_vectors).ap, to_beat.ap), and the claim is low > 0.",
)
def beats_the_board(
    answer: tuple[NDArray, bool],
    base: ArrayLike,
    vectors_before: NDArray,
    evaluate: Callable[[NDArray], metrics.PerQuery],
) -> str | bool:
    """Notebook 05, exercise 1: (vectors, claim): are they better, as far as the interval tells?

    `base`, (q,), has the average precisions to beat, `vectors_before`, (n, d), what they came from,
    and `evaluate(vectors)` measures others on the same queries.
    """
    if np.isnan(np.asarray(base, dtype=float)).all():
        return "Your pictures have no labels, so nothing can be measured here. Go on."
    if isinstance(answer, np.ndarray):
        return Mistake("Say also whether you may claim it: (my_vectors, True) or (…, False).")
    vectors, claim = answer
    vectors = np.asarray(vectors, dtype=np.float32)
    if mistake := _vector_mistake(vectors, vectors_before):
        return mistake
    if not isinstance(claim, bool | np.bool_):
        return Mistake("The second part is your claim: True or False.")
    return _claim(bool(claim), *metrics.paired_interval(evaluate(vectors).ap, base))


def _vector_mistake(vectors, before):
    """Return the Mistake behind vectors that aren't worth measuring, or False."""
    if vectors.ndim != 2:
        return Mistake("The first part is a table: one row per picture, one column per number.")
    if len(vectors) != len(before):
        told = f"You have {len(vectors):,} rows, but there are {len(before):,} pictures. "
        return Mistake(told + "Keep one row for each, in the same order.")
    if not np.isfinite(vectors).all():
        bad = int((~np.isfinite(vectors)).any(axis=1).sum())
        told = f"{bad:,} of your rows hold NaN or infinity. Was something divided by 0?"
        return Mistake(told)
    same = vectors.shape == before.shape and np.allclose(
        l2_normalise(vectors), l2_normalise(before), atol=1e-6
    )
    return known([
        (same, "These point where the vectors before did, so every cosine is the same. Change one "
         "thing."),
        (bool(np.ptp(vectors, axis=0).max() == 0), "All your rows are equal, so that every picture "
         "is as near as any other."),
    ])  # fmt: skip


def _claim(claim, difference, low, high):
    """Return praise for a claim that the interval bears out, else the Mistake."""
    limits = f"{low:+.3f} to {high:+.3f}"
    if low > 0:
        told = f"mAP is {difference:.3f} higher, and the whole interval, {limits}, lies above 0"
        return f"Right: {told}." if claim else Mistake(f"Claim it: {told}.")
    if high < 0:
        told = f"mAP is {-difference:.3f} lower, and the whole interval, {limits}, lies below 0"
    else:
        told = f"mAP differs by {difference:+.3f}, and its interval, {limits}, includes 0"
    if claim:
        return Mistake(f"Don't claim it: {told}.")
    return f"Right, there is nothing to claim: {told}. Another change may do better."


@check(
    nudge="A loss is a negative gain. Which class has the smallest number?",
    hint="gains_by_class[name] is mAP with neighbours minus without. Look for the least of them.",
    way="min(gains_by_class, key=gains_by_class.get) is the class with the smallest gain.",
)
def class_hurt(answer: str, gains: Mapping[str, float]) -> str | bool:
    """Notebook 05, exercise 2: the class whose queries lose most, or gain least, by expansion.

    `gains`: {class: mean average precision after query expansion - before}; NaN is left out.
    """
    gains = {name: float(gain) for name, gain in gains.items() if not np.isnan(gain)}
    if not gains:
        return "Your pictures have no labels, so there are no classes to compare. Go on."
    least, most = min(gains.values()), max(gains.values())
    if gains.get(answer) == least:
        if least < 0:
            return f"Right: {answer} loses {-least:.3f}."
        return f"Right: {answer} gains least, {least:.3f}. So none of the classes is hurt."
    return known([
        (answer not in gains, f"There are no queries for a class {answer!r:.60}."),
        (gains.get(answer) == most, f"{answer} gains most, {most:.3f}. Look at the other end."),
    ])  # fmt: skip


@check(
    nudge="How many bytes may one picture take, so that all of them fit?",
    hint="A row fits when row['bytes'] * ALBUM <= BUDGET. Of those that fit, which has the highest "
    "row['map']?",
    way="fitting = [row for row in board.rows if row['bytes'] * ALBUM <= BUDGET], then "
    "max(fitting, key=lambda row: row['map'])['setting'].",
)
def phone(
    answer: str, rows: Sequence[Mapping[str, Any]], pictures: int, budget: float = 20e6
) -> str | bool:
    """Notebook 05, exercise 3: the setting of a row with which an album fits on a phone.

    `pictures` are in the album, `budget` is in bytes. Right is the best that fits, or one that
    isn't worse by more than CLOSE. Rows without bytes, or without a mAP, can't be chosen.
    """
    complete = {row["setting"]: row for row in rows if row["bytes"] > 0 and row["map"] >= 0}
    fitting = [row for row in complete.values() if row["bytes"] * pictures <= budget]
    if not fitting:
        return f"For {pictures:,} pictures, no measured setting is small enough. Go on."
    if answer not in complete:
        return _unknown(answer, rows)
    row, best = complete[answer], max(row["map"] for row in fitting)
    taken = f"{answer} takes {row['bytes'] * pictures / 1e6:,.2f} MB"
    if row not in fitting:
        over = row["bytes"] * pictures - budget
        return Mistake(f"{taken}, which is {over / 1e6:,.2f} MB too much.")
    if row["map"] < best - CLOSE - 1e-9:
        better = best - row["map"]
        return Mistake(f"{taken} and fits, but with another that fits, mAP is {better:.3f} higher.")
    return f"Right: {taken}, with a mAP of {row['map']:.3f} and {row['query_ms']:.2f} ms per query."


def _unknown(answer, rows):
    """Return the Mistake behind a name that can't be chosen."""
    if any(answer == row["setting"] for row in rows):
        return Mistake(f"{answer!r:.60} lacks its bytes or its mAP, so it can't be chosen.")
    return Mistake(f"No setting is called {answer!r:.60}. Copy its name out of the table.")
