"""A process's lease: who shares the rate limits by it, and what it takes to lose it."""

import asyncio
import dataclasses
from typing import Any

import pytest
from tests.unit.gateway.conftest import gateway_of

from ordergate.gateway import recovery
from ordergate.gateway.ports import Journal
from ordergate.gateway.recovery import alive


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
        async with alive(other, drain=0, serves=serves), alive(server, drain=0):
            told.append(server.transport.told)  # type: ignore[attr-defined]

    assert told == [[1], [2]]


class Hanging:
    """A journal of which nothing comes back, once it was asked for the first time, until the fourth."""

    def __init__(self) -> None:
        self.asked = 0

    async def stay_alive(self, node: str, seconds: float, *, serves: bool) -> int:
        self.asked += 1
        if 1 < self.asked < 4:
            await asyncio.Event().wait()
        return 1

    async def forget_dead(self, node: str, held: object) -> int:
        return 0

    async def leave(self, node: str) -> None:
        return None


async def test_a_renewal_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next renewal is tried soon, and the lease that it brings counts from when it was asked for."""
    monkeypatch.setattr(recovery, "LEASE", 0.6)
    hanging: Any = Hanging()
    gateway = dataclasses.replace(gateway_of(hanging), transport=_transport())

    async with alive(gateway, drain=0), asyncio.timeout(20):
        first = gateway.lease.until
        while gateway.lease.until == first:  # noqa: ASYNC110 - the lease tells nobody
            await asyncio.sleep(0.01)

    assert hanging.asked >= 4
    assert gateway.lease.until > first


def _transport() -> Any:
    return Shares()
