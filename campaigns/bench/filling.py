"""A journal with many orders in it: a few that the gateway itself made, and copies of their rows.

A copy has ids, keys, references and times of its own, spread over half a year, so that every index is filled as it
would be. As in a journal of that age, only operations of the last days still have their key, exchanges and answer.
"""

import json
import os
import random
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from campaigns.bench.load import DRAFT, PATH
from campaigns.bench.servers import MeasuringFailedError, Peer, gateway

ORIGINALS = 50
SPAN = 180 * 86_400_000
"""Milliseconds over which the orders are spread."""
KEPT = 6 * 86_400_000
"""Milliseconds for which an operation keeps everything: a day less than `retention_days`, so that none expires now."""

REFERRED: Mapping[str, object] = {**DRAFT, "reference": "REFERENCE", "customer": {"id": "provider:cust-42"}}
"""An order with every indexed field; each copy has its own reference."""

TABLES = ("orders", "operations", "events")
"""The tables that have one row for each order."""

_FORGOTTEN = ("idempotency_key", "request", "work", "exchanges", "response_status", "response_body")
_chance = random.Random(1)

Row = dict[str, Any]


class Original(NamedTuple):
    """A row to copy.

    Attributes:
        row: As it is.
        documents: Formats of its documents, by column, with placeholders for the values of a copy.
        names: The value of a copy in each column.
    """

    row: Row
    documents: dict[str, bytes]
    names: dict[str, str]

    def copy(self, own: dict[str, str], within: dict[bytes, bytes], **changes: Any) -> Row:
        """Return the row with a copy's own ids."""
        return {
            **self.row,
            **{column: document % within for column, document in self.documents.items()},
            **{column: own[name] for column, name in self.names.items()},
            **changes,
        }


def fill(folder: Path, base_url: str, orders: int) -> Path:
    """Make a journal with so many orders, and return its file.

    Raises:
        MeasuringFailedError: The gateway did not make the orders to copy, or keeps them otherwise than is known here.
    """
    file = folder / f"journal-{orders}.db"
    with gateway("the gateway that makes orders to copy", folder, base_url, f"sqlite:///{file}") as peer:
        for number in range(ORIGINALS):
            _create(peer, f"original-{number}")
    _multiply(file, orders - ORIGINALS)
    return file


def _create(peer: Peer, reference: str) -> None:
    headers = {
        "Authorization": f"Bearer {peer.key}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"key-of-{reference}",
    }
    body = json.dumps({**REFERRED, "reference": reference}).encode()
    try:
        urllib.request.urlopen(urllib.request.Request(peer.url + PATH, body, headers), timeout=10).close()
    except urllib.error.URLError as error:
        raise peer.failed(f"an order to copy was not made: {error}") from error


def _multiply(file: Path, copies: int) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    # This process is the only reader, and a journal damaged by a power cut is deleted.
    for pragma in (
        "journal_mode = DELETE",
        "journal_mode = OFF",
        "synchronous = OFF",
        "cache_size = -1000000",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _require_known_tables(connection)
    originals = _originals(connection)
    connection.execute("BEGIN")
    for orders in _in_batches(copies):
        copied = [_copy(originals[number % len(originals)], number, copies) for number in orders]
        for table in TABLES:
            _insert(connection, table, [rows[table] for rows in copied])
    connection.execute("UPDATE feeds SET number = (SELECT max(number) FROM events)")
    connection.execute("COMMIT")
    connection.close()
    with file.open("rb") as written:
        os.fsync(written)  # else the system writes it while the gateway is measured


def _require_known_tables(connection: sqlite3.Connection) -> None:
    """See to it that a copy is whole: no other table has got a row with each order."""
    named = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    grown = {
        name
        for (name,) in named
        if connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] >= ORIGINALS
    }
    if grown != set(TABLES):
        raise MeasuringFailedError(
            f"an order has rows in {', '.join(sorted(grown))}, not in {', '.join(TABLES)}"
        )


def _in_batches(copies: int) -> Iterator[range]:
    for begin in range(0, copies, 1000):
        yield range(begin, min(begin + 1000, copies))


def _originals(connection: sqlite3.Connection) -> list[dict[str, Original]]:
    """An order, its operation and its event as the gateway stored them, with placeholders for the values of a copy."""
    connection.row_factory = sqlite3.Row
    columns = {table: _columns(connection, table) for table in TABLES}
    orders = connection.execute(f"SELECT {columns['orders']} FROM orders ORDER BY id").fetchall()
    found = []
    for order in orders:
        of_order = {
            table: dict(
                connection.execute(
                    f"SELECT {columns[table]} FROM {table} WHERE order_id = ?", [order["id"]]
                ).fetchone()
            )
            for table in TABLES[1:]
        }
        operation = of_order["operations"]
        own = {
            order["id"]: "order",
            operation["id"]: "operation",
            operation["idempotency_key"]: "key",
            order["provider_order_id"]: "provider_order",
            order["reference"]: "reference",
            order["customer"]: "customer",
        }
        rows = {"orders": dict(order), **of_order}
        found.append({table: _original(row, own) for table, row in rows.items()})
    connection.row_factory = None
    return found


def _columns(connection: sqlite3.Connection, table: str) -> str:
    """Return the columns that a row is inserted with: all but those that SQLite computes."""
    return ", ".join(row["name"] for row in connection.execute(f"PRAGMA table_info({table})"))


def _original(row: Row, own: dict[str, str]) -> Original:
    return Original(
        row=row,
        documents={column: _format(value, own) for column, value in row.items() if isinstance(value, bytes)},
        names={column: own[value] for column, value in row.items() if value in own},
    )


def _format(document: bytes, own: dict[str, str]) -> bytes:
    document = document.replace(b"%", b"%%")
    for value, name in own.items():
        document = document.replace(value.encode(), f"%({name})b".encode())
    return document


def _copy(originals: dict[str, Original], number: int, copies: int) -> dict[str, Row]:
    """Return the rows of one more order; `number` is its place in time."""
    age = KEPT // 100 + SPAN * (copies - number) // copies
    at = round(time.time() * 1000) - age
    own = {
        "order": f"ord_{_uuid(at)}",
        "operation": f"op_{_uuid(at)}",
        "key": f"{_chance.getrandbits(96):024x}",
        "provider_order": f"{_chance.getrandbits(128):032x}",
        "reference": f"reference-{number:09d}",
        "customer": f"provider:cust-{_chance.randrange(copies // 4 + 1):08d}",
    }
    within = {name.encode(): value.encode() for name, value in own.items()}
    forgotten = dict.fromkeys(_FORGOTTEN) if age > KEPT else {}
    return {
        "orders": originals["orders"].copy(own, within, created_at=at, synced_at=at),
        "operations": originals["operations"].copy(own, within, created_at=at, updated_at=at, **forgotten),
        "events": originals["events"].copy(
            own,
            within,
            arrival=None,
            id=f"evt_{_uuid(at)}",
            number=ORIGINALS + 1 + number,
            created_at=at,
        ),
    }


def _uuid(milliseconds: int) -> str:
    """A UUIDv7 of that time."""
    return f"{milliseconds:012x}7{_chance.getrandbits(12):03x}8{_chance.getrandbits(60):015x}"


def _insert(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    names = list(rows[0])
    marks = ", ".join(f":{name}" for name in names)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
