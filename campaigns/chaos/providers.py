"""The providers' own states, brought into one form so that they can be compared with the journal."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

State = Mapping[str, Any]
MARK = "ordergate_operation"


@dataclass
class Seen:
    """One order as its provider has it; amounts in minor units.

    Attributes:
        mark: The operation that made it.
        payments: Money taken, each with its operation if the provider keeps the operation.
        returns: Money and goods returned.
    """

    id: str
    mark: str | None
    status: str
    total: int
    canceled: bool
    fulfilled: bool
    metadata: Mapping[str, Any]
    payments: list[tuple[int, str | None]] = field(default_factory=list)
    returns: list[int] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """All that was taken."""
        return sum(amount for amount, _ in self.payments)


@dataclass(frozen=True)
class Provider:
    """A provider's orders, and the payments that it assigns to no order."""

    name: str
    orders: list[Seen]
    payments: list[tuple[int, str | None]]

    def by_id(self) -> dict[str, Seen]:
        """The orders by the provider's id."""
        return {order.id: order for order in self.orders}


def read(name: str, state: State) -> Provider:
    """Read an emulator's state."""
    return READERS[name](state)


def _revkeen(state: State) -> Provider:
    taken: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
    for payment in state["payments"]:
        if payment["status"] == "succeeded":
            taken[payment["order_id"]].append((payment["amount"], None))
    orders = [
        Seen(
            id=order["id"],
            mark=order["metadata"].get(MARK),
            status=order["status"],
            total=order["total"],
            canceled=order["status"] == "canceled",
            fulfilled=order["fulfillment_status"] == "fulfilled",
            metadata=order["metadata"],
            payments=taken[order["id"]],
        )
        for order in state["orders"]
    ]
    return Provider("revkeen", orders, [])


def _rapyd(state: State) -> Provider:
    returned: dict[str, list[int]] = defaultdict(list)
    for made in state["returns"]:
        returned[made["order"]].append(_minor(made["amount"]))
    orders = [
        Seen(
            id=order["id"],
            mark=order["metadata"].get(MARK),
            status=order["status"],
            total=_minor(order["amount"]),
            canceled=order["status"] == "canceled",
            fulfilled=order["status_transitions"]["fulfilled"] != 0,
            metadata=order["metadata"],
            payments=[_rapyd_payment(order["payment"])] if order["payment"] else [],
            returns=returned[order["id"]],
        )
        for order in state["orders"]
    ]
    payments = [_rapyd_payment(payment) for payment in state["payments"]]
    return Provider("rapyd", orders, payments)


def _rapyd_payment(payment: State) -> tuple[int, str | None]:
    return _minor(payment["original_amount"]), payment["metadata"].get(MARK)


def _minor(amount: float) -> int:
    return int(Decimal(str(amount)) * 100)


READERS: Mapping[str, Callable[[State], Provider]] = {"revkeen": _revkeen, "rapyd": _rapyd}
