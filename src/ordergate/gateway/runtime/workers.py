"""Background workers: each repeats one function, round after round, until the process ends."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from ordergate.journal.errors import JournalUnavailableError

WorkerName = Literal[
    "lease", "recovery", "resync", "polling", "outbox", "delivery", "retention", "shadow", "key_use"
]

Round = Callable[[], Awaitable[float]]
"""Does one round of work. Returns the seconds until the next: 0 if more is due, infinity to wait for a wake-up."""


class BackgroundWorkers:
    """The background workers that run in this process."""

    def __init__(self) -> None:
        """Start none."""
        self._alarms: dict[WorkerName, _Alarm] = {}

    def runs(self, name: WorkerName) -> bool:
        """Return whether this process runs the worker."""
        return name in self._alarms

    def wake(self, name: WorkerName, *, at_once: bool = False) -> None:
        """Start the worker's next round soon. Without effect if this process does not run the worker.

        Args:
            name: The worker.
            at_once: Do not wait for further wake-ups.
        """
        if name in self._alarms:
            self._alarms[name].ring(at_once=at_once)

    @contextlib.asynccontextmanager
    async def run(
        self,
        name: WorkerName,
        do_round: Round,
        *,
        log: Any,
        failure: str,
        after_failure: float,
        first_after: float = 0.0,
        gather: Callable[[], float] | None = None,
    ) -> AsyncIterator[None]:
        """Run a worker until the block ends. A round that fails is logged, and does not end the worker.

        Args:
            name: The worker.
            do_round: Its function.
            log: The logger for failures.
            failure: The log event of a failure that is not the journal's, for example ``recovery.failed``.
            after_failure: Seconds from a failed round to the next.
            first_after: Seconds from the start to the first round.
            gather: Returns the seconds that a wake-up waits for further ones, so that they share a round.
        """
        alarm = self._alarms[name] = _Alarm(gather)

        async def repeat() -> None:
            await asyncio.sleep(first_after)
            while True:
                try:
                    pause = await do_round()
                except JournalUnavailableError as error:
                    log.warning("journal.unavailable", error=str(error))
                    pause = after_failure
                except Exception:
                    log.exception(failure)
                    pause = after_failure
                await alarm.wait(pause)

        task = asyncio.create_task(repeat(), name=name)
        try:
            yield
        finally:
            del self._alarms[name]
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class _Alarm:
    """Wakes one worker."""

    def __init__(self, gather: Callable[[], float] | None) -> None:
        self._gather = gather
        self._rung = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def ring(self, *, at_once: bool) -> None:
        if at_once or self._gather is None:
            self._rung.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._gather(), self._end_gathering)

    def _end_gathering(self) -> None:
        self._timer = None
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when the alarm rings."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._rung.wait()
        self._rung.clear()
