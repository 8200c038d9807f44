"""The search page as one widget, for notebook 04 and for Voilà, and a figure where neither runs.

Notebook 04 teaches the search itself; `session.py` does it for a visitor, and this class only
carries messages between it and the browser, where the files in `browser/` draw the page.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import traitlets

from helpers.search.engine import AnyQuery, Engine
from search_app.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BROWSER = Path(__file__).parent / "browser"


class SearchApp(anywidget.AnyWidget):
    """The search page over one Engine, or several of which the visitor chooses.

    Write it as the last line of a cell. `roots` are the folders a visitor may read, by default
    those of BOOTCAMP_ROOTS. `app.session` is the visitor's Session.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    query = traitlets.Dict().tag(sync=True)
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
        self.session = Session(engines, functools.partial(setattr, self), roots)
        self.session.suggest()
        self.on_msg(self._receive)

    def __repr__(self):
        """Say what this is where no browser draws it."""
        return "SearchApp: the search page. Without widgets, use search_app.search(engine, query)."

    def _receive(self, _widget, message, buffers):
        """Acknowledge a message from the page and obey it; a malformed one becomes a sentence."""
        try:
            self.send({"heard": message.get("number")})  # silence means that this kernel is gone
            dispatch(self.session, message, buffers)
        except Exception as error:
            self.session.failed(error)


def dispatch(session: Session, message: dict, buffers: Sequence[memoryview] = ()) -> None:
    """Call the method that `message["do"]` names, one of these and no other."""
    actions = {
        "upload": lambda: session.upload(bytes(buffers[0]), str(message["name"])[:120]),
        "open": lambda: session.open(str(message["text"])[:2000]),
        "pick": lambda: session.pick(str(message["id"])),
        "region": lambda: session.select_region(message["region"]),
        "clear": session.clear,
        "choose": lambda: session.choose(**message["options"]),
        "suggest": session.suggest,
        "large": lambda: session.details.large(str(message["id"])),
        "why": lambda: session.details.why(str(message["id"])),
        "groups": lambda: session.details.groups(message["min_score"]),
        "complete": lambda: session.folder.complete(str(message["text"])),
        "load": lambda: session.folder.load(str(message["text"])),
        "stop": session.folder.stop,
        "unload": lambda: session.folder.unload(message.get("folder")),
        "ping": lambda: None,  # the acknowledgement is the answer
    }
    actions[message["do"]]()


def search(engine: Engine, query: AnyQuery, k: int = 12, **options) -> "Figure":
    """Return the same gallery as a matplotlib Figure, for where no widget can be shown.

    `query`, `k` and `options` (label_filter, min_score) are those of `Engine.search`.
    """
    from helpers.course import plots

    hits = engine.search(query, k, **options)
    known = engine.pictures.get(query) if isinstance(query, str) else None
    shown, labels = (known.path, known.labels) if known else (query, ())
    title = f"{len(hits)} most similar of {engine.index.count():,} pictures"
    return plots.gallery(shown, hits, engine.pictures, title=title, wanted=labels)
