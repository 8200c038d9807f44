"""Notebook 04 and notebook 05: the search engine, its tuning, and how good it is.

In goes a picture, or several, out come `Hit`s, best first: `engine` is the only place where a data
set, an extractor, a tuning and an index meet. `metrics` scores rankings, in notebook 03 too, by
what `relevance` says is relevant; `reranking` has what notebook 05 compares `tuning` with.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    engine=("Engine", "open_engine"),
    tuning=("Recipe", "Tuning", "TuningError"),
)
