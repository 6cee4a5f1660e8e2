"""A process's lease: who shares the rate limits by it, and what it takes to lose it."""

import asyncio
import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders import NOON
from tests.contract.conftest import claimed, ended
from tests.unit.gateway.conftest import gateway_of

from ordergate.domain.operation import Probe
from ordergate.gateway.writes import lease
from ordergate.gateway.writes.lease import leased
from ordergate.gateway.writes.recovery import _end_delayed_probe
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.journal.transaction import Transaction


class Shares:
    """A transport that notes among how many it shares."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def share_among(self, nodes: int) -> None:
        self.told.append(nodes)


async def test_a_command_takes_no_part_of_the_rate_limits(journal: Journal) -> None:
    """Beside a command a process that serves has the limits to itself; beside another that serves, half of them."""
    told = []
    for serves in (False, True):
        server, other = (
            dataclasses.replace(gateway_of(journal), node=name, transport=_transport()) for name in ("a", "b")
        )
        async with leased(other, drain=0, serves=serves), leased(server, drain=0):
            told.append(server.transport.told)  # type: ignore[attr-defined]

    assert told == [[1], [2]]


class Hanging:
    """A journal of which nothing comes back, once it was asked for the first time, until the fourth."""

    def __init__(self) -> None:
        self.asked = 0

    async def write(self, transaction: Transaction[Any]) -> int:
        if transaction.name == "leases.renew":
            self.asked += 1
            if 1 < self.asked < 4:
                await asyncio.Event().wait()
        return 1


async def test_a_renewal_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next renewal is tried soon, and the lease that it brings counts from when it was asked for."""
    monkeypatch.setattr(lease, "LEASE", 0.6)
    hanging: Any = Hanging()
    gateway = dataclasses.replace(gateway_of(hanging), transport=_transport())

    async with leased(gateway, drain=0), asyncio.timeout(60):
        first = gateway.work.lease.until
        while gateway.work.lease.until == first:  # noqa: ASYNC110 - the lease tells nobody
            await asyncio.sleep(0.01)

    assert hanging.asked >= 4
    assert gateway.work.lease.until > first


def _transport() -> Any:
    return Shares()


@pytest.mark.parametrize(
    ("found", "looks", "again"),
    [("absent", 1, False), ("unclear", 1, True), ("unclear", 19, True), ("unclear", 20, False)],
)
async def test_a_late_look_that_could_not_see_is_repeated(
    journal: SqliteJournal, tmp_path: Path, found: str, looks: int, *, again: bool
) -> None:
    """It is taken up once more after a while, up to twenty times; one that saw nothing is the last."""
    gateway = gateway_of(journal)
    begun = await claimed(journal)
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None, probe_in=0))
    (taken,) = await journal.write(tx.leases.acquire_due(gateway.node, 1))
    probes = tuple(Probe(at=NOON, found=found) for _ in range(looks))

    await _end_delayed_probe(gateway, msgspec.structs.replace(taken.operation, probes=probes))

    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        ((due_at,),) = connection.execute("SELECT due_at FROM operations").fetchall()
    assert (due_at is not None) is again
    if again:
        now = (await journal.read(tx.health.time_now())).timestamp() * 1000
        assert due_at > now, "it is looked at later"
