"""Builders for what the domain passes around: right by default, each field open to change."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.domain.assembly import OrderedLine, OrderRecord
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.provider_order import ProviderLine, ProviderOrder
from ordergate.gateway.account import Account
from ordergate.gateway.registry import installed_adapter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def draft(**changes: Any) -> Draft:
    """A draft with which nothing is wrong: one chair for 20000."""
    chair = DraftLine(description="Chair", quantity=1, unit_amount=20000)
    return msgspec.structs.replace(Draft(currency="USD", line_items=[chair]), **changes)


def ordered_line(**changes: Any) -> OrderedLine:
    """One line as the merchant ordered it: one chair for 20000."""
    line = OrderedLine(
        id="li_1",
        type="product",
        sku="CHAIR-1",
        product="native-chair-1",
        description="Chair",
        quantity=1,
        unit_amount=20000,
        metadata={},
    )
    return msgspec.structs.replace(line, **changes)


def provider_line(**changes: Any) -> ProviderLine:
    """The same line as a provider tells it."""
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


def order_record(*, seen: ProviderOrder | None = None, **changes: Any) -> OrderRecord:
    """What the gateway keeps of that order."""
    record = OrderRecord(
        id="ord_1",
        merchant="acme",
        world="test",
        account="rapyd",
        adapter="rapyd",
        reference="A-1",
        lines=[ordered_line()],
        customer=None,
        shipping_address=None,
        metadata={},
        notes=None,
        tax_percent=None,
        expires_at=None,
        currency="USD",
        expected_total=20000,
        extensions={},
        notices=[],
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=seen or provider_order(),
        synced_at=NOON,
    )
    return msgspec.structs.replace(record, **changes)


def account(name: str = "revkeen", adapter: str = "revkeen", **changes: Any) -> Account:
    """A sandbox account that is open to everybody."""
    made = Account(
        name=name,
        adapter=installed_adapter(adapter),
        environment="sandbox",
        base_url="https://api.example.test/v2",
        settings=None,
    )
    return msgspec.structs.replace(made, **changes)
