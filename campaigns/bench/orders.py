"""The waiting time of a person for the console's list of orders, and for a search in it, among 100,000 orders."""

import asyncio
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec
from tests.builders import provider_order
from tests.postgresql import PostgreSQLMissing, start

from campaigns.bench.figures import Figure, percentile
from ordergate.console.listing import OrderFilters
from ordergate.console.search import find_orders
from ordergate.domain.assembly import OrderedLine, OrderRecord, order_from_record
from ordergate.domain.identifiers import new_id
from ordergate.domain.order import Customer
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.accounts.registry import installed_adapter, installed_adapters
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import codec
from ordergate.journal.journal import Journal
from ordergate.journal.records.paging import PageCursor
from ordergate.server.bootstrap import open_journal

ORDERS = 100_000
ROUNDS = 40
_MERCHANTS = ("acme", "bolt")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_chance = random.Random(1)


def measure() -> Iterator[Figure]:
    """Measure both stores; PostgreSQL only if it can be started."""
    records = (_record(number) for number in range(ORDERS))
    rows = [codec.order_columns(record, order_from_record(record).status) for record in records]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "journal.db")
        yield from asyncio.run(
            _figures("sqlite", f"sqlite:///{file}", lambda: _fill_sqlite(file, rows), rows)
        )
    try:
        server = start(durable=True)
    except PostgreSQLMissing:
        return
    with server:
        url = server.new_database()
        yield from asyncio.run(_figures("postgresql", url, lambda: _fill_postgresql(url, rows), rows))


async def _figures(store: str, url: str, fill: Callable[[], Any], rows: list[dict[str, Any]]) -> list[Figure]:
    journal = await open_journal(url)
    try:
        filled = fill()
        if asyncio.iscoroutine(filled):
            await filled
        return [
            Figure(
                f"{store} {ORDERS} orders: {who}'s {what}",
                "p95",
                await _slowest(journal, who, wishes, rows),
                "ms",
            )
            for who in ("merchant", "operator")
            for what, wishes in _WISHES.items()
        ]
    finally:
        await journal.close()


async def _slowest(
    journal: Journal, who: str, wishes: Callable[[dict[str, Any]], OrderFilters], rows: list[dict[str, Any]]
) -> float:
    gateway = _gateway(journal)
    caller = Caller(
        key="key_1",
        merchant="acme" if who == "merchant" else None,
        world="test",
        operator=who == "operator",
        scopes=frozenset({"orders:read"}),
    )
    taken = []
    for _ in range(ROUNDS):
        row = _chance.choice(rows)
        begun = perf_counter_ns()
        await find_orders(gateway, caller, wishes(row), PageCursor())
        taken.append(perf_counter_ns() - begun)
    return round(percentile(taken, 95) / 1e6, 1)


_WISHES: MappingProxyType[str, Callable[[dict[str, Any]], OrderFilters]] = MappingProxyType(
    {
        "list": lambda _: OrderFilters(),
        "list of a status that is rare": lambda _: OrderFilters(status="review"),
        "list of an account and some days": lambda _: OrderFilters(
            account="main", since="2026-01-20", until="2026-01-21"
        ),
        "search by reference": lambda row: OrderFilters(text=row["reference"]),
        "search by provider's id": lambda row: OrderFilters(text=row["provider_order_id"]),
        "search by customer": lambda row: OrderFilters(text=row["customer"]),
        "search for nothing": lambda _: OrderFilters(text="nothing"),
    }
)


def _gateway(journal: Journal) -> Runtime:
    adapter = installed_adapter(next(iter(installed_adapters())))
    accounts = {
        name: Account(name=name, adapter=adapter, environment="emulator", base_url="", settings=None)
        for name in ("main", "other")
    }
    configuration = Configuration(hash="", accounts=accounts, default_route=("main",))
    nothing: Any = None
    return Runtime(configuration, journal, nothing, lambda: datetime.now(UTC), nothing)


def _record(number: int) -> OrderRecord:
    seen: ProviderOrder = provider_order(
        provider_order_id=f"order_{number}",
        created_at=_BEGIN + timedelta(minutes=number % 50_000),
        total=20000,
    )
    return OrderRecord(
        id=new_id("ord"),
        merchant=_MERCHANTS[number % 2],
        world="test",
        account="main" if number % 3 else "other",
        adapter="adapter",
        reference=f"INV-{number}",
        lines=[
            OrderedLine(
                id=new_id("li"),
                type="product",
                sku="CHAIR-1",
                product="sku_1",
                description="Deluxe Gamer's Chair",
                quantity=1,
                unit_amount=20000,
                metadata={},
            )
        ],
        customer=Customer(id=f"cust-{number % 5000}"),
        shipping_address=None,
        metadata={"channel": "web"},
        notes=None,
        tax_percent=None,
        expires_at=None,
        currency="USD",
        expected_total=1 if number % 20_000 == 0 else 20000,
        extensions={},
        notices=[],
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=msgspec.structs.replace(seen, reference=f"INV-{number}"),
        synced_at=_BEGIN,
    )


def _fill_sqlite(file: Path, rows: list[dict[str, Any]]) -> None:
    names = [*rows[0], "revision"]
    marks = ", ".join(f":{name}" for name in names)
    with sqlite3.connect(file) as connection:
        connection.executemany(
            f"INSERT INTO orders ({', '.join(names)}) VALUES ({marks})",
            ({**row, "revision": 1} for row in rows),
        )
    connection.close()


async def _fill_postgresql(url: str, rows: list[dict[str, Any]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table(
            "orders", records=[(*row.values(), 1) for row in rows], columns=[*rows[0], "revision"]
        )
        await connection.execute("ANALYZE orders")
    finally:
        await connection.close()
