"""The notebook runner gathers facts, writes pages, reports failures, stores only when asked."""

import json

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from helpers.course import editions, run_notebooks

pytestmark = pytest.mark.slow  # each starts kernels


def notebook(tmp_path, *sources, tags=()):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    made.cells[-1].metadata["tags"] = list(tags)
    path = tmp_path / "07_test_it.ipynb"
    nbformat.write(made, path)
    return path


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")
    return tmp_path / "build"


def test_facts_come_from_the_cell_that_is_tagged(tmp_path, build):
    source = "import json; print(json.dumps({'map': 0.5}))"
    done = run_notebooks.execute(notebook(tmp_path, "print('{}')", source, tags=["summary"]))
    assert run_notebooks.summary(done) == {"map": 0.5}
    assert "0.5" in (build / "07_test_it.html").read_text()


def test_a_failing_cell_raises_and_what_ran_is_kept(tmp_path, build):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run_notebooks.execute(notebook(tmp_path, "print('so far so good')", "1 / 0"))
    assert "so far so good" in (build / "07_test_it.html").read_text()


@pytest.mark.parametrize("run", [lambda: run_notebooks.main([]), editions.main])
def test_a_kernel_that_dies_is_told_in_a_sentence(run, tmp_path, build, monkeypatch, capsys):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    notebook(tmp_path, "print('so far so good')", "import os; os.kill(os.getpid(), 9)")
    assert run() == 1
    assert "Kernel died, most often for want of memory." in capsys.readouterr().out
    assert any("so far so good" in page.read_text() for page in build.rglob("07_test_it.html"))


def test_main_runs_all_in_order_and_sums_up(tmp_path, build, monkeypatch, capsys):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    path = notebook(tmp_path, 'print(\'{"dataset": "tiny"}\')', tags=["summary"])
    before = path.read_bytes()
    assert run_notebooks.main([]) == 0
    summary = json.loads((build / "summary.json").read_text())
    assert summary["dataset"] == "tiny"
    assert summary["seconds"]["07_test_it"] >= 0
    assert "07_test_it" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert run_notebooks.main(["--save"]) == 0
    saved = nbformat.read(path, as_version=4)
    assert saved.cells[0].execution_count == 1
    assert "widgets" not in saved.metadata


def test_a_figures_words_become_its_alternative_text(tmp_path, build):
    path = notebook(tmp_path, FIGURE, "2")
    made = nbformat.read(path, as_version=4)
    words = 'We see one.<details><summary>In words</summary>A line that\n"rises".</details>'
    made.cells[1] = nbformat.v4.new_markdown_cell(words, id="after")
    nbformat.write(made, path)
    done = run_notebooks.execute(path)
    assert (
        run_notebooks.figures(done.cells[0])[0].metadata["image/jpeg"].alt == 'A line that "rises".'
    )
    assert 'alt="A line that &quot;rises&quot;."' in (build / "07_test_it.html").read_text()


FIGURE = """
from matplotlib import pyplot as plt
from helpers.course import plots
plots.use_style()
plt.plot([1, 2])
plt.show()
"""


WIDGET = """
import ipywidgets
from matplotlib import pyplot as plt
from helpers.course import plots
plots.WidgetOrFigure(ipywidgets.Button(description="click"), plt.figure())
"""


def test_in_a_page_a_figure_stands_in_for_a_widget(tmp_path, build):
    done = run_notebooks.execute(notebook(tmp_path, WIDGET))
    assert len(done.cells[0].outputs) == 1
    assert "application/vnd.jupyter.widget-view+json" in done.cells[0].outputs[0].data
    page = (build / "07_test_it.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1
    assert "widget-view" not in page


def test_what_would_give_an_exercise_away_is_not_stored(tmp_path, build, monkeypatch):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)
    path = notebook(tmp_path, "print(1)", "print(2)", "print(3)", tags=["solution"])
    made = nbformat.read(path, as_version=4)
    made.cells[1].id = "turn-1-check"
    nbformat.write(made, path)
    assert run_notebooks.main(["--save"]) == 0
    kept = nbformat.read(path, as_version=4).cells
    assert [len(cell.outputs) for cell in kept] == [1, 0, 0]
    assert [cell.execution_count for cell in kept] == [1, None, None]
