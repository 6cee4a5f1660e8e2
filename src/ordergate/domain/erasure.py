"""Erases the personal data of an order for good; what it was, cost and became stays.

What stays: ids, references, the merchant's own customer id, goods, money, statuses, times and reasons for a review.
"""

from datetime import datetime

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.order import Customer, Fulfillment, Order
from ordergate.domain.provider_order import without_personal_data


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
        seen=without_personal_data(record.seen),
        redacted_at=record.redacted_at or at,
    )


def without_persons(order: Order) -> Order:
    """Return an order as merchants read it, as it was told once, without personal data."""
    return msgspec.structs.replace(
        order,
        customer=_pseudonym(order.customer),
        shipping_address=None,
        metadata={},
        notes=None,
        next_action=None,
        line_items=[msgspec.structs.replace(line, metadata={}) for line in order.line_items],
        fulfillments=_untracked(order.fulfillments),
    )


def _untracked(fulfillments: list[Fulfillment]) -> list[Fulfillment]:
    return [msgspec.structs.replace(each, tracking_number=None) for each in fulfillments]


def _pseudonym(customer: Customer | None) -> Customer | None:
    """The merchant's own id says nothing to anybody else."""
    return None if customer is None or customer.id is None else Customer(id=customer.id)
