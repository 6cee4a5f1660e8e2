"""Who shares the rate limits: the processes that serve, and no command."""

import dataclasses
from typing import Any

from tests.unit.gateway.conftest import gateway_of

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


def _transport() -> Any:
    return Shares()
