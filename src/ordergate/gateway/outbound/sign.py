"""Signs outgoing webhooks as the Standard Webhooks specification requires: HMAC-SHA256 over id, time and body.

The functions are pure: the caller passes the time and the random bytes.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix is no secret


def secret_of(random: bytes) -> str:
    """Return random bytes in the text form of a signing secret, ``whsec_`` and base64."""
    return SECRET_PREFIX + b64encode(random).decode()


def signed_headers(
    message_id: str, at: datetime, body: bytes, secrets: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Return the headers of one delivery attempt.

    ``webhook-signature`` contains one signature for each secret, so that a receiver verifies with the old or the new
    secret during a rotation.

    Args:
        message_id: The same for every attempt; a receiver recognizes duplicates by it.
        at: The time of this attempt.
        body: The exact bytes that are sent.
        secrets: ``whsec_…``, the newest first.
    """
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = " ".join(f"v1,{_signature(secret, content)}" for secret in secrets)
    return (
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures),
    )


def _signature(secret: str, content: bytes) -> str:
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    return b64encode(hmac.digest(key, content, "sha256")).decode()
