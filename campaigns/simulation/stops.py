"""One operation, one fault, one stop: everything that can happen around a single write, in order."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from campaigns.simulation.clock import simulate
from campaigns.simulation.operations import OPERATIONS, Kind
from campaigns.simulation.process import Process, Stop, Stopped
from campaigns.simulation.world import Stage, World, alarms, disagreements, operations, read_again, unsettled
from ordergate.domain.errors import Problem
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.runtime.runtime import Answer
from ordergate.gateway.writes.lease import LEASE
from ordergate.gateway.writes.recovery import run_due
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal import transactions as tx
from ordergate.spi.wire import WireRequest

Repeats = Literal["never", "when settled", "at once"]
"""Whether the caller repeats its key, and when."""

REPEATS: tuple[Repeats, ...] = ("never", "when settled", "at once")
_ROUNDS = 60
_CALLS = 40


class Case(msgspec.Struct, frozen=True):
    """One run."""

    provider: str
    operation: str
    fault: str
    repeats: Repeats
    stop: Stop | None = None

    def __str__(self) -> str:
        place = f", stopped {self.stop.moment} step {self.stop.step}" if self.stop is not None else ""
        return f"{self.provider} {self.operation}, {self.fault}{place}, repeated {self.repeats}"


class Ended(msgspec.Struct, frozen=True):
    """How a run ended.

    Attributes:
        steps: The steps of the first process.
        wrong: The violations.
    """

    case: Case
    steps: tuple[str, ...]
    state: str
    wrong: tuple[str, ...]


class Stops:
    """Every stop of one operation at one provider; the preparation of the operation is done once."""

    def __init__(self, provider: str, operation: str, folder: Path) -> None:
        self._provider, self._operation = provider, operation
        self._kind: Kind = OPERATIONS[provider][operation]
        self._world = World(provider, folder / f"{provider}-{operation}.db")
        self._stage: Stage = simulate(self._world.clock, self._world.stage(self._kind.needs))

    def every(self, fault: str, callers: Sequence[Repeats] = REPEATS) -> list[Ended]:
        """Run without a stop, then with a stop at each step in turn, for callers who repeat so."""
        runs = []
        for repeats in callers:
            whole = self.run(Case(self._provider, self._operation, fault, repeats))
            runs.append(whole)
            runs += [self.run(msgspec.structs.replace(whole.case, stop=stop)) for stop in _stops(whole.steps)]
        return runs

    def run(self, case: Case) -> Ended:
        """Run one case."""
        self._world.restore(self._stage)
        alarms.clear()
        return simulate(self._world.clock, _Run(self._world, self._stage, self._kind, case).to_the_end())


def _stops(steps: tuple[str, ...]) -> list[Stop]:
    stops = []
    for number, name in enumerate(steps, 1):
        stops += [Stop(number, "before"), Stop(number, "after")]
        if name.startswith("send"):
            stops.append(Stop(number, "in flight"))
    return stops


class _Run:
    def __init__(self, world: World, stage: Stage, kind: Kind, case: Case) -> None:
        self._world, self._stage, self._kind, self._case = world, stage, kind, case
        self._options = CallOptions(key="k1" if kind.keyed else None, wait=kind.wait)
        self._answer: Answer | None = None
        self._began = world.clock.utc()
        self._state = "nothing"
        self._wrong: list[str] = []
        self._faults: Counter[str] = Counter()
        world.network.choose = self._fault

    def _fault(self, request: WireRequest) -> str:
        """Let the first request that acts meet the fault."""
        if not request.acts or self._faults["met"]:
            return "none"
        self._faults["met"] += 1
        return self._case.fault

    async def to_the_end(self) -> Ended:
        process = self._world.start("first", stop=self._case.stop)
        process.run(_stay_alive(process))
        first = process
        try:
            await process.run(self._live(process))
        except Stopped:
            await process.end()
            process = self._world.start("second")
            process.run(_stay_alive(process))
            await process.run(self._live_again(process))
        steps = tuple(first.life.steps)
        process.life.stop = None
        try:
            await self._judge(process)
        finally:
            await process.end()
        return Ended(self._case, steps, self._state, tuple(self._wrong))

    async def _live(self, process: Process) -> None:
        await self._call(process)
        if self._case.repeats == "at once":
            await self._repeat(process)
        await self._recover(process)
        if self._case.repeats == "when settled":
            await self._repeat(process)

    async def _live_again(self, process: Process) -> None:
        if self._case.repeats == "at once":
            await process.gateway.journal.write(
                tx.leases.reap_expired(process.gateway.node, process.gateway.work.held)
            )
            await self._repeat(process)
        await self._recover(process)
        if self._case.repeats == "when settled":
            await self._repeat(process)

    async def _call(self, process: Process) -> bool:
        """Call once; return whether the answer is final."""
        try:
            answer = await self._kind.ask(process.gateway, self._stage.target, self._options)
        except Problem as problem:
            if problem.retry != "same_key":
                self._wrong.append(f"answered {problem.code}: {problem.detail}")
            return problem.retry != "same_key"
        if answer.accepted:
            return False
        if self._answer is not None and self._answer.response != answer.response:
            self._wrong.append("a repeat was answered otherwise")
        self._answer = answer
        return True

    async def _repeat(self, process: Process) -> None:
        for _ in range(_CALLS):
            if await self._call(process):
                return
            await self._round(process)
        self._wrong.append(f"no final answer after {_CALLS} calls")

    async def _recover(self, process: Process) -> None:
        """Recover until everything is settled."""
        await process.gateway.journal.write(
            tx.leases.reap_expired(process.gateway.node, process.gateway.work.held)
        )
        for _ in range(_ROUNDS):
            if not unsettled(process):
                return
            await self._round(process)
        self._wrong.append(f"unsettled after {_ROUNDS} rounds")

    async def _round(self, process: Process) -> None:
        """Let everything under way end, then let recovery run once."""
        await self._finish(process)
        await run_due(process.gateway, failover_as_routed)
        await self._finish(process)
        await asyncio.sleep(4)

    async def _finish(self, process: Process) -> None:
        running = list(process.gateway.work.running)
        if running:
            await asyncio.wait(running)
        process.life.check()

    async def _judge(self, process: Process) -> None:
        """Compare everything that is known at the end."""
        world = self._world
        await asyncio.sleep(120)
        # A payment continues at the provider by itself.
        read_again(world, process)
        self._wrong += alarms
        self._wrong += world.network.violations
        self._wrong += disagreements(world, process)
        self._wrong += [f"{operation.id} is {operation.state}" for operation in unsettled(process)]
        ours = operations(process)
        ours = [one for one in ours if one.key == self._options.key and one.created_at >= self._began]
        states = {one.state for one in ours}
        self._state = "succeeded" if "succeeded" in states else ours[0].state if ours else "nothing"
        effects = sum(world.network.effects.values())
        applied = self._state == "succeeded"
        if effects != (self._kind.effects if applied else 0):
            self._wrong.append(f"{effects} effects of an operation that is {self._state}")
        if len(ours) > 1 and self._kind.keyed:
            self._wrong.append(f"{len(ours)} operations of one key")
        if self._case.repeats != "never":
            await self._answered(process, applied=applied)

    async def _answered(self, process: Process, *, applied: bool) -> None:
        if self._answer is None or not applied:
            self._wrong.append(f"the caller's last answer is {self._answer}, the operation {self._state}")
            return
        await self._call(process)
        if not self._answer.replayed:
            self._wrong.append("a repeat did not say that it is one")


async def _stay_alive(process: Process) -> None:
    while True:
        await process.journal.write(tx.leases.renew(process.gateway.node, LEASE))
        await asyncio.sleep(LEASE / 3)
