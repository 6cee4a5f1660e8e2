"""The gateway as the use cases see it: a configuration in force, and the ways out."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from aiorwlock import RWLock

from ordergate.domain.errors import Problem
from ordergate.domain.order import Order, Return
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.runtime.comparison import ComparisonResult
from ordergate.gateway.runtime.concurrency import ConcurrencyLimit
from ordergate.gateway.runtime.event_ports import WebhookSender
from ordergate.gateway.runtime.key_use import KeyUse
from ordergate.gateway.runtime.known_keys import KnownKeys
from ordergate.gateway.runtime.ports import Clock, Transport
from ordergate.gateway.runtime.shadows import Shadows
from ordergate.gateway.runtime.store_check import StoreCheck
from ordergate.gateway.runtime.throttle import Throttle
from ordergate.gateway.runtime.work import WorkInProgress
from ordergate.gateway.runtime.workers import BackgroundWorkers
from ordergate.host.steady_clock import SteadyClock
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Operation, StoredResponse
from ordergate.spi.wire import WireResponse
from ordergate.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from ordergate.telemetry.tracing import Tracing

T = TypeVar("T")


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

    def comparison(self, compared: ComparisonResult) -> bytes:
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
class Access:
    """The state of the access checks.

    Attributes:
        key_use: The last use of keys, until it is recorded.
        known_keys: The cache of keys.
        key_requests: Counts of requests, by key.
        unknown_keys: Counts of unknown keys, by address.
    """

    key_use: KeyUse = field(default_factory=KeyUse)
    known_keys: KnownKeys = field(default_factory=KnownKeys)
    key_requests: Throttle = field(default_factory=Throttle)
    unknown_keys: Throttle = field(default_factory=Throttle)


@dataclass(slots=True)
class Inbound:
    """The state of received webhooks.

    Attributes:
        refused: Refused webhooks since the last log line, by account.
        fetched: The provider's keys for webhooks, by account and path.
    """

    refused: Counter[str] = field(default_factory=Counter)
    fetched: dict[tuple[str, str], WireResponse] = field(default_factory=dict)


@dataclass(slots=True)
class Outbound:
    """The state of sent webhooks.

    Attributes:
        sender: The transport to the merchants' receivers; None if this process has none.
        pinged: Webhook endpoints with a ping in progress.
    """

    sender: WebhookSender | None = None
    pinged: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Reloads:
    """The state of reloads.

    Attributes:
        read_configuration: Reads the configuration again; None without a file.
        lock: Locked by the running reload.
    """

    read_configuration: Callable[[], Awaitable[Configuration]] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Runtime:
    """The parts of one gateway process. A reload replaces `configuration` as a whole.

    Attributes:
        clock: The time, in UTC.
        node: Id of this process among those that share the journal.
        metrics: The metrics of this process.
        tracing: The tracer; None without tracing.
        steady: The clock without steps; None if `clock` has none.
        chance: Returns a random number from 0 to 1, for jitter.
        work: The writes and probes in progress, and the lease for them.
        workers: The background workers of this process.
        access: The state of the access checks.
        inbound: The state of received webhooks.
        outbound: The state of sent webhooks.
        reloads: The state of reloads.
        account_swap: A create locks it for reading from the choice of its account until its claim. A reload locks it
            for writing from the check of removed accounts until the swap.
        shadows: The queue of shadow translations.
        concurrency: The limit of competing requests.
        store_check: Whether the journal accepted a write a moment ago.
        siblings: The other processes on the same socket; None without any.
    """

    configuration: Configuration
    journal: Journal
    transport: Transport
    clock: Clock
    renderer: Renderer
    node: str = field(default_factory=lambda: f"node_{secrets.token_hex(8)}")
    metrics: Metrics = field(default_factory=Metrics)
    tracing: "Tracing | None" = None
    steady: SteadyClock | None = None
    chance: Callable[[], float] = random.random
    work: WorkInProgress = field(default_factory=WorkInProgress)
    workers: BackgroundWorkers = field(default_factory=BackgroundWorkers)
    access: Access = field(default_factory=Access)
    inbound: Inbound = field(default_factory=Inbound)
    outbound: Outbound = field(default_factory=Outbound)
    reloads: Reloads = field(default_factory=Reloads)
    account_swap: RWLock = field(default_factory=lambda: RWLock(fast=True))
    shadows: Shadows = field(default_factory=Shadows)
    concurrency: ConcurrencyLimit = field(default_factory=ConcurrencyLimit)
    store_check: StoreCheck = field(default_factory=StoreCheck)
    siblings: Siblings | None = None

    def steady_time(self) -> datetime:
        """Return the time for ages and expiries. A step of the host's clock does not move it."""
        return (self.steady or self.clock)()


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
