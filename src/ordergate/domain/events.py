"""The canonical events of an order, derived from its changes.

An event reports one real change once, no matter how the provider names it or how often it reports it. All events are
derived from the record before and the record after, so they do not depend on how the gateway noticed the change.
"""

from collections.abc import Collection, Iterator
from typing import Literal

import msgspec

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.errors import OutcomeWord
from ordergate.domain.event_type import EventType
from ordergate.domain.lifecycle import FulfillmentStatus, OperationKind, PaymentStatus, Phase
from ordergate.domain.order import Order, Return


class SettledOperation(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a write whose caller did not get it.

    Attributes:
        outcome: Whether it was applied.
        problem: The problem code for a repeated key; null if the write was applied.
    """

    id: str
    kind: OperationKind
    state: Literal["succeeded", "failed"]
    outcome: OutcomeWord | None
    problem: str | None
    order: str
    account: str
    reference: str | None
    idempotency_key: str | None


ONCE = frozenset({EventType.ORDER_PAID, EventType.ORDER_FULFILLED, EventType.ORDER_CANCELED})
"""Types that an order has at most once, even if its provider reverts and repeats the change."""

_CLOCKS = ("synced_at", "updated_at")
"""Fields that move without anything happening."""

_TOLD = frozenset(
    {
        *_CLOCKS,
        "status",
        "payment_status",
        "fulfillment_status",
        "provider_status",
        "review_reasons",
        "amount_paid",
        "amount_refunded",
        "amount_due",
        "payments",
        "fulfillments",
        "returns",
        "next_action",
        "paid_at",
        "fulfilled_at",
        "canceled_at",
        "refunded_at",
        "extensions",
    }
)
"""Fields that the events of payment, fulfillment, cancellation, return and review report."""

_MAY_FAIL = frozenset({PaymentStatus.FAILED, PaymentStatus.PARTIALLY_PAID})
"""The status of an unpaid order after a declined payment, with nothing else in progress."""

_REFUNDS = frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_HANDED_OVER = frozenset({FulfillmentStatus.FULFILLED, FulfillmentStatus.RETURNED})
_FAILED_REFUNDS = frozenset({"failed", "error", "rejected", "declined", "canceled", "cancelled"})
"""Providers' words for a failed refund."""


def events_between(
    before: OrderRecord | None,
    after: OrderRecord,
    told_before: Collection[str] = (),
    *,
    order: Order | None = None,
) -> tuple[EventType, ...]:
    """Return the events of a change of an order, in their order; none if nothing has changed.

    A skipped intermediate state gets its event too: an order that is found fulfilled was paid.

    Args:
        before: As it was kept; None for an order that is new.
        after: As it is kept now.
        told_before: The types of the order's earlier events. Types of :data:`ONCE` among them are not repeated.
        order: The canonical order of `after`, if the caller has it.
    """
    now = order or order_from_record(after)
    if before is None:
        return (EventType.ORDER_CREATED, *_milestones(None, now, canceled=_canceled(after)))
    was = order_from_record(before)
    milestones = _milestones(was, now, canceled=_canceled(after) and not _canceled(before))
    told = tuple(each for each in milestones if not (each in ONCE and each in told_before))
    differing = {name for name in Order.__struct_fields__ if getattr(was, name) != getattr(now, name)}
    if differing - _TOLD or (differing.difference(_CLOCKS) and not told):
        return (EventType.ORDER_UPDATED, *told)
    return told


def _milestones(was: Order | None, now: Order, *, canceled: bool) -> Iterator[EventType]:
    yield from _payment_events(was, now)
    if now.fulfillment_status in _HANDED_OVER and (was is None or was.fulfillment_status not in _HANDED_OVER):
        yield EventType.ORDER_FULFILLED
    if canceled:
        yield EventType.ORDER_CANCELED
    yield from _return_events(was, now)
    yield from _refund_events(was, now)
    known = set() if was is None else set(was.review_reasons)
    if set(now.review_reasons) - known:
        yield EventType.ORDER_REVIEW


def _payment_events(was: Order | None, now: Order) -> Iterator[EventType]:
    status, moved = now.payment_status, was is None or was.payment_status is not now.payment_status
    if _payment_failed(was, now):
        yield EventType.ORDER_PAYMENT_FAILED
    if status is PaymentStatus.PENDING and moved:
        yield EventType.ORDER_PAYMENT_PENDING
    had, paid_before = (0, False) if was is None else (was.amount_paid, _was_paid(was))
    if status is PaymentStatus.PARTIALLY_PAID and had < now.amount_paid and not paid_before:
        yield EventType.ORDER_PARTIALLY_PAID
    if _was_paid(now) and not paid_before:
        yield EventType.ORDER_PAID


def _payment_failed(was: Order | None, now: Order) -> bool:
    """Whether a payment has failed that had not: a provider may show the latest alone, or none."""
    declined = _declined(now)
    if declined - _declined(was):
        return now.payment_status in _MAY_FAIL
    if now.payment_status is not PaymentStatus.FAILED:
        return False
    if was is None or was.payment_status is PaymentStatus.PENDING:
        return True
    return not declined and was.payment_status is not PaymentStatus.FAILED


def _refund_events(was: Order | None, now: Order) -> Iterator[EventType]:
    if now.payment_status not in _REFUNDS:
        return
    if was is not None and (was.payment_status, was.amount_refunded) == (
        now.payment_status,
        now.amount_refunded,
    ):
        return
    whole = now.payment_status is PaymentStatus.REFUNDED
    yield EventType.ORDER_REFUNDED if whole else EventType.ORDER_PARTIALLY_REFUNDED


def _return_events(was: Order | None, now: Order) -> Iterator[EventType]:
    known = {made.id: made for made in was.returns} if was is not None else {}
    new = [made for made in now.returns if made.id not in known]
    yield from (EventType.RETURN_CREATED for _ in new)
    failed = [made for made in now.returns if _failed(made) and not _failed(known.get(made.id))]
    yield from (EventType.RETURN_FAILED for _ in failed)


def _was_paid(order: Order) -> bool:
    """Return whether the order was fully paid, even if a part was refunded since."""
    if order.payment_status in _REFUNDS:
        return order.paid_at is not None or 0 < order.total <= order.amount_paid
    return order.payment_status is PaymentStatus.PAID


def _declined(order: Order | None) -> set[str]:
    payments = () if order is None else order.payments
    return {payment.provider_payment_id for payment in payments if payment.decline is not None}


def _canceled(record: OrderRecord) -> bool:
    return record.canceled_here is not None or record.seen.phase is Phase.CANCELED


def _failed(made: Return | None) -> bool:
    return made is not None and (made.refund_status or "").lower() in _FAILED_REFUNDS
