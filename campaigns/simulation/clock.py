"""Virtual time: it stops while any task can run, and jumps if none can."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    """The one clock of a simulation: of its gateways, their journal, the network and the provider.

    Attributes:
        elapsed: Seconds since the simulation began.
    """

    def __init__(self, elapsed: float = 0.0) -> None:
        self.elapsed = elapsed

    def utc(self) -> datetime:
        """Return the time as the gateway takes it."""
        return START + timedelta(seconds=self.elapsed)

    def unix(self) -> float:
        """Return the time as the journal and the emulators take it."""
        return START.timestamp() + self.elapsed


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own, which jumps to the next timer when nothing is ready."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Jump(clock))
        self._now = clock

    def time(self) -> float:
        """Return the clock's time."""
        return self._now.elapsed


class _Jump(selectors.SelectSelector):
    """Never blocks: if a loop would sleep, the clock moves on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass that the loop would wait."""
        if timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        self._clock.elapsed += max(timeout, 0.0)
        return []


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits for something")


def simulate(clock: Clock, work: Coroutine[Any, Any, T]) -> T:
    """Run a simulation to its end on this clock."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)
