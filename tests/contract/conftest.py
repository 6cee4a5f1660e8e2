"""Every journal there is, behind one fixture, and builders for what a journal keeps."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from tests import builders

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import NothingElse
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.domain.order import Customer
from ordergate.domain.provider_order import ProviderOrder
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Claimed, Intent, Operation, Work
from ordergate.journal.stores.postgresql import PostgresqlJournal
from ordergate.journal.stores.sqlite import SqliteJournal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NODE = "node_1"
SINCE = NOW - timedelta(days=7)


class Store(Protocol):
    """One store under test: journals on it, and what no journal tells."""

    async def open(self) -> Journal:
        """Open one more journal on the same store; it is closed at the end."""
        ...

    async def close(self) -> None:
        """Close every journal that was opened."""
        ...

    async def clear(self) -> None:
        """Forget everything."""
        ...

    async def column(self, operation: Operation, name: str) -> Any:
        """Return what stands in one column of an operation's row."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass on the store's clock, at once."""
        ...

    async def contains(self, secret: bytes) -> bool:
        """Tell whether these bytes stand anywhere in the store."""
        ...

    async def run(self, statement: str) -> None:
        """Run a statement past every journal."""
        ...


class SqliteStore:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self._opened: list[SqliteJournal] = []
        self._passed = 0.0

    async def open(self) -> SqliteJournal:
        """Open the file."""
        self._opened.append(SqliteJournal(self.path, clock=lambda: time.time() + self._passed))
        return self._opened[-1]

    async def close(self) -> None:
        """Close what was opened."""
        while self._opened:
            await self._opened.pop().close()

    async def clear(self) -> None:
        """Nothing to do: the file is one test's."""

    async def column(self, operation: Operation, name: str) -> Any:
        """Read the column as a database administrator would."""
        with closing(sqlite3.connect(self.path)) as connection:
            row = connection.execute(f"SELECT {name} FROM operations WHERE id = ?", (operation.id,))
            return row.fetchone()[0]

    async def pass_time(self, seconds: float) -> None:
        """Put the journals' clock forward."""
        self._passed += seconds

    async def contains(self, secret: bytes) -> bool:
        """Look through the file and its log."""
        return any(secret in file.read_bytes() for file in self.path.parent.glob("journal.db*"))

    async def run(self, statement: str) -> None:
        """Run it on a connection of its own."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)


class PostgresqlStore:
    """A PostgreSQL database, whose tables are emptied for each test."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: list[PostgresqlJournal] = []

    async def open(self) -> PostgresqlJournal:
        """Connect, and upgrade the schema where it is not yet."""
        self._opened.append(await PostgresqlJournal.open(self._url))
        return self._opened[-1]

    async def close(self) -> None:
        """Close what was opened."""
        while self._opened:
            await self._opened.pop().close()

    async def clear(self) -> None:
        """Empty the tables."""
        rows = await self._fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'"
        )
        await self._fetch(f"TRUNCATE {', '.join(row[0] for row in rows)}")

    async def column(self, operation: Operation, name: str) -> Any:
        """Read the column as a database administrator would."""
        rows = await self._fetch(f"SELECT {name} FROM operations WHERE id = $1", operation.id)
        return rows[0][0]

    async def pass_time(self, seconds: float) -> None:
        """Put every time in the tables back: the server's clock cannot be moved."""
        passed = round(seconds * 1000)
        await self._fetch(
            "UPDATE operations SET due_at = due_at - $1, settles_at = settles_at - $1, created_at = created_at - $1",
            passed,
        )
        await self._fetch("UPDATE nodes SET lease_until = lease_until - $1", passed)
        await self._fetch("UPDATE sessions SET expires_at = expires_at - $1", passed)
        await self._fetch(
            "UPDATE webhook_deliveries SET due_at = due_at - $1, updated_at = updated_at - $1", passed
        )
        await self._fetch("UPDATE webhook_secrets SET ends_at = ends_at - $1", passed)
        await self._fetch(
            "UPDATE resync_jobs SET due_at = due_at - $1, resynced_at = resynced_at - $1", passed
        )
        await self._fetch("UPDATE provider_events SET received_at = received_at - $1", passed)
        await self._fetch("UPDATE account_polls SET due_at = due_at - $1", passed)

    async def contains(self, secret: bytes) -> bool:
        """Look through every row."""
        tables = ("operations", "orders", "events", "webhook_deliveries", "provider_events")
        rows = [row for table in tables for row in await self._fetch(f"SELECT * FROM {table}")]
        return any(isinstance(value, bytes) and secret in value for row in rows for value in row)

    async def run(self, statement: str) -> None:
        """Run it on a connection of its own."""
        await self._fetch(statement)

    async def _fetch(self, statement: str, *parameters: object) -> list[Any]:
        connection = await asyncpg.connect(self._url)
        try:
            return await connection.fetch(statement, *parameters)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def shared_database(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Make one database when the first test asks for it: making one takes longer than most tests."""
    made: list[str] = []

    def url() -> str:
        if not made:
            made.append(request.getfixturevalue("postgresql_server").new_database())
        return made[0]

    return url


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[], str]
) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    made: Store = SqliteStore(tmp_path) if request.param == "sqlite" else PostgresqlStore(shared_database())
    yield made
    await made.close()
    await made.clear()


@pytest_asyncio.fixture
async def journal(store: Store) -> Journal:
    """A journal on the store."""
    return await store.open()


@pytest_asyncio.fixture
async def journals(store: Store) -> list[Journal]:
    """Two journals on one store, as two processes have them."""
    return [await store.open(), await store.open()]


def operation(**changes: Any) -> Operation:
    """A create that has just begun, with ids, key and path of its own."""
    begun = Operation(
        id=new_id("op"),
        merchant="acme",
        world="test",
        kind=OperationKind.CREATE,
        method="POST",
        path="/v1/orders",
        key=new_id("req"),
        content_hash="c0ffee",
        account="rapyd",
        adapter="rapyd",
        order=new_id("ord"),
        reference=None,
        state="in_progress",
        performed_by="provider",
        attempts=(Attempt(number=1, started_at=NOW),),
        outcome=None,
        problem=None,
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(begun, **changes)


def intent(of: Operation, **changes: Any) -> Intent:
    """The intent to carry out an operation."""
    made = Intent(
        operation=of,
        work=Work(command=None, change=NothingElse()),
        owner=NODE,
        request=b'{"amount": 200.0}',
        revision=None,
        settling=55.0,
        allow_duplicate=False,
        since=SINCE,
        api_key="key_1",
    )
    return msgspec.structs.replace(made, **changes)


def ended(of: Operation, state: str) -> Operation:
    """The operation as it is after it ended in this state."""
    outcome = {"succeeded": "applied", "failed": "not_applied", "unknown": "unknown"}.get(state)
    return msgspec.structs.replace(of, state=state, outcome=outcome)


def retried(of: Operation) -> Operation:
    """The next attempt of an operation."""
    attempt = Attempt(number=len(of.attempts) + 1, started_at=NOW)
    return msgspec.structs.replace(
        of, state="in_progress", outcome=None, problem=None, attempts=(*of.attempts, attempt)
    )


def provider_order(**changes: Any) -> ProviderOrder:
    """An order as a provider tells it, with metadata that a store could spoil."""
    metadata = {"n": 2**53, "ä": True}
    return builders.provider_order(**{"line_items": [], "metadata": metadata, **changes})


def order(identifier: str | None = None, *, seen: ProviderOrder | None = None, **changes: Any) -> OrderRecord:
    """An order's record."""
    record = OrderRecord(
        id=identifier or new_id("ord"),
        merchant="acme",
        world="test",
        account="rapyd",
        adapter="rapyd",
        reference=None,
        lines=[],
        customer=Customer(id="cust-42"),
        shipping_address=None,
        metadata={},
        notes=None,
        tax_percent=None,
        expires_at=None,
        currency="USD",
        expected_total=None,
        extensions={},
        notices=[],
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=seen or provider_order(),
        synced_at=NOW,
    )
    return msgspec.structs.replace(record, **changes)


async def claimed(journal: Journal, of: Operation | None = None, **changes: Any) -> Operation:
    """Claim an intent that nothing stands against."""
    begun = of or operation()
    assert await journal.write(tx.operations.claim(intent(begun, **changes))) == Claimed(begun)
    return begun


async def keep(journal: Journal, record: OrderRecord) -> OrderRecord:
    """Create an order in the journal, by an operation that succeeded."""
    begun = operation(order=record.id, merchant=record.merchant, world=record.world)
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, record))
    return record
