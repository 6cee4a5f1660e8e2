"""The field map of Rapyd's documents (docs, Create Order and Order Object)."""

from typing import Any

import msgspec

from ordergate.domain.provider_order import ADDED_SHIPPING_MARK
from ordergate.spi.fields import (
    MAJOR_UNITS,
    METADATA,
    OWN_ID,
    PERCENT,
    PLAIN,
    TEXT,
    UNIX_CLOCK,
    UPPER_CASE,
    Field,
    FieldMap,
    Form,
    Lines,
    at_pointer,
    words,
)

_ADDRESS = {
    "name": "name",
    "line_1": "line_1",
    "line_2": "line_2",
    "line_3": "line_3",
    "city": "city",
    "district": "district",
    "state": "state",
    "postal_code": "zip",
    "country": "country",
    "phone": "phone_number",
}

_BOTH = (
    Field(pointer="/reference", at="/upstream_id", notation=TEXT, made=True),
    Field(pointer="/currency", at="/currency", notation=UPPER_CASE),
    Field(pointer="/customer/id", at="/customer", notation=OWN_ID),
    Field(pointer="/customer/email", at="/email", notation=TEXT, made=True),
    Field(pointer="/billing_type", at=None, notation=PLAIN, absent="one_time", unsaid="the only way"),
    Field(pointer="/tax_percent", at="/tax_percent", notation=PERCENT),
    Field(pointer="/metadata", at="/metadata", notation=METADATA),
    *(
        Field(pointer=f"/shipping_address/{ours}", at=f"/shipping_address/{theirs}", notation=TEXT)
        for ours, theirs in _ADDRESS.items()
    ),
    Field(pointer="/extensions/rapyd/coupon", at="/coupon", notation=TEXT),
    Field(pointer="/extensions/rapyd/external_coupon_code", at="/external_coupon_code", notation=TEXT),
)


def _sent(item: Any, order: Any) -> bool:
    """Return whether an item of a request is a line, not the added free shipping."""
    added = at_pointer(order, f"/metadata/{ADDED_SHIPPING_MARK}") is True
    return not (added and at_pointer(item, "/type") == "shipping" and at_pointer(item, "/amount") == 0)


def _answered(item: Any, order: Any) -> bool:
    """Whether an item of an answer is a line: not one of tax or discount, which Rapyd adds itself."""
    return at_pointer(item, "/type") in ("sku", "shipping") and _sent(item, order)


_ITEMS = Lines(
    at="/items",
    fields=(
        Field(
            pointer="/type",
            at="/type",
            notation=words("a typed line (sku or shipping)", {"sku": "product", "shipping": "shipping"}),
        ),
        Field(pointer="/sku", at="/parent", notation=OWN_ID),
        Field(pointer="/description", at="/description", notation=TEXT),
        Field(pointer="/quantity", at="/quantity", notation=PLAIN, absent=1),
        Field(pointer="/unit_amount", at="/amount", notation=MAJOR_UNITS),
    ),
    counts=_sent,
    merges=True,
)

_ORDER = (
    Field(pointer="/provider_order_id", at="/id", notation=OWN_ID),
    Field(
        pointer="/status",
        at="/status",
        notation=words(
            "Rapyd's word",
            {"created": "open", "pending": "pending", "paid": "paid", "fulfilled": "fulfilled"}
            | {"canceled": "canceled", "returned": "refunded"},
        ),
    ),
    Field(pointer="/total", at="/amount", notation=MAJOR_UNITS),
    Field(pointer="/created_at", at="/created", notation=UNIX_CLOCK),
    Field(pointer="/updated_at", at="/updated", notation=UNIX_CLOCK),
)


def _in_envelope(field: Field) -> Field:
    """A response contains the order under ``data``."""
    at = None if field.at is None else f"/data{field.at}"
    return msgspec.structs.replace(field, at=at)


FIELDS = FieldMap(
    request=Form(fields=_BOTH, lines=_ITEMS),
    order=Form(
        fields=tuple(_in_envelope(field) for field in (*_BOTH, *_ORDER)),
        lines=Lines(
            at="/data/items",
            fields=_ITEMS.fields,
            counts=lambda item, answer: _answered(item, at_pointer(answer, "/data")),
            merges=True,
        ),
    ),
    request_id="/status/operation_id",
)
