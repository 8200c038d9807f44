"""The search page as a widget, for notebook 04, and a figure where no widget runs.

Notebook 04 writes the search itself; `session.py` does it for a visitor, and this class only
carries messages between it and the browser, where the files in `browser/` draw the page.
"""

import contextlib
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import traitlets

from helpers.errors import PlainError
from helpers.search.engine import AnyQuery, Engine
from search_app.catalogue import Catalogue
from search_app.messages import dispatch
from search_app.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BROWSER = Path(__file__).parent / "browser"


class SearchApp(anywidget.AnyWidget):
    """The search page over one Engine, or several of which the visitor chooses.

    Write it as the last line of a cell. `roots` are the folders a visitor may read, by default
    those of BOOTCAMP_ROOTS. `app.session` is the visitor's Session; `app.close()` ends it.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    query = traitlets.Dict().tag(sync=True)
    marks = traitlets.Dict().tag(sync=True)
    results = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    samples = traitlets.List().tag(sync=True)
    large = traitlets.Dict().tag(sync=True)
    why = traitlets.Dict().tag(sync=True)
    folder = traitlets.Dict().tag(sync=True)
    completions = traitlets.Dict().tag(sync=True)
    groups = traitlets.Dict().tag(sync=True)

    def __init__(self, *engines: Engine, roots: Iterable[Path | str] | None = None):
        """Open a session on `engines`, show some pictures to click on, and listen."""
        script = "\n".join(path.read_text("utf-8") for path in sorted(BROWSER.glob("*.js")))
        super().__init__(_esm=script, _css=(BROWSER / "app.css").read_text("utf-8"))
        self.catalogue = Catalogue(engines, roots)
        self.catalogue.offer_again()
        self.session = Session(self.catalogue, functools.partial(setattr, self))
        self.session.suggest()
        self.on_msg(self._receive)

    def __repr__(self):
        """Say what this is where no browser draws it."""
        return "SearchApp: the search page. Without widgets, use search_app.search(engine, query)."

    def _repr_mimebundle_(self, **options):
        """Add what a page that can't run widgets shows: a figure, one of our pictures' hits."""
        from helpers.course import plots

        data, metadata = super()._repr_mimebundle_(**options)
        with contextlib.suppress(PlainError):  # a file that is gone mustn't take the page with it
            engine = self.session.engine
            data["image/jpeg"] = plots.jpeg(search(engine, engine.dataset.pictures[0].id, k=11))
        return data, metadata

    def close(self) -> None:
        """End the visit, and take the page out of the notebook."""
        self.session.close()
        super().close()

    def _receive(self, _widget, message, buffers):
        """Acknowledge a message from the page and act on it; a malformed one becomes a sentence."""
        try:
            self.send({"heard": message.get("number")})  # silence means that this kernel is gone
            dispatch(self.session, message, buffers)
        except Exception as error:
            self.session.failed(error)


def search(engine: Engine, query: AnyQuery, k: int = 12, **options) -> "Figure":
    """Return the same gallery as a matplotlib Figure, for where no widget can be shown.

    `query`, `k` and `options` (label_filter, min_score) are those of `Engine.search`.
    """
    from helpers.course import plots

    hits = engine.search(query, k, **options)
    known = engine.pictures.get(query) if isinstance(query, str) else None
    shown, labels = (known.path, known.labels) if known else (query, ())
    title = f"The {len(hits)} most similar of {engine.index.count():,} pictures"
    return plots.gallery(shown, hits, engine.pictures, title=title, wanted=labels)
