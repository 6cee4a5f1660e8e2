"""Webhooks: which are told when, in which form, signed how, tried how often."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
from tests.emulation.receiver import receiving

from ordergate.emulation.server import serve_emulator
from ordergate.emulation.webhooks import WebhookSettings
from ordergate.spi.emulator import DeliveryAttempt, WebhookEvent
from ordergate_rapyd.emulator import Switches
from ordergate_rapyd.emulator.signature import Credentials, SignedParts, sign

from .emulator_client import START, Client, shipping_item, sku_item
from .samples import SIGNATURES, sample

URL = "https://merchant.example/hooks/rapyd?src=orders"


def listening(seed: int = 0, **switches: Any) -> Client:
    """Return a client of an emulator whose events are wanted."""
    client = Client(seed, **switches)
    client.emulator.keep_events(wanted=True)
    return client


def told(client: Client) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in client.emulator.take_events()]


def types(client: Client) -> list[str]:
    return [event.type for event in client.emulator.take_events()]


def attempt(number: int = 1, at: float = START, first: float = START) -> DeliveryAttempt:
    return DeliveryAttempt(number=number, url=URL, signed_at=at, first_signed_at=first)


def signature_of(client: Client, headers: Any, body: bytes, url: str = URL) -> str:
    """Sign as the documentation says, without the emulator's help."""
    keys = client.description.credentials
    signed = url + headers["salt"] + headers["timestamp"] + keys["access_key"] + keys["secret_key"]
    digest = hmac.new(keys["secret_key"].encode(), signed.encode() + body, hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def test_the_vector_of_the_webhook() -> None:
    """W1: the whole URL, no method, the body as sent."""
    vector = SIGNATURES["W1"]
    parts = SignedParts(
        method="",
        target=vector["path_or_url"],
        salt=vector["salt"],
        timestamp=vector["timestamp"],
        body=vector["body_string"],
    )

    signature = sign(parts, Credentials(vector["access_key"], vector["secret_key"]))

    assert signature == vector["signature"]


def test_headers() -> None:
    """Salt, timestamp and signature over the configured URL; no access key."""
    client = listening()
    client.created(metadata={"note": "café/π"})
    (event,) = client.emulator.take_events()

    headers = client.emulator.sign_delivery(event, attempt(1, START + 0.9))

    assert set(headers) == {"Content-Type", "salt", "timestamp", "signature"}
    assert (headers["Content-Type"], headers["timestamp"]) == ("application/json", f"{START:.0f}")
    assert (len(headers["salt"]), len(base64.b64decode(headers["salt"]))) == (24, 16)
    assert headers["signature"] == signature_of(client, headers, event.body)
    assert "café/π".encode() in event.body


@pytest.mark.parametrize("anew", [True, False])
def test_retries_are_signed_anew(anew: bool) -> None:
    """By default each attempt has a salt, a timestamp and a signature of its own."""
    client = listening(webhook_retries_signed_anew=anew)
    event = WebhookEvent(id="wh_1", type="ORDER_UPDATED", order_id="order_1", body=b"{}")
    first = client.emulator.sign_delivery(event, attempt())

    second = client.emulator.sign_delivery(event, attempt(2, START + 15))

    assert (second["timestamp"] == f"{START + 15:.0f}") == anew
    assert (second == first) == (not anew)
    assert (second["salt"] != first["salt"]) == anew
    assert second["signature"] == signature_of(client, second, b"{}")


def test_attempts() -> None:
    """24 attempts, the first wait 15 s and each twice the last, a day at most; any 2xx within 10 s counts."""
    rules = listening().emulator.delivery_rules()

    assert (rules.timeout, rules.delivered, len(rules.waits)) == (10, (200, 299), 23)
    assert rules.waits[:4] == [15, 30, 60, 120]
    assert rules.waits[-1] == 86_400


def test_attempts_by_switch() -> None:
    """Nothing of this is documented."""
    rules = listening(
        webhook_attempts=3,
        webhook_retry_seconds=1,
        webhook_timeout_seconds=2.5,
        webhook_delivered="only_200",
    ).emulator.delivery_rules()

    assert (rules.timeout, rules.waits, rules.delivered) == (2.5, [1, 2], (200, 200))


def test_an_envelope() -> None:
    """The members of the captured one and `extended_timestamp`; the data is the answer's."""
    client = listening()
    answer = client.post("/v1/orders", client.order_body())

    (webhook,) = told(client)

    captured = sample("webhook.envelope_real_payment_event_trimmed")
    assert list(webhook) == [*captured, "extended_timestamp"]
    assert (
        webhook.items()
        >= {
            "type": "ORDER_CREATED",
            "data": answer.data,
            "trigger_operation_id": answer.envelope["status"]["operation_id"],
            "status": "NEW",
            "created_at": int(START),
            "extended_timestamp": int(START) * 1000,
        }.items()
    )
    assert len(webhook["id"]) == len(captured["id"])
    assert webhook["id"].startswith("wh_")


def test_the_sequence_of_a_card_order() -> None:
    """As documented: three while the payment is open and the order pending, two once it has closed."""
    client = listening()
    order = client.created()
    paid = client.pay(order)
    client.wait(1)
    client.emulator.advance(client.now)

    webhooks = told(client)

    assert [
        (webhook["type"], webhook["data"]["status"], webhook["data"].get("payment") is not None)
        for webhook in webhooks
    ] == [
        ("ORDER_CREATED", "created", False),
        ("PAYMENT_SUCCEEDED", "ACT", False),
        ("ORDER_PAYMENT_SUCCEEDED", "pending", True),
        ("PAYMENT_COMPLETED", "CLO", False),
        ("ORDER_UPDATED", "paid", True),
    ]
    assert webhooks[2]["data"] == paid.data
    assert {webhook["trigger_operation_id"] for webhook in webhooks[1:3]} == {
        paid.envelope["status"]["operation_id"]
    }
    assert webhooks[4]["data"] == client.retrieve(order)


def test_the_members_of_order_updated() -> None:
    """Every member of the documented sample is there."""
    client = listening()
    client.in_status("paid")

    webhook = told(client)[-1]

    documented = sample("webhook.ORDER_UPDATED_partial")
    assert set(documented) <= set(webhook)
    assert set(documented["data"]) <= set(webhook["data"])
    assert set(documented["data"]["payment"]) <= set(webhook["data"]["payment"])


def test_updates_are_told() -> None:
    """Each update is one webhook, with the order as answered."""
    client = listening()
    order = client.created()
    client.emulator.take_events()

    answer = client.update(order, metadata={"a": "b"})

    (webhook,) = told(client)
    assert (webhook["type"], webhook["data"]) == ("ORDER_UPDATED", answer.data)


def test_a_declined_payment_is_told() -> None:
    """The order as it stays, under the operation of the refusal."""
    client = listening()
    order = client.created()
    client.emulator.take_events()

    declined = client.pay_with(order, behaviour="declines")

    (webhook,) = told(client)
    assert (webhook["type"], webhook["data"]) == ("ORDER_PAYMENT_FAILED", client.retrieve(order))
    assert webhook["trigger_operation_id"] == declined.envelope["status"]["operation_id"]


def test_a_declined_payment_that_is_recorded_is_told_itself() -> None:
    """By switch the payment exists, and has failed."""
    client = listening(declined_payment_recorded=True)
    order = client.created()
    client.emulator.take_events()

    client.pay_with(order, behaviour="declines")

    assert types(client) == ["PAYMENT_FAILED", "ORDER_PAYMENT_FAILED"]


def test_a_return_is_told() -> None:
    """The refund, the return as answered, and the order's new status."""
    client = listening()
    order = client.in_status("paid")
    client.emulator.take_events()

    answer = client.give_back(order, sku_item(client.description.products[0], quantity=1))

    refund, order_return, updated = told(client)
    assert [webhook["type"] for webhook in (refund, order_return, updated)] == [
        "REFUND_COMPLETED",
        "ORDER_RETURN_CREATED",
        "ORDER_UPDATED",
    ]
    assert refund["data"].items() >= {"id": answer.data["refund"], "amount": 200, "currency": "USD"}.items()
    assert refund["data"]["payment"] == client.retrieve(order)["payment"]["id"]
    assert order_return["data"] == answer.data
    assert updated["data"]["status"] == "returned"


@pytest.mark.parametrize(
    ("behaviour", "action", "expected"),
    [
        ("3ds", "3ds_ok", ["PAYMENT_COMPLETED", "ORDER_UPDATED"]),
        ("3ds", "3ds_fail", ["PAYMENT_FAILED", "ORDER_PAYMENT_FAILED"]),
        ("closes", "payment_closed", ["PAYMENT_COMPLETED", "ORDER_UPDATED"]),
        ("non_card", "payment_closed", ["PAYMENT_COMPLETED"]),
        ("3ds", "dashboard_cancel", ["ORDER_UPDATED"]),
    ],
)
def test_what_happens_without_a_client(behaviour: str, action: str, expected: list[str]) -> None:
    """Shoppers, banks and the portal are told of; of a non-card order the merchant has to say that it is paid."""
    client = listening()
    order = client.created()
    assert client.pay_with(order, behaviour=behaviour).status == 200
    client.emulator.take_events()

    client.emulator.act(order["id"], action, None, client.now)

    assert types(client) == expected


def test_a_refund_in_the_portal_is_told() -> None:
    """Of the payment, not of the order, which stays as it is."""
    client = listening()
    order = client.in_status("paid")
    client.emulator.take_events()

    client.emulator.act(order["id"], "refund", 500, client.now)

    (webhook,) = told(client)
    assert (webhook["type"], webhook["data"]["amount"]) == ("REFUND_COMPLETED", 5)


@pytest.mark.parametrize(
    ("behaviour", "seconds", "expected"),
    [
        ("3ds", 901, ["PAYMENT_EXPIRED"]),
        ("fails_later", 1, ["PAYMENT_FAILED", "ORDER_PAYMENT_FAILED"]),
    ],
)
def test_what_time_ends_is_told(behaviour: str, seconds: float, expected: list[str]) -> None:
    """Each at its own moment."""
    client = listening()
    order = client.created()
    client.pay_with(order, behaviour=behaviour)
    client.emulator.take_events()

    client.emulator.advance(client.now + seconds)

    assert types(client) == expected


def test_an_order_that_goes_back_is_told() -> None:
    """By switch a failed payment takes its order back to created."""
    client = listening(order_after_failed_payment="created")
    client.pay_with(client.created(), behaviour="fails_later")
    client.emulator.take_events()

    client.emulator.advance(client.now + 1)

    assert types(client) == ["PAYMENT_FAILED", "ORDER_PAYMENT_FAILED", "ORDER_UPDATED"]


@pytest.mark.parametrize(
    ("wait", "expected"),
    [(0, ["PAYMENT_CANCELED", "ORDER_UPDATED"]), (1, ["REFUND_COMPLETED", "ORDER_UPDATED"])],
)
def test_canceling_that_moves_money_is_told(wait: float, expected: list[str]) -> None:
    """By switch, the open payment is canceled and the closed one refunded."""
    client = listening(cancel_moves_money=True)
    order = client.created()
    client.pay(order)
    client.wait(wait)
    client.emulator.advance(client.now)
    client.emulator.take_events()

    client.update(order, status="canceled")

    assert types(client) == expected


def test_a_charge_without_its_order_is_told() -> None:
    """The payment closes, and nothing is said of the order."""
    client = listening()
    order = client.created()
    client.emulator.take_events()

    client.pay_with(order, behaviour="charged_without_order_update")

    assert types(client) == ["PAYMENT_SUCCEEDED", "PAYMENT_COMPLETED"]


def test_refused_requests_are_not_told() -> None:
    """What changes nothing says nothing."""
    client = listening()
    order = client.created()
    client.emulator.take_events()

    assert client.update(order, status="paid").status == 400
    assert client.give_back(order, shipping_item()).status == 400

    assert types(client) == []


def test_types_are_switches() -> None:
    """Some literals are not documented, and subscriptions are the merchant's."""
    client = listening(
        omitted_webhooks=["PAYMENT_SUCCEEDED"], renamed_webhooks={"ORDER_CREATED": "ORDER_CREATE"}
    )

    client.pay(client.created())

    assert types(client) == ["ORDER_CREATE", "ORDER_PAYMENT_SUCCEEDED"]
    assert Switches().renamed_webhooks == {}


def test_older_envelopes_by_switch() -> None:
    """`webhook_extended_timestamp` is new."""
    client = listening(webhook_extended_timestamp=False)
    client.created()

    (webhook,) = told(client)

    assert list(webhook) == list(sample("webhook.envelope_real_payment_event_trimmed"))


def test_equal_seeds_tell_the_same() -> None:
    """Ids, bodies and headers; webhooks do not shift the ids of orders."""

    def run(seed: int, **switches: Any) -> list[Any]:
        client = listening(seed, **switches)
        client.in_status("returned")
        events = client.emulator.take_events()
        return [(event, client.emulator.sign_delivery(event, attempt())) for event in events]

    assert run(3) == run(3)
    assert run(3)[0] != run(4)[0]
    orders = {run(3, omitted_webhooks=omitted)[-1][0].order_id for omitted in ([], ["ORDER_CREATED"])}
    assert len(orders) == 1


def test_nothing_is_kept_unless_wanted() -> None:
    """Neither at first nor after a reset."""
    client = Client()
    client.created()
    client.emulator.reset()
    client.created()

    client.emulator.keep_events(wanted=True)

    assert types(client) == []


def test_a_reset_forgets_what_was_not_told() -> None:
    client = listening()
    client.created()

    client.emulator.reset()
    client.emulator.keep_events(wanted=True)

    assert types(client) == []


async def test_over_http() -> None:
    """The bytes that arrive are signed over the URL as configured; a failed attempt is followed by another."""
    client = Client(5)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with receiving() as receiver:
        receiver.statuses.append(500)
        url = f"{receiver.url}?src=orders"
        serving = asyncio.create_task(
            serve_emulator(
                client.emulator,
                host="127.0.0.1",
                port=0,
                seed=5,
                on_ready=ready.set_result,
                webhooks=WebhookSettings(url=url, retry_seconds=0),
                clock=lambda: START,
            )
        )
        body = json.dumps(client.order_body(), separators=(",", ":")).encode()
        request = client.signed("POST", "/v1/orders", body)
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{await ready}/v1/orders", headers=dict(request.headers), content=body)
        failed, again = await receiver.expect(2)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    assert answer.status_code == 200
    assert failed.body == again.body
    assert again.json["data"] == answer.json()["data"]
    for delivery in (failed, again):
        assert delivery.headers["signature"] == signature_of(client, delivery.headers, delivery.body, url)
        assert "access_key" not in delivery.headers
    assert failed.headers["salt"] != again.headers["salt"]
