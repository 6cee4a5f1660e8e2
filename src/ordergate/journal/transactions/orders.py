"""Orders: their records, and their changes."""

from collections.abc import Collection

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.mode import World
from ordergate.domain.order import Order
from ordergate.journal import codec
from ordergate.journal.records.comparisons import comparison_key
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
    """Return up to ``limit + 1`` orders; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.orders(query))
    return list_queries.in_order([codec.decode_order(row[0]) for row in rows], query)


@transaction(inline=True, records_events=True)
def update(record: OrderRecord, before: StoredOrder) -> Steps[StoredOrder]:
    """Record the order as the provider returned it, unless the row has changed since; return the recorded order.

    Args:
        record: As the provider returned it.
        before: The order that `record` was made from.
    """
    if (yield from write(record, before)):
        return StoredOrder(record, before.revision + 1)
    stored = yield from find(record.id)
    if stored is None:
        raise LookupError(f"{record.id} is not in the journal")
    return stored


@transaction(erases=True)
def redact(record: OrderRecord, revision: int) -> Steps[StoredOrder | Busy | Stale]:
    """Replace an order's record with a redacted one, and erase the personal data of its operations.

    Requests, commands and the answers of applied operations are erased. Refusals of the provider and the evidence of
    resolutions stay. The comparisons with the order's reference are erased, and so is the comparison that created it,
    with the exchanges of its other orders. When this returns the order, no file of the database contains the erased
    bytes.

    Args:
        record: Without personal data.
        revision: Of the row that it was made from.

    Returns:
        The order as it is recorded now; ``Busy`` if an operation of the order is unsettled or has a delayed probe;
        ``Stale`` if the row has changed. Nothing changes in the last two cases.
    """
    rows = yield Query(
        "update_order",
        codec.order_columns(record, order_from_record(record).status) | {"revision": revision},
    )
    if not rows:
        return Stale()
    # This comes after the update: a concurrent write would conflict with the updated row.
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
    """Erase the personal data of the operations of an order that was never created, as :meth:`redact` does.

    Args:
        operation: One of the order's.
        comparison: The one that the order would have been made for, if any.

    Returns:
        ``Busy`` if one of the operations is unsettled or has a delayed probe. Nothing changes then.
    """
    yield Query("redact_operations", {"order_id": operation.order})
    # This comes after the update: a concurrent retry has the row, and is visible now.
    under_way = yield Query("unsettled_or_due_operation", {"order_id": operation.order})
    if under_way:
        raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
    yield from _redact_comparisons(operation.merchant, operation.world, comparison, operation.reference)
    return None


def _redact_comparisons(
    merchant: str, world: World, comparison: str | None, reference: str | None
) -> Steps[None]:
    """Redact the comparison that created an order, with its exchanges, and those with the order's reference."""
    scope = {"merchant": merchant, "world": world}
    if comparison is not None:
        keys = {**scope, "keys": comparison_key(comparison, "%")}
        yield Query("redact_comparison_operations", keys)
        under_way = yield Query("unsettled_comparison_operation", keys)
        if under_way:
            raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
        yield Query("redact_comparison", {"id": comparison})
    if reference is not None:
        yield Query("redact_comparisons_of_reference", {**scope, "reference": reference})


@transaction(inline=True, records_events=True)
def add_imported(record: OrderRecord) -> Steps[OrderRecord]:
    """Record an imported order, unless it is known; return the recorded order."""
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


@transaction(inline=True)
def is_known(account: str, provider_order_id: str) -> Steps[bool]:
    """Return whether the journal has an order of this account with this id of the provider."""
    return bool((yield Query("known_order", {"account": account, "provider_order_id": provider_order_id})))


@transaction()
def account_use(account: str) -> Steps[AccountUse]:
    """Count the reasons that prevent the removal of an account."""
    ((open_orders,),) = yield Query("open_orders_of_account", {"account": account})
    ((not_settled,),) = yield Query("unsettled_of_account", {"account": account})
    return AccountUse(open_orders=open_orders, unsettled=not_settled)


def write(record: OrderRecord, before: StoredOrder | None, shown: Order | None = None) -> Steps[bool]:
    """Write an order and its events; return False if the row is not `before` any more.

    Args:
        record: The order's new record.
        before: None for an order that is new.
        shown: The canonical order of the record, if the caller has it.
    """
    order = shown or order_from_record(record)
    columns = codec.order_columns(record, order.status)
    if before is None:
        yield Query("save_order", columns, usual=[])
    elif not (
        yield Query("update_order", columns | {"revision": before.revision}, usual=[(before.revision + 1,)])
    ):
        return False
    yield from record_change(None if before is None else before.record, record, order)
    return True
