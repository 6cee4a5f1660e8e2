"""The records of an account. Amounts are integers of minor units, times are Unix seconds."""

from collections.abc import Sequence

import msgspec

from ordergate_rapyd.emulator.catalog import PaymentMethod
from ordergate_rapyd.emulator.javascript import JsonObject


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An item of an order or a return.

    Attributes:
        type: ``sku``, ``shipping`` or ``tax``.
        amount: Of one unit.
        parent: The SKU; blank for any other type.
    """

    type: str
    amount: int
    quantity: int
    parent: str = ""
    description: str = ""

    @property
    def total(self) -> int:
        """The amount of all units."""
        return self.amount * self.quantity


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts of an order."""

    discount: int
    tax: int
    amount: int


class Order(msgspec.Struct, kw_only=True):
    """An order.

    Attributes:
        tax_percent: In ten-thousandths of a percent.
        coupon: The coupon's id; blank for none.
        shipping_address: As shown, or None when there is none.
        status: ``created``, ``pending``, ``paid``, ``fulfilled``, ``returned``, ``canceled`` or ``partial``.
        history: Each status after ``created``, with the time of the transition to it.
        payment: The id of the latest payment; blank before the first.
    """

    id: str
    customer: str
    currency: str
    email: str
    lines: Sequence[Line]
    totals: Totals
    tax_percent: int
    coupon: str
    external_coupon_code: str
    metadata: JsonObject
    shipping_address: JsonObject | None
    upstream_id: str
    created: int
    updated: int
    status: str = "created"
    history: list[tuple[str, int]] = msgspec.field(default_factory=list)
    payment: str = ""
    returns: list["OrderReturn"] = msgspec.field(default_factory=list)

    @property
    def amount_returned(self) -> int:
        """The total of all returns."""
        return sum(order_return.amount for order_return in self.returns)


class Payment(msgspec.Struct, kw_only=True):
    """A payment of an order.

    Attributes:
        method: As it was when the payment was made.
        amount: Asked for.
        received: Collected so far.
        refunded: Given back so far.
        status: ``ACT`` open, ``CLO`` closed and paid, ``CAN`` canceled, ``ERR`` failed, ``EXP`` expired.
        opened: When it was made, with fractions of a second.
        paid_at: 0 before it closes.
    """

    id: str
    order: str
    customer: str
    method: PaymentMethod
    currency: str
    amount: int
    email: str
    metadata: JsonObject
    opened: float
    expiration: int
    next_action: str
    redirect_url: str
    textual_code: str
    received: int = 0
    refunded: int = 0
    status: str = "ACT"
    paid_at: int = 0
    failure_code: str = ""
    failure_message: str = ""


class OrderReturn(msgspec.Struct, kw_only=True):
    """A return against an order.

    Attributes:
        refund: The id of the refund behind it; None when that failed.
    """

    id: str
    order: str
    currency: str
    lines: Sequence[Line]
    amount: int
    created: int
    refund: str | None
