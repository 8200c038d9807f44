"""How many machines that takes, for how long and for how much money, before anything is bought.

`capacity` says what one server needs; everything here is worked out by it.
"""

from dataclasses import dataclass
from math import ceil, inf

from helpers.scale.capacity import (
    CapacityError,
    Constants,
    core_seconds,
    disk_bytes,
    fit,
    measured,
    memory_bytes,
)

FULL = 0.75  # of a node's memory; beyond 0.9 Milvus loads nothing more, and searching takes some
BUSY = 0.7  # of a node's cores; closer to 1, requests begin to queue


@dataclass(frozen=True)
class Prices:
    """US dollars, and what they buy; every one is an argument, because yours will differ.

    `node`: a query node of 8 GB and 2 cores for an hour (m7g.large); `gpu`: a machine with one A10G
    (g5.xlarge): Amazon EC2 on demand in us-east-1, June 2026, as listed at
    https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/.
    `cpu`: 8 virtual, or 4 real, cores with AVX-512 VNNI (c5.2xlarge): an example in
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/, not a quotation. `disk`: a GB for a
    month, our assumption. `cpu_rate`: pictures a second, twice the 25 that the course measured with
    int8 on two cores. `gpu_rate`: VGG16 in float16 takes 30.5 ms for 32 pictures on a V100
    (PaddlePaddle, float16_benchmark.md); an A10G has as many float16 operations a second on paper.
    Neither decoding on the GPU's machine nor the A10G was measured.
    """

    node: float = 0.0816
    node_memory: float = 8e9
    node_cores: int = 2
    cpu: float = 0.34
    gpu: float = 1.006
    disk: float = 0.10
    cpu_rate: float = 50.0
    gpu_rate: float = 1000.0


HOURS = 730  # in a month


class Shown:
    """What a notebook shows as text, and not as code; a dollar sign begins no formula."""

    def _repr_markdown_(self):
        return str(self).replace("$", r"\$")


@dataclass(frozen=True)
class Capacity(Shown):
    """What so many vectors need; bytes, hours and US dollars; a notebook shows it, and `print`.

    `memory` is that of all replicas; `nodes` are as many query nodes as `bound`, "memory" or
    "searching", takes. `cpu_hours` and `gpu_hours` are how long one machine extracts all pictures,
    `machines` how many it takes to be done in the time wanted. `monthly` is for the nodes, the disk
    and each day's new pictures; `once` for extracting all of them.
    """

    vectors: int
    dim: int
    index_type: str
    replicas: int
    memory: float
    disk: float
    nodes: int
    bound: str
    cpu_hours: float
    gpu_hours: float
    machines: int
    once: float
    monthly: float

    def __str__(self):
        machines = "machine does" if self.machines == 1 else "machines do"
        return (
            f"{self.vectors:,} × {self.dim}, {self.index_type}, replicas: {self.replicas}. "
            f"{size(self.memory)} of memory on {self.nodes:,} query nodes (as many as {self.bound} "
            f"takes), {size(self.disk)} of disk, ${self.monthly:,.0f} a month. Extraction: "
            f"{self.cpu_hours:,.1f} hours on one machine without a GPU, perhaps "
            f"{self.gpu_hours:,.1f} with one; {self.machines:,} {machines} it in the time given, "
            f"for ${self.once:,.0f}."
        )


def size(value: float) -> str:
    """Return bytes as text, such as "5.1 GB"."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= factor:
            return f"{value / factor:,.1f} {unit}"
    return f"{value / 1e3:,.1f} kB"


def needs(
    vectors: int,
    dim: int = 64,
    index_type: str = "HNSW",
    replicas: int = 1,
    searches: float = 10,
    new_per_day: int = 0,
    hours: float = 24,
    gpu: bool = False,
    prices: Prices | None = None,
    constants: Constants | None = None,
) -> Capacity:
    """Return what so many vectors of `dim` numbers need to be searched `searches` times a second.

    All pictures are to be extracted within `hours`, with `gpu`s or without, and `new_per_day` more
    each day. Query nodes hold all replicas, each at most FULL, and answer, each at most BUSY.
    Raises CapacityError for what makes no sense. Sources of the limits: https://milvus.io/docs/
    v2.3.x/load_collection.md (90 % of memory; replicas).
    """
    whole = all(isinstance(one, int) and 0 < one < 10**15 for one in (vectors, dim, replicas))
    if not (whole and 0 < hours < inf and 0 <= searches < inf and 0 <= new_per_day < inf):
        raise CapacityError(
            "Vectors, dimension and replicas must be whole numbers from 1 to 10**15, hours more "
            "than 0, and searches and new pictures at least 0. Choose again."
        )
    prices, by = prices or Prices(), constants or fit(measured())
    rows_only = memory_bytes(vectors, dim, index_type, by) - by.base
    usable = FULL * prices.node_memory - by.base
    costs = (prices.node, prices.cpu, prices.gpu, prices.disk)
    rates = (prices.node_cores, prices.cpu_rate, prices.gpu_rate)
    sound = all(0 <= one < inf for one in costs) and all(0 < one < inf for one in rates)
    if not (sound and 0 < usable < inf):
        raise CapacityError(
            f"A node with {size(prices.node_memory)} has no room for vectors, a rate is 0, or a "
            "price is negative. Give Prices a larger node, rates above 0 and prices from 0."
        )
    busy = searches * core_seconds(vectors, dim, index_type, by) / (BUSY * prices.node_cores)
    holding = replicas * ceil(rows_only / usable)
    nodes = max(holding, ceil(busy))
    disk = disk_bytes(vectors, dim, index_type, by)
    rate, price = (prices.gpu_rate, prices.gpu) if gpu else (prices.cpu_rate, prices.cpu)
    return Capacity(
        vectors,
        dim,
        index_type,
        replicas,
        memory=replicas * rows_only + nodes * by.base,
        disk=disk,
        nodes=nodes,
        bound="memory" if nodes == holding else "searching",
        cpu_hours=vectors / prices.cpu_rate / 3600,
        gpu_hours=vectors / prices.gpu_rate / 3600,
        machines=ceil(vectors / rate / 3600 / hours),
        once=vectors / rate / 3600 * price,
        monthly=nodes * prices.node * HOURS
        + disk / 1e9 * prices.disk
        + new_per_day * 30 / rate / 3600 * price,
    )
