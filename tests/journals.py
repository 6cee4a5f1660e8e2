"""Replaces single transactions of a journal in a test."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal
from ordergate.journal.transaction import Transaction

Run = Callable[[Transaction[Any]], Awaitable[Any]]
Replacement = Callable[[Run, Transaction[Any]], Awaitable[Any]]


def replace(patch: pytest.MonkeyPatch, journal: Journal, name: str, replacement: Replacement) -> None:
    """Call `replacement` instead of each transaction of this name; it may run the transaction itself."""
    for method in ("read", "write"):
        run: Run = getattr(journal, method)

        async def instead(transaction: Transaction[Any], run: Run = run) -> Any:
            return await (replacement(run, transaction) if transaction.name == name else run(transaction))

        patch.setattr(journal, method, instead)


async def unavailable(_run: Run, _transaction: Transaction[Any]) -> Any:
    """Fail as a journal does that cannot be reached."""
    raise JournalUnavailableError("down")
