"""Erases the personal data of an order for good; what it was, cost and became stays.

What stays: ids, references, the merchant's own customer id, goods, money, statuses, times and reasons for a review.
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
"""The last words of the pointers to what is erased."""


def redacted(record: OrderRecord, at: datetime) -> OrderRecord:
    """Return the record without personal data, marked so that none come back; a mark that it has stays.

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
        notices=[notice for notice in record.notices if not _tells_of_erased(notice)],
        seen=without_personal_data(record.seen),
        redacted_at=record.redacted_at or at,
    )


def without_persons(told: dict[str, Any]) -> dict[str, Any]:
    """Return what an event told, an order or an operation, without personal data; fields of other releases stay.

    Args:
        told: The JSON object, as it was told once.
    """
    customer = (told.get("customer") or {}).get("id")
    erased = {
        **_ERASED,
        "customer": None if customer is None else {"id": customer, "email": None},
        "line_items": [{**line, "metadata": {}} for line in told.get("line_items", ())],
        "fulfillments": [{**each, "tracking_number": None} for each in told.get("fulfillments", ())],
    }
    return {name: erased.get(name, value) for name, value in told.items()}


def _tells_of_erased(notice: Notice) -> bool:
    """Whether it says that something is kept here which is not any more."""
    return notice.kind == "kept" and notice.pointer.rpartition("/")[2] in _KEPT


def _untracked(fulfillments: list[Fulfillment]) -> list[Fulfillment]:
    return [msgspec.structs.replace(each, tracking_number=None) for each in fulfillments]


def _pseudonym(customer: Customer | None) -> Customer | None:
    """The merchant's own id says nothing to anybody else."""
    return None if customer is None or customer.id is None else Customer(id=customer.id)
