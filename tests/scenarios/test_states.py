"""The table operation x status x provider: every cell is tried for real."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.scenarios.shop import Shop, body_of, problem_of

NOT_HERE = "invalid_state, not sent"
NOT_THERE = "invalid_state, refused there"
REJECTED = "provider_rejected, refused there"
LACKING = "unsupported_operation, not sent"

EXPECTED: dict[str, dict[str, dict[str, str]]] = {
    "revkeen": {
        "open": {
            "update": "open",
            "pay": "paid",
            "cancel": "canceled",
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
        "pending": {
            "update": "pending",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
        "partially_paid": {
            "update": "partially_paid",
            "pay": "paid",
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
        "paid": {
            "update": "paid",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": "fulfilled",
            "return": LACKING,
        },
        "fulfilled": {
            "update": REJECTED,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
        "partially_refunded": {
            "update": "partially_refunded",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": "partially_refunded",
            "return": LACKING,
        },
        "refunded": {
            "update": NOT_HERE,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
        "canceled": {
            "update": NOT_HERE,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": LACKING,
        },
    },
    "rapyd": {
        "open": {
            "update": "open",
            "pay": "pending",
            "cancel": "canceled",
            "fulfill": NOT_HERE,
            "return": NOT_HERE,
        },
        "pending": {
            "update": "pending",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": NOT_HERE,
        },
        "paid": {
            "update": "paid",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": "fulfilled",
            "return": "partially_refunded",
        },
        "fulfilled": {
            "update": "fulfilled",
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": "partially_refunded",
        },
        "partially_refunded": {
            "update": NOT_THERE,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": "partially_refunded",
        },
        "refunded": {
            "update": NOT_HERE,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": NOT_HERE,
        },
        "canceled": {
            "update": NOT_HERE,
            "pay": NOT_HERE,
            "cancel": NOT_HERE,
            "fulfill": NOT_HERE,
            "return": NOT_HERE,
        },
    },
}
"""By provider and status: what each operation comes to, a status or a refusal. Rapyd is never partly paid."""

CELLS = [
    pytest.param(provider, status, operation, id=f"{provider}-{status}-{operation}")
    for provider, statuses in EXPECTED.items()
    for status, operations in statuses.items()
    for operation in operations
]


def one_chair(order: dict[str, Any]) -> dict[str, Any]:
    return {"lines": [{"line_item_id": order["line_items"][0]["id"], "quantity": 1}]}


async def _pending(shop: Shop) -> dict[str, Any]:
    wanted = {"revkeen": {"outcome": "pending"}, "rapyd": {"behaviour": "3ds"}}[shop.account]
    order = await shop.order()
    method = shop.emulator.payment_method(**wanted)
    return body_of(await shop.pay(order, payment_method=f"provider:{method}"), 200)


async def _partially_paid(shop: Shop) -> dict[str, Any]:
    return body_of(await shop.pay(await shop.order(), amount=10000), 200)


async def _fulfilled(shop: Shop) -> dict[str, Any]:
    return body_of(await shop.fulfill(await shop.paid_order()), 200)


async def _partially_refunded(shop: Shop) -> dict[str, Any]:
    order = await shop.paid_order()
    if shop.account == "rapyd":
        body_of(await shop.give_back(order, lines=one_chair(order)["lines"]), 201)
    else:
        shop.emulator.act(order["provider_order_id"], "refund", amount=1000)
    return order


async def _refunded(shop: Shop) -> dict[str, Any]:
    order = await shop.paid_order()
    if shop.account == "rapyd":
        whole = [{"line_item_id": order["line_items"][0]["id"], "quantity": 2}]
        body_of(await shop.give_back(order, lines=whole, shipping=True), 201)
    else:
        shop.emulator.act(order["provider_order_id"], "refund")
    return order


async def _canceled(shop: Shop) -> dict[str, Any]:
    return body_of(await shop.cancel(await shop.order()), 200)


BRING: dict[str, Callable[[Shop], Awaitable[dict[str, Any]]]] = {
    "open": Shop.order,
    "pending": _pending,
    "partially_paid": _partially_paid,
    "paid": Shop.paid_order,
    "fulfilled": _fulfilled,
    "partially_refunded": _partially_refunded,
    "refunded": _refunded,
    "canceled": _canceled,
}
"""How an order comes to each status."""

TRY: dict[str, Callable[[Shop, dict[str, Any]], Awaitable[httpx.Response]]] = {
    "update": lambda shop, order: shop.update(order, metadata={"tried": True}),
    "pay": lambda shop, order: shop.pay(order),
    "cancel": lambda shop, order: shop.cancel(order),
    "fulfill": lambda shop, order: shop.fulfill(order),
    "return": lambda shop, order: shop.give_back(order, **one_chair(order)),
}
"""How each operation is tried."""


@pytest.mark.parametrize(("provider", "status", "operation"), CELLS, indirect=["provider"])
async def test_operation_in_status(shop: Shop, status: str, operation: str) -> None:
    """The operation comes to what the table says; a refusal changes nothing, here or there."""
    order = await BRING[status](shop)
    before = await shop.read(order, refresh=True)
    assert (before["status"], before["review_reasons"]) == (status, [])
    there = shop.emulator.orders
    wanted = EXPECTED[shop.account][status][operation]

    answer = await TRY[operation](shop, order)

    if answer.status_code < 300:
        after = await shop.read(order)
        assert (after["status"], after["review_reasons"]) == (wanted, [])
        assert after == await shop.read(order, refresh=True) | {"synced_at": after["synced_at"]}
        return
    code, _, by_whom = wanted.partition(", ")
    problem = problem_of(answer, answer.status_code, code)
    assert problem["sent"] == {"not sent": "no", "refused there": "yes"}[by_whom]
    assert problem["outcome"] == "not_applied"
    assert shop.emulator.orders == there
    after = await shop.read(order, refresh=True)
    assert {**after, "synced_at": None} == {**before, "synced_at": None}


def test_the_table_is_whole() -> None:
    """Each provider has a row for every status that it reaches, and each row all operations."""
    every = set(BRING)

    assert {"revkeen": every, "rapyd": every - {"partially_paid"}} == {
        provider: set(statuses) for provider, statuses in EXPECTED.items()
    }
    assert all(row.keys() == TRY.keys() for statuses in EXPECTED.values() for row in statuses.values())
