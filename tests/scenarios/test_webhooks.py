"""What happens at a provider without us arrives: by its webhooks, however they come, or without them."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import (
    PATIENCE,
    Emulator,
    Shop,
    body_of,
    eventually,
    free_port,
    open_shop,
    plain_client,
    prepare_store,
    problem_of,
    write_config,
)

from ordergate.gateway.accounts.registry import installed_adapter
from ordergate.gateway.inbound import resync as inbound
from ordergate.journal import transactions as tx
from ordergate.spi.emulator import DeliveryAttempt, WebhookEvent

SOON = {"settle_seconds": 0.05, "reread_seconds": 0.1, "poll_seconds": 0}
HOUR = 3600
WEEK = 7 * 24 * HOUR
ROUGH = {
    "in time": {},
    "three times": {"duplicate": 2},
    "reordered": {"reorder": True},
    "late": {"delay": 0.3},
}

OpenTold = Callable[..., Awaitable[Shop]]

_numbers = itertools.count(1)


@pytest_asyncio.fixture
async def open_told(open_another: OpenShop) -> OpenTold:
    """Opens a gateway that its provider's webhooks reach."""

    async def opened(how: Mapping[str, Any] | None = None, **settings: Any) -> Shop:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        pace = {**SOON, **settings.pop("inbound", {})}
        shop = await open_another(recovers=True, port=port, hooks=url, inbound=pace, **settings)
        shop.emulator.webhooks(address(shop), **(how or {}))
        return shop

    return opened


def address(shop: Shop) -> str:
    """Where the provider delivers."""
    return f"{shop.url}/hooks/{shop.account}"


async def until(
    shop: Shop, order: dict[str, Any], seconds: float = PATIENCE, **wanted: Any
) -> dict[str, Any]:
    """The order in the journal, once it is like this: nobody asks for it to be read again."""
    deadline = time.monotonic() + seconds
    while True:
        now = await shop.read(order)
        if wanted.items() <= now.items():
            return now
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.05)


async def health(shop: Shop) -> dict[str, Any]:
    """What the account shows of its webhooks."""
    return body_of(await shop.get(f"/v1/accounts/{shop.account}"), 200)["health"]["webhooks"]


async def quiet(shop: Shop, *, parked: int = 0) -> None:
    """Wait until nothing that was told waits, and so much is parked."""
    deadline = time.monotonic() + PATIENCE
    while (now := await health(shop))["waiting"] or now["parked"] != parked:
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.05)


async def counted(shop: Shop, result: str) -> int:
    """How many webhooks have had this result, at whichever account."""
    text = (await shop.call("GET", "/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("ordergate_webhooks_total{")]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if f'result="{result}"' in line)


def event(shop: Shop, native: str, **changes: Any) -> bytes:
    """An event about an order in the provider's own form, with an id of its own."""
    number = next(_numbers)
    if shop.account == "revkeen":
        subject = {"object": "order", "id": native, "metadata": {}}
        told = {"id": f"evt_{number}", "type": "order.updated", "created": 1, "data": {"object": subject}}
    else:
        told = {"id": f"wh_{number}", "type": "ORDER_UPDATED", "data": {"id": native}, "created_at": 1}
    return json.dumps(told | changes).encode()


def signed(shop: Shop, body: bytes, age: float = 0) -> dict[str, str]:
    """The headers with which the provider delivers it; the running emulator has the same seed."""
    at = time.time() - age
    attempt = DeliveryAttempt(number=1, url=address(shop), signed_at=at, first_signed_at=at, secrets=())
    sent = WebhookEvent(id="evt", type="order.updated", order_id="order", body=body)
    emulator = installed_adapter(shop.account).emulator(0)
    assert emulator.describe().credentials == shop.emulator.credentials
    return dict(emulator.sign_delivery(sent, attempt))


async def deliver(shop: Shop, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Post a webhook, signed unless headers are given."""
    headers = signed(shop, body) if headers is None else dict(headers)
    return await shop.client.post(address(shop), content=body, headers=headers)


# What happens there


@pytest.mark.parametrize("how", ROUGH.values(), ids=ROUGH)
async def test_what_happens_at_the_provider_arrives(open_told: OpenTold, how: Mapping[str, Any]) -> None:
    """Paid and refunded there, told in whichever way: the order here comes to the same end."""
    shop = await open_told(how)
    order = await shop.order()

    body_of(await shop.pay(order), 200)
    paid = await until(shop, order, payment_status="paid", amount_paid=41000)
    shop.emulator.act(order["provider_order_id"], "refund")
    await until(shop, order, status="refunded", amount_refunded=41000)

    assert paid["status"] == "paid"
    await quiet(shop)
    if "duplicate" in how:
        await eventually(lambda: all(entry["delivered"] for entry in shop.emulator.deliveries()))
        assert await counted(shop, "duplicate") >= 2 * await counted(shop, "accepted") > 0


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
async def test_a_cancellation_in_the_dashboard_arrives(open_told: OpenTold) -> None:
    """Nobody here did it, and nobody here asks."""
    shop = await open_told()
    order = await shop.order()

    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")

    assert (await until(shop, order, status="canceled"))["payment_status"] == "unpaid"


async def test_lost_webhooks_delay_the_truth(open_told: OpenTold) -> None:
    """What no webhook told is found: in the provider's feed, or by reading what is not over again."""
    shop = await open_told({"drop": True}, inbound={"poll_seconds": 0.4})
    order = await shop.order()
    body_of(await shop.pay(order), 200)
    await until(shop, order, status="paid")

    shop.emulator.act(order["provider_order_id"], "refund")
    await until(shop, order, status="refunded")

    assert await health(shop) == {"last_received_at": None, "waiting": 0, "parked": 0}


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_an_account_is_not_polled_where_it_says_so(open_told: OpenTold) -> None:
    """An account's own pace counts before the one for all, and 0 asks nothing."""
    shop = await open_told({"drop": True}, inbound={"poll_seconds": 0.1}, account={"poll_seconds": 0})
    await shop.order()
    requests = shop.emulator.requests

    await asyncio.sleep(0.5)

    assert shop.emulator.requests == requests


async def test_events_come_before_our_own_answer(open_told: OpenTold) -> None:
    """An event of an order that is just being made, or paid, waits for it, and is neither parked nor lost."""
    shop = await open_told()
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 0.6})

    order = await shop.order()
    answer = body_of(await shop.pay(order), 200)
    shop.emulator.faults()
    await until(shop, answer, status="paid")

    await quiet(shop)
    assert len(shop.emulator.orders) == 1
    assert [operation["state"] for operation in await shop.operations()] == ["succeeded"] * 2


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_a_reading_that_overtook_our_answer_is_done_again(open_told: OpenTold) -> None:
    """Which of both is newer nobody knows: once the answer is kept the order is read again, without any webhook."""
    shop = await open_told({"drop": True})
    order = await shop.order()
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 1.5})

    paying = asyncio.create_task(shop.pay(order))
    await shop.until_paid(order)
    body_of(await paying, 200)

    await until(shop, order, status="paid")


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_a_payment_that_waits_to_be_confirmed_is(open_told: OpenTold) -> None:
    """Where the provider waits to be told that an order is paid, its own event makes us tell it."""
    shop = await open_told()
    order = await shop.order()
    method = shop.emulator.payment_method(type="nl_ideal_bank")
    body_of(await shop.pay(order, payment_method=f"provider:{method}"), 200)

    shop.emulator.act(order["provider_order_id"], "payment_closed")
    await until(shop, order, status="paid")

    operation, *_ = await shop.operations()
    assert (operation["kind"], operation["performed_by"]) == ("update", "gateway")
    assert shop.emulator.orders[0]["status"] == "paid"


async def test_an_event_settles_what_is_unknown(open_told: OpenTold) -> None:
    """A trace of a create that waits for a person makes it looked at: it is found, and its order with it."""
    shop = await open_told(
        {"delay": 1.2}, server={"idempotency_wait": 0}, recovery={"person_after_hours": 0.0001}
    )
    shop.emulator.faults(
        {"match": {"method": "POST"}, "at": "after", "do": "drop", "times": 1},
        {"match": {"method": "GET"}, "at": "before", "do": "status", "status": 500},
    )
    problem = problem_of(await shop.create(), 504, "outcome_unknown")
    deadline = time.monotonic() + PATIENCE
    while not (await shop.operation(problem["operation"]))["needs_person"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.03)
    shop.emulator.faults()

    operation = await shop.settled(problem["operation"])

    assert (operation["outcome"], operation["needs_person"]) == ("applied", False)
    body_of(await shop.get(f"/v1/orders/{operation['order']}"), 200)
    await quiet(shop)


async def test_ten_events_make_one_read(open_told: OpenTold) -> None:
    """What is told of an order at once is answered by one look at it; another event by another, and no more."""
    shop = await open_told(inbound={"settle_seconds": 0.4, "reread_seconds": 0.4})
    order = await shop.order()
    await eventually(lambda: len(shop.emulator.deliveries()) >= 1)
    await quiet(shop)
    requests = shop.emulator.requests

    bodies = [event(shop, order["provider_order_id"]) for _ in range(10)]
    answers = await asyncio.gather(*(deliver(shop, body) for body in bodies))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, '{"duplicate":false}')}
    await quiet(shop)
    assert shop.emulator.requests == requests + 1

    # What happened long ago, and is told only now, moves nothing back.
    before = await shop.read(order)
    body_of(await deliver(shop, event(shop, order["provider_order_id"], type="ORDER_CREATED")), 200)
    await quiet(shop)
    assert shop.emulator.requests == requests + 2
    assert await shop.read(order) == before | {"synced_at": (await shop.read(order))["synced_at"]}


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
async def test_the_next_look_begins_when_one_ends(
    open_told: OpenTold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more orders due than are looked at together, none waits longer than for its turn."""
    monkeypatch.setattr(inbound, "AT_ONCE", 1)
    monkeypatch.setattr(inbound, "_IDLE", 60.0)
    shop = await open_told()
    shop.emulator.webhooks(None)
    orders = [await shop.order() for _ in range(4)]

    for order in orders:
        body_of(await deliver(shop, event(shop, order["provider_order_id"])), 200)

    await quiet(shop)
    for order in orders:
        assert (await shop.read(order))["synced_at"] > order["synced_at"]


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_what_is_kept_is_what_the_provider_said_last(open_told: OpenTold) -> None:
    """A reading that another one overtook is done again: either may have asked first."""
    shop = await open_told(inbound={"settle_seconds": 60})
    order = await shop.order()
    assert shop.gateway is not None
    overtaken = await shop.journal.read(tx.orders.find(order["id"]))
    assert overtaken is not None
    await shop.read(order, refresh=True)
    body_of(await shop.pay(order), 200)
    await shop.until_paid(order)
    account = shop.gateway.configuration.accounts[shop.account]
    requests = shop.emulator.requests

    kept = await inbound.read_again(shop.gateway, account, overtaken)

    assert shop.emulator.requests == requests + 2
    assert kept.record.seen.amount_paid == 41000
    assert await shop.journal.read(tx.orders.find(order["id"])) == kept


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
async def test_a_provider_that_is_down_loses_nothing(open_told: OpenTold) -> None:
    """An event whose order cannot be read waits, and the order is read as soon as it can be."""
    shop = await open_told()
    order = await shop.order()
    shop.emulator.faults({"match": {"method": "GET"}, "at": "before", "do": "status", "status": 503})
    body_of(await deliver(shop, event(shop, order["provider_order_id"])), 200)
    requests = shop.emulator.requests
    await eventually(lambda: shop.emulator.requests > requests + 1)
    assert (await health(shop))["waiting"] > 0

    shop.emulator.faults()

    await quiet(shop)
    assert (await shop.read(order))["synced_at"] > order["synced_at"]


# Orders that nobody here knows


@pytest.mark.parametrize(
    ("provider", "serves"), [("revkeen", True), ("rapyd", True), ("rapyd", False)], indirect=["provider"]
)
async def test_an_order_of_a_lost_journal(
    open_told: OpenTold,
    emulators: Mapping[str, Emulator],
    provider: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    serves: bool,
) -> None:
    """It is adopted for the merchant that our mark names, if the account is his; else it is kept aside and counted."""
    monkeypatch.setattr(inbound, "GRACE", 0.1)
    async with open_shop(write_config(tmp_path, emulators), emulators, provider) as lost:
        native = (await lost.order(metadata={"colour": "red"}))["provider_order_id"]
    store = f"sqlite:///{tmp_path / 'new.db'}"
    shop = await open_told(store=store, account={"merchants": ["acme"] if serves else ["bolt"]})
    operator = await shop.another(None)

    body_of(await deliver(shop, event(shop, native)), 200)

    await quiet(operator, parked=0 if serves else 1)
    found = body_of(await shop.get("/v1/orders"), 200)["data"]
    assert [order["provider_order_id"] for order in found] == ([native] if serves else [])
    requests = shop.emulator.requests
    body_of(await deliver(shop, event(shop, native)), 200)
    await quiet(operator, parked=0 if serves else 2)
    assert shop.emulator.requests == requests + serves, "what is parked is not asked for again"


# What is no webhook


def _changed(shop: Shop, body: bytes) -> tuple[bytes, dict[str, str]]:
    return body.replace(b"1", b"2"), signed(shop, body)


REFUSED: Mapping[str, tuple[int, str, str, Callable[[Shop, bytes], tuple[bytes, dict[str, str]]]]] = {
    "unsigned": (401, "bad_signature", "refused", lambda _, body: (body, {})),
    "forged": (401, "bad_signature", "refused", _changed),
    "stale": (401, "bad_signature", "refused", lambda shop, body: (body, signed(shop, body, WEEK + HOUR))),
    "from the future": (
        401,
        "bad_signature",
        "refused",
        lambda shop, body: (body, signed(shop, body, -HOUR)),
    ),
    "oversized": (413, "payload_too_large", "oversized", lambda _, __: (b"x" * 2048, {})),
    "no JSON": (400, "invalid_json", "unreadable", lambda shop, _: (b"{", signed(shop, b"{"))),
    "no object": (422, "invalid_request", "unreadable", lambda shop, _: (b"[]", signed(shop, b"[]"))),
    "no event": (422, "invalid_request", "unreadable", lambda shop, _: (b"{}", signed(shop, b"{}"))),
}


async def test_what_is_no_webhook_changes_nothing(
    open_told: OpenTold, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is refused with a problem, and counted; the log has a line or two, however many come."""
    shop = await open_told(server={"max_body_bytes": 1024})
    order = await shop.order()
    await eventually(lambda: len(shop.emulator.deliveries()) >= 1)
    await quiet(shop)
    before, requests = await shop.read(order), shop.emulator.requests

    for name, (status, code, result, make) in REFUSED.items():
        body, headers = make(shop, event(shop, order["provider_order_id"]))
        seen = await counted(shop, result)
        for _ in range(5):
            problem = problem_of(await deliver(shop, body, headers), status, code)
            assert (problem["outcome"], problem["sent"]) == ("not_applied", "no"), name
        assert await counted(shop, result) == seen + 5, name
    nowhere = await shop.client.post(f"{shop.url}/hooks/nowhere", content=b"{}")
    problem_of(nowhere, 401, "bad_signature")
    assert await counted(shop, "unknown_account") == 1

    assert (await shop.read(order), shop.emulator.requests) == (before, requests)
    log = capfd.readouterr()
    lines = [line for line in (log.out + log.err).splitlines() if "refused" in line or "/hooks/" in line]
    accepted = [line for line in lines if "/hooks/" in line and "status=200" in line]
    assert len([line for line in lines if "debug" not in line and line not in accepted]) == 2, lines


async def test_a_replay_is_no_second_event(open_told: OpenTold) -> None:
    """The same delivery again is what a provider's retry is: it is answered, and nothing more."""
    shop = await open_told()
    order = await shop.order()
    body = event(shop, order["provider_order_id"])
    headers = signed(shop, body)
    assert body_of(await deliver(shop, body, headers), 200) == {"duplicate": False}
    await quiet(shop)
    requests = shop.emulator.requests

    for _ in range(3):
        assert body_of(await deliver(shop, body, headers), 200) == {"duplicate": True}

    await asyncio.sleep(0.3)
    assert shop.emulator.requests == requests


async def test_an_account_without_a_secret_takes_nothing(shop: Shop) -> None:
    """It fails closed, whoever signs."""
    body = event(shop, "order_1")

    problem_of(await deliver(shop, body), 401, "bad_signature")


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_a_type_that_is_new_is_counted_and_read(open_told: OpenTold) -> None:
    """Nobody has looked at what it means; the order is the truth all the same."""
    shop = await open_told()
    order = await shop.order()

    body_of(await deliver(shop, event(shop, order["provider_order_id"], type="order.blessed")), 200)

    await quiet(shop)
    assert (await shop.read(order))["synced_at"] > order["synced_at"]
    metrics = (await shop.call("GET", "/metrics")).text
    name = f'account="{shop.account}",type="order.blessed"'
    assert f"ordergate_unknown_provider_events_total{{{name}}} 1.0" in metrics


# Processes that die


@pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
async def test_events_outlive_the_process_that_took_them(
    emulators: Mapping[str, Emulator], emulator: Emulator, provider: str, tmp_path: Path, start: Start
) -> None:
    """What was answered is worked on after a restart; what came to a dead process comes again."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = write_config(
        tmp_path,
        emulators,
        hooks=url,
        inbound={**SOON, "settle_seconds": 1.0},
        recovery={"closed_settling": 0.5},
    )
    key, _ = await prepare_store(config, emulators)
    serve = ("serve", "--config", str(config), "--port", str(port), "--announce", "--stop-with-stdin")
    emulator.webhooks(f"{url}/hooks/{provider}", retry_seconds=0.3)
    async with plain_client() as client:
        gateway = start(*serve)
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        order = await shop.order()
        body_of(await shop.pay(order), 200)
        # Taken, and killed before the order is read because of them.
        await eventually(lambda: any("COMPLETED" in entry["type"] for entry in emulator.deliveries()), 10)
        gateway.kill()
        emulator.act(order["provider_order_id"], "refund")
        gateway = start(*serve)
        shop = Shop(gateway.line(), key, provider, emulator, client, config)

        now = await until(shop, order, 15, status="refunded")
        assert (now["amount_paid"], now["amount_refunded"]) == (41000, 41000)
        await quiet(shop)
