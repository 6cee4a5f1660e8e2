"""Webhooks: the event as it is posted, and the headers that sign it.

RevKeen docs, Webhooks guide and Retry behavior; the headers beside the signature are in the SDKs' verifiers.
"""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from ordergate.spi.emulator import DeliveryAttempt, DeliveryRules, WebhookEvent

from .account import Account, Event
from .forms import with_extra

WAITS = (300, 1_800, 7_200, 28_800, 86_400)
"""Seconds between a failed attempt and the next: 5 and 30 minutes, 2, 8 and 24 hours (Retry behavior)."""

TIMEOUT = 30
"""Seconds (Retry behavior)."""

SCHEMA_FIELDS = ("id", "type", "created", "livemode", "data")
"""The members of the webhook schema (OpenAPI); the Events API and the SDKs' types have more."""


def take_events(account: Account) -> list[WebhookEvent]:
    """Return the events to be delivered, oldest first; the event list keeps them."""
    return [_webhook_event(account, event) for event in account.pending_events.take()]


def rules(account: Account) -> DeliveryRules:
    """Return how RevKeen tries: any 2xx has arrived, anything else is tried again (Retry behavior)."""
    further = account.switches.webhook_attempts - 1
    return DeliveryRules(timeout=TIMEOUT, waits=(*WAITS, *(WAITS[-1:] * further))[:further])


def headers(account: Account, event: WebhookEvent, attempt: DeliveryAttempt) -> Mapping[str, str]:
    """Return the signature, one `v1` for each secret, and the four headers that describe the event."""
    switches = account.switches
    moment = int(attempt.signed_at if switches.webhook_retries_signed_anew else attempt.first_signed_at)
    secrets = attempt.secrets or (account.webhook_secret,)
    signatures = ",".join(f"v1={signature(secret, moment, event.body)}" for secret in secrets)
    return {
        "Content-Type": "application/json",
        switches.webhook_signature_header: f"t={moment},{signatures}",
        "X-Revkeen-Event-Id": event.id,
        "X-Revkeen-Timestamp": str(moment),
        "X-Revkeen-Version": switches.pinned_version,
        "X-Revkeen-Account": account.id,
    }


def signature(secret: str, moment: int, body: bytes) -> str:
    """Sign a body as sent: HMAC-SHA256 in lower-case hex, the whole secret its key (Webhooks guide)."""
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def _webhook_event(account: Account, event: Event) -> WebhookEvent:
    form = event.form
    if account.switches.webhook_envelope == "schema":
        form = {name: form[name] for name in SCHEMA_FIELDS}
    body = msgspec.json.encode(with_extra(form, account.switches))
    return WebhookEvent(id=event.id, type=event.type, order_id=event.order_id, body=body)
