"""The expected order, computed from the emulator's own state without the gateway's code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

State = Mapping[str, Any]

WRITES: Mapping[str, tuple[str, ...]] = {"revkeen": ("POST", "PATCH"), "rapyd": ("POST", "PUT")}
"""The methods of a provider's writes: the target of a fault."""

SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "revkeen": {"pending_payment_seconds": 600},
    "rapyd": {"card_close_seconds": 600},
}
"""Payments close when the walk lets time pass, never between two readings."""


@dataclass(frozen=True)
class Said:
    """The values on which both sides must agree; amounts in minor units of a currency with two decimals."""

    status: str
    total: int
    paid: int
    refunded: int
    fulfillment: str


@dataclass
class Memory:
    """The merchant's part of an order, which a provider cannot know.

    Attributes:
        expected_total: The merchant's expected total; None for no total.
        canceled_here: The gateway canceled it, at a provider that cannot.
        unrecorded: The provider took the money and its order does not show it.
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
    """Rapyd keeps the money in the payment, in major units, and its status forgets the earlier ones."""
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
    """Minor units of a number that JSON made a float: its shortest form is the original text."""
    amount = Decimal(str(figure)) * 100
    assert amount == int(amount), figure
    return int(amount)
