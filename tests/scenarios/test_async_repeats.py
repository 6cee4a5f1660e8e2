"""A key whose write was not applied may be repeated by a caller that prefers not to wait."""

import pytest
from tests.scenarios.shop import Shop, body_of, problem_of


@pytest.mark.parametrize("prefer", ["respond-async, wait=5", "respond-async"])
async def test_repeat_that_does_not_wait_is_the_next_attempt(shop: Shop, prefer: str) -> None:
    """It is sent again like any other repeat; it was refused for ever as overloaded."""
    shop.emulator.faults({"match": {"method": "POST", "path": "/orders"}, "do": "rate_limit", "times": 1})
    problem = problem_of(await shop.create(key="once"), 503, "provider_rate_limited")

    answer = await shop.create(key="once", headers={"Prefer": prefer})

    assert answer.status_code in {201, 202}, answer.text
    order = body_of(await shop.create(key="once"), 201)
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["order"]) == ("succeeded", order["id"])
    assert len(operation["attempts"]) == 2
    assert len(shop.emulator.orders) == 1
