"""Rapyd's webhooks, against the vector that independent clients agree on, and Rapyd's own samples."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ordergate.domain.errors import Problem
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate_rapyd import adapter

from .commands import OPERATION, ORDER_ID
from .deliveries import BODY, NOW, SETTINGS, VECTOR, deliver, event, signed
from .samples import order, payment, sample

SIGNED_AT = int(VECTOR["timestamp"])
MARKS = {"ordergate_operation": OPERATION, "ordergate_merchant": "acme"}
PAY_OPERATION = "op_0198f3c29a6b7000800000000000beef"
WEEK = 7 * 24 * 3600


def refused(delivery: ReceivedWebhook, now: int = NOW, **changes: Any) -> str:
    """Return the sentence with which a delivery is refused, under changed settings."""
    with pytest.raises(Problem) as raised:
        adapter.verify(delivery, msgspec.structs.replace(SETTINGS, **changes), now)
    assert raised.value.code == "bad_signature"
    return raised.value.detail


def test_vector_both_ways() -> None:
    """The vector is what the documented formula makes, and is let in."""
    vector = deliver(VECTOR["salt"], VECTOR["timestamp"], VECTOR["signature"])

    assert signed(salt=VECTOR["salt"]) == vector
    adapter.verify(vector, SETTINGS, NOW)


@pytest.mark.parametrize("salt", ["0IWZS83/E8w2wvDbqG8HGQ==", "a", "0011223344556677", "x y", "=", "/" * 200])
def test_salts_are_opaque(salt: str) -> None:
    """Rapyd's salts are of any length and hold slashes and equals signs."""
    adapter.verify(signed(salt=salt), SETTINGS, NOW)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{ "amount": 200.00,\n "note": "caf\xc3\xa9 \\u00e9" }\n', b"\xff\x00"]
)
def test_raw_body_is_signed(body: bytes) -> None:
    """The bytes count as they are: nothing is parsed, rewritten or trimmed, and ``{}`` is not nothing."""
    adapter.verify(signed(body), SETTINGS, NOW)
    for other in (b"", b"{}", body + b"\n", body.strip(), body.replace(b".00", b"")):
        if other != body:
            assert "not the one of this body" in refused(msgspec.structs.replace(signed(body), body=other))


@pytest.mark.parametrize("salt", ["abc0", "abc1", "17", "00", "x1763478200"])
def test_no_digit_moves_between_salt_and_timestamp(salt: str) -> None:
    """What is signed runs the two together; a delivery parted elsewhere has the right signature, and is refused."""
    genuine = signed(salt=salt)
    adapter.verify(genuine, SETTINGS, NOW)
    run = salt + VECTOR["timestamp"]
    for place in range(len(run) + 1):
        if place != len(salt):
            parted = {**genuine.headers, "salt": (run[:place],), "timestamp": (run[place:],)}
            assert "signature is not" not in refused(msgspec.structs.replace(genuine, headers=parted))


@pytest.mark.parametrize(
    "timestamp",
    ["1763478200.0", "+1763478200", "01763478200", "1_763_478_200", "1763478200000000", "now", "-1"],
)
def test_time_is_plain_seconds(timestamp: str) -> None:
    """A time in any other notation is refused, even where it is signed."""
    assert refused(signed(timestamp=timestamp)) == "The header timestamp is no Unix time in seconds."


def test_resends_of_a_week_count() -> None:
    """Rapyd does not say whether it signs a resend anew: a week passes, five minutes ahead do, and no more."""
    adapter.verify(signed(), SETTINGS, SIGNED_AT + WEEK)
    adapter.verify(signed(), SETTINGS, SIGNED_AT - 300)

    assert f"{WEEK + 1} seconds ago" in refused(signed(), SIGNED_AT + WEEK + 1)
    assert "301 seconds ahead" in refused(signed(), SIGNED_AT - 301)


@pytest.mark.parametrize(
    ("changes", "url", "secret"),
    [
        ({"webhook_url": None}, "", VECTOR["secret_key"]),
        ({"webhook_url": ""}, "", VECTOR["secret_key"]),
        ({"secret_key": Secret("")}, VECTOR["path_or_url"], ""),
    ],
)
def test_without_url_or_secret_nothing_is_let_in(changes: dict[str, Any], url: str, secret: str) -> None:
    """Not even what is signed for no URL, or with no secret."""
    for delivery in (signed(), signed(url=url, secret_key=secret), signed(url="None", secret_key=secret)):
        assert "no delivery can be verified" in refused(delivery, **changes)


@pytest.mark.parametrize("name", ["salt", "timestamp", "signature"])
def test_each_header_is_there_once(name: str) -> None:
    """None may be missing, empty or doubled, and the sentence says which."""
    headers = signed().headers
    for values in ((), ("",)):
        assert (
            refused(ReceivedWebhook(headers={**headers, name: values}, body=BODY))
            == f"The header {name} is missing."
        )
    doubled = ReceivedWebhook(headers={**headers, name: headers[name] * 2}, body=BODY)
    assert refused(doubled) == f"The header {name} is there more than once."


def test_digest_itself_is_no_signature() -> None:
    """The base64 of the digest's bytes, and the digest's text, are not what Rapyd sends."""
    text = VECTOR["hmac_sha256_hex"]
    for wrong in (text, msgspec.json.encode(bytes.fromhex(text)).decode().strip('"')):
        assert "not the one of this body" in refused(deliver(VECTOR["salt"], VECTOR["timestamp"], wrong))


def told(kind: str, data: Any, **members: Any) -> bytes:
    """Return the body of an event about this object."""
    root = {"id": "wh_00000000000000000000000000000001", "type": kind, "data": data, "created_at": 1763478200}
    return json.dumps({**root, **members}).encode()


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (BODY, {}),
        (told("ORDER_UPDATED", order(id=ORDER_ID)), {}),
        (
            told(
                "ORDER_PAYMENT_SUCCEEDED", order(id=ORDER_ID, metadata=MARKS, payment=payment(metadata=MARKS))
            ),
            {"type": "ORDER_PAYMENT_SUCCEEDED", "operations": (OPERATION,), "merchant": "acme"},
        ),
        (
            told(
                "ORDER_UPDATED",
                order(
                    id=ORDER_ID,
                    metadata=MARKS,
                    payment=payment(metadata={"ordergate_operation": PAY_OPERATION}),
                ),
            ),
            {"operations": (PAY_OPERATION, OPERATION), "merchant": "acme"},
        ),
        (
            told("ORDER_RETURN_CREATED", {"id": "orre_1", "order": ORDER_ID, "refund": "refund_1"}),
            {"type": "ORDER_RETURN_CREATED"},
        ),
        (
            told("PAYMENT_COMPLETED", payment(id="payment_1", order=ORDER_ID)),
            {"type": "PAYMENT_COMPLETED", "provider_payment_id": "payment_1"},
        ),
        (
            told("PAYMENT_COMPLETED", payment(id="", metadata={"ordergate_operation": PAY_OPERATION})),
            {"type": "PAYMENT_COMPLETED", "provider_order_id": None, "operations": (PAY_OPERATION,)},
        ),
        (
            told("PAYMENT_REFUND_COMPLETED", {"id": "refund_1", "payment": "payment_1"}),
            {
                "type": "PAYMENT_REFUND_COMPLETED",
                "provider_order_id": None,
                "provider_payment_id": "payment_1",
            },
        ),
        (told("ORDER_ARCHIVED", order(id=ORDER_ID)), {"type": "ORDER_ARCHIVED", "known": False}),
        (
            told("ORDER_UPDATED", order(id=ORDER_ID, metadata="", payment="payment_1")),
            {"provider_payment_id": "payment_1"},
        ),
        (told("ORDER_UPDATED", {"id": ORDER_ID, "order": 7}, created_at=True), {"occurred_at": None}),
        (told("ORDER_UPDATED", None, created_at=-(10**15)), {"provider_order_id": None, "occurred_at": None}),
    ],
)
def test_event_is_read(body: bytes, changes: dict[str, Any]) -> None:
    """An event names its order, directly or through a return or payment, our operations and the merchant."""
    assert adapter.read_event(body) == event(**changes)


def test_samples_are_read() -> None:
    """Rapyd's own samples: an order's, without its root's end, and a payment's that names no order."""
    of_an_order = adapter.read_event(json.dumps(sample("webhook.ORDER_UPDATED_partial")).encode())
    of_a_payment = adapter.read_event(
        json.dumps(sample("webhook.envelope_real_payment_event_trimmed")).encode()
    )

    assert of_an_order.provider_order_id == "order_70cfe834559542f7878bfbeaa1321e17"
    assert (of_an_order.known, of_an_order.occurred_at) == (True, None)
    assert (of_a_payment.type, of_a_payment.known) == ("PAYMENT_SUCCEEDED", True)
    assert of_a_payment.provider_order_id is None
    assert of_a_payment.occurred_at == datetime(2024, 1, 22, 8, 9, 41, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"7", b'{"token": "wh_1", "type": "ORDER_UPDATED"}', b'{"id": "wh_1"}']
)
def test_what_is_no_event_is_a_problem(body: bytes) -> None:
    """A body without an event says what is missing."""
    with pytest.raises(Problem) as raised:
        adapter.read_event(body)
    assert raised.value.code in {"invalid_json", "invalid_request"}
