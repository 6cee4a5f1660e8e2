"""RevKeen's answers to the gateway's terms. Pure; unknown fields are ignored, unknown statuses reviewed."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.provider_order import (
    LINE_TYPE_MARK,
    REFERENCE_MARK,
    ProviderLine,
    ProviderOrder,
)
from ordergate.spi.marks import split_marks
from ordergate_revkeen.wire import EventList, Line, Order, OrderList

PHASES = {
    "draft": Phase.OPEN,
    "pending": Phase.PENDING,
    "partially_paid": Phase.OPEN,
    "paid": Phase.OPEN,
    "fulfilled": Phase.OPEN,
    "refunded": Phase.OPEN,
    "canceled": Phase.CANCELED,
}
"""RevKeen's status, which mixes payment and fulfillment, mapped to the phase without the two."""

_FULFILLMENT = {status.value: status for status in FulfillmentStatus}

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)
"""Exceptions of an unreadable response; the last is for a time outside the calendar in UTC."""

_decode_order = msgspec.json.Decoder(Order).decode
_decode_list = msgspec.json.Decoder(OrderList).decode
_decode_events = msgspec.json.Decoder(EventList).decode


def read_order(body: bytes, before: ProviderOrder | None = None) -> ProviderOrder:
    """Read one order.

    Args:
        body: The answer's bytes.
        before: RevKeen's earlier snapshot: a response may leave its lines out.

    Raises:
        UNREADABLE: The bytes are not an order, or another one.
    """
    order = _decode_order(body)
    if before is not None and order.id != before.provider_order_id:
        raise msgspec.ValidationError("the order is another one")
    return _provider_order(order, before)


def read_list(body: bytes) -> tuple[list[ProviderOrder], bool]:
    """Read one page of orders, and whether there are more.

    Raises:
        UNREADABLE: The bytes are not a list of orders.
    """
    page = _decode_list(body)
    return [_provider_order(order, None) for order in page.data], page.has_more


def read_events(body: bytes) -> EventList:
    """Read one page of events.

    Raises:
        UNREADABLE: The bytes are not a list of events.
    """
    return _decode_events(body)


def _provider_order(order: Order, before: ProviderOrder | None) -> ProviderOrder:
    lines = _lines(order, before)
    marks, metadata = split_marks(order.metadata or {})
    shipping = sum(line.subtotal for line in lines if line.type == "shipping")
    return ProviderOrder(
        provider_order_id=order.id,
        provider_status=order.status,
        phase=_phase(order),
        billing_type="recurring" if order.billing_type == "recurring" else "one_time",
        currency=order.currency.upper(),
        subtotal=order.subtotal - shipping,
        shipping=shipping,
        discount=order.discount,
        tax=order.tax,
        total=order.total,
        amount_paid=order.amount_paid,
        amount_refunded=order.amount_refunded,
        paid_in_full=order.status == "paid",
        payment_pending=order.status == "pending",
        payment_failed=False,
        confirmation_due=False,
        fulfillment_status=_fulfillment(order),
        customer=order.customer_id,
        email=None,
        reference=_text(marks.get(REFERENCE_MARK)),
        line_items=lines,
        shipping_address=None,
        metadata=metadata,
        marks=marks,
        notes=order.notes,
        expires_at=_utc(order.expires_at),
        tax_percent=None,
        payments=[],
        next_action=None,
        created_at=_in_utc(order.created_at),
        updated_at=_in_utc(order.updated_at),
        paid_at=_utc(order.paid_at),
        fulfilled_at=_utc(order.fulfilled_at),
        canceled_at=_utc(order.canceled_at),
        refunded_at=None,
        extensions={
            "public_id": order.public_id,
            "invoice_id": order.invoice_id,
            "subscription_id": order.subscription_id,
        },
    )


def _phase(order: Order) -> Phase:
    known = order.fulfillment_status is None or order.fulfillment_status in _FULFILLMENT
    return PHASES.get(order.status, Phase.UNMAPPED) if known else Phase.UNMAPPED


def _fulfillment(order: Order) -> FulfillmentStatus:
    if order.fulfillment_status in _FULFILLMENT:
        return _FULFILLMENT[order.fulfillment_status]
    return FulfillmentStatus.FULFILLED if order.status == "fulfilled" else FulfillmentStatus.UNFULFILLED


def _lines(order: Order, before: ProviderOrder | None) -> list[ProviderLine]:
    if order.line_items is None:
        return before.line_items if before is not None else []
    return [_line(line) for line in sorted(order.line_items, key=lambda line: line.position)]


def _line(line: Line) -> ProviderLine:
    marks, metadata = split_marks(line.metadata or {})
    return ProviderLine(
        provider_line_id=line.id,
        type="shipping" if marks.get(LINE_TYPE_MARK) == "shipping" else "product",
        product=line.product_id,
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_price,
        subtotal=line.subtotal,
        discount=line.discount,
        tax=line.tax,
        total=line.total,
        metadata=metadata,
        position=line.position,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _utc(text: str | None) -> datetime | None:
    return None if text is None else _in_utc(text)


def _in_utc(text: str) -> datetime:
    """Read a time; decimals after the sixth are cut off, never rounded up into the future."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise msgspec.ValidationError(str(error)) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
