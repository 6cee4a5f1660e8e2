"""Builders for what the domain passes around: right by default, each field open to change."""

from typing import Any

import msgspec
from tests.builders import NOON, provider_order

from ordergate.domain.assembly import OrderedLine, OrderRecord
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.registry import installed_adapter


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
