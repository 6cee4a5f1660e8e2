"""Pruning in the background: all that is due, in batches, and on after a failure."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from ordergate.gateway.operating.retention import BATCH, prune, pruning
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.runtime.workers import BackgroundWorkers
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.transaction import Transaction

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Counted:
    """A journal with so many expired operations, whose first answer may be a failure."""

    def __init__(self, expired: int, *, fails: bool = False) -> None:
        self.expired = expired
        self.fails = fails
        self.done = asyncio.Event()
        self.asked: list[tuple[datetime, int]] = []
        self.asked_of_deliveries: list[tuple[datetime, int]] = []
        self.events_asked = 0

    async def write(self, transaction: Transaction[int]) -> int:
        prune = {
            "operations.prune": self._prune,
            "deliveries.prune": self._prune_deliveries,
            "resync.prune": self._prune_events,
        }[transaction.name]
        return prune(*transaction.arguments)

    def _prune(self, since: datetime, limit: int) -> int:
        self.asked.append((since, limit))
        if self.fails:
            self.fails = False
            raise JournalUnavailableError("gone for a moment")
        pruned = min(limit, self.expired)
        self.expired -= pruned
        if not self.expired:
            self.done.set()
        return pruned

    def _prune_deliveries(self, since: datetime, limit: int) -> int:
        self.asked_of_deliveries.append((since, limit))
        return 0

    def _prune_events(self, since: datetime, limit: int) -> int:
        assert (since, limit) == (NOW - timedelta(days=7), BATCH)
        self.events_asked += 1
        return 0


def _gateway(journal: Counted) -> Runtime:
    configuration = SimpleNamespace(retention=timedelta(days=7))
    return cast(
        "Any",
        SimpleNamespace(
            journal=journal,
            configuration=configuration,
            steady_time=lambda: NOW,
            workers=BackgroundWorkers(),
        ),
    )


async def test_all_that_has_expired_goes_in_batches() -> None:
    """Batches follow each other until one is not full, each with the same border."""
    journal = Counted(12)

    assert await prune(_gateway(journal), batch=5) == 12

    assert journal.asked == [(NOW - timedelta(days=7), 5)] * 3
    assert journal.asked_of_deliveries == [(NOW - timedelta(days=7), 5)]


async def test_pruning_goes_on_after_a_failure() -> None:
    """A journal that does not answer for a moment is asked again, and the end stops it."""
    journal = Counted(3, fails=True)

    async with pruning(_gateway(journal), every=0.01), asyncio.timeout(60):
        await journal.done.wait()
    asked = len(journal.asked)
    await asyncio.sleep(0.05)

    assert asked >= 2
    assert journal.events_asked >= 1
    assert len(journal.asked) == asked
