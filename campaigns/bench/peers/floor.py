"""The floor: the least that a create costs on this stack if it is durable twice, and nothing else.

Litestar, msgspec, aiohttp, and a database: one commit before the provider is called, for the operation, and one after
its answer, for the response, the order and the event. There are no keys, no routing, no recovery, no logs, no metrics.
"""

import sys
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec
import uvicorn
from group_commit import GroupCommit
from litestar import Litestar, Request, Response, post
from uuid_utils import uuid7

PORT, PROVIDER, STORE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
TABLES = (
    "CREATE TABLE operations (id TEXT PRIMARY KEY, request BLOB, response BLOB)",
    "CREATE TABLE orders (id TEXT PRIMARY KEY, operation TEXT, record BLOB)",
    "CREATE TABLE events (id TEXT PRIMARY KEY, order_id TEXT, record BLOB)",
)
CLAIM = "INSERT INTO operations (id, request) VALUES (?, ?)"
SETTLE = (
    "UPDATE operations SET response = ? WHERE id = ?",
    "INSERT INTO orders (id, operation, record) VALUES (?, ?, ?)",
    "INSERT INTO events (id, order_id, record) VALUES (?, ?, ?)",
)
POSTGRESQL_CLAIM = "INSERT INTO operations (id, request) VALUES ($1, $2)"
POSTGRESQL_SETTLE = """
WITH operation AS (UPDATE operations SET response = $1 WHERE id = $2),
     made AS (INSERT INTO orders (id, operation, record) VALUES ($3, $2, $1))
INSERT INTO events (id, order_id, record) VALUES ($4, $3, $1)
"""
"""All of a transaction in one statement, which needs one way to the server and back."""
CONNECTIONS = 10
"""To PostgreSQL: as many as the gateway's."""


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


class Work(NamedTuple):
    """The ids of one create, and its request to the provider."""

    operation: str
    order: str
    event: str
    request: bytes


class Store(Protocol):
    """Makes a create durable, before its request and after its answer."""

    async def claim(self, work: Work) -> None: ...

    async def settle(self, work: Work, order: bytes) -> None: ...


class Sqlite:
    """One transaction for each call, which shares its commit with others."""

    def __init__(self, path: str) -> None:
        self._commits = GroupCommit(path, TABLES)

    async def claim(self, work: Work) -> None:
        await self._commits.commit((CLAIM, (work.operation, work.request)))

    async def settle(self, work: Work, order: bytes) -> None:
        update, insert_order, insert_event = SETTLE
        await self._commits.commit(
            (update, (order, work.operation)),
            (insert_order, (work.order, work.operation, order)),
            (insert_event, (work.event, work.order, order)),
        )


class PostgreSQL:
    """A pool of connections; a statement, and so a transaction, for each call."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def claim(self, work: Work) -> None:
        await self._pool.execute(POSTGRESQL_CLAIM, work.operation, work.request)

    async def settle(self, work: Work, order: bytes) -> None:
        await self._pool.execute(POSTGRESQL_SETTLE, order, work.operation, work.order, work.event)


async def open_store() -> Store:
    if STORE.startswith("sqlite:///"):
        return Sqlite(STORE.removeprefix("sqlite:///"))
    import asyncpg

    pool = await asyncpg.create_pool(STORE, min_size=CONNECTIONS, max_size=CONNECTIONS, reset=_reset_nothing)
    for table in TABLES:
        await pool.execute(table.replace("BLOB", "BYTEA"))
    return PostgreSQL(pool)


async def _reset_nothing(_connection: Any) -> None:
    """Leave a connection as it is: no call changes its session."""


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
    draft = parse(await request.body())
    work = begin(draft)
    store: Store = request.app.state.store
    await store.claim(work)
    created = read(await send(request.app.state.session, work.request))
    order = order_document(work, draft, created)
    await store.settle(work, order)
    return answer(order)


def parse(body: bytes) -> Draft:
    return decode_draft(body)


def begin(draft: Draft) -> Work:
    request = {
        "currency": draft.currency.lower(),
        "line_items": [
            {"name": line.description, "quantity": line.quantity, "unit_amount_minor": line.unit_amount}
            for line in draft.line_items
        ],
    }
    return Work(str(uuid7()), str(uuid7()), str(uuid7()), encode(request))


async def send(session: aiohttp.ClientSession, request: bytes) -> bytes:
    headers = {"X-API-Key": "rk_sandbox_x", "Content-Type": "application/json"}
    async with session.post(f"{PROVIDER}/orders", data=request, headers=headers) as response:
        return await response.read()


def read(response: bytes) -> Created:
    return decode_created(response)


def order_document(work: Work, draft: Draft, created: Created) -> bytes:
    return encode(
        Order(
            id=work.order,
            status="open",
            currency=draft.currency,
            total=sum(line.quantity * line.unit_amount for line in draft.line_items),
            line_items=draft.line_items,
            provider_order_id=created.id,
        )
    )


def answer(order: bytes) -> Response[bytes]:
    return Response(order, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Litestar([create], on_startup=[start], openapi_config=None, logging_config=None),
        port=PORT,
        log_level="error",
        access_log=False,
        proxy_headers=False,
    )
