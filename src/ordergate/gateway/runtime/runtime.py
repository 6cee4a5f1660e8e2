"""The gateway as the use cases see it: a configuration in force, and the ways out."""

import asyncio
import math
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aiorwlock import RWLock

from ordergate.domain.errors import Problem
from ordergate.domain.order import Order, Return
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.runtime.comparison import Compared
from ordergate.gateway.runtime.concurrency import ConcurrencyLimit
from ordergate.gateway.runtime.event_ports import WebhookSender
from ordergate.gateway.runtime.key_use import KeyUse
from ordergate.gateway.runtime.known_keys import KnownKeys
from ordergate.gateway.runtime.ports import Clock, Transport
from ordergate.gateway.runtime.shadows import Shadows
from ordergate.gateway.runtime.store_check import StoreCheck
from ordergate.gateway.runtime.throttle import Throttle
from ordergate.gateway.runtime.workers import BackgroundWorkers
from ordergate.host.steady_clock import SteadyClock
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Operation, StoredResponse
from ordergate.spi.wire import WireResponse
from ordergate.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from ordergate.telemetry.tracing import Tracing

T = TypeVar("T")

_LAST_MOMENT = 1.0
"""Seconds beyond its time that a process waits for writes: an answer may be here, and not recorded yet."""


class Renderer(Protocol):
    """Writes answers as they are given to callers, and stored to be given again."""

    def order(self, order: Order, *, created: bool) -> StoredResponse:
        """Return the answer of a write that was applied."""
        ...

    def returned(self, made: Return) -> StoredResponse:
        """Return the answer of a return that was made."""
        ...

    def accepted(self, operation: Operation) -> StoredResponse:
        """Return the answer of a write that continues without its caller."""
        ...

    def problem(self, problem: Problem) -> StoredResponse:
        """Return the answer of a write that the provider refused."""
        ...

    def comparison(self, compared: Compared) -> bytes:
        """Return the document of a comparison."""
        ...


class Siblings(Protocol):
    """The other processes that serve from the same socket as this one.

    Attributes:
        number: Of this one, among them.
    """

    number: int

    async def ask(self, question: str, *, seconds: float) -> dict[int, bytes | None]:
        """Return the answers of the living siblings, by number; None for one without an answer in time."""
        ...

    def reloaded(self) -> None:
        """Announce that this process has loaded a new configuration."""
        ...


@dataclass(slots=True)
class Lease:
    """The lease of a process: until it ends, no other process acquires the operations of this one.

    Attributes:
        until: When it ends, in the loop's time; never if the process took none.
    """

    until: float = math.inf


@dataclass(slots=True)
class Gateway:
    """Everything a use case works with; `configuration` is replaced as a whole when it changes.

    Attributes:
        node: Names this process among those that share the journal.
        running: Writes and probes in progress, including those without a waiting caller.
        held: The operations that this process works on, and in how many places.
        read_configuration: Reads the configuration again, for a reload; None without a file.
        sender: The transport to the merchants' receivers; None if this process has none.
        chance: Returns a random number from 0 to 1, for jitter.
        workers: The background workers of this process.
        key_use: The last use of keys, until it is recorded.
        known_keys: The cache of keys.
        key_requests: The requests of each key.
        reloading: Locked by the running reload.
        placing: A create locks it for reading from the choice of its account until its claim. A reload locks it for
            writing from the check of removed accounts until the swap.
        shadows: New orders that are translated for other accounts, too.
        refused_webhooks: Refused webhooks since the last log line, by account.
        pinged: The webhook endpoints to which a ping is under way.
        fetched: The provider's keys for webhooks, by account and path.
        tracing: The tracer; None without tracing.
        concurrency: How many requests are let in.
        unknown_keys: Counts of unknown keys, by address.
        siblings: The other processes on the same socket; None without any.
        lease: The lease of this process.
        store_check: Whether the journal takes a write, as seen a moment ago.
        ends_at: When this process has to have ended, in the loop's time; None as long as it does not.
        steady: The time without the steps of `clock`; None if that has none.
    """

    configuration: Configuration
    journal: Journal
    transport: Transport
    clock: Clock
    renderer: Renderer
    node: str = field(default_factory=lambda: f"node_{secrets.token_hex(8)}")
    running: set[asyncio.Task[Any]] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)
    read_configuration: Callable[[], Awaitable[Configuration]] | None = None
    sender: WebhookSender | None = None
    chance: Callable[[], float] = random.random
    workers: BackgroundWorkers = field(default_factory=BackgroundWorkers)
    metrics: Metrics = field(default_factory=Metrics)
    key_use: KeyUse = field(default_factory=KeyUse)
    known_keys: KnownKeys = field(default_factory=KnownKeys)
    key_requests: Throttle = field(default_factory=Throttle)
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    placing: RWLock = field(default_factory=lambda: RWLock(fast=True))
    unknown_keys: Throttle = field(default_factory=Throttle)
    shadows: Shadows = field(default_factory=Shadows)
    refused_webhooks: Counter[str] = field(default_factory=Counter)
    pinged: set[str] = field(default_factory=set)
    fetched: dict[tuple[str, str], WireResponse] = field(default_factory=dict)
    tracing: "Tracing | None" = None
    concurrency: ConcurrencyLimit = field(default_factory=ConcurrencyLimit)
    siblings: Siblings | None = None
    lease: Lease = field(default_factory=Lease)
    store_check: StoreCheck = field(default_factory=StoreCheck)
    ends_at: float | None = None
    steady: SteadyClock | None = None

    def steady_time(self) -> datetime:
        """Return the time for ages and expiries. A step of the host's clock does not move it."""
        return (self.steady or self.clock)()

    def hold(self, operation_id: str) -> None:
        """Mark an operation as worked on by this process."""
        self.held[operation_id] += 1

    def release(self, operation_id: str) -> None:
        """Remove one mark of an operation."""
        self.held[operation_id] -= 1
        if self.held[operation_id] <= 0:
            del self.held[operation_id]

    def run(self, work: Coroutine[None, None, T], operation_id: str) -> "asyncio.Task[T]":
        """Run work on an operation in a task that continues without its caller."""
        self.hold(operation_id)
        task = asyncio.create_task(work)
        self.running.add(task)

        def forget(ended: asyncio.Task[T]) -> None:
            self.running.discard(ended)
            self.release(operation_id)
            if not ended.cancelled():
                ended.exception()  # marks it as seen: the caller may be gone

        task.add_done_callback(forget)
        return task

    def end_within(self, seconds: float) -> None:
        """Announce the end of this process, and the seconds until it."""
        self.ends_at = asyncio.get_running_loop().time() + seconds

    async def drain(self, seconds: float) -> None:
        """Wait for the writes in progress, at most so many seconds. Recovery finds out the rest."""
        if self.ends_at is not None:
            left = self.ends_at + _LAST_MOMENT - asyncio.get_running_loop().time()
            seconds = min(seconds, max(left, 0.0))
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a write, byte for byte, and the data for its headers.

    Attributes:
        account: The account that was chosen.
        replayed: The answer was given before and is given again.
        accepted: The write continues; the answer contains the URL of its operation.
    """

    response: StoredResponse
    account: str
    replayed: bool = False
    accepted: bool = False
