"""Rapyd's bodies as types: requests exactly, responses tolerant of new members.

Amounts are JSON numbers of major units. They cross this module as raw JSON text, so that no float and no
decimal type ever touches them; :mod:`ordergate.domain.money` converts.
"""

from typing import Any

import msgspec

NULL_TEXT = b"null"
NULL = msgspec.Raw(NULL_TEXT)
"""A number that is not there."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request body: absent members are omitted."""


class SentItem(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a create. Each has the currency, which Rapyd does not take from the order."""

    type: str
    currency: str
    amount: msgspec.Raw
    quantity: int | None = None
    parent: str | None = None
    description: str | None = None


class SentAddress(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """The shipping address; `name` and `line_1` are required in it."""

    name: str | None = None
    line_1: str | None = None
    line_2: str | None = None
    line_3: str | None = None
    city: str | None = None
    district: str | None = None
    state: str | None = None
    country: str | None = None
    zip: str | None = None
    phone_number: str | None = None


class CreateBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/orders``."""

    customer: str
    currency: str
    items: list[SentItem]
    shipping_address: SentAddress | None = None
    email: str | None = None
    upstream_id: str | None = None
    tax_percent: msgspec.Raw | None = None
    coupon: str | None = None
    external_coupon_code: str | None = None
    metadata: dict[str, Any] | None = None


class PayBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/orders/{id}/pay``: Rapyd takes no amount, an order is always paid in full."""

    payment_method: str | None = None
    metadata: dict[str, Any] | None = None


class UpdateBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/orders/{id}``: an update is a POST."""

    status: str | None = None
    metadata: dict[str, Any] | None = None
    coupon: str | None = None
    tax_percent: msgspec.Raw | None = None


class SentReturnItem(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a return; `amount` is one unit's price, or the whole price of shipping."""

    type: str
    parent: str | None = None
    amount: msgspec.Raw
    quantity: int
    currency: str


class ReturnBody(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/orders/{id}/returns``."""

    items: list[SentReturnItem]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope's verdict; every part is optional in the wild."""

    status: str | None = None
    error_code: str | None = None
    response_code: str | None = None
    message: str | None = None
    operation_id: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of an answer; `amount` is a unit's price, or the whole price of shipping."""

    type: str
    amount: msgspec.Raw
    quantity: int | None = None
    parent: str | None = None
    description: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address in a response: unset members are empty strings."""

    name: str | None = None
    line_1: str | None = None
    line_2: str | None = None
    line_3: str | None = None
    city: str | None = None
    district: str | None = None
    state: str | None = None
    country: str | None = None
    zip: str | None = None
    phone_number: str | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """The payment inside an order; an older schema answered its bare id instead. No id: no payment."""

    id: str = ""
    status: str | None = None
    amount: msgspec.Raw = NULL
    original_amount: msgspec.Raw = NULL
    refunded_amount: msgspec.Raw = NULL
    paid: bool | None = None
    next_action: str | None = None
    redirect_url: str | None = None
    failure_code: str | None = None
    error_code: str | None = None
    payment_method_type: str | None = None
    payment_method_type_category: str | None = None
    metadata: Any = None
    created_at: int | None = None


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """Returned goods of an order: an item by the schema, a whole return with its items by the text."""

    type: str | None = None
    amount: msgspec.Raw = NULL
    quantity: int | str | None = None
    parent: str | None = None
    items: list["Returned"] | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as answered; times are Unix seconds. Statuses stay text: a new one breaks nothing."""

    id: str
    amount: msgspec.Raw
    amount_returned: msgspec.Raw = NULL
    payment: Payment | str | None = None
    created: int
    updated: int
    customer: str | None = None
    currency: str
    email: str | None = None
    coupon: str | None = None
    external_coupon_code: str | None = None
    items: list[Item] | None = None
    metadata: dict[str, Any] | None = None
    shipping_address: Address | str | None = None
    status: str
    status_transitions: dict[str, int] | None = None
    tax_percent: msgspec.Raw = NULL
    upstream_id: str | None = None
    returns: msgspec.Raw = NULL


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """A return as answered; `refund` is the id of the refund made with it, `created` is Unix seconds."""

    id: str
    amount: msgspec.Raw
    currency: str
    refund: str | None = None
    created: int = 0


class ListedReturn(Return, frozen=True, kw_only=True):
    """A return in a list, which may contain others'."""

    order: str | None = None


class ReturnEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a return."""

    status: Status
    data: Return | None = None


class OrderEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer about one order."""

    status: Status
    data: Order | None = None


class OrderListEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One page of ``GET /v1/orders``: no total, no sign of more."""

    status: Status
    data: list[Order] | None = None


class PaymentListEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One page of ``GET /v1/payments``."""

    status: Status
    data: list[Payment] | None = None


class ReturnListEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One page of ``GET /v1/order_returns``."""

    status: Status
    data: list[ListedReturn] | None = None


class ErrorEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of which only the verdict matters."""

    status: Status


class CreateExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Rapyd-specific fields of a draft.

    Attributes:
        coupon: The id of a coupon at Rapyd; it changes the total.
        external_coupon_code: The merchant's own label; it changes nothing.
    """

    coupon: str | None = None
    external_coupon_code: str | None = None


class UpdateExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Rapyd-specific fields of a change: a coupon, while nothing is paid."""

    coupon: str | msgspec.UnsetType | None = msgspec.UNSET


class NoExtension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There are no Rapyd-specific fields here."""
