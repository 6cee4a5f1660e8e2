"""Webhooks as Rapyd sends them, signed by the sheet's formula and by nothing of the adapter."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from ordergate.domain.provider_event import ProviderEvent
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate_rapyd.settings import RapydSettings

from .commands import ORDER_ID
from .samples import SIGNATURES

VECTOR = SIGNATURES["W1"]
NOW = int(VECTOR["timestamp"]) + 3
SETTINGS = RapydSettings(
    access_key=Secret(VECTOR["access_key"]),
    secret_key=Secret(VECTOR["secret_key"]),
    webhook_url=VECTOR["path_or_url"],
)
BODY: bytes = VECTOR["body_string"].encode()


def deliver(salt: str, timestamp: str, signature: str, body: bytes = BODY) -> ReceivedWebhook:
    """Return a delivery with Rapyd's three headers."""
    headers = {"salt": (salt,), "timestamp": (timestamp,), "signature": (signature,)}
    return ReceivedWebhook(headers=headers, body=body)


def signed(
    body: bytes = BODY,
    *,
    salt: str = "0IWZS83/E8w2wvDbqG8HGQ==",
    timestamp: str = VECTOR["timestamp"],
    url: str = VECTOR["path_or_url"],
    secret_key: str = VECTOR["secret_key"],
) -> ReceivedWebhook:
    """Sign a body (docs, Webhook Authentication): full URL, salt, timestamp, both keys, raw body."""
    message = f"{url}{salt}{timestamp}{VECTOR['access_key']}{secret_key}".encode() + body
    digest = hmac.new(secret_key.encode(), message, hashlib.sha256).hexdigest()
    return deliver(salt, timestamp, base64.b64encode(digest.encode()).decode(), body)


def event(**changes: Any) -> ProviderEvent:
    """Return what the vector's body says, with changes."""
    members: dict[str, Any] = {
        "id": "wh_00000000000000000000000000000001",
        "type": "ORDER_UPDATED",
        "known": True,
        "provider_order_id": ORDER_ID,
        "occurred_at": datetime(2025, 11, 18, 15, 3, 20, tzinfo=UTC),
    }
    return ProviderEvent(**{**members, **changes})
