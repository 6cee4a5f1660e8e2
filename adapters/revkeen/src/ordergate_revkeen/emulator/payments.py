"""Charging an order: at once, later, or not at all; and giving money back."""

import msgspec
from msgspec import UNSET

from .account import Account, Order, Payment, Refund
from .bodies import NewPayment
from .calls import Cause
from .catalog import DECLINES, PaymentMethod, entry, token_named
from .errors import ApiError, conflict, invalid, not_found
from .events import record, record_order, record_payment
from .forms import order_form, refund_form


class Instrument(msgspec.Struct, frozen=True):
    """The source of a charge, and the course of the charge."""

    outcome: str
    payment_method_id: str | None = None


def instrument_for(account: Account, order: Order, body: NewPayment) -> Instrument:
    """Find the source of a pay request's charge; a single-use token is used up by it.

    Raises:
        ApiError: 400 without a valid source, 404 for another customer's payment method.
    """
    method_id, token = body.payment_method_id, body.payment_token
    if method_id is not UNSET and token is not UNSET:
        match account.switches.pay_both_methods:
            case "refuse":
                raise invalid("Give payment_method_id or payment_token, not both", "payment_token")
            case "payment_method":
                token = UNSET
            case "payment_token":
                method_id = UNSET
    if token is not UNSET:
        return _token(account, token)
    if method_id is not UNSET:
        return _saved(_method(account, order, method_id))
    return _saved(_default_method(account, order))


def charge(account: Account, order: Order, instrument: Instrument, amount: int, cause: Cause) -> None:
    """Charge an order.

    Args:
        account: The account of the order.
        order: The order.
        instrument: The source of the charge.
        amount: Minor units.
        cause: The pay request.

    Raises:
        ApiError: The payment was declined; the order is as before.
    """
    payment = Payment(
        id=account.identifiers.uuid(),
        order_id=order.id,
        amount=amount,
        currency=order.currency,
        status="pending",
        payment_method_id=instrument.payment_method_id,
        created=cause.now,
        status_before=_undisturbed_status(account, order),
    )
    account.payments[payment.id] = payment
    if instrument.outcome in DECLINES:
        _fail(account, payment, instrument.outcome, cause)
        raise _declined(account, instrument.outcome)
    payment.awaiting = _awaiting(account, instrument.outcome)
    if payment.awaiting is None:
        settle(account, payment, cause)
    else:
        _await(account, order, payment, cause)


def settle(account: Account, payment: Payment, cause: Cause) -> None:
    """Take the money: the order becomes partly or fully paid, and has an invoice."""
    order = account.orders[payment.order_id]
    before = order_form(order, account.switches)
    _decide(account, payment, "succeeded")
    order.amount_paid += payment.amount
    _ensure_invoice(account, order)
    order.updated = cause.now
    record_payment(account, "succeeded", payment, cause)
    if order.amount_due(account.switches) > 0:
        _set_payment_status(order, "partially_paid")
        record_order(account, "updated", order, cause, before)
        return
    _mark_paid(account, order, cause)


def settle_free(account: Account, order: Order, cause: Cause) -> None:
    """Mark an order with a total of zero as paid, without a charge."""
    _ensure_invoice(account, order)
    order.updated = cause.now
    _mark_paid(account, order, cause)


def fail_pending(account: Account, payment: Payment, code: str, cause: Cause) -> None:
    """Fail a pending payment; the order gets its earlier status, or stays pending."""
    order = account.orders[payment.order_id]
    before = order_form(order, account.switches)
    _fail(account, payment, code, cause)
    order.updated = cause.now
    restores = account.switches.failed_pending_status == "restore"
    if order.status == "pending" and restores and not pending_payments(account, order):
        order.status = payment.status_before
    record_order(account, "updated", order, cause, before)


def void_pending(account: Account, order: Order) -> None:
    """Void the pending payments of an order that is being canceled."""
    for payment in pending_payments(account, order):
        _decide(account, payment, "canceled")


def pending_payments(account: Account, order: Order) -> list[Payment]:
    """Return the order's payments that are not decided yet, oldest first."""
    return [payment for payment in account.pending.values() if payment.order_id == order.id]


def require_none_pending(account: Account, order: Order) -> None:
    """Refuse a change while a payment is pending.

    Raises:
        ApiError: 409, the Errors guide's answer to concurrent state changes.
    """
    if pending_payments(account, order):
        raise conflict("A payment of this order is still pending")


def settle_due(account: Account, now: float) -> None:
    """Settle the due payments, each at its own time."""
    delay = account.switches.pending_payment_seconds
    if delay is None:
        return
    for payment in list(account.pending.values()):
        if payment.awaiting == "settlement" and payment.created + delay <= now:
            settle(account, payment, Cause(now=payment.created + delay))


def refundable(payment: Payment) -> int:
    """Return the refundable rest of a payment, in minor units."""
    return payment.amount - payment.amount_refunded if payment.status == "succeeded" else 0


def refund_payment(
    account: Account, payment: Payment, amount: int, cause: Cause, reason: str | None = None
) -> Refund:
    """Give money back; the whole amount paid makes the order `refunded`.

    Args:
        account: The account of the payment.
        payment: Has at least `amount` left to refund.
        amount: Minor units.
        cause: The request or happening behind it.
        reason: Of the refund.
    """
    order = account.orders[payment.order_id]
    before = order_form(order, account.switches)
    refund = Refund(
        id=account.identifiers.uuid(),
        public_id=account.identifiers.prefixed("ref_", 12),
        payment_id=payment.id,
        order_id=order.id,
        amount=amount,
        currency=payment.currency,
        reason=reason,
        created=cause.now,
    )
    account.refunds[refund.id] = refund
    payment.amount_refunded += amount
    order.amount_refunded += amount
    order.updated = cause.now
    whole = order.amount_refunded == order.amount_paid
    if whole and account.switches.full_refund_status == "refunded":
        order.status = "refunded"
    for kind in ("created", "succeeded"):
        data = {"object": refund_form(refund, account.switches)}
        record(account, f"refund.{kind}", order.id, data, cause)
    record_payment(account, "refunded", payment, cause)
    record_order(account, "updated", order, cause, before)
    return refund


def _token(account: Account, token: str) -> Instrument:
    found = token_named(account.catalog, token)
    if found is None:
        raise invalid("No such payment token", "payment_token")
    if token in account.spent_tokens:
        raise invalid("The payment token was already used", "payment_token")
    if found.single_use:
        account.spent_tokens.add(token)
    return Instrument(found.outcome)


def _method(account: Account, order: Order, method_id: str) -> PaymentMethod:
    guest = order.customer_id is None
    if guest and not account.switches.guest_saved_method:
        raise invalid("An order without customer is paid with a payment_token", "payment_method_id")
    method = entry(account.catalog.payment_methods, method_id)
    if method is None or (not guest and method.customer_id.lower() != order.customer_id):
        raise not_found("payment method", "payment_method_id")
    return method


def _default_method(account: Account, order: Order) -> PaymentMethod:
    if account.switches.pay_without_method == "refuse":
        raise invalid("A payment method or token is required", "payment_method_id")
    if order.customer_id is None:
        raise invalid("An order without customer is paid with a payment_token", "payment_token")
    customer = entry(account.catalog.customers, order.customer_id)
    default_id = customer.default_payment_method_id if customer else None
    method = entry(account.catalog.payment_methods, default_id) if default_id else None
    if method is None:
        raise invalid("The customer has no default payment method", "payment_method_id")
    return method


def _saved(method: PaymentMethod) -> Instrument:
    return Instrument(method.outcome, method.id)


def _awaiting(account: Account, outcome: str) -> str | None:
    if outcome == "needs_challenge":
        return "challenge"
    if outcome == "pending" or account.switches.pay_answers_pending:
        return "settlement"
    return None


def _await(account: Account, order: Order, payment: Payment, cause: Cause) -> None:
    before = order_form(order, account.switches)
    account.pending[payment.id] = payment
    _set_payment_status(order, "pending")
    _ensure_invoice(account, order)
    order.updated = cause.now
    record_order(account, "updated", order, cause, before)


def _undisturbed_status(account: Account, order: Order) -> str:
    """Return the status without the payments that are still pending."""
    pending = pending_payments(account, order)
    return pending[0].status_before if pending else order.status


def _decide(account: Account, payment: Payment, status: str) -> None:
    payment.status, payment.awaiting = status, None
    account.pending.pop(payment.id, None)


def _fail(account: Account, payment: Payment, code: str, cause: Cause) -> None:
    _decide(account, payment, "failed")
    payment.failure_code = code
    record_payment(account, "failed", payment, cause)


def _declined(account: Account, outcome: str) -> ApiError:
    switches = account.switches
    return ApiError(switches.decline_status, DECLINES[outcome], code=switches.decline_code)


def _mark_paid(account: Account, order: Order, cause: Cause) -> None:
    _set_payment_status(order, "paid")
    order.paid = cause.now
    record_order(account, "paid", order, cause)


def _set_payment_status(order: Order, status: str) -> None:
    """Set the status, unless a cancellation or a fulfillment already hides the paid amount."""
    if order.status not in {"canceled", "fulfilled"}:
        order.status = status


def _ensure_invoice(account: Account, order: Order) -> None:
    if order.invoice_id is None or account.switches.pay_second_invoice == "replace":
        order.invoice_id = account.identifiers.uuid()
        account.invoice_ids.add(order.invoice_id)
