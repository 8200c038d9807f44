"""A cluster of Ray, or this computer as one: joined, shared out, and left again.

https://docs.ray.io/en/latest/cluster/getting-started.html
"""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from helpers.errors import PlainError
from helpers.features import runtime


class ClusterError(PlainError, RuntimeError):
    """Ray isn't installed, no cluster answers, or its workers can't do what they should."""


@contextmanager
def connected(address: str, workers: int | None) -> Iterator[tuple[int, int]]:
    """Yield (workers, processors of each) of a cluster, and let go of it afterwards."""
    # Ray reads these where its processes start: no reports home, and (ray 2.60.0) no warning about
    # the arguments that Ray Data itself gives its actors.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            f"Ray isn't installed ({error}). Install it with: pip install '.[scale]'"
        ) from None
    ours = not ray.is_initialized()
    try:
        if ours:
            with runtime.silence_stderr():
                _start(ray, address)
        nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        yield share(nodes, workers)
    finally:
        if ours:
            ray.shutdown()


def _start(ray, address):
    """Start Ray on this machine, or join the cluster at `address`."""
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == "local":
        small = {"include_dashboard": False, "object_store_memory": 300 * 2**20}
        try:
            ray.init("local", num_cpus=os.cpu_count(), **small, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"Ray didn't start on this computer ({' '.join(str(error).split())[:160]}). If it "
                "timed out, close other programs and run this again."
            ) from None
        return
    try:
        # Workaround (ray 2.60.0): where a cluster was killed its address is still noted, and `init`
        # tries it for minutes; so it is looked up and knocked at first. Upstream: none known.
        # Test: test_nobody_answers.
        if address == "auto":
            from ray._private.services import canonicalize_bootstrap_address

            address = canonicalize_bootstrap_address("auto") or "auto:"
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), 10).close()
        code = Path(__file__).resolve().parents[1]
        ray.init(address, runtime_env={"py_modules": [str(code)]}, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"No Ray cluster answers at {address} ({' '.join(str(error).split())[:160]}). Start "
            "one with `ray start --head --port=6379`, let the other machines join it with "
            "`ray start --address=HOST:6379`, and give this HOST:6379, or auto on one of them."
        ) from None


def share(nodes: Sequence[float], workers: int | None = None) -> tuple[int, int]:
    """Return (workers, processors of each) for machines with so many processors.

    Without `workers`, each machine has one, or several where it's a multiple of the smallest; else
    each gets as many processors as fit so many workers. There are never more than processors.
    """
    nodes = [int(processors) for processors in nodes if processors >= 1]
    if not nodes:
        raise ClusterError(
            "The cluster has no processors. Start Ray on a machine with `ray start`."
        )
    if workers is None:
        return sum(one // min(nodes) for one in nodes), min(nodes)
    workers = max(1, min(workers, sum(nodes)))
    sizes = range(max(nodes), 0, -1)
    return workers, next(size for size in sizes if sum(one // size for one in nodes) >= workers)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what Ray raises as a ClusterError, or as the PlainError that a worker met."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, PlainError):
            raise cause from None
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterError(
            f"The workers stopped ({lines[-1].strip()[:200]}). What they did is kept: run it again "
            "when the cluster is well; `ray status` and its dashboard say more."
        ) from None
