"""What a merchant learns when the provider's answer is lost, late or unreadable: never a guess."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import (
    Emulator,
    Shop,
    body_of,
    eventually,
    free_port,
    plain_client,
    prepare_store,
    problem_of,
    start_emulator,
    verdict,
    write_config,
)

CREATE = {"method": "POST", "path": "/orders"}
PAY = {"method": "POST", "path": "*/pay"}

LOST: dict[str, tuple[dict[str, Any], bool, int | None]] = {
    "dropped after": ({"at": "after", "do": "drop"}, True, None),
    "dropped before": ({"at": "before", "do": "drop"}, False, None),
    "truncated": ({"at": "after", "do": "truncate"}, True, None),
    "truncated error": ({"at": "before", "do": "truncate"}, False, None),
    "late": ({"at": "after", "do": "delay", "seconds": 0.8}, True, None),
    "500 after": ({"at": "after", "do": "status", "status": 500}, True, 500),
    "500 before": ({"at": "before", "do": "status", "status": 500}, False, 500),
    "503 before": ({"at": "before", "do": "status", "status": 503}, False, 503),
    "html after": ({"at": "after", "do": "html"}, True, 502),
    "html before": ({"at": "before", "do": "html", "status": 504}, False, 504),
    "html with 200": ({"at": "after", "do": "html", "status": 200}, True, 200),
}
"""By name: the fault, whether the provider has acted all the same, and the status that we saw of it."""


@pytest.fixture
async def hasty(open_another: OpenShop) -> Shop:
    """A gateway that waits 0.3 s for a provider, and answers what it knows then; nothing looks after it."""
    return await open_another(account={"read_timeout": 0.3}, server={"idempotency_wait": 0})


@pytest.mark.parametrize("name", LOST)
async def test_create_whose_answer_is_lost(hasty: Shop, name: str) -> None:
    """Whatever happens to the answer, the create is unknown: 504, one operation to read, nothing sent again."""
    fault, exists, seen = LOST[name]
    hasty.emulator.faults({**fault, "match": CREATE})

    problem = problem_of(await hasty.create(key="once"), 504, "outcome_unknown")

    assert verdict(problem) == ("maybe", "unknown", "same_key")
    assert problem["fault"] == "provider"
    assert problem["retry_after"] > 0
    operation = await hasty.operation(problem["operation"])
    assert (operation["state"], operation["outcome"]) == ("unknown", "unknown")
    assert operation["problem"] == "outcome_unknown"
    (attempt,) = operation["attempts"]
    assert attempt["http_status"] == seen
    assert attempt["sent"] == ("maybe" if seen is None else "yes")
    assert attempt["detail"]
    assert await hasty.operations(state="unknown") == [operation]
    if seen is not None:
        assert problem["provider"]["http_status"] == seen
    assert len(hasty.emulator.orders) == int(exists)

    hasty.emulator.faults()
    missing = problem_of(await hasty.get(f"/v1/orders/{problem['order']}"), 404, "not_found")
    assert (missing["operation"], missing["order"]) == (problem["operation"], problem["order"])
    assert missing["outcome"] is None
    again = problem_of(await hasty.create(key="once"), 504, "outcome_unknown")
    assert again["operation"] == problem["operation"]
    assert len(hasty.emulator.orders) == int(exists)
    assert body_of(await hasty.get("/v1/orders"), 200)["data"] == []


async def test_create_that_arrives_late(hasty: Shop) -> None:
    """A create that the provider works on after we stopped waiting is unknown, and then there after all."""
    hasty.emulator.faults({"match": CREATE, "at": "before", "do": "delay", "seconds": 0.6})

    problem = problem_of(await hasty.create(), 504, "outcome_unknown")

    assert hasty.emulator.orders == []
    await eventually(lambda: len(hasty.emulator.orders) == 1)
    assert (await hasty.operation(problem["operation"]))["state"] == "unknown"


async def test_slow_drip_is_cut_off(open_another: OpenShop) -> None:
    """The total timeout ends what the read timeout would let go on."""
    shop = await open_another(account={"total_timeout": 0.3}, server={"idempotency_wait": 0})
    shop.emulator.faults({"match": CREATE, "at": "after", "do": "delay", "seconds": 20})

    began = time.monotonic()
    problem_of(await shop.create(), 504, "outcome_unknown")

    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "name",
    ["dropped after", "dropped before", "truncated", "late", "500 after", "html before", "html with 200"],
)
async def test_pay_whose_answer_is_lost(hasty: Shop, name: str) -> None:
    """A payment whose answer is lost is unknown; the order is busy until it settles, and still readable."""
    fault, charged, _ = LOST[name]
    order = await hasty.order()
    hasty.emulator.faults({**fault, "match": PAY})

    problem = problem_of(await hasty.pay(order, key="pay"), 504, "outcome_unknown")

    assert verdict(problem) == ("maybe", "unknown", "same_key")
    assert problem["order"] == order["id"]
    hasty.emulator.faults()
    for refused in (await hasty.pay(order), await hasty.cancel(order), await hasty.fulfill(order)):
        busy = problem_of(refused, 409, "order_busy")
        assert (busy["operation"], busy["order"]) == (problem["operation"], order["id"])
        assert verdict(busy) == ("no", "not_applied", "same_key")
    again = problem_of(await hasty.pay(order, key="pay"), 504, "outcome_unknown")
    assert again["operation"] == problem["operation"]
    assert len(hasty.emulator.state()["payments"]) == int(charged)
    assert (await hasty.read(order))["id"] == order["id"]
    seen = await hasty.read(order, refresh=True)
    assert seen["payment_status"] in ({"pending", "paid"} if charged else {"unpaid"})


@pytest.mark.parametrize(
    ("provider", "kind"),
    # Rapyd has no cancel: the gateway does it without asking, so there is no answer to lose.
    [("revkeen", "cancel"), ("revkeen", "fulfill"), ("rapyd", "fulfill")],
    indirect=["provider"],
)
async def test_other_change_whose_answer_is_lost(hasty: Shop, kind: str) -> None:
    """A change without money is unknown too, and keeps the order busy."""
    order = await (hasty.paid_order() if kind == "fulfill" else hasty.order())
    hasty.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop"})

    answer = await hasty.post(f"/v1/orders/{order['id']}/{kind}", {})

    problem = problem_of(answer, 504, "outcome_unknown")
    assert verdict(problem) == ("maybe", "unknown", "same_key")
    busy = problem_of(await hasty.pay(order), 409, "order_busy")
    assert busy["operation"] == problem["operation"]


async def test_rate_limit_of_the_provider(shop: Shop) -> None:
    """A provider's 429 is not applied: come back with the same key, which is the operation's next attempt."""
    shop.emulator.faults({"match": CREATE, "do": "rate_limit", "times": 1})

    answer = await shop.create(key="once")

    problem = problem_of(answer, 503, "provider_rate_limited")
    assert verdict(problem) == ("yes", "not_applied", "same_key")
    assert problem["fault"] == "provider"
    assert problem["provider"]["http_status"] == 429
    assert answer.headers["retry-after"] == str(problem["retry_after"])
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["outcome"]) == ("failed", "not_applied")
    assert shop.emulator.orders == []

    order = body_of(await shop.create(key="once"), 201)
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["order"]) == ("succeeded", order["id"])
    assert [attempt["number"] for attempt in operation["attempts"]] == [1, 2]
    assert len(shop.emulator.orders) == 1


async def test_rate_limit_on_pay(shop: Shop) -> None:
    """A payment that the provider's rate limit refused may be repeated with its key."""
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "do": "rate_limit", "times": 1})

    problem_of(await shop.pay(order, key="pay"), 503, "provider_rate_limited")
    body_of(await shop.pay(order, key="pay"), 200)

    assert len(shop.emulator.state()["payments"]) == 1
    assert (await shop.until_paid(order))["status"] == "paid"


async def test_credentials_that_the_provider_refuses(
    open_another: OpenShop, emulator: Emulator, provider: str
) -> None:
    """Wrong credentials are the gateway's fault, not applied, and cured without a new key."""
    wrong = {name: value[:-4] + "0000" for name, value in emulator.credentials.items()}
    account = {"adapter": provider, "environment": "emulator", "base_url": emulator.base_url, **wrong}
    shop = await open_another(more_accounts={provider: account})

    problem = problem_of(await shop.create(), 502, "provider_unauthenticated")

    assert problem["fault"] == "gateway"
    assert verdict(problem) == ("yes", "not_applied", "same_key")
    assert problem["provider"]["http_status"] in {401, 400}
    assert (await shop.operation(problem["operation"]))["outcome"] == "not_applied"
    assert not any(value in str(problem) for value in wrong.values())


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"do": "drop"}, 503, "provider_unavailable"),
        ({"do": "truncate", "at": "after"}, 503, "provider_unavailable"),
        ({"do": "delay", "seconds": 0.8}, 503, "provider_unavailable"),
        ({"do": "status", "status": 500}, 503, "provider_unavailable"),
        ({"do": "html", "status": 502}, 503, "provider_unavailable"),
        ({"do": "html", "status": 200}, 502, "provider_protocol_error"),
        ({"do": "rate_limit"}, 503, "provider_rate_limited"),
    ],
)
async def test_read_that_fails(hasty: Shop, fault: Mapping[str, Any], status: int, code: str) -> None:
    """A refresh fails rather than answer stale; so does the provider's list; the journal still answers."""
    order = await hasty.order()
    hasty.emulator.faults({**fault, "match": {"method": "GET"}})

    for path in (f"/v1/orders/{order['id']}?refresh=true", f"/v1/accounts/{hasty.account}/orders"):
        problem = problem_of(await hasty.get(path), status, code)
        assert (problem["outcome"], problem["fault"], problem["retry"]) == (None, "provider", "same_key")
    assert await hasty.read(order) == order


async def test_write_whose_first_read_fails(hasty: Shop) -> None:
    """A pay that cannot read the order first is refused with nothing sent, and its key stays free."""
    order = await hasty.order()
    hasty.emulator.faults({"match": {"method": "GET"}, "do": "status", "status": 500})

    problem = problem_of(await hasty.pay(order, key="pay"), 503, "provider_unavailable")

    assert problem["outcome"] == "not_applied"
    assert [operation["kind"] for operation in await hasty.operations()] == ["create"]
    hasty.emulator.faults()
    body_of(await hasty.pay(order, key="pay"), 200)
    assert len(hasty.emulator.state()["payments"]) == 1


async def test_provider_that_is_down(
    open_another: OpenShop, emulator: Emulator, provider: str, tmp_path: Path
) -> None:
    """A refused connection means not applied; the same key works once the provider is up again."""
    port = free_port()
    shop = await open_another(account={"base_url": str(httpx.URL(emulator.base_url).copy_with(port=port))})

    answer = await shop.create(key="once")
    problem = problem_of(answer, 503, "provider_unavailable")
    assert verdict(problem) == ("no", "not_applied", "same_key")
    assert answer.headers["retry-after"] == str(problem["retry_after"])
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["outcome"]) == ("failed", "not_applied")
    assert operation["attempts"][0]["sent"] == "no"

    running = start_emulator(provider, tmp_path / "late-emulator.log", port)
    try:
        running.line()
        order = body_of(await shop.create(key="once"), 201)
    finally:
        running.end()
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["order"]) == ("succeeded", order["id"])
    assert [attempt["sent"] for attempt in operation["attempts"]] == ["no", "yes"]
    assert len(await shop.operations()) == 1

    refused = problem_of(
        await shop.get(f"/v1/orders/{order['id']}", refresh="true"), 503, "provider_unavailable"
    )
    assert refused["outcome"] is None
    assert await shop.read(order) == order


async def test_gateway_that_is_killed(
    emulators: Mapping[str, Emulator], emulator: Emulator, provider: str, tmp_path: Path, start: Start
) -> None:
    """After a kill -9 what was answered is answered again; what was in flight settles, and is sent once."""
    config = write_config(tmp_path, emulators)
    key, _ = await prepare_store(config, emulators)
    serve = ("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        gateway = start(*serve)
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        answered = await shop.create(key="answered")
        order = body_of(answered, 201)
        emulator.faults({"match": CREATE, "at": "after", "do": "delay", "seconds": 30})

        hanging = asyncio.create_task(shop.create(key="once"))
        await eventually(lambda: len(emulator.orders) == 2)
        gateway.kill()
        with contextlib.suppress(httpx.HTTPError):
            await hanging
        assert hanging.exception() is not None

        shop = Shop(start(*serve).line(), key, provider, emulator, client, config)
        emulator.faults()
        operations = {operation["idempotency_key"]: operation for operation in await shop.operations()}
        operation = await shop.settled(operations["once"]["id"])
        assert operation["outcome"] == "applied"
        assert [attempt["finished_at"] for attempt in operation["attempts"]] == [None]
        late = body_of(await shop.create(key="once"), 201)
        assert late["id"] == operation["order"]
        again = await shop.create(key="answered")
        assert (again.status_code, again.content) == (201, answered.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert await shop.read(order) == order
        # Everything else goes on.
        body_of(await shop.create(), 201)
    assert len(emulator.orders) == 3
