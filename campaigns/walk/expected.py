"""What the gateway should say of an order, told from the emulator's own form of it and nothing of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

State = Mapping[str, Any]

WRITES: Mapping[str, tuple[str, ...]] = {"revkeen": ("POST", "PATCH"), "rapyd": ("POST", "PUT")}
"""The methods of a provider's writes: what a fault has to hit."""

SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "revkeen": {"pending_payment_seconds": 600},
    "rapyd": {"card_close_seconds": 600},
}
"""Payments close when the walk lets time pass, never between two readings."""


@dataclass(frozen=True)
class Said:
    """What both sides must agree on; amounts in minor units of a currency with two decimals."""

    status: str
    total: int
    paid: int
    refunded: int
    fulfillment: str


@dataclass
class Memory:
    """What a provider cannot know of an order.

    Attributes:
        expected_total: What the merchant said it should cost; None for nothing.
        canceled_here: The gateway canceled it, at a provider that cannot.
        unrecorded: The provider took the money and its order does not say so.
    """

    expected_total: int | None = None
    canceled_here: bool = False
    unrecorded: bool = False


def revkeen(order: State, _state: State, memory: Memory) -> Said:
    """RevKeen's amounts are the canonical ones already; its word mixes money and goods."""
    words = {"draft": "open"}
    status = words.get(order["status"], order["status"])
    if order["amount_refunded"] > 0 and status != "refunded":
        status = "partially_refunded"
    if _surprising(memory, order["total"]):
        status = "review"
    return Said(
        status=status,
        total=order["total"],
        paid=order["amount_paid"],
        refunded=order["amount_refunded"],
        fulfillment=order["fulfillment_status"],
    )


def rapyd(order: State, _state: State, memory: Memory) -> Said:
    """Rapyd keeps the money in the payment, in major units, and forgets in its word what came before."""
    payment = order["payment"] or {"status": "", "amount": 0, "refunded_amount": 0}
    total, paid, refunded = (
        _minor(figure) for figure in (order["amount"], payment["amount"], payment["refunded_amount"])
    )
    canceled = memory.canceled_here or order["status"] == "canceled"
    held = paid > refunded
    fulfilled = order["status_transitions"]["fulfilled"] > 0
    if _surprising(memory, total) or (memory.unrecorded and not paid) or (canceled and held):
        status = "review"
    elif refunded:
        status = "partially_refunded" if held else "refunded"
    elif canceled:
        status = "canceled"
    elif order["status"] == "pending":
        status = {"ACT": "pending", "CLO": "paid"}.get(payment["status"], "open")
    else:
        status = {"created": "open"}.get(order["status"], order["status"])
    returned = fulfilled and _minor(order["amount_returned"]) == total
    return Said(
        status=status,
        total=total,
        paid=paid,
        refunded=refunded,
        fulfillment="returned" if returned else "fulfilled" if fulfilled else "unfulfilled",
    )


EXPECTED: Mapping[str, Callable[[State, State, Memory], Said]] = {"revkeen": revkeen, "rapyd": rapyd}


def _surprising(memory: Memory, total: int) -> bool:
    return memory.expected_total not in {None, total}


def _minor(figure: float) -> int:
    """Minor units of a figure that JSON made a float: its shortest form is what stood there."""
    amount = Decimal(str(figure)) * 100
    assert amount == int(amount), figure
    return int(amount)
