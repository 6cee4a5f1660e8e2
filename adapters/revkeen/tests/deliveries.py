"""Webhooks as RevKeen sends them, signed by the sheet's formula and by nothing of the adapter."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from ordergate.domain.provider_event import ProviderEvent
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate_revkeen.settings import RevKeenSettings

SECRET = "whsec_test"
SIGNED_AT = 1_705_689_600
BODY = b'{"id":"evt_1","type":"order.paid","created":1705689600,"data":{"object":{}}}'
V1 = "e859a2bce526199326c1102a67f8afd7f62772c87a7ca10d0e95872b49a211f0"
HEADER = "x-revkeen-signature"

SETTINGS = RevKeenSettings(
    api_key=Secret("rk_sandbox_0123456789abcdef"), webhook_secrets=(Secret("whsec_next"), Secret(SECRET))
)
"""An account whose secret is being rotated."""


def deliver(value: str, body: bytes = BODY, *, header: str = HEADER) -> ReceivedWebhook:
    """Return a delivery with this signature header alone."""
    return ReceivedWebhook(headers={header: (value,)}, body=body)


def v1(body: bytes = BODY, *, secret: str = SECRET, signed_at: int | str = SIGNED_AT) -> str:
    """Return one signature: over the time, a dot and the raw body, with the whole secret."""
    return hmac.new(secret.encode(), f"{signed_at}.".encode() + body, hashlib.sha256).hexdigest()


def signed(
    body: bytes = BODY, *, secret: str = SECRET, signed_at: int | str = SIGNED_AT, header: str = HEADER
) -> ReceivedWebhook:
    """Sign a body (docs, Webhooks; the published verifiers)."""
    value = f"t={signed_at},v1={v1(body, secret=secret, signed_at=signed_at)}"
    return deliver(value, body, header=header)


def event(**changes: Any) -> ProviderEvent:
    """Return what the vector's body says, with changes."""
    members: dict[str, Any] = {
        "id": "evt_1",
        "type": "order.paid",
        "known": True,
        "provider_order_id": None,
        "occurred_at": datetime(2024, 1, 19, 18, 40, tzinfo=UTC),
    }
    return ProviderEvent(**{**members, **changes})
