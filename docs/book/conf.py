"""How Sphinx turns the course into a site: `make book`.

Nothing is executed: the notebooks' stored outputs are shown. Nothing is fetched either, neither
while building nor while reading; that is why it isn't Jupyter Book 2, which needs Node and
downloads its theme. The sources stay where they are: the source folder is the project's root.
"""

import base64
import hashlib
import json
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]

PAGES = [
    "notebooks/0*.ipynb",
    "docs/glossary.md",
    "docs/final-project.md",
    "docs/rest.md",
    "docs/read-online.md",
    "deploy/*.md",
    "data/README.md",
    "bench/README.md",
    "TEACHING.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
CAPTIONS = ["notebooks/", "docs/", ""]  # a page belongs to the first of these it begins with
TITLES = {"notebooks/": "The notebooks", "docs/": "Look it up", "": "Around the course"}

project = "Reverse image search, hands on"
copyright = "the Reverse Image Search Bootcamp authors"
extensions = ["myst_nb"]
root_doc = "README"
include_patterns = ["README.md", *PAGES]
exclude_patterns = ["build", ".venv*", "**/.ipynb_checkpoints"]

myst_heading_anchors = 4  # links such as glossary.md#cosine, with GitHub's names for headings
nb_execution_mode = "off"
nb_merge_streams = True
# A widget needs a kernel. The page shows what is stored beside it, without a viewer from elsewhere.
WIDGET = "application/vnd.jupyter.widget-view+json"
MOVES = "A widget: you can move it when you run the notebook."
nb_mime_priority_overrides = [("html", WIDGET, None)]
nb_ipywidgets_js = {}

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["page"]
html_css_files = ["book.css"]


def contents():
    """Return the toctrees of the site, which GitHub's view of README.md doesn't need."""
    found = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in found]
    trees = {start: [] for start in CAPTIONS}
    for name in names:
        trees[next(start for start in CAPTIONS if name.startswith(start))].append(name)
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {TITLES[start]}\n\n" + "\n".join(inside) + "\n```\n"
        for start, inside in trees.items()
    )


def add_contents(app, docname, source):
    """Append the table of contents to the first page."""
    if docname == root_doc:
        source[0] += contents()


def say_widgets(app, docname, source):
    """Leave progress bars out, which are stored empty, and say where a widget is to be moved."""
    if not docname.startswith("notebooks/"):
        return
    book = json.loads(source[0])
    for cell in book["cells"]:
        cell["outputs"] = [out for out in cell.get("outputs", []) if not is_bar(out)]
        for data in (out.get("data", {}) for out in cell["outputs"]):
            text = "".join(data.get("text/plain", ""))
            if WIDGET in data and text.startswith(("interactive(", "VBox(", "HBox(")):
                data["text/plain"] = MOVES
        if cell["cell_type"] != "code":
            del cell["outputs"]
    source[0] = json.dumps(book)
    app.env.temp_data["alt"] = descriptions(book)


def is_bar(output):
    """Return whether a stored output is a progress bar: tqdm's text has `%|` in it."""
    data = output.get("data", {})
    return WIDGET in data and "%|" in "".join(data.get("text/plain", ""))


def descriptions(book):
    """Return {SHA-256 of a figure's bytes: its text alternative}; MyST-NB names files so."""
    found = {}
    for output in (out for cell in book["cells"] for out in cell.get("outputs", [])):
        alt = output.get("metadata", {}).get("image/jpeg", {}).get("alt")
        if alt:
            drawn = base64.b64decode("".join(output["data"]["image/jpeg"]))
            found[hashlib.sha256(drawn).hexdigest()] = alt
    return found


def describe_figures(app, doctree):
    """Give every figure its stored text alternative, which MyST-NB would drop."""
    texts = app.env.temp_data.get("alt", {})
    for image in doctree.findall(nodes.image):
        alt = texts.get(Path(image["uri"]).stem)
        if alt:
            image["alt"] = alt


def add_index(app, error):
    """Let a visitor of the folder arrive at the first page."""
    if error is None:
        to = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">'
        page = f'<!doctype html><html lang="en"><title>{project}</title>{to}'
        (Path(app.outdir) / "index.html").write_text(
            f'{page}<a href="{root_doc}.html">{project}</a></html>\n'
        )


def setup(app):
    """Register the functions above with Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("source-read", say_widgets)
    app.connect("doctree-read", describe_figures)
    app.connect("build-finished", add_index)
