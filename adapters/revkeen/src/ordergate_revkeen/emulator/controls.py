"""Actions at the provider outside the API: payments close, challenges end, the dashboard acts."""

from collections.abc import Callable, Mapping
from typing import Any

from ordergate.spi.emulator import InvalidControlError, UnknownOrderError

from .account import Account, Order, Payment
from .calls import Cause
from .cancellation import cancel_by_rule
from .errors import ApiError
from .forms import order_form
from .orders import allowed
from .payments import fail_pending, pending_payments, refund_payment, refundable, settle

AUTHENTICATION_FAILED = "authentication_failed"
"""Failure code of a payment after a failed challenge; inferred."""

Action = Callable[[Account, Order, int | None, Cause], None]


def act(account: Account, order_id: str, action: str, amount: int | None, now: float) -> dict[str, Any]:
    """Perform an action at the provider, and return the order.

    Raises:
        UnknownOrderError: There is no such order.
        InvalidControlError: The action is unknown, or impossible in the order's state.
    """
    order = account.orders.get(order_id.lower())
    if order is None:
        raise UnknownOrderError(f"No order {order_id}")
    do = ACTIONS.get(action)
    if do is None:
        raise InvalidControlError(f"Unknown action {action}; known are: {', '.join(ACTIONS)}")
    if amount is not None and action != "refund":
        raise InvalidControlError(f"An amount belongs to refund, not to {action}")
    do(account, order, amount, Cause(now=now))
    return order_form(order, account.switches)


def _payment_closed(account: Account, order: Order, _amount: int | None, cause: Cause) -> None:
    settle(account, _awaiting(account, order, "settlement"), cause)


def _challenge_passed(account: Account, order: Order, _amount: int | None, cause: Cause) -> None:
    settle(account, _awaiting(account, order, "challenge"), cause)


def _challenge_failed(account: Account, order: Order, _amount: int | None, cause: Cause) -> None:
    payment = _awaiting(account, order, "challenge")
    fail_pending(account, payment, AUTHENTICATION_FAILED, cause)


def _dashboard_cancel(account: Account, order: Order, _amount: int | None, cause: Cause) -> None:
    try:
        cancel_by_rule(account, order, cause)
    except ApiError as error:
        raise InvalidControlError(error.message) from None


def _refund(account: Account, order: Order, amount: int | None, cause: Cause) -> None:
    """Refund over the order's payments, the latest first."""
    if not allowed("refund", order.status, account.switches):
        raise InvalidControlError(f"An order with status {order.status} cannot be refunded")
    payments = [payment for payment in account.payments.values() if payment.order_id == order.id]
    left = sum(map(refundable, payments))
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise InvalidControlError(f"Cannot refund {wanted}: {left} of the payment is left")
    for payment in reversed(payments):
        share = min(wanted, refundable(payment))
        if share:
            refund_payment(account, payment, share, cause)
        wanted -= share


ACTIONS: Mapping[str, Action] = {
    "payment_closed": _payment_closed,
    "3ds_ok": _challenge_passed,
    "3ds_fail": _challenge_failed,
    "refund": _refund,
    "dashboard_cancel": _dashboard_cancel,
}


def _awaiting(account: Account, order: Order, what: str) -> Payment:
    for payment in pending_payments(account, order):
        if payment.awaiting == what:
            return payment
    raise InvalidControlError(f"No payment of order {order.id} awaits its {what}")
