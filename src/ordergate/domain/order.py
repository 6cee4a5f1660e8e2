"""The canonical order, the same for every provider.

Amounts are integers of the currency's minor unit. Every documented key is always there.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ordergate.domain.draft import BillingType, LineType
from ordergate.domain.lifecycle import FulfillmentStatus, OrderStatus, PaymentStatus, ReviewReason

NoticeKind = Literal["kept", "unlinked", "added"]
DeclineCode = Literal[
    "insufficient_funds", "expired_card", "authentication_failed", "limit_exceeded", "declined"
]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A document of the API: frozen, with keywords only, tolerant of fields of later releases."""


class Notice(Record, frozen=True, kw_only=True):
    """A notice for the caller about the translation.

    Attributes:
        pointer: JSON Pointer into the draft.
        kind: ``kept`` (the provider ignores it, the gateway stores it), ``unlinked`` (a sku without a link, sent as a
            plain line) or ``added`` (a value that the provider requires and the merchant did not give).
        detail: A sentence for a human.
    """

    pointer: str
    kind: NoticeKind
    detail: str


class Customer(Record, frozen=True, kw_only=True):
    """The customer; `id` is the merchant's own. Data of a provider is unchanged."""

    id: str | None = None
    email: str | None = None


class Address(Record, frozen=True, kw_only=True):
    """The shipping address. Data of a provider is unchanged."""

    name: str | None = None
    line_1: str | None = None
    line_2: str | None = None
    line_3: str | None = None
    city: str | None = None
    district: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


class LineItem(Record, frozen=True, kw_only=True):
    """One line as the merchant ordered it.

    `discount`, `tax` and `total` are null if the provider returns only those of the order; `id` is null if the order is
    not imported.
    """

    id: str | None
    type: LineType
    sku: str | None
    description: str
    quantity: int
    unit_amount: int
    subtotal: int
    discount: int | None
    tax: int | None
    total: int | None
    metadata: dict[str, Any]
    position: int


class Decline(Record, frozen=True, kw_only=True):
    """Why a payment failed: a word that means the same everywhere, and the provider's own."""

    code: DeclineCode
    provider_code: str | None


class Payment(Record, frozen=True, kw_only=True):
    """One payment as the provider reports it; `amount` in minor units."""

    provider_payment_id: str
    method_type: str | None
    amount: int
    status: str
    decline: Decline | None
    created_at: datetime | None


class Fulfillment(Record, frozen=True, kw_only=True):
    """One hand-over of goods; the provider may have forgotten the details."""

    line_item_ids: list[str]
    tracking_number: str | None
    carrier: str | None
    created_at: datetime


class ReturnedLine(Record, frozen=True, kw_only=True):
    """The returned quantity of one line."""

    line_item_id: str
    quantity: int


class Return(Record, frozen=True, kw_only=True):
    """Returned goods and their refund; `amount` in minor units."""

    id: str
    lines: list[ReturnedLine]
    shipping: bool
    amount: int
    provider_return_id: str | None
    refund_id: str | None
    refund_status: str | None


class NextAction(Record, frozen=True, kw_only=True):
    """The shopper's next action before the payment can continue."""

    type: Literal["redirect"]
    url: str
    expires_at: datetime | None


class Order(Record, frozen=True, kw_only=True):
    """One order. Ids are the merchant's and the gateway's own; `provider_…` are the provider's, verbatim."""

    id: str | None
    reference: str | None
    account: str
    provider: str
    provider_order_id: str
    provider_status: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    review_reasons: list[ReviewReason]
    billing_type: BillingType
    currency: str
    subtotal: int
    shipping: int
    discount: int | None
    tax: int | None
    total: int
    amount_paid: int
    amount_refunded: int
    amount_due: int
    customer: Customer | None
    line_items: list[LineItem]
    shipping_address: Address | None
    metadata: dict[str, Any]
    notes: str | None
    expires_at: datetime | None
    tax_percent: str | None
    payments: list[Payment]
    fulfillments: list[Fulfillment]
    returns: list[Return]
    next_action: NextAction | None
    created_at: datetime
    updated_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None
    canceled_at: datetime | None
    refunded_at: datetime | None
    synced_at: datetime | None
    purpose: Literal["comparison"] | None
    extensions: dict[str, dict[str, Any]]
    notices: list[Notice]
