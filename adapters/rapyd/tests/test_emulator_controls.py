"""What happens at Rapyd without its client."""

import pytest

from ordergate.spi.emulator import InvalidControlError, UnknownOrderError

from .emulator_client import START, Client

ACTIONS = ["3ds_ok", "3ds_fail", "payment_closed", "refund", "dashboard_cancel"]


def test_payment_closed_completes_a_bank_transfer() -> None:
    """The money arrives; the order stays pending until the merchant moves it."""
    client = Client()
    order = client.pay_with(client.created(), category="bank_transfer").data
    acted = client.emulator.act(order["id"], "payment_closed", None, client.now)

    assert (acted["status"], acted["payment"]["status"], acted["payment"]["amount"]) == (
        "pending",
        "CLO",
        410,
    )


def test_payment_closed_closes_a_card_at_once() -> None:
    """A card need not be waited for."""
    client = Client(card_close_seconds=3600)
    order = client.pay(client.created()).data

    assert client.emulator.act(order["id"], "payment_closed", None, START)["status"] == "paid"


def test_refund_in_the_portal() -> None:
    """A refund without a return shows on the payment alone, in parts or as a whole."""
    client = Client()
    order = client.in_status("paid")
    client.emulator.act(order["id"], "refund", 1_050, client.now)
    shown = client.retrieve(order)
    assert (shown["status"], shown["amount_returned"], shown["returns"]) == ("paid", 0, [])
    assert (shown["payment"]["refunded"], shown["payment"]["refunded_amount"]) == (True, 10.5)
    assert b'"refunded_amount":10.5' in client.get(f"/v1/orders/{order['id']}").response.body

    shown = client.emulator.act(order["id"], "refund", None, client.now)
    assert shown["payment"]["refunded_amount"] == 410


@pytest.mark.parametrize("status", ["created", "pending", "paid", "fulfilled"])
def test_cancel_in_the_portal(status: str) -> None:
    """An unfinished order can be canceled there, a created one too."""
    client = Client(card_close_seconds=0.9)
    order = client.in_status(status)
    acted = client.emulator.act(order["id"], "dashboard_cancel", None, client.now)

    assert acted["status"] == "canceled"
    assert acted["status_transitions"]["canceled"] == int(client.now)


def test_cancel_in_the_portal_may_move_money() -> None:
    """The switch that gives money back on a cancel holds there as well."""
    client = Client(cancel_moves_money=True)
    order = client.in_status("paid")

    acted = client.emulator.act(order["id"], "dashboard_cancel", None, client.now)
    assert acted["payment"]["refunded_amount"] == 410
    unpaid = client.emulator.act(client.created()["id"], "dashboard_cancel", None, client.now)
    assert (unpaid["status"], unpaid["payment"]) == ("canceled", None)


@pytest.mark.parametrize(
    ("status", "action", "amount", "sentence"),
    [
        ("created", "explode", None, "is none of"),
        ("created", "3ds_ok", None, "no open payment"),
        ("created", "3ds_fail", None, "no open payment"),
        ("created", "payment_closed", None, "no open payment"),
        ("created", "refund", None, "no closed payment"),
        ("pending", "3ds_ok", None, "does not wait for 3-D Secure"),
        ("pending", "refund", None, "no closed payment"),
        ("paid", "payment_closed", None, "no open payment"),
        ("paid", "refund", 41_001, "41000 minor units left"),
        ("paid", "refund", 0, "41000 minor units left"),
        ("paid", "refund", -1, "41000 minor units left"),
        ("paid", "dashboard_cancel", 5, "An amount makes no sense"),
        ("returned", "dashboard_cancel", None, "cannot be canceled"),
        ("canceled", "dashboard_cancel", None, "cannot be canceled"),
    ],
)
def test_impossible_actions(status: str, action: str, amount: int | None, sentence: str) -> None:
    """What cannot happen is refused with a sentence, and changes nothing."""
    client = Client(card_close_seconds=0.9)
    order = client.in_status(status)

    with pytest.raises(InvalidControlError, match=sentence):
        client.emulator.act(order["id"], action, amount, client.now)
    assert order == client.retrieve(order)


def test_three_d_secure_is_not_closed_from_outside() -> None:
    """A payment that waits for the shopper is not simply collected."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="3ds").data

    with pytest.raises(InvalidControlError, match="use 3ds_ok or 3ds_fail"):
        client.emulator.act(order["id"], "payment_closed", None, client.now)


def test_three_d_secure_after_its_time() -> None:
    """An action comes after everything that was due before it."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="3ds").data

    with pytest.raises(InvalidControlError, match="no open payment"):
        client.emulator.act(order["id"], "3ds_ok", None, START + 900)


@pytest.mark.parametrize("action", ACTIONS)
def test_unknown_order(action: str) -> None:
    """An order that does not exist is told apart from an impossible action."""
    with pytest.raises(UnknownOrderError):
        Client().emulator.act("order_0", action, None, START)
