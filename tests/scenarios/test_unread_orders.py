"""A change whose order cannot be read first is not sent, and says so."""

from typing import Any

import pytest
from tests.scenarios.shop import Shop, problem_of, verdict

FAULTS: list[dict[str, Any]] = [
    {"at": "after", "do": "drop"},
    {"at": "after", "do": "truncate"},
    {"at": "before", "do": "html"},
    {"at": "before", "do": "status", "status": 500},
    {"at": "before", "do": "rate_limit"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["do"])
@pytest.mark.parametrize("operation", ["pay", "update", "cancel"])
async def test_write_whose_reading_failed_was_not_sent(
    shop: Shop, operation: str, fault: dict[str, Any]
) -> None:
    """What the provider heard was a reading: of the write nothing has left."""
    order = await shop.order()
    shop.emulator.faults({"match": {"method": "GET"}, **fault})
    before = shop.emulator.orders
    write = {
        "pay": lambda: shop.pay(order),
        "update": lambda: shop.update(order, metadata={"a": 1}),
        "cancel": lambda: shop.cancel(order),
    }[operation]

    answer = await write()

    problem = problem_of(answer, answer.status_code, answer.json()["code"])
    assert answer.status_code in {502, 503, 504}
    assert verdict(problem) == ("no", "not_applied", "same_key")
    assert shop.emulator.orders == before
