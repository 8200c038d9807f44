"""What notebook 05 writes in the open is what the helpers do."""

import contextlib
import io
import json
import re

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt

from helpers.course.run_notebooks import NOTEBOOKS
from helpers.dataset import Dataset
from helpers.dataset.pictures import Ledger, Picture
from helpers.features import Vectors
from helpers.features.pooling import POOLINGS, l2_normalise
from helpers.search import Engine, metrics, relevance, reranking, tuning

mpl.use("Agg")
COUNT = 140
CELLS = {
    name: {c.id: c.source for c in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells}
    for name in ("03_build_milvus_index", "05_measure_and_tune")
}
FIVE = CELLS["05_measure_and_tune"]
LABELS = (("cat",), ("dog",), ("cat", "sofa"), ("bus",), ("person", "bus"))


class Notebook:
    """The names that cells made so far, over made-up vectors in place of the network's."""

    def __init__(self, folder):
        rng = np.random.default_rng(5)
        middles = rng.gamma(1.0, size=(5, 512))
        kinds = np.arange(COUNT) % 5
        self.names = {}
        imports = [line for line in FIVE["setup"].splitlines() if " import " in f" {line}"]
        exec("\n".join(imports), self.names)
        pictures = [
            Picture(f"p{n:03}", folder / f"p{n:03}.jpg", LABELS[kind])
            for n, kind in enumerate(kinds)
        ]
        self.names |= {
            "data": Dataset("cells", "what a test made", pictures, Ledger(), folder),
            "pictures": pictures,
            "pooled": {
                way: l2_normalise(middles[kinds] + 5 * rng.gamma(1.0, size=(COUNT, 512)))
                for way in POOLINGS
            },
            "by_id": {picture.id: picture for picture in pictures},
            "rows_of": {picture.id: row for row, picture in enumerate(pictures)},
        }
        ids = [picture.id for picture in pictures]
        self.names["made"] = Vectors(ids, self.names["pooled"]["max"], "test")

    def run(self, *cells):
        """Execute cells in order; return what they printed."""
        with contextlib.redirect_stdout(io.StringIO()) as told:
            for cell in cells:
                exec(compile(FIVE[cell], cell, "exec"), self.names)
        plt.close("all")
        return told.getvalue()

    def __getitem__(self, name):
        return self.names[name]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The notebook up to its query expansion."""
    made = Notebook(tmp_path_factory.mktemp("05"))
    rng = np.random.default_rng(6)
    made.names["pixels"] = l2_normalise(rng.standard_normal((COUNT, 768)))
    made.names["colours"] = rng.integers(0, 99, (COUNT, 512)).astype(np.float32)
    made.run("asked", "choices", "bootstrap", "baselines")
    made.run("pooling", "spread", "spread-row", "pca", "whitening", "storage")
    made.run("expansion", "database", "neighbours-verdict")
    return made


def numbers(text):
    """Return every number of the form 0.123 in a text."""
    return [float(found) for found in re.findall(r"[-+]?\d\.\d+", text)]


def test_ndcg_in_the_open_is_the_helpers(notebook):
    told = notebook.run("ndcg")
    by_hand, helper = numbers(told)[-2:]
    assert by_hand == helper
    ours = notebook["ndcg_at_10"]
    gains_of = relevance.label_overlap(notebook["pictures"])
    values = notebook["pooled"]["avg"]
    rows = np.arange(0, COUNT, 9)
    for ranked in metrics.ranked_gains(lambda r: values[r] @ values.T, gains_of, rows):
        gains = ranked[:-1]  # the last rank is empty: it was the query's own
        assert ours(gains, gains) == pytest.approx(metrics.ndcg(gains, gains, k=10))
    few = np.array([0.0, 1.0, 0.5])  # fewer than ten that could be relevant
    ranking = np.array([0.0, 0.0, 0.5] + [0.0] * 7)
    assert ours(ranking, few) == pytest.approx(metrics.ndcg(ranking, few, k=10))


def test_the_bootstrap_in_the_open_is_the_helpers(notebook):
    told = notebook.run("bootstrap")
    *lines, helper = told.splitlines()
    assert len(lines) == 3
    for name, line in zip(("max", "avg"), lines, strict=False):
        expected = metrics.interval(notebook["ap"][name])
        assert numbers(line) == pytest.approx(expected, abs=0.0006)
    assert lines[2].startswith("avg - max")
    assert numbers(lines[2])[1:] == pytest.approx(numbers(helper), abs=0.0011)
    low, high = numbers(helper)
    assert low < numbers(lines[2])[0] < high


def test_pca_in_the_open_is_what_the_recipe_learns(notebook):
    wanted = tuning.RECIPES["224"]
    vectors = Vectors(notebook["made"].ids, notebook["pooled"][wanted.pooling], "test")
    helpers = tuning.fit(vectors, wanted).apply(vectors.values)
    ours = notebook["tuned"]
    assert ours.shape == helpers.shape == (COUNT, 64)
    np.testing.assert_allclose(ours @ ours.T, helpers @ helpers.T, atol=2e-4)
    signs = np.sign((ours * helpers).sum(axis=0))  # which way a direction points means nothing
    np.testing.assert_allclose(ours * signs, helpers, atol=2e-3)


def test_the_shares_of_variance_are_those_of_the_eigenvalues(notebook):
    values = notebook["weighted"](1.25).astype(np.float64)
    strengths = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
    shares = np.cumsum(strengths) / strengths.sum()
    told = dict(re.findall(r"(\d+): (\d+)%", notebook.run("pca").splitlines()[-1]))
    assert told == {str(n): f"{100 * shares[n - 1]:.0f}" for n in (128, 64, 32, 16)}
    notebook.run("whitening", "storage")


def test_channels_between_the_classes_are_those_of_the_definition(notebook):
    """Of the squares of the pictures that have a main class, what isn't within the classes."""
    gem, main = notebook["gem"].astype(np.float64), notebook["main"]
    classes = {*main} - {""}
    assert len(classes) == 3
    for channel in range(0, 512, 37):
        squares = (gem[:, channel] - gem[:, channel].mean()) ** 2
        within = sum(gem[main == name, channel].var() * (main == name).sum() for name in classes)
        expected = (squares[main != ""].sum() - within) / squares.sum()
        assert notebook["informative"][channel] == pytest.approx(expected, abs=1e-3)


def test_expansion_is_the_helpers_and_the_tunings(notebook):
    tuned, count = notebook["tuned"], notebook["count"]
    assert count == tuning.fit(
        Vectors(notebook["made"].ids, notebook["gem"], "test"), tuning.RECIPES["224"]
    ).neighbours(COUNT)
    rows = np.arange(0, COUNT, 11)
    ours = notebook["expanded"]()(rows)
    theirs = reranking.expand(tuned[rows], tuned, count, tuning.RECIPES["224"].power, own=rows)
    np.testing.assert_array_equal(ours, theirs)
    for row, found in zip(rows, ours, strict=True):  # one query at a time, by the definition
        cosines = tuned @ tuned[row]
        near = [n for n in np.argsort(-cosines) if n != row][:count]
        by_hand = tuned[row] + sum(cosines[n] ** 2 * tuned[n] for n in near)
        np.testing.assert_allclose(found, by_hand / np.linalg.norm(by_hand), atol=1e-5)


def test_the_board_knows_every_row_that_the_text_compares(notebook):
    settings = {row["setting"] for row in notebook["board"].rows}
    assert {"diffusion", "k-reciprocal", "both", notebook["tuned_name"]} <= settings
    assert notebook["before_name"] in settings
    sizes = {row["setting"]: row["bytes"] for row in notebook["board"].rows}
    assert sizes["PCA 64, int8"] == 64
    assert sizes["PCA, 64 numbers"] == 256


class FakeIndex:
    """What Engine.combined asks an index for."""

    def __init__(self, ids, values):
        self.rows = dict(zip(ids, values, strict=True))

    def vector(self, name):
        return self.rows[name]


def test_feedback_is_the_engines_query(notebook):
    notebook.run("feedback")
    ids, tuned = notebook["made"].ids, notebook["tuned"]
    engine = Engine(None, FakeIndex(ids, tuned), notebook["data"])
    seen = set()
    for row in range(0, COUNT, 13):
        for rounds in (0, 1, 2, 13):  # after 13, few are left to mark
            query, marked = notebook["marks_of"](row, rounds)
            assert len(marked) == len(set(marked)) == 10 * rounds
            assert row not in marked
            relevant = notebook["gains_of"]([row])[0] > 0
            liked = [ids[row], *(ids[n] for n in marked if relevant[n])]
            unlike = [ids[n] for n in marked if not relevant[n]]
            np.testing.assert_allclose(query, engine.combined(liked, unlike), atol=1e-5)
            seen.add((len(liked) > 1, bool(unlike)))
    assert (True, True) in seen


def test_the_first_marks_are_the_first_ten_hits(notebook):
    notebook.run("feedback")
    tuned = notebook["tuned"]
    for row in (3, 50, 101):
        _, marked = notebook["marks_of"](row, 1)
        nearest = [n for n in np.argsort(-(tuned @ tuned[row])) if n != row][:10]
        assert {*marked} == {*nearest}


def test_what_is_learned_on_a_half_is_the_recipes(notebook):
    notebook.run("split", "split-half", "split-tuned")
    assert len(notebook["halves"]["train"]) == len(notebook["halves"]["val"]) == COUNT // 2
    rows, wanted = notebook["halves"]["val"], tuning.RECIPES["224"]
    vectors, ask = notebook["tuned_by"](wanted, rows)
    alone = Vectors([*rows], notebook["pooled"]["gem"][rows], "here")
    fitted = tuning.fit(alone, wanted)
    np.testing.assert_array_equal(vectors, fitted.apply(alone.values))
    expected = reranking.expand(vectors, vectors, COUNT // 2 // 30, 2.0, own=np.arange(len(rows)))
    np.testing.assert_array_equal(ask(np.arange(len(rows))), expected)
    among = relevance.only_among(notebook["gains_of"], np.isin(np.arange(COUNT), rows))
    values = notebook["pooled"]["max"]
    told = notebook["half"]("val", tuning.RECIPES["none"]).means()
    whole = metrics.evaluate(lambda r: values[r] @ values.T, among, rows).means()
    assert told == pytest.approx(whole)


def test_queries_from_outside_are_not_in_the_database(notebook):
    notebook.run("split", "split-half", "split-tuned", "choose", "confirm", "folds")
    values, gains_of = notebook["pooled"]["max"], notebook["gains_of"]
    found = notebook["outsiders"](tuning.RECIPES["none"], 2)
    out = np.flatnonzero(np.arange(COUNT) % 5 == 2)
    among = relevance.only_among(gains_of, ~np.isin(np.arange(COUNT), out))
    expected = metrics.evaluate(lambda r: values[r] @ values.T, among, out)
    np.testing.assert_allclose(found.ap, expected.ap)
    np.testing.assert_allclose(found.p_at_10, expected.p_at_10)


def test_the_crowd_is_notebook_03s():
    """The same made-up vectors for the same seed, whatever the two cells' words."""
    real = l2_normalise(np.random.default_rng(1).standard_normal((90, 512)))
    made = []
    for source in (CELLS["03_build_milvus_index"], FIVE):
        (cell,) = [text for text in source.values() if "def crowd(" in text]
        body = cell[cell.index("def crowd(") :]
        body = re.split(r"\n\n\n|\n(?=\S)", body)[0]
        names = {"np": np, "l2_normalise": l2_normalise, "rng": np.random.default_rng(0)}
        names["normalise"] = l2_normalise
        exec(body, names)
        made.append(names["crowd"](real, 200))
    np.testing.assert_allclose(*made, atol=1e-6)
    assert made[0].shape == (200, 512)


def test_the_summary_tells_the_board(notebook):
    facts = json.loads(notebook.run("summary"))
    rows = {row["setting"]: row["map"] for row in notebook["board"].rows}
    assert facts == {
        "map_original": round(rows["original"], 4),
        "map_tuned": round(rows[notebook["tuned_name"]], 4),
    }
