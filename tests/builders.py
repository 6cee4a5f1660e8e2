"""Builders for what a provider tells: right by default, each field open to change."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.provider_order import ProviderLine, ProviderOrder

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def provider_line(**changes: Any) -> ProviderLine:
    """One line as a provider tells it: one chair for 20000."""
    line = ProviderLine(
        provider_line_id="item_1",
        type="product",
        product="sku_1",
        description="Chair",
        quantity=1,
        unit_amount=20000,
        subtotal=20000,
        discount=None,
        tax=None,
        total=None,
        metadata={},
        position=0,
    )
    return msgspec.structs.replace(line, **changes)


def provider_order(**changes: Any) -> ProviderOrder:
    """An unpaid order of 20000, as a provider tells it."""
    order = ProviderOrder(
        provider_order_id="order_1",
        provider_status="created",
        phase=Phase.OPEN,
        billing_type="one_time",
        currency="USD",
        subtotal=20000,
        shipping=0,
        discount=0,
        tax=0,
        total=20000,
        amount_paid=0,
        amount_refunded=0,
        paid_in_full=False,
        payment_pending=False,
        payment_failed=False,
        confirmation_due=False,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        customer="cus_1",
        email=None,
        reference="A-1",
        line_items=[provider_line()],
        shipping_address=None,
        metadata={},
        marks={},
        notes=None,
        expires_at=None,
        tax_percent=None,
        payments=[],
        next_action=None,
        created_at=NOON,
        updated_at=NOON,
        paid_at=None,
        fulfilled_at=None,
        canceled_at=None,
        refunded_at=None,
        extensions={},
    )
    return msgspec.structs.replace(order, **changes)
