"""Paying orders."""

import json
from typing import Any

import pytest

from ordergate_rapyd.emulator.stock import DECLINES

from .emulator_client import START, Client

SECOND = int(START)
NEEDED = [
    "id",
    "amount",
    "original_amount",
    "currency_code",
    "status",
    "paid",
    "paid_at",
    "captured",
    "is_partial",
    "next_action",
    "redirect_url",
    "expiration",
    "failure_code",
    "failure_message",
    "error_code",
    "cancel_reason",
    "refunded",
    "refunded_amount",
    "order",
    "customer_token",
    "payment_method",
    "payment_method_type",
    "payment_method_type_category",
    "ewallets",
    "merchant_reference_id",
    "metadata",
    "created_at",
]


def test_card_payment_is_open_in_the_answer() -> None:
    """Right after pay the order is pending and its payment has received nothing."""
    client = Client()
    order = client.pay(client.created(), {"metadata": {"a": 1}}).data
    payment = order["payment"]

    assert (order["status"], order["status_transitions"]["pending"]) == ("pending", SECOND)
    assert set(NEEDED) <= set(payment)
    assert {
        "amount": 0,
        "original_amount": 410,
        "currency_code": "USD",
        "status": "ACT",
        "paid": False,
        "paid_at": 0,
        "captured": False,
        "next_action": "not_applicable",
        "redirect_url": "",
        "expiration": SECOND + 604_800,
        "order": None,
        "customer_token": client.description.customer,
        "payment_method": client.description.payment_methods[0],
        "metadata": {"a": 1},
        "created_at": SECOND,
    }.items() <= payment.items()


def test_card_payment_closes_by_itself() -> None:
    """After half a second the payment is closed and the order paid, stamped with that moment."""
    client = Client()
    client.now = START + 0.7
    order = client.pay(client.created()).data
    client.wait(0.49)
    assert client.retrieve(order)["status"] == "pending"
    client.wait(3600)
    order = client.retrieve(order)

    assert (order["status"], order["updated"]) == ("paid", SECOND + 1)
    assert order["status_transitions"]["paid"] == SECOND + 1
    assert {
        "amount": 410,
        "status": "CLO",
        "paid": True,
        "paid_at": SECOND + 1,
        "captured": True,
        "refunded": False,
    }.items() <= order["payment"].items()


def test_advance_alone_closes_payments() -> None:
    """No request is needed for time to pass."""
    client = Client(card_close_seconds=2)
    client.pay(client.created())
    client.emulator.advance(START + 1.9)
    assert client.emulator.state()["orders"][0]["status"] == "pending"
    client.emulator.advance(START + 2)
    assert client.emulator.state()["orders"][0]["status"] == "paid"


@pytest.mark.parametrize("status", ["pending", "paid", "fulfilled", "returned", "canceled"])
def test_order_is_paid_once(status: str) -> None:
    """Whatever is paid, being paid or finished cannot be paid again."""
    client = Client(card_close_seconds=0.9)
    order = client.in_status(status)

    assert client.pay(order).code == "ERROR_PAY_ORDER"
    assert len(client.emulator.state()["payments"]) == 1


def test_second_pay_of_a_pending_order_by_switch() -> None:
    """Where a pending order can be paid again, money is taken twice."""
    client = Client(pay_pending_order="accept")
    order = client.created()
    assert [client.pay(order).status for _ in range(2)] == [200, 200]
    client.wait(1)

    assert [payment["status"] for payment in client.get("/v1/payments").data] == ["CLO", "CLO"]


@pytest.mark.parametrize("code", DECLINES)
def test_declines(code: str) -> None:
    """A card that declines leaves the order as it was, to be paid with another."""
    client = Client()
    order = client.created()
    answer = client.pay_with(order, behaviour="declines", error_code=code)

    assert (answer.status, answer.code) == (400, code)
    assert order == client.retrieve(order)
    assert client.get("/v1/payments").data == []
    assert client.pay(order).status == 200


def test_declined_payment_is_recorded_by_switch() -> None:
    """A payment refused at once may be listed, without becoming the order's payment."""
    client = Client(declined_payment_recorded=True)
    order = client.created()
    client.pay_with(order, behaviour="declines")
    (payment,) = client.get(f"/v1/payments?order={order['id']}").data

    assert (payment["status"], payment["error_code"]) == (
        "ERR",
        "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS",
    )
    assert payment["failure_message"].startswith("The request tried to create a payment")
    assert client.retrieve(order)["payment"] is None


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"minimum": 41_001}, "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM"),
        ({"maximum": 40_999}, "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM"),
        ({"currencies": ["EUR"]}, "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED"),
        ({"minimum": 41_000, "maximum": 41_000, "currencies": ["USD"]}, ""),
    ],
)
def test_limits_of_a_method(limits: dict[str, Any], code: str) -> None:
    """A method of the catalog may have limits."""
    client = Client()
    catalog = client.emulator.catalog()
    catalog["payment_methods"][0].update(limits)
    client.emulator.replace_catalog(json.dumps(catalog).encode())

    assert code == client.pay(client.created()).code


def test_nothing_to_pay() -> None:
    """An order of 0 cannot be paid."""
    client = Client()
    catalog = client.emulator.catalog()
    coupon = {**client.entry("coupons", percent_off=10), "percent_off": 100}
    client.emulator.replace_catalog(json.dumps({**catalog, "coupons": [coupon]}).encode())
    body = client.order_body(coupon=coupon["id"])
    body["items"][1]["amount"] = 0
    order = client.post("/v1/orders", body).data

    assert order["amount"] == 0
    assert client.pay(order).code == "ERROR_AMOUNT_MUST_BE_POSITIVE"


def _id(client: Client, kind: str, **wanted: Any) -> str:
    found: str = client.entry(kind, **wanted)["id"]
    return found


def test_choice_of_the_payment_method() -> None:
    """The order's customer pays with the default method, unless the request names another of either."""
    client = Client()
    no_email = client.entry("customers", about="has no email: orders must bring one")
    no_method = _id(client, "customers", about="has no payment method")
    other_card = no_email["default_payment_method"]
    untokenizable = _id(client, "payment_methods", tokenizable=False)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"customer": no_email["id"]}, ""),
        ({"customer": no_email["id"], "payment_method": other_card}, ""),
        ({"payment_method": other_card}, "ERROR_GET_PAYMENT_METHOD"),
        ({"payment_method": "card_0"}, "INVALID_PAYMENT_METHOD"),
        ({"payment_method": untokenizable}, "INVALID_PAYMENT_METHOD"),
        ({"payment_method": {"type": "us_visa_card"}}, "INVALID_PAYMENT_METHOD"),
        ({"customer": "cus_0"}, "ERROR_GET_CUSTOMER"),
        ({"customer": 1}, "ERROR_GET_CUSTOMER"),
        ({"customer": no_method}, "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND"),
        ({"metadata": 1}, "MISSING_INVALID_PARAMETERS"),
    ]

    assert [code for _, code in cases] == [client.pay(client.created(), body).code for body, _ in cases]
    client.emulator.set_switches(
        {"missing_default_payment_method": "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD"}
    )
    answer = client.pay(client.created(customer=no_method))
    assert answer.code == "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD"


def test_three_d_secure_waits_for_the_shopper() -> None:
    """The payment names its next action and where to go, and does not close by itself."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="3ds").data
    payment = order["payment"]
    client.wait(899)

    assert payment["next_action"] == "3d_verification"
    assert payment["redirect_url"] == (f"https://sandboxcheckout.rapyd.net/3ds-payment?token={payment['id']}")
    assert client.retrieve(order) == order


def test_three_d_secure_succeeds() -> None:
    """Once the shopper is through, the payment is closed and the order paid."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="3ds").data
    client.wait(60)
    acted = client.emulator.act(order["id"], "3ds_ok", None, client.now)

    assert (acted["status"], acted["payment"]["status"]) == ("paid", "CLO")
    assert acted["payment"]["next_action"] == "not_applicable"
    assert acted["status_transitions"]["paid"] == acted["payment"]["paid_at"] == SECOND + 60
    assert acted == client.retrieve(order)


def test_three_d_secure_expires_after_fifteen_minutes() -> None:
    """A shopper who comes too late finds an expired payment; the order can be paid again."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="3ds").data
    client.wait(900)
    order = client.retrieve(order)

    assert (order["status"], order["payment"]["status"], order["payment"]["paid"]) == (
        "pending",
        "EXP",
        False,
    )
    assert client.pay(order).data["payment"]["status"] == "ACT"


@pytest.mark.parametrize(
    ("switches", "status", "again"),
    [
        ({}, "pending", ""),
        ({"order_after_failed_payment": "created"}, "created", ""),
        ({"pay_after_failed_payment": False}, "pending", "ERROR_PAY_ORDER"),
    ],
)
def test_failed_three_d_secure(switches: dict[str, Any], status: str, again: str) -> None:
    """What a failed payment leaves behind is not documented."""
    client = Client(**switches)
    order = client.pay_with(client.created(), behaviour="3ds").data
    acted = client.emulator.act(order["id"], "3ds_fail", None, client.now)

    assert (acted["status"], acted["payment"]["status"]) == (status, "ERR")
    assert acted["payment"]["failure_code"] == "ERROR_3DS_AUTHENTICATION_FAILURE"
    assert again == client.pay(order).code


def test_card_that_fails_instead_of_closing() -> None:
    """An accepted payment may still fail: pay alone proves nothing."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="fails_later").data
    assert order["payment"]["status"] == "ACT"
    client.wait(1)
    order = client.retrieve(order)

    assert (order["status"], order["payment"]["status"]) == ("pending", "ERR")
    assert order["payment"]["error_code"] == "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS"


def test_money_taken_without_the_order_knowing() -> None:
    """An error envelope although the charge succeeded: only the list of payments tells."""
    client = Client()
    order = client.created()
    answer = client.pay_with(order, behaviour="charged_without_order_update")
    (payment,) = client.get(f"/v1/payments?order={order['id']}").data

    assert (answer.status, answer.code) == (400, "ERROR_PAY_ORDER_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE")
    assert (payment["status"], payment["paid"], payment["amount"]) == ("CLO", True, 410)
    assert order == client.retrieve(order)


def _parameters(payment: dict[str, Any]) -> dict[str, Any]:
    return {
        "bank_redirect": {"param1": "rapyd", "param2": "success"},
        "bank_transfer": {"param1": payment["textual_codes"].get("code"), "param2": "410.00"},
        "cash": {},
    }[payment["payment_method_type_category"]]


@pytest.mark.parametrize("category", ["bank_redirect", "bank_transfer", "cash"])
@pytest.mark.parametrize(("automatic", "status"), [(False, "pending"), (True, "paid")])
def test_non_card_payment(category: str, automatic: bool, status: str) -> None:
    """It waits to be completed; its order stays pending until the merchant says otherwise."""
    client = Client(non_card_orders_become_paid=automatic)
    order = client.pay_with(client.created(), category=category, behaviour="non_card").data
    client.wait(3600)
    payment = client.retrieve(order)["payment"]
    assert (payment["status"], payment["next_action"]) == ("ACT", "pending_confirmation")
    completed = client.post(
        "/v1/payments/completePayment", {"token": payment["id"], **_parameters(payment)}
    ).data

    assert (completed["status"], completed["paid"], completed["amount"]) == ("CLO", True, 410)
    assert completed == client.get(f"/v1/payments/{payment['id']}").data
    assert status == client.retrieve(order)["status"]
    if not automatic:
        assert client.update(order, status="paid").data["status"] == "paid"


def test_card_orders_by_switch() -> None:
    """One page leaves it to the merchant to mark card orders as paid, too."""
    client = Client(card_orders_become_paid=False)
    order = client.pay(client.created()).data
    client.wait(1)
    order = client.retrieve(order)

    assert (order["status"], order["payment"]["status"]) == ("pending", "CLO")
    assert client.pay(order).code == "ERROR_PAY_ORDER"


@pytest.mark.parametrize(("switches", "seconds"), [({}, 604_800), ({"payment_lifetime_seconds": 60}, 60)])
def test_non_card_payment_expires(switches: dict[str, Any], seconds: int) -> None:
    """What nobody completes within a week is over."""
    client = Client(**switches)
    order = client.pay_with(client.created(), category="cash", behaviour="non_card").data
    assert order["payment"]["expiration"] == SECOND + seconds
    client.wait(seconds - 1)
    assert client.retrieve(order)["payment"]["status"] == "ACT"
    client.wait(1)
    assert client.retrieve(order)["payment"]["status"] == "EXP"


@pytest.mark.parametrize(
    ("category", "body"),
    [
        ("bank_redirect", {"param1": "rapyd", "param2": "failure"}),
        ("bank_redirect", {}),
        ("bank_transfer", {"param1": "wrong", "param2": 410}),
        ("cash", {"token": "payment_0"}),
        ("card", {}),
    ],
)
def test_completion_is_checked(category: str, body: dict[str, Any]) -> None:
    """A completion needs an open non-card payment and its method's parameters."""
    client = Client(card_close_seconds=60)
    order = client.pay_with(client.created(), category=category).data
    payment = order["payment"]["id"]
    answer = client.post("/v1/payments/completePayment", {"token": payment, **body})

    assert (answer.status, answer.code) == (400, "MISSING_INVALID_PARAMETERS")
    assert client.retrieve(order)["payment"]["status"] == "ACT"


def test_completion_without_parameters_by_switch() -> None:
    """The check of the parameters can be left out; completing twice cannot."""
    client = Client(check_completion_parameters=False)
    order = client.pay_with(client.created(), category="bank_transfer").data
    body = {"token": order["payment"]["id"]}

    assert client.post("/v1/payments/completePayment", body).status == 200
    assert client.post("/v1/payments/completePayment", body).status == 400


def test_completion_without_the_order_knowing() -> None:
    """The same trap on completion: an error, and the money is there."""
    client = Client(non_card_orders_become_paid=True)
    order = client.pay_with(client.created(), behaviour="completed_without_order_update").data
    answer = client.post("/v1/payments/completePayment", {"token": order["payment"]["id"]})
    order = client.retrieve(order)

    assert answer.code == "ERROR_PAYMENT_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE"
    assert (order["status"], order["payment"]["status"]) == ("pending", "CLO")


def test_unknown_payment() -> None:
    """A payment id that does not exist is answered as an id outside the account."""
    answer = Client().get("/v1/payments/payment_0")

    assert (answer.status, answer.code) == (401, "UNAUTHORIZED_API_CALL")
