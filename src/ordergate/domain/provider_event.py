"""An event of a provider, from a webhook or from its feed."""

from datetime import datetime

import msgspec


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a provider: a hint to read an order again, never the truth about it.

    Attributes:
        id: The provider's id of the event, the same in each delivery.
        type: In the provider's own words, verbatim.
        known: The provider documents the type.
        provider_order_id: The order of the event; None if the event names none.
        occurred_at: Time by the provider's clock; None without one.
        operations: The gateway's operations that it names, by a mark in metadata or by the idempotency key of their
            request. If the event names no order, theirs is meant.
        merchant: The merchant in the mark of the order's metadata.
        provider_payment_id: The payment of the event. If the event names neither order nor operation, the order with
            this last payment is meant.
    """

    id: str
    type: str
    known: bool
    provider_order_id: str | None
    occurred_at: datetime | None
    operations: tuple[str, ...] = ()
    merchant: str | None = None
    provider_payment_id: str | None = None
