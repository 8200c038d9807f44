"""An engine for each file of tests, and one running service for all of them."""

import app_kit
import pytest
import service_kit
from fragile_server import fragile  # noqa: F401


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


@pytest.fixture(scope="module")
def engine(shared_settings, tmp_path_factory):
    """An Engine over 24 pictures, for one file of tests."""
    (engine,) = app_kit.engine(shared_settings, tmp_path_factory.mktemp("engine"))
    yield engine
    engine.index.close()
