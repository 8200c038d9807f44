"""The search page: the finished engine for everybody else, and a widget for notebook 04.

In go an `Engine` and what a visitor does; out come messages that the front end in `browser/`
draws. `session` is one visitor; `widget` shows it in a notebook, `service` to everybody else.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(__name__, widget=("SearchApp", "search"))
