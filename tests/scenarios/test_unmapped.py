"""Error codes that nobody has mapped: counted, and never believed where money moves."""

from .shop import Shop, body_of, problem_of

PAY = {"method": "POST", "path": "*/pay"}
CREATE = {"method": "POST", "path": "/orders"}


async def counted(shop: Shop) -> str:
    """What the gateway says that it has counted."""
    return (await shop.client.get(f"{shop.url}/metrics")).text


async def test_unmapped_refusal_of_a_create_is_refused_and_counted(shop: Shop) -> None:
    """A refusal without a code is provider_rejected, and the counter names account and operation."""
    shop.emulator.faults({"match": CREATE, "do": "html", "status": 400})

    problem = problem_of(await shop.create(shop.draft()), 422, "provider_rejected")

    assert problem["outcome"] == "not_applied"
    line = f'account="{shop.account}",code="none",operation="create"'
    assert f"ordergate_unmapped_provider_errors_total{{{line}}} 1.0" in await counted(shop)


async def test_unmapped_refusal_of_a_pay_is_believed_once_the_order_shows_nothing(shop: Shop) -> None:
    """The order is read again: nothing was paid, so the payment may be tried under a new key."""
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "do": "html", "status": 400})

    problem = problem_of(await shop.pay(order), 422, "provider_rejected")

    assert (problem["outcome"], problem["retry"]) == ("not_applied", "new_key")
    assert 'operation="pay"' in await counted(shop)
    shop.emulator.faults()
    assert body_of(await shop.pay(order, key="another"), 200)["payment_status"] in {"paid", "pending"}


async def test_unmapped_refusal_of_a_pay_that_acted_is_unknown(shop: Shop) -> None:
    """The order is read again: money moved, so nobody is told that nothing happened."""
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "do": "html", "status": 400, "at": "after"})

    problem = problem_of(await shop.pay(order), 504, "outcome_unknown")

    assert (problem["outcome"], problem["sent"]) == ("unknown", "maybe")
    operation = body_of(await shop.get(f"/v1/operations/{problem['operation']}"), 200)
    assert operation["state"] == "unknown"
