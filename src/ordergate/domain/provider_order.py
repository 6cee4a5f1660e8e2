"""A provider's snapshot of an order: an adapter's reading of one response.

It contains only the provider's data, and exact conclusions from it. The merchant's data is in the journal;
:mod:`ordergate.domain.assembly` combines both.
"""

from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.draft import BillingType, LineType
from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.order import Address, NextAction, Payment

OPERATION_MARK = "ordergate_operation"
"""Metadata key at the provider: the operation that wrote, so that a lost answer can be proven."""
MERCHANT_MARK = "ordergate_merchant"
"""Metadata key at the provider for the merchant of the order, so that the order can be imported."""
REFERENCE_MARK = "ordergate_reference"
"""Metadata key at a provider without a field for the merchant's order number."""
LINE_TYPE_MARK = "ordergate_type"
"""Metadata key of a line at a provider without line types."""
ADDED_SHIPPING_MARK = "ordergate_added_shipping"
"""Metadata key at the provider: the free shipping line was added by an adapter, not ordered."""
MARK_PREFIX = "ordergate_"


class ProviderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line at the provider; amounts in minor units, null if the provider returns none."""

    provider_line_id: str | None
    type: LineType
    product: str | None
    description: str
    quantity: int
    unit_amount: int
    subtotal: int
    discount: int | None
    tax: int | None
    total: int | None
    metadata: dict[str, Any]
    position: int


class ReturnedGoods(msgspec.Struct, frozen=True, kw_only=True):
    """Returned goods of one product, or shipping; `amount` is their refund in minor units."""

    type: LineType
    product: str | None
    quantity: int
    amount: int


class ProviderReturn(msgspec.Struct, frozen=True, kw_only=True):
    """A return as its provider reports it; `amount` in minor units."""

    provider_return_id: str
    amount: int
    refund_id: str | None
    refund_status: str | None
    created_at: datetime | None = None


class ProviderOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its provider reports it; amounts in minor units, ids the provider's.

    Attributes:
        paid_in_full: The provider's status means paid, independent of the amounts.
        payment_pending: A payment has begun and has not ended.
        payment_failed: The last payment failed.
        confirmation_due: The payment is closed, and the provider waits for the confirmation that the order is paid.
        marks: The metadata entries that the gateway wrote, apart from the merchant's.
        returned: All returns, including those outside the gateway, as far as the provider names the goods.
    """

    provider_order_id: str
    provider_status: str
    phase: Phase
    billing_type: BillingType
    currency: str
    subtotal: int
    shipping: int
    discount: int | None
    tax: int | None
    total: int
    amount_paid: int
    amount_refunded: int
    paid_in_full: bool
    payment_pending: bool
    payment_failed: bool
    confirmation_due: bool
    fulfillment_status: FulfillmentStatus
    customer: str | None
    email: str | None
    reference: str | None
    line_items: list[ProviderLine]
    shipping_address: Address | None
    metadata: dict[str, Any]
    marks: dict[str, Any]
    notes: str | None
    expires_at: datetime | None
    tax_percent: str | None
    payments: list[Payment]
    next_action: NextAction | None
    created_at: datetime
    updated_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None
    canceled_at: datetime | None
    refunded_at: datetime | None
    extensions: dict[str, Any]
    returned: tuple[ReturnedGoods, ...] = ()

    @property
    def marked_operation(self) -> Any:
        """The operation in the order's mark, unverified; None without a mark."""
        return self.marks.get(OPERATION_MARK)

    @property
    def marked_merchant(self) -> Any:
        """The merchant in the order's mark, unverified; None without a mark."""
        return self.marks.get(MERCHANT_MARK)

    @property
    def amount_kept(self) -> int:
        """Received and not refunded, in minor units."""
        return self.amount_paid - self.amount_refunded


def without_personal_data(order: ProviderOrder) -> ProviderOrder:
    """Return the order without personal data.

    Email, address, notes, the merchant's own data and the shopper's next page are removed. Money, statuses, goods and
    ids stay.
    """
    return msgspec.structs.replace(
        order,
        email=None,
        shipping_address=None,
        metadata={},
        notes=None,
        next_action=None,
        line_items=[msgspec.structs.replace(line, metadata={}) for line in order.line_items],
    )
