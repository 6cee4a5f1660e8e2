"""A caller that comes back with the key of a lost answer: the provider is asked again where that is safe."""

from pathlib import Path

import pytest
from campaigns.simulation.clock import simulate
from campaigns.simulation.operations import OPERATIONS
from campaigns.simulation.process import Process
from campaigns.simulation.world import World, operations

from ordergate.domain.errors import Problem
from ordergate.gateway.writes.retry import RETRY_PAUSES
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal import transactions as tx
from ordergate.spi.wire import WireRequest

ASKS_AGAIN = {"revkeen": True, "rapyd": False}
"""Whether a provider answers a repeated request instead of acting on it again."""


@pytest.mark.parametrize("provider", sorted(ASKS_AGAIN))
@pytest.mark.parametrize("name", ["create", "pay"])
def test_a_retry_of_a_key_asks_the_provider_again_where_it_acts_once(
    provider: str, name: str, folder: Path
) -> None:
    """It gets the answer without any look at the provider's orders; elsewhere nothing is sent a second time."""
    kind = OPERATIONS[provider][name]
    world = World(provider, folder / f"asked-{provider}-{name}.db")
    stage = simulate(world.clock, world.stage(kind.needs))
    world.restore(stage)
    asks = ASKS_AGAIN[provider]
    acting: list[WireRequest] = []

    def lose_first(request: WireRequest) -> str:
        if not request.acts:
            return "none"
        acting.append(request)
        return "answer_lost" if len(acting) <= (1 + len(RETRY_PAUSES) if asks else 1) else "none"

    async def call(process: Process) -> str:
        try:
            await kind.ask(process.gateway, stage.target, CallOptions(key="k1"))
        except Problem as problem:
            return problem.code
        return "answered"

    async def live() -> None:
        async with world.running("first") as process:
            await process.journal.write(tx.leases.renew(process.gateway.node, 10_000))
            world.network.choose = lose_first
            assert await call(process) == "outcome_unknown"
            before = len(acting)
            told = await call(process)
            assert (told, len(acting) - before) == (("answered", 1) if asks else ("outcome_unknown", 0))
            (operation,) = operations(process)[:1]
            assert operation.state == ("succeeded" if asks else "unknown")
            assert [attempt.number for attempt in operation.attempts] == list(range(1, len(acting) + 1))
            assert world.network.effects.total() == 1

    simulate(world.clock, live())
