"""Orders: their records, and what happened to them."""

from collections.abc import Collection

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.mode import World
from ordergate.journal import codec
from ordergate.journal.records.comparisons import compared_key
from ordergate.journal.records.operations import (
    Busy,
    Operation,
    Stale,
)
from ordergate.journal.records.orders import AccountUse, OrderQuery, StoredOrder
from ordergate.journal.records.provider_events import order_job_name
from ordergate.journal.transaction import Query, RolledBack, Steps, transaction
from ordergate.journal.transactions import list_queries
from ordergate.journal.transactions.events import record_change, redact_events


@transaction(inline=True)
def find(order_id: str) -> Steps[StoredOrder | None]:
    """Return one order."""
    rows = yield Query("order_by_id", {"id": order_id})
    return StoredOrder(codec.decode_order(rows[0][0]), rows[0][1]) if rows else None


@transaction(listed=True)
def search(query: OrderQuery) -> Steps[list[OrderRecord]]:
    """Return up to ``limit + 1`` orders, so that the caller can tell whether there are more."""
    rows = yield Query(*list_queries.orders(query))
    return list_queries.in_order([codec.decode_order(row[0]) for row in rows], query.ending_before)


@transaction(inline=True, records_events=True)
def update(record: OrderRecord, revision: int) -> Steps[StoredOrder]:
    """Keep what the provider said, unless the row has changed since; return what is kept now."""
    stored = yield from find(record.id)
    if stored is not None and stored.revision == revision and (yield from write(record, stored)):
        return StoredOrder(record, revision + 1)
    stored = yield from find(record.id)
    if stored is None:
        raise LookupError(f"{record.id} is not in the journal")
    return stored


@transaction(erases=True)
def redact(record: OrderRecord, revision: int) -> Steps[StoredOrder | Busy | Stale]:
    """Replace an order's record by a redacted one, and erase what its operations held of it.

    Their requests, their commands and the answers of those that were applied go; what a provider refused, and
    every evidence, stays. Comparisons of the order's reference go, and the one that it was made for with what was
    said for its other orders. When this returns the order, the store holds the erased bytes nowhere that it could
    still be asked for them.

    Args:
        record: Without personal data.
        revision: Of the row that it was made from.

    Returns:
        The order as it is kept now; busy while one of its operations is unsettled or will be looked at again;
        stale if the row has changed since. Nothing is changed then.
    """
    rows = yield Query(
        "update_order",
        codec.order_columns(record, order_from_record(record).status) | {"revision": revision},
    )
    if not rows:
        return Stale()
    # Only now: a write that came between would have been seen by the row that it shares.
    under_way = yield Query("unsettled_or_due_operation", {"order_id": record.id})
    if under_way:
        raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
    yield Query("redact_operations", {"order_id": record.id})
    yield from _redact_comparisons(record.merchant, record.world, record.comparison, record.reference)
    yield from redact_events(record.id)
    subject = order_job_name(record.seen.provider_order_id)
    yield Query(
        "redact_provider_events", {"account": record.account, "subject": subject, "order_id": record.id}
    )
    return StoredOrder(record, rows[0][0])


@transaction(erases=True)
def redact_unmade(operation: Operation, comparison: str | None) -> Steps[Busy | None]:
    """Erase what the operations of an order that was never made held of it, as :meth:`redact` does.

    Args:
        operation: One of the order's.
        comparison: The one that the order would have been made for, if any.

    Returns:
        Busy while one of the operations is unsettled or will be looked at again; nothing is changed then.
    """
    yield Query("redact_operations", {"order_id": operation.order})
    # Only now: a repeat that came between has the row, and is seen.
    under_way = yield Query("unsettled_or_due_operation", {"order_id": operation.order})
    if under_way:
        raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
    yield from _redact_comparisons(operation.merchant, operation.world, comparison, operation.reference)
    return None


def _redact_comparisons(
    merchant: str, world: World, comparison: str | None, reference: str | None
) -> Steps[None]:
    """Forget the comparison that an order was made for, with what was said there, and those of its reference."""
    scope = {"merchant": merchant, "world": world}
    if comparison is not None:
        keys = {**scope, "keys": compared_key(comparison, "%")}
        yield Query("redact_comparison_operations", keys)
        under_way = yield Query("unsettled_comparison_operation", keys)
        if under_way:
            raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
        yield Query("redact_comparison", {"id": comparison})
    if reference is not None:
        yield Query("redact_comparisons_of_reference", {**scope, "reference": reference})


@transaction(inline=True, records_events=True)
def add_imported(record: OrderRecord) -> Steps[OrderRecord]:
    """Keep an order that was made elsewhere, unless it is known already; return what is kept."""
    native = record.seen.provider_order_id
    lock = Query("acquire_lock", {"name": f"order {record.account} {native}"})
    yield lock
    known = yield from find_imported(record.account, [native])
    if native not in known:
        yield from write(record, None)
    yield lock._replace(statement="release_lock")
    return known.get(native, record)


@transaction()
def find_imported(account: str, provider_order_ids: Collection[str]) -> Steps[dict[str, OrderRecord]]:
    """Return, by the provider's id, those orders of an account that the gateway knows."""
    found = {}
    for native in provider_order_ids:
        rows = yield Query("imported_order", {"account": account, "provider_order_id": native})
        if rows:
            found[native] = codec.decode_order(rows[0][0])
    return found


@transaction()
def account_use(account: str) -> Steps[AccountUse]:
    """Count what an account cannot be removed for."""
    ((open_orders,),) = yield Query("open_orders_of_account", {"account": account})
    ((not_settled,),) = yield Query("unsettled_of_account", {"account": account})
    return AccountUse(open_orders=open_orders, unsettled=not_settled)


def write(record: OrderRecord, before: StoredOrder | None) -> Steps[bool]:
    """Write an order, and what happened to it; False where it is not any more as it was `before`."""
    order = order_from_record(record)
    columns = codec.order_columns(record, order.status)
    if before is None:
        yield Query("save_order", columns)
    elif not (yield Query("update_order", columns | {"revision": before.revision})):
        return False
    yield from record_change(None if before is None else before.record, record, order)
    return True
