"""How good the search is on your pictures: `make results` measures it and writes it down.

It measures the original demo's setting, the steps from it to the tuned default, and the default
itself, on the pictures that BOOTCAMP_DATASET names. `build/results.json` has the numbers,
`build/results.md` the table. With `--readme` the table also goes into the README, which is how the
one there was made.
"""

import argparse
import datetime
import platform
import sys
from dataclasses import replace

import numpy as np
import psutil

from helpers import dataset, features
from helpers import settings as _settings
from helpers.course.run_notebooks import BUILD
from helpers.course.scoreboard import Scoreboard, lacking
from helpers.errors import PlainError
from helpers.features.runtime import cpu_flags
from helpers.files import atomic_write, write_json
from helpers.search import relevance, reranking, tuning
from helpers.search.engine import extractor_for
from helpers.settings import ROOT

MOST_QUERIES = 2000
"""Of a larger set, so many pictures are queries, evenly spread."""

BEGIN, END = "<!-- results -->", "<!-- end of results -->"

STEPS = ("average", "GeM", "GeM, spread")
"""Rows that only notebook 05 explains; the README goes without."""


class ResultsError(PlainError, ValueError):
    """Pictures on which nothing can be measured, or a README without a place for the table."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write both files; return the exit status."""
    parser = argparse.ArgumentParser("make results", description=__doc__.splitlines()[0])
    parser.add_argument("--also", default="", help="another tuning to measure, such as 384")
    parser.add_argument("--readme", action="store_true", help="put the table into the README")
    asked = parser.parse_args(arguments)
    try:
        facts = results(asked.also)
        write_json(BUILD / "results.json", facts, indent=2)
        with atomic_write(BUILD / "results.md") as file:
            file.write(table(facts).encode())
        if asked.readme:
            kept = [row for row in facts["rows"] if row["setting"] not in STEPS]
            write_readme(table(facts | {"rows": kept}))
    except PlainError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{table(facts)}\nThese are in build/results.json and build/results.md.")
    return 0


def results(also: str = "", settings: _settings.Settings | None = None) -> dict:
    """Return what was measured on the pictures that `settings` name, as in build/results.json.

    `also` names a further tuning. Raises ResultsError where there are too few pictures or labels,
    and TuningError for a tuning that isn't known.
    """
    settings = settings or _settings.from_environment()
    steps = _steps(tuning.named(settings.tuning), also)
    data = dataset.load(settings)
    if told := lacking(data, tuning.FEWEST):
        raise ResultsError(
            f"There is too little here to measure ({told}). Set BOOTCAMP_DATASET to "
            f"{tuning.FEWEST} pictures or more, labelled with two classes at least, or to sample."
        )
    board = None
    for name, how in steps:
        vectors = _extract(how, data, settings)
        board = board or _board(data, vectors.ids)
        add_tuned(board, name, vectors, how)
    if also and how.dims:
        add_averaged(board, f"averaged, {also}", vectors, how)
    return _facts(data, len(vectors.ids), board)


def add_tuned(board: Scoreboard, name: str, vectors: features.Vectors, how: tuning.Recipe) -> None:
    """Add the row of a Recipe: its tuning, fitted on these vectors, and its expansion."""
    if not how.dims:
        board.add(name, vectors.values)
        return
    fitted = tuning.fit(vectors, how)
    tuned, count = fitted.apply(vectors.values), fitted.neighbours(len(vectors.ids))

    def expanded(rows):
        return reranking.expand(tuned[rows], tuned, count, how.power, own=rows)

    board.add(name, tuned, expanded if count else None)


def add_averaged(
    board: Scoreboard, name: str, vectors: features.Vectors, how: tuning.Recipe
) -> None:
    """Add the best we know, whatever it costs: twice the numbers, and the database averaged, too.

    A new picture would change its neighbours, so it isn't a Recipe.
    """
    fitted = tuning.fit(vectors, replace(how, dims=2 * how.dims, exponent=how.exponent / 2))
    count = max(1, fitted.neighbours(len(vectors.ids)))
    rows = reranking.augment(fitted.apply(vectors.values), max(1, 3 * count // 4), 2.0)
    half = max(1, count // 2)
    board.add(name, rows, lambda r: reranking.expand(rows[r], rows, half, 2.0, own=r))


def _steps(wanted, also):
    """Return [(name, Recipe)]: from the original to what is wanted, one change at a time."""
    original = ("original", tuning.RECIPES["none"])
    further = [(f"tuned, {also}", tuning.named(also))] if also else []
    if not wanted.dims:  # nothing is tuned, so there are no steps
        return [original, ("tuned", wanted), *further]
    pooled = replace(tuning.RECIPES["none"], pooling=wanted.pooling)
    pooled = replace(pooled, size=wanted.size, keep_aspect=wanted.keep_aspect)
    spread = replace(pooled, spread=wanted.spread, dims=features.VGG16.dim)
    return [
        original,
        ("average", replace(pooled, pooling="avg")),
        ("GeM", pooled),
        ("GeM, spread", spread),
        (f"GeM, spread, {wanted.dims} numbers", replace(wanted, neighbours=0)),
        ("tuned", wanted),
        *further,
    ]


def _extract(how, data, settings):
    precision = features.runtime.choose(settings.precision)[0]  # named, it isn't told each time
    return extractor_for(how, precision, settings).extract(data.pictures, data.name)


def _board(data, ids):
    by_id = {picture.id: picture for picture in data.pictures}
    pictures = [by_id[name] for name in ids]
    count = min(len(pictures), MOST_QUERIES)
    rows = np.linspace(0, len(pictures) - 1, count).astype(int)
    return Scoreboard(relevance.any_shared_label(pictures), rows)


def _facts(data, count, board):
    chance = next(iter(board.measured.values())).means()["chance"]
    return {
        "dataset": data.name,
        "pictures": count,
        "queries": len(board.asked),
        "classes": len(data.classes),
        "chance": chance,
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "rows": board.rows,
    }


def machine() -> str:
    """Return what a measurement depends on: system, processor, cores, memory."""
    fast = ", ".join(sorted(cpu_flags())) or "no special instructions"
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores ({fast}), "
        f"{memory:.0f} GiB, Python {platform.python_version()}"
    )


def write_readme(text: str) -> None:
    """Put a table between the README's two marks; raises ResultsError where they are missing."""
    path = ROOT / "README.md"
    before, begun, rest = path.read_bytes().decode().partition(BEGIN)  # line ends stay as they are
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ResultsError(
            f"README.md lacks the marks between which the table goes. Write {BEGIN} and {END} into "
            "it, each on a line of its own."
        )
    with atomic_write(path) as file:
        file.write(f"{before}{BEGIN}\n{text}{END}{after}".encode())


def table(facts: dict) -> str:
    """Return the measurements as a table in Markdown, with what they were measured on."""
    head = "| setting | bytes a picture | P@1 | P@10 | mAP (95 % interval) |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for row in facts["rows"]:
        low, high = row["map_interval"]
        lines.append(
            f"| {row['setting']} | {row['bytes']:,} | {row['p_at_1']:.3f} | {row['p_at_10']:.3f} "
            f"| {row['map']:.3f} ({low:.3f} to {high:.3f}) |"
        )
    lines += ["", f"*{facts['pictures']:,} pictures of {facts['classes']} classes, "
              f"{facts['queries']:,} queries, chance {facts['chance']:.3f}; {facts['machine']}; "
              f"{facts['date']}.*"]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
