"""Returns against orders, each with the refund behind it.

Facts: Rapyd docs, "Create a Return", "Retrieve a Return" and "Return Errors".
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from ordergate_rapyd.emulator import lifecycle, settlement, views, webhooks
from ordergate_rapyd.emulator.account import Account, Call
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.fields import given, is_text, text
from ordergate_rapyd.emulator.javascript import Json, JsonObject, well_formed
from ordergate_rapyd.emulator.money import divide, exponent_of, read_integer, read_scaled
from ordergate_rapyd.emulator.records import Line, Order, OrderReturn, Payment
from ordergate_rapyd.emulator.validation import MAX_QUANTITY

_HUNDRED_PERCENT = 100 * 10**4


def create_return(account: Account, call: Call) -> JsonObject:
    """``POST /v1/orders/{order}/returns``: gives the money back and moves the order on."""
    order = _returned_order(account, call)
    lines = _lines(account, order, call.body)
    amount = sum(line.total for line in lines)
    limit = order.totals.amount
    if account.switches.return_limit == "cumulative":
        limit -= order.amount_returned
    if amount > limit:
        raise RefusedError("ERROR_CREATE_ORDER_RETURN_ITEM")
    order_return = OrderReturn(
        id=account.ids.object_id("orre"),
        order=order.id,
        currency=order.currency,
        lines=lines,
        amount=amount,
        created=call.second,
        refund=_refund(account, order, amount, call.second),
    )
    account.returns[order_return.id] = order_return
    order.returns.append(order_return)
    in_full = order.amount_returned >= order.totals.amount
    lifecycle.happen(order, "returned_in_full" if in_full else "returned_in_part", call.second)
    webhooks.record_return(account, order_return, call.second)
    webhooks.record_order(account, "ORDER_UPDATED", order, call.second)
    return views.order_return(account, order_return)


def retrieve_return(account: Account, call: Call) -> JsonObject:
    """``GET /v1/order_returns/{order_return}``."""
    if call.object_id not in account.returns:
        raise RefusedError(account.switches.unknown_return)
    return views.order_return(account, account.returns[call.object_id])


def _returned_order(account: Account, call: Call) -> Order:
    order = account.orders.get(call.object_id)
    if order is None:
        raise RefusedError(account.switches.return_against_unknown_order)
    if call.body.get("order_id", order.id) != order.id:
        raise RefusedError("ERROR_MISSING_ORDER_ID")
    if order.status == "partial" and not account.switches.partial_allows_returns:
        raise RefusedError("ERROR_RETURN_ORDER_INVALID_ORDER")
    if order.status not in lifecycle.RETURNABLE | {"partial"}:
        raise RefusedError(account.switches.return_status_error)
    return order


def _lines(account: Account, order: Order, body: JsonObject) -> Sequence[Line]:
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise RefusedError("ERROR_MISSING_ORDER_ITEMS")
    lines = [_line(account, order, item) for item in items]
    if account.switches.check_return_quantities:
        _check_quantities(order, lines)
    if account.switches.return_tax_automatically:
        lines.extend(_tax_share(account, order, lines))
    return lines


def _line(account: Account, order: Order, item: Json) -> Line:
    members = given(item) if isinstance(item, dict) else {}
    kind, parent = text(members, "type"), text(members, "parent")
    _check_kind(account, order, kind, parent)
    quantity = read_integer(members.get("quantity"))
    if quantity is None or not 0 < quantity <= MAX_QUANTITY:
        raise RefusedError("ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY")
    amount = read_scaled(members.get("amount"), exponent_of(order.currency))
    if amount is None or amount < 0 or (amount == 0 and kind != "shipping"):
        raise RefusedError("ERROR_CREATE_ORDER_RETURN_ITEM")
    if members.get("currency", order.currency) != order.currency or not is_text(members, "description"):
        raise RefusedError("ERROR_CREATE_ORDER_RETURN_ITEM")
    return Line(
        type=kind,
        amount=amount,
        quantity=quantity,
        parent=parent if kind == "sku" else "",
        description=str(well_formed(text(members, "description"))),
    )


def _check_kind(account: Account, order: Order, kind: str, parent: str) -> None:
    if kind not in {"sku", "shipping", "tax"}:
        raise RefusedError("ERROR_CREATE_ORDER_RETURN_ITEM")
    if kind == "sku" and not any(line.parent == parent for line in order.lines if line.type == "sku"):
        raise RefusedError(account.switches.return_item_not_in_order)
    if kind == "tax" and not order.totals.tax:
        raise RefusedError("ERROR_RETURN_ORDER_INVALID_TAX_ITEM")


def _check_quantities(order: Order, lines: Iterable[Line]) -> None:
    """Refuse to take back more than is left of the order: lines by quantity, tax by amount."""
    left = Counter({(line.type, line.parent): line.quantity for line in order.lines})
    tax = order.totals.tax - _returned_tax(order)
    for line in (*(line for done in order.returns for line in done.lines if line.type != "tax"), *lines):
        if line.type == "tax":
            tax -= line.total
        else:
            left[line.type, line.parent] -= line.quantity
    if min(left.values()) < 0:
        raise RefusedError("ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY")
    if tax < 0:
        raise RefusedError("ERROR_RETURN_ORDER_INVALID_TAX_ITEM")


def _returned_tax(order: Order) -> int:
    return sum(line.total for done in order.returns for line in done.lines if line.type == "tax")


def _tax_share(account: Account, order: Order, lines: Iterable[Line]) -> list[Line]:
    """Return the tax on the other lines that is not yet returned."""
    if any(line.type == "tax" for line in lines):
        return []
    base = sum(line.total for line in lines)
    share = divide(order.tax_percent * base, _HUNDRED_PERCENT, account.switches.rounding)
    amount = min(share, order.totals.tax - _returned_tax(order))
    return [Line(type="tax", amount=amount, quantity=1, description="Tax")] if amount > 0 else []


def _refund(account: Account, order: Order, amount: int, second: int) -> str | None:
    """Refund the money, and return the refund's id; None if the return is accepted without a refund."""
    payment = account.payments.get(order.payment)
    code = account.switches.refund_error or _refusal(payment, amount)
    if code is None:
        assert payment is not None
        return settlement.refund(account, payment, amount, second)
    if account.switches.failed_refund == "reject":
        raise RefusedError(code)
    return None


def _refusal(payment: Payment | None, amount: int) -> str | None:
    if payment is None or payment.status != "CLO":
        return "PAYMENT_NOT_COMPLETED"
    if not payment.method.refundable:
        return "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE"
    return "ERROR_CREATE_REFUND" if amount > payment.received - payment.refunded else None
