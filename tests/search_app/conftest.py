"""One running service for all test files of the page and the REST interface."""

import pytest
import service_kit


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """(client, app, folder): the real service over 24 real photographs; started once."""
    folder = tmp_path_factory.mktemp("service")
    with service_kit.service(folder) as (client, app):
        yield client, app, folder


@pytest.fixture
def client(served):
    return served[0]


@pytest.fixture
def app(served):
    return served[1]


@pytest.fixture
def root(served):
    """The folder that visitors may name; a test makes its own folders in it."""
    return served[2] / "open"


@pytest.fixture
def photo(served):
    """The bytes of a photograph that is in the index."""
    return next((served[2] / "VOC2012" / "JPEGImages").glob("*.jpg")).read_bytes()
