"""The gateway as the use cases see it: a configuration in force, and the ways out."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from ordergate.domain.errors import Problem
from ordergate.domain.order import Order, Return
from ordergate.gateway.configuration import Configuration
from ordergate.gateway.ports import Clock, Journal, Transport
from ordergate.gateway.records import StoredResponse
from ordergate.metrics import Metrics


class Renderer(Protocol):
    """Writes answers as they are given to callers, and stored to be given again."""

    def order(self, order: Order, *, created: bool) -> StoredResponse:
        """Return the answer of a write that was applied."""
        ...

    def returned(self, made: Return) -> StoredResponse:
        """Return the answer of a return that was made."""
        ...

    def problem(self, problem: Problem) -> StoredResponse:
        """Return the answer of a write that the provider refused."""
        ...


@dataclass(slots=True)
class Gateway:
    """Everything a use case works with; `configuration` is replaced as a whole when it changes.

    Attributes:
        running: Writes that are under way, whether or not their callers still wait.
    """

    configuration: Configuration
    journal: Journal
    transport: Transport
    clock: Clock
    renderer: Renderer
    running: set[asyncio.Task[Any]] = field(default_factory=set)
    metrics: Metrics = field(default_factory=Metrics)

    async def drain(self, seconds: float) -> None:
        """Let the writes under way end, for so long at most; what then still runs is found out about later."""
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answers, byte for byte, and what its headers tell.

    Attributes:
        account: The account that was chosen.
        replayed: The answer was given before and is given again.
    """

    response: StoredResponse
    account: str
    replayed: bool = False
