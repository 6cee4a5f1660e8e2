"""A process that stands still may have lost its lease meanwhile: it does nothing that it recorded before."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from campaigns.simulation.clock import at_once, simulate
from campaigns.simulation.operations import OPERATIONS, Kind, Target
from campaigns.simulation.process import Process
from campaigns.simulation.world import World, alarms, disagreements, operations, read_again, unsettled

from ordergate.domain.errors import Problem
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.runtime.runtime import Answer
from ordergate.gateway.writes.lease import LEASE
from ordergate.gateway.writes.plans import SEND_WITHIN
from ordergate.gateway.writes.recovery import run_due
from ordergate.gateway.writes.retry import NO_TRACE
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal import transactions as tx

SENT = [
    (provider, name) for provider, kinds in OPERATIONS.items() for name, kind in kinds.items() if kind.effects
]


def _stand_still_once(world: World, process: Process, step: str, seconds: float) -> None:
    """Let no process do anything for so long, as soon as this step of the process is durable."""
    ways = iter((0.0, seconds))  # to the journal, and back

    def pause() -> float:
        if process.life.steps[-1:] == [step]:
            world.network.stand_still(next(ways, 0.0))
        return 0.0

    process.life.pace = pause


async def _ask(kind: Kind, process: Process, world: World, target: Target) -> Answer | Problem:
    options = CallOptions(key="k1" if kind.keyed else None, wait=kind.wait)
    try:
        return await kind.ask(process.gateway, target, options)
    except Problem as problem:
        return problem


async def _finish(process: Process) -> None:
    """Let what is under way end, and recovery begin what is due, once each."""
    for _ in range(2):
        await asyncio.gather(*process.gateway.work.running, return_exceptions=True)
        await run_due(process.gateway, failover_as_routed)
    await asyncio.gather(*process.gateway.work.running, return_exceptions=True)


@pytest.mark.parametrize("seconds", [SEND_WITHIN + 0.1, 4 * LEASE])
@pytest.mark.parametrize(("provider", "name"), SENT)
def test_what_was_recorded_before_a_standstill_is_not_sent_after_it(
    provider: str, name: str, seconds: float, folder: Path
) -> None:
    """Nothing acts; the caller learns that nothing was sent; a repeat of the key acts once."""
    kind = OPERATIONS[provider][name]
    world = World(provider, folder / f"stalled-{provider}-{name}-{seconds}.db")
    stage = simulate(world.clock, world.stage(kind.needs))
    world.restore(stage)
    alarms.clear()

    async def live(process: Process) -> None:
        await process.journal.write(tx.leases.renew(process.gateway.node, 10_000))
        step = "operations.claim" if kind.wait is None else "operations.start_attempt"
        _stand_still_once(world, process, step, seconds)
        await _ask(kind, process, world, stage.target)
        await _finish(process)
        assert world.network.effects.total() == 0
        (made,) = (one for one in operations(process) if one.created_at >= began)
        assert [attempt.sent for attempt in made.attempts] == ["no"]

        for _ in range(5):
            await _ask(kind, process, world, stage.target)
            await _finish(process)
        await asyncio.sleep(120)
        read_again(world, process)
        assert world.network.effects.total() == kind.effects
        assert not [*alarms, *world.network.violations, *disagreements(world, process), *unsettled(process)]

    async def run() -> None:
        async with world.running("first") as process:
            await live(process)

    began = world.clock.utc()
    simulate(world.clock, run())


def test_what_the_gateway_does_itself_is_no_late_write(folder: Path) -> None:
    """Recovery has settled it as not applied during a standstill: the caller is told so, and a repeat does it."""
    kind = OPERATIONS["rapyd"]["cancel"]
    world = World("rapyd", folder / "overtaken-rapyd-cancel.db")
    stage = simulate(world.clock, world.stage(kind.needs))
    world.restore(stage)
    alarms.clear()

    def recover(process: Process) -> float:
        for operation in unsettled(process):
            not_applied = msgspec.structs.replace(
                operation, state="failed", outcome="not_applied", problem=NO_TRACE
            )
            assert at_once(process.journal.write(tx.operations.settle(not_applied, None, None))) is True
        return 0.0

    async def run() -> None:
        async with world.running("first") as process:
            await process.journal.write(tx.leases.renew(process.gateway.node, 10_000))
            process.life.pace = lambda: recover(process)
            told = await _ask(kind, process, world, stage.target)
            assert isinstance(told, Problem)
            assert (told.code, told.retry) == (NO_TRACE, "same_key")
            process.life.pace = lambda: 0.0
            assert not [*alarms, *disagreements(world, process)]

            done = await _ask(kind, process, world, stage.target)
            assert isinstance(done, Answer)
            assert operations(process)[0].state == "succeeded"
            assert not [*alarms, *disagreements(world, process), *unsettled(process)]

    simulate(world.clock, run())
