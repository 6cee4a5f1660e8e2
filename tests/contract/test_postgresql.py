"""What only the PostgreSQL journal promises: any number of processes, and a server that comes and goes."""

import asyncio
import gc
import logging
import random
import sys
import tracemalloc
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from tests.contract.conftest import NODE, claimed, ended, intent, keep, operation, order, retried
from tests.postgresql import Server

from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.links import LinkKey
from ordergate.journal.records.operations import Claimed, Duplicate, Existing
from ordergate.journal.statements import migrations
from ordergate.journal.stores import postgresql
from ordergate.journal.stores.postgresql import PostgresqlJournal, upgrade
from ordergate.server.bootstrap import open_journal

NEWEST = migrations("postgresql")[-1][0]
OTHER = "node_2"
SECRET = "hunter2-cobalt"
CUSTOMER = LinkKey(merchant="acme", world="test", kind="customers", id="cust-42")
ENOUGH = 10.0
"""Seconds within which every call has to end, whatever the server does."""

OPEN = """
import asyncio, sys
from ordergate.journal import transactions as tx
from ordergate.server.bootstrap import open_journal

async def main():
    journal = await open_journal(sys.argv[1])
    await journal.read(tx.health.ping())
    await journal.close()

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def journal(postgresql_url: str) -> AsyncIterator[PostgresqlJournal]:
    """A journal on a database of its own."""
    opened = await PostgresqlJournal.open(postgresql_url)
    yield opened
    await opened.close()


async def _fetch(url: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def _until(reached: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3_000):
        if await reached():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it did not come to that")


# Opening


async def test_many_may_create_the_schema_at_once(postgresql_url: str) -> None:
    """Of twenty that upgrade an empty database at once one does, and all find it done."""
    versions = await asyncio.gather(*(upgrade(postgresql_url) for _ in range(20)))

    assert sorted(versions) == [(0, NEWEST), *[(NEWEST, NEWEST)] * 19]
    assert await upgrade(postgresql_url) == (NEWEST, NEWEST)
    (row,) = await _fetch(postgresql_url, "SELECT count(*), min(version) FROM schema_version")
    assert tuple(row) == (1, NEWEST)


async def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that fails takes the whole upgrade back; once it can be made, the data is still there."""
    later = (NEWEST + 1, ("ALTER TABLE orders ADD COLUMN later TEXT", "CREATE TABLE later (id TEXT)"))
    before = await PostgresqlJournal.open(postgresql_url)
    begun = await claimed(before)
    await before.close()
    await _fetch(postgresql_url, "CREATE TABLE later (id TEXT)")
    monkeypatch.setattr(postgresql, "migrations", lambda _: (*migrations("postgresql"), later))

    with pytest.raises(JournalUnavailableError, match="later"):
        await upgrade(postgresql_url)
    (row,) = await _fetch(postgresql_url, "SELECT version FROM schema_version")
    assert row[0] == NEWEST

    await _fetch(postgresql_url, "DROP TABLE later")
    assert await upgrade(postgresql_url) == (NEWEST, NEWEST + 1)
    after = await PostgresqlJournal.open(postgresql_url)
    assert await after.read(tx.operations.find(begun.id)) == begun
    await after.close()


async def test_processes_may_open_an_empty_database_at_once(postgresql_url: str) -> None:
    """Processes that are started together on a new database all begin to work."""
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN, postgresql_url, stderr=PIPE)
        for _ in range(3)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in processes))

    assert [process.returncode for process in processes] == [0] * 3, ends


async def test_a_later_releases_schema_is_refused(postgresql_url: str) -> None:
    """A database that a later release upgraded is left alone, with the version in the sentence and no password."""
    await upgrade(postgresql_url)
    await _fetch(postgresql_url, "UPDATE schema_version SET version = 999")
    url = postgresql_url.replace("postgres@", f"postgres:{SECRET}@", 1)

    with pytest.raises(JournalUnavailableError, match="schema 999, made by a later release") as refused:
        await PostgresqlJournal.open(url)

    assert SECRET not in str(refused.value)
    (row,) = await _fetch(postgresql_url, "SELECT version FROM schema_version")
    assert row[0] == 999


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://gate:{SECRET}@127.0.0.1:1/gate",
        f"postgresql://gate:{SECRET}@no-such-host.invalid/gate",
        f"postgresql://gate:{SECRET}@/gate?host=/no/such/folder",
        f"postgresql://gate:{SECRET}@localhost:port/gate",
        f"postgresql://gate:{SECRET}/more@localhost/gate",
        f"postgresql://gate:{SECRET}#more@localhost/gate",
        f"postgresql://gate:more?{SECRET}@localhost/gate",
        f"postgresql://gate:[{SECRET}@localhost/gate",
        f"postgresql://gate@127.0.0.1:1/gate?password={SECRET}",
    ],
)
async def test_a_server_that_cannot_be_reached_is_told_without_the_password(url: str) -> None:
    """A wrong host, port or URL is refused in a sentence that holds no part of the password."""
    with pytest.raises(JournalUnavailableError, match=r"PostgreSQL: \S+ \S+") as refused:
        await open_journal(url)

    assert SECRET not in str(refused.value)


async def test_a_missing_database_is_told_by_its_name(postgresql_url: str) -> None:
    """A database that does not exist is named, without the password."""
    parts = urlsplit(postgresql_url)
    url = parts._replace(netloc=f"postgres:{SECRET}@", path="/nowhere").geturl()

    with pytest.raises(JournalUnavailableError, match='"nowhere" does not exist') as refused:
        await open_journal(url)

    assert SECRET not in str(refused.value)


async def test_a_wrong_password_is_told_by_its_user(
    own_postgresql_server: Server, postgresql_url: str
) -> None:
    """A refused password is told with the user's name, and not repeated."""
    await _fetch(
        postgresql_url,
        "DROP ROLE IF EXISTS gate",
        "CREATE ROLE gate LOGIN PASSWORD 'right'",
    )
    file = (await _fetch(postgresql_url, "SHOW hba_file"))[0][0]

    async def admit(*lines: str) -> None:
        await _fetch(
            postgresql_url,
            f"COPY (SELECT unnest(ARRAY{list(lines)})) TO '{file}'",
            "SELECT pg_reload_conf()",
        )

        async def reloaded() -> bool:
            rows = await _fetch(
                postgresql_url, "SELECT pg_conf_load_time() > (pg_stat_file('" + file + "')).modification"
            )
            return bool(rows[0][0])

        await _until(reloaded)

    await admit("local all gate scram-sha-256", "local all all trust")
    try:
        url = postgresql_url.replace("postgres@", f"gate:{SECRET}@", 1)
        with pytest.raises(JournalUnavailableError, match='failed for user "gate"') as refused:
            await open_journal(url)
    finally:
        await admit("local all all trust")

    assert SECRET not in str(refused.value)


# A server that comes and goes


async def _call(journal: PostgresqlJournal, n: int) -> object:
    """One call of some kind."""
    match n % 6:
        case 0:
            return await journal.write(tx.operations.claim(intent(operation(reference=f"A-{n}"))))
        case 1:
            return await journal.write(tx.operations.claim(intent(operation())))
        case 2:
            return await journal.write(tx.leases.acquire_due(OTHER, 3))
        case 3:
            return await journal.read(tx.health.ping())
        case 4:
            return await journal.write(tx.leases.renew(NODE, 15))
        case _:
            return await journal.read(tx.operations.find_by_key(operation()))


async def _timed(call: Awaitable[object]) -> tuple[float, object]:
    """How long a call took, and what it returned or raised."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    (result,) = await asyncio.gather(asyncio.wait_for(call, 60), return_exceptions=True)
    return loop.time() - started, result


@pytest.mark.parametrize("how", ["killed", "shut down"])
async def test_a_server_that_dies_under_load_is_unavailable_and_then_not(
    own_postgresql_server: Server, postgresql_url: str, how: str
) -> None:
    """While the server is down each call ends soon and says so; when it is up again the same journal works."""
    journal = await PostgresqlJournal.open(postgresql_url)
    kept = []
    ends: list[tuple[float, object]] = []
    down = asyncio.Event()

    async def load(n: int) -> None:
        for round_ in range(10_000):
            if down.is_set() and round_ > 3:
                return
            begun = operation()
            took, result = await _timed(journal.write(tx.operations.claim(intent(begun))))
            ends.append((took, result))
            if isinstance(result, Claimed):
                kept.append(begun)
            ends.append(await _timed(_call(journal, n + round_)))

    async def enough() -> bool:
        return len(kept) >= 200

    tasks = [asyncio.create_task(load(n)) for n in range(40)]
    await _until(enough)
    (own_postgresql_server.kill if how == "killed" else own_postgresql_server.shut_down)()
    down.set()
    await asyncio.gather(*tasks)
    refused = [await _timed(_call(journal, n)) for n in range(12)]
    own_postgresql_server.restart()
    first = await _timed(journal.read(tx.health.ping()))
    after = await asyncio.gather(*(_timed(_call(journal, n)) for n in range(60)))

    errors = [result for _, result in [*ends, *refused] if isinstance(result, BaseException)]
    assert {type(error) for error in errors} == {JournalUnavailableError}
    assert all(isinstance(result, JournalUnavailableError) for _, result in refused)
    assert max(took for took, _ in [*ends, *refused, first, *after]) < ENOUGH
    assert [result for _, result in after if isinstance(result, BaseException)] == []
    for begun in kept:
        assert await journal.read(tx.operations.find(begun.id)) is not None
    await journal.close()


async def test_memory_stays_flat_while_the_server_is_down(
    own_postgresql_server: Server,
    postgresql_url: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Thousands of refused calls leave nothing behind in the process."""
    caplog.set_level(logging.CRITICAL, logger="asyncpg")  # what the tests capture is not the journal's
    journal = await PostgresqlJournal.open(postgresql_url)
    own_postgresql_server.kill()

    async def refused(calls: int) -> None:
        for n in range(0, calls, 50):
            results = await asyncio.gather(
                *(_call(journal, n + m) for m in range(50)), return_exceptions=True
            )
            assert {type(result) for result in results} == {JournalUnavailableError}

    await refused(300)
    tracemalloc.start()
    try:
        await refused(200)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        await refused(2000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    with capsys.disabled():
        sys.stdout.write(f"\nmemory after 2,000 refused calls: {(after - before) / 1024:+.0f} KiB\n")

    assert after - before < 2**20
    assert len(asyncio.all_tasks()) < 5
    own_postgresql_server.restart()
    await journal.read(tx.health.ping())
    await journal.close()


async def test_broken_connections_are_replaced(journal: PostgresqlJournal, postgresql_url: str) -> None:
    """Connections that an administrator ended cost no more than the calls that were on them."""
    await asyncio.gather(*(claimed(journal) for _ in range(20)))
    await _fetch(
        postgresql_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()",
    )
    await asyncio.sleep(0.1)

    await asyncio.gather(*(claimed(journal) for _ in range(20)))


# Transactions


async def test_a_caller_that_goes_away_leaves_no_half_transaction(
    journal: PostgresqlJournal, postgresql_url: str
) -> None:
    """A settlement whose caller is cancelled at any moment is there as a whole, operation, answer and order."""
    begun = [await claimed(journal) for _ in range(40)]
    tasks = [
        asyncio.create_task(
            journal.write(tx.operations.settle(ended(each, "succeeded"), None, order(each.order)))
        )
        for each in begun
    ]
    for task in tasks:
        await asyncio.sleep(random.uniform(0, 0.002))
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait(journal._writing or {asyncio.create_task(asyncio.sleep(0))})

    for each in begun:
        settled, stored = (
            await journal.read(tx.operations.find(each.id)),
            await journal.read(tx.orders.find(each.order)),
        )
        assert settled is not None
        assert (settled.state == "succeeded") is (stored is not None)
    rows = await _fetch(
        postgresql_url, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    )
    assert rows[0][0] == 0


async def test_a_reader_that_goes_away_does_not_spoil_a_connection(journal: PostgresqlJournal) -> None:
    """Reads that are cancelled under way leave connections that work."""
    begun = await claimed(journal)
    for _ in range(20):
        reads = [asyncio.create_task(journal.read(tx.operations.find(begun.id))) for _ in range(20)]
        await asyncio.sleep(random.uniform(0, 0.005))
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    assert [await journal.read(tx.operations.find(begun.id)) for _ in range(20)] == [begun] * 20


async def test_a_closed_journal_has_finished_what_waited(postgresql_url: str) -> None:
    """Closing while writes are under way lets them end."""
    journal = await PostgresqlJournal.open(postgresql_url)
    wanted = [operation() for _ in range(50)]
    waiting = [asyncio.create_task(journal.write(tx.operations.claim(intent(each)))) for each in wanted]
    await asyncio.sleep(0)

    await journal.close()

    assert await asyncio.gather(*waiting) == [Claimed(each) for each in wanted]
    with pytest.raises(JournalUnavailableError):
        await journal.read(tx.health.ping())


async def test_who_loses_a_deadlock_tries_again(postgresql_url: str) -> None:
    """A transaction that the server ends, since it and another wait for each other, is run again."""
    await upgrade(postgresql_url)
    name = urlsplit(postgresql_url).path[1:]
    await _fetch(postgresql_url, f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'")
    journal = await PostgresqlJournal.open(postgresql_url)
    await journal.write(tx.links.put(CUSTOMER, {"a": "1", "b": "1"}))
    other = await asyncpg.connect(postgresql_url)
    update = "UPDATE links SET native = '2' WHERE account = $1"

    async def waits() -> bool:
        rows = await _fetch(
            postgresql_url,
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE NOT granted AND datname = current_database()",
        )
        return bool(rows[0][0])

    async with other.transaction():
        await other.execute("SET LOCAL deadlock_timeout = '1h'")  # never the one that gives way
        await other.execute(update, "b")
        put = asyncio.create_task(journal.write(tx.links.put(CUSTOMER, {"a": "3", "b": "3"})))
        await _until(waits)
        await asyncio.wait_for(other.execute(update, "a"), 30)
    await other.close()

    await put
    assert await journal.read(tx.links.find(CUSTOMER)) == {"a": "3", "b": "3"}
    await journal.close()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_a_databases_own_isolation_level_does_not_matter(postgresql_url: str, level: str) -> None:
    """Where the database is set to another isolation level, one of many still wins and no other fails."""
    await upgrade(postgresql_url)
    name = urlsplit(postgresql_url).path[1:]
    await _fetch(postgresql_url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    journals = [await PostgresqlJournal.open(postgresql_url) for _ in range(2)]

    claims = await asyncio.gather(
        *(journals[n % 2].write(tx.operations.claim(intent(operation(reference="A-1")))) for n in range(30))
    )

    assert sum(isinstance(claim, Claimed) for claim in claims) == 1
    assert sum(isinstance(claim, Duplicate) for claim in claims) == 29
    for opened in journals:
        await opened.close()


async def test_locks_do_not_pile_up(journal: PostgresqlJournal, postgresql_url: str) -> None:
    """Whatever a claim or an adoption came to, no row of its lock remains."""
    begun = await claimed(journal, operation(reference="A-1"))
    assert await journal.write(tx.operations.claim(intent(operation(reference="A-1")))) == Duplicate(begun)
    repeat = operation(key=begun.key, reference="A-2")
    assert await journal.write(tx.operations.claim(intent(repeat))) == Existing(begun, None)
    await journal.write(tx.operations.claim(intent(operation(reference="A-3"), revision=5)))
    record = await keep(journal, order())
    await journal.write(tx.orders.add_imported(record))
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))
    await journal.write(tx.operations.claim(intent(retried(begun))))

    rows = await _fetch(postgresql_url, "SELECT count(*) FROM locks")
    assert rows[0][0] == 0


async def test_a_database_that_acknowledges_what_a_crash_forgets_does_not_matter(postgresql_url: str) -> None:
    """Every commit waits for the disk, the last one of a connection as the first, whatever the database is set to."""
    (row,) = await _fetch(postgresql_url, "SELECT current_database()")
    await _fetch(postgresql_url, f"ALTER DATABASE {row[0]} SET synchronous_commit = 'off'")
    journal = await PostgresqlJournal.open(postgresql_url, connections=1)
    try:
        for _ in range(3):
            await claimed(journal)
            async with journal._connection(journal._pool) as connection:
                assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await journal.close()
