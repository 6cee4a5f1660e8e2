"""Notices tell what is so now: after a create, after every change, after an erasure."""

from typing import Any

import pytest
from tests.scenarios.shop import CUSTOMER, Shop, body_of

at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
at_revkeen = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)


def kept(order: dict[str, Any]) -> list[str]:
    """The fields that the provider has no place for."""
    return [notice["pointer"] for notice in order["notices"] if notice["kind"] == "kept"]


async def changed(shop: Shop, order: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The order as the change answers it, and as it is read afterwards."""
    after = body_of(await shop.update(order, **body), 200)
    assert (await shop.read(order))["notices"] == after["notices"]
    return after


@at_rapyd
async def test_notes_that_are_changed_and_cleared(shop: Shop) -> None:
    """Rapyd keeps no notes: a change says so, beside what it does keep or alone, and clearing them ends it."""
    order = await shop.order()
    assert kept(order) == []

    alone = await changed(shop, order, notes="Ring twice")
    assert kept(alone) == ["/notes"]
    beside = await changed(shop, order, notes="Ring once", metadata={"colour": "red"})
    assert kept(beside) == ["/notes"]
    other = await changed(shop, order, metadata={"colour": "blue"})
    assert kept(other) == ["/notes"]
    cleared = await changed(shop, order, notes=None)
    assert kept(cleared) == []
    assert cleared["notes"] is None


async def test_email_that_is_changed(shop: Shop) -> None:
    """No provider takes an email with a change; what else was told stays."""
    order = await shop.order(
        line_items=[{"description": "Desk", "quantity": 1, "unit_amount": 5, "sku": "DESK-1"}]
    )

    after = await changed(shop, order, customer={"email": "anna@example.com"})

    assert kept(after) == ["/customer/email"]
    assert [each for each in after["notices"] if each["kind"] != "kept"] == order["notices"]


@at_revkeen
async def test_email_that_is_cleared(shop: Shop) -> None:
    """An order without its customer has no email that is kept."""
    order = await shop.order(customer={"id": CUSTOMER, "email": "anna@example.com"})
    assert kept(order) == ["/customer/email"]

    named = await changed(shop, order, customer={"id": CUSTOMER})
    assert kept(named) == ["/customer/email"]
    assert kept(await changed(shop, order, customer=None)) == []


@at_revkeen
async def test_notes_that_the_provider_takes(shop: Shop) -> None:
    """What the provider takes makes no notice."""
    assert kept(await changed(shop, await shop.order(), notes="Ring twice")) == []
