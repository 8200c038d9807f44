"""The page and the REST interface while their Milvus server is away, and when it is back."""

import time
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex

import pytest
import service_kit
from service_kit import Visit, wait_until

from helpers import settings as _settings
from helpers.index import collection
from search_app.service import create_app

pytestmark = [pytest.mark.server, pytest.mark.weights, pytest.mark.slow]
STOPPED = "Milvus stopped answering and could not "


@pytest.fixture
def client(fragile, tmp_path):
    """A client of the service, whose index is on the fragile server."""
    fragile.start()
    own = {"MILVUS_URI": fragile.relay.uri, "MILVUS_TOKEN": fragile.settings.milvus_token}
    app = create_app(_settings.from_environment(service_kit.environment(tmp_path, **own)))
    with service_kit.running(app) as found:
        yield found.wait_until_ready()


def test_the_server_is_killed_and_comes_back(fragile, client, monkeypatch):
    """Visitors and programs are told in time, and find again as soon as it is back."""
    monkeypatch.setattr(collection, "READ_AGAIN", 3)
    address = f"/api/collections/{client.name}"
    picture = client.get(f"{address}/pictures").json()["pictures"][0]["id"]
    asked = {"json": {"id": picture, "k": 5}}
    hits = client.post(f"{address}/search", **asked).json()["hits"]
    visit = Visit(client, token_hex(16))
    visit.send("pick", id=picture)
    shown = visit.until(lambda parts: parts.get("results", {}).get("hits"))
    fragile.server.kill()
    start = time.monotonic()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: client.post(f"{address}/search", **asked), range(4)))
    assert time.monotonic() - start < 20
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json()["detail"].startswith(STOPPED)
    visit.send("pick", id=picture)
    told = visit.until(lambda parts: parts["status"].get("error"))
    assert told.startswith(STOPPED)
    assert visit.parts["results"]["hits"] == shown  # what was found stays on the page
    assert client.get("/healthz").ok
    fragile.start()
    wait_until(lambda: client.post(f"{address}/search", **asked).ok)
    assert names(client.post(f"{address}/search", **asked).json()["hits"]) == names(hits)
    visit.send("pick", id=picture)
    visit.until(lambda parts: visit.heard == visit.number and parts["status"] == {})
    assert names(visit.parts["results"]["hits"]) == names(shown)
    visit.socket.close()


def names(hits):
    """Return the ids of hits; the last digits of a score may change with a restart."""
    return [hit["id"] for hit in hits]
