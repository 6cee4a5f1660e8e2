"""The emulated merchant account: its keys, orders, payments, refunds and events."""

from typing import Any

import msgspec

from ordergate.spi.emulator_toolkit.events import PendingEvents

from .catalog import Catalog, default_catalog
from .identifiers import Identifiers
from .switches import Switches


class Line(msgspec.Struct, kw_only=True):
    """A line of an order; money in minor units, `position` from 0 in request order (inferred)."""

    id: str
    product_id: str | None
    description: str
    quantity: int
    unit_price: int
    tax: int
    metadata: dict[str, Any]
    position: int
    fulfilled: bool = False

    @property
    def subtotal(self) -> int:
        """`unit_price * quantity` (OpenAPI)."""
        return self.unit_price * self.quantity

    @property
    def total(self) -> int:
        """`subtotal - discount + tax` (OpenAPI); nothing ever gives a discount."""
        return self.subtotal + self.tax


class Order(msgspec.Struct, kw_only=True):
    """An order; money in minor units, times in Unix seconds."""

    id: str
    public_id: str
    customer_id: str | None
    status: str
    billing_type: str
    fulfillment_status: str | None
    currency: str
    lines: list[Line]
    metadata: dict[str, Any]
    notes: str | None
    invoice_id: str | None
    subscription_id: str | None
    created: float
    updated: float
    expires: float | None
    amount_paid: int = 0
    amount_refunded: int = 0
    paid: float | None = None
    canceled: float | None = None
    fulfilled: float | None = None

    @property
    def subtotal(self) -> int:
        """Sum over the lines (inferred)."""
        return sum(line.subtotal for line in self.lines)

    @property
    def tax(self) -> int:
        """Sum over the lines (inferred)."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """`subtotal - discount + tax` (inferred); nothing ever gives a discount."""
        return self.subtotal + self.tax

    def amount_due(self, switches: Switches) -> int:
        """`total - amount_paid` (inferred), plus the refunds if they become due again."""
        again = self.amount_refunded if switches.refund_raises_amount_due else 0
        return self.total - self.amount_paid + again


class Payment(msgspec.Struct, kw_only=True):
    """A charge; the Order object names none, so a client meets it only in events and refunds.

    Attributes:
        awaiting: The event that a pending payment waits for; None once it is decided.
        status_before: The order's status before the charge, restored should it fail later.
    """

    id: str
    order_id: str
    amount: int
    currency: str
    status: str
    payment_method_id: str | None
    created: float
    awaiting: str | None = None
    status_before: str = "draft"
    failure_code: str | None = None
    amount_refunded: int = 0


class Refund(msgspec.Struct, kw_only=True):
    """Money given back; `amount` in minor units."""

    id: str
    public_id: str
    payment_id: str
    order_id: str
    amount: int
    currency: str
    reason: str | None
    created: float


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as recorded; `form` is the envelope sent and listed, fixed when it happened."""

    id: str
    type: str
    order_id: str
    created: int
    form: dict[str, Any]


class Account:
    """The merchant account behind the emulator's one key, with everything that is in it."""

    def __init__(self, seed: int) -> None:
        self.identifiers = Identifiers(seed)
        secret = self.identifiers.prefixed("", 32)
        self.keys = {"staging": f"rk_sandbox_{secret}", "production": f"rk_live_{secret}"}
        self.webhook_secret = self.identifiers.prefixed("whsec_", 32)
        self.id = self.identifiers.uuid()
        self.catalog: Catalog = default_catalog(self.identifiers)
        self.switches = Switches()
        self.orders: dict[str, Order] = {}
        self.payments: dict[str, Payment] = {}
        self.pending: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.events: list[Event] = []
        self.pending_events: PendingEvents[Event] = PendingEvents()
        self.invoice_ids: set[str] = set()
        self.spent_tokens: set[str] = set()

    @property
    def key(self) -> str:
        """The API key that the environment in force takes."""
        return self.keys[self.switches.environment]

    @property
    def livemode(self) -> bool:
        """True in production (Webhooks guide)."""
        return self.switches.environment == "production"
