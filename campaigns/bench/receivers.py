"""The creates of a gateway that delivers its events meanwhile: SQLite, 32 connections, more and more endpoints."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from campaigns.bench.figures import columns
from campaigns.bench.load import create_orders
from campaigns.bench.receiver import Receiver, add_endpoint, receiver
from campaigns.bench.servers import gateway, provider

ENDPOINTS = (0, 1, 4, 16)
CONNECTIONS = 32
WARM_UP = 1


class Delivering(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway with so many endpoints, each of which gets every event.

    Attributes:
        rate: Creates in a second.
        p99: Microseconds of a create.
        delivered: Events delivered in a second, to all endpoints together, while the creates ran.
        cpu: Microseconds of processor time for each create, with the deliveries of that time.
        failed: Creates that were refused or broken.
    """

    endpoints: int
    rate: float
    p99: int
    delivered: float
    cpu: float
    failed: int


def measure(tell: Callable[[str], None], seconds: int) -> list[Delivering]:
    """Measure a new gateway for each number of endpoints.

    Raises:
        MeasuringFailedError: A process does not start or answer.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with provider(folder) as (stub, _), receiver(folder) as received:
            measured = []
            for number in ENDPOINTS:
                tell(f"creates with {number} endpoints")
                measured.append(_measured(folder, stub.url, received, number, seconds))
            return measured


def _measured(folder: Path, base_url: str, received: Receiver, endpoints: int, seconds: int) -> Delivering:
    store = f"sqlite:///{folder}/journal-{endpoints}.db"
    with gateway(f"{endpoints} endpoints", folder, base_url, store) as peer:
        for number in range(endpoints):
            add_endpoint(peer, f"{received.url}/{number}")
        create_orders(peer, CONNECTIONS, WARM_UP)
        before = received.received()
        run = create_orders(peer, CONNECTIONS, seconds)
        arrived = received.received() - before
    return Delivering(
        endpoints=endpoints,
        rate=run.rate,
        p99=run.p99,
        delivered=round(arrived * run.rate / run.requests, 1),
        cpu=run.cpu,
        failed=run.failed,
    )


def table(measured: Sequence[Delivering]) -> str:
    """Return the numbers of endpoints as lines of equal columns."""
    head = ("webhook endpoints", "creates/s", "p99 ms", "delivered/s", "CPU µs a create", "failed")
    rows = [
        (
            str(one.endpoints),
            f"{one.rate:,.0f}",
            f"{one.p99 / 1000:.1f}",
            f"{one.delivered:,.0f}",
            f"{one.cpu:,.0f}",
            str(one.failed),
        )
        for one in measured
    ]
    return columns([head, *rows])
