"""RevKeen's webhooks and events: which are its own, and which order they are about.

Docs, Webhooks, and RevKeen's published verifiers: ``t=<Unix seconds>,v1=<hexadecimal>`` is signed over the time, a dot
and the raw body, with the whole secret as it was shown.
"""

import re
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Any

import msgspec

from ordergate.domain.errors import Problem
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK
from ordergate.spi.webhooks import (
    ReceivedWebhook,
    bad_signature,
    instant,
    members,
    named_operations,
    plain_text,
    read_document,
    refuse_untimely,
    required_text,
    single_header,
    unix_seconds,
)
from ordergate_revkeen.settings import RevKeenSettings
from ordergate_revkeen.wire import EventFeed

SIGNATURE_HEADERS = ("x-revkeen-signature", "x-rk-signature", "revkeen-signature")
"""The headers with the signature: only the first present one counts."""

TOLERANCE = 300
"""Validity of a signature in seconds, in both directions; each retry is signed again."""

_SCHEME = re.compile("[a-z0-9]+")
_DIGEST = re.compile("[0-9a-f]{64}")

TYPES = frozenset(
    {
        "order.created",
        "order.updated",
        "order.paid",
        "order.fulfilled",
        "order.partially_fulfilled",
        "order.canceled",
        "payment.succeeded",
        "payment.failed",
        "payment.refunded",
        "invoice.paid",
        "invoice.payment_failed",
        "refund.created",
        "refund.succeeded",
        "refund.failed",
    }
)
"""The event types about orders and their money in RevKeen's lists, each of which leaves some out."""


_ODD = "unreadable"
_decode_feed = msgspec.json.Decoder(EventFeed).decode


def verify(delivery: ReceivedWebhook, settings: RevKeenSettings, now: int) -> None:
    """Check that RevKeen signed the delivery with one of the account's secrets, within the tolerance.

    Raises:
        Problem: ``bad_signature``.
    """
    secrets = [secret.reveal().encode() for secret in settings.webhook_secrets if secret.reveal()]
    if not secrets:
        raise bad_signature("The account has no webhook_secrets, so no delivery can be verified.")
    name = next((name for name in SIGNATURE_HEADERS if name in delivery.headers), SIGNATURE_HEADERS[0])
    signed_at, signatures = _parts(single_header(delivery, name), name)
    message = f"{signed_at}.".encode() + delivery.body
    right = [hmac(secret, message, sha256).hexdigest() for secret in secrets]
    # All are compared, whichever matches.
    matches = [compare_digest(one, given) for one in right for given in signatures]
    if not any(matches):
        raise bad_signature(
            f"No signature in {name} is made with the account's webhook_secrets over this body: it was signed with "
            "another secret, or changed on its way."
        )
    refuse_untimely(signed_at, now, past=TOLERANCE, ahead=TOLERANCE)


def _parts(value: str, name: str) -> tuple[int, list[str]]:
    """Split the header; parts may have any order, and unknown schemes are skipped."""
    parts = [part.partition("=") for part in value.split(",")]
    times = [unix_seconds(text) for key, _, text in parts if key == "t"]
    signatures = [text for key, _, text in parts if key == "v1"]
    named = all(_SCHEME.fullmatch(key) and text for key, _, text in parts)
    proper = named and all(map(_DIGEST.fullmatch, signatures))
    if not proper or len(times) != 1 or times[0] is None or not signatures:
        raise bad_signature(f"The header {name} is not of the form t=<Unix seconds>,v1=<hexadecimal>.")
    return times[0], signatures


def read_event(body: bytes) -> ProviderEvent:
    """Read the event in a delivery.

    Raises:
        Problem: ``invalid_json`` or ``invalid_request``.
    """
    return _event(read_document(body))


def read_feed(body: bytes) -> tuple[list[ProviderEvent], bool]:
    """Read one page of events, and whether there are more.

    One that has an id and cannot be read otherwise is an event of an unknown type: it keeps no other from being read.

    Raises:
        ValueError: The bytes are not a list of events, or one has no id that it could be known by.
    """
    try:
        feed = _decode_feed(body)
        return [_event_of_feed(document) for document in feed.data], feed.has_more
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem) as error:
        raise ValueError(str(error)) from None


def _event_of_feed(document: dict[str, Any]) -> ProviderEvent:
    try:
        return _event(document)
    except Problem:
        return ProviderEvent(
            id=required_text(document, "id"),
            type=plain_text(document.get("type")) or _ODD,
            known=False,
            provider_order_id=None,
            occurred_at=None,
        )


def _event(document: dict[str, Any]) -> ProviderEvent:
    kind = required_text(document, "type")
    subject = members(members(document.get("data")).get("object"))
    metadata = members(subject.get("metadata"))
    key = members(document.get("request")).get("idempotency_key")
    return ProviderEvent(
        id=required_text(document, "id"),
        type=kind,
        known=kind in TYPES,
        provider_order_id=_order_id(subject, kind),
        occurred_at=instant(document.get("created")),
        operations=named_operations(key, metadata.get(OPERATION_MARK)),
        merchant=plain_text(metadata.get(MERCHANT_MARK)),
    )


def _order_id(subject: Any, kind: str) -> str | None:
    """The order itself, or the one that a payment, an invoice or a refund names (its form is not documented)."""
    if subject.get("object", "order" if kind.startswith("order.") else None) == "order":
        return plain_text(subject.get("id"))
    return plain_text(subject.get("order_id"))
