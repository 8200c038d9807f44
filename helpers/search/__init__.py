"""Notebook 04: the search engine, and the measures that say how good it is.

In goes a picture, out come `Hit`s, best first: `engine` is the only place where a data set, an
extractor and an index meet. `metrics` scores rankings, in notebook 03 too.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(__name__, engine=("Engine", "open_engine"))
