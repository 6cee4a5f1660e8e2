"""Stores with many rows in every table that grows, and how many rows a statement visits there."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import asyncpg

from ordergate.journal.statements import statements
from ordergate.journal.stores import postgresql, sqlite
from ordergate.journal.stores.postgresql_statements import numbered

ROWS = 20_000
"""Of each table that grows with the orders."""

TELLING = ROWS // 20
"""From so many visited rows on a plan is told."""

TOLD = 50
"""PostgreSQL's planner is told of so many times the rows, which makes 10^6.

It multiplies the pages that it sees by the rows on a page that its statistics tell, and the parts of the rows that a
condition leaves by that. So it weighs a scan against an index as it would there, while the rows that the plan then
visits are counted here.
"""

NOW = 1_780_000_000_000
DAY = 86_400_000
SPAN = 180 * DAY
"""Milliseconds over which the orders are spread, up to NOW."""

MERCHANT, ACCOUNT, ADAPTER, WORLD = "acme", "rapyd-eu", "rapyd", "test"
ENDPOINT = "we_1"
TYPES = ("order.created", "order.paid", "order.fulfilled", "order.canceled", "operation.settled")
FEW = 30
"""Rows that are not over: due, owned, pending, parked, unnumbered."""

Rows = Iterator[dict[str, Any]]


def at(number: int) -> int:
    """When the row of this number was made."""
    return NOW - SPAN + SPAN * number // ROWS


def name(prefix: str, number: int) -> str:
    """The id of the row of this number: they sort as the numbers do."""
    return f"{prefix}_{number:032x}"


def _of_merchant(number: int) -> str:
    """Nearly all are one merchant's, and some are those of forty others."""
    return f"merchant-{number % 37}" if number % 20 == 0 else MERCHANT


def _at_account(number: int) -> str:
    return f"account-{number % 13}" if number % 20 == 1 else ACCOUNT


def _of_adapter(number: int) -> str:
    return "revkeen" if number % 20 == 1 else ADAPTER


def _at_endpoint(number: int) -> str:
    return f"we_{number % 17 + 2}" if number % 20 == 1 else ENDPOINT


def _orders() -> Rows:
    for number in range(ROWS):
        yield {
            "id": name("ord", number),
            "merchant": _of_merchant(number),
            "world": WORLD,
            "account": _at_account(number),
            "adapter": _of_adapter(number),
            "provider_order_id": f"order_{number}",
            "status": ("fulfilled", "open", "paid", "canceled")[number % 4],
            "reference": f"reference-{number}",
            "customer": f"customer-{number % (ROWS // 4)}",
            "purpose": None if number % 1000 else "comparison",
            "created_at": at(number),
            "synced_at": at(number),
            "payment_id": f"payment_{number}" if number % 2 else None,
            "revision": 1,
            "record": b"{}" * 150,
        }


def _operations() -> Rows:
    for number in range(ROWS):
        kept, alive = number > ROWS - ROWS // 20, number >= ROWS - FEW
        compared = number % 50 == 0
        path = "/v1/comparisons" if compared else "/v1/orders"
        yield {
            "id": name("op", number),
            "merchant": _of_merchant(number),
            "world": WORLD,
            "kind": "create",
            "method": "POST",
            "path": path,
            "idempotency_key": f"key-{number}" if kept else None,
            "content_hash": "c0ffee",
            "order_id": name("ord", number),
            "reference": f"reference-{number}",
            "state": "unknown"
            if alive and number % 3 == 0
            else "failed"
            if number % 30 == 1
            else "succeeded",
            "created_at": at(number),
            "updated_at": at(number),
            "record": b"{}" * 150,
            "request": b"{}" if kept else None,
            "response_status": 201 if kept else None,
            "response_body": b"{}" if kept else None,
            "account": _at_account(number),
            "attempts": 1,
            "work": None,
            "owner": "node_dead" if alive and number % 2 else None,
            "settles_at": at(number),
            "due_at": NOW if alive and number % 3 else None,
            "awaited": 0,
        }


def _events() -> Rows:
    for number in range(ROWS):
        yield {
            "arrival": number + 1,
            "id": name("evt", number),
            "merchant": _of_merchant(number),
            "world": WORLD,
            "purpose": "",
            "order_id": name("ord", number),
            "type": TYPES[number % 5],
            "created_at": at(number),
            "number": number + 1 if number < ROWS - FEW else None,
            "record": b"{}" * 150,
        }


def _deliveries() -> Rows:
    for number in range(ROWS):
        alive = number >= ROWS - FEW
        yield {
            "id": name("dlv", number),
            "endpoint_id": _at_endpoint(number),
            "merchant": _of_merchant(number),
            "world": WORLD,
            "event_id": name("evt", number),
            "order_id": name("ord", number),
            "type": TYPES[number % 5],
            "number": number + 1,
            "state": "pending" if alive else "failed" if number % 1000 == 1 else "delivered",
            "failures": 0,
            "due_at": NOW if alive and number % 2 else None,
            "owner": "node_dead" if alive and number % 2 == 0 else None,
            "created_at": at(number),
            "updated_at": at(number),
            "record": b"[]",
        }


def _endpoints() -> Rows:
    yield {"id": ENDPOINT, "merchant": MERCHANT, "world": WORLD, "enabled": 1, "record": b"{}"}


def _provider_events() -> Rows:
    for number in range(ROWS):
        alive = number >= ROWS - FEW
        yield {
            "number": number + 1,
            "account": _at_account(number),
            "event_id": f"event_{number}",
            "type": "ORDER_PAID",
            "subject": f"order order_{number}",
            "webhook": number % 2,
            "state": ("waiting", "parked")[number % 2] if alive else "processed",
            "received_at": at(number),
            "record": b"{}" * 100,
            "body": b"{}",
        }


def _subjects() -> Rows:
    for number in range(ROWS):
        alive = number >= ROWS - FEW
        yield {
            "account": _at_account(number),
            "subject": f"order order_{number}",
            "notified": 1,
            "tries": 0,
            "parked": 0,
            "due_at": NOW if alive else None,
            "resynced_at": at(number),
            "owner": None,
        }


def _links() -> Rows:
    for number in range(ROWS):
        yield {
            "merchant": _of_merchant(number),
            "world": WORLD,
            "kind": "customers" if number % 3 == 0 else "products",
            "id": f"sku-{number:06d}",
            "account": ACCOUNT if number % 2 else _at_account(number),
            "native": f"native_{number}",
        }


def _comparisons() -> Rows:
    for number in range(ROWS // 2):
        yield {
            "id": name("cmp", number),
            "merchant": _of_merchant(number),
            "world": WORLD,
            "idempotency_key": f"key-{number}",
            "reference": f"reference-{number}",
            "created_at": at(2 * number),
            "ended": 1,
            "record": b"{}",
            "body": b"{}",
        }


def _sessions() -> Rows:
    for number in range(ROWS // 4):
        yield {"token_hash": b"%d" % number, "key_id": f"key_{number % 50}", "expires_at": NOW + DAY}


def _keys() -> Rows:
    for number in range(ROWS // 4):
        yield {"id": f"key_{number}", "secret_hash": b"%d" % number, "record": b"{}"}


def _nodes() -> Rows:
    yield {"id": "node_1", "lease_until": NOW * 2, "serves": 1}


TABLES = {
    "orders": _orders,
    "operations": _operations,
    "events": _events,
    "webhook_deliveries": _deliveries,
    "webhook_endpoints": _endpoints,
    "provider_events": _provider_events,
    "resync_jobs": _subjects,
    "links": _links,
    "comparisons": _comparisons,
    "sessions": _sessions,
    "api_keys": _keys,
    "nodes": _nodes,
}
"""Rows by table; other tables have few, however many orders there are."""


class Work(NamedTuple):
    """What one statement cost.

    Attributes:
        visited: Rows of tables and indexes that were visited.
        given: Rows that it returned or changed: whoever asks for them pays for them.
        plan: How the store went about it.
    """

    visited: int
    given: int
    plan: str


class Filled(Protocol):
    """A store with many rows."""

    statements: Mapping[str, str]

    async def work(self, sql: str, parameters: Mapping[str, Any], *, listed: bool = False) -> Sequence[Work]:
        """Carry a statement out in each way that the store may, and undo it."""
        ...


_STEPS_OF_A_ROW = 8
"""Instructions of SQLite's machine that visiting a row takes at least."""
_AT_ONCE = 20
"""Rows after which they are counted."""


class FilledSqlite:
    """A SQLite file. Rows are not counted there, but instructions are."""

    def __init__(self, folder: Path) -> None:
        path = folder / "filled.db"
        sqlite.upgrade(path)
        self.statements = statements("sqlite")
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("BEGIN")
        for table, rows in TABLES.items():
            made = list(rows())
            marks = ", ".join(f":{column}" for column in made[0])
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(made[0])}) VALUES ({marks})", made)
        self._connection.execute("COMMIT")

    async def work(self, sql: str, parameters: Mapping[str, Any], *, listed: bool = False) -> Sequence[Work]:
        """Count the instructions."""
        connection, given = self._connection, {**parameters, "now": NOW}
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += _AT_ONCE
            return 0

        plan = "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given))
        connection.execute("BEGIN IMMEDIATE")
        before = connection.total_changes
        connection.set_progress_handler(count, _AT_ONCE * _STEPS_OF_A_ROW)
        try:
            rows = connection.execute(sql, given).fetchall()
        finally:
            connection.set_progress_handler(None, 0)
            changed = connection.total_changes - before
            connection.execute("ROLLBACK")
        return [Work(steps, max(len(rows), changed), plan)]

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()


_VISITED = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""


class FilledPostgresql:
    """A PostgreSQL database, which counts what each transaction visits."""

    def __init__(self, connection: Any) -> None:
        self.statements = statements("postgresql")
        self._connection = connection

    @classmethod
    async def fill(cls, url: str) -> "FilledPostgresql":
        """Fill an empty database."""
        await postgresql.upgrade(url)
        connection = await asyncpg.connect(url, statement_cache_size=0)
        for table, rows in TABLES.items():
            made = list(rows())
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            await connection.copy_records_to_table(
                table, columns=list(made[0]), records=[tuple(row.values()) for row in made]
            )
        await connection.execute("VACUUM ANALYZE")
        await connection.execute(
            f"UPDATE pg_class SET reltuples = reltuples * {TOLD} WHERE relkind IN ('r', 'i')"
        )
        return cls(connection)

    async def work(self, sql: str, parameters: Mapping[str, Any], *, listed: bool = False) -> Sequence[Work]:
        """Count the rows, with the plan for these parameters, and, but for lists, with that for any."""
        numbered_sql, names = numbered(sql)
        given = [parameters[each] for each in names]
        modes = ("custom",) if listed else ("custom", "generic")
        return [await self._work(numbered_sql, given, mode) for mode in modes]

    async def _work(self, sql: str, given: list[Any], mode: str) -> Work:
        connection = self._connection
        sql = sql.replace("(extract(epoch FROM clock_timestamp()) * 1000)::bigint", f"{NOW}::bigint")
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
            statement = await connection.prepare(sql)
            before = await connection.fetchval(_VISITED)
            rows = await statement.fetch(*given)
            visited = await connection.fetchval(_VISITED) - before
            words = (statement.get_statusmsg() or "").split()
            changed = int(words[-1]) if words and words[-1].isdecimal() else 0
            plan = await connection.fetch(f"EXPLAIN {sql}", *given) if visited > TELLING else []
            told = "\n".join((f"{mode} plan; that for these parameters is:", *(row[0] for row in plan)))
            return Work(int(visited), max(len(rows), changed), told)
        finally:
            await transaction.rollback()

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
