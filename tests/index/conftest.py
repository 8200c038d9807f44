"""Fixtures for all tests of the index."""

from index_kit import filled, mounted  # noqa: F401
from milvus_server import running_server, there  # noqa: F401
