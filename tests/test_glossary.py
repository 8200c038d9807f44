"""The glossary is in order, its terms are the notebooks' terms, and its links lead somewhere."""

import re

import nbformat
import pytest

from helpers.course.run_notebooks import NOTEBOOKS, notebook_paths
from helpers.settings import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(r"^## (?P<term>.+)\n\n(?P<meaning>(?:.+\n)+)\nNotebook: (?P<link>.+)$", re.M)
ENTRIES = [found.groupdict() for found in ENTRY.finditer(GLOSSARY.read_text(encoding="utf-8"))]
LINK = re.compile(r"\[(?P<title>\d\d · .+)\]\(\.\./notebooks/(?P<file>\S+\.ipynb)\)")
EACH = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["term"])


def prose(path):
    """Return a notebook's Markdown as one text, its white space made single spaces."""
    cells = nbformat.read(path, as_version=4).cells
    return " ".join(" ".join(c.source.split()) for c in cells if c.cell_type == "markdown")


def anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_terms_are_in_alphabetical_order_once_each():
    terms = [entry["term"].lower() for entry in ENTRIES]
    assert len(terms) == GLOSSARY.read_text(encoding="utf-8").count("\n## ")
    assert 25 <= len(terms) <= 40
    assert terms == sorted(set(terms))


@EACH
def test_a_term_occurs_in_the_notebook_that_it_names(entry):
    found = LINK.fullmatch(entry["link"])
    assert found, entry["link"]
    path = NOTEBOOKS / found["file"]
    text = prose(path)
    assert found["title"] in text.split(" **The question:**")[0]
    assert re.search(rf"\b{re.escape(entry['term'])}", text, re.I)


@EACH
def test_a_meaning_is_a_few_sentences(entry):
    assert entry["meaning"].strip().endswith(".")
    assert len(entry["meaning"].split()) <= 60


@pytest.mark.parametrize("path", notebook_paths(), ids=lambda path: path.stem)
def test_links_from_a_notebook_lead_to_a_term(path):
    anchors = {anchor(entry["term"]) for entry in ENTRIES}
    assert set(re.findall(r"glossary\.md#([^)]+)\)", prose(path))) <= anchors


def test_anchors_are_made_as_github_makes_them():
    assert anchor("P@10") == "p10"
    assert anchor("Query expansion") == "query-expansion"
    assert anchor("k-reciprocal re-ranking") == "k-reciprocal-re-ranking"
