"""One Idempotency-Key acts at most once, and a repeat of it gets the first answer."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import (
    CUSTOMER,
    Shop,
    body_of,
    eventually,
    link_all,
    pointers,
    problem_of,
    product,
    verdict,
)
from tests.scenarios.test_metrics import scrape

from ordergate.gateway.operating.retention import prune
from ordergate.server import bootstrap

UNKNOWN_SKU = {"revkeen": "provider:00000000-0000-4000-8000-000000000000", "rapyd": "provider:sku_none"}

WRITE = {"method": "POST"}


def assert_replayed(again: httpx.Response, first: httpx.Response) -> None:
    """The repeat is the first answer, byte for byte, and says so."""
    assert again.content == first.content
    assert again.status_code == first.status_code
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["ordergate-account"] == first.headers["ordergate-account"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_repeated_create(shop: Shop) -> None:
    """A create sent twice with one key makes one order and answers twice the same."""
    first = await shop.create(key="once")
    again = await shop.create(key="once")

    body_of(first, 201)
    assert_replayed(again, first)
    assert shop.emulator.requests == 1
    assert len(await shop.operations()) == 1


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)  # it takes a request whatever time it is
@pytest.mark.parametrize("days", [8, -8])
async def test_a_step_of_the_clock_frees_no_key(
    open_another: OpenShop, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """The host's clock is set by more than the retention: retries get the first answer, then and once it is right.

    A metric tells of it.
    """
    right, step = bootstrap.system_clock, timedelta()
    monkeypatch.setattr(bootstrap, "system_clock", lambda: right() + step)
    shop = await open_another()
    gateway = shop.gateway
    assert gateway is not None
    first = await shop.create(key="before")
    step = timedelta(days=days)

    await prune(gateway)
    assert_replayed(await shop.create(key="before"), first)
    meanwhile = await shop.create(key="meanwhile")
    ahead = (await scrape(shop))["ordergate_clock_ahead_seconds", frozenset()]
    step = timedelta()
    await prune(gateway)

    assert_replayed(await shop.create(key="before"), first)
    assert_replayed(await shop.create(key="meanwhile"), meanwhile)
    assert len(shop.emulator.orders) == 2
    assert round(ahead / 86_400) == days
    assert (await scrape(shop))["ordergate_clock_ahead_seconds", frozenset()] == 0


@pytest.mark.parametrize("kind", ["pay", "cancel", "fulfill"])
async def test_repeated_change(shop: Shop, kind: str) -> None:
    """Pay, cancel and fulfill sent twice with one key act once and answer twice the same."""
    order = await (shop.paid_order() if kind == "fulfill" else shop.order())
    path = f"/v1/orders/{order['id']}/{kind}"

    first = await shop.post(path, {}, "once")
    body_of(first, 200)
    requests = shop.emulator.requests
    # The order has moved on by itself in between; the answer is still the first one.
    await shop.read(order, refresh=True)
    again = await shop.post(path, {}, "once")

    assert_replayed(again, first)
    assert shop.emulator.requests == requests + 1


async def test_replay_of_a_refused_create(shop: Shop) -> None:
    """What the provider refused is kept under its key too."""
    draft = shop.draft(line_items=[product(sku=UNKNOWN_SKU[shop.account])])

    first = await shop.create(draft, key="refused")
    problem_of(first, 422, "provider_rejected")
    again = await shop.create(draft, key="refused")

    assert_replayed(again, first)
    assert shop.emulator.requests == 1


async def test_key_for_another_body_is_refused(shop: Shop) -> None:
    """The same key with other content is refused, and neither sent nor answered from before."""
    order = await shop.order(reference="order-1001")
    first = await shop.create(shop.draft(reference="order-1002"), key="once")

    problem = problem_of(await shop.create(shop.draft(), key="once"), 422, "idempotency_key_reused")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert body_of(first, 201)["id"] != order["id"]
    assert len(shop.emulator.orders) == 2


async def test_keys_are_separate_by_path_and_merchant(open_another: OpenShop) -> None:
    """One key may stand for a create, for each order's pay, and for another merchant's create."""
    shop = await open_another(account={"merchants": ["acme", "bolt"]})
    await link_all(shop.journal, {shop.account: shop.emulator}, "bolt")
    bolt = await shop.another("bolt")

    first, other = [body_of(await who.create(key="k"), 201) for who in (shop, bolt)]
    second = await shop.order()
    paid = [body_of(await shop.pay(order, key="k"), 200) for order in (first, second)]

    assert first["id"] != other["id"]
    assert [order["id"] for order in paid] == [first["id"], second["id"]]
    assert len(shop.emulator.orders) == 3


async def test_key_that_is_none(shop: Shop) -> None:
    """A write without a key, or with a malformed one, is refused before anything else happens."""
    order = await shop.order()
    requests = shop.emulator.requests
    malformed = ("", "two words", "k" * 256, "schl\u00fcssel".encode("latin-1"), "a\tb")
    cases: list[tuple[dict[str, Any], str]] = [({}, "idempotency_key_missing")]
    cases += [({"Idempotency-Key": key}, "idempotency_key_invalid") for key in malformed]

    for headers, code in cases:
        for path, body in (
            ("/v1/orders", shop.draft()),
            (f"/v1/orders/{order['id']}/pay", {}),
            (f"/v1/orders/{order['id']}/cancel", {}),
            (f"/v1/orders/{order['id']}/fulfill", {}),
        ):
            answer = await shop.call("POST", path, json=body, headers=headers)
            problem = problem_of(answer, 400, code)
            assert verdict(problem) == ("no", "not_applied", "after_fix"), (headers, path)

    assert shop.emulator.requests == requests
    assert len(await shop.operations()) == 1


async def test_key_at_its_limits(shop: Shop) -> None:
    """Any 1 to 255 visible ASCII characters are a key."""
    for key in ("k" * 255, "!", "~", "a/b?c=d&e#f%20\"'\\"):
        body_of(await shop.create(key=key), 201)

        assert (await shop.operations())[0]["idempotency_key"] == key


async def test_refusal_before_the_intent_leaves_the_key_free(shop: Shop) -> None:
    """A request that we refused may be mended and sent with the same key, whatever was mended."""
    draft = shop.draft(customer={"id": "cust-new"})

    problem_of(await shop.create(draft, key="once"), 422, "link_missing")
    problem_of(await shop.create(shop.draft(currency="XXX"), key="once"), 422, "invalid_request")
    problem_of(await shop.create(shop.draft(account="nowhere"), key="once"), 422, "no_route")
    link = await shop.call("PUT", "/v1/links/customers/cust-new", json={shop.account: shop.emulator.customer})
    body_of(link, 200)
    order = body_of(await shop.create(draft, key="once"), 201)

    assert order["customer"] == {"id": "cust-new", "email": None}
    assert [operation["state"] for operation in await shop.operations()] == ["succeeded"]


async def test_refused_state_leaves_the_key_free(shop: Shop) -> None:
    """A change that the order's state forbids may be sent again with its key once the state allows it."""
    order = await shop.order()

    problem_of(await shop.fulfill(order, key="hand-over"), 409, "invalid_state")
    body_of(await shop.pay(order), 200)
    await shop.until_paid(order)

    assert body_of(await shop.fulfill(order, key="hand-over"), 200)["status"] == "fulfilled"


async def test_other_notation_is_the_same_content(shop: Shop) -> None:
    """Spaces, the order of keys, escapes, nulls and stated defaults do not make another request."""
    draft = shop.draft(notes="Gr\u00fc\u00dfe")
    line = {"metadata": None, "type": "product", **draft["line_items"][0]}
    other = {
        "notes": draft["notes"],
        "reference": None,
        **draft,
        "line_items": [line, draft["line_items"][1]],
    }
    first = await shop.create(draft, key="once")

    async def again(content: str) -> httpx.Response:
        headers = {"Idempotency-Key": "once", "Content-Type": "application/json; charset=utf-8"}
        return await shop.call("POST", "/v1/orders", content=content, headers=headers)

    for content in (
        json.dumps(other, indent=3),
        json.dumps(dict(reversed(draft.items())), separators=(",", ":"), ensure_ascii=False),
    ):
        assert_replayed(await again(content), first)
    assert len(shop.emulator.orders) == 1


async def test_same_key_while_the_first_runs(open_another: OpenShop) -> None:
    """A repeat waits a while for the first; then it is told to come back, and later gets its answer."""
    shop = await open_another(server={"idempotency_wait": 0.1})
    shop.emulator.faults({"match": WRITE, "at": "after", "do": "delay", "seconds": 1.0, "times": 1})

    running = asyncio.create_task(shop.create(key="once"))
    await eventually(lambda: len(shop.emulator.orders) == 1)
    answer = await shop.create(key="once")
    problem = problem_of(answer, 409, "idempotency_in_progress")
    assert verdict(problem) == ("maybe", "unknown", "same_key")
    assert answer.headers["retry-after"] == str(problem["retry_after"])
    assert problem["retry_after"] > 0
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["outcome"]) == ("in_progress", None)

    first = await running
    body_of(first, 201)
    assert_replayed(await shop.create(key="once"), first)
    assert len(shop.emulator.orders) == 1


async def test_two_at_once_with_one_key(shop: Shop) -> None:
    """Requests that meet under one key make one order, and all get the same bytes."""
    shop.emulator.faults({"match": WRITE, "at": "after", "do": "delay", "seconds": 0.2})

    answers = await asyncio.gather(*(shop.create(key="once") for _ in range(4)))

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert sorted("idempotent-replayed" in answer.headers for answer in answers) == [False, True, True, True]
    assert shop.emulator.requests == 1
    assert len(shop.emulator.orders) == 1


async def test_caller_who_goes_away(shop: Shop) -> None:
    """A write goes on when its caller hangs up; he gets the answer when he repeats the key."""
    shop.emulator.faults({"match": WRITE, "at": "after", "do": "delay", "seconds": 0.4})

    with pytest.raises(httpx.ReadTimeout):
        await shop.call(
            "POST", "/v1/orders", json=shop.draft(), headers={"Idempotency-Key": "once"}, timeout=0.2
        )
    answer = await shop.create(key="once")

    assert body_of(answer, 201)["status"] == "open"
    assert answer.headers["idempotent-replayed"] == "true"
    assert len(shop.emulator.orders) == 1


async def test_reference_under_a_new_key(shop: Shop) -> None:
    """A reference that was used is a possible duplicate, whatever the content, unless it is meant."""
    first = await shop.order(reference="order-1001")
    other = shop.draft(reference="order-1001", line_items=[product()])

    problem = problem_of(await shop.create(other), 409, "possible_duplicate")
    assert problem["order"] == first["id"]
    assert verdict(problem) == ("no", "not_applied", "never")
    assert len(shop.emulator.orders) == 1
    second = body_of(await shop.create(other, headers={"Ordergate-Duplicate": "allow"}), 201)
    assert second["id"] != first["id"]
    assert len(shop.emulator.orders) == 2


async def test_references_are_each_merchants_own(open_another: OpenShop) -> None:
    """Two merchants may use one order number."""
    shop = await open_another(account={"merchants": ["acme", "bolt"]})
    await link_all(shop.journal, {shop.account: shop.emulator}, "bolt")
    bolt = await shop.another("bolt")

    orders = [await who.order(reference="order-1001") for who in (shop, bolt)]

    assert orders[0]["id"] != orders[1]["id"]


async def test_refused_create_takes_no_reference(shop: Shop) -> None:
    """A create that was not applied does not use its reference up."""
    draft = shop.draft(reference="order-1001", line_items=[product(sku=UNKNOWN_SKU[shop.account])])
    problem_of(await shop.create(draft), 422, "provider_rejected")

    order = await shop.order(reference="order-1001")

    assert order["reference"] == "order-1001"


async def test_unknown_create_blocks_its_reference(open_another: OpenShop) -> None:
    """While it is not known whether a create was applied, its reference is taken, allowed or not."""
    shop = await open_another(server={"idempotency_wait": 0})
    shop.emulator.faults({"match": WRITE, "at": "after", "do": "drop", "times": 1})
    unknown = problem_of(await shop.create(shop.draft(reference="order-1001")), 504, "outcome_unknown")

    for headers in ({}, {"Ordergate-Duplicate": "allow"}):
        answer = await shop.create(shop.draft(reference="order-1001"), headers=headers)
        problem = problem_of(answer, 409, "possible_duplicate")
        assert (problem["order"], problem["operation"]) == (unknown["order"], unknown["operation"])
    assert len(shop.emulator.orders) == 1


async def test_duplicate_header_has_one_value(shop: Shop) -> None:
    """A misspelt Ordergate-Duplicate is refused, not ignored."""
    answer = await shop.create(headers={"Ordergate-Duplicate": "yes"})

    assert pointers(problem_of(answer, 422, "invalid_request")) == ["/Ordergate-Duplicate"]
    assert shop.emulator.requests == 0


async def test_second_write_while_one_runs(shop: Shop) -> None:
    """Writes on one order are taken one at a time: the second is told which operation it waits for."""
    order = await shop.order()
    pay = {"method": "POST", "path": "*/pay"}
    shop.emulator.faults({"match": pay, "at": "after", "do": "delay", "seconds": 0.6})

    running = asyncio.create_task(shop.pay(order))
    await eventually(lambda: len(shop.emulator.state()["payments"]) == 1)
    refusals: list[dict[str, Any]] = [
        problem_of(answer, 409, "order_busy")
        for answer in (await shop.pay(order), await shop.cancel(order), await shop.fulfill(order))
    ]
    body_of(await running, 200)

    operation = (await shop.operations())[0]
    assert operation["kind"] == "pay"
    for problem in refusals:
        assert (problem["operation"], problem["order"]) == (operation["id"], order["id"])
        assert verdict(problem) == ("no", "not_applied", "same_key")
    assert len(shop.emulator.state()["payments"]) == 1
    assert (await shop.until_paid(order))["amount_paid"] == 41000


async def test_many_payments_at_once(shop: Shop) -> None:
    """However many keys try to pay at once, money is taken once."""
    order = await shop.order()

    answers = await asyncio.gather(*(shop.pay(order) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "order_busy",
        "invalid_state",
    }
    assert len(shop.emulator.state()["payments"]) == 1


async def test_operation_tells_the_write(shop: Shop) -> None:
    """An operation says what was written, for which order, with which key, and how it went."""
    order = body_of(await shop.create(shop.draft(reference="order-1001"), key="once"), 201)

    listed = await shop.operations()
    assert len(listed) == 1
    operation = await shop.operation(listed[0]["id"])
    assert operation == listed[0]
    assert {
        name: operation[name]
        for name in (
            "kind",
            "state",
            "performed_by",
            "outcome",
            "problem",
            "order",
            "account",
            "reference",
            "idempotency_key",
        )
    } == {
        "kind": "create",
        "state": "succeeded",
        "performed_by": "provider",
        "outcome": "applied",
        "problem": None,
        "order": order["id"],
        "account": shop.account,
        "reference": "order-1001",
        "idempotency_key": "once",
    }
    (attempt,) = operation["attempts"]
    assert (attempt["number"], attempt["sent"]) == (1, "yes")
    assert attempt["http_status"] in {200, 201}
    assert attempt["started_at"] <= attempt["finished_at"]
    assert CUSTOMER not in json.dumps(operation)


async def test_operations_are_listed_by_state_and_page(shop: Shop) -> None:
    """Operations are listed newest first, by state, and walked both ways."""
    for _ in range(3):
        await shop.order()
    problem_of(
        await shop.create(shop.draft(line_items=[product(sku=UNKNOWN_SKU[shop.account])])),
        422,
        "provider_rejected",
    )

    everything = [operation["id"] for operation in await shop.operations()]
    assert everything == sorted(everything, reverse=True)
    assert [operation["id"] for operation in await shop.operations(state="failed")] == everything[:1]
    assert [operation["id"] for operation in await shop.operations(state="succeeded")] == everything[1:]
    assert await shop.operations(state="unknown") == []
    page = body_of(await shop.get("/v1/operations", limit=2, starting_after=everything[0]), 200)
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (everything[1:3], True)
    page = body_of(await shop.get("/v1/operations", limit=2, ending_before=everything[2]), 200)
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (everything[:2], False)
