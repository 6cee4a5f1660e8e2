"""What a provider tells unasked, or in its feed: that something happened."""

from datetime import datetime

import msgspec


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at a provider: a hint where to look, never the truth about an order.

    Attributes:
        id: The provider's id of the event, the same however often it is told.
        type: In the provider's own words, verbatim.
        known: The type is one that the provider documents; what a new one means nobody has looked at yet.
        provider_order_id: The order that it concerns; None where it names none.
        occurred_at: By the provider's clock; None where it does not say.
        operations: The gateway's operations that it names, by a mark in metadata or by the idempotency key of the
            request behind it. Where no order is named, theirs is the one.
        merchant: Whose order it is, by the mark in the order's metadata.
        provider_payment_id: The payment that it concerns. Where neither order nor operation is named, the order is the
            one whose last payment this is.
    """

    id: str
    type: str
    known: bool
    provider_order_id: str | None
    occurred_at: datetime | None
    operations: tuple[str, ...] = ()
    merchant: str | None = None
    provider_payment_id: str | None = None
