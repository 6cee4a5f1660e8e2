"""Cancellation of an order by its client, by the dashboard or by expiry, and its effect on a pending payment."""

from .account import Account, Order
from .calls import Cause
from .orders import cancel_order, require_allowed
from .payments import pending_payments, require_none_pending, void_pending


def cancel_by_rule(account: Account, order: Order, cause: Cause) -> None:
    """Cancel an order, if its status allows it.

    Raises:
        ApiError: The status forbids it, or a pending payment does.
    """
    require_allowed("cancel", order, account.switches)
    match account.switches.cancel_in_flight:
        case "refuse":
            require_none_pending(account, order)
        case "void":
            void_pending(account, order)
        case "close_later":
            pass
    cancel_order(account, order, cause)


def expired(order: Order, now: float) -> bool:
    """Return whether `expires_at` is over."""
    return order.expires is not None and order.expires <= now


def cancel_expired(account: Account, now: float) -> None:
    """Cancel expired unpaid orders, if a switch sets that effect."""
    if account.switches.expiry != "cancel":
        return
    for order in account.orders.values():
        if expired(order, now) and order.status in {"draft", "pending"}:
            _cancel_expired(account, order)


def _cancel_expired(account: Account, order: Order) -> None:
    """Cancel at the expiry, or later, when no payment prevents it."""
    if account.switches.cancel_in_flight == "refuse" and pending_payments(account, order):
        return
    assert order.expires is not None, "only orders with an expiry expire"
    cancel_by_rule(account, order, Cause(now=max(order.expires, order.created)))
