"""The events that changes leave behind, in the envelope that deliveries and `GET /events` share."""

from typing import Any

from .account import Account, Event, Order, Payment
from .calls import Cause
from .forms import order_form, payment_form


def record_order(
    account: Account, kind: str, order: Order, cause: Cause, previous: dict[str, Any] | None = None
) -> None:
    """Record `order.<kind>` with the order as it is now.

    Args:
        account: The account of the event.
        kind: `created`, `updated`, `paid`, `fulfilled` or `canceled`.
        order: After the change.
        cause: The request or happening behind it.
        previous: For `updated`, the form before; the attributes that changed become
            `previous_attributes`.
    """
    form = order_form(order, account.switches)
    data: dict[str, Any] = {"object": form}
    if previous is not None:
        data["previous_attributes"] = _changed(previous, form)
    record(account, f"order.{kind}", order.id, data, cause)
    if account.switches.extra_event_type is not None:
        record(account, account.switches.extra_event_type, order.id, {"object": form}, cause)


def record_payment(account: Account, kind: str, payment: Payment, cause: Cause) -> None:
    """Record `payment.<kind>`: `succeeded`, `failed` or `refunded`."""
    data = {"object": payment_form(payment, account.switches)}
    record(account, f"payment.{kind}", payment.order_id, data, cause)


def record(account: Account, kind: str, order_id: str, data: dict[str, Any], cause: Cause) -> None:
    """Record an event of any type, unless a switch omits the type."""
    if kind in account.switches.omitted_events:
        return
    event_id = _event_id(account)
    created = int(cause.now)
    form = {
        "id": event_id,
        "object": "event",
        "type": kind,
        "api_version": account.switches.pinned_version,
        "created": created,
        "livemode": account.livemode,
        "account": account.id,
        "data": data,
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
    }
    event = Event(id=event_id, type=kind, order_id=order_id, created=created, form=form)
    account.events.append(event)
    if account.pending_events.wanted:
        account.pending_events.add(event)


def _event_id(account: Account) -> str:
    if account.switches.event_ids == "evt":
        return account.identifiers.prefixed("evt_")
    return account.identifiers.uuid()


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in before.items() if value != after[name] and name != "updated_at"}
