"""Callers, faults, stops and a clock that jumps, all at random from one seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from campaigns.simulation.clock import simulate
from campaigns.simulation.network import FAULTS
from campaigns.simulation.operations import OPERATIONS, OPERATOR, Kind, Target
from campaigns.simulation.process import Moment, Process, Stop, Stopped
from campaigns.simulation.world import (
    World,
    alarms,
    disagreements,
    link_all,
    operations,
    read_again,
    unsettled,
)
from ordergate.domain.draft import ResolveBody
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.orders.resolve import resolve_operation
from ordergate.gateway.runtime.runtime import Answer
from ordergate.gateway.writes.lease import leased
from ordergate.gateway.writes.recovery import recovering
from ordergate.gateway.writes.write import CallOptions
from ordergate.spi.wire import WireRequest

STEPS = 100
"""Calls of a walk."""
CALLERS = 4
_BAD_NETWORK = 0.25
_REPEATED = 0.4
_SLOW_DISK = 0.01
_ORDERS = 4
"""Orders that are worked on at the same time: few, so that callers meet."""
_MOMENTS: tuple[Moment, ...] = ("before", "after", "in flight")
_ROUNDS = 40
_UNTELLABLE = {("revkeen", OperationKind.FULFILL)}
"""If some lines are fulfilled, RevKeen does not report which: a person has to check the others."""


class Request(msgspec.Struct):
    """One write that a caller wants.

    Attributes:
        answer: The final one; None while there is none.
        refused: The code of a refusal that a repeat would get again.
    """

    number: int
    name: str
    target: Target
    options: CallOptions
    answer: Answer | None = None
    refused: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is to be learned."""
        return self.answer is not None or self.refused is not None


class Report(msgspec.Struct, kw_only=True):
    """The record of a walk.

    Attributes:
        trace: Equal traces mean equal walks.
        wrong: The violations.
    """

    provider: str
    seed: int
    steps: int
    calls: Counter[str]
    states: Counter[str]
    faults: Counter[str]
    stops: Counter[str]
    trace: str
    wrong: list[str]

    @property
    def command(self) -> str:
        """How to walk so again."""
        return (
            f"uv run python -m campaigns.simulation --seed {self.seed} --steps {self.steps} "
            f"--provider {self.provider}"
        )


def walk(provider: str, seed: int, steps: int, folder: Path) -> Report:
    """Walk from a seed, with so many calls."""
    with _chance(seed):
        alarms.clear()
        folder.mkdir(exist_ok=True)
        world = World(provider, folder / f"walk-{provider}-{seed}.db")
        return simulate(world.clock, _Walk(world, provider, seed, steps).to_the_end())


@contextmanager
def _chance(seed: int) -> Iterator[None]:
    """Let the gateway's own chance be the seed's."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class _Node:
    """A process that is started again whenever it has ended."""

    def __init__(self, world: World, name: str, walk: "_Walk", *, alone: bool) -> None:
        self._world, self._name, self._walk, self._alone = world, name, walk, alone
        self._generation = 0
        self.process: Process | None = None

    def start(self) -> Process:
        """Start the process."""
        self._generation += 1
        process = self._world.start(f"{self._name}.{self._generation}", alone=self._alone)
        process.life.pace = self._walk.disk
        process.life.note = self._walk.note
        process.run(_serve(process))
        self.process = process
        return process

    async def stay_up(self) -> None:
        """Start the process again, some time after each end."""
        while True:
            process = self.process or self.start()
            await process.life.over.wait()
            self._walk.stops["stopped"] += 1
            self.process = None
            await process.end()
            await asyncio.sleep(self._walk.draw.choice((0.0, 1.0, 20.0, 70.0)))


async def _serve(process: Process) -> None:
    async with leased(process.gateway, drain=0), recovering(process.gateway, failover_as_routed):
        await asyncio.get_running_loop().create_future()


class _Walk:
    def __init__(self, world: World, provider: str, seed: int, steps: int) -> None:
        self._world, self._provider, self._seed, self._steps = world, provider, seed, steps
        self.draw = random.Random(seed)
        self._kinds = OPERATIONS[provider]
        self._requests: list[Request] = []
        self._targets: list[tuple[Target, str]] = []
        self._left = steps
        self._calm = False
        self._trace = sha256()
        self._wrong: list[str] = []
        self._persons = 0
        self._states: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        count = self.draw.choice((1, 1, 2))
        self._nodes = [_Node(world, f"node{n}", self, alone=count == 1) for n in range(count)]
        world.network.choose = self._fault
        world.network.delay = self._delay

    def note(self, what: str) -> None:
        """Add to the trace."""
        self._trace.update(f"{self._world.clock.elapsed:.6f} {what}\n".encode())

    def disk(self) -> float:
        """Return the journal's delay in seconds; sometimes so long that the process seems to hang."""
        if self._calm:
            return 0.0
        return 7.0 if self.draw.random() < _SLOW_DISK else self.draw.random() * 0.02

    def _delay(self) -> float:
        return 0.0 if self._calm else self.draw.choice((0.01, 0.1, 2.0, 15.0))

    def _fault(self, _request: WireRequest) -> str:
        if self._calm or self.draw.random() > _BAD_NETWORK:
            return "none"
        return self.draw.choice(sorted(FAULTS))

    async def to_the_end(self) -> Report:
        async with self._world.running("first") as process:
            await link_all(process.journal, self._world.provider)
        nodes = [asyncio.create_task(node.stay_up()) for node in self._nodes]
        chaos = asyncio.create_task(self._disturb())
        await asyncio.gather(*(self._call_at_random() for _ in range(CALLERS)))
        chaos.cancel()
        self._calm = True
        for node in self._nodes:
            if node.process is not None:
                node.process.life.stop = None
        await self._settle()
        await self._judge()
        for task in nodes:
            task.cancel()
        for node in self._nodes:
            if node.process is not None:
                await node.process.end()
        return self._report()

    def _report(self) -> Report:
        return Report(
            provider=self._provider,
            seed=self._seed,
            steps=self._steps,
            calls=self._calls,
            states=self._states,
            faults=self._world.network.faults,
            stops=self.stops,
            trace=self._trace.hexdigest(),
            wrong=self._wrong,
        )

    async def _disturb(self) -> None:
        """Stop and suspend processes as long as the callers call."""
        while True:
            await asyncio.sleep(self.draw.expovariate(1 / 30))
            up = [node.process for node in self._nodes if node.process is not None]
            what = self.draw.choice(("stop", "stop", "still"))
            self.note(what)
            if what == "still":
                self.stops["stood still"] += 1
                self._world.network.stand_still(self.draw.choice((1.0, 6.0, 20.0, 60.0)))
            elif up:
                life = self.draw.choice(up).life
                life.stop = Stop(len(life.steps) + self.draw.randint(1, 8), self.draw.choice(_MOMENTS))

    async def _call_at_random(self) -> None:
        while self._left > 0:
            self._left -= 1
            await self._call(self._choose())
            await asyncio.sleep(self.draw.choice((0.0, 0.1, 1.0, 10.0)))

    def _choose(self) -> Request:
        """Repeat a key, or begin something new."""
        open_ones = [request for request in self._requests if not request.over]
        if open_ones and self.draw.random() < _REPEATED:
            return self.draw.choice(open_ones)
        name, target = self._choose_operation()
        key = f"k{len(self._requests) + 1}"
        kind = self._kinds[name]
        options = CallOptions(key=key, wait=kind.wait)
        request = Request(number=len(self._requests) + 1, name=name, target=target, options=options)
        self._requests.append(request)
        return request

    def _choose_operation(self) -> tuple[str, Target]:
        if not self._targets or self.draw.random() < 0.25:
            return self.draw.choice(("create", "create_accepted")), Target("", "")
        others = [name for name, kind in self._kinds.items() if kind.needs != "none"]
        # Most operations on an order need its payment first.
        name = self.draw.choice([*others, "pay"])
        return name, self.draw.choice(self._targets[-_ORDERS:])[0]

    async def _process(self) -> Process:
        while True:
            up = [node.process for node in self._nodes if node.process is not None]
            if up:
                return self.draw.choice(up)
            await asyncio.sleep(1)

    async def _call(self, request: Request) -> None:
        """WriteCall once, anywhere, and remember the answer if it is final."""
        process = await self._process()
        self._calls[request.name] += 1
        self.note(f"call {request.number} {request.name}")
        kind = self._kinds[request.name]
        said = await self._ask(process, kind, request)
        self.note(f"answer {request.number} {said}")

    async def _ask(self, process: Process, kind: Kind, request: Request) -> str:
        task = process.run(kind.ask(process.gateway, request.target, request.options))
        try:
            answer = await task
        except Problem as problem:
            if problem.retry != "same_key":
                self._end(request, refused=problem.code)
            return problem.code
        except (Stopped, asyncio.CancelledError):
            return "nothing"
        if not answer.accepted:
            self._end(request, answer=answer)
        return str(answer.response.status)

    def _end(self, request: Request, *, answer: Answer | None = None, refused: str | None = None) -> None:
        """Remember a final answer; another one to the same key must be the same."""
        if request.answer is not None and (answer is None or answer.response != request.answer.response):
            if request.name != "confirm":
                self._wrong.append(
                    f"call {request.number}, {request.name}, was answered otherwise: {refused}"
                )
            return
        if answer is None:
            request.refused = refused
            return
        first, request.answer = request.answer is None, answer
        if first and request.name.startswith("create") and answer.response.status == 201:
            made = msgspec.json.decode(answer.response.body)
            self._targets.append((Target(made["id"], made["line_items"][0]["id"]), made["provider_order_id"]))

    async def _settle(self) -> None:
        """Let recovery end its work, then let every caller learn the outcome of each call."""
        await self._recover()
        await asyncio.sleep(120)
        for request in self._requests:
            for _ in range(20):
                if request.over:
                    break
                await self._call(request)
                await asyncio.sleep(5)
            if not request.over and request.name != "confirm":
                self._wrong.append(f"call {request.number}, {request.name}, got no final answer")
        await self._recover()

    async def _recover(self) -> None:
        """Give recovery all the time that it needs; an operation that no read can decide is resolved by a person."""
        for _ in range(_ROUNDS):
            process = await self._process()  # one may be ending still
            left = unsettled(process)
            if not left:
                return
            await asyncio.sleep(5)
        for operation in left:
            self._persons += 1
            probed = bool(operation.probes) and operation.probes[-1].found == "unclear"
            if not probed or (self._provider, operation.kind) not in _UNTELLABLE:
                self._wrong.append(
                    f"{operation.key}, {operation.kind}, does not settle: {operation.probes[-1:]}"
                )
            applied = self._world.network.effects[operation.id] > 0
            body = ResolveBody(
                as_="applied" if applied else "not_applied", evidence="It was looked up.", unseen=not applied
            )
            await resolve_operation(process.gateway, OPERATOR, operation.id, body)

    async def _judge(self) -> None:
        await asyncio.sleep(120)
        process = await self._process()
        for request in self._requests:
            if request.answer is not None and request.name != "confirm":
                await self._call(request)
        read_again(self._world, process)
        self._wrong += alarms
        self._wrong += self._world.network.violations
        self._wrong += disagreements(self._world, process)
        done = operations(process)
        self._states = Counter(operation.state for operation in done)
        self._states["resolved by a person"] = self._persons
        by_key = {operation.key: operation for operation in done}
        for operation in done:
            effects = self._world.network.effects[operation.id]
            here = operation.kind is OperationKind.CANCEL and operation.performed_by == "gateway"
            if effects != (operation.state == "succeeded" and not here):
                self._wrong.append(
                    f"{effects} effects of {operation.key}, {operation.kind}: {operation.state}"
                )
            if not operation.settled:
                self._wrong.append(f"{operation.key}, {operation.kind}, is {operation.state}")
        for request in self._requests:
            known = by_key.get(request.options.key)
            applied = known is not None and known.state == "succeeded"
            if request.name != "confirm" and applied != _says_applied(request):
                self._wrong.append(f"call {request.number}, {request.name}: {request.refused}, but {known}")


def _says_applied(request: Request) -> bool:
    return request.answer is not None and request.answer.response.status < 300
