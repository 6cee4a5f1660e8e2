"""Erases the personal data of an order; its goods, amounts and states stay.

These stay: ids, references, the merchant's own customer id, goods, money, statuses, times and review reasons.
"""

from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.order import Customer, Fulfillment, Notice
from ordergate.domain.provider_order import without_personal_data

_ERASED: dict[str, Any] = {
    "shipping_address": None,
    "metadata": {},
    "notes": None,
    "next_action": None,
    "idempotency_key": None,
}
"""Fields of orders and operations that merchants fill as they like, or that lead to the shopper."""


_KEPT = frozenset({"shipping_address", "metadata", "notes", "email"})
"""The last tokens of the pointers to erased fields."""


def redacted(record: OrderRecord, at: datetime) -> OrderRecord:
    """Return the record without personal data, marked so that no snapshot adds any again. An older mark stays.

    Args:
        record: As it is kept.
        at: The time.
    """
    return msgspec.structs.replace(
        record,
        customer=_pseudonym(record.customer),
        shipping_address=None,
        metadata={},
        notes=None,
        lines=[msgspec.structs.replace(line, metadata={}) for line in record.lines],
        fulfillments=_untracked(record.fulfillments),
        notices=[notice for notice in record.notices if not _mentions_erased(notice)],
        seen=without_personal_data(record.seen),
        redacted_at=record.redacted_at or at,
    )


def without_persons(told: dict[str, Any]) -> dict[str, Any]:
    """Return the data of an event without personal data; fields of other releases stay.

    Args:
        told: The JSON object in the event.
    """
    customer = (told.get("customer") or {}).get("id")
    erased = {
        **_ERASED,
        "customer": None if customer is None else {"id": customer, "email": None},
        "line_items": [{**line, "metadata": {}} for line in told.get("line_items", ())],
        "fulfillments": [{**each, "tracking_number": None} for each in told.get("fulfillments", ())],
    }
    return {name: erased.get(name, value) for name, value in told.items()}


def _mentions_erased(notice: Notice) -> bool:
    """Return whether a notice claims that an erased field is stored here."""
    return notice.kind == "kept" and notice.pointer.rpartition("/")[2] in _KEPT


def _untracked(fulfillments: list[Fulfillment]) -> list[Fulfillment]:
    return [msgspec.structs.replace(each, tracking_number=None) for each in fulfillments]


def _pseudonym(customer: Customer | None) -> Customer | None:
    """The merchant's own id means nothing to other people."""
    return None if customer is None or customer.id is None else Customer(id=customer.id)
