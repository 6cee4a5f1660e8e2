"""Updating orders."""

from typing import Any

import pytest

from .emulator_client import START, Client

STATUSES = ["created", "pending", "paid", "fulfilled", "returned", "canceled"]
TARGETS = ["paid", "pending", "canceled", "fulfilled", "returned", "partial"]
DOCUMENTED = {
    ("pending", "paid"),
    ("pending", "canceled"),
    ("paid", "fulfilled"),
    ("paid", "canceled"),
    ("fulfilled", "canceled"),
}
BY_ENUM = {
    ("pending", "fulfilled"),
    ("pending", "returned"),
    ("pending", "partial"),
    ("paid", "returned"),
    ("paid", "partial"),
    ("fulfilled", "returned"),
    ("fulfilled", "partial"),
}
BACKWARD = {("paid", "pending"), ("fulfilled", "pending"), ("fulfilled", "paid")}
REPEATED = {("pending", "pending"), ("paid", "paid"), ("fulfilled", "fulfilled")}
FINISHED = {("returned", target) for target in TARGETS if target != "returned"} | {
    ("canceled", target) for target in TARGETS if target != "canceled"
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("switches", "allowed"),
    [
        ({}, DOCUMENTED),
        ({"update_status_targets": "enum"}, DOCUMENTED | BY_ENUM),
        ({"backward_status": "accept"}, DOCUMENTED | BACKWARD),
        ({"repeated_status": "accept"}, DOCUMENTED | REPEATED),
        ({"update_finished_orders": True}, DOCUMENTED | FINISHED),
    ],
    ids=["default", "enum", "backward", "repeated", "finished"],
)
def test_status_updates(
    status: str, target: str, switches: dict[str, Any], allowed: set[tuple[str, str]]
) -> None:
    """Exactly the allowed steps succeed and are stamped; all others are refused and change nothing."""
    client = Client(card_close_seconds=3600 if status == "pending" else 1)
    order = client.in_status(status)
    client.emulator.set_switches(switches)
    client.wait(100)
    answer = client.update(order, status=target)

    if (status, target) in allowed:
        assert answer.data["status"] == target
        assert answer.data["updated"] == answer.data["status_transitions"][target] == int(client.now)
    else:
        assert (answer.status, answer.code) == (400, "ERROR_ORDER_INVALID_STATUS")
        assert order == client.retrieve(order)


@pytest.mark.parametrize("value", ["new", "CANCELED", "created", "", 1, []])
def test_unknown_status_is_refused(value: Any) -> None:
    """Only values of the enum are a status."""
    client = Client()

    assert client.update(client.in_status("paid"), status=value).code == "ERROR_ORDER_INVALID_STATUS"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_percent": 5}, "ERROR_ORDER_TAX_FIELD_NOT_UPDATABLE"),
        ({"coupon": "coupon_0"}, "ERROR_ORDER_COUPON_FIELD_NOT_UPDATABLE"),
        ({"metadata": {"a": 1}}, ""),
    ],
)
@pytest.mark.parametrize("status", ["pending", "paid", "fulfilled"])
def test_fields_after_created(status: str, changes: dict[str, Any], code: str) -> None:
    """Once an order is being paid only metadata and status may change."""
    client = Client(card_close_seconds=3)
    order = client.created()
    client.pay(order)
    if status != "pending":
        client.wait(3)
    if status == "fulfilled":
        client.update(order, status="fulfilled")

    assert code == client.update(order, **changes).code


@pytest.mark.parametrize("status", ["returned", "canceled"])
def test_finished_orders_cannot_be_updated(status: str) -> None:
    """Not even metadata may change once an order is returned or canceled, unless switched on."""
    client = Client()
    order = client.in_status(status)

    assert client.update(order, metadata={"a": 1}).code == "ERROR_ORDER_INVALID_STATUS"
    client.emulator.set_switches({"update_finished_orders": True})
    assert client.update(order, metadata={"a": 1}).data["metadata"] == {"a": 1}


def test_update_of_a_created_order() -> None:
    """Tax, coupon and metadata change together, and the amount with them."""
    client = Client()
    order = client.created()
    client.wait(5)
    coupon = client.entry("coupons", percent_off=10)["id"]
    updated = client.update(order, tax_percent=10, coupon=coupon, metadata={"a": 1}).data

    assert updated["amount"] == 407
    assert updated["tax_percent"] == 10
    assert updated["metadata"] == {"a": 1}
    assert (updated["created"], updated["updated"]) == (int(START), int(START) + 5)
    assert updated == client.retrieve(order)


def test_amount_stays_by_switch() -> None:
    """Whether an update computes the amount again is not documented."""
    client = Client(recompute_amount_on_update=False)

    assert client.update(client.created(), tax_percent=10).data["amount"] == 410


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_percent": -1}, "ERROR_ORDER_INVALID_TAX_PERCENT"),
        ({"coupon": "coupon_0"}, "ERROR_GET_COUPON"),
        ({"metadata": "text"}, "MISSING_INVALID_PARAMETERS"),
        ({"status": "paid", "tax_percent": -1}, "ERROR_ORDER_INVALID_STATUS"),
        ({"coupon": "coupon_0", "tax_percent": -1}, "ERROR_GET_COUPON"),
    ],
)
def test_refused_update_changes_nothing(changes: dict[str, Any], code: str) -> None:
    """An update is taken whole or not at all."""
    client = Client()
    order = client.created()
    client.wait(5)

    assert code == client.update(order, **{"metadata": {"a": 1}, **changes}).code
    assert order == client.retrieve(order)


def test_coupon_that_has_gone_is_reported() -> None:
    """A new tax rate cannot be applied to a discount whose coupon no longer exists."""
    client = Client()
    order = client.created(coupon=client.entry("coupons", percent_off=10)["id"])
    client.emulator.replace_catalog(b'{"customers":[],"skus":[],"payment_methods":[]}')

    assert client.update(order, tax_percent=10, metadata={"a": 1}).code == "ERROR_ORDER_ITEM_INVALID_DISCOUNT"
    assert order == client.retrieve(order)


@pytest.mark.parametrize(
    ("switch", "metadata"), [("replace", {"b": 2}), ("merge", {"a": {"deep": True}, "b": 2})]
)
def test_metadata(switch: str, metadata: dict[str, Any]) -> None:
    """New metadata replaces what there is, or is merged into it member by member."""
    client = Client(metadata_update=switch)
    order = client.created(metadata={"a": {"deep": True}, "b": 1})

    assert metadata == client.update(order, metadata={"b": 2}).data["metadata"]


def test_fields_that_cannot_be_updated() -> None:
    """Anything else is ignored, or refused by name."""
    client = Client()
    order = client.created()
    assert client.update(order, currency="EUR", email="x").data["currency"] == "USD"

    client.emulator.set_switches({"update_unknown_fields": "reject"})
    answer = client.update(order, currency="EUR")
    assert (answer.status, answer.code) == (400, "INVALID_FIELDS")
    assert answer.envelope["status"]["response_code"] == "INVALID_FIELDS - [CURRENCY]"


def test_empty_update_and_nulls() -> None:
    """A body without members, or with nulls, changes nothing but ``updated``."""
    client = Client()
    order = client.created()

    assert order == client.update(order).data
    assert order == client.update(order, status=None, tax_percent=None, coupon="").data


@pytest.mark.parametrize(("switch", "payment_status", "refunded"), [(False, "CLO", 0), (True, "CLO", 410)])
def test_cancel_moves_no_money_unless_switched_on(switch: bool, payment_status: str, refunded: int) -> None:
    """A canceled order says nothing about its payment."""
    client = Client(cancel_moves_money=switch)
    payment = client.update(client.in_status("paid"), status="canceled").data["payment"]

    assert (payment_status, refunded) == (payment["status"], payment["refunded_amount"])


@pytest.mark.parametrize(("switch", "payment_status"), [(False, "CLO"), (True, "CAN")])
def test_cancel_while_the_payment_is_open(switch: bool, payment_status: str) -> None:
    """The card of a canceled order is charged all the same, and the order stays canceled."""
    client = Client(cancel_moves_money=switch)
    order = client.in_status("pending")
    client.update(order, status="canceled")
    client.wait(1)
    order = client.retrieve(order)

    assert ("canceled", payment_status) == (order["status"], order["payment"]["status"])
