"""The examples in the OpenAPI description: one order, from draft to answer. A test validates them."""

from typing import Any

from litestar.openapi.spec import Example

CHAIR_DRAFT: dict[str, Any] = {
    "reference": "2025-11-18a",
    "currency": "USD",
    "customer": {"id": "cust-42", "email": "johndoe@example.com"},
    "line_items": [
        {
            "sku": "CHAIR-1",
            "description": "Deluxe Gamer's Chair",
            "quantity": 2,
            "unit_amount": 20000,
        },
        {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1000},
    ],
    "metadata": {"channel": "web"},
}

CHAIR_ORDER: dict[str, Any] = {
    "id": "ord_01a2003f07bd73a0bb21ddc3ff1c3bed",
    "reference": "2025-11-18a",
    "account": "main",
    "provider": "example",
    "provider_order_id": "87b78d2923633ab410654749e8817895",
    "provider_status": "created",
    "status": "open",
    "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled",
    "review_reasons": [],
    "billing_type": "one_time",
    "currency": "USD",
    "subtotal": 40000,
    "shipping": 1000,
    "discount": 0,
    "tax": 0,
    "total": 41000,
    "amount_paid": 0,
    "amount_refunded": 0,
    "amount_due": 41000,
    "customer": {"id": "cust-42", "email": "johndoe@example.com"},
    "line_items": [
        {
            "id": "li_01a2003f07bd73a0bb21dd10a38f0b11",
            "type": "product",
            "sku": "CHAIR-1",
            "description": "Deluxe Gamer's Chair",
            "quantity": 2,
            "unit_amount": 20000,
            "subtotal": 40000,
            "discount": 0,
            "tax": 0,
            "total": 40000,
            "metadata": {},
            "position": 0,
        },
        {
            "id": "li_01a2003f07bd73a0bb21dd2ab2ee0d7c",
            "type": "shipping",
            "sku": None,
            "description": "Shipping",
            "quantity": 1,
            "unit_amount": 1000,
            "subtotal": 1000,
            "discount": 0,
            "tax": 0,
            "total": 1000,
            "metadata": {},
            "position": 1,
        },
    ],
    "shipping_address": None,
    "metadata": {"channel": "web"},
    "notes": None,
    "expires_at": None,
    "tax_percent": None,
    "payments": [],
    "fulfillments": [],
    "returns": [],
    "next_action": None,
    "created_at": "2025-11-18T14:53:25Z",
    "updated_at": "2025-11-18T14:53:25Z",
    "paid_at": None,
    "fulfilled_at": None,
    "canceled_at": None,
    "refunded_at": None,
    "synced_at": "2025-11-18T14:53:25Z",
    "purpose": None,
    "extensions": {"example": {}},
    "notices": [],
}

CHAIR_LINK = {"main": "sku_6eb43887fd478baaf9223ec7ec17da21"}

CHAIR_LINKS = {
    "links": [
        {"kind": "products", "id": "CHAIR-1", "account": "main", "native": CHAIR_LINK["main"]},
        {"kind": "customers", "id": "cust-42", "account": "main", "native": "cus_4d1e0dfd7c4d7a6b"},
    ]
}

TRANSLATION = [
    Example(
        summary="The request to one account for two chairs",
        value={"order": CHAIR_DRAFT, "accounts": ["main"]},
    )
]
COMPARISON = [
    Example(
        summary="The request to an account for two chairs, compared with the draft",
        value={"order": CHAIR_DRAFT, "accounts": ["main"], "mode": "translate"},
    )
]
DRAFT = [Example(summary="Two chairs and shipping: 410.00 USD", value=CHAIR_DRAFT)]
ORDER = [Example(summary="Two chairs and shipping: 410.00 USD", value=CHAIR_ORDER)]
LINK = [Example(summary="The id of CHAIR-1 at the account main", value=CHAIR_LINK)]
LINKS = [Example(summary="The ids of a product and a customer at the account main", value=CHAIR_LINKS)]
ENDPOINT = [
    Example(
        summary="Receive events of payments",
        value={"url": "https://shop.example.com/webhooks", "types": ["order.paid", "order.payment_failed"]},
    )
]
REPLAY = [
    Example(
        summary="Everything since a time",
        value={"endpoint": "wh_01a2003f07bd73a0bb21ddc3ff1c3bed", "since": "2025-11-18T14:00:00Z"},
    )
]
