"""The floor: the least that a create costs on this stack if it is durable twice, and nothing else.

Litestar, msgspec, aiohttp, and a database: one commit before the provider is called, for the operation, and one after
its answer, for the response, the order and the event. There are no keys, no routing, no recovery, no logs, no metrics.
"""

import asyncio
import sqlite3
import sys
import threading
import uuid
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any, Protocol

import aiohttp
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post

PORT, PROVIDER, STORE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
BEFORE = ("INSERT INTO operations (id, request) VALUES (?, ?)",)
AFTER = (
    "UPDATE operations SET response = ? WHERE id = ?",
    "INSERT INTO orders (id, operation, record) VALUES (?, ?, ?)",
    "INSERT INTO events (id, order_id, record) VALUES (?, ?, ?)",
)
TABLES = (
    "CREATE TABLE operations (id TEXT PRIMARY KEY, request BLOB, response BLOB)",
    "CREATE TABLE orders (id TEXT PRIMARY KEY, operation TEXT, record BLOB)",
    "CREATE TABLE events (id TEXT PRIMARY KEY, order_id TEXT, record BLOB)",
)

Rows = Sequence[tuple[Any, ...]]


class Line(msgspec.Struct):
    description: str
    quantity: int
    unit_amount: int
    type: str = "product"
    sku: str | None = None


class Draft(msgspec.Struct):
    currency: str
    line_items: list[Line]
    customer: dict[str, str] | None = None
    reference: str | None = None


class Created(msgspec.Struct):
    id: str


class Order(msgspec.Struct):
    id: str
    status: str
    currency: str
    total: int
    line_items: list[Line]
    provider_order_id: str


class Store(Protocol):
    """Makes statements durable, those of a call together."""

    async def commit(self, statements: Sequence[str], rows: Rows) -> None: ...


class Sqlite:
    """A thread that commits the statements of all waiting calls at once."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
            self._connection.execute(statement)
        self._waiting: SimpleQueue[tuple[Sequence[str], Rows, asyncio.Future[None]]] = SimpleQueue()
        threading.Thread(target=self._run, args=(asyncio.get_running_loop(),), daemon=True).start()

    async def commit(self, statements: Sequence[str], rows: Rows) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((statements, rows, future))
        await future

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            calls = [self._waiting.get()]
            while not self._waiting.empty():
                calls.append(self._waiting.get())
            self._connection.execute("BEGIN IMMEDIATE")
            for statements, rows, _ in calls:
                for statement, row in zip(statements, rows, strict=True):
                    self._connection.execute(statement, row)
            self._connection.execute("COMMIT")
            loop.call_soon_threadsafe(_done, [future for _, _, future in calls])


def _done(futures: Sequence["asyncio.Future[None]"]) -> None:
    for future in futures:
        future.set_result(None)


class PostgreSQL:
    """A pool of connections; a transaction for each call."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def commit(self, statements: Sequence[str], rows: Rows) -> None:
        async with self._pool.acquire() as connection:
            if len(statements) == 1:
                await connection.execute(_numbered(statements[0]), *rows[0])
                return
            async with connection.transaction():
                for statement, row in zip(statements, rows, strict=True):
                    await connection.execute(_numbered(statement), *row)


def _numbered(statement: str) -> str:
    """PostgreSQL numbers its parameters."""
    first, *others = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))


async def open_store() -> Store:
    if STORE.startswith("sqlite:///"):
        return Sqlite(STORE.removeprefix("sqlite:///"))
    import asyncpg

    pool = await asyncpg.create_pool(STORE, min_size=10, max_size=10)
    for table in TABLES:
        await pool.execute(table.replace("BLOB", "BYTEA"))
    return PostgreSQL(pool)


async def start(app: Litestar) -> None:
    app.state.session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )
    app.state.store = await open_store()


encode = msgspec.json.encode
decode_draft = msgspec.json.Decoder(Draft).decode
decode_created = msgspec.json.Decoder(Created).decode


@post("/v1/orders", status_code=201)
async def create(request: Request[Any, Any, Any]) -> Response[bytes]:
    draft = decode_draft(await request.body())
    operation, order_id, event = (str(uuid.uuid4()) for _ in range(3))
    sent = encode(
        {
            "currency": draft.currency.lower(),
            "line_items": [
                {"name": line.description, "quantity": line.quantity, "unit_amount_minor": line.unit_amount}
                for line in draft.line_items
            ],
        }
    )
    store: Store = request.app.state.store
    await store.commit(BEFORE, [(operation, sent)])
    async with request.app.state.session.post(
        f"{PROVIDER}/orders",
        data=sent,
        headers={"X-API-Key": "rk_sandbox_x", "Content-Type": "application/json"},
    ) as answer:
        created = decode_created(await answer.read())
    order = encode(
        Order(
            id=order_id,
            status="open",
            currency=draft.currency,
            total=sum(line.quantity * line.unit_amount for line in draft.line_items),
            line_items=draft.line_items,
            provider_order_id=created.id,
        )
    )
    await store.commit(AFTER, [(order, operation), (order_id, operation, order), (event, order_id, order)])
    return Response(order, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Litestar([create], on_startup=[start], openapi_config=None, logging_config=None),
        port=PORT,
        log_level="error",
        access_log=False,
    )
