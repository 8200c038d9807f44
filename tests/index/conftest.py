"""Fixtures for all tests of the index."""

from index_kit import filled, mounted  # noqa: F401
