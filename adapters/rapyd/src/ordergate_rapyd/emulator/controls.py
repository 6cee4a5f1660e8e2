"""Actions at Rapyd without its client: by shoppers, banks, and people in the Client Portal."""

from collections.abc import Callable, Mapping

from ordergate.spi.emulator import InvalidControlError
from ordergate_rapyd.emulator import lifecycle, settlement, webhooks
from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.records import Order, Payment

Control = Callable[[Account, Order, int | None, int], None]


def act(account: Account, order: Order, action: str, amount: int | None, second: int) -> None:
    """Perform an action.

    Raises:
        InvalidControlError: The action is unknown, or impossible in the order's state.
    """
    if action not in CONTROLS:
        raise InvalidControlError(f"The action {action!r} is none of {', '.join(CONTROLS)}.")
    if amount is not None and action not in {"refund", "payment_closed"}:
        raise InvalidControlError(f"An amount makes no sense with the action {action}.")
    CONTROLS[action](account, order, amount, second)


def _authenticate(account: Account, order: Order, _amount: int | None, second: int) -> None:
    settlement.close(account, _challenged_payment(account, order), second)


def _fail_authentication(account: Account, order: Order, _amount: int | None, second: int) -> None:
    payment = _challenged_payment(account, order)
    settlement.fail(account, payment, "ERROR_3DS_AUTHENTICATION_FAILURE", second)


def _close_payment(account: Account, order: Order, amount: int | None, second: int) -> None:
    """Close the payment; by a bank transfer the shopper may have sent another amount."""
    payment = _open_payment(account, order)
    if amount is not None and (payment.method.category == "card" or amount < 1):
        raise InvalidControlError(f"The payment of {order.id} cannot be closed with {amount}.")
    if payment.method.behaviour == "3ds":
        raise InvalidControlError(f"The payment of {order.id} waits for 3-D Secure: use 3ds_ok or 3ds_fail.")
    settlement.close(account, payment, second, amount)


def _refund(account: Account, order: Order, amount: int | None, second: int) -> None:
    """Refund the payment, not by way of a return: the order's own amounts stay as they are."""
    payment = account.payments.get(order.payment)
    if payment is None or payment.status != "CLO":
        raise InvalidControlError(f"There is no closed payment of {order.id} to refund.")
    left = payment.received - payment.refunded
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise InvalidControlError(
            f"The payment of {order.id} has {left} minor units left to refund, not {wanted}."
        )
    settlement.refund(account, payment, wanted, second)


def _cancel(account: Account, order: Order, _amount: int | None, second: int) -> None:
    if order.status not in lifecycle.UPDATABLE | {"created"}:
        raise InvalidControlError(f"{order.id} is {order.status} and cannot be canceled.")
    lifecycle.enter(order, "canceled", second)
    if account.switches.cancel_moves_money:
        settlement.undo(account, order, second)
    webhooks.record_order(account, "ORDER_UPDATED", order, second)


def _open_payment(account: Account, order: Order) -> Payment:
    payment = account.open_payments.get(order.payment)
    if payment is None:
        raise InvalidControlError(f"There is no open payment of {order.id}.")
    return payment


def _challenged_payment(account: Account, order: Order) -> Payment:
    payment = _open_payment(account, order)
    if payment.method.behaviour != "3ds":
        raise InvalidControlError(f"The payment of {order.id} does not wait for 3-D Secure.")
    return payment


CONTROLS: Mapping[str, Control] = {
    "3ds_ok": _authenticate,
    "3ds_fail": _fail_authentication,
    "payment_closed": _close_payment,
    "refund": _refund,
    "dashboard_cancel": _cancel,
}
"""Every action by its name."""
