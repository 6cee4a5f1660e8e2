"""The creates of one gateway with more and more workers on one PostgreSQL: 32 connections."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec
from tests.postgresql import PostgreSQLMissing, start

from campaigns.bench.figures import columns
from campaigns.bench.load import Run, create_orders
from campaigns.bench.servers import MeasuringFailedError, gateway, provider, with_database

WORKERS = (1, 2, 4)
CONNECTIONS = 32
ROUNDS = 2
WARM_UP = 2
CORES = 4
"""Cores that two workers need beside load, provider and database, so that their throughput says something."""


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway with so many workers.

    Attributes:
        rate: Creates in a second: the median of several rounds, each through all numbers of workers.
        p99: Microseconds of a create.
        cpu: Microseconds of processor time of all workers for each create.
        database_cpu: The same of the database's server, if that is known.
        failed: Creates that were refused or broken.
    """

    workers: int
    rate: float
    p99: int
    cpu: float
    database_cpu: float | None
    failed: int


def measure(tell: Callable[[str], None], seconds: int) -> list[Scaled]:
    """Start a gateway for each number of workers, and measure them by turns.

    Raises:
        MeasuringFailedError: There is no PostgreSQL, or a process does not start or answer.
    """
    try:
        server = start(durable=True)
    except PostgreSQLMissing as missing:
        raise MeasuringFailedError(str(missing)) from missing
    with ExitStack() as stack:
        stack.enter_context(server)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stub, _ = stack.enter_context(provider(folder))
        peers = []
        for number in WORKERS:
            options = ("--workers", str(number)) if number > 1 else ()
            started = gateway(f"{number} workers", folder, stub.url, server.new_database(), *options)
            peers.append(stack.enter_context(with_database(started, server)))
        for peer in peers:
            create_orders(peer, CONNECTIONS, WARM_UP)
        rounds = []
        for number in range(ROUNDS):
            tell(f"creates with {', '.join(map(str, WORKERS))} workers, round {number + 1} of {ROUNDS}")
            rounds.append([create_orders(peer, CONNECTIONS, seconds) for peer in peers])
    return [_scaled(number, runs) for number, runs in zip(WORKERS, zip(*rounds, strict=True), strict=True)]


def _scaled(workers: int, runs: Sequence[Run]) -> Scaled:
    database = [run.database_cpu for run in runs if run.database_cpu is not None]
    return Scaled(
        workers=workers,
        rate=median(run.rate for run in runs),
        p99=int(median(run.p99 for run in runs)),
        cpu=median(run.cpu for run in runs),
        database_cpu=median(database) if database else None,
        failed=sum(run.failed for run in runs),
    )


def table(scaled: Sequence[Scaled]) -> str:
    """Return the numbers of workers as lines of equal columns."""
    head = ("workers on PostgreSQL", "creates/s", "p99 ms", "CPU µs", "database's", "failed")
    rows = [
        (
            str(one.workers),
            f"{one.rate:,.0f}",
            f"{one.p99 / 1000:.1f}",
            f"{one.cpu:,.0f}",
            "" if one.database_cpu is None else f"{one.database_cpu:,.0f}",
            str(one.failed),
        )
        for one in scaled
    ]
    return columns([head, *rows])
