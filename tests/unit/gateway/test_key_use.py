"""When keys were used is recorded in the background, on after any failure."""

import asyncio
from datetime import datetime
from typing import Any, cast

import pytest
from tests.builders import NOON
from tests.unit.gateway.conftest import gateway_of

from ordergate.gateway.runtime import key_use
from ordergate.gateway.runtime.key_use import recording_key_use
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal
from ordergate.journal.transaction import Transaction


class Failing:
    """A journal whose first answer is a failure."""

    def __init__(self, failure: Exception) -> None:
        self.failure: Exception | None = failure
        self.done = asyncio.Event()
        self.uses: dict[str, datetime] = {}

    async def write(self, transaction: Transaction[None]) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.uses.update(transaction.arguments[0])
        self.done.set()


@pytest.mark.parametrize("failure", [JournalUnavailableError("gone"), RuntimeError("a defect")])
async def test_recording_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Whatever fails once, the uses are kept and recorded the next time."""
    monkeypatch.setattr(key_use, "_PAUSE", 0.01)
    journal: Any = Failing(failure)
    gateway = gateway_of(cast("Journal", journal))
    gateway.access.key_use.note("key_1", NOON)

    async with (
        recording_key_use(gateway.workers, gateway.access.key_use, gateway.journal),
        asyncio.timeout(60),
    ):
        await journal.done.wait()

    assert journal.uses == {"key_1": NOON}
