"""A journal of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.builders import NOON

from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal.journal import Journal
from ordergate.journal.stores.sqlite import SqliteJournal


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """An empty journal."""
    opened = SqliteJournal(tmp_path / "journal.db")
    yield opened
    await opened.close()


def gateway_of(journal: Journal, **limits: Any) -> Runtime:
    """A gateway at noon that has a journal, and nothing else of what it would need to send."""
    return Runtime(
        configuration=Configuration(hash="c0ffee", accounts={}, default_route=(), **limits),
        journal=journal,
        transport=None,
        clock=lambda: NOON,
        renderer=None,
    )
