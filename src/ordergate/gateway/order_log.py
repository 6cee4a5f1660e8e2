"""Tells the log of each change of an order's status, whichever way it came about."""

import structlog

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.gateway.context import Gateway
from ordergate.gateway.records import Operation, StoredOrder

_log = structlog.get_logger("ordergate.orders")


def log_status(before: OrderRecord | None, after: OrderRecord) -> None:
    """Write a line if the order's status is another than before; None for an order that is new."""
    was = None if before is None else order_from_record(before)
    now = order_from_record(after)
    if was is not None and (was.status, was.review_reasons) == (now.status, now.review_reasons):
        return
    _log.info(
        "order.status",
        order_id=after.id,
        account=after.account,
        status=now.status,
        before=None if was is None else was.status,
        payment_status=now.payment_status,
        fulfillment_status=now.fulfillment_status,
        review_reasons=list(now.review_reasons),
        provider_status=now.provider_status,
        provider_order_id=now.provider_order_id,
    )


def log_settled(operation: Operation) -> None:
    """Write a line that says what became of a write."""
    _log.info(
        "operation.settled",
        operation_id=operation.id,
        order_id=operation.order,
        account=operation.account,
        kind=operation.kind,
        outcome=operation.outcome,
        problem=operation.problem,
        attempts=len(operation.attempts),
        performed_by=operation.performed_by,
    )


async def refresh(gateway: Gateway, record: OrderRecord, stored: StoredOrder) -> StoredOrder:
    """Keep what the provider said of an order, unless the order has changed since; return what is kept."""
    kept = await gateway.journal.refresh(record, stored.revision)
    if kept.record == record:
        log_status(stored.record, record)
    return kept
