"""Webhooks: which events, in which form, signed how, tried how often."""

import asyncio
import contextlib
import hashlib
import hmac
from typing import Any

import httpx
import msgspec
import pytest
from tests.emulation.receiver import receiving

from ordergate.emulation.server import serve_emulator
from ordergate.emulation.webhooks import WebhookSettings
from ordergate.spi.emulator import DeliveryAttempt, DeliveryRules, WebhookEvent
from ordergate_revkeen.emulator import RevKeenEmulator

from .emulator_client import NOW, Client

VECTOR = WebhookEvent(
    id="evt_1",
    type="order.paid",
    order_id="",
    body=b'{"id":"evt_1","type":"order.paid","created":1705689600,"data":{"object":{}}}',
)
"""The body that two official verifiers accept under the secret `whsec_test`."""
VECTOR_TIME = 1_705_689_600.0
VECTOR_V1 = "e859a2bce526199326c1102a67f8afd7f62772c87a7ca10d0e95872b49a211f0"


def attempt(number: int = 1, at: float = NOW, first: float = NOW, *secrets: str) -> DeliveryAttempt:
    return DeliveryAttempt(
        number=number, url="http://x/", signed_at=at, first_signed_at=first, secrets=secrets
    )


def listening(seed: int = 0, **switches: Any) -> Client:
    """Return a client of an emulator whose events are wanted."""
    client = Client(seed, **switches)
    client.emulator.keep_events(wanted=True)
    return client


def told(client: Client) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.body) for event in client.emulator.take_events()]


def types(client: Client) -> list[str]:
    return [event.type for event in client.emulator.take_events()]


def test_the_vector_of_the_official_verifiers():
    """`t` and the lower-case hex of an HMAC over `t`, a dot and the raw body; no space after the comma."""
    headers = listening().emulator.sign_delivery(VECTOR, attempt(1, VECTOR_TIME, VECTOR_TIME, "whsec_test"))

    assert headers["X-Revkeen-Signature"] == f"t=1705689600,v1={VECTOR_V1}"


def test_headers():
    """The signature and four headers that describe the event; the secret is the emulator's own."""
    client = listening()
    client.create()
    (event,) = client.emulator.take_events()
    secret = client.emulator.describe().webhook_secret

    headers = client.emulator.sign_delivery(event, attempt(1, NOW + 0.9))

    assert secret is not None
    signed = f"{NOW:.0f}.".encode() + event.body
    v1 = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers == {
        "Content-Type": "application/json",
        "X-Revkeen-Signature": f"t={NOW:.0f},v1={v1}",
        "X-Revkeen-Event-Id": event.id,
        "X-Revkeen-Timestamp": f"{NOW:.0f}",
        "X-Revkeen-Version": "2026-05-01",
        "X-Revkeen-Account": msgspec.json.decode(event.body)["account"],
    }


def test_several_secrets_sign_side_by_side():
    """During a rotation each secret makes a `v1`, in the order given."""
    headers = listening().emulator.sign_delivery(
        VECTOR, attempt(1, VECTOR_TIME, VECTOR_TIME, "other", "whsec_test")
    )

    stamp, other, known = headers["X-Revkeen-Signature"].split(",")
    assert (stamp, known) == ("t=1705689600", f"v1={VECTOR_V1}")
    assert other.startswith("v1=")
    assert other != known


@pytest.mark.parametrize(("anew", "moment"), [(True, NOW + 300), (False, NOW)])
def test_retries_are_signed_anew(anew: bool, moment: float):
    """By default at the time of the attempt, by switch at that of the first; the rest stays."""
    client = listening(webhook_retries_signed_anew=anew)
    first = client.emulator.sign_delivery(VECTOR, attempt())

    second = client.emulator.sign_delivery(VECTOR, attempt(2, NOW + 300))

    assert second["X-Revkeen-Signature"].startswith(f"t={moment:.0f},v1=")
    assert second["X-Revkeen-Timestamp"] == f"{moment:.0f}"
    assert second["X-Revkeen-Event-Id"] == first["X-Revkeen-Event-Id"]


@pytest.mark.parametrize(
    ("attempts", "waits"),
    [
        (6, (300, 1800, 7200, 28800, 86400)),
        (8, (300, 1800, 7200, 28800, 86400, 86400, 86400)),
        (1, ()),
    ],
)
def test_attempts(attempts: int, waits: tuple[int, ...]):
    """5 and 30 minutes, 2, 8 and 24 hours after each failure; any 2xx within 30 s counts."""
    client = listening(webhook_attempts=attempts)

    assert client.emulator.delivery_rules() == DeliveryRules(timeout=30, waits=waits, delivered=(200, 299))


def test_deliveries_are_what_the_event_list_shows():
    """Each event is delivered once, under the id and in the form that `GET /events` has."""
    client = listening()
    order = client.paid(metadata={"note": "café"})
    client.post(f"/orders/{order['id']}/fulfill")
    client.act(order, "refund", 500)

    delivered = told(client)

    assert delivered == client.get("/events", "limit=100")["data"][::-1]
    assert [event["type"] for event in delivered] == [
        "order.created",
        "payment.succeeded",
        "order.paid",
        "order.fulfilled",
        "refund.created",
        "refund.succeeded",
        "payment.refunded",
        "order.updated",
    ]
    assert told(client) == []


def test_an_envelope():
    """Unix seconds, the order as it was, and the request behind it."""
    client = listening()
    order = client.create()

    (event,) = told(client)

    assert event.items() >= {"type": "order.created", "created": int(NOW), "livemode": False}.items()
    assert event["data"] == {"object": order}


@pytest.mark.parametrize(
    ("action", "outcome", "expected"),
    [
        ("3ds_ok", "needs_challenge", ["payment.succeeded", "order.paid"]),
        ("3ds_fail", "needs_challenge", ["payment.failed", "order.updated"]),
        ("payment_closed", "pending", ["payment.succeeded", "order.paid"]),
        ("dashboard_cancel", "needs_challenge", ["order.canceled"]),
    ],
)
def test_what_happens_without_a_client(action: str, outcome: str, expected: list[str]):
    """Challenges, late payments and the dashboard are told of."""
    client = listening()
    order = client.create()
    client.post(f"/orders/{order['id']}/pay", {"payment_method_id": client.method(outcome)})
    client.emulator.take_events()

    client.act(order, action)

    assert types(client) == expected


def test_a_declined_payment_is_told():
    """The order is as before; the payment has failed."""
    client = listening()
    order = client.create()
    client.emulator.take_events()

    declined = client.send(
        "POST", f"/orders/{order['id']}/pay", {"payment_method_id": client.method("card_declined")}
    )

    assert declined.status == 400
    assert types(client) == ["payment.failed"]


def test_a_payment_that_closes_as_time_passes_is_told():
    """Nobody has to ask."""
    client = listening(pay_answers_pending=True, pending_payment_seconds=5)
    client.paid()
    assert types(client) == ["order.created", "order.updated"]

    client.emulator.advance(NOW + 6)

    assert types(client) == ["payment.succeeded", "order.paid"]


def test_equal_seeds_tell_the_same():
    """Ids, bodies and headers."""

    def run(seed: int) -> list[Any]:
        client = listening(seed)
        client.paid()
        events = client.emulator.take_events()
        return [(event, client.emulator.sign_delivery(event, attempt())) for event in events]

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_nothing_is_kept_unless_wanted():
    """Neither at first nor after a reset."""
    client = Client()
    client.create()
    client.emulator.reset()
    client.create()

    client.emulator.keep_events(wanted=True)

    assert types(client) == []


def test_a_reset_forgets_what_was_not_told():
    client = listening()
    client.create()

    client.emulator.reset()
    client.emulator.keep_events(wanted=True)

    assert types(client) == []


async def test_over_http():
    """The bytes that arrive are the bytes that are signed; a failed attempt is followed by another."""
    emulator = RevKeenEmulator(5)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with receiving() as receiver:
        receiver.statuses.append(503)
        serving = asyncio.create_task(
            serve_emulator(
                emulator,
                host="127.0.0.1",
                port=0,
                seed=5,
                on_ready=ready.set_result,
                webhooks=WebhookSettings(url=receiver.url, secret="whsec_new", retry_seconds=0),
            )
        )
        async with httpx.AsyncClient(
            headers={"x-api-key": emulator.describe().credentials["api_key"]}
        ) as http:
            answer = await http.post(f"{await ready}/orders", json=Client(5).new_order())
        failed, again = await receiver.expect(2)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    assert answer.status_code == 201
    assert failed.body == again.body
    assert again.json["data"]["object"] == answer.json()
    stamp, v1 = again.headers["x-revkeen-signature"].split(",")
    signed = stamp.removeprefix("t=").encode() + b"." + again.body
    assert v1 == f"v1={hmac.new(b'whsec_new', signed, hashlib.sha256).hexdigest()}"
