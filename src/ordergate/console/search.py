"""Finds orders by any text that a person has: an id, a reference, a customer."""

from collections.abc import Sequence

import msgspec

from ordergate.console.listing import ROWS, OrderFilters, begins, ends
from ordergate.domain.assembly import OrderRecord
from ordergate.domain.lifecycle import OrderStatus
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders import read
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.orders import OrderQuery
from ordergate.journal.records.paging import PageCursor


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of results; `by` names the matching field of a text search."""

    records: Sequence[OrderRecord]
    has_more: bool
    by: str | None = None


async def find_orders(runtime: Runtime, caller: Caller, filters: OrderFilters, asked: PageCursor) -> Found:
    """Return the orders that match the filters.

    A text is taken for a reference first, then for the provider's id, then for a customer: the first that any order
    has.
    """
    query = OrderQuery(
        world=caller.world,
        merchant=caller.merchant or filters.merchant or None,
        status=OrderStatus(filters.status) if filters.status else None,
        account=filters.account or None,
        created_gte=begins(filters.since),
        created_lte=ends(filters.until),
        limit=ROWS,
        **msgspec.structs.asdict(asked),
    )
    if not filters.text:
        return await _page(runtime, query, None)
    found = await _page(runtime, msgspec.structs.replace(query, reference=filters.text), "reference")
    if found.records:
        return found
    records = await _by_provider_id(runtime, caller, filters)
    if records:
        return Found(records=records, has_more=False, by="provider's id")
    return await _page(runtime, msgspec.structs.replace(query, customer=filters.text), "customer")


async def _page(runtime: Runtime, query: OrderQuery, by: str | None) -> Found:
    records, has_more = await read.list_records(runtime, query)
    return Found(records=records, has_more=has_more, by=by)


async def _by_provider_id(runtime: Runtime, caller: Caller, filters: OrderFilters) -> list[OrderRecord]:
    """The provider's ids are the provider's own: two accounts may have the same one."""
    found = []
    for account in read.visible_accounts(runtime, caller):
        if filters.account and account.name != filters.account:
            continue
        known = await runtime.journal.read(tx.orders.find_imported(account.name, [filters.text]))
        found += [record for record in known.values() if caller.sees(record.merchant, record.world)]
    return found
