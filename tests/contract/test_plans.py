"""No statement visits more rows as the journal grows, whoever runs it: the background, a caller, an operator.

Every statement of the `.sql` files and every list is found by itself, carried out in a full store, and undone. A new
one has to be cheap, or to be named here with a reason.
"""

import inspect
import itertools
import re
import sqlite3
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from tests.contract.filled import (
    ACCOUNT,
    ADAPTER,
    DAY,
    ENDPOINT,
    MERCHANT,
    NOW,
    ROWS,
    WORLD,
    Filled,
    FilledPostgresql,
    FilledSqlite,
    name,
)

from ordergate.domain.lifecycle import OrderStatus
from ordergate.journal.records.events import Feed
from ordergate.journal.statements import statements
from ordergate.journal.transactions import list_queries

MOST = ROWS // 20
"""Rows that a statement may visit, besides those that it gives."""
IN_AN_INDEX = frozenset({"created_gte", "created_lte"})
"""Filters that a list compares in the index that it walks: it may walk all of that, and looks at no row for it."""
FOR_EACH = 120
"""What each row that it gives may cost: its columns, and what it changes in the indexes."""

MAY_SCAN: Mapping[str, str] = {
    "open_orders_of_account": "It counts them in an index, when an account leaves the configuration.",
    "linked_accounts": "A command asks: ordergate check.",
    "linked_merchants": "A command asks: ordergate links.",
    "links": "A command asks: ordergate links list, and export.",
    "events_of_range": "A person has a range of events delivered again.",
}
"""Statements and lists that visit all of a table, each with the reason why it may."""

LAST = ROWS - 1
MIDDLE = ROWS // 2
LIMIT = 20
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")

Values = Mapping[str, tuple[Any, ...]]

VALUES: Values = {
    "account": (ACCOUNT, "nosuch"),
    "accounts": (f'["{ACCOUNT}", "nosuch"]',),
    "adapter": (ADAPTER,),
    "after": (0, LAST),
    "api_key": ("key_1", None),
    "attempts": (1,),
    "awaited": (0,),
    "before": (0, NOW + DAY),
    "body": (b"{}",),
    "boot": ("a start of the host",),
    "code": ("invalid_request",),
    "content_hash": ("c0ffee",),
    "created_at": (NOW,),
    "customer": ("customer-1",),
    "detail": ("It is so.",),
    "enabled": (1,),
    "ended": (1,),
    "endpoint_id": (ENDPOINT, "nosuch"),
    "ends_at": (NOW + DAY,),
    "erase": (0,),
    "event_id": (name("evt", LAST),),
    "every": (1000,),
    "example": ("ord_1",),
    "exchanges": (None,),
    "failures": (1,),
    "first": (LAST - LIMIT, 0),
    "holder": ("node_1",),
    "id": ("nosuch", *(name(each, LAST) for each in ("ord", "op", "evt", "dlv")), ENDPOINT),
    "idempotency_key": (f"key-{LAST}", "nosuch"),
    "ids": ('[["products", "sku-000001"], ["products", "nosuch"]]',),
    "kept": (3,),
    "key_id": ("key_1", "nosuch"),
    "keys": ("cmp_1-%",),
    "kind": ("products", "customers"),
    "last": (ROWS,),
    "last_at": (NOW,),
    "late": (0, 1),
    "lease": (15_000,),
    "lifetime": (60_000,),
    "limit": (LIMIT,),
    "probe_in": (None, 0),
    "merchant": (MERCHANT, "nosuch"),
    "method": ("POST",),
    "name": ("reference 1",),
    "native": ("native_1", "nosuch"),
    "next_try_in": (None,),
    "node": ("node_1", "node_dead"),
    "number": (LAST,),
    "order_id": (name("ord", LAST), "nosuch"),
    "orders": (f'["{name("ord", LAST)}"]',),
    "owner": ("node_1",),
    "parked": (0,),
    "path": ("/v1/orders", "/v1/comparisons"),
    "patience": (5000,),
    "pause": (1000,),
    "payment_id": (f"payment_{LAST}", "nosuch"),
    "pointer": ("/notes",),
    "provider_order_id": (f"order_{LAST}", "nosuch"),
    "purpose": ("", "comparison"),
    "record": (b"{}",),
    "reference": (f"reference-{LAST}", "nosuch"),
    "request": (b"{}",),
    "response_body": (b"{}",),
    "response_status": (201,),
    "revision": (1,),
    "revoked_at": (None,),
    "secret": ("whsec_1",),
    "secret_hash": (b"1", b"nosuch"),
    "serves": (1,),
    "settle": (1000,),
    "settles_in": (None,),
    "settling": (55_000,),
    "since": (0, NOW - DAY, NOW + DAY),
    "state": ("succeeded", "failed", "pending", "processed"),
    "status": ("open",),
    "subject": (f"order order_{LAST}", "nosuch"),
    "synced_at": (NOW,),
    "token_hash": (b"1", b"nosuch"),
    "notified": (1,),
    "type": ("order.created",),
    "unknown_only": (0, 1),
    "until": (NOW + DAY, 0),
    "updated_at": (NOW,),
    "uptime": (1000,),
    "used_at": (NOW,),
    "walked_at": (None,),
    "webhook": (1,),
    "work": (b"{}",),
    "world": (WORLD, "live"),
}
"""By parameter of the named statements, what rows have, and what few or none have."""

OF_ONE: Mapping[str, Values] = {
    "count_shadow": {"orders": (1,)},
    "events_of_order": {"after": (None, name("evt", LAST))},
}
"""Parameters that mean something else in one statement."""

FILTERS: Values = {
    "merchant": (MERCHANT, "nosuch"),
    "status": (OrderStatus.OPEN, OrderStatus.REFUNDED),
    "account": (ACCOUNT, "nosuch"),
    "provider": (ADAPTER, "nosuch"),
    "customer": ("customer-1", "nosuch"),
    "reference": (f"reference-{MIDDLE}", "nosuch"),
    "created_gte": (datetime.fromtimestamp(NOW / 1000, UTC), datetime(2020, 1, 1, tzinfo=UTC)),
    "created_lte": (datetime.fromtimestamp(NOW / 1000, UTC), datetime(2020, 1, 1, tzinfo=UTC)),
    "purpose": ("comparison",),
    "state": ("succeeded", "failed", "unknown", "delivered", "pending"),
    "order": (name("ord", MIDDLE), "nosuch"),
    "unattended": (True,),
    "endpoint": (ENDPOINT, "nosuch"),
    "event": (name("evt", MIDDLE), "nosuch"),
    "kind": ("products", "customers"),
    "type": ("order.created", "nosuch"),
    "after": (("bolt", "products", "nosuch", "nosuch"),),
}
"""By filter of a list, what rows have, and what few or none have."""

LISTS: Mapping[str, Callable[..., tuple[str, dict[str, Any]]]] = {
    each: function
    for each, function in inspect.getmembers(list_queries, inspect.isfunction)
    if not each.startswith("_") and "query" in inspect.signature(function).parameters
}
OWNERS = ({"world": WORLD}, MERCHANT), ({"world": WORLD}, None)
CURSORS = ("starting_after", "ending_before")
PREFIXES = {"orders": "ord", "operations": "op", "comparisons": "cmp", "deliveries": "dlv", "endpoints": "we"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Filled]:
    """A store with many rows."""
    if request.param == "sqlite":
        made: Any = FilledSqlite(tmp_path_factory.mktemp("filled"))
    else:
        made = await FilledPostgresql.fill(request.getfixturevalue("postgresql_server").new_database())
    yield made
    await made.close()


def _sets(values: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """What rows have; then each parameter changed alone; then all at once to what none has."""
    first = {each: given[0] for each, given in values.items()}
    yield first
    for each, given in values.items():
        for value in given[1:]:
            yield {**first, each: value}
    yield {each: given[-1] for each, given in values.items()}


def _of_statement(statement: str, sql: str) -> Iterator[dict[str, Any]]:
    wanted = {*_PARAMETER.findall(sql)} - {"now"}
    unknown = wanted - {*VALUES, *OF_ONE.get(statement, ())}
    assert not unknown, f"{statement} has parameters that VALUES does not know: {sorted(unknown)}"
    values = {**VALUES, **OF_ONE.get(statement, {})}
    for one in _sets({each: values[each] for each in sorted(wanted)}):
        if statement.endswith("_batch"):
            yield {each: [value] for each, value in one.items()}
        else:
            yield one


async def _too_dear(
    filled: Filled, sql: str, parameters: dict[str, Any], most: int = MOST, *, listed: bool = False
) -> str | None:
    """Tell what a statement costs too much."""
    try:
        done = await filled.work(sql, parameters, listed=listed)
    except (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError):
        return None  # these parameters make no row
    for work in done:
        if work.visited > most + FOR_EACH * work.given:
            return f"{work.visited} visited for {work.given}, with {parameters}\n{sql}\n{work.plan}"
    return None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("statement", sorted(statements("sqlite").keys() | statements("postgresql").keys()))
async def test_a_statement_visits_few_rows(filled: Filled, statement: str) -> None:
    """However many rows there are: those that it is about, found by an index."""
    sql = filled.statements.get(statement)
    if sql is None:
        return
    dear = [await _too_dear(filled, sql, each) for each in _of_statement(statement, sql)]
    found = [each for each in dear if each is not None]
    assert statement in MAY_SCAN or not found, "\n\n".join(found)


def _queries(listed: str) -> Iterator[tuple[int, Any]]:
    """Each filter alone, with and without a merchant, on the first page, from a row on, and up to a row."""
    kind = typing.get_type_hints(LISTS[listed])["query"]
    fields = [field.name for field in msgspec.structs.fields(kind)]
    filters = [each for each in fields if each not in {"world", "limit", "merchant", "feed", *CURSORS}]
    filters = [each for each in filters if (listed, each) != ("events", "after")]
    missing = {*filters} - {*FILTERS}
    assert not missing, f"{listed} has filters that FILTERS does not know: {sorted(missing)}"
    scopes = [{"merchant": value} for value in (*FILTERS["merchant"], None)] if "merchant" in fields else [{}]
    worlds = [{"world": each} for each in (WORLD, "live")] if "world" in fields else [{}]
    if "feed" in fields:
        worlds = [{"feed": Feed(merchant=each, world=WORLD)} for each in FILTERS["merchant"]]
    cursors: list[dict[str, Any]] = [{}]
    if CURSORS[0] in fields:
        place = name(PREFIXES[listed], MIDDLE)
        cursors += [{each: place} for each in CURSORS]
    chosen: list[dict[str, Any]] = [{}]
    chosen += [{each: value} for each in filters for value in FILTERS[each]]
    for world, scope, cursor, some in itertools.product(worlds, scopes, cursors, chosen):
        if some.get("endpoint") == ENDPOINT and (world, scope.get("merchant")) not in OWNERS:
            continue  # an endpoint is of one merchant
        yield (
            ROWS if IN_AN_INDEX & some.keys() else MOST,
            kind(**({"after": 0} if listed == "events" else {}) | world | scope | cursor | some, limit=LIMIT),
        )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("listed", sorted(LISTS))
async def test_a_list_visits_few_rows(filled: Filled, listed: str) -> None:
    """By each filter alone, of one merchant and of all, whether or not anything is found."""
    found = []
    for most, query in _queries(listed):
        sql, parameters = LISTS[listed](query)
        found.append(await _too_dear(filled, sql, parameters, most, listed=True))
    assert listed in MAY_SCAN or not any(found), "\n\n".join(each for each in found if each)
