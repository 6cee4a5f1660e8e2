"""An order's statuses and every way from one to another: no other file decides this.

Facts: Rapyd docs, "Pay an Order", "Update an Order", "Create a Return", and the message sequences of orders.
"""

from collections.abc import Mapping
from typing import Literal

from ordergate_rapyd.emulator.records import Order
from ordergate_rapyd.emulator.switches import Switches

Event = Literal["pay", "payment_closed", "returned_in_part", "returned_in_full"]

STATUSES = ("canceled", "fulfilled", "paid", "returned", "pending", "partial")
"""The next statuses of each status, in the order of ``status_transitions``. No status changes to ``created``."""

UPDATABLE = frozenset({"pending", "paid", "fulfilled"})
"""Orders whose status an update may change; otherwise only a ``created`` order can be updated at all."""

RETURNABLE = frozenset({"paid", "fulfilled", "returned"})
"""Orders that a return can be made against."""

PAYABLE = frozenset({"created", "pending"})
"""Orders that a payment can be made for."""

_EVENTS: Mapping[tuple[str, Event], str] = {
    ("created", "pay"): "pending",
    ("pending", "payment_closed"): "paid",
    ("paid", "returned_in_part"): "returned",
    ("fulfilled", "returned_in_part"): "returned",
    ("returned", "returned_in_part"): "returned",
    ("partial", "returned_in_part"): "returned",
    ("paid", "returned_in_full"): "canceled",
    ("fulfilled", "returned_in_full"): "canceled",
    ("returned", "returned_in_full"): "canceled",
    ("partial", "returned_in_full"): "canceled",
}

_UPDATES: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"paid", "canceled"}),
    "paid": frozenset({"fulfilled", "canceled"}),
    "fulfilled": frozenset({"canceled"}),
}

_UPDATES_BY_ENUM: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"fulfilled", "returned", "partial"}),
    "paid": frozenset({"returned", "partial"}),
    "fulfilled": frozenset({"returned", "partial"}),
}

_BACKWARD_UPDATES: Mapping[str, frozenset[str]] = {
    "paid": frozenset({"pending"}),
    "fulfilled": frozenset({"pending", "paid"}),
}


def happen(order: Order, event: Event, second: int) -> None:
    """Change the order's status if the event has an effect in its current status."""
    if target := _EVENTS.get((order.status, event)):
        enter(order, target, second)


def enter(order: Order, status: str, second: int) -> None:
    """Give the order this status and remember when."""
    order.status = status
    order.updated = second
    order.history.append((status, second))


def reopen(order: Order, second: int) -> None:
    """Take the order back to ``created``, which is no transition that an order shows."""
    order.status = "created"
    order.updated = second


def may_update_to(present: str, target: str, switches: Switches) -> bool:
    """Whether an update may set this status."""
    if target not in STATUSES:
        return False
    if present == target:
        return switches.repeated_status == "accept" and present in UPDATABLE
    if present not in UPDATABLE:
        return switches.update_finished_orders and present != "created"
    nothing: frozenset[str] = frozenset()
    by_enum = switches.update_status_targets == "enum"
    backward = switches.backward_status == "accept"
    return (
        target in _UPDATES[present]
        or (by_enum and target in _UPDATES_BY_ENUM[present])
        or (backward and target in _BACKWARD_UPDATES.get(present, nothing))
    )


def may_update(status: str, switches: Switches) -> bool:
    """Whether an order with this status can be updated at all."""
    return status == "created" or status in UPDATABLE or switches.update_finished_orders
