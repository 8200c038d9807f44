"""Execute every notebook in order, without a browser: `python -m helpers.course.run_notebooks`.

Each one becomes `build/NN_….html`, and what they measured becomes `build/summary.json`. With
`--save` the outputs also go back into the notebooks, which is how the stored ones are made.

A figure in words is a folded line below it, `<details><summary>In words</summary>…</details>`;
it also becomes the figure's alternative text.
"""

import argparse
import html
import itertools
import json
import logging
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from helpers.files import atomic_write, write_json
from helpers.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
IN_WORDS = re.compile(r"<details><summary>In words</summary>(.+?)</details>", re.S)
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
BEGUN, DONE = "iopub.execute_input", "shell.execute_reply"  # nbclient's names of its timings
QUIET = logging.getLogger(f"{__name__}.quiet")
QUIET.setLevel(logging.ERROR)
METADATA = {  # the same on every machine
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook_paths() -> list[Path]:
    """Return the numbered notebooks in the order in which they are taught."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def execute(path: Path, timeout: float = 3600, pages: Path | None = None) -> NotebookNode:
    """Return the notebook at `path`, executed in its own folder with a fresh kernel.

    `timeout` is how many seconds one cell may take; `pages` is the folder of the HTML page, which
    is build/ by default. A failing cell raises CellExecutionError; what ran before it is in the
    page all the same.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    # Workaround for nbclient 0.11: its Output widget sends on the socket whose answer is awaited,
    # which can lose the wake-up, and then the run waits for ever. Test: none, it takes hours.
    client.widget_registry.clear()
    try:
        client.execute(stderr=subprocess.DEVNULL)  # cells' own messages come with their outputs
    finally:
        notebook.metadata.pop("widgets", None)  # in a page, a figure stands in for what can't run
        describe_figures(notebook)
        with atomic_write((pages or BUILD) / f"{path.stem}.html") as file:
            file.write(page_of(notebook, path.stem.replace("_", " ")).encode())
    return notebook


def told(error: Exception) -> str:
    """Return what one of FAILURES says, and of a kernel that died why it probably did."""
    died = isinstance(error, DeadKernelError)
    memory = ", most often for want of memory. Close other programs and run it again."
    return f"{error}{memory}" if died else str(error)


def describe_figures(notebook: NotebookNode) -> None:
    """Give every figure in an executed notebook its words as alternative text."""
    for cell, below in itertools.pairwise(notebook.cells):
        words = IN_WORDS.search(below.source)
        for output in figures(cell) if words else ():
            output.metadata["image/jpeg"] = {"alt": " ".join(words[1].split())}


def figures(cell):
    """Return the outputs of a cell that are figures."""
    return [output for output in cell.get("outputs", ()) if "image/jpeg" in output.get("data", {})]


def page_of(notebook, name):
    """Return an executed notebook as HTML; nbconvert's template drops alternative texts."""
    resources = {"metadata": {"name": name}}
    exporter = HTMLExporter(embed_images=True, log=QUIET)  # it would warn of what is mended below
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    drawn = [output for cell in notebook.cells for output in figures(cell)]
    texts = iter([output.metadata.get("image/jpeg", {}).get("alt", "") for output in drawn])
    return re.sub(
        r'alt="No description has been provided for this image"',
        lambda _: f'alt="{html.escape(next(texts, ""))}"',
        page,
    )


def save(notebook, path):
    """Store an executed notebook without timings, widget state and what would spoil an exercise."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and spoils(cell):
            cell.outputs, cell.execution_count = [], None
    write(notebook, path)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook to `path`, the whole of it or nothing."""
    with atomic_write(path) as file:
        file.write(as_bytes(notebook))


def as_bytes(notebook: NotebookNode) -> bytes:
    """Return a notebook as the bytes of its file."""
    return nbformat.writes(notebook).encode() + b"\n"


def spoils(cell):
    """Return whether a cell's output would give an exercise away: its solution's or check's."""
    solution = "solution" in cell.metadata.get("tags", ())
    return solution or re.fullmatch(r"turn-.+-check", cell.id) is not None


def summary(notebook):
    """Return what the cells tagged `summary` printed as JSON, merged into one dict."""
    tagged = [cell for cell in notebook.cells if "summary" in cell.metadata.get("tags", [])]
    outputs = [output for cell in tagged for output in cell.outputs]
    printed = [json.loads(output.text) for output in outputs if output.get("name") == "stdout"]
    return {name: value for facts in printed for name, value in facts.items()}


def cell_seconds(notebook: NotebookNode) -> dict[str, float]:
    """Return {cell id: how many seconds it took} for the cells that nbclient has timed."""
    found = {}
    for cell in notebook.cells:
        times = cell.metadata.get("execution", {})
        if BEGUN in times and DONE in times:
            begun, done = (datetime.fromisoformat(times[name]) for name in (BEGUN, DONE))
            found[cell.id] = round((done - begun).total_seconds(), 2)
    return found


def main(arguments=None):
    """Run all notebooks, one progress line each; return the exit status of the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true", help="store the outputs in the notebooks")
    storing = parser.parse_args(arguments).save
    facts, seconds, cells = {}, {}, {}
    for path in notebook_paths():
        start = time.perf_counter()
        print(f"{path.stem:32}", end=" ", flush=True)
        try:
            notebook = execute(path)
        except FAILURES as error:
            print(f"FAILED\n{told(error)}\nThe cells before it are in build/{path.stem}.html.")
            return 1
        seconds[path.stem] = round(time.perf_counter() - start, 1)
        print(f"{seconds[path.stem]:6.1f} s", flush=True)
        facts |= summary(notebook)
        cells[path.stem] = cell_seconds(notebook)
        if storing:
            save(notebook, path)
    facts["seconds"] = seconds
    write_json(BUILD / "summary.json", facts, indent=2)
    write_json(BUILD / "cells.json", cells, indent=2)  # for helpers.course.minutes
    print(json.dumps(facts, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
