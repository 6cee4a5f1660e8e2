"""Every code that Rapyd documents for an operation is mapped on purpose; everything else is survived."""

from typing import Any

import pytest

from ordergate.domain.commands import (
    Command,
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    ReturnGoods,
    UpdateOrder,
)
from ordergate.domain.errors import PROBLEMS
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.outcome import Applied, NotApplied, Unknown
from ordergate.spi.wire import WireResponse
from ordergate_rapyd import adapter
from ordergate_rapyd.errors import CODES, MONEY_TAKEN, POINTERS, UNSETTLED

from .commands import (
    ORDER_ID,
    READS,
    SETTINGS,
    WRITES,
    concluded,
    confirm,
    create,
    fulfill,
    list_orders,
    pay,
    retrieve,
    return_goods,
    update,
)
from .samples import answer, envelope, order, payment, refusal, respond

COMMANDS: dict[type[Command], Command] = {
    CreateOrder: create(),
    PayOrder: pay(),
    FulfillOrder: fulfill(),
    UpdateOrder: update(),
    ConfirmPayment: confirm(),
    ReturnGoods: return_goods(),
    RetrieveOrder: retrieve(),
    ListOrders: list_orders(),
}

EVERYWHERE = {
    "MISSING_AUTHENTICATION_HEADERS": "provider_unauthenticated",
    "UNAUTHENTICATED_API_CALL": "provider_unauthenticated",
    "MISSING_INVALID_PARAMETERS": "provider_rejected",
    "INVALID_FIELDS": "provider_rejected",
    "IDENTITY_PROOF_REQUIRED": "provider_rejected",
}
"""What Rapyd can answer to any call."""

UPDATES = {
    "UNAUTHORIZED_API_CALL": "provider_rejected",
    "ERROR_GET_ORDER": "provider_rejected",
    "ERROR_GET_COUPON": "provider_rejected",
    "ERROR_INVALID_COUPON_TYPE": "provider_rejected",
    "ERROR_ORDER_COUPON_INVALID_CURRENCY": "provider_rejected",
    "ERROR_ORDER_COUPON_FIELD_NOT_UPDATABLE": "invalid_state",
    "ERROR_ORDER_INVALID_STATUS": "invalid_state",
    "ERROR_ORDER_INVALID_TAX_PERCENT": "provider_rejected",
    "ERROR_ORDER_TAX_FIELD_NOT_UPDATABLE": "invalid_state",
    "REQUEST_DECLINED": "provider_rejected",
}
"""A fulfilment and a confirmation are updates there."""

DOCUMENTED: dict[type[Command], dict[str, str]] = {
    CreateOrder: {
        "UNAUTHORIZED_API_CALL": "provider_unauthenticated",
        "ERROR_INVALID_COUPON_TYPE": "provider_rejected",
        "ERROR_INVALID_ORDER_CURRENCY": "provider_rejected",
        "ERROR_INVALID_ORDER_SHIPPING_ADDRESS": "provider_rejected",
        "ERROR_MISSING_CUSTOMER": "provider_rejected",
        "ERROR_MISSING_ORDER_EMAIL": "provider_rejected",
        "ERROR_MISSING_ORDER_ITEMS": "provider_rejected",
        "ERROR_MISSING_PRODUCT_TOKEN": "provider_rejected",
        "ERROR_ORDER_COUPON_INVALID_CURRENCY": "provider_rejected",
        "ERROR_ORDER_INVALID_EMAIL": "provider_rejected",
        "ERROR_ORDER_INVALID_TAX_PERCENT": "provider_rejected",
        "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER": "provider_rejected",
        "ERROR_ORDER_ITEM_INVALID_DISCOUNT": "provider_rejected",
        "ERROR_ORDER_ITEM_INVALID_TYPE": "provider_rejected",
        "ERROR_ORDER_ITEM_MISSING_PARENT": "provider_rejected",
        "ERROR_ORDER_MISSING_CURRENCY": "provider_rejected",
        "ERROR_ORDER_MISSING_SHIPPING_ITEM": "provider_rejected",
        "ERROR_ORDER_MISSING_SKU_ITEM": "provider_rejected",
        "ERROR_ORDER_SAME_SKU_PRESENT_IN_MORE_THAN_ONE_ORDER_ITEM": "provider_rejected",
        "ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY": "provider_rejected",
        "ERROR_AMOUNT_MUST_BE_POSITIVE": "provider_rejected",
        "ERROR_AMOUNT_NOT_VALID": "provider_rejected",
        "ERROR_GET_COUPON": "provider_rejected",
        "ERROR_GET_CUSTOMER": "provider_rejected",
        "INVALID_CUSTOMER_ID": "provider_rejected",
        "INVALID_CUSTOMER_EMAIL": "provider_rejected",
        "ERROR_INVALID_SKU_ID": "provider_rejected",
        "ERROR_ADDRESS_GET": "provider_rejected",
        "INVALID_ADDRESS_NAME": "provider_rejected",
        "INVALID_ADDRESS_LINE_1": "provider_rejected",
        "INVALID_ADDRESS_ZIP": "provider_rejected",
        "INVALID_ADDRESS_PHONE_NUMBER": "provider_rejected",
        "REQUEST_DECLINED": "provider_rejected",
    },
    PayOrder: {
        "UNAUTHORIZED_API_CALL": "provider_rejected",
        "ERROR_GET_ORDER": "provider_rejected",
        "ERROR_PAY_ORDER": "invalid_state",
        "ERROR_GET_CUSTOMER": "provider_rejected",
        "INVALID_CUSTOMER_ID": "provider_rejected",
        "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND": "provider_rejected",
        "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD": "provider_rejected",
        "ERROR_GET_PAYMENT_METHOD": "provider_rejected",
        "INVALID_PAYMENT_METHOD": "provider_rejected",
        "ERROR_AMOUNT_MUST_BE_POSITIVE": "provider_rejected",
        "ERROR_AMOUNT_NOT_VALID": "provider_rejected",
        "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": "payment_declined",
        "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM": "payment_declined",
        "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": "payment_declined",
        "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED": "payment_declined",
        "ERROR_3DS_AUTHENTICATION_FAILURE": "payment_declined",
        "ERROR_CARD_EXPIRED": "payment_declined",
        "ERROR_CARD_NOT_AUTHENTICATED": "payment_declined",
        "ERROR_CARD_TRANSACTION_AMOUNT": "payment_declined",
        "ERROR_CARD_TRANSACTION_FREQUENCY": "payment_declined",
        "ERROR_BANK_IDENTIFIER_MISMATCH": "payment_declined",
        "REQUEST_DECLINED": "payment_declined",
    },
    FulfillOrder: UPDATES,
    UpdateOrder: UPDATES,
    ConfirmPayment: UPDATES,
    ReturnGoods: {
        "UNAUTHORIZED_API_CALL": "provider_rejected",
        "ERROR_CREATE_ORDER_RETURN_ITEM": "provider_rejected",
        "ERROR_CREATE_REFUND": "provider_rejected",
        "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE": "provider_rejected",
        "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS": "provider_rejected",
        "ERROR_GET_ORDER": "provider_rejected",
        "ERROR_GET_ORDER_RETURN": "provider_rejected",
        "ERROR_MISSING_ORDER_ID": "provider_rejected",
        "ERROR_MISSING_ORDER_ITEMS": "provider_rejected",
        "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS": "invalid_state",
        "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY": "provider_rejected",
        "ERROR_RETURN_ORDER_INVALID_ORDER": "invalid_state",
        "ERROR_RETURN_ORDER_INVALID_SHIPPING_ITEM": "provider_rejected",
        "ERROR_RETURN_ORDER_INVALID_TAX_ITEM": "provider_rejected",
        "ERROR_RETURN_ORDER_RETURN_ITEM": "provider_rejected",
        "PAYMENT_NOT_COMPLETED": "invalid_state",
        "REQUEST_DECLINED": "provider_rejected",
    },
    RetrieveOrder: {
        "UNAUTHORIZED_API_CALL": "provider_rejected",
        "ERROR_GET_ORDER": "provider_rejected",
        "ERROR_GET_LIST_ORDER": "provider_rejected",
    },
    ListOrders: {
        "UNAUTHORIZED_API_CALL": "provider_rejected",
        "ERROR_GET_ORDER": "provider_rejected",
        "ERROR_GET_LIST_ORDER": "provider_rejected",
        "INVALID_LIMIT": "provider_rejected",
    },
}
"""Operation and code, as Rapyd's pages for orders, payments, coupons, addresses and authentication name them."""

MAPPED = [
    (operation, code, problem)
    for operation, codes in DOCUMENTED.items()
    for code, problem in {**EVERYWHERE, **codes}.items()
]

CHARGED = (
    "ERROR_PAY_ORDER_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE",
    "ERROR_PAYMENT_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE",
)


def refused(command: Command, response: WireResponse) -> NotApplied:
    outcome = concluded(command, response)
    assert isinstance(outcome, NotApplied), outcome
    return outcome


@pytest.mark.parametrize(("operation", "code", "problem"), MAPPED)
def test_documented_code_is_mapped(operation: type[Command], code: str, problem: str) -> None:
    """The code has its meaning for this operation, somebody chose it, and Rapyd's own words are kept."""
    outcome = refused(COMMANDS[operation], refusal(code))

    assert (outcome.code, outcome.mapped) == (problem, True)
    assert (outcome.provider.http_status, outcome.provider.code) == (400, code)
    assert outcome.provider.message == "The request was rejected."
    assert outcome.provider.request_id == "76b1dab8-cc7e-4035-9a3c-792c21bef676"


@pytest.mark.parametrize("operation", list(COMMANDS))
def test_mapping_holds_only_problems_that_exist(operation: type[Command]) -> None:
    """Every code of the mapping leads to a published problem."""
    assert set(CODES[operation].values()) <= PROBLEMS.keys()


def test_no_pointer_stands_for_a_code_that_never_comes() -> None:
    """A code that points at a field is a code of some operation."""
    assert POINTERS.keys() <= {code for codes in DOCUMENTED.values() for code in codes}


OTHER_WRITES = [command for command in WRITES if not isinstance(command, PayOrder)]


@pytest.mark.parametrize("code", CHARGED)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("command", OTHER_WRITES, ids=lambda command: type(command).__name__)
def test_error_that_took_the_money_is_unknown_where_nothing_was_charged(
    code: str, status: int, command: Command
) -> None:
    """An error that says that a charge succeeded is never read as "nothing happened", whatever was asked."""
    outcome = concluded(command, refusal(code, status))

    assert isinstance(outcome, Unknown)
    assert outcome.provider is not None
    assert outcome.provider.code == code


CLOSED = payment(status="CLO")
NOT_RECORDED = (ReviewReason.PAYMENT_NOT_RECORDED,)
LOOKS: dict[str, tuple[list[WireResponse], str, tuple[ReviewReason, ...]]] = {
    "unpaid": ([respond(envelope(order()))], "created", NOT_RECORDED),
    "canceled": ([respond(envelope(order(status="canceled")))], "canceled", NOT_RECORDED),
    "paid": ([respond(envelope(order(status="paid", payment=CLOSED)))], "paid", ()),
    "in flight": ([respond(envelope(order(status="pending", payment=payment(status="ACT"))))], "pending", ()),
    "no answer": ([], "created", NOT_RECORDED),
    "not found": ([refusal("ERROR_GET_ORDER")], "created", NOT_RECORDED),
    "broken": ([WireResponse(status=200, body=b"<html>")], "created", NOT_RECORDED),
    "failing": ([WireResponse(status=503, body=b"")], "created", NOT_RECORDED),
}
"""What the reading afterwards finds: its answers, the status that the order then has, and the concerns."""


@pytest.mark.parametrize("code", CHARGED)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("look", LOOKS)
def test_error_that_took_the_money_is_applied(code: str, status: int, look: str) -> None:
    """The money is taken: the pay is applied, and a person must look unless the order says so by itself."""
    answers, shown, concerns = LOOKS[look]

    outcome = concluded(pay(), refusal(code, status), *answers)

    assert isinstance(outcome, Applied)
    assert (outcome.order.provider_status, outcome.concerns) == (shown, concerns)


def test_order_is_read_after_an_error_that_took_the_money() -> None:
    """The look afterwards is a read of that order, with no effect."""
    plan = adapter.plan(pay(), SETTINGS)
    next(plan)
    look = plan.send(refusal(CHARGED[0]))

    assert (look.method, look.path, look.acts) == ("GET", f"/v1/orders/{ORDER_ID}", False)
    plan.close()


def test_both_charging_errors_are_listed() -> None:
    """The two codes that mean a charge are known by name."""
    assert set(CHARGED) == MONEY_TAKEN


@pytest.mark.parametrize("code", ["IDEMPOTENCY_ERROR", "REQUEST_UNDER_REVIEW"])
@pytest.mark.parametrize("command", WRITES, ids=lambda command: type(command).__name__)
def test_refusal_that_leaves_it_open_is_unknown(command: Command, code: str) -> None:
    """That a key was seen before, or that somebody is looking, says nothing of what becomes of the request."""
    outcome = concluded(command, refusal(code))

    assert isinstance(outcome, Unknown)
    assert code in UNSETTLED


def test_open_refusals_are_listed() -> None:
    """The codes that do not say that nothing happened are known by name."""
    assert {"IDEMPOTENCY_ERROR", "REQUEST_UNDER_REVIEW"} == UNSETTLED - MONEY_TAKEN


EVERY_CODE = {code for codes in DOCUMENTED.values() for code in codes} | EVERYWHERE.keys()
FOREIGN = [
    (operation, code)
    for operation, codes in DOCUMENTED.items()
    for code in sorted({"ERROR_OF_TOMORROW", *EVERY_CODE} - codes.keys() - EVERYWHERE.keys())
    if code not in {"INVALID_LIMIT", "REQUEST_DECLINED"}
]


@pytest.mark.parametrize(("operation", "code"), FOREIGN)
def test_unmapped_code_is_a_refusal_that_says_so(operation: type[Command], code: str) -> None:
    """A code that nobody mapped for the operation is refused with its raw text, and counted as unmapped."""
    outcome = refused(COMMANDS[operation], refusal(code))

    assert (outcome.code, outcome.mapped) == ("provider_rejected", False)
    assert outcome.provider.code == code
    assert code in outcome.detail


SEEDS = [
    ("create_order_currency_mismatch.response", "ERROR_INVALID_ORDER_CURRENCY", "/currency"),
    ("create_order_item_type_invalid.response", "ERROR_ORDER_ITEM_INVALID_TYPE", "/line_items"),
]


@pytest.mark.parametrize(("name", "code", "pointer"), SEEDS)
def test_documented_refusal_points_at_the_field(name: str, code: str, pointer: str) -> None:
    """The documented refusals of a create name the field that is to blame."""
    outcome = refused(create(), answer(name))

    assert (outcome.code, outcome.provider.code) == ("provider_rejected", code)
    assert [(error.pointer, error.code) for error in outcome.errors] == [(pointer, "provider_rejected")]
    assert outcome.provider.message is not None
    assert outcome.provider.message in outcome.detail


FIELDS = [
    (create(), "ERROR_MISSING_CUSTOMER", "/customer/id"),
    (create(), "ERROR_GET_CUSTOMER", "/customer/id"),
    (create(), "ERROR_MISSING_ORDER_EMAIL", "/customer/email"),
    (create(), "ERROR_ORDER_INVALID_EMAIL", "/customer/email"),
    (create(), "ERROR_MISSING_PRODUCT_TOKEN", "/line_items"),
    (create(), "ERROR_ORDER_INVALID_TAX_PERCENT", "/tax_percent"),
    (create(), "ERROR_GET_COUPON", "/extensions/rapyd/coupon"),
    (create(), "ERROR_INVALID_COUPON_TYPE", "/extensions/rapyd/coupon"),
    (create(), "ERROR_ORDER_COUPON_INVALID_CURRENCY", "/extensions/rapyd/coupon"),
    (create(), "ERROR_INVALID_ORDER_SHIPPING_ADDRESS", "/shipping_address"),
    (create(), "INVALID_ADDRESS_ZIP", "/shipping_address/postal_code"),
    (create(), "INVALID_ADDRESS_PHONE_NUMBER", "/shipping_address/phone"),
    (pay(), "INVALID_PAYMENT_METHOD", "/payment_method"),
    (pay(), "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD", "/payment_method"),
]


@pytest.mark.parametrize(("command", "code", "pointer"), FIELDS)
def test_code_points_at_the_field(command: Command, code: str, pointer: str) -> None:
    """A code that blames a field names it in the caller's terms."""
    assert [error.pointer for error in refused(command, refusal(code)).errors] == [pointer]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("auth.UNAUTHENTICATED_API_CALL.access_key", "provider_unauthenticated"),
        ("auth.UNAUTHENTICATED_API_CALL.openapi_example", "provider_unauthenticated"),
        ("auth.UNAUTHENTICATED_API_CALL.access_key_older", "provider_unauthenticated"),
        ("auth.UNAUTHENTICATED_API_CALL.signature_older", "provider_unauthenticated"),
        ("auth.MISSING_AUTHENTICATION_HEADERS", "provider_unauthenticated"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: type(command).__name__)
def test_refused_credentials_are_ours_to_mend(name: str, problem: str, command: Command) -> None:
    """Whatever text comes with it, a refusal of the credentials is told apart from one of the order."""
    assert refused(command, answer(name)).code == problem


def test_ambiguous_401_depends_on_the_operation() -> None:
    """Without a path that could be wrong it is the account; with an order's id it may be the order."""
    said = answer("auth.UNAUTHORIZED_API_CALL")

    assert refused(create(), said).code == "provider_unauthenticated"
    assert {
        refused(command, said).code for command in (pay(), fulfill(), update(), return_goods(), retrieve())
    } == {"provider_rejected"}


FIREWALL = b"<html><body><h1>Too many requests</h1></body></html>"


@pytest.mark.parametrize(
    "body", [b"", FIREWALL, refusal("ANYTHING").body, b'{"status":{"status":"SUCCESS"}}']
)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: type(command).__name__)
def test_rate_limit_is_refused_before_anything_happened(body: bytes, command: Command) -> None:
    """The firewall's 429, with whatever body, is not applied and asks for a minute's patience."""
    outcome = refused(command, WireResponse(status=429, body=body))

    assert (outcome.code, outcome.retry_after, outcome.mapped) == ("provider_rate_limited", 60, True)


OPEN_STATUSES = [
    100,
    201,
    202,
    204,
    301,
    302,
    304,
    307,
    402,
    408,
    409,
    410,
    425,
    451,
    500,
    501,
    502,
    503,
    504,
]


@pytest.mark.parametrize("status", OPEN_STATUSES)
@pytest.mark.parametrize("body", [b"", FIREWALL, refusal("ERROR_MISSING_CUSTOMER").body])
def test_status_that_says_nothing_leaves_a_write_unknown(status: int, body: bytes) -> None:
    """A status with which Rapyd does not refuse leaves open whether it acted, whatever the body says."""
    for command in WRITES:
        assert isinstance(concluded(command, WireResponse(status=status, body=body)), Unknown)


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_status_that_says_nothing_fails_a_read(status: int) -> None:
    """A read of a failing provider is told apart from a read of one that answers nonsense."""
    problem = "provider_unavailable" if status >= 500 else "provider_protocol_error"
    for command in READS:
        assert refused(command, WireResponse(status=status, body=FIREWALL)).code == problem


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422])
@pytest.mark.parametrize(
    "body", [b"", FIREWALL, b"null", b"[]", b'{"status":"ERROR"}', b'{"status":{"error_code":5}}', b"\xff"]
)
def test_refusal_without_a_code_is_one(status: int, body: bytes) -> None:
    """A refusing status without an envelope is a refusal, that nobody mapped."""
    for command in COMMANDS.values():
        outcome = refused(command, WireResponse(status=status, body=body))

        assert (outcome.code, outcome.mapped) == ("provider_rejected", False)
        assert (outcome.provider.http_status, outcome.provider.code) == (status, None)


def test_refusal_inside_a_200_is_one() -> None:
    """An envelope that says ERROR refuses, whatever the HTTP status."""
    created = refused(create(), refusal("ERROR_MISSING_CUSTOMER", 200))
    listed = refused(list_orders(), refusal("ERROR_GET_LIST_ORDER", 200))

    assert (created.code, created.mapped) == ("provider_rejected", True)
    assert (listed.code, listed.mapped) == ("provider_rejected", True)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"error_code": "ERROR_MISSING_CUSTOMER", "response_code": "x"}, "ERROR_MISSING_CUSTOMER"),
        ({"error_code": "", "response_code": "ERROR_MISSING_CUSTOMER"}, "ERROR_MISSING_CUSTOMER"),
        ({"response_code": "ERROR_MISSING_CUSTOMER"}, "ERROR_MISSING_CUSTOMER"),
        ({"error_code": "INVALID_FIELDS", "response_code": "INVALID_FIELDS - [EMAIL]"}, "INVALID_FIELDS"),
        ({"error_code": None, "response_code": None, "message": None, "operation_id": None}, None),
        ({}, None),
    ],
)
def test_every_part_of_the_verdict_is_optional(status: dict[str, Any], code: str | None) -> None:
    """The code is read from where it stands; parts may be blank, null or absent."""
    outcome = refused(create(), respond({"status": status}, 400))

    assert outcome.provider.code == code
    assert outcome.mapped == (code is not None)
    assert outcome.provider.message is None
    assert outcome.provider.request_id is None
