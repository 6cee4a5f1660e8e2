"""Webhooks are believed when they are signed as the Standard Webhooks library signs them, and not otherwise."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from ordergate.client import WebhookVerificationError, verify_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_b3RoZXIgc2VjcmV0IG9mIGFub3RoZXI="
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = '{"type":"order.paid","timestamp":"2026-03-01T12:00:00Z","data":{"id":"ord_1","notes":"Zoë"}}'.encode()


def headers(secret: str = SECRET, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    signature = Webhook(secret).sign("evt_1", at, body.decode())
    return {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }


def test_what_the_library_signs_is_believed() -> None:
    """The message is read, with the id under which repeats are known."""
    message = verify_webhook(SECRET, headers(), BODY, NOW)

    assert (message.id, message.type, message.data["notes"]) == ("evt_1", "order.paid", "Zoë")


def test_what_is_believed_the_library_believes() -> None:
    """The same delivery, now, by both."""
    now = datetime.now(UTC)
    signed = headers(at=now)

    assert verify_webhook(SECRET, signed, BODY).id == "evt_1"
    assert Webhook(SECRET).verify(BODY, signed)["type"] == "order.paid"


def test_either_secret_does_while_it_is_rotated() -> None:
    """Two signatures, of which one is ours, in any order, beside one of a version to come."""
    signatures = [headers(OTHER)["Webhook-Signature"], "v2,AAAA", headers()["Webhook-Signature"]]
    for order in (signatures, signatures[::-1]):
        signed = headers() | {"Webhook-Signature": " ".join(order)}

        assert verify_webhook(SECRET, signed, BODY, NOW).id == "evt_1"


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "evt_2"},
        {"Webhook-Id": ""},
        {"Webhook-Id": "é"},
        {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1"},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v1,***"},
        {"Webhook-Signature": headers(OTHER)["Webhook-Signature"]},
        {"Webhook-Signature": headers()["Webhook-Signature"].replace("v1", "v2")},
    ],
)
def test_anything_else_is_not(change: dict[str, str]) -> None:
    """A header that was changed, or that is missing or garbled."""
    with pytest.raises(WebhookVerificationError) as raised:
        verify_webhook(SECRET, headers() | change, BODY, NOW)

    assert headers()["Webhook-Signature"] not in str(raised.value)


def test_a_body_that_was_changed_is_not_believed() -> None:
    """One byte more."""
    with pytest.raises(WebhookVerificationError):
        verify_webhook(SECRET, headers(), BODY + b" ", NOW)


@pytest.mark.parametrize(("minutes", "believed"), [(-5, True), (5, True), (-6, False), (6, False)])
def test_what_is_old_or_of_the_future_is_not_believed(minutes: int, believed: bool) -> None:
    """Five minutes either way."""
    at = NOW + timedelta(minutes=minutes)
    if believed:
        assert verify_webhook(SECRET, headers(at=at), BODY, NOW).id == "evt_1"
        return

    with pytest.raises(WebhookVerificationError, match="seconds"):
        verify_webhook(SECRET, headers(at=at), BODY, NOW)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"no"])
def test_what_is_signed_and_no_message(body: bytes) -> None:
    """It is refused, and no exception of a parser comes out."""
    with pytest.raises(WebhookVerificationError, match="no message"):
        verify_webhook(SECRET, headers(body=body), body, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "not base64!"])
def test_a_secret_that_is_none(secret: str) -> None:
    """With an empty secret anybody could sign: it is a mistake of the caller's."""
    with pytest.raises(ValueError, match="secret"):
        verify_webhook(secret, headers(), BODY, NOW)
