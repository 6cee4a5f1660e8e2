"""Orders that cost nothing: paid without money, and handed over, whatever the provider takes payments of."""

from typing import Any

import pytest
from tests.scenarios.shop import Shop, body_of, problem_of, product, shipping

at_revkeen = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
either_answer = pytest.mark.parametrize("zero_total_pay", ["settle", "refuse"])

FREE = [product(unit_amount=0), shipping(unit_amount=0)]


async def free_order(shop: Shop) -> dict[str, Any]:
    """An order of two free lines."""
    order = await shop.order(line_items=FREE)
    assert (order["total"], order["status"], order["payment_status"]) == (0, "open", "unpaid")
    return order


@at_revkeen
@either_answer
async def test_order_that_costs_nothing_is_paid_and_handed_over(shop: Shop, zero_total_pay: str) -> None:
    """It is paid by the provider, or here where the provider takes no payment of zero; no money moves."""
    shop.emulator.switch(zero_total_pay=zero_total_pay)
    order = await free_order(shop)
    by_whom = {"settle": "provider", "refuse": "gateway"}[zero_total_pay]

    paid = body_of(await shop.pay(order, key="pay"), 200)

    assert (paid["status"], paid["payment_status"], paid["amount_paid"]) == ("paid", "paid", 0)
    assert paid["paid_at"] is not None
    assert shop.emulator.state()["payments"] == []
    assert (await shop.operations())[0]["performed_by"] == by_whom
    assert body_of(await shop.pay(order, key="pay"), 200) == paid
    assert (await shop.read(order, refresh=True))["status"] == "paid"
    problem_of(await shop.pay(order), 409, "invalid_state")

    done = body_of(await shop.fulfill(order, tracking_number="1Z1"), 200)

    assert (done["status"], done["fulfillment_status"]) == ("fulfilled", "fulfilled")
    assert done["fulfilled_at"] is not None
    assert [row["tracking_number"] for row in done["fulfillments"]] == ["1Z1"]
    assert (await shop.operations())[0]["performed_by"] == by_whom
    again = await shop.read(order, refresh=True)
    assert (again["status"], again["review_reasons"]) == ("fulfilled", [])
    problem_of(await shop.fulfill(order), 409, "invalid_state")


@at_revkeen
@either_answer
async def test_free_order_is_handed_over_in_parts(shop: Shop, zero_total_pay: str) -> None:
    """Its lines are handed over one by one, each once."""
    shop.emulator.switch(zero_total_pay=zero_total_pay)
    order = await free_order(shop)
    chair, carriage = (line["id"] for line in order["line_items"])
    body_of(await shop.pay(order), 200)

    part = body_of(await shop.fulfill(order, line_item_ids=[chair]), 200)
    assert (part["status"], part["fulfillment_status"]) == ("paid", "partial")
    problem_of(await shop.fulfill(order, line_item_ids=[chair]), 422, "invalid_request")
    whole = body_of(await shop.fulfill(order, line_item_ids=[carriage]), 200)
    assert (whole["status"], whole["fulfillment_status"]) == ("fulfilled", "fulfilled")
    assert [row["line_item_ids"] for row in whole["fulfillments"]] == [[chair], [carriage]]


@at_revkeen
async def test_free_order_is_paid_once_where_the_answer_is_lost(shop: Shop) -> None:
    """A lost answer is looked for like any other; the repeat finds the order paid."""
    order = await free_order(shop)
    path = f"/v2/orders/{order['provider_order_id']}/pay"
    shop.emulator.faults({"match": {"method": "POST", "path": path}, "at": "after", "do": "drop", "times": 1})

    answer = await shop.pay(order, key="pay")

    assert body_of(answer, 200)["status"] == "paid"
    assert shop.emulator.state()["payments"] == []


@at_revkeen
async def test_total_that_is_not_zero_any_more_is_not_paid_here(shop: Shop) -> None:
    """A refusal of a payment that is due stays a refusal."""
    order = await shop.order()
    shop.emulator.switch(decline_status=422)
    declining = shop.emulator.payment_method(outcome="card_declined")

    answer = await shop.pay(order, payment_method=f"provider:{declining}")

    assert answer.status_code in {402, 422}
    assert (await shop.read(order, refresh=True))["payment_status"] == "unpaid"


@at_rapyd
async def test_coupon_that_pays_for_all(shop: Shop) -> None:
    """Where a coupon leaves nothing to pay, the order becomes paid all the same."""
    coupon = next(row["id"] for row in shop.emulator.catalog["coupons"] if row["amount_off"] == 500)
    order = await shop.order(line_items=[product(unit_amount=500)], extensions={"rapyd": {"coupon": coupon}})
    assert order["total"] == 0

    body_of(await shop.pay(order), 200)

    assert (await shop.until_paid(order))["amount_paid"] == 0
    assert body_of(await shop.fulfill(order), 200)["status"] == "fulfilled"
