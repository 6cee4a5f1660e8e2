"""A repeat that does not want to wait, of a write that was not applied."""

from tests.scenarios.shop import Shop, body_of, eventually, problem_of

ASYNC = {"Prefer": "respond-async"}


async def test_a_repeat_without_waiting_is_sent_again(shop: Shop) -> None:
    """What was not applied is sent again by a repeat of its key, whether its caller waits or not."""
    rule = {"match": {"method": "POST", "path": "*/orders"}, "at": "before", "do": "rate_limit"}
    shop.emulator.faults(rule)
    first = problem_of(await shop.create(key="once"), 503, "provider_rate_limited")
    shop.emulator.faults()

    repeat = await shop.create(key="once", headers=ASYNC)

    assert repeat.status_code in {201, 202}, repeat.text
    await eventually(lambda: len(shop.emulator.orders) == 1)
    operation = await shop.operation(first["operation"])
    assert len(operation["attempts"]) == 2
    again = body_of(await shop.create(key="once"), 201)
    assert again["provider_order_id"] == shop.emulator.orders[0]["id"]
