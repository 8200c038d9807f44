"""Running and giving the course: figures, the checks behind the exercises, the workshop kit.

Every notebook draws with `plots` and checks answers with `exercises`. `run_notebooks` executes
them all without a browser (`make run`), and `kit` packs everything for a room without internet.
"""
