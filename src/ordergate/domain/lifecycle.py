"""The lifecycle of an order, as tables: the only file that decides a status, or which operations are possible.

Providers mix payment, fulfilment and cancellation in one status word, each in its own way. Here the three are
kept apart, and the one word that a merchant reads is derived from them by :func:`order_status`.
"""

from collections.abc import Collection
from enum import StrEnum

import msgspec


class OrderStatus(StrEnum):
    """The status of an order, in one word."""

    OPEN = "open"
    PENDING = "pending"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    FULFILLED = "fulfilled"
    PARTIALLY_REFUNDED = "partially_refunded"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    REVIEW = "review"


class PaymentStatus(StrEnum):
    """The state of the payment."""

    UNPAID = "unpaid"
    PENDING = "pending"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    FAILED = "failed"


class FulfillmentStatus(StrEnum):
    """The state of the fulfillment."""

    UNFULFILLED = "unfulfilled"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    RETURNED = "returned"


class Phase(StrEnum):
    """An adapter's reading of its provider's status word, apart from payment and fulfillment."""

    OPEN = "open"
    PENDING = "pending"
    CANCELED = "canceled"
    UNMAPPED = "unmapped"


class ReviewReason(StrEnum):
    """The reasons for a review by a person."""

    UNMAPPED_STATUS = "unmapped_status"
    AMOUNT_MISMATCH = "amount_mismatch"
    CANCELED_WITH_MONEY_HELD = "canceled_with_money_held"
    PAYMENT_MISMATCH = "payment_mismatch"
    PAYMENT_NOT_RECORDED = "payment_not_recorded"
    UPDATE_MISMATCH = "update_mismatch"
    LATE_WRITE = "late_write"


WAYS_OUT: dict[ReviewReason, str] = {
    ReviewReason.UNMAPPED_STATUS: (
        "the gateway does not know the provider's status: check the order at the provider; a read clears this once "
        "the status is a known one"
    ),
    ReviewReason.AMOUNT_MISMATCH: (
        "the order's total is not the expected one: pay with expected_total equal to its total, or cancel it; an "
        "order in another currency can only be canceled; a paid order has to be refunded at the provider"
    ),
    ReviewReason.CANCELED_WITH_MONEY_HELD: (
        "the order is canceled and its money was not given back: refund it at the provider, then read it again"
    ),
    ReviewReason.PAYMENT_MISMATCH: (
        "the received amount is not the total: refund the excess, or the whole payment, or mark the order as paid "
        "at the provider; then read the order again"
    ),
    ReviewReason.PAYMENT_NOT_RECORDED: (
        "the provider took the money and its order does not show it: do not pay again; once the order at the "
        "provider is paid, a read clears this; if the money was refunded instead, an operator clears this by "
        "resolving the payment's operation as applied"
    ),
    ReviewReason.UPDATE_MISMATCH: (
        "the provider did not keep the metadata as sent: check the order at the provider; the next change of "
        "metadata that the provider keeps clears this, or a read once the metadata is as it was sent; an operator "
        "accepts the present metadata by resolving the change's operation as applied"
    ),
    ReviewReason.LATE_WRITE: (
        "the provider applied a write that had been recorded as not applied: check the writes that were made in "
        "its place, and cancel or refund the excess; then an operator clears this by resolving the operation as "
        "applied"
    ),
}
"""A person's options for each reason."""


class OperationKind(StrEnum):
    """The operations of an order."""

    CREATE = "create"
    RETRIEVE = "retrieve"
    LIST = "list"
    UPDATE = "update"
    PAY = "pay"
    CANCEL = "cancel"
    FULFILL = "fulfill"
    RETURN = "return"


ACCEPTED_WITH: dict[ReviewReason, frozenset[OperationKind]] = {
    ReviewReason.PAYMENT_NOT_RECORDED: frozenset({OperationKind.PAY}),
    ReviewReason.UPDATE_MISMATCH: frozenset({OperationKind.UPDATE}),
    ReviewReason.LATE_WRITE: frozenset(OperationKind),
}
"""The reasons that an operator can clear, and the operations of the order with which that is done."""


def accepted_with(kind: OperationKind, reasons: Collection[ReviewReason]) -> list[ReviewReason]:
    """Return those of the reasons that an operator clears by resolving an operation of this kind as applied."""
    return [reason for reason in reasons if kind in ACCEPTED_WITH.get(reason, ())]


class PaymentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that decide a payment status; amounts in minor units.

    Attributes:
        total: The total of the order.
        paid: The received amount.
        refunded: The refunded part of it.
        in_full: The provider reports the order as paid, independent of the amounts.
        pending: A payment has begun and has not ended.
        failed: The last payment failed.
    """

    total: int
    paid: int
    refunded: int
    in_full: bool
    pending: bool
    failed: bool


def payment_status(payment: PaymentFacts) -> PaymentStatus:
    """Derive the payment status: money given back decides first, then money taken, then attempts to take it."""
    if payment.refunded > 0:
        whole = payment.refunded >= payment.paid
        return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
    if payment.in_full or 0 < payment.total <= payment.paid:
        return PaymentStatus.PAID
    if payment.pending:
        return PaymentStatus.PENDING
    if payment.paid > 0:
        return PaymentStatus.PARTIALLY_PAID
    return PaymentStatus.FAILED if payment.failed else PaymentStatus.UNPAID


_REFUNDS = frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_NOTHING_TAKEN = frozenset({PaymentStatus.UNPAID, PaymentStatus.FAILED})
_BY_PAYMENT = {
    PaymentStatus.UNPAID: OrderStatus.OPEN,
    PaymentStatus.FAILED: OrderStatus.OPEN,
    PaymentStatus.PENDING: OrderStatus.PENDING,
    PaymentStatus.PARTIALLY_PAID: OrderStatus.PARTIALLY_PAID,
    PaymentStatus.PAID: OrderStatus.PAID,
    PaymentStatus.PARTIALLY_REFUNDED: OrderStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED: OrderStatus.REFUNDED,
}
"""The status of an order that is in no review, not canceled, and not fulfilled."""


def order_status(
    *,
    payment: PaymentStatus,
    fulfillment: FulfillmentStatus,
    phase: Phase,
    review: Collection[ReviewReason] = (),
) -> OrderStatus:
    """Derive the order status: a review comes first, then the end of an order, then its payment."""
    if review:
        return OrderStatus.REVIEW
    if phase is Phase.CANCELED and payment is not PaymentStatus.REFUNDED:
        return OrderStatus.CANCELED
    if fulfillment is FulfillmentStatus.FULFILLED and payment not in _REFUNDS:
        return OrderStatus.FULFILLED
    if phase is Phase.PENDING and payment in _NOTHING_TAKEN:
        return OrderStatus.PENDING
    return _BY_PAYMENT[payment]


_WAIT = "a payment is in flight; read the order again until it has ended"
_RETURNS = "money has been taken: give it back with a return, or a refund at the provider"
_NOTHING_DUE = "nothing is due any more"
_GIVEN_BACK = "its money was given back"
_NO_MORE = "nothing can be done with it any more"
_UNPAID = "it must be paid in full first"
_HANDED_OVER = "the goods were handed over"
_NOTHING_TO_RETURN = "no money has been taken, so there is nothing to return; cancel the order instead"

REFUSALS: dict[OperationKind, dict[OrderStatus, str]] = {
    OperationKind.PAY: {
        OrderStatus.PENDING: _WAIT,
        OrderStatus.PAID: _NOTHING_DUE,
        OrderStatus.FULFILLED: _NOTHING_DUE,
        OrderStatus.PARTIALLY_REFUNDED: _GIVEN_BACK,
        OrderStatus.REFUNDED: _GIVEN_BACK,
        OrderStatus.CANCELED: _NO_MORE,
    },
    OperationKind.CANCEL: {
        OrderStatus.PENDING: _WAIT,
        OrderStatus.PARTIALLY_PAID: _RETURNS,
        OrderStatus.PAID: _RETURNS,
        OrderStatus.FULFILLED: _RETURNS,
        OrderStatus.PARTIALLY_REFUNDED: _RETURNS,
        OrderStatus.REFUNDED: _GIVEN_BACK,
        OrderStatus.CANCELED: _NO_MORE,
    },
    OperationKind.FULFILL: {
        OrderStatus.OPEN: _UNPAID,
        OrderStatus.PENDING: _WAIT,
        OrderStatus.PARTIALLY_PAID: _UNPAID,
        OrderStatus.FULFILLED: _HANDED_OVER,
        OrderStatus.REFUNDED: _GIVEN_BACK,
        OrderStatus.CANCELED: _NO_MORE,
    },
    OperationKind.UPDATE: {
        OrderStatus.REFUNDED: _GIVEN_BACK,
        OrderStatus.CANCELED: _NO_MORE,
    },
    OperationKind.RETURN: {
        OrderStatus.OPEN: _NOTHING_TO_RETURN,
        OrderStatus.PENDING: _WAIT,
        OrderStatus.PARTIALLY_PAID: _UNPAID,
        OrderStatus.REFUNDED: _GIVEN_BACK,
        OrderStatus.CANCELED: _NO_MORE,
    },
}
"""The reason why a status refuses an operation, as half a sentence after the status.

An absent pair is allowed. ``review`` is never a key: the status without the review reasons decides, and each use case
checks the reasons.
"""


def refusal(operation: OperationKind, status: OrderStatus) -> str | None:
    """Return why the operation is refused in this status, as a sentence; None if it is allowed."""
    why = REFUSALS.get(operation, {}).get(status)
    return None if why is None else f"The order is {status}: {why}."
