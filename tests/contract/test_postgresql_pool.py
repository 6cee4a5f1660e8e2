"""How the PostgreSQL journal reuses its connections."""

import asyncio

import asyncpg
from tests.contract.conftest import claimed

from ordergate.journal import transactions as tx
from ordergate.journal.records.orders import OrderQuery
from ordergate.journal.stores.postgresql import PostgresqlJournal


async def _sessions(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return count
    finally:
        await connection.close()


async def test_calls_wait_for_the_only_connection(postgresql_url: str) -> None:
    """However many writes, reads and lists there are at once, one connection serves them all."""
    journal = await PostgresqlJournal.open(postgresql_url, connections=1)

    async def caller() -> None:
        for _ in range(5):
            begun = await claimed(journal)
            assert await journal.read(tx.operations.find(begun.id)) == begun
            await journal.read(tx.orders.search(OrderQuery(world="test")))

    await asyncio.gather(*(caller() for _ in range(12)))

    assert await _sessions(postgresql_url) == 1
    await journal.close()


async def test_calls_one_after_the_other_use_one_connection(postgresql_url: str) -> None:
    """The connection of the call before is used again."""
    journal = await PostgresqlJournal.open(postgresql_url)
    for _ in range(30):
        await claimed(journal)

    assert await _sessions(postgresql_url) == 1
    await journal.close()


async def test_a_kept_connection_goes_back_to_the_pool(postgresql_url: str) -> None:
    """After a second without a call, the driver's pool has all connections, and closes them when it wants to."""
    journal = await PostgresqlJournal.open(postgresql_url, connections=3)
    await asyncio.gather(*(claimed(journal) for _ in range(9)))
    driver = journal._pool._pool
    assert driver.get_idle_size() < driver.get_size()

    await asyncio.sleep(2.5)

    assert driver.get_idle_size() == driver.get_size()
    await claimed(journal)
    await journal.close()


async def test_a_connection_that_expired_in_use_is_not_kept(postgresql_url: str) -> None:
    """Connections that were replaced while a call had them are closed after that call."""
    journal = await PostgresqlJournal.open(postgresql_url)
    async with journal._connection(journal._pool) as old:
        number = old.get_server_pid()
        await journal._pool.expire_connections()
    async with journal._connection(journal._pool) as new:
        assert new.get_server_pid() != number
    await journal.close()
