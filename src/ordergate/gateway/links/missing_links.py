"""Finds the ids that prevent a switch: recent orders use them, and they have no link at the other account."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.link import LinkKind
from ordergate.domain.order import Record
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.links.links import NATIVE
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import Progress
from ordergate.journal.records.orders import OrderQuery

_ORDERS_PER_PAGE = 500
_IDS_PER_READ = 1_000


class MissingLink(Record, frozen=True, kw_only=True):
    """An id without a link at the account.

    Attributes:
        orders: How many orders used it.
        last_used_at: When the newest of them was made.
        required: Orders with it are refused there; else they are sent without it, as a plain line.
    """

    merchant: str
    kind: LinkKind
    id: str
    orders: int
    last_used_at: datetime
    required: bool


class NativeId(Record, frozen=True, kw_only=True):
    """A provider's own id, written in orders: it means nothing at another account.

    Attributes:
        accounts: The accounts of the orders with the id.
    """

    merchant: str
    kind: LinkKind
    id: str
    orders: int
    last_used_at: datetime
    accounts: list[str]


class MissingLinks(Record, frozen=True, kw_only=True):
    """The ids without a link at an account, the most used first, and the values that no link can replace.

    Attributes:
        since: Only orders that were created since then are included.
        orders: How many those are.
        not_covered: Kinds of ids that orders do not store, so they are never in the list.
    """

    account: str
    since: datetime
    orders: int
    missing: list[MissingLink]
    native: list[NativeId]
    not_covered: list[LinkKind]


class _Use(msgspec.Struct):
    orders: int
    last_used_at: datetime
    accounts: set[str]


_UsedId = tuple[str, LinkKind, str]
"""Merchant, kind and id."""


async def missing_links(
    journal: Journal,
    account: Account,
    *,
    merchant: str | None,
    since: datetime,
    progress: Progress | None = None,
) -> MissingLinks:
    """Find every id that orders used lately and that has no link at the account.

    Orders name customers and products; which payment method paid one is not kept by the merchant's id.

    Args:
        journal: The journal.
        account: The new account.
        merchant: The merchant; None for all merchants who may use the account.
        since: Start of the period.
        progress: Called with the number of orders that were read.
    """
    used: dict[_UsedId, _Use] = {}
    count = 0
    query = OrderQuery(world=account.world, merchant=merchant, created_gte=since, limit=_ORDERS_PER_PAGE)
    async for record in _orders(journal, query):
        if account.open_to(record.merchant, account.world):
            count += 1
            _note(used, record)
        if progress is not None and count % _ORDERS_PER_PAGE == 0:
            progress(count)
    ranked = sorted(used.items(), key=lambda item: (-item[1].orders, item[0]))
    linked = await _linked(journal, account, used)
    return MissingLinks(
        account=account.name,
        since=since,
        orders=count,
        missing=[
            _missing(account, key, use)
            for key, use in ranked
            if key not in linked and not key[2].startswith(NATIVE)
        ],
        native=[_native(key, use) for key, use in ranked if key[2].startswith(NATIVE)],
        not_covered=["payment_methods"],
    )


async def _orders(journal: Journal, query: OrderQuery) -> AsyncIterator[OrderRecord]:
    while True:
        page = await journal.read(tx.orders.search(query))
        for record in page[: query.limit]:
            yield record
        if len(page) <= query.limit:
            return
        query = msgspec.structs.replace(query, starting_after=page[query.limit - 1].id)


def _note(used: dict[_UsedId, _Use], record: OrderRecord) -> None:
    """Count an order once for each id that it names."""
    ids: set[tuple[LinkKind, str]] = {("products", line.sku) for line in record.lines if line.sku}
    if record.customer is not None and record.customer.id:
        ids.add(("customers", record.customer.id))
    made = record.seen.created_at
    for kind, identifier in ids:
        use = used.setdefault((record.merchant, kind, identifier), _Use(0, made, set()))
        use.orders += 1
        use.last_used_at = max(use.last_used_at, made)
        use.accounts.add(record.account)


async def _linked(journal: Journal, account: Account, used: Mapping[_UsedId, Any]) -> set[_UsedId]:
    linked: set[_UsedId] = set()
    for merchant in sorted({merchant for merchant, _, _ in used}):
        ids = [(kind, text) for owner, kind, text in used if owner == merchant]
        for start in range(0, len(ids), _IDS_PER_READ):
            part = ids[start : start + _IDS_PER_READ]
            found = await journal.read(tx.links.find_native_ids(merchant, account.world, account.name, part))
            linked |= {(merchant, kind, text) for kind, text in found}
    return linked


def _missing(account: Account, key: _UsedId, use: _Use) -> MissingLink:
    merchant, kind, identifier = key
    return MissingLink(
        merchant=merchant,
        kind=kind,
        id=identifier,
        orders=use.orders,
        last_used_at=use.last_used_at,
        required=kind in account.adapter.capabilities.links_required,
    )


def _native(key: _UsedId, use: _Use) -> NativeId:
    merchant, kind, identifier = key
    return NativeId(
        merchant=merchant,
        kind=kind,
        id=identifier,
        orders=use.orders,
        last_used_at=use.last_used_at,
        accounts=sorted(use.accounts),
    )
