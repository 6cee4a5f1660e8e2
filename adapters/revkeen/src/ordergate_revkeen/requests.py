"""Translates canonical commands into RevKeen's requests.

Pure; fields that RevKeen does not support are refused by name.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil, floor
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import UnsetType

from ordergate.domain.commands import (
    CancelOrder,
    CreateOrder,
    FulfillOrder,
    ListOrders,
    PayOrder,
    UpdateOrder,
)
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.money import minor_unit_digits
from ordergate.domain.order import Notice
from ordergate.domain.provider_order import (
    LINE_TYPE_MARK,
    MERCHANT_MARK,
    OPERATION_MARK,
    REFERENCE_MARK,
)
from ordergate.spi.paging import Cursor
from ordergate.spi.refusals import path_segment, read_extension, unsupported_field
from ordergate.spi.wire import WireRequest
from ordergate_revkeen.wire import (
    CancelBody,
    CreateBody,
    CreateExtension,
    CreateLine,
    FulfillBody,
    NoExtension,
    PayBody,
    PayExtension,
    UpdateBody,
)

MAX_AMOUNT = 2**31 - 1
"""RevKeen's clients read amounts as 32-bit integers (published Go types)."""

LIST_STATUSES = {
    OrderStatus.OPEN: "draft",
    OrderStatus.PENDING: "pending",
    OrderStatus.PARTIALLY_PAID: "partially_paid",
    OrderStatus.PAID: "paid",
    OrderStatus.FULFILLED: "fulfilled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.REFUNDED: "refunded",
}
"""Canonical status to the value of RevKeen's ``status`` filter."""

_KEPT = "RevKeen has no place for it; the gateway keeps it."

_encode = msgspec.json.Encoder().encode


def create(command: CreateOrder) -> WireRequest:
    """``POST /orders``: the draft with the operation's mark in its metadata."""
    draft = command.draft
    _refuse_unsupported(draft)
    extension = read_extension(command.extension, CreateExtension, "revkeen")
    body = CreateBody(
        customer_id=command.customer,
        currency=draft.currency.lower(),
        billing_type=draft.billing_type,
        line_items=[
            _line(line, product) for line, product in zip(draft.line_items, command.products, strict=True)
        ],
        metadata=_metadata(command),
        notes=draft.notes,
        expires_at=draft.expires_at and draft.expires_at.astimezone(UTC),
        invoice_id=extension.invoice_id,
        subscription_id=extension.subscription_id,
    )
    return _write("/orders", body, command.provider_key, notices=tuple(_notices(command)))


def retrieve(provider_order_id: str) -> WireRequest:
    """``GET /orders/{id}``."""
    return WireRequest(method="GET", path=f"/orders/{path_segment(provider_order_id)}")


def list_orders(command: ListOrders, cursor: Cursor | None) -> WireRequest:
    """``GET /orders``; the limit is always stated, since the documentation names two defaults."""
    filters = command.filters
    query: list[tuple[str, str | int | None]] = [
        ("limit", command.limit),
        ("starting_after", cursor.id if cursor and cursor.direction == "after" else None),
        ("ending_before", cursor.id if cursor and cursor.direction == "before" else None),
        ("customer_id", filters.customer),
        ("status", _list_status(filters.status)),
        ("billing_type", filters.billing_type),
        ("created_gte", _seconds(filters.created_gte, ceil)),
        ("created_lte", _seconds(filters.created_lte, floor)),
    ]
    given = [(name, value) for name, value in query if value is not None]
    return WireRequest(method="GET", path=f"/orders?{urlencode(given)}")


def list_events(
    limit: int, after: str | None, *, provider_order_id: str | None = None, since: datetime | None = None
) -> WireRequest:
    """``GET /events``; `after` is the id of an earlier page's last event, and `since` is meant inclusively."""
    query: list[tuple[str, str | int | None]] = [
        ("order_id", provider_order_id),
        ("limit", limit),
        ("starting_after", after),
        ("created_gte", _seconds(since, floor)),
    ]
    given = [(name, value) for name, value in query if value is not None]
    return WireRequest(method="GET", path=f"/events?{urlencode(given)}")


def pay(command: PayOrder) -> WireRequest:
    """``POST /orders/{id}/pay``; the amount is always stated, so that nothing else can be charged.

    RevKeen documents no amount below 1, so a free order has no valid amount. Its lines cannot be changed, so it stays
    free.
    """
    if command.amount == 0 and command.order.total > 0:
        raise Problem("invalid_state", "Nothing is due, and RevKeen takes no payment of zero.")
    extension = read_extension(command.extension, PayExtension, "revkeen")
    if extension.payment_token and command.payment_method:
        raise invalid_request(
            "/extensions/revkeen/payment_token",
            "conflicting_fields",
            "Give either payment_method or payment_token: RevKeen does not define which one it charges.",
        )
    body = PayBody(
        payment_method_id=command.payment_method,
        payment_token=extension.payment_token,
        amount=command.amount or msgspec.UNSET,
    )
    return _write(
        f"/orders/{path_segment(command.order.provider_order_id)}/pay",
        body,
        command.provider_key,
        confidential=extension.payment_token is not None,
    )


def cancel(command: CancelOrder) -> WireRequest:
    """``POST /orders/{id}/cancel``."""
    path = f"/orders/{path_segment(command.order.provider_order_id)}/cancel"
    return _write(path, CancelBody(reason=command.reason), command.provider_key)


def fulfill(command: FulfillOrder) -> WireRequest:
    """``POST /orders/{id}/fulfill``; lines are named only if not all are meant."""
    body = FulfillBody(
        notify_customer=command.notify_customer,
        line_item_ids=msgspec.UNSET if command.lines is None else _line_ids(command),
        tracking_number=command.tracking_number or msgspec.UNSET,
        carrier=command.carrier or msgspec.UNSET,
    )
    return _write(
        f"/orders/{path_segment(command.order.provider_order_id)}/fulfill", body, command.provider_key
    )


def update(command: UpdateOrder) -> WireRequest | None:
    """``PATCH /orders/{id}``; None if nothing that RevKeen stores is changed.

    RevKeen does not document whether it merges metadata, so all of it is sent, with the gateway's marks.
    """
    if command.tax_percent is not msgspec.UNSET and not _is_neutral(command.tax_percent):
        raise unsupported_field("/tax_percent", "RevKeen takes no tax from its clients.")
    read_extension(command.extension, NoExtension, "revkeen")
    metadata = command.metadata
    body = UpdateBody(
        customer_id=command.customer,
        metadata=metadata if isinstance(metadata, UnsetType) else {**metadata, **command.order.marks},
        notes=command.notes,
    )
    if body == UpdateBody():
        return None
    path = f"/orders/{path_segment(command.order.provider_order_id)}"
    request = _write(path, body, command.provider_key, notices=update_notices(command))
    return msgspec.structs.replace(request, method="PATCH")


def update_notices(command: UpdateOrder) -> tuple[Notice, ...]:
    """Return the changes that RevKeen does not support."""
    if not isinstance(command.email, str):
        return ()
    return (Notice(pointer="/customer/email", kind="kept", detail=_KEPT),)


def _is_neutral(percent: str | None) -> bool:
    return percent is None or percent.strip("0.") == ""


def _write(
    path: str, body: Any, operation: str, *, notices: tuple[Notice, ...] = (), confidential: bool = False
) -> WireRequest:
    return WireRequest(
        method="POST",
        path=path,
        body=_encode(body),
        headers=(("content-type", "application/json"), ("idempotency-key", operation)),
        acts=True,
        notices=notices,
        confidential=confidential,
    )


def _line(line: DraftLine, product: str | None) -> CreateLine:
    metadata = dict(line.metadata or {})
    if line.type == "shipping":
        metadata[LINE_TYPE_MARK] = "shipping"
    return CreateLine(
        product_id=product,
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_amount,
        metadata=metadata or None,
    )


def _metadata(command: CreateOrder) -> dict[str, Any]:
    marks = {OPERATION_MARK: command.operation, MERCHANT_MARK: command.merchant}
    if command.draft.reference is not None:
        marks[REFERENCE_MARK] = command.draft.reference
    return {**(command.draft.metadata or {}), **marks}


def _notices(command: CreateOrder) -> list[Notice]:
    draft = command.draft
    notices = [
        Notice(pointer=f"/line_items/{index}/sku", kind="unlinked", detail="Sent to RevKeen as a plain line.")
        for index, (line, product) in enumerate(zip(draft.line_items, command.products, strict=True))
        if line.sku is not None and product is None
    ]
    if draft.customer is not None and draft.customer.email is not None:
        notices.append(Notice(pointer="/customer/email", kind="kept", detail=_KEPT))
    if draft.shipping_address is not None:
        notices.append(Notice(pointer="/shipping_address", kind="kept", detail=_KEPT))
    return notices


def _refuse_unsupported(draft: Draft) -> None:
    if minor_unit_digits(draft.currency) != 2:
        raise unsupported_field(
            "/currency",
            f"RevKeen documents amounts in cents only; {draft.currency} does not have two decimals.",
        )
    if draft.taxed:
        raise unsupported_field("/tax_percent", "RevKeen takes no tax from its clients; add a line for it.")
    for index, line in enumerate(draft.line_items):
        _refuse_large(f"/line_items/{index}/quantity", line.quantity)
        _refuse_large(f"/line_items/{index}/unit_amount", line.unit_amount * line.quantity)
    _refuse_large("/line_items", draft.lines_total)


def _refuse_large(pointer: str, value: int) -> None:
    if value > MAX_AMOUNT:
        raise unsupported_field(pointer, f"RevKeen carries up to {MAX_AMOUNT}; this makes {value}.")


def _line_ids(command: FulfillOrder) -> list[str]:
    lines = command.order.line_items
    return [str(lines[position].provider_line_id) for position in command.lines or ()]


def _list_status(status: OrderStatus | None) -> str | None:
    if status is None:
        return None
    if status not in LIST_STATUSES:
        raise invalid_request(
            "/status",
            "invalid_value",
            f"RevKeen's list knows no {status}; it filters by {', '.join(LIST_STATUSES)}.",
        )
    return LIST_STATUSES[status]


def _seconds(time: datetime | None, whole: Callable[[float], int]) -> int | None:
    """Unix seconds: RevKeen's bounds are inclusive, so a fraction is rounded towards the inside."""
    return None if time is None else whole(time.timestamp())
