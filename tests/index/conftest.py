"""Fixtures for all tests of the index."""

from index_kit import elsewhere, filled, mounted  # noqa: F401
