"""Where new orders go: rules, weights, and the next account where nothing can have happened at the first."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests import journals
from tests.journals import Run
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import Emulator, Shop, body_of, free_port, problem_of, verdict

from ordergate.gateway.links.missing_links import missing_links
from ordergate.gateway.operating.switch_check import check_switch
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.transaction import Transaction

WRITE = {"method": "POST"}


@pytest.fixture
def provider() -> str:
    """The account that takes over."""
    return "revkeen"


def _dead(name: str = "rapyd") -> dict[str, Any]:
    """An account where nobody listens."""
    return {
        "adapter": name,
        "environment": "emulator",
        "base_url": f"http://127.0.0.1:{free_port()}",
        "access_key": "k",
        "secret_key": "s",
    }


def _draft(shop: Shop, **changes: Any) -> dict[str, Any]:
    draft = shop.draft(**changes)
    del draft["account"]
    return draft


async def _linked(shop: Shop, account: str) -> None:
    """Link the merchant's ids at one more account."""
    await shop.call("PUT", "/v1/links/customers/cust-42", json={account: "cus_x"})
    await shop.call("PUT", "/v1/links/products/CHAIR-1", json={account: "sku_x"})


async def test_next_account_where_the_connection_is_not_made(open_another: OpenShop) -> None:
    """An order whose first account cannot be reached is made at the second, once, and its record says so."""
    shop = await open_another(
        more_accounts={"dead": _dead()}, routing={"default": ["dead", "revkeen"]}, recovers=True
    )
    await _linked(shop, "dead")

    answer = await shop.create(_draft(shop), key="once")

    order = body_of(answer, 201)
    assert (order["account"], answer.headers["ordergate-account"]) == ("revkeen", "revkeen")
    (operation,) = await shop.operations()
    assert [(hop["account"], hop["sent"]) for hop in operation["attempts"]] == [
        ("dead", "no"),
        ("revkeen", "yes"),
    ]
    assert operation["account"] == "revkeen"
    assert (await shop.create(_draft(shop), key="once")).content == answer.content
    assert len(shop.emulator.orders) == 1


async def test_no_other_account_for_an_order_with_an_id_of_one_provider(open_another: OpenShop) -> None:
    """An id of one provider's own means nothing at the next: the order may be repeated, and is not sent there."""
    shop = await open_another(more_accounts={"dead": _dead()}, routing={"default": ["dead", "revkeen"]})
    await _linked(shop, "dead")
    draft = {**_draft(shop), "customer": {"id": "provider:cus_of_rapyd"}}

    problem = problem_of(await shop.create(draft, key="once"), 503, "provider_unavailable")

    assert (problem["outcome"], problem["retry"]) == ("not_applied", "same_key")
    assert shop.emulator.orders == []


@pytest.mark.parametrize("begun_by", ["the process that accepted it", "recovery"])
async def test_next_account_for_an_accepted_order(
    open_another: OpenShop, monkeypatch: pytest.MonkeyPatch, begun_by: str
) -> None:
    """An order that was accepted goes on to the next account too, whoever begins it."""
    shop = await open_another(
        more_accounts={"dead": _dead()}, routing={"default": ["dead", "revkeen"]}, recovers=True
    )
    await _linked(shop, "dead")
    if begun_by == "recovery":
        attempts = iter([JournalUnavailableError("for a moment")])

        async def begin_after_a_failure(run: Run, transaction: Transaction[bool]) -> bool:
            for error in attempts:
                raise error
            return bool(await run(transaction))

        journals.replace(monkeypatch, shop.journal, "operations.start_attempt", begin_after_a_failure)

    accepted = body_of(await shop.create(_draft(shop), key="once", headers={"Prefer": "respond-async"}), 202)
    operation = await shop.settled(accepted["id"])

    assert [(hop["account"], hop["sent"]) for hop in operation["attempts"]] == [
        ("dead", "no"),
        ("revkeen", "yes"),
    ]
    order = body_of(await shop.create(_draft(shop), key="once"), 201)
    assert (order["id"], order["account"]) == (accepted["order"], "revkeen")
    assert [seen["metadata"]["ordergate_operation"] for seen in shop.emulator.orders] == [accepted["id"]]


async def test_accepted_order_with_no_account_left(open_another: OpenShop) -> None:
    """Where no account can be reached, an accepted order was not made, and a repeat of its key tries again."""
    shop = await open_another(
        more_accounts={"dead": _dead(), "dead-too": _dead()},
        routing={"default": ["dead", "dead-too"]},
        recovers=True,
    )
    await _linked(shop, "dead")
    await _linked(shop, "dead-too")

    accepted = body_of(await shop.create(_draft(shop), key="once", headers={"Prefer": "respond-async"}), 202)
    operation = await shop.settled(accepted["id"])

    assert (operation["outcome"], operation["problem"]) == ("not_applied", "provider_unavailable")
    assert [hop["account"] for hop in operation["attempts"]] == ["dead", "dead-too"]
    problem_of(await shop.create(_draft(shop), key="once"), 503, "provider_unavailable")


async def test_next_account_that_would_refuse_is_passed_over(open_another: OpenShop) -> None:
    """Where the next account's adapter cannot carry the draft, the first one's failure is the answer, and settled."""
    shop = await open_another(more_accounts={"dead": _dead()}, routing={"default": ["dead", "revkeen"]})
    await _linked(shop, "dead")

    problem = problem_of(
        await shop.create(_draft(shop, currency="JPY"), key="once"), 503, "provider_unavailable"
    )

    assert verdict(problem) == ("no", "not_applied", "same_key")
    assert (await shop.operation(problem["operation"]))["state"] == "failed"
    assert shop.emulator.requests == 0


async def test_next_account_where_the_rate_limit_refused(
    open_another: OpenShop, emulators: dict[str, Emulator]
) -> None:
    """A provider's 429 did nothing, so the order goes on to the next account."""
    shop = await open_another(routing={"default": ["rapyd", "revkeen"]})
    emulators["rapyd"].faults({"match": WRITE, "do": "rate_limit"})

    order = body_of(await shop.create(_draft(shop)), 201)

    assert order["account"] == "revkeen"
    assert emulators["rapyd"].orders == []


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "status", "status": 500, "at": "before"},
        {"do": "drop", "at": "after"},
        {"do": "drop", "at": "before"},
        {"do": "truncate", "at": "after"},
    ],
    ids=["500", "lost after", "lost before", "truncated"],
)
async def test_no_second_account_where_something_may_have_happened(
    open_another: OpenShop, emulators: dict[str, Emulator], fault: dict[str, Any]
) -> None:
    """What may have been applied is unknown, and is never sent anywhere else."""
    shop = await open_another(routing={"default": ["rapyd", "revkeen"]}, server={"idempotency_wait": 0})
    emulators["rapyd"].faults({**fault, "match": WRITE})

    problem = problem_of(await shop.create(_draft(shop)), 504, "outcome_unknown")

    assert verdict(problem) == ("maybe", "unknown", "same_key")
    assert emulators["revkeen"].requests == 0


async def test_no_second_account_for_a_refusal(
    open_another: OpenShop, emulators: dict[str, Emulator]
) -> None:
    """What the first provider refuses is the answer, though another one might take it."""
    shop = await open_another(routing={"default": ["rapyd", "revkeen"]})
    await shop.call("PUT", "/v1/links/customers/nobody", json={"rapyd": "cus_nobody", "revkeen": "0" * 8})

    draft = _draft(shop, customer={"id": "nobody"})
    problem = problem_of(await shop.create(draft), 422, "provider_rejected")

    assert problem["provider"]["account"] == "rapyd"
    assert emulators["revkeen"].requests == 0


async def test_open_breaker_sends_nothing(open_another: OpenShop, emulators: dict[str, Emulator]) -> None:
    """After failures in a row an account is not asked at all: new orders go on at once, its own are told to wait."""
    shop = await open_another(
        routing={"default": ["rapyd", "revkeen"]},
        server={"idempotency_wait": 0},
        account={"breaker_failures": 2, "breaker_seconds": 60},
    )
    order = body_of(await shop.create(_draft(shop)), 201)
    assert order["account"] == "rapyd"
    emulators["rapyd"].faults({"match": WRITE, "do": "status", "status": 503})
    for _ in range(2):
        problem_of(await shop.create(_draft(shop)), 504, "outcome_unknown")
    emulators["rapyd"].faults()
    asked = emulators["rapyd"].requests

    assert body_of(await shop.create(_draft(shop)), 201)["account"] == "revkeen"
    waiting = problem_of(await shop.pay(order), 503, "provider_unavailable")
    assert verdict(waiting) == ("no", "not_applied", "same_key")
    assert waiting["retry_after"] > 30
    assert emulators["rapyd"].requests == asked
    health = body_of(await shop.get("/v1/accounts/rapyd"), 200)["health"]
    assert (health["status"], health["breaker"]) == ("down", "open")
    assert "503" in health["reasons"][0]


async def test_own_rate_limit_sends_the_rest_elsewhere(open_another: OpenShop) -> None:
    """Where the configured rate is used up the next order goes to the next account; there is no third to ask."""
    shop = await open_another(routing={"default": ["rapyd", "revkeen"]}, account={"requests_per_minute": 2})

    accounts = [body_of(await shop.create(_draft(shop)), 201)["account"] for _ in range(4)]
    refused = problem_of(await shop.create(_draft(shop), key="late"), 503, "provider_rate_limited")

    assert accounts == ["rapyd", "rapyd", "revkeen", "revkeen"]
    assert verdict(refused) == ("no", "not_applied", "same_key")
    assert 0 < refused["retry_after"] <= 60


async def test_rules_decide(open_another: OpenShop) -> None:
    """The first rule that holds decides, and explain says which and why."""
    shop = await open_another(
        routing={
            "default": ["revkeen"],
            "rules": [
                {"name": "euro", "when": {"currency": ["EUR", "GBP"]}, "use": ["rapyd"]},
                {"name": "large", "when": {"total_gte": 100_000}, "use": ["rapyd", "revkeen"]},
                {"when": {"metadata": {"channel": ["web"]}, "merchant": ["acme"]}, "use": ["rapyd"]},
                {"name": "nobody", "when": {"merchant": ["other"]}, "use": ["rapyd"]},
            ],
        }
    )
    cases = [
        ({}, "default", "revkeen"),
        ({"currency": "GBP"}, "euro", "rapyd"),
        ({"line_items": [{"description": "x", "quantity": 1, "unit_amount": 100_000}]}, "large", "rapyd"),
        ({"metadata": {"channel": "web"}}, "rule-3", "rapyd"),
        ({"metadata": {"channel": "shop"}}, "default", "revkeen"),
    ]
    for changes, rule, account in cases:
        explained = await shop.call("POST", "/v1/routes/explain", json={"order": _draft(shop, **changes)})
        told = body_of(explained, 200)
        assert (told["rule"], told["account"]) == (rule, account), changes
    assert shop.emulator.requests == 0


async def test_weight_is_sticky_and_about_right(open_another: OpenShop) -> None:
    """A tenth of the references goes to the new account, and each reference always the same way."""
    shop = await open_another(
        routing={"default": ["revkeen"], "rules": [{"when": {"weight": 10}, "use": ["rapyd"]}]}
    )

    async def account(number: int) -> str:
        body = {"order": _draft(shop, reference=f"order-{number}")}
        return body_of(await shop.call("POST", "/v1/routes/explain", json=body), 200)["account"]

    first = [await account(number) for number in range(400)]
    assert 20 <= first.count("rapyd") <= 62
    assert [await account(number) for number in range(100)] == first[:100]


async def test_switch_check_before_a_switch(open_another: OpenShop, start: Start) -> None:
    """The switch check names the orders that the other account would refuse, each reason once, and sends nothing."""
    shop = await open_another(routing={"default": ["revkeen"]})
    for _ in range(2):
        await shop.order()
    await shop.call("PUT", "/v1/links/products/ONLY-HERE", json={"revkeen": shop.emulator.products[0]})
    line = {"sku": "ONLY-HERE", "description": "x", "quantity": 1, "unit_amount": 100}
    await shop.order(line_items=[line])
    await shop.order(line_items=[{"description": "no sku", "quantity": 1, "unit_amount": 100}])
    await shop.order(customer={"id": f"provider:{shop.emulator.customer}"})
    requests = shop.emulator.requests
    gateway = shop.gateway
    assert gateway is not None
    since = gateway.clock() - timedelta(days=1)
    target = gateway.configuration.accounts["rapyd"]
    checked = await check_switch(gateway, target, source=None, merchant=None, since=since)
    lacking = await missing_links(gateway.journal, target, merchant=None, since=since)
    assert (checked.orders, checked.passing) == (5, 2)
    assert [(each.id, each.orders) for each in lacking.missing] == [("ONLY-HERE", 1)]

    check = start("switch-check", "--to", "rapyd", "--days", "1", "--json", "--config", str(shop.config))

    told = json.loads(check.line())
    assert check.process.wait(30) == 1
    assert (told["orders"], told["passing"]) == (5, 2)
    reasons = {(each["code"], each["pointer"]): each["orders"] for each in told["refused"]}
    assert reasons == {
        ("link_missing", "/line_items/*/sku"): 1,
        ("link_missing", "/customer/id"): 1,
        ("invalid_request", "/line_items/*/sku"): 1,
    }
    assert told["staying"]["revkeen"]["open_orders"] == 5
    assert (told["peak_per_minute"] >= 1, told["limit_per_minute"]) == (True, None)
    assert shop.emulator.requests == requests

    back = start("switch-check", "--to", "revkeen", "--config", str(shop.config))
    assert back.process.wait(30) == 0
    same = start("switch-check", "--to", "revkeen", "--from", "revkeen", "--config", str(shop.config))
    assert same.process.wait(30) == 2
