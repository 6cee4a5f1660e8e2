"""The operations: from a request to an account's change and the reply."""

from msgspec import UNSET

from .account import Account, Event, Line, Order, Payment
from .bodies import Cancellation, Fulfillment, NewOrder, NewPayment, NewRefund, OrderUpdate, parse
from .calls import Call, Reply
from .cancellation import cancel_by_rule, expired
from .catalog import entry
from .errors import ApiError, internal, invalid, not_found, rejected_state
from .forms import customer_order_row, list_form, order_reply, refund_form, with_extra
from .listing import PAGING, Query, page, within
from .orders import (
    STATUSES,
    create_order,
    fulfill_order,
    require_allowed,
    update_order,
)
from .payments import (
    charge,
    instrument_for,
    refund_payment,
    refundable,
    require_none_pending,
    settle_free,
)

ORDER_FILTERS = ("customer_id", "status", "billing_type", "created_gte", "created_lte", *PAGING)
EVENT_FILTERS = ("order_id", "type", "types", "created_gte", "created_lte", *PAGING)
CUSTOMER_ORDER_STATUSES = ("pending", "paid", "fulfilled", "canceled")
"""The filters of `GET /customers/{id}/orders`: four of the seven (OpenAPI)."""


def list_orders(account: Account, call: Call) -> Reply:
    """`GET /orders`: a cursor page of orders (Orders reference, query schema)."""
    switches = account.switches
    query = Query(call.request.query, ORDER_FILTERS, switches)
    customer_id, status = query.uuid("customer_id"), query.choice("status", STATUSES)
    billing_type = query.choice("billing_type", ("one_time", "recurring"))
    since, until = query.moment("created_gte"), query.moment("created_lte")

    def matches(order: Order) -> bool:
        return (
            customer_id in {None, order.customer_id}
            and status in {None, order.status}
            and billing_type in {None, order.billing_type}
            and within(order.created, since, until)
        )

    found = page(account.orders.values(), matches, query, switches)
    rows = [order_reply(order, switches) for order in found.rows]
    body = list_form(rows, has_more=found.has_more, switches=switches)
    if switches.total_count:
        body["total_count"] = sum(map(matches, account.orders.values()))
    return Reply(body=body)


def create(account: Account, call: Call) -> Reply:
    """`POST /orders`: a new order, status `draft`."""
    body = parse(NewOrder, call, account.switches)
    _require_key(account, call)
    order = create_order(account, body, call.cause)
    return Reply(body=order_reply(order, account.switches), status=account.switches.create_status)


def retrieve(account: Account, call: Call) -> Reply:
    """`GET /orders/{id}`: an order with its line items."""
    return Reply(body=order_reply(_order(account, call), account.switches, retrieve=True))


def update(account: Account, call: Call) -> Reply:
    """`PATCH /orders/{id}`: customer, metadata and notes; documented, but in no SDK."""
    body = parse(OrderUpdate, call, account.switches, may_be_empty=True)
    order = _order(account, call)
    require_allowed("update", order, account.switches)
    update_order(account, order, body, call.cause)
    form = order_reply(order, account.switches)
    return Reply(body={"data": form} if account.switches.update_wrapped else form)


def pay(account: Account, call: Call) -> Reply:
    """`POST /orders/{id}/pay`: create an invoice and charge; 2xx does not mean paid."""
    body = parse(NewPayment, call, account.switches, may_be_empty=True)
    _require_key(account, call)
    order = _order(account, call)
    _require_payable(account, order, call.now)
    due = order.amount_due(account.switches)
    if due <= 0 and body.amount is UNSET:
        _pay_nothing(account, order, call)
    else:
        _pay_amount(account, order, body, call)
    return Reply(body=order_reply(order, account.switches))


def cancel(account: Account, call: Call) -> Reply:
    """`POST /orders/{id}/cancel`: only orders that have not been paid or fulfilled (SDK references)."""
    parse(Cancellation, call, account.switches, may_be_empty=True)
    order = _order(account, call)
    cancel_by_rule(account, order, call.cause)
    return Reply(body=order_reply(order, account.switches))


def fulfill(account: Account, call: Call) -> Reply:
    """`POST /orders/{id}/fulfill`: all lines, or the named ones; whole lines only."""
    body = parse(Fulfillment, call, account.switches, may_be_empty=True)
    order = _order(account, call)
    require_allowed("fulfill", order, account.switches)
    fulfill_order(account, order, _lines(account, order, body), call.cause)
    return Reply(body=order_reply(order, account.switches))


def refund(account: Account, call: Call) -> Reply:
    """`POST /refunds`: give back a payment in whole or part."""
    body = parse(NewRefund, call, account.switches)
    _require_key(account, call)
    payment = account.payments.get(body.payment_id.lower())
    if payment is None:
        raise not_found("payment", "payment_id")
    require_allowed("refund", account.orders[payment.order_id], account.switches)
    amount = _refund_amount(payment, body)
    reason = None if body.reason is UNSET else body.reason
    made = refund_payment(account, payment, amount, call.cause, reason)
    form = refund_form(made, account.switches)
    return Reply(body={"data": form} if account.switches.refund_wrapped else form, status=201)


def list_events(account: Account, call: Call) -> Reply:
    """`GET /events`: the catch-up feed, newest first (Events API in OpenAPI)."""
    switches = account.switches
    query = Query(call.request.query, EVENT_FILTERS, switches)
    order_id, kind, kinds = query.uuid("order_id"), query.text("type"), query.text("types")
    since, until = query.moment("created_gte"), query.moment("created_lte")

    def matches(event: Event) -> bool:
        return (
            order_id in {None, event.order_id}
            and kind in {None, event.type}
            and (kinds is None or event.type in {name.strip() for name in kinds.split(",")})
            and within(event.created, since, until)
        )

    found = page(account.events, matches, query, switches)
    rows = [with_extra(event.form, switches) for event in found.rows]
    return Reply(body=list_form(rows, has_more=found.has_more, switches=switches))


def list_customer_orders(account: Account, call: Call) -> Reply:
    """`GET /customers/{id}/orders`: slim rows, not Orders (OpenAPI)."""
    switches = account.switches
    if entry(account.catalog.customers, call.id) is None:
        raise not_found("customer")
    query = Query(call.request.query, ("status", *PAGING), switches)
    status = query.choice("status", CUSTOMER_ORDER_STATUSES)

    def matches(order: Order) -> bool:
        return order.customer_id == call.id and status in {None, order.status}

    found = page(account.orders.values(), matches, query, switches)
    rows = [customer_order_row(order, switches) for order in found.rows]
    return Reply(body=list_form(rows, has_more=found.has_more, switches=switches))


def _order(account: Account, call: Call) -> Order:
    order = account.orders.get(call.id)
    if order is None:
        raise not_found("order")
    return order


def _require_key(account: Account, call: Call) -> None:
    if account.switches.require_idempotency_key and call.cause.idempotency_key is None:
        raise invalid("Idempotency-Key is required")


def _require_payable(account: Account, order: Order, now: float) -> None:
    require_allowed("pay", order, account.switches)
    if account.switches.expiry == "refuse_pay" and expired(order, now):
        raise rejected_state("pay after expires_at", order.status, account.switches)
    if account.switches.pay_in_flight == "refuse":
        require_none_pending(account, order)


def _pay_nothing(account: Account, order: Order, call: Call) -> None:
    if order.total > 0 or order.paid is not None:
        return
    if account.switches.zero_total_pay == "refuse":
        raise invalid("Nothing is due")
    settle_free(account, order, call.cause)


def _pay_amount(account: Account, order: Order, body: NewPayment, call: Call) -> None:
    switches = account.switches
    due = order.amount_due(switches)
    amount = due if body.amount is UNSET else body.amount
    if amount > due:
        raise invalid("amount is more than amount_due", "amount", switches.overpayment_status)
    if switches.pay_outage == "before_charge":
        raise internal(stored=False)
    charge(account, order, instrument_for(account, order, body), amount, call.cause)
    if switches.pay_outage == "after_charge":
        raise internal(stored=True)


def _lines(account: Account, order: Order, body: Fulfillment) -> list[Line]:
    if body.line_item_ids is UNSET:
        return order.lines
    if not body.line_item_ids:
        return _no_lines(account, order)
    return [_line(account, order, line_id, place) for place, line_id in enumerate(body.line_item_ids)]


def _no_lines(account: Account, order: Order) -> list[Line]:
    match account.switches.empty_line_item_ids:
        case "all":
            return order.lines
        case "none":
            return []
        case _:
            raise invalid("Name at least one line, or leave line_item_ids out", "line_item_ids")


def _line(account: Account, order: Order, line_id: str, place: int) -> Line:
    param = f"line_item_ids.{place}"
    line = next((line for line in order.lines if line.id == line_id.lower()), None)
    if line is None:
        raise _unknown_line(account, param)
    if line.fulfilled and account.switches.fulfilled_line == "refuse":
        raise invalid("The line is fulfilled already", param)
    return line


def _unknown_line(account: Account, param: str) -> ApiError:
    if account.switches.unknown_line_item_status == 404:
        return not_found("line item", param)
    return invalid("No such line item in this order", param)


def _refund_amount(payment: Payment, body: NewRefund) -> int:
    """Return the amount to refund; a higher one than the charge is the Errors guide's example of a 422."""
    left = refundable(payment)
    amount = left if body.amount_minor is UNSET else body.amount_minor
    if not 0 < amount <= left:
        raise invalid("amount_minor is more than is left of the payment", "amount_minor", 422)
    return amount
