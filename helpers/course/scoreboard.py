"""The table to which notebook 05 adds a row with every idea, and what it may claim from it."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers import settings as _settings
from helpers.dataset import Dataset, load
from helpers.search import metrics
from helpers.search.metrics import ByRows, PerQuery

HEADINGS = ("setting", "numbers", "bytes", "P@1", "P@10", "mAP", "95 % interval", "ms")
TIMED = 15
"""Queries that are timed, one by one."""

LEAST = 65
"""Pictures that notebook 05 takes: more than the directions that it keeps, and four fifths of them
are still enough to learn from."""


class Scoreboard:
    """Rows of measurements over the same queries and the same meaning of relevant.

    `gains_of` is a choice of `relevance`, `rows` are the queries' rows in the collection. Printing
    it shows the table; `ms` is the median time to compare one query with every picture in numpy.
    """

    def __init__(self, gains_of: ByRows, rows: ArrayLike):
        self.gains_of, self.asked = gains_of, np.asarray(rows)
        self.measured: dict[str, PerQuery] = {}
        self.rows: list[dict] = []

    def add(
        self,
        setting: str,
        vectors: NDArray[np.float32] | None = None,
        queries: Callable[[NDArray], NDArray[np.float32]] | None = None,
        scores_of: ByRows | None = None,
        size: int | None = None,
    ) -> None:
        """Measure a setting and print its row; `measured` has the measures per query.

        `vectors`: (n, d), of length one; compared by inner product unless `scores_of` says how.
        `queries(rows)` makes the queries, by default the pictures' own vectors. `size` is the bytes
        that a picture takes, by default 4 per number. Adding a setting again replaces its row and
        moves it to the end. Raises ValueError as `metrics.evaluate` does.
        """
        ask = queries or (lambda rows: vectors[rows])
        scores_of = scores_of or (lambda rows: ask(rows) @ vectors.T)
        found = metrics.evaluate(scores_of, self.gains_of, self.asked)
        numbers = 0 if vectors is None else vectors.shape[1]
        mean_ap, *limits = metrics.interval(found.ap)
        row = {
            "setting": setting,
            "dimension": numbers,
            "bytes": 4 * numbers if size is None else size,
            "p_at_1": metrics.mean(found.p_at_1),
            "p_at_10": metrics.mean(found.p_at_10),
            "map": mean_ap,
            "map_interval": limits,
            "query_ms": self._milliseconds(scores_of),
        }
        self.rows = [one for one in self.rows if one["setting"] != setting] + [row]
        self.measured[setting] = found
        print("\n".join(_lines([row], len(self.rows) == 1)))

    def compare(self, ours: str, theirs: str) -> None:
        """Print the difference of two rows' mAP, its paired interval, and what that allows.

        Raises ValueError for a setting that has no row.
        """
        for setting in (ours, theirs):
            if setting not in self.measured:
                raise ValueError(
                    f"No row is called {setting!r}. Give one of {', '.join(self.measured)}."
                )
        pair = self.measured[ours].ap, self.measured[theirs].ap
        found, low, high = metrics.paired_interval(*pair)
        verdict = "higher" if low > 0 else "lower" if high < 0 else "too close to call"
        print(f"{ours} - {theirs}: mAP {found:+.3f}, interval {low:+.3f} to {high:+.3f}: {verdict}")

    def _milliseconds(self, scores_of):
        some = self.asked[:: max(1, len(self.asked) // TIMED)][:TIMED]
        spent = []
        for row in some:
            start = time.perf_counter()
            scores_of(np.array([row]))
            spent.append(1000 * (time.perf_counter() - start))
        return float(np.median(spent))

    def __repr__(self):
        return "\n".join(_lines(self.rows))


def _lines(rows, heading=True):
    """Yield the lines of a table of plain text."""
    wide = "{:36}{:>8}{:>8}{:>7}{:>7}{:>7}{:>16}{:>8}"
    if heading:
        yield wide.format(*HEADINGS)
    for row in rows:
        low, high = row["map_interval"]
        yield wide.format(
            row["setting"][:35],
            row["dimension"],
            row["bytes"],
            *(f"{row[name]:.3f}" for name in ("p_at_1", "p_at_10", "map")),
            f"{low:.3f} - {high:.3f}",
            f"{row['query_ms']:.2f}",
        )


def lacking(data: Dataset, least: int) -> str:
    """Return what a data set has, in words, where that is too little to measure on, else "".

    It takes `least` pictures that share a label with another one, and two labels: where all
    pictures show the same, or each shows something else, every ranking is as good as any other.
    """
    counts = Counter(label for picture in data.pictures for label in picture.labels)
    shared = {label for label, count in counts.items() if count > 1}
    useful = sum(not shared.isdisjoint(picture.labels) for picture in data.pictures)
    if useful >= least and len(counts) >= 2:
        return ""
    return (
        f"{len(data.pictures):,} pictures, of which {useful:,} share a label with another; "
        f"different labels: {len(counts)}"
    )


def measurable(data: Dataset) -> tuple[Dataset, str]:
    """Return a data set on which a search can be measured, and a sentence that says which.

    Where `data` lacks labels or pictures for that, it is the course's own drawings.
    """
    told = lacking(data, LEAST)
    if not told:
        return data, f"Working on {data.why}"
    drawings = load(replace(_settings.from_environment(), dataset="sample"))
    return drawings, (
        f"Measuring takes {LEAST} pictures that share a label with another, and two labels. Here "
        f"is less ({told}), so this notebook works on the course's own drawings."
    )
