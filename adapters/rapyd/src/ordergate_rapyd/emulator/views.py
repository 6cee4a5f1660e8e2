"""The JSON of orders, payments and returns: members in Rapyd's order, amounts in major units.

Facts: the samples of Rapyd docs, "Create an Order", "Order Updated Webhook" and "Retrieve a Return".
"""

from collections import Counter

from ordergate_rapyd.emulator import records
from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.javascript import JsonObject
from ordergate_rapyd.emulator.lifecycle import STATUSES
from ordergate_rapyd.emulator.money import write_amount, write_scaled
from ordergate_rapyd.emulator.validation import TAX_PERCENT_DECIMALS


def order(account: Account, order: records.Order) -> JsonObject:
    """Return an order as every order operation answers it."""
    switches = account.switches
    no_address: JsonObject | None = {} if switches.missing_shipping_address == "empty_object" else None
    shown: JsonObject = {
        "id": order.id,
        "amount": write_amount(order.totals.amount, order.currency),
        "amount_returned": write_amount(order.amount_returned, order.currency),
        "payment": _embedded_payment(account, order),
        "created": order.created,
        "customer": order.customer,
        "currency": order.currency,
        "email": order.email,
        "external_coupon_code": order.external_coupon_code,
        "items": _items(account, order),
        "metadata": order.metadata,
        "returns": _returns(account, order),
        "shipping_address": no_address if order.shipping_address is None else order.shipping_address,
        "status": switches.unknown_order_status or order.status,
        "status_transitions": _status_transitions(account, order),
        "updated": order.updated,
        "upstream_id": order.upstream_id,
        "tax_percent": write_scaled(order.tax_percent, TAX_PERCENT_DECIMALS),
    }
    if switches.coupon_in_response:
        shown["coupon"] = order.coupon
    return _extended(account, shown)


def payment(account: Account, payment: records.Payment) -> JsonObject:
    """Return a payment, on its own or inside its order."""
    failed = payment.failure_code
    method = payment.method
    shown: JsonObject = {
        "id": payment.id,
        "amount": write_amount(payment.received, payment.currency),
        "original_amount": write_amount(payment.amount, payment.currency),
        "is_partial": False,
        "currency_code": payment.currency,
        "country_code": "US",
        "status": account.switches.unknown_payment_status or payment.status,
        "description": "",
        "merchant_reference_id": "",
        "customer_token": payment.customer,
        "payment_method": method.id,
        "payment_method_type": method.type,
        "payment_method_type_category": method.category,
        "expiration": payment.expiration,
        "captured": payment.status == "CLO",
        "refunded": _is_refunded(account, payment),
        "refunded_amount": write_amount(payment.refunded, payment.currency),
        "receipt_email": payment.email,
        "redirect_url": payment.redirect_url,
        "error_payment_url": "",
        "receipt_number": "",
        "flow_type": "",
        "address": None,
        "transaction_id": "",
        "created_at": int(payment.opened),
        "metadata": payment.metadata,
        "failure_code": failed,
        "failure_message": payment.failure_message,
        "paid": payment.status == "CLO",
        "paid_at": payment.paid_at,
        "dispute": None,
        "refunds": None,
        "order": payment.order if account.switches.payment_order == "id" else None,
        "outcome": None,
        "visual_codes": {},
        "textual_codes": {"code": payment.textual_code} if payment.textual_code else {},
        "instructions": [],
        "ewallet_id": account.ewallet,
        "ewallets": [_ewallet(account, payment)],
        "fx_rate": 1,
        "fixed_side": "",
        "payment_fees": None,
        "invoice": "",
        "escrow": None,
        "group_payment": "",
        "cancel_reason": None,
        "initiation_type": "customer_present",
        "mid": "",
        "next_action": payment.next_action,
        "error_code": failed,
    }
    return _extended(account, shown)


def order_return(account: Account, order_return: records.OrderReturn) -> JsonObject:
    """Return a return."""
    shown: JsonObject = {
        "id": order_return.id,
        "amount": write_amount(order_return.amount, order_return.currency),
        "created": order_return.created,
        "currency": order_return.currency,
        "items": _return_items(account, order_return),
        "order": order_return.order,
        "refund": order_return.refund,
    }
    return _extended(account, shown)


def refund(refund_id: str, payment: records.Payment, amount: int, second: int) -> JsonObject:
    """Return a refund as in webhooks; its members are not documented, and these are a guess."""
    return {
        "id": refund_id,
        "amount": write_amount(amount, payment.currency),
        "payment": payment.id,
        "currency": payment.currency,
        "failure_reason": "",
        "metadata": {},
        "reason": "",
        "status": "Completed",
        "receipt_number": 0,
        "created_at": second,
        "updated_at": second,
        "merchant_reference_id": "",
    }


def _embedded_payment(account: Account, order: records.Order) -> JsonObject | str | None:
    if not order.payment:
        return None
    if account.switches.embedded_payment == "id":
        return order.payment
    return payment(account, account.payments[order.payment])


def _items(account: Account, order: records.Order) -> list[JsonObject]:
    lines = [*order.lines, *(_computed_lines(account, order))]
    return [_item(account, line, order.currency) for line in lines]


def _computed_lines(account: Account, order: records.Order) -> list[records.Line]:
    """Return the lines that the order's tax and coupon add."""
    if not account.switches.tax_and_discount_lines:
        return []
    lines = []
    if order.totals.discount:
        sign = -1 if account.switches.discount_line_sign == "negative" else 1
        kind, amount = account.switches.discount_line_type, sign * order.totals.discount
        lines.append(
            records.Line(type=kind, amount=amount, quantity=1, parent=order.coupon, description="Discount")
        )
    if order.totals.tax:
        lines.append(records.Line(type="tax", amount=order.totals.tax, quantity=1, description="Tax"))
    return lines


def _item(account: Account, line: records.Line, currency: str) -> JsonObject:
    amount = write_amount(line.amount, currency)
    as_string = account.switches.item_amounts_as_strings
    return {
        "amount": bytes(amount).decode("ascii") if as_string else amount,
        "currency": currency,
        "description": line.description,
        "parent": line.parent,
        "quantity": line.quantity,
        "type": line.type,
    }


def _return_items(account: Account, order_return: records.OrderReturn) -> list[JsonObject]:
    return [_item(account, line, order_return.currency) for line in order_return.lines]


def _returns(account: Account, order: records.Order) -> list[JsonObject]:
    if account.switches.returns_element == "returns":
        return [order_return(account, done) for done in order.returns]
    return [item for done in order.returns for item in _return_items(account, done)]


def _status_transitions(account: Account, order: records.Order) -> JsonObject:
    if account.switches.status_transitions == "times":
        return {**dict.fromkeys(STATUSES, 0), **dict(order.history)}
    counts = Counter(status for status, _ in order.history)
    return {status: counts[status] for status in STATUSES if status != "partial"}


def _is_refunded(account: Account, payment: records.Payment) -> bool:
    enough = 1 if account.switches.refunded_flag == "any" else payment.received
    return payment.refunded >= enough > 0


def _ewallet(account: Account, payment: records.Payment) -> JsonObject:
    return {
        "amount": write_amount(payment.received, payment.currency),
        "percent": 100,
        "ewallet_id": account.ewallet,
        "refunded_amount": write_amount(payment.refunded, payment.currency),
    }


def _extended(account: Account, shown: JsonObject) -> JsonObject:
    """Add undocumented members if the switch asks for them."""
    if account.switches.extra_response_fields:
        shown["new_field"] = "not documented"
        shown["new_object"] = {"nested": [1, None, {}]}
    return shown
