"""A gateway process that can be stopped at any durable step and any send, as SIGKILL would."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

import msgspec

from campaigns.simulation.journal import ImmediateJournal
from campaigns.simulation.network import LATEST, Network, working_on
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal.records.operations import Claimed
from ordergate.journal.transaction import Transaction
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.web.rendering import JsonRenderer

T = TypeVar("T")
Moment = Literal["before", "after", "in flight"]

_STEPS = frozenset(
    {
        "operations.claim",
        "operations.start_attempt",
        "operations.settle",
        "operations.leave_unknown",
        "leases.acquire",
        "leases.acquire_due",
        "leases.reap_expired",
        "orders.update",
    }
)
"""The journal's transactions that write operations and orders."""


class Stopped(BaseException):
    """The process is no more; nothing may catch this."""


class Stop(msgspec.Struct, frozen=True):
    """The last step of a process: its nth, counted from 1.

    Attributes:
        moment: Before the step takes effect, after it did, or while the request is on its way still.
    """

    step: int
    moment: Moment


class Life:
    """How long a process lives.

    Attributes:
        steps: The steps so far, durable steps and sends.
        stop: The number of the last step; None for no end.
        over: Set once it has ended by itself.
        note: Takes each step.
        pace: Decides how long each call of the journal takes on its way there and back, in seconds.
    """

    def __init__(self, stop: Stop | None = None) -> None:
        self.alive = True
        self.stop = stop
        self.steps: list[str] = []
        self.over = asyncio.Event()
        self.note: Callable[[str], object] = lambda _name: None
        self.pace: Callable[[], float] = lambda: 0.0

    async def pause(self) -> None:
        """Wait for the disk."""
        seconds = self.pace()
        if seconds:
            await asyncio.sleep(seconds)

    def check(self) -> None:
        """End the remaining tasks of a dead process.

        Raises:
            Stopped: It is dead.
        """
        if not self.alive:
            raise Stopped

    def end(self) -> None:
        """End here.

        Raises:
            Stopped: Always.
        """
        self.alive = False
        self.over.set()
        raise Stopped

    async def step(
        self, name: str, take: Callable[[], Awaitable[T]], set_off: Callable[[], None] | None = None
    ) -> T:
        """Take one step, unless the process ends before it.

        Args:
            name: For the list of steps.
            take: Takes it.
            set_off: Starts a coroutine that continues without this process.

        Raises:
            Stopped: The process ended here, or is dead already.
        """
        self.check()
        self.steps.append(name)
        self.note(name)
        moment = self.stop.moment if self.stop is not None and len(self.steps) == self.stop.step else None
        if moment == "before":
            self.end()
        if moment == "in flight" and set_off is not None:
            set_off()
            self.end()
        result = await take()
        if moment is not None:
            self.end()
        self.check()
        return result


class MortalJournal:
    """The journal as one process has it: a dead one reads and writes nothing."""

    def __init__(self, journal: ImmediateJournal, life: Life) -> None:
        self._journal = journal
        self._life = life

    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction that changes nothing, if the process lives."""
        return await self._alive(self._journal.read, transaction)

    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction, if the process lives; it may be the step at which the process ends."""
        name = transaction.name
        if name not in _STEPS:
            return await self._alive(self._journal.write, transaction)
        result = await self._life.step(name, lambda: self._alive(self._journal.write, transaction))
        begun = isinstance(result, Claimed) if name == "operations.claim" else result is True
        if name in {"operations.claim", "operations.start_attempt"} and begun:
            subject = transaction.arguments[0]
            operation = subject.operation if name == "operations.claim" else subject
            working_on.set((operation.id, len(operation.attempts)))
        return result

    async def _alive(
        self, run: Callable[[Transaction[T]], Coroutine[Any, Any, T]], transaction: Transaction[T]
    ) -> T:
        await self._life.pause()
        self._life.check()
        result = await run(transaction)
        await self._life.pause()
        self._life.check()
        return result


class MortalTransport:
    """The way to the provider as one process has it: a dead one sends nothing and hears nothing."""

    def __init__(self, network: Network, life: Life) -> None:
        self._network = network
        self._life = life

    def share_among(self, nodes: int) -> None:
        """Keep no limits."""

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request."""
        network = self._network

        async def take() -> WireResponse:
            return await network.carry(request, network.depart(request))

        def set_off() -> None:
            network.arrive_later(request, network.depart(request), LATEST)

        path = request.path.partition("?")[0]
        name = "send" if request.acts else "read"
        return await self._life.step(
            f"{name} {request.method} {path}", take, set_off if request.acts else None
        )


class Process:
    """One gateway process, from its start to its end.

    Attributes:
        gateway: The gateway that runs in it.
        journal: The journal for inspection, without the stops.
    """

    def __init__(
        self,
        name: str,
        *,
        configuration: Configuration,
        journal: ImmediateJournal,
        network: Network,
        stop: Stop | None = None,
    ) -> None:
        self.life = Life(stop)
        self.journal = journal
        self.gateway = Runtime(
            configuration=configuration,
            journal=MortalJournal(journal, self.life),  # type: ignore[arg-type]
            transport=MortalTransport(network, self.life),
            clock=network.clock.utc,
            renderer=JsonRenderer(),
            node=name,
        )
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something in this process, which ends with it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """End the process: every task ends at its current step, the connections are closed."""
        self.life.alive = False
        # In the order in which they began: that of a set is another one each time.
        tasks = sorted({*self._tasks, *self.gateway.work.running}, key=_number)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.journal.abandon()


def _number(task: "asyncio.Task[Any]") -> int:
    return int(task.get_name().rpartition("-")[2])
