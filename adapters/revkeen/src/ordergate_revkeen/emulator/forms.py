"""The forms of objects in responses: complete, and changed by the switches."""

from typing import Any

from .account import Line, Order, Payment, Refund
from .switches import Switches
from .times import optional_rfc3339, rfc3339

ORDER_REQUIRED = frozenset(
    {
        "id",
        "object",
        "public_id",
        "status",
        "billing_type",
        "currency",
        "subtotal",
        "discount",
        "tax",
        "total",
        "amount_paid",
        "amount_refunded",
        "amount_due",
        "created_at",
        "updated_at",
    }
)
"""Fields that every Order has (OpenAPI)."""
LINE_REQUIRED = frozenset({"id", "description", "quantity", "unit_price", "subtotal", "total"})
"""Fields that every OrderLineItem has (OpenAPI)."""

_EXTRA = {"x_new_field": {"added": "without a new version"}}


def order_form(order: Order, switches: Switches) -> dict[str, Any]:
    """Return an Order with all keys, nullable ones included (OpenAPI, Order)."""
    return {
        "id": order.id,
        "object": "order",
        "public_id": order.public_id,
        "customer_id": order.customer_id,
        "status": order.status,
        "billing_type": order.billing_type,
        "fulfillment_status": order.fulfillment_status,
        "currency": _cased(order.currency, switches.currency_case),
        **_amounts(order, switches),
        "line_items": [_line_form(line) for line in order.lines],
        "metadata": order.metadata,
        "notes": order.notes,
        "invoice_id": order.invoice_id,
        "subscription_id": order.subscription_id,
        **_moments(order, switches),
    }


def order_reply(order: Order, switches: Switches, *, retrieve: bool = False) -> dict[str, Any]:
    """Return the Order of a response: without the omitted members, with the added ones.

    Args:
        order: The order.
        switches: Choose the fields.
        retrieve: Whether this is the retrieve operation, which promises line items (Orders reference).
    """
    form = order_form(order, switches)
    form["line_items"] = [
        with_extra(_chosen(line, LINE_REQUIRED, switches), switches) for line in form["line_items"]
    ]
    lines = form["line_items"]
    form = _chosen(form, ORDER_REQUIRED, switches)
    if retrieve:
        form["line_items"] = lines
    elif switches.line_items_in == "retrieve":
        form.pop("line_items", None)
    return with_extra(form, switches)


def customer_order_row(order: Order, switches: Switches) -> dict[str, Any]:
    """Return the slim row of `GET /customers/{id}/orders`, which is not an Order (OpenAPI)."""
    row = {
        "id": order.id,
        "public_id": order.public_id,
        "customer_id": order.customer_id,
        "status": order.status,
        "total_minor": order.total,
        "currency": _cased(order.currency, switches.currency_case),
    }
    moments = _moments(order, switches)
    names = ("fulfilled_at", "canceled_at", "created_at", "updated_at")
    return with_extra({**row, **{name: moments[name] for name in names}}, switches)


def payment_form(payment: Payment, switches: Switches) -> dict[str, Any]:
    """Return a payment; its form is inferred, as no document shows the payment behind an order."""
    return {
        "id": payment.id,
        "object": "payment",
        "order_id": payment.order_id,
        "amount": payment.amount,
        "amount_refunded": payment.amount_refunded,
        "currency": _cased(payment.currency, switches.sibling_currency_case),
        "status": payment.status,
        "awaiting": payment.awaiting,
        "payment_method_id": payment.payment_method_id,
        "failure_code": payment.failure_code,
        "created_at": rfc3339(payment.created, switches),
    }


def refund_form(refund: Refund, switches: Switches) -> dict[str, Any]:
    """Return a refund; `amount_minor` and the upper case currency are documented, the rest inferred."""
    return {
        "id": refund.id,
        "object": "refund",
        "public_id": refund.public_id,
        "payment_id": refund.payment_id,
        "order_id": refund.order_id,
        "amount_minor": refund.amount,
        "currency": _cased(refund.currency, switches.sibling_currency_case),
        "status": "succeeded",
        "reason": refund.reason,
        "created_at": rfc3339(refund.created, switches),
    }


def list_form(rows: list[dict[str, Any]], *, has_more: bool, switches: Switches) -> dict[str, Any]:
    """Return a page of the cursor kind."""
    return with_extra({"object": "list", "data": rows, "has_more": has_more}, switches)


def with_extra(form: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """Return a form with an unknown field, if a switch asks for one."""
    return {**form, **_EXTRA} if switches.extra_fields else form


def _amounts(order: Order, switches: Switches) -> dict[str, int]:
    return {
        "subtotal": order.subtotal,
        "discount": 0,
        "tax": order.tax,
        "total": order.total,
        "amount_paid": order.amount_paid,
        "amount_refunded": order.amount_refunded,
        "amount_due": order.amount_due(switches),
    }


def _moments(order: Order, switches: Switches) -> dict[str, str | None]:
    return {
        "created_at": rfc3339(order.created, switches),
        "updated_at": rfc3339(order.updated, switches),
        "paid_at": optional_rfc3339(order.paid, switches),
        "canceled_at": optional_rfc3339(order.canceled, switches),
        "fulfilled_at": optional_rfc3339(order.fulfilled, switches),
        "expires_at": optional_rfc3339(order.expires, switches),
    }


def _line_form(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "product_id": line.product_id,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "subtotal": line.subtotal,
        "discount": 0,
        "tax": line.tax,
        "total": line.total,
        "metadata": line.metadata,
        "position": line.position,
    }


def _cased(currency: str, case: str) -> str:
    if case == "as_sent" or not currency.isascii():
        return currency
    return currency.upper() if case == "upper" else currency.lower()


def _chosen(form: dict[str, Any], required: frozenset[str], switches: Switches) -> dict[str, Any]:
    match switches.optional_fields:
        case "non_null":
            return {name: value for name, value in form.items() if name in required or value is not None}
        case "none":
            return {name: value for name, value in form.items() if name in required}
        case _:
            return form
