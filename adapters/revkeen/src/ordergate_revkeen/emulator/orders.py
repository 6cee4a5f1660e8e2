"""The order's states as a table, and the effect of each operation on an order.

Which operation a status allows is data: True and False are documented, a name is the switch that decides an
inferred cell.
"""

from collections.abc import Mapping

from msgspec import UNSET

from .account import Account, Line, Order
from .bodies import MAX_INTEGER, NewLine, NewOrder, OrderUpdate
from .calls import Cause
from .catalog import entry
from .errors import invalid, not_found, rejected_state
from .events import record_order
from .forms import order_form
from .switches import Switches
from .times import rfc3339, unix_seconds

STATUSES = ("draft", "pending", "partially_paid", "paid", "fulfilled", "canceled", "refunded")
"""The documented values of `status` (OpenAPI), in the order of the table's columns."""

TABLE: Mapping[str, tuple[bool | str, ...]] = {
    "update": (True, True, True, True, "update_fulfilled", "update_canceled", "update_refunded"),
    "pay": ("pay_draft", True, True, "pay_paid", "pay_fulfilled", "pay_canceled", "pay_refunded"),
    "cancel": (True, True, "cancel_partially_paid", False, False, "cancel_canceled", "cancel_refunded"),
    "fulfill": (
        "fulfill_draft",
        "fulfill_pending",
        "fulfill_partially_paid",
        "fulfill_paid",
        "fulfill_fulfilled",
        "fulfill_canceled",
        "fulfill_refunded",
    ),
    "refund": (
        False,
        False,
        "refund_partially_paid",
        True,
        "refund_fulfilled",
        "refund_canceled",
        "refund_refunded",
    ),
}
"""Operation by status."""


def allowed(operation: str, status: str, switches: Switches) -> bool:
    """Return whether a status allows an operation; unknown statuses count as `draft`."""
    column = STATUSES.index(status) if status in STATUSES else 0
    cell = TABLE[operation][column]
    return cell if isinstance(cell, bool) else bool(getattr(switches, cell))


def require_allowed(operation: str, order: Order, switches: Switches) -> None:
    """Refuse an operation that the order's status forbids.

    Raises:
        ApiError: It does.
    """
    if not allowed(operation, order.status, switches):
        raise rejected_state(operation, order.status, switches)


def create_order(account: Account, body: NewOrder, cause: Cause) -> Order:
    """Create an order: nothing paid, all of it due.

    Raises:
        ApiError: 404 for a missing reference (Orders reference), 400 for a value out of bounds.
    """
    switches = account.switches
    _require_references(account, body)
    _require_currency(body.currency, switches)
    expires = _expiry(body, cause.now, switches)
    lines = [_line(account, line, position) for position, line in enumerate(body.line_items)]
    order = Order(
        id=account.identifiers.uuid(),
        public_id=account.identifiers.prefixed("ord_", 12),
        customer_id=_id_or_none(body.customer_id),
        status=switches.new_order_status,
        billing_type=body.billing_type,
        fulfillment_status=switches.new_fulfillment_status,
        currency=body.currency,
        lines=lines,
        metadata={} if body.metadata is UNSET else body.metadata,
        notes=None if body.notes is UNSET else body.notes,
        invoice_id=_id_or_none(body.invoice_id),
        subscription_id=_id_or_none(body.subscription_id),
        created=cause.now,
        updated=cause.now,
        expires=expires,
    )
    if order.total > MAX_INTEGER:
        raise invalid("The total is out of range", "line_items")
    account.orders[order.id] = order
    record_order(account, "created", order, cause)
    return order


def update_order(account: Account, order: Order, body: OrderUpdate, cause: Cause) -> None:
    """Change customer, metadata or notes; nothing else can be changed (OpenAPI).

    Raises:
        ApiError: 404 for a missing customer, 400 for an empty update if a switch refuses it.
    """
    switches = account.switches
    if switches.empty_update == "refuse" and body == OrderUpdate():
        raise invalid("Nothing to update")
    if isinstance(body.customer_id, str):
        _require_customer(account, body.customer_id)
    before = order_form(order, switches)
    clears = switches.update_null == "clears"
    if isinstance(body.customer_id, str) or (body.customer_id is None and clears):
        order.customer_id = _id_or_none(body.customer_id)
    if isinstance(body.notes, str) or (body.notes is None and clears):
        order.notes = body.notes
    if body.metadata is not UNSET:
        merged = switches.metadata_update == "merge"
        order.metadata = {**order.metadata, **body.metadata} if merged else body.metadata
    order.updated = cause.now
    record_order(account, "updated", order, cause, before)


def cancel_order(account: Account, order: Order, cause: Cause) -> None:
    """Cancel; the amounts stay as they are, and canceling again changes nothing."""
    if order.status == "canceled":
        return
    order.status = "canceled"
    order.canceled = order.updated = cause.now
    record_order(account, "canceled", order, cause)


def fulfill_order(account: Account, order: Order, lines: list[Line], cause: Cause) -> None:
    """Fulfill whole lines; the last one fulfills the order, and fulfilling again changes nothing."""
    if all(line.fulfilled for line in lines):
        return
    before = order_form(order, account.switches)
    for line in lines:
        line.fulfilled = True
    order.updated = cause.now
    if all(line.fulfilled for line in order.lines):
        order.fulfillment_status = order.status = "fulfilled"
        order.fulfilled = cause.now
        record_order(account, "fulfilled", order, cause)
        return
    order.fulfillment_status = "partial"
    if account.switches.partial_fulfillment_status == "fulfilled":
        order.status = "fulfilled"
    record_order(account, "updated", order, cause, before)


def _line(account: Account, line: NewLine, position: int) -> Line:
    switches = account.switches
    description, unit_price = line.description, line.unit_price
    if line.product_id is not UNSET and switches.product_overrides_line:
        product = entry(account.catalog.products, line.product_id)
        assert product is not None, "references were checked before"
        description, unit_price = product.name, product.unit_price
    return Line(
        id=account.identifiers.uuid(),
        product_id=_id_or_none(line.product_id),
        description=description,
        quantity=line.quantity,
        unit_price=unit_price,
        tax=unit_price * line.quantity * switches.tax_percent // 100,
        metadata={} if line.metadata is UNSET else line.metadata,
        position=position,
    )


def _require_references(account: Account, body: NewOrder) -> None:
    if body.customer_id is not UNSET:
        _require_customer(account, body.customer_id)
    for position, line in enumerate(body.line_items):
        if line.product_id is not UNSET and entry(account.catalog.products, line.product_id) is None:
            raise not_found("product", f"line_items.{position}.product_id")
    if body.invoice_id is not UNSET and not _invoice_exists(account, body.invoice_id.lower()):
        raise not_found("invoice", "invoice_id")
    subscriptions = account.catalog.subscriptions
    if body.subscription_id is not UNSET and entry(subscriptions, body.subscription_id) is None:
        raise not_found("subscription", "subscription_id")


def _require_customer(account: Account, customer_id: str) -> None:
    if entry(account.catalog.customers, customer_id) is None:
        raise not_found("customer", "customer_id")


def _invoice_exists(account: Account, invoice_id: str) -> bool:
    return invoice_id in account.invoice_ids or entry(account.catalog.invoices, invoice_id) is not None


def _require_currency(currency: str, switches: Switches) -> None:
    supported = switches.supported_currencies
    if supported is not None and currency.lower() not in {name.lower() for name in supported}:
        raise invalid(f"Unsupported currency {currency}", "currency")


def _expiry(body: NewOrder, now: float, switches: Switches) -> float | None:
    if body.expires_at is UNSET:
        return None
    expires = unix_seconds(body.expires_at)
    try:
        rfc3339(expires, switches)
    except OverflowError:
        raise invalid("Date-time out of range", "expires_at") from None
    if switches.datetime_requires_utc and body.expires_at.utcoffset():
        raise invalid("Expected a date-time in UTC", "expires_at")
    if switches.past_expiry == "refuse" and expires <= now:
        raise invalid("Expected a time in the future", "expires_at")
    return expires


def _id_or_none(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None
