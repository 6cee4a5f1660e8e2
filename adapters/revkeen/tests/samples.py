"""RevKeen's order as its documentation shapes it, and answers made of it."""

from typing import Any

import msgspec

from ordergate.spi.wire import WireResponse

ORDER_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
LINE_ID = "0f3a6c1e-5a39-4d07-9f10-5e0f6a1f6b11"
OTHER_LINE_ID = "0f3a6c1e-5a39-4d07-9f10-5e0f6a1f6b12"
NULLABLE = (
    "customer_id",
    "fulfillment_status",
    "notes",
    "invoice_id",
    "subscription_id",
    "paid_at",
    "canceled_at",
    "fulfilled_at",
    "expires_at",
)
"""Fields of an order that may be null, or not there at all."""


def line(**changes: Any) -> dict[str, Any]:
    """Return the documented line, two at 12.50, with changes; a member set to ``...`` is left out."""
    members = {
        "id": LINE_ID,
        "product_id": None,
        "description": "Blue mug",
        "quantity": 2,
        "unit_price": 1250,
        "subtotal": 2500,
        "discount": 0,
        "tax": 0,
        "total": 2500,
        "metadata": {},
        "position": 0,
        **changes,
    }
    return {name: value for name, value in members.items() if value is not ...}


def order(**changes: Any) -> dict[str, Any]:
    """Return the documented order of 25 USD with changes; a member set to ``...`` is left out."""
    members = {
        "id": ORDER_ID,
        "object": "order",
        "public_id": "ord_x",
        "customer_id": None,
        "status": "draft",
        "billing_type": "one_time",
        "fulfillment_status": "unfulfilled",
        "currency": "usd",
        "subtotal": 2500,
        "discount": 0,
        "tax": 0,
        "total": 2500,
        "amount_paid": 0,
        "amount_refunded": 0,
        "amount_due": 2500,
        "line_items": [line()],
        "metadata": {"merchant_ref": "A-1001"},
        "notes": None,
        "invoice_id": None,
        "subscription_id": None,
        "created_at": "2026-05-02T10:00:00Z",
        "updated_at": "2026-05-02T10:00:00Z",
        "paid_at": None,
        "canceled_at": None,
        "fulfilled_at": None,
        "expires_at": None,
        **changes,
    }
    return {name: value for name, value in members.items() if value is not ...}


def rows(*orders: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    """Return a page of the list."""
    return {"object": "list", "data": list(orders), "has_more": has_more, "total_count": len(orders)}


def respond(body: Any, status: int = 200, **headers: str) -> WireResponse:
    """Return an answer with this JSON body."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WireResponse(
        status=status,
        headers={"content-type": "application/json", **given},
        body=msgspec.json.encode(body),
    )


def refusal(status: int, code: str, *, param: str | None = None, **headers: str) -> WireResponse:
    """Return RevKeen's canonical refusal with this code."""
    error = {
        "type": "invalid_request_error",
        "code": code,
        "message": "It was refused",
        "request_id": "req_abc123",
    }
    return respond({"error": error | ({"param": param} if param else {})}, status, **headers)
