"""When keys were used is recorded in the background, on after any failure."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import pytest
from tests.builders import NOON
from tests.unit.gateway.conftest import gateway_of

from ordergate.gateway.runtime import key_use
from ordergate.gateway.runtime.key_use import recording_key_use
from ordergate.gateway.runtime.ports import Journal
from ordergate.journal.errors import JournalUnavailableError


class Failing:
    """A journal whose first answer is a failure."""

    def __init__(self, failure: Exception) -> None:
        self.failure: Exception | None = failure
        self.done = asyncio.Event()
        self.uses: dict[str, datetime] = {}

    async def touch_keys(self, uses: Mapping[str, datetime]) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.uses.update(uses)
        self.done.set()


@pytest.mark.parametrize("failure", [JournalUnavailableError("gone"), RuntimeError("a defect")])
async def test_recording_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Whatever fails once, the uses are kept and recorded the next time."""
    monkeypatch.setattr(key_use, "_PAUSE", 0.01)
    journal: Any = Failing(failure)
    gateway = gateway_of(cast("Journal", journal))
    gateway.key_use.note("key_1", NOON)

    async with recording_key_use(gateway.key_use, gateway.journal), asyncio.timeout(5):
        await journal.done.wait()

    assert journal.uses == {"key_1": NOON}
