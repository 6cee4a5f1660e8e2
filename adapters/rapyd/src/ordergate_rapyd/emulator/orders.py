"""Creating and updating orders.

Facts: Rapyd docs, "Create an Order" and "Update an Order".
"""

from collections.abc import Sequence

from ordergate_rapyd.emulator import lifecycle, settlement, views, webhooks
from ordergate_rapyd.emulator.account import Account, Call
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.fields import given, metadata, objects, text
from ordergate_rapyd.emulator.javascript import JsonObject, well_formed
from ordergate_rapyd.emulator.money import divide, exponent_of, read_integer, read_scaled
from ordergate_rapyd.emulator.records import Line, Order, Totals
from ordergate_rapyd.emulator.validation import (
    TAX_PERCENT_DECIMALS,
    check_coupon,
    check_create,
    read_currency,
    read_tax_percent,
)

_HUNDRED_PERCENT = 100 * 10**TAX_PERCENT_DECIMALS
_UPDATE_FIELDS = ("metadata", "coupon", "tax_percent", "status")
_ADDRESS_BEFORE_METADATA = ("name", "line_1", "line_2", "line_3", "city", "state", "country", "zip")


def create_order(account: Account, call: Call) -> JsonObject:
    """``POST /v1/orders``: the same request twice makes two orders."""
    check_create(account, call.body)
    order = _new_order(account, call)
    account.orders[order.id] = order
    webhooks.record_order(account, "ORDER_CREATED", order, call.second)
    return views.order(account, order)


def retrieve_order(account: Account, call: Call) -> JsonObject:
    """``GET /v1/orders/{order}``."""
    return views.order(account, account.order(call.object_id))


def update_order(account: Account, call: Call) -> JsonObject:
    """``POST /v1/orders/{order}``: which fields may change depends on the status; all change or none."""
    order = account.order(call.object_id)
    changes = _blank_coupon_is_absent(call.body)
    _check_update(account, order, changes)
    if changes.keys() & {"tax_percent", "coupon"}:
        _reprice(account, order, changes)
    order.updated = call.second
    if "metadata" in changes:
        kept = order.metadata if account.switches.metadata_update == "merge" else {}
        order.metadata = {**kept, **metadata(changes)}
    if "status" in changes:
        _set_status(account, order, text(changes, "status"), call.second)
    webhooks.record_order(account, "ORDER_UPDATED", order, call.second)
    return views.order(account, order)


def totals(account: Account, lines: Sequence[Line], tax_percent: int, coupon_id: str) -> Totals:
    """Return the amounts of the lines; discount and tax are each rounded once.

    Raises:
        RefusedError: The coupon no longer exists.
    """
    goods = sum(line.total for line in lines if line.type == "sku")
    shipping = sum(line.total for line in lines if line.type == "shipping")
    discount = _discount(account, goods, coupon_id)
    base = goods + (shipping if account.switches.tax_base == "goods_and_shipping" else 0)
    if account.switches.tax_after_discount:
        base -= discount
    tax = divide(tax_percent * base, _HUNDRED_PERCENT, account.switches.rounding)
    return Totals(discount=discount, tax=tax, amount=goods - discount + shipping + tax)


def _discount(account: Account, goods: int, coupon_id: str) -> int:
    if not coupon_id:
        return 0
    coupon = account.catalog.coupons.get(coupon_id)
    if coupon is None:
        raise RefusedError("ERROR_ORDER_ITEM_INVALID_DISCOUNT")
    if coupon.percent_off:
        return divide(coupon.percent_off * goods, 100, account.switches.rounding)
    return min(coupon.amount_off, goods)


def _new_order(account: Account, call: Call) -> Order:
    body = call.body
    currency = read_currency(body["currency"], account.switches)
    lines = [_line(item, exponent_of(currency)) for item in objects(body, "items")]
    tax_percent = read_tax_percent(body.get("tax_percent", "0"), account.switches) or 0
    customer, coupon = text(body, "customer"), text(body, "coupon")
    return Order(
        id=account.ids.object_id("order"),
        customer=customer,
        currency=currency,
        email=_clean(body, "email") or account.catalog.customers[customer].email,
        lines=lines,
        totals=totals(account, lines, tax_percent, coupon),
        tax_percent=tax_percent,
        coupon=coupon,
        external_coupon_code=_clean(body, "external_coupon_code"),
        metadata=metadata(body),
        shipping_address=_address(account, body, call.second),
        upstream_id=_clean(body, "upstream_id") or account.ids.hexadecimal(16),
        created=call.second,
        updated=call.second,
    )


def _line(item: JsonObject, exponent: int) -> Line:
    shipping = item["type"] == "shipping"
    return Line(
        type=text(item, "type"),
        amount=read_scaled(item["amount"], exponent) or 0,
        quantity=1 if shipping else read_integer(item["quantity"]) or 0,
        parent="" if shipping else text(item, "parent"),
        description=_clean(item, "description"),
    )


def _address(account: Account, body: JsonObject, second: int) -> JsonObject | None:
    """Return the address of a response: with an id, and blank for each absent field."""
    address = body.get("shipping_address")
    if not address or not isinstance(address, dict):
        return None
    members = given(address)
    shown: JsonObject = {"id": account.ids.object_id("address")}
    shown.update((name, _clean(members, name)) for name in _ADDRESS_BEFORE_METADATA)
    shown["phone_number"] = text(members, "phone_number")
    shown["metadata"] = metadata(members)
    shown.update((name, _clean(members, name)) for name in ("canton", "district"))
    return {**shown, "created_at": second}


def _clean(members: JsonObject, name: str) -> str:
    value = well_formed(text(members, name))
    assert isinstance(value, str)
    return value


def _blank_coupon_is_absent(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if (name, value) != ("coupon", "")}


def _check_update(account: Account, order: Order, changes: JsonObject) -> None:
    switches = account.switches
    unknown = [name for name in changes if name not in _UPDATE_FIELDS]
    if unknown and switches.update_unknown_fields == "reject":
        raise RefusedError(f"INVALID_FIELDS - [{unknown[0].upper()}]")
    if changes and not lifecycle.may_update(order.status, switches):
        raise RefusedError("ERROR_ORDER_INVALID_STATUS")
    if "status" in changes and not lifecycle.may_update_to(order.status, text(changes, "status"), switches):
        raise RefusedError("ERROR_ORDER_INVALID_STATUS")
    if "coupon" in changes:
        _check_coupon_update(account, order, changes)
    if "tax_percent" in changes:
        _check_tax_update(account, order, changes)
    metadata(changes)


def _check_coupon_update(account: Account, order: Order, changes: JsonObject) -> None:
    if order.status != "created":
        raise RefusedError("ERROR_ORDER_COUPON_FIELD_NOT_UPDATABLE")
    if code := check_coupon(account, changes["coupon"], order.currency):
        raise RefusedError(code)


def _check_tax_update(account: Account, order: Order, changes: JsonObject) -> None:
    if order.status != "created":
        raise RefusedError("ERROR_ORDER_TAX_FIELD_NOT_UPDATABLE")
    if read_tax_percent(changes["tax_percent"], account.switches) is None:
        raise RefusedError("ERROR_ORDER_INVALID_TAX_PERCENT")


def _reprice(account: Account, order: Order, changes: JsonObject) -> None:
    tax_percent, coupon = order.tax_percent, text(changes, "coupon") or order.coupon
    if "tax_percent" in changes:
        tax_percent = read_tax_percent(changes["tax_percent"], account.switches) or 0
    if account.switches.recompute_amount_on_update:
        order.totals = totals(account, order.lines, tax_percent, coupon)
    order.tax_percent, order.coupon = tax_percent, coupon


def _set_status(account: Account, order: Order, status: str, second: int) -> None:
    lifecycle.enter(order, status, second)
    if status == "canceled" and account.switches.cancel_moves_money:
        settlement.undo(account, order, second)
