"""Verifies that a webhook is the gateway's, by the Standard Webhooks specification."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.client.exceptions import WebhookVerificationError
from ordergate.domain.order import Record

_PREFIX = "whsec_"
_TOLERANCE = 300
_DIGITS = 12


class WebhookMessage(Record, frozen=True, kw_only=True):
    """The content of a webhook.

    Attributes:
        id: The id of the event, the same for every delivery of it. Skip an id that you have handled.
        data: The subject of the event at that time: ``msgspec.convert(message.data, Order)`` for an order.
    """

    id: str = ""
    type: str
    timestamp: datetime
    data: dict[str, Any]


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes, now: datetime | None = None
) -> WebhookMessage:
    """Return the content of a webhook, after the proof that the gateway has just sent it.

    Args:
        secret: The endpoint's, ``whsec_…``.
        headers: Of the request, in any case.
        body: The exact bytes, before anything has parsed them.
        now: The time with a zone; by default the time of this machine. A difference of five minutes is allowed.

    Raises:
        WebhookVerificationError: It is not signed with this secret, too old, or no message at all. Answer 400.
        ValueError: The secret is none.
    """
    key = _key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    message_id, signed_at = _header(given, "webhook-id"), _header(given, "webhook-timestamp")
    signatures = _header(given, "webhook-signature")
    expected = hmac.digest(key, f"{message_id}.{signed_at}.".encode() + body, "sha256")
    if not _signed(expected, signatures):
        raise WebhookVerificationError(
            "No signature matches. Check that the secret is this endpoint's, and that the body is unchanged."
        )
    _refuse_untimely(signed_at, now or datetime.now(UTC))
    try:
        message = msgspec.json.decode(body, type=WebhookMessage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookVerificationError(f"It is signed, and no message: {error}") from error
    return msgspec.structs.replace(message, id=message_id)


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (NotBase64, ValueError):
        key = b""
    if not key:
        raise ValueError("A webhook secret is whsec_ and base64; copy the endpoint's again.")
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise WebhookVerificationError(f"The header {name} is missing.")
    if not value.isascii():
        raise WebhookVerificationError(f"The header {name} contains characters that no signature has.")
    return value


def _signed(expected: bytes, signatures: str) -> bool:
    """Whether one of the signatures is right: while a secret is rotated there are two."""
    right = b"v1," + b64encode(expected)
    return any(hmac.compare_digest(right, given.encode()) for given in signatures.split(" "))


def _refuse_untimely(signed_at: str, now: datetime) -> None:
    if not (signed_at.isascii() and signed_at.isdecimal() and len(signed_at) <= _DIGITS):
        raise WebhookVerificationError("The header webhook-timestamp holds no Unix time.")
    age = now.timestamp() - int(signed_at)
    if abs(age) > _TOLERANCE:
        raise WebhookVerificationError(
            f"It was signed {age:.0f} seconds ago, and a signature is valid for {_TOLERANCE}."
        )
