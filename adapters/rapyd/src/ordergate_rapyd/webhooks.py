"""Rapyd's webhooks: which are its own, and which order they are about.

Docs, Webhook Authentication, confirmed on captured deliveries: signed like a request, but over the whole URL that is
configured in Rapyd's portal, without a method, and over the raw body.
"""

from hmac import compare_digest
from typing import Any

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
from ordergate_rapyd.settings import RapydSettings
from ordergate_rapyd.signing import encoded_digest

MAX_AGE = 7 * 24 * 3600
"""Validity of a signature in seconds. Rapyd documents no limit, and not whether a resend is signed again."""
MAX_AHEAD = 300
"""Seconds that Rapyd's clock may be ahead of ours."""

TYPES = frozenset(
    {
        "ORDER_CREATED",
        "ORDER_UPDATED",
        "ORDER_PAYMENT_SUCCEEDED",
        "ORDER_PAYMENT_FAILED",
        "ORDER_RETURN_CREATED",
        "PAYMENT_SUCCEEDED",
        "PAYMENT_COMPLETED",
        "PAYMENT_FAILED",
        "PAYMENT_EXPIRED",
        "PAYMENT_CANCELED",
        "PAYMENT_CAPTURED",
        "PAYMENT_REVERSED",
        "PAYMENT_UPDATED",
        "REFUND_COMPLETED",
        "REFUND_FAILED",
        "REFUND_REJECTED",
    }
)
"""The event types on Rapyd's pages about orders and payments; three of the orders' are inferred from the others."""
_REFUND = "PAYMENT_REFUND_"
"""Begins the types of further refund events."""
_ORDER = "order_"
"""Begins every order's id."""
_PAYMENT = "payment_"
"""Begins every payment's id."""


def verify(delivery: ReceivedWebhook, settings: RapydSettings, now: int) -> None:
    """Check that Rapyd signed the delivery for the account's configured URL.

    The signed text joins salt and timestamp without a separator, so a digit could move from one to the other. Only
    plain decimal times with limits in both directions make the split unambiguous.

    Raises:
        Problem: ``bad_signature``.
    """
    secret = settings.secret_key.reveal()
    if not settings.webhook_url or not secret:
        raise bad_signature("The account has no webhook_url, so no delivery can be verified.")
    salt = single_header(delivery, "salt")
    timestamp = single_header(delivery, "timestamp")
    given = single_header(delivery, "signature")
    signed_at = unix_seconds(timestamp)
    if signed_at is None:
        raise bad_signature("The header timestamp is no Unix time in seconds.")
    message = f"{settings.webhook_url}{salt}{timestamp}{settings.access_key.reveal()}{secret}".encode()
    if not compare_digest(encoded_digest(secret, message + delivery.body), given):
        raise bad_signature(
            "The signature is not the one of this body for the account's keys and its webhook_url, which must be the "
            "whole URL as Rapyd's portal has it; or the body was changed on its way."
        )
    refuse_untimely(signed_at, now, past=MAX_AGE, ahead=MAX_AHEAD)


def read_event(body: bytes) -> ProviderEvent:
    """Read the event in a delivery.

    Raises:
        Problem: ``invalid_json`` or ``invalid_request``.
    """
    document = read_document(body)
    kind = required_text(document, "type")
    subject = members(document.get("data"))
    metadata = members(subject.get("metadata"))
    paid_with = members(members(subject.get("payment")).get("metadata"))
    return ProviderEvent(
        id=required_text(document, "id"),
        type=kind,
        known=kind in TYPES or kind.startswith(_REFUND),
        provider_order_id=_order_id(subject),
        occurred_at=instant(document.get("created_at")),
        operations=named_operations(paid_with.get(OPERATION_MARK), metadata.get(OPERATION_MARK)),
        merchant=plain_text(metadata.get(MERCHANT_MARK)),
        provider_payment_id=_payment_id(subject),
    )


def _order_id(subject: Any) -> str | None:
    """The order itself, or the one that a payment or a return names; a payment often names none (docs' sample)."""
    found = (plain_text(subject.get(name)) for name in ("id", "order"))
    return next((text for text in found if text is not None and text.startswith(_ORDER)), None)


def _payment_id(subject: Any) -> str | None:
    """The payment itself, or the one that a refund names, which names nothing else."""
    found = (plain_text(subject.get(name)) for name in ("id", "payment"))
    return next((text for text in found if text is not None and text.startswith(_PAYMENT)), None)
