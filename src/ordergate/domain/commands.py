"""The commands for adapters. Ids of customers, products and payment methods are the provider's.

The gateway resolves every link before it makes a command, so an adapter gets only the provider's ids.
"""

from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.draft import BillingType, Draft
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.provider_order import ProviderOrder


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One thing to do at the provider."""


class WriteCommand(Command, frozen=True, kw_only=True):
    """One effectful thing to do at the provider.

    Attributes:
        operation: The gateway's id of this write; the mark that proves it was applied.
        key_number: Counts the idempotency keys that it was sent under, from 1. Another one is taken only after
            an answer that was certainly a refusal, since a provider may keep that answer under its key.
    """

    operation: str
    key_number: int = 1

    @property
    def provider_key(self) -> str:
        """The idempotency key at the provider."""
        return self.provider_keys[-1]

    @property
    def provider_keys(self) -> tuple[str, ...]:
        """Every key that it was sent under, the newest last."""
        further = range(2, self.key_number + 1)
        return (self.operation, *(f"{self.operation}-{number}" for number in further))


class CreateOrder(WriteCommand, frozen=True, kw_only=True):
    """Create an order.

    Attributes:
        merchant: The merchant.
        draft: The order as the merchant means it.
        customer: The provider's id of the customer.
        products: The provider's product id of each line; None without a link.
        extension: The draft's block for this adapter.
    """

    merchant: str
    draft: Draft
    customer: str | None
    products: tuple[str | None, ...]
    extension: dict[str, Any]


class RetrieveOrder(Command, frozen=True, kw_only=True):
    """Read one order; `before` is the provider's earlier snapshot, if there is one."""

    provider_order_id: str
    before: ProviderOrder | None = None


class ListFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a provider's list; `customer` is the provider's id.

    An adapter gets only the filters that its capabilities declare.
    """

    customer: str | None = None
    status: OrderStatus | None = None
    billing_type: BillingType | None = None
    created_gte: datetime | None = None
    created_lte: datetime | None = None


class ListOrders(Command, frozen=True, kw_only=True):
    """Read one page of the provider's own list; `cursor` is an earlier page's, None for the first."""

    limit: int
    cursor: str | None
    filters: ListFilters


class ListEvents(Command, frozen=True, kw_only=True):
    """Read one page of the provider's event feed, if its capabilities declare one.

    Attributes:
        since: Only events from this time on, by the provider's clock; None for all.
        cursor: An earlier page's, None for the first.
    """

    limit: int
    since: datetime | None
    cursor: str | None


class PayOrder(WriteCommand, frozen=True, kw_only=True):
    """Pay an order; `amount` is in minor units, `order` the provider's snapshot just before."""

    order: ProviderOrder
    amount: int
    payment_method: str | None
    extension: dict[str, Any]


class CancelOrder(WriteCommand, frozen=True, kw_only=True):
    """Cancel an unpaid order."""

    order: ProviderOrder
    reason: str | None


class FulfillOrder(WriteCommand, frozen=True, kw_only=True):
    """Fulfill an order; `lines` are positions of the order's lines, None for all."""

    order: ProviderOrder
    lines: tuple[int, ...] | None
    tracking_number: str | None
    carrier: str | None
    notify_customer: bool


class UpdateOrder(WriteCommand, frozen=True, kw_only=True):
    """Change an order. An unset field stays as it is; None clears it.

    Attributes:
        metadata: The merchant's whole metadata as it shall be, merged already.
        customer: The provider's id of the customer.
        email: The customer's.
    """

    order: ProviderOrder
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    notes: str | msgspec.UnsetType | None = msgspec.UNSET
    customer: str | msgspec.UnsetType | None = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET
    tax_percent: str | msgspec.UnsetType | None = msgspec.UNSET
    extension: dict[str, Any]


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity of one line; `product` is the provider's id, `unit_amount` the price of one unit."""

    product: str | None
    unit_amount: int
    quantity: int


class ReturnGoods(WriteCommand, frozen=True, kw_only=True):
    """Take goods back and refund them.

    Attributes:
        shipping: The shipping to refund, in minor units; None for none.
        known: The provider's ids of the returns that the gateway made before, as far as they were learned.
    """

    order: ProviderOrder
    lines: tuple[ReturnLine, ...]
    shipping: int | None
    known: tuple[str, ...] = ()


class ConfirmPayment(WriteCommand, frozen=True, kw_only=True):
    """Confirm the payment of an order to a provider that closes payments itself."""

    order: ProviderOrder


Write = CreateOrder | PayOrder | CancelOrder | FulfillOrder | UpdateOrder | ReturnGoods | ConfirmPayment
Read = RetrieveOrder | ListOrders | ListEvents
