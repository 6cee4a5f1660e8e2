"""How a write whose answer was lost settles: by a look at the provider, by its caller's repeat, or by a person."""

import asyncio
import contextlib
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
    plain_client,
    prepare_store,
    problem_of,
    write_config,
)

WRITE = {"method": "POST"}
READ = {"method": "GET"}
LOST_AFTER = {"match": WRITE, "at": "after", "do": "drop"}
LOST_BEFORE = {"match": WRITE, "at": "before", "do": "drop"}
SHORT = {"read_timeout": 0.3, "settling_time": 1.0}
SOON = {"closed_settling": 0.5, "late_look_minutes": 0.02}


@pytest.fixture
async def caring(open_another: OpenShop) -> Shop:
    """A gateway that looks after what is unknown, with short times."""
    return await open_another(recovers=True, account=SHORT, recovery=SOON)


@pytest.fixture
async def hasty(open_another: OpenShop) -> Shop:
    """The same for callers that do not wait."""
    return await open_another(recovers=True, account=SHORT, recovery=SOON, server={"idempotency_wait": 0})


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "drop"},
        {"do": "truncate"},
        {"do": "status", "status": 500},
        {"do": "html", "status": 200},
        {"do": "delay", "seconds": 0.6},
    ],
    ids=lambda fault: fault["do"],
)
async def test_lost_answer_is_found_while_the_caller_waits(caring: Shop, fault: Mapping[str, Any]) -> None:
    """A create that was applied is answered as if nothing had happened, and so is each repeat of its key."""
    caring.emulator.faults({**fault, "match": WRITE, "at": "after", "times": 1})

    answer = await caring.create(key="once")
    order = body_of(answer, 201)
    again = await caring.create(key="once")

    assert order["status"] == "open"
    assert (again.status_code, again.content) == (201, answer.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(caring.emulator.orders) == 1
    assert body_of(await caring.get(f"/v1/orders/{order['id']}"), 200) == order


async def _change(shop: Shop, kind: str, order: dict[str, Any], key: str) -> httpx.Response:
    line = next(line["id"] for line in order["line_items"] if line["type"] == "product")
    match kind:
        case "pay":
            return await shop.pay(order, key=key)
        case "cancel":
            return await shop.cancel(order, key=key)
        case "fulfill":
            return await shop.fulfill(order, key=key)
        case "update":
            return await shop.update(order, key=key, metadata={"colour": "red"})
        case _:
            return await shop.give_back(order, key=key, lines=[{"line_item_id": line, "quantity": 1}])


CHANGES = [
    ("revkeen", "pay"),
    ("revkeen", "cancel"),
    ("revkeen", "fulfill"),
    ("revkeen", "update"),
    ("rapyd", "pay"),
    ("rapyd", "fulfill"),
    ("rapyd", "update"),
    ("rapyd", "return"),
]


@pytest.mark.parametrize(("provider", "kind"), CHANGES, indirect=["provider"])
async def test_lost_answer_of_a_change_is_found_unasked(hasty: Shop, kind: str) -> None:
    """Every kind of change that was applied settles as applied by itself, with the answer of the call kept."""
    paid = kind in {"fulfill", "return"}
    order = await (hasty.paid_order() if paid else hasty.order())
    hasty.emulator.faults({**LOST_AFTER, "match": {"method": "PATCH" if _patches(hasty, kind) else "POST"}})

    problem = problem_of(await _change(hasty, kind, order, "key"), 504, "outcome_unknown")
    hasty.emulator.faults()
    operation = await hasty.settled(problem["operation"])

    assert (operation["state"], operation["outcome"]) == ("succeeded", "applied")
    assert operation["probes"][-1]["found"] == "applied"
    answer = await _change(hasty, kind, order, "key")
    body_of(answer, 201 if kind == "return" else 200)
    assert answer.headers["idempotent-replayed"] == "true"
    now = await hasty.read(order, refresh=True)
    expected = {
        "pay": now["payment_status"] in {"paid", "pending"},
        "cancel": now["status"] == "canceled",
        "fulfill": now["fulfillment_status"] == "fulfilled",
        "update": now["metadata"] == {"colour": "red"},
        "return": now["amount_refunded"] == 20000 and len(now["returns"]) == 1,
    }
    assert expected[kind], now
    assert now["review_reasons"] == []
    state = hasty.emulator.state()
    assert len(state["payments"]) == (1 if kind in {"pay", "fulfill", "return"} else 0)
    assert len(state["returns"]) == (1 if kind == "return" else 0)


def _patches(shop: Shop, kind: str) -> bool:
    return kind == "update" and shop.account == "revkeen"


@pytest.mark.parametrize(("provider", "kind"), CHANGES, indirect=["provider"])
async def test_change_that_did_not_arrive_settles_as_not_applied(hasty: Shop, kind: str) -> None:
    """What left no trace is not applied after the settling time; a repeat of the key then sends it, once."""
    paid = kind in {"fulfill", "return"}
    order = await (hasty.paid_order() if paid else hasty.order())
    match = {"method": "PATCH" if _patches(hasty, kind) else "POST"}
    hasty.emulator.faults({**LOST_BEFORE, "match": match})

    problem = problem_of(await _change(hasty, kind, order, "key"), 504, "outcome_unknown")
    hasty.emulator.faults()
    operation = await hasty.settled(problem["operation"])

    assert (operation["state"], operation["outcome"]) == ("failed", "not_applied")
    assert operation["probes"][-1]["found"] == "absent"
    body_of(await _change(hasty, kind, order, "key"), 201 if kind == "return" else 200)
    operation = await hasty.operation(problem["operation"])
    assert [attempt["sent"] for attempt in operation["attempts"]] == ["maybe", "yes"]
    state = hasty.emulator.state()
    assert len(state["payments"]) == (1 if kind in {"pay", "fulfill", "return"} else 0)
    assert len(state["returns"]) == (1 if kind == "return" else 0)


async def test_absence_counts_only_after_the_settling_time(open_another: OpenShop) -> None:
    """A create that the provider makes after we gave up waiting is found, since nobody decided too early."""
    shop = await open_another(
        recovers=True,
        account={"read_timeout": 0.3, "settling_time": 3.0},
        recovery=SOON,
        server={"idempotency_wait": 0},
    )
    shop.emulator.faults({"match": WRITE, "at": "before", "do": "delay", "seconds": 1.5, "times": 1})

    problem = problem_of(await shop.create(key="once"), 504, "outcome_unknown")
    operation = await shop.settled(problem["operation"])

    assert operation["outcome"] == "applied"
    assert "absent" in [probe["found"] for probe in operation["probes"]]
    assert body_of(await shop.create(key="once"), 201)["id"] == operation["order"]
    assert len(shop.emulator.orders) == 1


async def test_reads_that_fail_decide_nothing(hasty: Shop) -> None:
    """While the provider cannot be read the outcome stays unknown, and settles once it can."""
    hasty.emulator.faults({**LOST_BEFORE, "times": 1}, {"match": READ, "do": "status", "status": 500})
    problem = problem_of(await hasty.create(key="once"), 504, "outcome_unknown")

    await asyncio.sleep(2.5)
    operation = await hasty.operation(problem["operation"])
    assert operation["state"] == "unknown"
    assert {probe["found"] for probe in operation["probes"]} == {"unclear"}

    hasty.emulator.faults()
    assert (await hasty.settled(problem["operation"]))["outcome"] == "not_applied"


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
async def test_repeat_is_sent_again_where_the_provider_acts_once(open_another: OpenShop) -> None:
    """RevKeen answers a repeated key with its first answer, so the caller's repeat learns it without any probe."""
    shop = await open_another(account=SHORT)
    shop.emulator.faults({**LOST_AFTER, "times": 1})

    body_of(await shop.create(key="once"), 201)

    (operation,) = await shop.operations()
    assert [attempt["sent"] for attempt in operation["attempts"]] == ["maybe", "yes"]
    assert operation["probes"] == []
    assert len(shop.emulator.orders) == 1


async def test_late_write_puts_its_order_in_review(open_another: OpenShop) -> None:
    """A write that arrives after it was settled as not applied is reopened, and its order waits for a person."""
    shop = await open_another(
        recovers=True,
        account={"read_timeout": 0.2, "settling_time": 0.3},
        recovery={"late_look_minutes": 0.05},
        server={"idempotency_wait": 0},
    )
    shop.emulator.faults({"match": WRITE, "at": "before", "do": "delay", "seconds": 2.0, "times": 1})

    problem = problem_of(await shop.create(key="once"), 504, "outcome_unknown")
    assert (await shop.settled(problem["operation"]))["outcome"] == "not_applied"
    await eventually(lambda: len(shop.emulator.orders) == 1)
    operation = await _until(shop, problem["operation"], "succeeded")

    order = body_of(await shop.get(f"/v1/orders/{operation['order']}"), 200)
    assert (order["status"], order["review_reasons"]) == ("review", ["late_write"])
    refused = problem_of(await shop.pay(order), 409, "invalid_state")
    assert "late_write" in refused["detail"]
    body_of(await shop.create(key="once"), 201)
    assert len(shop.emulator.orders) == 1

    operator = await shop.another(None)
    answer = await operator.call(
        "POST",
        f"/v1/operations/{operation['id']}/resolve",
        json={"as": "applied", "evidence": "The customer wants it."},
    )
    body_of(answer, 200)
    assert (await shop.read(order))["review_reasons"] == []


async def _until(shop: Shop, operation_id: str, state: str) -> dict[str, Any]:
    for _ in range(1200):
        operation = await shop.operation(operation_id)
        if operation["state"] == state:
            return operation
        await asyncio.sleep(0.05)
    raise TimeoutError(operation)


# A person


async def test_old_unknown_waits_for_a_person(open_another: OpenShop) -> None:
    """What cannot be found out for too long is parked, and a person who can says what became of it."""
    shop = await open_another(
        recovers=True,
        account=SHORT,
        recovery={**SOON, "person_after_hours": 0.0001},
        server={"idempotency_wait": 0},
    )
    shop.emulator.faults({**LOST_AFTER, "times": 1}, {"match": READ, "do": "status", "status": 500})
    problem = problem_of(await shop.create(key="once"), 504, "outcome_unknown")
    for _ in range(1200):
        operation = await shop.operation(problem["operation"])
        if operation["needs_person"]:
            break
        await asyncio.sleep(0.05)
    assert operation["needs_person"]
    shop.emulator.faults()

    (there,) = shop.emulator.orders
    body = {"as": "applied", "evidence": "Seen in the dashboard.", "provider_order_id": there["id"]}
    path = f"/v1/operations/{operation['id']}/resolve"
    problem_of(await shop.call("POST", path, json=body), 403, "forbidden")
    operator = await shop.another(None)
    missing = {name: body[name] for name in ("as", "evidence")}
    problem_of(await operator.call("POST", path, json=missing), 422, "invalid_request")
    resolved = body_of(await operator.call("POST", path, json=body), 200)

    assert (resolved["state"], resolved["outcome"], resolved["needs_person"]) == (
        "succeeded",
        "applied",
        False,
    )
    assert resolved["resolution"]["evidence"] == "Seen in the dashboard."
    assert body_of(await shop.create(key="once"), 201)["provider_order_id"] == there["id"]
    problem_of(await operator.call("POST", path, json=body), 409, "invalid_state")
    problem_of(
        await operator.call("POST", path, json={"as": "not_applied", "evidence": "x"}), 409, "invalid_state"
    )


async def test_person_says_that_it_was_not_applied(open_another: OpenShop) -> None:
    """Resolved as not applied, the key may be repeated, and is sent once."""
    shop = await open_another(
        account=SHORT, server={"idempotency_wait": 0}, recovery={"closed_settling": 0.3}
    )
    shop.emulator.faults({**LOST_BEFORE, "times": 1})
    problem = problem_of(await shop.create(key="once"), 504, "outcome_unknown")
    operator = await shop.another(None)
    path = f"/v1/operations/{problem['operation']}/resolve"
    early = await operator.call("POST", path, json={"as": "not_applied", "evidence": "Too early."})
    assert "may still arrive" in problem_of(early, 409, "invalid_state")["detail"]
    await asyncio.sleep(0.4)

    body = {"as": "not_applied", "evidence": "Not in the dashboard."}
    resolved = body_of(await operator.call("POST", path, json=body), 200)

    assert (resolved["state"], resolved["outcome"]) == ("failed", "not_applied")
    body_of(await shop.create(key="once"), 201)
    assert len(shop.emulator.orders) == 1


async def _lost_with_its_provider(shop: Shop, fault: dict[str, Any], kind: str = "create") -> tuple[str, Any]:
    """Lose a write's answer, and then the provider's reads; return the operation, and what repeats the write."""
    order = {} if kind == "create" else await shop.order()

    async def write() -> httpx.Response:
        return await (shop.create(key="once") if kind == "create" else shop.pay(order, key="once"))

    path = "*/orders" if kind == "create" else "*/pay"
    match = {"match": {"method": "POST", "path": path}, "times": 1}
    problem: dict[str, Any] = {}
    shop.emulator.faults({**fault, **match})
    problem = problem_of(await write(), 504, "outcome_unknown")
    shop.emulator.faults({"match": READ, "do": "status", "status": 500})
    return problem["operation"], write


def _effects(shop: Shop, kind: str) -> int:
    state = shop.emulator.state()
    return len(state["orders" if kind == "create" else "payments"])


async def _resolve(shop: Shop, operation_id: str, **said: Any) -> httpx.Response:
    operator = await shop.another(None)
    body = {"as": "not_applied", "evidence": "Support says so.", **said}
    return await operator.call("POST", f"/v1/operations/{operation_id}/resolve", json=body)


HASTY_ALONE: dict[str, Any] = {
    "account": SHORT,
    "server": {"idempotency_wait": 0},
    "recovery": {"closed_settling": 0.0},
}
"""A gateway that looks after nothing by itself, for callers that do not wait."""


@pytest.mark.parametrize("kind", ["create", "pay"])
async def test_verdict_that_the_provider_contradicts(open_another: OpenShop, kind: str) -> None:
    """Said not to be applied, and found at the provider: refused, and settled as applied."""
    shop = await open_another(**HASTY_ALONE)
    operation, write = await _lost_with_its_provider(shop, LOST_AFTER, kind)
    shop.emulator.faults()

    for unseen in (False, True):
        refused = await _resolve(shop, operation, unseen=unseen)
        problem = problem_of(refused, 409, "invalid_state")
        assert "applied" in problem["detail"]

    settled = await shop.operation(operation)
    assert (settled["state"], settled["outcome"], settled["resolution"]) == ("succeeded", "applied", None)
    body_of(await write(), 201 if kind == "create" else 200)
    assert _effects(shop, kind) == 1


@pytest.mark.parametrize("kind", ["create", "pay"])
@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE], ids=["there", "not there"])
async def test_verdict_of_what_nobody_can_see(
    open_another: OpenShop, kind: str, fault: dict[str, Any]
) -> None:
    """While the provider cannot be read a verdict has to be called unseen; the repeat then looks before it sends."""
    shop = await open_another(**HASTY_ALONE)
    operation, write = await _lost_with_its_provider(shop, fault, kind)

    refused = problem_of(await _resolve(shop, operation), 409, "invalid_state")
    assert [error["pointer"] for error in refused["errors"]] == ["/unseen"]
    assert (await shop.operation(operation))["state"] == "unknown"
    resolved = body_of(await _resolve(shop, operation, unseen=True), 200)
    assert (resolved["state"], resolved["outcome"]) == ("failed", "not_applied")
    assert resolved["resolution"]["unseen"] is True
    sent_before = len((await shop.operation(operation))["attempts"])
    problem_of(await write(), 503, "provider_unavailable")
    assert len((await shop.operation(operation))["attempts"]) == sent_before

    shop.emulator.faults()
    body_of(await write(), 201 if kind == "create" else 200)

    assert _effects(shop, kind) == 1
    order = body_of(await shop.get(f"/v1/orders/{resolved['order']}"), 200)
    assert order["review_reasons"] == (["late_write"] if fault is LOST_AFTER else [])


@pytest.mark.parametrize("kind", ["create", "pay"])
async def test_unseen_write_turns_up_by_itself(open_another: OpenShop, kind: str) -> None:
    """What a person took for not applied without seeing it is looked for later, and put into review if it is there."""
    shop = await open_another(
        recovers=True,
        account=SHORT,
        recovery={**SOON, "closed_settling": 0.0, "person_after_hours": 0.000001},
        server={"idempotency_wait": 0},
    )
    operation, _ = await _lost_with_its_provider(shop, {**LOST_AFTER, "do": "delay", "seconds": 0.5}, kind)
    for _ in range(1200):
        if (await shop.operation(operation))["needs_person"]:
            break
        await asyncio.sleep(0.05)
    answer = await _resolve(shop, operation, unseen=True)
    for _ in range(1200):
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.05)
        answer = await _resolve(shop, operation, unseen=True)
    assert body_of(answer, 200)["state"] == "failed"
    shop.emulator.faults()

    found = await _until(shop, operation, "succeeded")

    order = body_of(await shop.get(f"/v1/orders/{found['order']}"), 200)
    assert order["review_reasons"] == ["late_write"]
    assert _effects(shop, kind) == 1


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_of_two_repeats_one_looks_and_sends(open_another: OpenShop) -> None:
    """While one repeat looks at the provider for what the first request has done, another is told to wait."""
    shop = await open_another(**{**HASTY_ALONE, "account": {**SHORT, "read_timeout": 5.0}}, recovers=True)
    shop.emulator.faults({**LOST_BEFORE, "times": 1})
    operation = problem_of(await shop.create(key="once"), 504, "outcome_unknown")["operation"]
    assert (await shop.settled(operation))["outcome"] == "not_applied"
    shop.emulator.faults({"match": READ, "do": "delay", "at": "before", "seconds": 1.0, "times": 1})

    first = asyncio.create_task(shop.create(key="once"))
    asked = shop.emulator.requests
    await eventually(lambda: shop.emulator.requests > asked)
    second = await shop.create(key="once")

    problem_of(second, 409, "idempotency_in_progress")
    assert body_of(await first, 201) == body_of(await shop.create(key="once"), 201)
    assert len(shop.emulator.orders) == 1


async def test_unseen_makes_no_sense_of_what_was_applied(open_another: OpenShop) -> None:
    """Only an operation that was not applied can be unseen."""
    shop = await open_another(**HASTY_ALONE)
    operation, _ = await _lost_with_its_provider(shop, LOST_AFTER)

    problem = problem_of(
        await _resolve(shop, operation, unseen=True, **{"as": "applied"}), 422, "invalid_request"
    )

    assert [error["pointer"] for error in problem["errors"]] == ["/unseen"]


async def test_recheck(open_another: OpenShop) -> None:
    """Anybody who may write has the provider looked at now: one probe more, and the outcome once it is seen."""
    shop = await open_another(**HASTY_ALONE)
    operation, write = await _lost_with_its_provider(shop, LOST_AFTER)
    path = f"/v1/operations/{operation}/recheck"
    reader = await shop.another(scopes=("orders:read",))
    stranger = await shop.another("somebody-else")

    problem_of(await reader.call("POST", path), 403, "forbidden")
    problem_of(await stranger.call("POST", path), 404, "not_found")
    unclear = body_of(await shop.call("POST", path), 200)
    assert (unclear["state"], unclear["probes"][-1]["found"]) == ("unknown", "unclear")
    shop.emulator.faults()
    found = body_of(await (await shop.another(None)).call("POST", path), 200)

    assert (found["state"], found["outcome"], found["resolution"]) == ("succeeded", "applied", None)
    assert body_of(await shop.call("POST", path), 200) == found
    assert body_of(await write(), 201)["id"] == found["order"]
    assert len(shop.emulator.orders) == 1


async def test_recheck_of_what_waits_for_a_person(open_another: OpenShop) -> None:
    """What nobody looks after any more is settled by a look as soon as its provider can be read."""
    shop = await open_another(
        recovers=True,
        account=SHORT,
        recovery={**SOON, "person_after_hours": 0.000001},
        server={"idempotency_wait": 0},
    )
    operation, _ = await _lost_with_its_provider(shop, {**LOST_AFTER, "do": "delay", "seconds": 0.5})
    for _ in range(1200):
        if (await shop.operation(operation))["needs_person"]:
            break
        await asyncio.sleep(0.05)
    shop.emulator.faults()

    found = body_of(await shop.call("POST", f"/v1/operations/{operation}/recheck"), 200)

    assert (found["outcome"], found["needs_person"]) == ("applied", False)


# Callers that do not wait


async def test_respond_async(caring: Shop) -> None:
    """With Prefer: respond-async the answer is 202 and the operation, which then ends by itself."""
    prefer = {"Prefer": "respond-async"}

    answer = await caring.create(key="once", headers=prefer)
    accepted = body_of(answer, 202)
    operation = await caring.settled(accepted["id"])

    assert answer.headers["preference-applied"] == "respond-async"
    assert (accepted["kind"], accepted["problem"]) == ("create", None)
    assert operation["outcome"] == "applied"
    again = await caring.create(key="once", headers=prefer)
    assert body_of(again, 201)["id"] == operation["order"] == accepted["order"]
    assert "preference-applied" not in again.headers
    assert len(caring.emulator.orders) == 1


async def test_respond_async_with_patience(caring: Shop) -> None:
    """With wait=5 the caller gets the result if it comes in time, and refusals come at once anyway."""
    answer = await caring.create(headers={"Prefer": "respond-async, wait=5"})
    body_of(answer, 201)
    assert "preference-applied" not in answer.headers

    refused = await caring.create({"account": caring.account}, headers={"Prefer": "respond-async"})
    problem_of(refused, 422, "invalid_request")
    caring.emulator.faults({"match": WRITE, "at": "after", "do": "delay", "seconds": 0.25})
    order = body_of(answer, 201)
    paying = await caring.post(
        f"/v1/orders/{order['id']}/pay", {}, headers={"Prefer": "respond-async, wait=0"}
    )
    operation = body_of(paying, 202)
    assert (await caring.settled(operation["id"]))["outcome"] == "applied"


async def test_repeat_of_an_accepted_write_waits_for_it(caring: Shop) -> None:
    """A repeat without the preference joins the operation and gets its normal answer."""
    caring.emulator.faults({"match": WRITE, "at": "after", "do": "delay", "seconds": 0.2})
    accepted = body_of(await caring.create(key="once", headers={"Prefer": "respond-async"}), 202)

    order = body_of(await caring.create(key="once"), 201)

    assert order["id"] == accepted["order"]
    assert len(caring.emulator.orders) == 1


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


# Processes that die


async def test_accepted_write_survives_its_process(
    emulators: Mapping[str, Emulator], emulator: Emulator, provider: str, tmp_path: Path, start: Start
) -> None:
    """A write that was accepted and whose process died settles after a restart, whatever it had come to."""
    config = write_config(tmp_path, emulators, account=SHORT, recovery=SOON)
    key, _ = await prepare_store(config, emulators)
    serve = ("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        gateway = start(*serve)
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        accepted = body_of(await shop.create(key="once", headers={"Prefer": "respond-async"}), 202)
        gateway.kill()

        shop = Shop(start(*serve).line(), key, provider, emulator, client, config)
        operation = await shop.settled(accepted["id"])
        order = body_of(await shop.create(key="once"), 201)

    assert operation["order"] == order["id"] == accepted["order"]
    assert len(emulator.orders) == 1


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_two_nodes_on_one_database(
    emulators: Mapping[str, Emulator],
    emulator: Emulator,
    provider: str,
    tmp_path: Path,
    start: Start,
    postgresql_url: str,
) -> None:
    """One key at both nodes acts once, with one answer; what a dying node held, the other settles."""
    config = write_config(
        tmp_path,
        emulators,
        account={"settling_time": 1.0},
        recovery=SOON,
        store=postgresql_url,
    )
    key, _ = await prepare_store(config, emulators)
    serve = ("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        gateways = [start(*serve), start(*serve)]
        here, there = (Shop(gateway.line(), key, provider, emulator, client, config) for gateway in gateways)
        answers = await asyncio.gather(*(node.create(key="both") for node in (here, there) * 3))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert len(emulator.orders) == 1
        # What one node made, the other shows and changes.
        order = body_of(await there.get(f"/v1/orders/{answers[0].json()['id']}"), 200)
        body_of(await there.update(order, metadata={"node": "there"}), 200)
        assert (await here.read(order))["metadata"] == {"node": "there"}

        emulator.faults(
            {"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 20, "times": 1}
        )
        hanging = asyncio.create_task(here.create(key="dies"))
        await eventually(lambda: len(emulator.orders) == 2)
        gateways[0].kill()
        with contextlib.suppress(httpx.HTTPError):
            await hanging
        (operation,) = await there.operations(state="in_progress")
        settled = await there.settled(operation["id"])
        assert settled["outcome"] == "applied"
        assert body_of(await there.create(key="dies"), 201)["id"] == settled["order"]
    assert len(emulator.orders) == 2
