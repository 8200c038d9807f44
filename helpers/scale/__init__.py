"""Notebook 06: many users and millions of pictures.

In go the pictures and vectors of the other chapters; out come the same vectors from many machines,
what a server can carry, and what a larger one would need.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(__name__)
