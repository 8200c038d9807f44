"""Running and giving the course: figures, the checks behind the exercises, the workshop kit.

Every notebook draws with `plots` and checks answers with `exercises`. `run_notebooks` executes
them all without a browser (`make run`), and `kit` packs everything for a room without internet.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(__name__, run_notebooks=("execute", "notebook_paths"))
