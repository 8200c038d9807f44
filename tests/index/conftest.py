"""Fixtures for all tests of the index."""

from fragile_server import fragile  # noqa: F401
from index_kit import elsewhere, filled, mounted  # noqa: F401
