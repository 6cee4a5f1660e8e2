"""A journal of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ordergate.journal.sqlite import SqliteJournal


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """An empty journal."""
    opened = SqliteJournal(tmp_path / "journal.db")
    yield opened
    await opened.close()
