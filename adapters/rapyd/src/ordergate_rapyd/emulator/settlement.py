"""The end of open payments: they close, fail, expire, are canceled or refunded.

Facts: Rapyd docs, "Pay an Order" (cards close by themselves, 3-D Secure within 15 minutes) and "Update an
Order" (other payments leave it to the merchant to set the order to ``paid``).
"""

from collections.abc import Iterator
from typing import Literal

from ordergate_rapyd.emulator import lifecycle, webhooks
from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.errors import MESSAGES
from ordergate_rapyd.emulator.records import Order, Payment
from ordergate_rapyd.emulator.switches import Switches

Outcome = Literal["closes", "fails", "expires"]

_ENDINGS = {"ERR": "PAYMENT_FAILED", "EXP": "PAYMENT_EXPIRED", "CAN": "PAYMENT_CANCELED"}


def settle(account: Account, now: float) -> None:
    """Let everything that is due happen, in the order of its time, each at its own time."""
    for moment, payment_id, outcome in sorted(_due(account, now)):
        payment = account.open_payments[payment_id]
        if outcome == "closes":
            close(account, payment, int(moment))
        elif outcome == "fails":
            fail(account, payment, payment.method.error_code, int(moment))
        else:
            end(account, payment, "EXP", int(moment))


def close(account: Account, payment: Payment, second: int, received: int | None = None) -> None:
    """Collect the payment, in full or the received amount; update its order if that is automatic."""
    collect(account, payment, second, received)
    order = account.orders[payment.order]
    before = order.status
    if _order_follows(payment, account.switches):
        lifecycle.happen(order, "payment_closed", second)
    if order.status != before:
        webhooks.record_order(account, "ORDER_UPDATED", order, second)


def collect(account: Account, payment: Payment, second: int, received: int | None = None) -> None:
    """Collect the payment, in full or the received amount, without a change of its order."""
    account.open_payments.pop(payment.id, None)
    payment.status = "CLO"
    payment.received = payment.amount if received is None else received
    payment.paid_at = second
    payment.next_action = "not_applicable"
    webhooks.record_payment(account, "PAYMENT_COMPLETED", payment, second)


def fail(account: Account, payment: Payment, code: str, second: int) -> None:
    """End the payment for this reason."""
    payment.failure_code = code
    payment.failure_message = MESSAGES.get(code, "")
    end(account, payment, "ERR", second)


def end(account: Account, payment: Payment, status: str, second: int) -> None:
    """End the payment without money; a return of its order to ``created`` is not documented."""
    account.open_payments.pop(payment.id, None)
    payment.status = status
    payment.next_action = "not_applicable"
    order = account.orders[payment.order]
    webhooks.record_payment(account, _ENDINGS[status], payment, second)
    if status == "ERR":
        webhooks.record_order(account, "ORDER_PAYMENT_FAILED", order, second)
    if order.status == "pending" and account.switches.order_after_failed_payment == "created":
        lifecycle.reopen(order, second)
        webhooks.record_order(account, "ORDER_UPDATED", order, second)


def refund(account: Account, payment: Payment, amount: int, second: int) -> str:
    """Give this much of a closed payment back, and return the refund's id."""
    payment.refunded += amount
    refund_id = account.ids.object_id("refund")
    webhooks.record_refund(account, refund_id, payment, amount, second)
    return refund_id


def undo(account: Account, order: Order, second: int) -> None:
    """Cancel the order's payment if it is open, refund it if it is closed."""
    payment = account.payments.get(order.payment)
    if payment is None:
        return
    if payment.status == "ACT":
        account.open_payments.pop(payment.id, None)
        payment.status, payment.next_action = "CAN", "not_applicable"
        webhooks.record_payment(account, _ENDINGS["CAN"], payment, second)
    elif payment.status == "CLO" and payment.received > payment.refunded:
        refund(account, payment, payment.received - payment.refunded, second)


def _due(account: Account, now: float) -> Iterator[tuple[float, str, Outcome]]:
    for payment in account.open_payments.values():
        moment, outcome = _next(payment, account.switches)
        if moment <= now:
            yield moment, payment.id, outcome


def _next(payment: Payment, switches: Switches) -> tuple[float, Outcome]:
    match payment.method.behaviour:
        case "closes":
            return payment.opened + switches.card_close_seconds, "closes"
        case "fails_later":
            return payment.opened + switches.card_close_seconds, "fails"
        case "3ds":
            return payment.opened + switches.three_ds_seconds, "expires"
        case _:
            return float(payment.expiration), "expires"


def _order_follows(payment: Payment, switches: Switches) -> bool:
    if payment.method.behaviour == "completed_without_order_update":
        return False
    if payment.method.category == "card":
        return switches.card_orders_become_paid
    return switches.non_card_orders_become_paid
