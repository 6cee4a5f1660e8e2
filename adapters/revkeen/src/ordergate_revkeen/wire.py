"""RevKeen's bodies as types: requests exactly, responses tolerant of new members.

Shapes from RevKeen's OpenAPI document, version 2026-05-01. Amounts are integer cents everywhere.
"""

from datetime import datetime
from typing import Any

import msgspec


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request body: absent rather than null, since create refuses nulls."""


class CreateLine(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a create; RevKeen knows no line types, no tax and no discount here."""

    product_id: str | None = None
    description: str
    quantity: int
    unit_price: int
    metadata: dict[str, Any] | None = None


class CreateBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /orders``."""

    customer_id: str | None = None
    currency: str
    billing_type: str | None = None
    line_items: list[CreateLine]
    metadata: dict[str, Any] | None = None
    notes: str | None = None
    expires_at: datetime | None = None
    invoice_id: str | None = None
    subscription_id: str | None = None


class UpdateBody(msgspec.Struct, frozen=True, kw_only=True):
    """``PATCH /orders/{id}``; here, unlike in a create, null clears."""

    customer_id: str | msgspec.UnsetType | None = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    notes: str | msgspec.UnsetType | None = msgspec.UNSET


class PayBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /orders/{id}/pay``; `amount` in cents, at least 1, omitted if nothing is due."""

    payment_method_id: str | None = None
    payment_token: str | None = None
    amount: int | msgspec.UnsetType = msgspec.UNSET


class CancelBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /orders/{id}/cancel``."""

    reason: str | None = None


class FulfillBody(Sent, frozen=True, kw_only=True):
    """``POST /orders/{id}/fulfill``; RevKeen mails the customer unless the request says no, so it is always set."""

    notify_customer: bool
    line_item_ids: list[str] | msgspec.UnsetType = msgspec.UNSET
    tracking_number: str | msgspec.UnsetType = msgspec.UNSET
    carrier: str | msgspec.UnsetType = msgspec.UNSET


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an answer; amounts in cents."""

    id: str
    product_id: str | None = None
    description: str
    quantity: int
    unit_price: int
    subtotal: int
    discount: int = 0
    tax: int = 0
    total: int
    metadata: dict[str, Any] | None = None
    position: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as answered; amounts in cents. Statuses stay text: a new one must not break the reading."""

    id: str
    public_id: str
    status: str
    billing_type: str
    fulfillment_status: str | None = None
    currency: str
    customer_id: str | None = None
    subtotal: int
    discount: int
    tax: int
    total: int
    amount_paid: int
    amount_refunded: int
    amount_due: int
    line_items: list[Line] | None = None
    metadata: dict[str, Any] | None = None
    notes: str | None = None
    invoice_id: str | None = None
    subscription_id: str | None = None
    created_at: str
    updated_at: str
    paid_at: str | None = None
    canceled_at: str | None = None
    fulfilled_at: str | None = None
    expires_at: str | None = None


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of ``GET /orders``."""

    data: list[Order]
    has_more: bool


class EventRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request of an event, if it has one."""

    idempotency_key: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of an order; the type is text, because types are added (Versioning guide)."""

    id: str
    type: str
    request: EventRequest | None = None

    @property
    def key(self) -> str | None:
        """The idempotency key of its request; None without a request."""
        return self.request.idempotency_key if self.request is not None else None


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of ``GET /events``, newest first."""

    data: list[Event]
    has_more: bool


class EventFeed(msgspec.Struct, frozen=True, kw_only=True):
    """The same page for events that are read in the form of webhooks."""

    data: list[dict[str, Any]]
    has_more: bool


class CreateExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The RevKeen-specific fields of a draft: links to existing objects."""

    invoice_id: str | None = None
    subscription_id: str | None = None


class NoExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There are no RevKeen-specific fields here."""


class PayExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The RevKeen-specific fields of a pay: a one-time token instead of a saved method."""

    payment_token: str | None = None
