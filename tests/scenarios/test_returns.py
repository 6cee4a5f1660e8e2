"""No more comes back than was ordered, whoever returned the rest; Rapyd need not check that (docs, Create a Return)."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.scenarios import portal
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, body_of, pointers, problem_of, product, shipping, verdict

at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
either_form = pytest.mark.parametrize("returns_element", ["items", "returns"])

LINES = [
    product(quantity=10, unit_amount=1000),
    product(sku="DESK-1", unit_amount=90000),
    shipping(unit_amount=500),
]
"""Ten chairs for 10.00 each, a desk for 900.00, and shipping for 5.00."""


def some(order: dict[str, Any], line: int, quantity: int) -> dict[str, Any]:
    """So many of one of the order's lines."""
    return {"line_item_id": order["line_items"][line]["id"], "quantity": quantity}


def returned_there(shop: Shop) -> Counter[str]:
    """How many of each product have come back at Rapyd."""
    returned: Counter[str] = Counter()
    for made in shop.emulator.state()["returns"]:
        for item in made["items"]:
            returned[item["parent"]] += item["quantity"]
    return returned


async def paid(shop: Shop, **switches: Any) -> dict[str, Any]:
    """The paid order at a Rapyd that leaves every check to its merchant."""
    shop.emulator.switch(check_return_quantities=False, **switches)
    return await shop.paid_order(line_items=LINES)


@at_rapyd
async def test_line_named_twice_counts_twice(shop: Shop) -> None:
    """Entries of one line add up: in the return that is made, and in what is left afterwards."""
    order = await paid(shop)

    made = body_of(await shop.give_back(order, lines=[some(order, 0, 8), some(order, 0, 1)]), 201)

    assert (made["lines"], made["amount"]) == ([some(order, 0, 9)], 9000)
    problem = problem_of(await shop.give_back(order, lines=[some(order, 0, 2)]), 422, "invalid_request")
    assert (pointers(problem), verdict(problem)[0]) == (["/lines/0/quantity"], "no")
    assert "Only 1 " in problem["detail"]
    problem = await shop.give_back(order, lines=[some(order, 0, 1), some(order, 1, 1), some(order, 0, 1)])
    assert pointers(problem_of(problem, 422, "invalid_request")) == ["/lines/2/quantity"]
    body_of(await shop.give_back(order, lines=[some(order, 0, 1)]), 201)
    assert returned_there(shop) == {shop.emulator.products[0]: 10}


@at_rapyd
@either_form
async def test_returns_made_at_the_provider_count(shop: Shop, returns_element: str) -> None:
    """What was returned in Rapyd's own portal is not left to return, in either form that Rapyd's answers have."""
    order = await paid(shop, returns_element=returns_element)
    body_of(await shop.give_back(order, lines=[some(order, 0, 3)]), 201)
    portal.take_back(
        shop.emulator,
        order,
        portal.goods(shop.emulator, quantity=4),
        {"type": "shipping", "amount": 5, "quantity": 1, "currency": "USD"},
    )

    problem = problem_of(await shop.give_back(order, lines=[some(order, 0, 4)]), 422, "invalid_request")
    assert "Only 3 " in problem["detail"]
    problem = await shop.give_back(order, lines=[some(order, 0, 1)], shipping=True)
    assert pointers(problem_of(problem, 422, "invalid_request")) == ["/shipping"]
    body_of(await shop.give_back(order, lines=[some(order, 0, 3), some(order, 1, 1)]), 201)
    assert returned_there(shop)[shop.emulator.products[0]] == 10
    assert (await shop.read(order, refresh=True))["status"] == "refunded"


@at_rapyd
async def test_lines_of_one_product_share_what_came_back_there(shop: Shop) -> None:
    """A return at Rapyd names a product: it is taken from all lines of that product together."""
    shop.emulator.switch(check_return_quantities=False)
    lines = [product(quantity=2, unit_amount=1000), product(quantity=3, unit_amount=1000), shipping()]
    order = await shop.paid_order(line_items=lines)
    portal.take_back(shop.emulator, order, portal.goods(shop.emulator, quantity=3))

    problem = await shop.give_back(order, lines=[some(order, 0, 1), some(order, 1, 2)])
    assert pointers(problem_of(problem, 422, "invalid_request")) == ["/lines/1/quantity"]
    body_of(await shop.give_back(order, lines=[some(order, 0, 1), some(order, 1, 1)]), 201)
    assert returned_there(shop) == {shop.emulator.products[0]: 5}


@at_rapyd
async def test_refund_that_no_goods_account_for(shop: Shop) -> None:
    """Money that went back without goods may stand for any goods: no return is made, and it says where to."""
    order = await paid(shop)
    body_of(await shop.give_back(order, lines=[some(order, 0, 1)]), 201)
    shop.emulator.act(order["provider_order_id"], "refund", amount=700)
    before = len(shop.emulator.state()["returns"])

    problem = problem_of(await shop.give_back(order, lines=[some(order, 0, 1)]), 409, "invalid_state")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    for word in ("1700", "1000", "portal"):
        assert word in problem["detail"]
    assert len(shop.emulator.state()["returns"]) == before


@at_rapyd
async def test_no_more_goes_back_than_was_paid(shop: Shop) -> None:
    """Goods that came back for more than they cost leave less to give back for the others."""
    order = await paid(shop)
    portal.take_back(shop.emulator, order, portal.goods(shop.emulator, amount=1000))

    problem = problem_of(await shop.give_back(order, lines=[some(order, 1, 1)]), 409, "invalid_state")

    assert "500" in problem["detail"]
    assert verdict(problem)[0] == "no"


@at_rapyd
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_returns_at_once(open_another: OpenShop, store: str, request: pytest.FixtureRequest) -> None:
    """Of returns at the same time, so many are made as there are goods left; the others are refused, or wait."""
    url = request.getfixturevalue("postgresql_url") if store == "postgresql" else None
    shop = await open_another(store=url)
    order = await paid(shop)

    answers = await asyncio.gather(
        *(shop.give_back(order, lines=[some(order, 0, 4)], key=f"back-{number}") for number in range(6))
    )
    while any(answer.status_code == 409 for answer in answers):
        answers = [
            await shop.give_back(order, lines=[some(order, 0, 4)], key=f"back-{number}")
            for number in range(len(answers))
        ]

    assert sorted(answer.status_code for answer in answers) == [201, 201, 422, 422, 422, 422]
    assert returned_there(shop) == {shop.emulator.products[0]: 8}
    returns = (await shop.read(order))["returns"]
    assert [made["amount"] for made in returns] == [4000, 4000]


@at_rapyd
@pytest.mark.parametrize("at", ["before", "after"])
async def test_lost_return_is_told_from_one_made_there(open_another: OpenShop, at: str) -> None:
    """A return of the same amount that was made at Rapyd is not taken for one whose answer was lost."""
    shop = await open_another(
        account={"settling_time": 0.2}, recovery={"closed_settling": 0.1}, recovers=True
    )
    order = await paid(shop)
    portal.take_back(shop.emulator, order, portal.goods(shop.emulator, quantity=2))
    path = f"/v1/orders/{order['provider_order_id']}/returns"
    shop.emulator.faults({"match": {"method": "POST", "path": path}, "at": at, "do": "drop", "times": 1})

    answer = await shop.give_back(order, lines=[some(order, 0, 2)], key="back")
    if at == "before":
        problem = problem_of(answer, 503, "provider_unavailable")
        assert problem["outcome"] == "not_applied"
        answer = await shop.give_back(order, lines=[some(order, 0, 2)], key="back")
    made = body_of(answer, 201)

    assert made["amount"] == 2000
    assert returned_there(shop) == {shop.emulator.products[0]: 4}


@at_rapyd
@pytest.mark.parametrize("what", ["tax", "coupon", "both"])
async def test_order_with_tax_or_coupon_that_the_answers_do_not_show(shop: Shop, what: str) -> None:
    """Whether an order has tax or a coupon is what was ordered, whatever the answers leave out."""
    shop.emulator.switch(
        check_return_quantities=False, tax_and_discount_lines=False, coupon_in_response=False
    )
    coupon = next(row["id"] for row in shop.emulator.catalog["coupons"] if row["percent_off"] == 10)
    wanted: dict[str, Any] = {}
    if what != "coupon":
        wanted["tax_percent"] = (
            "11.1111"  # a tenth off, and about a ninth on: nothing is left of either in the total
        )
    if what != "tax":
        wanted["extensions"] = {"rapyd": {"coupon": coupon}}
    order = await shop.paid_order(line_items=LINES[:1], **wanted)

    problem = await shop.give_back(order, lines=[some(order, 0, 1)])

    assert verdict(problem_of(problem, 422, "unsupported_operation"))[0] == "no"
    assert shop.emulator.state()["returns"] == []


@at_rapyd
@pytest.mark.parametrize("named", [True, False])
async def test_tax_beside_a_coupon_is_not_guessed(shop: Shop, named: bool) -> None:
    """Without items that tell, discount and tax are null, and their lines', too; the coupon is what was sent."""
    shop.emulator.switch(tax_and_discount_lines=False, coupon_in_response=named)
    coupon = next(row["id"] for row in shop.emulator.catalog["coupons"] if row["percent_off"] == 10)
    wanted = {"tax_percent": "19", "extensions": {"rapyd": {"coupon": coupon}}}

    order = await shop.order(line_items=LINES[:1], **wanted)

    body_of(await shop.update(order, metadata={"gift": True}), 200)
    for told in (order, await shop.read(order), await shop.read(order, refresh=True)):
        assert (told["total"], told["discount"], told["tax"]) == (10710, None, None)
        assert told["extensions"]["rapyd"]["coupon"] == coupon
        assert told["line_items"][0]["tax"] is None


@at_rapyd
async def test_coupon_that_a_change_set_is_shown(shop: Shop) -> None:
    """The coupon of a PATCH takes the place of the one that was ordered."""
    shop.emulator.switch(tax_and_discount_lines=False, coupon_in_response=False)
    tenth, five = (
        next(row["id"] for row in shop.emulator.catalog["coupons"] if row[name] == value)
        for name, value in (("percent_off", 10), ("amount_off", 500))
    )
    order = await shop.order(line_items=LINES[:1], extensions={"rapyd": {"coupon": tenth}})
    assert (order["discount"], order["tax"], order["total"]) == (1000, 0, 9000)

    changed = body_of(await shop.update(order, extensions={"rapyd": {"coupon": five}}), 200)

    for told in (changed, await shop.read(order, refresh=True)):
        assert (told["discount"], told["tax"], told["total"]) == (500, 0, 9500)
        assert told["extensions"]["rapyd"]["coupon"] == five


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
async def test_line_is_handed_over_once(shop: Shop) -> None:
    """A line that is named twice is handed over once, and not again."""
    order = await shop.paid_order(line_items=[product(), product(sku="DESK-1")])
    chair = order["line_items"][0]["id"]

    done = body_of(await shop.fulfill(order, line_item_ids=[chair, chair]), 200)

    assert [row["line_item_ids"] for row in done["fulfillments"]] == [[chair]]
    problem = problem_of(await shop.fulfill(order, line_item_ids=[chair]), 422, "invalid_request")
    assert (pointers(problem), verdict(problem)[0]) == (["/line_item_ids/0"], "no")


@at_rapyd
async def test_fulfilment_after_a_return_is_not_sent(shop: Shop) -> None:
    """Rapyd fulfills no order of which goods came back: that is said before anything is sent."""
    order = await paid(shop)
    body_of(await shop.give_back(order, lines=[some(order, 0, 1)]), 201)

    problem = problem_of(await shop.fulfill(order), 409, "invalid_state")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert "were returned" in problem["detail"]


@at_rapyd
async def test_fulfilment_is_not_repeated_after_a_return(shop: Shop) -> None:
    """That goods were handed over is known, though the status tells of the refund alone."""
    order = await paid(shop)
    body_of(await shop.fulfill(order), 200)
    body_of(await shop.give_back(order, lines=[some(order, 0, 1)]), 201)

    problem = problem_of(await shop.fulfill(order), 409, "invalid_state")

    assert "fulfilled" in problem["detail"]
    assert verdict(problem)[0] == "no"
