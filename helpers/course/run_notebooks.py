"""Execute every notebook in order, without a browser: `python -m helpers.course.run_notebooks [--save]`.

Each one becomes `build/NN_….html`, and what they measured becomes `build/summary.json`. `--save`
also writes the outputs back into the notebooks, which is how the stored ones are made.
"""

import argparse
import json
import subprocess
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from helpers.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"


def notebook_paths():
    """Return the numbered notebooks in the order in which they are taught."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def execute(path, timeout=3600):
    """Return the notebook at `path`, executed in its own folder with a fresh kernel.

    A cell that fails raises CellExecutionError, after the notebook so far was written as HTML;
    `timeout` is the seconds that one cell may take.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)  # cells' own messages come with their outputs
    finally:
        write_html(notebook, BUILD / f"{path.stem}.html")
    return notebook


def write_html(notebook, target):
    """Write a notebook as one self-contained HTML page."""
    target.parent.mkdir(parents=True, exist_ok=True)
    exporter = HTMLExporter(embed_images=True)
    page, _ = exporter.from_notebook_node(
        notebook, resources={"metadata": {"name": target.stem.replace("_", " ")}}
    )
    target.write_text(page, encoding="utf-8")


def measured(notebook):
    """Return what the notebook's cells tagged `summary` printed as JSON, merged into one dict."""
    facts = {}
    for cell in notebook.cells:
        if "summary" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if output.output_type == "stream":
                    facts |= json.loads(output.text)
    return facts


def clean(notebook):
    """Remove what differs between two runs or machines: times, counts' gaps, widget state."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def main(arguments=None):
    """Run all notebooks, one progress line each; return the process' exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true", help="store the outputs in the notebooks")
    save = parser.parse_args(arguments).save
    summary, seconds = {}, {}
    for path in notebook_paths():
        start = time.perf_counter()
        print(f"{path.stem:32}", end=" ", flush=True)
        try:
            notebook = execute(path)
        except CellExecutionError as error:
            print(f"FAILED\n{error}\nThe cells before it are in build/{path.stem}.html.")
            return 1
        seconds[path.stem] = round(time.perf_counter() - start, 1)
        print(f"{seconds[path.stem]:6.1f} s", flush=True)
        summary |= measured(notebook)
        if save:
            nbformat.write(clean(notebook), path)
    text = json.dumps(summary | {"seconds": seconds}, indent=2)
    (BUILD / "summary.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
