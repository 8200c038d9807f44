"""Two editions of the notebooks for a class: `python -m helpers.course.editions`.

`build/learner/` has neither solutions nor outputs, to be handed out; `build/instructor/` has
everything, executed on the data set that the settings name, with a page of each.
"""

import copy
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.course import run_notebooks


def learner(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without the cells tagged `solution` and without outputs."""
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if "solution" not in cell.metadata.get("tags", ())]
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made


def instructor(path: Path, folder: Path) -> NotebookNode:
    """Return the notebook at `path`, executed and unfolded, with its page in `folder`."""
    made = run_notebooks.execute(path, pages=folder)
    for cell in made.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("jupyter", None)
    return made


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook; one of that name with other contents stays, as `NAME.before.ipynb`."""
    if path.exists() and path.read_bytes() != run_notebooks.as_bytes(notebook):
        path.replace(path.with_suffix(".before.ipynb"))
    run_notebooks.write(notebook, path)


def main() -> int:
    """Write both editions into build/; return the exit status of the process."""
    handed_out, kept = run_notebooks.BUILD / "learner", run_notebooks.BUILD / "instructor"
    for path in run_notebooks.notebook_paths():
        write(learner(nbformat.read(path, as_version=4)), handed_out / path.name)
        print(f"{path.stem:32}", end=" ", flush=True)
        try:
            write(instructor(path, kept), kept / path.name)
        except run_notebooks.FAILURES as error:
            page = kept / f"{path.stem}.html"
            print(f"FAILED\n{run_notebooks.told(error)}\nThe cells before it are in {page}.")
            return 1
        print("both editions", flush=True)
    print(f"For learners: {handed_out}\nFor instructors: {kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
