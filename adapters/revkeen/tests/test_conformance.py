"""RevKeen's adapter obeys the laws that every adapter obeys."""

import json
from collections.abc import Mapping
from typing import Any

from iso4217 import Currency

from ordergate.conformance import Case, Conformance, Facts, GenuineWebhook
from ordergate.domain.lifecycle import OrderStatus
from ordergate_revkeen import adapter

from .deliveries import SETTINGS, SIGNED_AT, V1, deliver, event, signed
from .samples import ORDER_ID


def facts(state: Mapping[str, Any], order_id: str) -> Facts:
    """Read RevKeen's own form: amounts in cents; a refund is told by its amount."""
    order = next(order for order in state["orders"] if order["id"] == order_id)
    status = OrderStatus.OPEN if order["status"] == "draft" else OrderStatus(order["status"])
    if 0 < order["amount_refunded"] < order["amount_paid"]:
        status = OrderStatus.PARTIALLY_REFUNDED
    return Facts(
        status=status,
        currency=order["currency"].upper(),
        total=order["total"],
        paid=order["amount_paid"],
        refunded=order["amount_refunded"],
    )


def method(outcome: str, catalog: Mapping[str, Any]) -> str:
    """Return the payment method with this outcome."""
    return next(str(found["id"]) for found in catalog["payment_methods"] if found["outcome"] == outcome)


PAYMENT = json.dumps(
    {
        "id": "evt_2",
        "type": "payment.succeeded",
        "created": SIGNED_AT,
        "data": {"object": {"object": "payment", "id": "pay_1", "order_id": ORDER_ID}},
        "request": {"id": "req_1", "idempotency_key": "op_0198f3c29a6b7000800000000000abcd-2"},
    }
).encode()
"""A payment of one of our orders, behind which is the second key of one of our operations."""


class TestRevKeen(Conformance):
    """RevKeen's adapter before the laws; RevKeen documents cents, in 32 bits."""

    case = Case(
        adapter=adapter,
        facts=facts,
        list_readings=({"list_order": "newest_first"}, {"list_order": "oldest_first"}),
        currencies={currency.code for currency in Currency if currency.exponent == 2},
        max_amount=2**31 - 1,
        declining_method=lambda catalog: method("insufficient_funds", catalog),
        waiting_method=lambda catalog: method("pending", catalog),
        webhooks=(
            GenuineWebhook(
                settings=SETTINGS,
                delivery=deliver(f"t={SIGNED_AT},v1={V1}"),
                now=SIGNED_AT + 3,
                event=event(),
            ),
            GenuineWebhook(
                settings=SETTINGS,
                delivery=signed(PAYMENT, secret="whsec_next", header="x-rk-signature"),
                now=SIGNED_AT - 3,
                event=event(
                    id="evt_2",
                    type="payment.succeeded",
                    provider_order_id=ORDER_ID,
                    operations=("op_0198f3c29a6b7000800000000000abcd",),
                ),
            ),
        ),
    )
