"""A list is bounded in time, and while lists take long the journal does everything else."""

import asyncio
import threading
from collections.abc import Awaitable
from pathlib import Path

import asyncpg
import pytest
from tests.contract.conftest import keep, operation, order, provider_order

from ordergate.journal import transactions as tx
from ordergate.journal.errors import ListTooSlowError
from ordergate.journal.journal import Journal
from ordergate.journal.records.orders import OrderQuery
from ordergate.journal.stores import postgresql, sqlite
from ordergate.journal.stores.postgresql import PostgresqlJournal
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.journal.transaction import Steps, transaction
from ordergate.web.problems import STATUSES, problem_of

ALL = OrderQuery(world="test")
PARALLEL = 8


def _refusals(results: list[object]) -> list[ListTooSlowError]:
    return [each for each in results if isinstance(each, ListTooSlowError)]


async def _everything_else(journal: Journal) -> None:
    """Ask and write what callers and the background do."""
    await journal.read(tx.health.ping())
    assert await journal.read(tx.keys.find(b"nosuch")) is None
    assert await journal.read(tx.operations.find_by_key(operation())) is None
    await journal.write(tx.leases.renew("node_1", 15))


async def _beside(journal: Journal, lists: list[Awaitable[object]], end: Awaitable[object]) -> list[object]:
    """Do everything else while the lists wait, then end that; return what became of them."""
    listing = asyncio.gather(*lists, return_exceptions=True)
    await _everything_else(journal)
    assert not listing.done()
    await end
    return await listing


async def test_sqlite_ends_a_long_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is broken off in the middle of its rows; the next one is answered."""
    journal = SqliteJournal(tmp_path / "journal.db")
    for number in range(50):
        await keep(journal, order(seen=provider_order(provider_order_id=f"order_{number}")))

    monkeypatch.setattr(sqlite, "_STEPS", 100)
    monkeypatch.setattr(sqlite, "LIST_SECONDS", 0.0)
    with pytest.raises(ListTooSlowError):
        await journal.read(tx.orders.search(OrderQuery(world="test", limit=50)))
    monkeypatch.undo()

    assert len(await journal.read(tx.orders.search(OrderQuery(world="test", limit=50)))) == 50
    await journal.close()


async def test_sqlite_does_everything_else_beside_lists(tmp_path: Path) -> None:
    """More lists than there are threads for them leave the others alone."""
    journal = SqliteJournal(tmp_path / "journal.db")
    over = threading.Event()

    @transaction(listed=True)
    def long() -> Steps[None]:
        assert over.wait(60)
        return (yield from tx.health.ping())

    async def end() -> None:
        over.set()

    results = await _beside(journal, [journal.read(long()) for _ in range(PARALLEL)], end())

    assert results == [None] * PARALLEL
    await journal.close()


async def test_postgresql_does_everything_else_beside_lists(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that wait have their part of the connections; each is ended in time, those that wait for a part too."""
    journal = await PostgresqlJournal.open(postgresql_url)
    stranger = await asyncpg.connect(postgresql_url)
    held = stranger.transaction()
    await held.start()
    await stranger.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")

    results = await _beside(
        journal, [journal.read(tx.orders.search(ALL)) for _ in range(PARALLEL)], held.rollback()
    )
    assert results == [[]] * PARALLEL

    monkeypatch.setattr(postgresql, "_OF_A_LIST", "SET LOCAL statement_timeout = 50")
    held = stranger.transaction()
    await held.start()
    await stranger.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    results = await asyncio.gather(
        *(journal.read(tx.orders.search(ALL)) for _ in range(PARALLEL)), return_exceptions=True
    )
    await held.rollback()

    assert len(_refusals(results)) == PARALLEL
    assert await journal.read(tx.orders.search(ALL)) == []
    await stranger.close()
    await journal.close()


def test_a_caller_is_told_what_makes_it_shorter() -> None:
    """The problem says that it is ours for now, and what to ask for instead."""
    problem = problem_of(ListTooSlowError(5))

    assert (problem.code, STATUSES[problem.code], problem.retry_after) == ("overloaded", 503, 5)
    assert "reference" in problem.detail
