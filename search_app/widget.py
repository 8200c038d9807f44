"""The search page: one widget for notebook 04 and for Voila, and a figure where neither runs.

Notebook 04 teaches the search itself; `page/session.py` does it for a visitor, and this class only
carries messages between it and the browser, where the files in `page/browser/` draw the page.
"""

import functools
from pathlib import Path

import anywidget
import traitlets

from search_app.session import Session

BROWSER = Path(__file__).parent / "browser"
SCRIPTS = (
    "dom", "line", "query", "region", "controls", "gallery", "dialogs", "folder", "groups", "main",
)  # fmt: skip


class SearchApp(anywidget.AnyWidget):
    """The search page over one Engine, or several of which the visitor chooses.

    Write it as the last line of a cell. `roots` are the folders a visitor may read; by default
    those of `safe_paths.default_roots`. `app.session` is the visitor's Session.
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
    places = traitlets.Dict().tag(sync=True)
    groups = traitlets.Dict().tag(sync=True)

    def __init__(self, *engines, roots=None):
        """Open a session on `engines`, show some pictures to click on, and listen."""
        script = "\n".join((BROWSER / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
        super().__init__(_esm=script, _css=(BROWSER / "app.css").read_text("utf-8"))
        self.session = Session(list(engines), functools.partial(setattr, self), roots)
        self.session.suggest()
        self.on_msg(self._receive)

    def __repr__(self):
        """Say what this is where no browser draws it."""
        return "SearchApp: the search page. Without widgets, use widgets.search(engine, picture)."

    def _receive(self, _widget, message, buffers):
        """Acknowledge what the page asks for and do it; what is malformed is told, not raised."""
        try:
            self.send({"heard": message.get("number")})  # silence means that this kernel is gone
            perform(self.session, message, buffers)
        except Exception as error:
            self.session.failed(error)


def perform(session, message, buffers=()):
    """Call the one of the Session's methods that `message["do"]` names; nothing else can be."""
    actions = {
        "upload": lambda: session.upload(bytes(buffers[0]), str(message["name"])[:120]),
        "open": lambda: session.open(str(message["text"])[:2000]),
        "pick": lambda: session.pick(str(message["id"])),
        "part": lambda: session.part(message["region"]),
        "remove": session.remove,
        "choose": lambda: session.choose(**message["options"]),
        "suggest": session.suggest,
        "large": lambda: session.views.large(str(message["id"])),
        "why": lambda: session.views.why(str(message["id"])),
        "groups": lambda: session.views.groups(message["min_score"]),
        "complete": lambda: session.folder.complete(str(message["text"])),
        "load": lambda: session.folder.load(str(message["text"])),
        "stop": session.folder.stop,
        "take out": lambda: session.folder.remove(message.get("folder")),
        "ping": lambda: None,  # the acknowledgement is the answer
    }
    return actions[message["do"]]()


def search(engine, query, k=12, label_filter=None, min_score=None):
    """Return the same gallery as a static matplotlib Figure, for where no widget can be shown.

    `query` is whatever `Engine.search` takes: a path, bytes, a PIL image or an indexed id.
    """
    from helpers.course import plots

    hits = engine.search(query, k, label_filter, min_score)
    known = engine.pictures.get(query) if isinstance(query, str) else None
    shown = known.path if known else query
    title = f"{len(hits)} most similar of {engine.index.count():,} pictures"
    labels = known.labels if known else ()
    return plots.gallery(shown, hits, engine.pictures, title=title, wanted=labels)
