"""What operators' PostgreSQL does to a journal: failovers, hosts that die, slots used up, poolers in between."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import pytest
import pytest_asyncio
from tests.contract.conftest import NODE, claimed, ended, intent, operation, order
from tests.contract.pooler import PoolerMissing, pooled
from tests.contract.wire import Wire

from ordergate.gateway.writes.lease import LEASE
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Claimed, Duplicate, Existing
from ordergate.journal.stores.postgresql import PostgresqlJournal, upgrade

ROLE = f"gate_{token_hex(4)}"
"""Roles belong to a whole server, which other tests have, too."""


async def _fetch(url: str, *statements: str) -> list[Any]:
    """Run statements as an administrator, who may write whatever the database is set to."""
    connection = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def _alter(url: str, setting: str) -> None:
    await _fetch(url, f'ALTER DATABASE "{urlsplit(url).path[1:]}" {setting}')


async def _cut(url: str) -> None:
    await _fetch(
        url,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()",
    )


@pytest_asyncio.fixture
async def journal(postgresql_url: str) -> AsyncIterator[PostgresqlJournal]:
    """A journal on a database of its own."""
    opened = await PostgresqlJournal.open(postgresql_url)
    yield opened
    await opened.close()


# A server that cannot write


STATEMENTS = {
    "one that is enough": lambda journal: journal.write(tx.operations.claim(intent(operation()))),
    "a transaction": lambda journal: journal.write(tx.operations.claim(intent(operation(reference="A-1")))),
    "a lease": lambda journal: journal.write(tx.leases.renew(NODE, 15)),
    "work taken": lambda journal: journal.write(tx.leases.acquire_due(NODE, 3)),
    "keys touched": lambda journal: journal.write(tx.keys.revoke("key_1", operation().created_at)),
    "a write tried": lambda journal: journal.write(tx.health.check_writable()),
}


@pytest.mark.parametrize("what", STATEMENTS)
async def test_a_connection_to_a_server_that_cannot_write_is_not_kept(
    journal: PostgresqlJournal, postgresql_url: str, what: str
) -> None:
    """Connections that were made while their server could not write are replaced as soon as one of them says so."""
    await _alter(postgresql_url, "SET default_transaction_read_only = on")
    await _cut(postgresql_url)
    await asyncio.sleep(0)
    # Some of them, all read-only, wait to be used.
    await asyncio.gather(*(journal.read(tx.operations.find_by_key(operation())) for _ in range(20)))
    with pytest.raises(JournalUnavailableError, match=r"cannot write .* target_session_attrs=read-write"):
        await journal.write(tx.operations.claim(intent(operation())))
    await asyncio.gather(*(journal.read(tx.operations.find_by_key(operation())) for _ in range(20)))
    await _alter(postgresql_url, "RESET default_transaction_read_only")

    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(JournalUnavailableError):
                await STATEMENTS[what](journal)
                await asyncio.gather(*(claimed(journal) for _ in range(20)))
                break
            await asyncio.sleep(0.1)


async def test_a_host_that_can_be_written_to_is_found(postgresql_url: str) -> None:
    """Of several hosts the one is taken that can be written to, although the URL does not say so."""
    folder = urlsplit(postgresql_url).query
    several = postgresql_url.replace(folder, folder.replace("host=", "host=/tmp/ordergate-no-such-server,"))
    several = several.replace("port=5432", "port=5432,5432")

    journal = await PostgresqlJournal.open(several)
    await journal.write(tx.health.check_writable())
    await _alter(postgresql_url, "SET default_transaction_read_only = on")
    await _cut(postgresql_url)

    with pytest.raises(JournalUnavailableError):
        await asyncio.gather(*(journal.read(tx.operations.find_by_key(operation())) for _ in range(20)))
    await journal.close()


# A host that dies


async def test_a_host_that_dies_inside_a_transaction_lets_go_before_its_lease_is_over(
    postgresql_url: str,
) -> None:
    """What a host that fell silent inside a transaction has locked, others have within its lease."""
    survivor = await PostgresqlJournal.open(postgresql_url)
    for reference in ("A-0", "A-1"):
        used = await claimed(survivor, operation(reference=reference))
        await survivor.write(tx.operations.settle(ended(used, "failed"), None, None))
    async with Wire(postgresql_url) as wire:
        dying = await PostgresqlJournal.open(wire.url)
        await claimed(dying, operation(reference="A-0"))  # its statements are prepared
        wire.sent.clear()
        last = asyncio.create_task(dying.write(tx.operations.claim(intent(operation(reference="A-1")))))
        async with asyncio.timeout(60):
            # It has found the reference used, begun, and locked it.
            while len(wire.sent) < 4:  # noqa: ASYNC110 - the moment counts
                await asyncio.sleep(0)
        wire.die()
        loop = asyncio.get_running_loop()
        died = loop.time()

        while True:
            with contextlib.suppress(JournalUnavailableError):
                answer = await survivor.write(tx.operations.claim(intent(operation(reference="A-1"))))
                break
        took = loop.time() - died

        last.cancel()
        await asyncio.gather(last, return_exceptions=True)
        wire.live()
        await dying.close()
    await survivor.close()

    assert isinstance(answer, Claimed | Duplicate)
    assert took < LEASE


async def test_limits_that_an_administrator_set_lower_stay(postgresql_url: str) -> None:
    """Sessions get limits where there are none, or weaker ones; a stricter one is left as it is."""
    await upgrade(postgresql_url)
    await _alter(postgresql_url, "SET idle_in_transaction_session_timeout = '2s'")
    await _alter(postgresql_url, "SET statement_timeout = '1h'")
    await _alter(postgresql_url, "SET synchronous_commit = off")

    journal = await PostgresqlJournal.open(postgresql_url)
    async with journal._connection(journal._pool) as connection:
        shown = [
            await connection.fetchval(f"SHOW {name}")
            for name in ("idle_in_transaction_session_timeout", "statement_timeout", "synchronous_commit")
        ]
    await journal.close()

    assert shown == ["2s", "15s", "on"]


# Slots used up


@pytest_asyncio.fixture
async def few_slots(postgresql_url: str) -> AsyncIterator[str]:
    """A URL of a role that may have three connections."""
    name = urlsplit(postgresql_url).path[1:]
    await _fetch(
        postgresql_url,
        f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 3",
        f'ALTER DATABASE "{name}" OWNER TO {ROLE}',
    )
    yield postgresql_url.replace("postgres@", f"{ROLE}@", 1)
    await _cut(postgresql_url)
    await _fetch(
        postgresql_url,
        f'ALTER DATABASE "{name}" OWNER TO postgres',
        f"DROP OWNED BY {ROLE} CASCADE",
        f"DROP ROLE {ROLE}",
    )


async def test_fewer_slots_than_connections_make_calls_wait(few_slots: str) -> None:
    """With more callers than the server has slots for, each is served by the connections that there are."""
    journal = await PostgresqlJournal.open(few_slots, connections=10)

    async def caller() -> None:
        for _ in range(20):
            await claimed(journal)

    await asyncio.gather(*(caller() for _ in range(24)))
    await journal.close()


async def test_a_journal_is_opened_once_a_slot_is_free(few_slots: str) -> None:
    """A process that starts while others have every slot waits for one of them to end, and else says why it cannot."""
    await upgrade(few_slots)
    others = [await asyncpg.connect(few_slots) for _ in range(3)]

    with pytest.raises(
        JournalUnavailableError, match=r"too many connections for role .*\[store\] connections"
    ):
        await PostgresqlJournal.open(few_slots)
    opening = asyncio.create_task(PostgresqlJournal.open(few_slots))
    await asyncio.sleep(0.2)
    for other in others:
        await other.close()

    await (await opening).close()


# A pooler in between


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """The database through a pooler that hands two sessions from one transaction to the next."""
    try:
        with pooled(postgresql_url, sessions=2) as url:
            yield url
    except PoolerMissing as missing:
        pytest.skip(str(missing))


async def test_two_processes_write_through_a_pooler_of_transactions(
    pooled_url: str, postgresql_url: str
) -> None:
    """Nothing fails, each statement is its own, and a duplicate is noticed, from the first connection on."""
    await _alter(postgresql_url, "SET synchronous_commit = off")
    nodes = await asyncio.gather(*(PostgresqlJournal.open(pooled_url) for _ in range(2)))

    async def caller(number: int) -> None:
        journal = nodes[number % 2]
        for round_ in range(10):
            begun = operation(reference=f"A-{number}-{round_}")
            assert await journal.write(tx.operations.claim(intent(begun))) == Claimed(begun)
            assert isinstance(await nodes[round_ % 2].write(tx.operations.claim(intent(begun))), Existing)
            await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, order(begun.order)))
            kept = await journal.read(tx.orders.find(begun.order))
            assert kept is not None
            assert kept.record.id == begun.order
            await journal.write(tx.leases.renew(f"node_{number}", 15))

    await asyncio.gather(*(caller(number) for number in range(24)))
    (row,) = await _fetch(postgresql_url, "SELECT count(*) FROM orders")
    assert row[0] == 240
    for journal in nodes:
        assert journal._connector.pooled
        await journal.close()


async def test_settings_hold_for_each_transaction_behind_a_pooler(
    pooled_url: str, postgresql_url: str
) -> None:
    """A commit is durable and a dead host's transaction ends, and no other client's session is changed."""
    await upgrade(postgresql_url)
    await _alter(postgresql_url, "SET synchronous_commit = off")
    journal = await PostgresqlJournal.open(pooled_url)
    names = ("synchronous_commit", "idle_in_transaction_session_timeout")

    async with journal._connection(journal._pool) as connection, journal._transaction(connection):
        inside = [await connection.fetchval(f"SHOW {name}") for name in names]
    outside = [(await _fetch_plainly(pooled_url, f"SHOW {name}")) for name in names]
    await journal.close()

    assert inside == ["on", "5s"]
    assert outside == ["off", "0"]


async def test_a_failed_transaction_behind_a_pooler_changes_nothing(pooled_url: str) -> None:
    """What goes wrong inside a transaction is undone, and the session is free for the next one."""
    journal = await PostgresqlJournal.open(pooled_url)
    begun = await claimed(journal, operation(reference="A-1"))
    for _ in range(20):
        assert isinstance(
            await journal.write(tx.operations.claim(intent(operation(reference="A-1")))), Duplicate
        )
    settled = await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, order(begun.order)))
    await journal.close()

    assert settled is True


async def _fetch_plainly(url: str, statement: str) -> Any:
    """Ask without preparing anything by name."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


# Connection strings


@pytest.mark.parametrize("pairs", [False, True])
async def test_what_psql_takes_opens_a_journal(postgresql_url: str, pairs: bool) -> None:
    """A string with everything that hosted databases put into it, as a URL and as pairs, leads to the database."""
    given = {
        **{name: values[0] for name, values in parse_qs(urlsplit(postgresql_url).query).items()},
        "dbname": urlsplit(postgresql_url).path[1:],
        "user": "postgres",
        "channel_binding": "prefer",
        "gssencmode": "disable",
        "connect_timeout": "10",
        "sslsni": "1",
        "keepalives": "1",
        "keepalives_idle": "30",
        "fallback_application_name": "psql's",
        "target_session_attrs": "read-write",
        "application_name": "it's ours",
        "options": "-c work_mem=5MB",
    }
    quoted = {name: value.replace("\\", r"\\").replace("'", r"\'") for name, value in given.items()}
    text = (
        " ".join(f"{name}='{value}'" for name, value in quoted.items())
        if pairs
        else f"postgresql:///?{urlencode(given)}"
    )

    journal = await PostgresqlJournal.open(text)
    begun = await claimed(journal)
    async with journal._connection(journal._pool) as connection:
        shown = [await connection.fetchval(f"SHOW {name}") for name in ("application_name", "work_mem")]
    await journal.close()

    assert shown == ["it's ours", "5MB"]
    (row,) = await _fetch(postgresql_url, "SELECT id FROM operations")
    assert row[0] == begun.id


async def test_a_certificate_that_is_missing_is_named() -> None:
    """Which file is not there is said, before anything is connected to."""
    with pytest.raises(JournalUnavailableError, match=r"sslrootcert /no/such/root\.pem: No such file"):
        await PostgresqlJournal.open(
            "postgresql://127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/no/such/root.pem"
        )


async def test_a_connection_over_tcp_is_kept_alive(postgresql_url: str) -> None:
    """A host that is gone without a word is noticed by the client's side, too."""
    server = {name: values[0] for name, values in parse_qs(urlsplit(postgresql_url).query).items()}

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(f"{server['host']}/.s.PGSQL.{server['port']}")
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    listening = await asyncio.start_server(forward, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = (
        urlsplit(postgresql_url)
        ._replace(netloc=f"postgres@127.0.0.1:{port}", query="sslmode=disable")
        .geturl()
    )
    journal = await PostgresqlJournal.open(f"{url}&keepalives_count=7")
    async with journal._connection(journal._pool) as connection:
        kept = connection.socket
        options = [
            kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
            kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        ]
    await journal.close()
    listening.close()

    assert options == [1, 7, 10_000]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
