"""Building an index with any parameters, as notebook 03 does; `Index` takes `index_types`'."""

import time
from typing import Any

from helpers.index.errors import MilvusError

TIMEOUT_SECONDS = 120  # for one call, or for one index to be built
TOO_SLOW = (
    f"Milvus has not built the index within {TIMEOUT_SECONDS} seconds; all rows are written. "
    "Open the index again later, or choose another index_type, such as EXACT."
)


def build_index(client: Any, name: str, index_type: str, **parameters: int) -> None:
    """Give the collection `name` an index of this type in place of its own, and load it.

    `client` is what `connect` returns, `index_type` and `parameters` are Milvus' own, such as
    "IVF_FLAT" and nlist=439. The metric is COSINE. Raises MilvusError when it isn't built within
    TIMEOUT_SECONDS, and what pymilvus raises for parameters that Milvus doesn't know.
    """
    if client.list_indexes(name):
        client.release_collection(name, timeout=TIMEOUT_SECONDS)
        client.drop_index(name, "vector", timeout=TIMEOUT_SECONDS)
    create_index(client, name, index_type, **parameters)
    wait_until_built(client, name)
    client.load_collection(name, timeout=TIMEOUT_SECONDS)


def create_index(client: Any, name: str, index_type: str, **parameters: int) -> None:
    """Order an index for a collection that has none. A server goes on building afterwards."""
    index = client.prepare_index_params()
    # Workaround (pymilvus 3.0.2, milvus-lite 3.2.2): a server reads the parameters beside
    # `index_type`, Milvus Lite only inside `params`, else it silently uses its own. So they're
    # given twice. Upstream: none known. Test: test_build_parameters_are_ignored_silently.
    both = {**parameters, "params": parameters}
    index.add_index("vector", index_type=index_type, metric_type="COSINE", params=both)
    client.create_index(name, index, sync=False, timeout=TIMEOUT_SECONDS)


def wait_until_built(client: Any, name: str) -> None:
    """Wait until a server has built the index; Milvus Lite has, of a collection not loaded."""
    # Workaround (milvus 2.3.5): "Finished" comes while rows are pending.
    # Upstream: https://github.com/milvus-io/milvus/issues/40580.
    # Test: test_an_index_is_finished_while_rows_are_pending.
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        state = client.describe_index(name, "vector", timeout=TIMEOUT_SECONDS)
        if state["state"] == "Finished" and not state["pending_index_rows"]:
            return
        time.sleep(0.2)
    raise MilvusError(TOO_SLOW)
