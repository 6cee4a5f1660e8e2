"""Logs each change of an order's status."""

import structlog

from ordergate.domain.assembly import OrderRecord, review_reasons, settled_status
from ordergate.domain.lifecycle import OrderStatus, ReviewReason
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Operation
from ordergate.journal.records.orders import StoredOrder

_log = structlog.get_logger("ordergate.orders")


def log_status(before: OrderRecord | None, after: OrderRecord) -> None:
    """Write a line if the order's status is another than before; None for an order that is new."""
    was = None if before is None else _standing(before)
    now = _standing(after)
    if was == now:
        return
    _log.info(
        "order.status",
        order_id=after.id,
        account=after.account,
        status=now[0],
        before=None if was is None else was[0],
        review_reasons=now[1],
        provider_status=after.seen.provider_status,
        provider_order_id=after.seen.provider_order_id,
    )


def _standing(record: OrderRecord) -> tuple[OrderStatus, list[ReviewReason]]:
    """Return the order's status, and the reasons for a review."""
    reasons = review_reasons(record)
    return OrderStatus.REVIEW if reasons else settled_status(record), reasons


def log_settled(operation: Operation) -> None:
    """Log the outcome of a write."""
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


async def refresh(runtime: Runtime, record: OrderRecord, stored: StoredOrder) -> StoredOrder:
    """Record the order as the provider returned it, unless it has changed since; return the recorded order."""
    kept = await runtime.journal.write(tx.orders.update(record, stored))
    if kept.record == record:
        log_status(stored.record, record)
    return kept
