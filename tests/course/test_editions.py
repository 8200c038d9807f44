"""A learner's edition gives nothing away, and making it again loses nobody's work."""

import nbformat

from helpers.course import editions


def notebook():
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(f"print({n})", id=f"c{n}") for n in range(3)]
    made.cells[1].metadata["tags"] = ["solution"]
    made.cells[2].outputs = [nbformat.v4.new_output("stream", text="2\n")]
    made.cells[2].execution_count = 7
    return made


def test_solutions_and_outputs_are_dropped_and_the_original_is_not_changed():
    given = notebook()
    made = editions.learner(given)
    assert [cell.id for cell in made.cells] == ["c0", "c2"]
    assert not made.cells[1].outputs
    assert made.cells[1].execution_count is None
    assert len(given.cells) == 3
    assert given.cells[2].outputs


def test_what_somebody_wrote_into_an_edition_is_kept(tmp_path):
    path, before = tmp_path / "01_a.ipynb", tmp_path / "01_a.before.ipynb"
    editions.write(notebook(), path)
    editions.write(notebook(), path)
    assert not before.exists()
    path.write_text("a learner's work")
    editions.write(notebook(), path)
    assert before.read_text() == "a learner's work"
    assert len(nbformat.read(path, as_version=4).cells) == 3
