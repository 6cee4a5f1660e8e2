"""What several processes must not do to each other's events and deliveries, step by step, on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest_asyncio
from tests.contract.conftest import keep, order
from tests.contract.test_deliveries import ACME, NODE, endpoint

from ordergate.domain.assembly import OrderRecord
from ordergate.journal import transactions as tx
from ordergate.journal.records.deliveries import SigningSecret
from ordergate.journal.records.events import EventQuery
from ordergate.journal.stores.postgresql import PostgresqlJournal

LONG_ENOUGH = 0.3
"""Seconds after which whoever could have gone on has gone on."""


@pytest_asyncio.fixture
async def journal(postgresql_url: str) -> AsyncIterator[PostgresqlJournal]:
    """A journal on a database of its own."""
    opened = await PostgresqlJournal.open(postgresql_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def other(postgresql_url: str, journal: PostgresqlJournal) -> AsyncIterator[Any]:
    """Another process, whose transaction is open for as long as a test wants."""
    connection = await asyncpg.connect(postgresql_url)
    yield connection
    await connection.close()


async def _changed(journal: PostgresqlJournal, record: OrderRecord, notes: str) -> None:
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    await journal.write(tx.orders.update(msgspec.structs.replace(record, notes=notes), stored))


async def test_a_number_is_not_overtaken(journal: PostgresqlJournal, other: Any) -> None:
    """An event that was recorded first and committed last gets the later number: nobody who read on misses it."""
    slow, quick = await keep(journal, order()), order()
    async with other.transaction():
        await other.execute(
            "INSERT INTO events (id, merchant, world, purpose, order_id, type, created_at, record) "
            "VALUES ('evt_slow', 'acme', 'test', '', $1, 'order.updated', 0, '{}')",
            slow.id,
        )
        await keep(journal, quick)
        assert await journal.write(tx.deliveries.number_events(ACME, 100)) == 2
        before = await journal.read(tx.events.search(EventQuery(feed=ACME)))
    assert await journal.write(tx.deliveries.number_events(ACME, 100)) == 1

    after = await journal.read(tx.events.search(EventQuery(feed=ACME, after=2)))
    assert [event.number for event in before] == [1, 2]
    assert [(event.id, event.number) for event in after] == [("evt_slow", 3)]


async def test_whoever_numbers_waits_for_another_who_does(journal: PostgresqlJournal, other: Any) -> None:
    """Two passes over one feed follow each other; a pass over another merchant's does not wait."""
    await keep(journal, order())
    await journal.write(tx.deliveries.number_events(ACME, 100))
    await keep(journal, order())
    async with other.transaction():
        await other.execute("UPDATE feeds SET number = number")
        waiting = asyncio.create_task(journal.write(tx.deliveries.number_events(ACME, 100)))
        await keep(journal, order(merchant="bolt"))
        bolt = msgspec.structs.replace(ACME, merchant="bolt")
        assert await journal.write(tx.deliveries.number_events(bolt, 100)) == 1
        await asyncio.sleep(LONG_ENOUGH)
        assert not waiting.done()

    assert await waiting == 1


async def test_what_is_queued_waits_for_what_is_ending(journal: PostgresqlJournal, other: Any) -> None:
    """A delivery that another process is just ending, and that knows of no next one, does not leave that one held."""
    receiver = endpoint()
    await journal.write(tx.endpoints.add(receiver, SigningSecret(value="whsec_x", ends_at=None), 20))
    record = await keep(journal, order())
    await journal.write(tx.deliveries.number_events(ACME, 100))
    parcel = await journal.write(tx.deliveries.acquire(receiver.id, NODE, 10))
    await _changed(journal, record, "a")
    async with other.transaction():
        await other.execute("UPDATE webhook_deliveries SET state = 'delivered', owner = NULL")
        numbering = asyncio.create_task(journal.write(tx.deliveries.number_events(ACME, 100)))
        await asyncio.sleep(LONG_ENOUGH)
    await numbering

    assert parcel is not None
    assert len(parcel.due) == 1
    assert await journal.read(tx.endpoints.find_due()) == [receiver.id]
