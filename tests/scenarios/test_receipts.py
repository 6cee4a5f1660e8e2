"""Receipts over real emulators: what was sent and what was answered, for whoever has to show it."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Emulator, Shop, body_of, fresh_key, problem_of

from ordergate.cli.session import operator
from ordergate.gateway.operating.retention import prune
from ordergate.gateway.orders.redact import redact_order


async def _receipt(shop: Shop, order: str) -> dict[str, Any]:
    return body_of(await shop.get(f"/v1/orders/{order}/receipt"), 200)


async def test_a_receipt_tells_each_operation(shop: Shop) -> None:
    """A create and a payment: requests, answers, times, configuration, adapter, and where each field stands."""
    order = await shop.order(reference="1001")
    body_of(await shop.pay(order), 200)

    receipt = await _receipt(shop, order["id"])

    assert [each["kind"] for each in receipt["operations"]] == ["create", "pay"]
    for operation in receipt["operations"]:
        (attempt,) = operation["attempts"]
        assert (attempt["account"], attempt["sent"]) == (shop.account, "yes")
        assert attempt["configuration"] == (await shop.get("/v1/orders")).headers["ordergate-config"]
        assert attempt["adapter_version"] == "0.1.0"
        first = attempt["exchanges"][0]
        assert first["answer"]["status"] == attempt["http_status"]
        assert first["milliseconds"] > 0
        assert json.loads(first["answer"]["body"])
    created = receipt["operations"][0]["attempts"][0]
    sent = json.loads(created["exchanges"][0]["request"]["body"])
    field_map = created["field_map"]
    assert _at(sent, field_map["/line_items/0/unit_amount"]) in {20000, 200}
    assert _at(sent, field_map["/reference"]) == "1001"
    answered = json.loads(created["exchanges"][0]["answer"]["body"])
    assert _at(answered, created["answer_map"]["/provider_order_id"]) == order["provider_order_id"]
    assert created["notices"] == order["notices"]


async def test_nothing_that_authenticates_stands_in_a_receipt(
    shop: Shop, emulators: Mapping[str, Emulator]
) -> None:
    """Neither the account's credentials nor a one-time token, in the receipt or in the journal."""
    order = await shop.order()
    token = {"revkeen": {"payment_token": "tok_once_only"}}
    await shop.pay(order, extensions=token)

    text = json.dumps(await _receipt(shop, order["id"]))

    for secret in ("tok_once_only", *emulators[shop.account].credentials.values()):
        assert secret not in text
        assert all(
            secret.encode() not in file.read_bytes() for file in shop.config.parent.glob("journal.db*")
        )


async def test_a_lost_answer_stands_in_the_receipt(open_another: OpenShop, emulator: Emulator) -> None:
    """Also while nobody knows whether there is an order: what was sent, and that nothing was heard."""
    shop = await open_another(server={"idempotency_wait": 0})
    emulator.faults({"match": {"method": "POST"}, "at": "before", "do": "drop"})

    problem = problem_of(await shop.create(shop.draft(reference="1001")), 504, "outcome_unknown")

    emulator.faults()
    (operation,) = (await _receipt(shop, problem["order"]))["operations"]
    exchange = operation["attempts"][0]["exchanges"][0]
    assert operation["state"] == "unknown"
    assert "1001" in exchange["request"]["body"]
    assert exchange["answer"] is None
    assert exchange["error"]
    stranger = await shop.another("bolt")
    problem_of(await stranger.get(f"/v1/orders/{problem['order']}/receipt"), 404, "not_found")


async def test_a_refusal_stands_in_the_receipt(shop: Shop) -> None:
    """What the provider answered when it refused."""
    order = await shop.order()
    await shop.pay(order, payment_method="provider:nobody-knows-it")

    refused = (await _receipt(shop, order["id"]))["operations"][-1]["attempts"][0]

    assert refused["exchanges"][0]["answer"]["status"] >= 400
    assert refused["detail"]


async def test_a_redacted_order_has_no_receipt_left(shop: Shop) -> None:
    """Erasing an order's personal data erases what was said of it, and the comparison that it was made for."""
    order = await shop.order(notes="Ring twice, says Ada", metadata={"gift": "for Charles"})
    draft = {"order": shop.draft(notes="Ring twice, says Ada"), "accounts": [shop.account], "mode": "execute"}
    compared = body_of(await shop.post("/v1/comparisons", draft, "the-key"), 201)
    made = compared["results"][0]["order"]["id"]
    assert "says Ada" in json.dumps(await _receipt(shop, made)) or shop.account == "rapyd"

    for each in (order["id"], made):
        assert shop.gateway is not None
        await redact_order(shop.gateway, operator("test"), each)
        for operation in (await _receipt(shop, each))["operations"]:
            assert [attempt["exchanges"] for attempt in operation["attempts"]] == [[]]
    problem_of(await shop.get(f"/v1/comparisons/{compared['id']}"), 404, "not_found")
    problem_of(await shop.post("/v1/comparisons", draft, "the-key"), 422, "idempotency_key_reused")


async def test_receipts_are_kept_for_the_retention(shop: Shop) -> None:
    """When keys are forgotten, so are receipts and comparisons."""
    order = await shop.order()
    draft = {"order": shop.draft(), "accounts": [shop.account]}
    compared = body_of(await shop.post("/v1/comparisons", draft), 200)
    gateway = shop.gateway
    assert gateway is not None
    now, gateway.steady = gateway.clock, None
    await prune(gateway)
    assert (await _receipt(shop, order["id"]))["operations"][0]["attempts"][0]["exchanges"]
    gateway.clock = lambda: now() + gateway.configuration.retention + timedelta(minutes=1)

    await prune(gateway)

    assert (await _receipt(shop, order["id"]))["operations"][0]["attempts"][0]["exchanges"] == []
    problem_of(await shop.get(f"/v1/comparisons/{compared['id']}"), 404, "not_found")


def _at(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        document = document[int(part) if isinstance(document, list) else part]
    return document


async def test_an_attempt_under_way_stands_in_the_receipt(shop: Shop) -> None:
    """What was recorded before it left is shown as long as nobody knows of an answer."""
    key = fresh_key()
    shop.emulator.faults({"match": {"method": "POST"}, "at": "before", "do": "delay", "seconds": 1})
    creating = asyncio.create_task(shop.create(shop.draft(reference="1001"), key=key))
    rows: list[dict[str, Any]] = []
    while not rows:
        rows = await shop.operations()

    (operation,) = (await _receipt(shop, rows[0]["order"]))["operations"]

    (exchange,) = operation["attempts"][0]["exchanges"]
    assert exchange["request"]["method"] == "POST"
    assert exchange["request"]["path"].endswith("/orders")
    assert "1001" in exchange["request"]["body"]
    assert (exchange["answer"], exchange["error"]) == (None, "No answer is recorded.")
    body_of(await creating, 201)
