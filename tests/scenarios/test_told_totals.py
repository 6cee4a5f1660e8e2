"""The total that the merchant was told is the total that is charged, whatever becomes of it at the provider."""

from typing import Any

import pytest
from tests.scenarios import portal
from tests.scenarios.shop import Shop, body_of, pointers, problem_of, product, shipping, verdict

pytestmark = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)

LINES = [product(unit_amount=10000), shipping(unit_amount=500)]


def charged(shop: Shop) -> list[Any]:
    """What Rapyd was asked to charge, in major units."""
    return [payment["original_amount"] for payment in shop.emulator.state()["payments"]]


def coupon(shop: Shop) -> str:
    """A coupon of five off."""
    return next(row["id"] for row in shop.emulator.catalog["coupons"] if row["amount_off"] == 500)


async def refused(shop: Shop, order: dict[str, Any], total: int, told: int | None) -> None:
    """A pay of whatever is due is refused, with both totals, and nothing is charged."""
    problem = problem_of(await shop.pay(order), 409, "amount_mismatch")
    assert (pointers(problem), verdict(problem)) == (["/expected_total"], ("no", "not_applied", "after_fix"))
    assert str(total) in problem["detail"]
    assert told is None or str(told) in problem["detail"]
    assert charged(shop) == []


@pytest.mark.parametrize("ordered", ["plain", "tax", "coupon", "expected"])
async def test_total_that_was_changed_at_the_provider(shop: Shop, ordered: str) -> None:
    """Without expected_total, only the total that was told last is charged; naming the new one confirms it."""
    changes: dict[str, Any] = {
        "plain": {},
        "tax": {"tax_percent": "5"},
        "coupon": {"extensions": {"rapyd": {"coupon": coupon(shop)}}},
        "expected": {"tax_percent": "5", "expected_total": 11025},
    }[ordered]
    order = await shop.order(line_items=LINES, **changes)
    total = {"plain": 12600, "tax": 12600, "coupon": 12000, "expected": 12600}[ordered]

    portal.change(shop.emulator, order, tax_percent=20)

    for _ in range(2):
        await refused(shop, order, total, order["total"])
    paid = body_of(await shop.pay(order, expected_total=total), 200)
    assert (paid["total"], charged(shop)) == (total, [total // 100])


async def test_total_that_was_read_is_told(shop: Shop) -> None:
    """Reading the order tells its total, from the provider or from the journal; an operator's reading does not."""
    order = await shop.order(line_items=LINES, tax_percent="5")
    portal.change(shop.emulator, order, tax_percent=20)
    operator = await shop.another(None)

    assert (await operator.read(order, refresh=True))["total"] == 12600
    await refused(shop, order, 12600, 11025)
    assert (await shop.read(order))["total"] == 12600
    body_of(await shop.pay(order), 200)
    assert charged(shop) == [126]


async def test_total_that_a_change_answered_is_told(shop: Shop) -> None:
    """After a PATCH, the total that it answered is charged, and no later one."""
    order = await shop.order(line_items=LINES, tax_percent="5")

    changed = body_of(await shop.update(order, tax_percent="10"), 200)
    assert changed["total"] == 11550
    portal.change(shop.emulator, order, tax_percent=20)

    await refused(shop, order, 12600, 11550)
    assert body_of(await shop.update(order, metadata={"seen": True}), 200)["total"] == 12600
    body_of(await shop.pay(order), 200)
    assert charged(shop) == [126]


async def test_change_alone_is_told(shop: Shop) -> None:
    """A PATCH that changes the total needs no further word before a pay."""
    order = await shop.order(line_items=LINES)

    body_of(await shop.update(order, tax_percent="10"), 200)

    body_of(await shop.pay(order), 200)
    assert charged(shop) == [115.5]


async def test_total_that_was_accepted_is_not_told(shop: Shop) -> None:
    """A PATCH that was answered 202 has told no total."""
    order = await shop.order(line_items=LINES, tax_percent="5")
    answer = await shop.call(
        "PATCH",
        f"/v1/orders/{order['id']}",
        json={"tax_percent": "10"},
        headers={"Prefer": "respond-async, wait=0"},
    )

    await shop.settled(body_of(answer, 202)["id"])

    await refused(shop, order, 11550, 11025)


async def test_total_that_comes_back_is_the_told_one(shop: Shop) -> None:
    """Where the provider has the told total again, nothing stands against a pay."""
    order = await shop.order(line_items=LINES, tax_percent="5")
    portal.change(shop.emulator, order, tax_percent=20)
    await refused(shop, order, 12600, 11025)

    portal.change(shop.emulator, order, tax_percent=5)

    body_of(await shop.pay(order), 200)
    assert charged(shop) == [110.25]


async def test_total_of_an_import_is_told(shop: Shop) -> None:
    """Importing an order, also one of our own, tells its total."""
    order = await shop.order(line_items=LINES, tax_percent="5")
    portal.change(shop.emulator, order, tax_percent=20)

    assert body_of(await shop.adopt(order["provider_order_id"]), 200)["total"] == 12600

    body_of(await shop.pay(order), 200)
    assert charged(shop) == [126]
