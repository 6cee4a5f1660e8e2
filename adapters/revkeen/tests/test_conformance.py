"""RevKeen's adapter obeys the laws that every adapter obeys."""

from collections.abc import Mapping
from typing import Any

from iso4217 import Currency

from ordergate.conformance import Case, Conformance, Facts
from ordergate.domain.lifecycle import OrderStatus
from ordergate_revkeen import adapter


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
    )
