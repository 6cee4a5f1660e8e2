# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "fastapi==0.165.0",
#   "httptools==0.9.0",
#   "httpx==0.28.1",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
# ]
# ///
"""The code of a careful merchant without a gateway: the hand-written peer, durable before and after the call.

An order's key is claimed with one commit before the provider is called, and its order is kept with a second one after
the answer. SQLite is written by one thread, as it has one writer, so that a commit does not stop the event loop. It has
its own environment, as it would have at a merchant: it shares no package with the gateway.
"""

import asyncio
import sqlite3
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

PROVIDER = sys.argv[2] if len(sys.argv) > 2 else ""
DATABASE = sys.argv[3] if len(sys.argv) > 3 else ""
TABLES = """
CREATE TABLE operations (key TEXT PRIMARY KEY, request TEXT NOT NULL, state TEXT NOT NULL, response TEXT);
CREATE TABLE orders (id TEXT PRIMARY KEY, key TEXT NOT NULL, provider_order_id TEXT NOT NULL, document TEXT NOT NULL);
"""


class Line(BaseModel):
    description: str
    quantity: int
    unit_amount: int
    type: str = "product"
    sku: str | None = None


class Customer(BaseModel):
    id: str
    email: str | None = None


class Draft(BaseModel):
    currency: str
    line_items: list[Line]
    customer: Customer | None = None
    reference: str | None = None


class Order(BaseModel):
    id: str
    status: str
    currency: str
    total: int
    line_items: list[Line]


class Database:
    """One connection in a thread of its own; each call is one transaction."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(TABLES)

    async def claim(self, key: str, request: str) -> None:
        """Make the intent durable; raise IntegrityError if the key was used before."""
        await self._write(
            lambda connection: connection.execute(
                "INSERT INTO operations (key, request, state) VALUES (?, ?, 'sending')", (key, request)
            )
        )

    async def settle(self, key: str, order: Order, provider_order_id: str) -> None:
        """Make the answer and its order durable."""
        document = order.model_dump_json()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE operations SET state = 'done', response = ? WHERE key = ?", (document, key)
            )
            connection.execute(
                "INSERT INTO orders (id, key, provider_order_id, document) VALUES (?, ?, ?, ?)",
                (order.id, key, provider_order_id, document),
            )

        await self._write(write)

    async def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def commit() -> None:
            with self._connection:
                work(self._connection)

        await asyncio.get_running_loop().run_in_executor(self._thread, commit)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.database = Database(DATABASE)
    async with httpx.AsyncClient(
        base_url=PROVIDER, limits=httpx.Limits(max_connections=200), headers={"X-API-Key": "rk_sandbox_x"}
    ) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/orders", status_code=201)
async def create(draft: Draft, idempotency_key: Annotated[str, Header()]) -> Order:
    body: dict[str, Any] = {
        "currency": draft.currency.lower(),
        "line_items": [
            {"name": line.description, "quantity": line.quantity, "unit_amount_minor": line.unit_amount}
            for line in draft.line_items
        ],
    }
    if draft.customer is not None:
        body["customer_id"] = draft.customer.id
    database: Database = app.state.database
    try:
        await database.claim(idempotency_key, draft.model_dump_json())
    except sqlite3.IntegrityError:
        raise HTTPException(409, "the key was used before") from None
    answer = await app.state.client.post("/orders", json=body)
    if answer.status_code >= 400:
        raise HTTPException(502, "the provider refused")
    data = answer.json()
    order = Order(
        id=str(uuid.uuid4()),
        status="open",
        currency=draft.currency,
        total=sum(line.quantity * line.unit_amount for line in draft.line_items),
        line_items=draft.line_items,
    )
    await database.settle(idempotency_key, order, data.get("data", data)["id"])
    return order


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
