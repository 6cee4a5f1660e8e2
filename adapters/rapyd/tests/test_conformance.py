"""Rapyd's adapter obeys the laws that every adapter obeys."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ordergate.conformance import Case, Conformance, Facts, GenuineWebhook
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.money import minor_unit_digits
from ordergate_rapyd import adapter

from .deliveries import BODY, NOW, SETTINGS, VECTOR, deliver, event

STATUSES = {
    "created": OrderStatus.OPEN,
    "pending": OrderStatus.PENDING,
    "paid": OrderStatus.PAID,
    "fulfilled": OrderStatus.FULFILLED,
    "canceled": OrderStatus.CANCELED,
}


def facts(state: Mapping[str, Any], order_id: str) -> Facts:
    """Read Rapyd's own form: amounts in major units; a return or a refund is told by its amount."""
    order = next(order for order in state["orders"] if order["id"] == order_id)
    unit = 10 ** minor_unit_digits(order["currency"])
    total = int(Decimal(str(order["amount"])) * unit)
    payment = order["payment"] or {}
    paid = int(Decimal(str(payment["amount"])) * unit) if payment.get("paid") else 0
    refunded = int(Decimal(str(payment.get("refunded_amount", 0))) * unit)
    if refunded:
        status = OrderStatus.REFUNDED if refunded == paid else OrderStatus.PARTIALLY_REFUNDED
    else:
        status = STATUSES[order["status"]]
    return Facts(status=status, currency=order["currency"], total=total, paid=paid, refunded=refunded)


def method(about: str, catalog: Mapping[str, Any]) -> str:
    """Return the payment method of which the catalog says this."""
    return next(str(found["id"]) for found in catalog["payment_methods"] if about in found["about"])


class TestRapyd(Conformance):
    """Rapyd's adapter before the laws; the emulator takes currencies that Rapyd's page does not name."""

    case = Case(
        adapter=adapter,
        facts=facts,
        list_readings=({"list_direction": "oldest_first"}, {"list_direction": "newest_first"}),
        switches={"unknown_currency": "accept"},
        declining_method=lambda catalog: method("does not hold enough", catalog),
        waiting_method=lambda catalog: method("bank transfer", catalog),
        webhooks=(
            GenuineWebhook(
                settings=SETTINGS,
                delivery=deliver(VECTOR["salt"], VECTOR["timestamp"], VECTOR["signature"], BODY),
                now=NOW,
                event=event(),
                refused_with={
                    about: msgspec.structs.replace(SETTINGS, webhook_url=url)
                    for about, url in {
                        "another query": "https://merchant.example/hooks/rapyd?src=order",
                        "without the query": "https://merchant.example/hooks/rapyd",
                        "the path alone": "/hooks/rapyd?src=orders",
                        "another host": "https://merchant.test/hooks/rapyd?src=orders",
                        "another scheme": "http://merchant.example/hooks/rapyd?src=orders",
                    }.items()
                },
            ),
        ),
    )
