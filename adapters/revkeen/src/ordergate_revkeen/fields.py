"""The field map of RevKeen's documents (API reference, Orders)."""

from ordergate.domain.provider_order import LINE_TYPE_MARK, REFERENCE_MARK
from ordergate.spi.fields import (
    LOWER_CASE,
    METADATA,
    MINOR_UNITS,
    OWN_ID,
    PLAIN,
    RFC_3339,
    RFC_3339_CLOCK,
    TEXT,
    Field,
    FieldMap,
    Form,
    Lines,
    words,
)

_BOTH = (
    Field(pointer="/reference", at=f"/metadata/{REFERENCE_MARK}", notation=TEXT),
    Field(pointer="/currency", at="/currency", notation=LOWER_CASE),
    Field(pointer="/customer/id", at="/customer_id", notation=OWN_ID),
    Field(pointer="/billing_type", at="/billing_type", notation=PLAIN, absent="one_time"),
    Field(pointer="/metadata", at="/metadata", notation=METADATA),
    Field(pointer="/notes", at="/notes", notation=TEXT),
    Field(pointer="/expires_at", at="/expires_at", notation=RFC_3339),
    Field(pointer="/extensions/revkeen/invoice_id", at="/invoice_id", notation=TEXT),
    Field(pointer="/extensions/revkeen/subscription_id", at="/subscription_id", notation=TEXT),
)

_LINES = Lines(
    at="/line_items",
    fields=(
        Field(
            pointer="/type",
            at=f"/metadata/{LINE_TYPE_MARK}",
            notation=words("a plain line with a mark in its metadata", {"shipping": "shipping"}),
            absent="product",
            unsaid="a plain line",
        ),
        Field(pointer="/sku", at="/product_id", notation=OWN_ID),
        Field(pointer="/description", at="/description", notation=TEXT),
        Field(pointer="/quantity", at="/quantity", notation=PLAIN),
        Field(pointer="/unit_amount", at="/unit_price", notation=MINOR_UNITS),
        Field(pointer="/metadata", at="/metadata", notation=METADATA),
    ),
)

_ORDER = (
    Field(pointer="/provider_order_id", at="/id", notation=OWN_ID),
    Field(
        pointer="/status",
        at="/status",
        notation=words(
            "RevKeen's word",
            {"draft": "open", "pending": "pending", "partially_paid": "partially_paid", "paid": "paid"}
            | {"fulfilled": "fulfilled", "refunded": "refunded", "canceled": "canceled"},
        ),
    ),
    Field(pointer="/discount", at="/discount", notation=MINOR_UNITS),
    Field(pointer="/tax", at="/tax", notation=MINOR_UNITS),
    Field(pointer="/total", at="/total", notation=MINOR_UNITS),
    Field(pointer="/created_at", at="/created_at", notation=RFC_3339_CLOCK),
    Field(pointer="/updated_at", at="/updated_at", notation=RFC_3339_CLOCK),
)

FIELDS = FieldMap(
    request=Form(fields=_BOTH, lines=_LINES),
    order=Form(fields=(*_BOTH, *_ORDER), lines=_LINES),
)
