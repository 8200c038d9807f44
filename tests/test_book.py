"""The course as a site: complete, whole links, described figures, and nothing from elsewhere."""

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser_kit as kit
import nbformat
import pytest
from needs import require

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/0*.ipynb"))
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class Page(HTMLParser):
    """What a built page loads, links to, can be linked at, and shows."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.ids, self.images = [], [], set(), []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        have = dict(attrs)
        self.ids.add(have.get("id"))
        if LOADS.get(tag) in have:
            self.loads.append(have[LOADS[tag]])
        if tag == "a" and have.get("href"):
            self.links.append(have["href"])
        if tag == "img":
            self.images.append(have)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as `make book` does it."""
    require(find_spec("myst_nb"), "MyST-NB, which builds the site (make setup)")
    folder = tmp_path_factory.mktemp("book")
    command = ["-q", "-W", "--keep-going", "-b", "html", "-c", "docs/book"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *command, "-d", folder / "cache", ".", folder / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_notebook_and_document_has_its_page_and_is_in_the_contents(site, pages):
    names = [f"notebooks/{path.stem}.html" for path in NOTEBOOKS]
    names += [
        "docs/glossary.html",
        "docs/final-project.html",
        "docs/rest.html",
        "docs/read-online.html",
        "deploy/README.html",
    ]
    assert set(names) <= set(pages[site / "README.html"].links)
    assert all((site / name).is_file() for name in names)
    assert "README.html" in pages[site / "index.html"].links


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for path, page in pages.items():
        assert not [load for load in page.loads if urlsplit(load).scheme not in ("", "data")], path
        assert not [load for load in page.loads if load.startswith("//")], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\W*(https?:)?//", sheet.read_text("utf-8")), sheet


def test_links_inside_the_site_lead_somewhere(pages):
    wrong = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = to.is_file() and (
                not parts.fragment or to not in pages or unquote(parts.fragment) in pages[to].ids
            )
            wrong += [] if there else [(path.name, link)]
    assert not wrong


def test_figures_keep_their_text_alternatives(site, pages):
    for notebook in NOTEBOOKS:
        shown = pages[site / "notebooks" / f"{notebook.stem}.html"].images
        alts = {Path(image["src"]).stem: image.get("alt") for image in shown}
        for cell in nbformat.read(notebook, 4).cells:
            for output in cell.get("outputs", []):
                alt = output.get("metadata", {}).get("image/jpeg", {}).get("alt")
                if alt:
                    drawn = base64.b64decode(output.data["image/jpeg"])
                    assert alts[hashlib.sha256(drawn).hexdigest()] == alt


def test_widgets_say_that_they_move_elsewhere_and_bars_are_left_out(site, pages):
    together = "".join(pages[site / "notebooks" / f"{book.stem}.html"].text for book in NOTEBOOKS)
    assert "A widget: you can move it when you run the notebook." in together
    assert "interactive(children" not in together
    assert "VBox(children" not in together
    assert "it/s]" not in together


def test_make_book_builds_what_this_tests():
    made = subprocess.run(
        ["make", "-n", "book"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "sphinx -q -W --keep-going -b html -c docs/book" in made.stdout


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_screen(site, width, scheme):
    require(kit.chromium(), "Chromium (apt-get install chromium)")
    grounds = set()
    with kit.browser() as context:
        for path in [*sorted(site.glob("*/*.html")), site / "README.html"]:
            page = kit.visit(context, path.as_uri(), width)
            page.emulate_media(color_scheme=scheme)
            page.wait_for_load_state("load")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert not page.errors
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            kit.shoot(page, f"book-{path.stem}-{width}-{scheme}")
            page.close()
    assert len(grounds) == 1
    assert (sum(map(int, re.findall(r"\d+", grounds.pop())[:3])) < 384) == (scheme == "dark")


@pytest.mark.browser
def test_the_search_finds_a_term_without_a_server(site):
    require(kit.chromium(), "Chromium (apt-get install chromium)")
    with kit.browser() as context:
        page = kit.visit(context, (site / "search.html").as_uri() + "?q=cosine")
        found = page.locator("ul.search a").first
        found.wait_for(timeout=60_000)
        assert page.locator("ul.search a[href*='glossary']").count()
        kit.shoot(page, "book-search")
