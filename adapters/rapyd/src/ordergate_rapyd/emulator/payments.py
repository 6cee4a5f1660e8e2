"""Paying orders, looking at payments, and completing those that wait for a shopper.

Facts: Rapyd docs, "Pay an Order", "List Payments" and "Complete Payment".
"""

from ordergate_rapyd.emulator import lifecycle, settlement, views, webhooks
from ordergate_rapyd.emulator.account import Account, Call
from ordergate_rapyd.emulator.catalog import Customer, PaymentMethod
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.fields import metadata, text
from ordergate_rapyd.emulator.javascript import Json, JsonObject
from ordergate_rapyd.emulator.money import exponent_of, read_scaled
from ordergate_rapyd.emulator.records import Order, Payment

_CHECKOUT = "https://sandboxcheckout.rapyd.net"


def pay_order(account: Account, call: Call) -> JsonObject:
    """``POST /v1/orders/{order}/pay``: always in full; the payment is still open in the answer."""
    order = account.order(call.object_id)
    _check_payable(account, order)
    method = _chosen_method(account, order, call.body)
    payment = _new_payment(account, order, method, call)
    if code := _refusal(order, method):
        _record_refusal(account, payment, code, call.second)
        raise RefusedError(code)
    account.payments[payment.id] = account.open_payments[payment.id] = payment
    webhooks.record_payment(account, "PAYMENT_SUCCEEDED", payment, call.second)
    if method.behaviour == "charged_without_order_update":
        settlement.collect(account, payment, call.second)
        raise RefusedError("ERROR_PAY_ORDER_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE")
    order.payment = payment.id
    order.updated = call.second
    lifecycle.happen(order, "pay", call.second)
    webhooks.record_order(account, "ORDER_PAYMENT_SUCCEEDED", order, call.second)
    return views.order(account, order)


def retrieve_payment(account: Account, call: Call) -> JsonObject:
    """``GET /v1/payments/{payment}``."""
    if call.object_id not in account.payments:
        raise RefusedError("UNAUTHORIZED_API_CALL")
    return views.payment(account, account.payments[call.object_id])


def complete_payment(account: Account, call: Call) -> JsonObject:
    """``POST /v1/payments/completePayment``: the sandbox's way to play the shopper of a non-card payment."""
    payment = account.open_payments.get(text(call.body, "token"))
    if payment is None or payment.method.category == "card":
        raise RefusedError("MISSING_INVALID_PARAMETERS")
    if account.switches.check_completion_parameters and not _parameters_fit(payment, call.body):
        raise RefusedError("MISSING_INVALID_PARAMETERS")
    settlement.close(account, payment, call.second)
    if payment.method.behaviour == "completed_without_order_update":
        raise RefusedError("ERROR_PAYMENT_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE")
    return views.payment(account, payment)


def _check_payable(account: Account, order: Order) -> None:
    if order.status not in lifecycle.PAYABLE:
        raise RefusedError("ERROR_PAY_ORDER")
    payment = account.payments.get(order.payment)
    if payment is None:
        return
    if payment.status == "ACT" and account.switches.pay_pending_order == "accept":
        return
    ended = payment.status in {"ERR", "EXP", "CAN"}
    if not (ended and account.switches.pay_after_failed_payment):
        raise RefusedError("ERROR_PAY_ORDER")


def _chosen_method(account: Account, order: Order, body: JsonObject) -> PaymentMethod:
    customer = _payer(account, order, body.get("customer", ""))
    chosen = body.get("payment_method", "")
    if chosen == "":
        return _default_method(account, customer)
    method = account.catalog.payment_methods.get(chosen) if isinstance(chosen, str) else None
    if method is None or not method.tokenizable:
        raise RefusedError("INVALID_PAYMENT_METHOD")
    if method.customer != customer.id:
        raise RefusedError("ERROR_GET_PAYMENT_METHOD")
    return method


def _payer(account: Account, order: Order, customer: Json) -> Customer:
    wanted = order.customer if customer == "" else customer
    found = account.catalog.customers.get(wanted) if isinstance(wanted, str) else None
    if found is None:
        raise RefusedError("ERROR_GET_CUSTOMER")
    return found


def _default_method(account: Account, customer: Customer) -> PaymentMethod:
    method = account.catalog.payment_methods.get(customer.default_payment_method)
    if method is None:
        raise RefusedError(account.switches.missing_default_payment_method)
    return method


def _refusal(order: Order, method: PaymentMethod) -> str | None:
    """Return the code with which the payment is refused at once."""
    if method.behaviour == "declines":
        return method.error_code
    if method.currencies and order.currency not in method.currencies:
        return "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED"
    if order.totals.amount == 0:
        return "ERROR_AMOUNT_MUST_BE_POSITIVE"
    if order.totals.amount < method.minimum:
        return "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM"
    if method.maximum and order.totals.amount > method.maximum:
        return "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM"
    return None


def _record_refusal(account: Account, payment: Payment, code: str, second: int) -> None:
    if account.switches.declined_payment_recorded:
        account.payments[payment.id] = payment
        settlement.fail(account, payment, code, second)
    else:
        webhooks.record_order(account, "ORDER_PAYMENT_FAILED", account.orders[payment.order], second)


def _new_payment(account: Account, order: Order, method: PaymentMethod, call: Call) -> Payment:
    payment_id = account.ids.object_id("payment")
    return Payment(
        id=payment_id,
        order=order.id,
        customer=method.customer,
        method=method,
        currency=order.currency,
        amount=order.totals.amount,
        email=order.email,
        metadata=metadata(call.body),
        opened=call.now,
        expiration=call.second + account.switches.payment_lifetime_seconds,
        next_action=_next_action(method),
        redirect_url=_redirect_url(method, payment_id),
        textual_code=account.ids.hexadecimal(12) if method.category == "bank_transfer" else "",
    )


def _next_action(method: PaymentMethod) -> str:
    if method.behaviour == "3ds":
        return "3d_verification"
    return "not_applicable" if method.category == "card" else "pending_confirmation"


def _redirect_url(method: PaymentMethod, payment_id: str) -> str:
    if method.behaviour == "3ds":
        return f"{_CHECKOUT}/3ds-payment?token={payment_id}"
    if method.category == "bank_redirect":
        return f"{_CHECKOUT}/complete-bank-payment?token={payment_id}"
    return ""


def _parameters_fit(payment: Payment, body: JsonObject) -> bool:
    """Bank redirect: ``rapyd`` and ``success``; bank transfer: the textual code and the original amount."""
    match payment.method.category:
        case "bank_redirect":
            return (text(body, "param1"), text(body, "param2")) == ("rapyd", "success")
        case "bank_transfer":
            amount = read_scaled(body.get("param2"), exponent_of(payment.currency))
            return text(body, "param1") == payment.textual_code and amount == payment.amount
        case _:
            return True
