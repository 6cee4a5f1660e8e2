"""Webhooks: the events of orders and payments, their envelope and their signature.

Facts: Rapyd docs, "Webhooks", "Webhook Authentication", "Message Sequences" and the pages of the single
webhooks, "Order Updated Webhook" among them.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping

from ordergate.spi.emulator import DeliveryAttempt, DeliveryRules, WebhookEvent
from ordergate_rapyd.emulator import views
from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.javascript import JsonObject, stringify
from ordergate_rapyd.emulator.records import Order, OrderReturn, Payment
from ordergate_rapyd.emulator.signature import Credentials, SignedParts, sign
from ordergate_rapyd.emulator.switches import Switches


def record_order(account: Account, kind: str, order: Order, second: int) -> None:
    """Record a webhook with the order in its present state.

    Args:
        account: The account of the order.
        kind: ``ORDER_CREATED``, ``ORDER_UPDATED``, ``ORDER_PAYMENT_SUCCEEDED`` or ``ORDER_PAYMENT_FAILED``.
        order: The order after the change.
        second: Unix time in whole seconds.
    """
    _record(account, kind, order.id, lambda: views.order(account, order), second)


def record_payment(account: Account, kind: str, payment: Payment, second: int) -> None:
    """Record a webhook of a payment: ``PAYMENT_SUCCEEDED``, ``PAYMENT_COMPLETED``, ``PAYMENT_FAILED`` and so on."""
    _record(account, kind, payment.order, lambda: views.payment(account, payment), second)


def record_return(account: Account, order_return: OrderReturn, second: int) -> None:
    """Record a webhook with a new return, in the form of its response."""
    kind = "ORDER_RETURN_CREATED"
    _record(account, kind, order_return.order, lambda: views.order_return(account, order_return), second)


def record_refund(account: Account, refund_id: str, payment: Payment, amount: int, second: int) -> None:
    """Record a webhook of a refund; `amount` is in minor units."""
    kind = "REFUND_COMPLETED"
    _record(account, kind, payment.order, lambda: views.refund(refund_id, payment, amount, second), second)


def rules(switches: Switches) -> DeliveryRules:
    """Return the delivery rules: each wait is twice the one before, and at most a day."""
    waits = [
        min(switches.webhook_retry_seconds * 2**place, 86_400)
        for place in range(switches.webhook_attempts - 1)
    ]
    highest = 299 if switches.webhook_delivered == "any_2xx" else 200
    return DeliveryRules(timeout=switches.webhook_timeout_seconds, waits=waits, delivered=(200, highest))


def headers(
    credentials: Credentials, switches: Switches, event: WebhookEvent, attempt: DeliveryAttempt
) -> Mapping[str, str]:
    """Return salt, timestamp and signature; the access key is signed, and not sent."""
    anew = switches.webhook_retries_signed_anew
    timestamp = str(int(attempt.signed_at if anew else attempt.first_signed_at))
    salt = _salt(event.id, timestamp, attempt.number if anew else 1)
    parts = SignedParts(
        method="", target=attempt.url, salt=salt, timestamp=timestamp, body=event.body.decode("utf-8")
    )
    return {
        "Content-Type": "application/json",
        "salt": salt,
        "timestamp": timestamp,
        "signature": sign(parts, credentials),
    }


def _record(account: Account, kind: str, order_id: str, view: Callable[[], JsonObject], second: int) -> None:
    switches = account.switches
    if not account.pending_webhooks.wanted or kind in switches.omitted_webhooks:
        return
    kind = switches.renamed_webhooks.get(kind, kind)
    webhook_id = account.webhook_ids.object_id("wh")
    envelope: JsonObject = {
        "id": webhook_id,
        "type": kind,
        "data": view(),
        "trigger_operation_id": account.operation_id or account.webhook_ids.uuid(),
        "status": "NEW",
        "created_at": second,
    }
    if switches.webhook_extended_timestamp:
        envelope["extended_timestamp"] = second * 1000
    body = stringify(envelope).encode("utf-8")
    account.pending_webhooks.add(WebhookEvent(id=webhook_id, type=kind, order_id=order_id, body=body))


def _salt(webhook_id: str, timestamp: str, number: int) -> str:
    """Return 24 characters of base64, as in captured webhooks. Equal inputs return equal salts."""
    digest = hashlib.sha256(f"{webhook_id} {timestamp} {number}".encode()).digest()
    return base64.b64encode(digest[:16]).decode("ascii")
