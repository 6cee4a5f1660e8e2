"""Returns against orders."""

from typing import Any

import pytest

from .emulator_client import START, Client, shipping_item, sku_item


def _sku(client: Client, **changes: Any) -> dict[str, Any]:
    return sku_item(client.description.products[0], **{"quantity": 1, **changes})


def test_return_has_the_documented_shape() -> None:
    """A return carries its items, its order and its refund."""
    client = Client()
    order = client.in_status("paid")
    item = _sku(client, description=None, currency=None)
    answered = client.give_back(order, item).data

    assert answered["id"].startswith("orre_")
    assert answered["refund"].startswith("refund_")
    shown = {
        "amount": 200,
        "currency": "USD",
        "description": "",
        "parent": client.description.products[0],
        "quantity": 1,
        "type": "sku",
    }
    assert list(answered) == ["id", "amount", "created", "currency", "items", "order", "refund"]
    assert {
        "amount": 200,
        "created": int(START) + 1,
        "currency": "USD",
        "items": [shown],
        "order": order["id"],
    }.items() <= answered.items()
    assert answered == client.get(f"/v1/order_returns/{answered['id']}").data
    assert client.get("/v1/order_returns").data == [answered]


def test_returns_add_up() -> None:
    """Returns are counted together: the order is returned, and canceled once nothing is left."""
    client = Client()
    order = client.in_status("fulfilled")
    seen = []
    for item in (_sku(client), _sku(client), shipping_item()):
        client.wait(10)
        assert client.give_back(order, item).status == 200
        shown = client.retrieve(order)
        seen.append((shown["status"], shown["amount_returned"], shown["payment"]["refunded_amount"]))

    assert seen == [("returned", 200, 200), ("returned", 400, 400), ("canceled", 410, 410)]
    transitions = shown["status_transitions"]
    assert (transitions["returned"], transitions["canceled"]) == (int(START) + 21, int(START) + 31)
    assert [item["type"] for item in shown["returns"]] == ["sku", "sku", "shipping"]
    assert client.give_back(order, shipping_item()).code == "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS"


def test_full_return_at_once() -> None:
    """Everything in one return takes a paid order straight to canceled."""
    client = Client()
    order = client.in_status("paid")
    answered = client.give_back(order, _sku(client, quantity="2", amount="200.00"), shipping_item()).data

    assert answered["amount"] == 410
    assert client.retrieve(order)["status"] == "canceled"


@pytest.mark.parametrize("status", ["created", "pending", "canceled"])
@pytest.mark.parametrize(
    "code", ["ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS", "ERROR_RETURN_ORDER_INVALID_ORDER"]
)
def test_statuses_without_returns(status: str, code: str) -> None:
    """What has not been paid, or is over, cannot be returned; two codes fit."""
    client = Client(return_status_error=code)

    assert code == client.give_back(client.in_status(status), _sku(client)).code


@pytest.mark.parametrize(("switch", "code"), [(False, "ERROR_RETURN_ORDER_INVALID_ORDER"), (True, "")])
def test_partial_orders(switch: bool, code: str) -> None:
    """Whether an order of the undocumented status can be returned is a switch."""
    client = Client(partial_allows_returns=switch, update_status_targets="enum")
    order = client.in_status("paid")
    client.update(order, status="partial")

    assert code == client.give_back(order, _sku(client)).code
    if switch:
        assert client.retrieve(order)["status"] == "returned"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ERROR_RETURN_ORDER_INVALID_ORDER", 400),
        ("ERROR_MISSING_ORDER_ID", 400),
        ("ERROR_GET_ORDER", 400),
        ("UNAUTHORIZED_API_CALL", 401),
    ],
)
def test_return_against_an_unknown_order(code: str, status: int) -> None:
    """Four codes fit."""
    client = Client(return_against_unknown_order=code)
    answer = client.give_back({"id": "order_0"}, _sku(client))

    assert (status, code) == (answer.status, answer.code)


@pytest.mark.parametrize(
    ("code", "status"), [("ERROR_GET_ORDER_RETURN", 400), ("UNAUTHORIZED_API_CALL", 401)]
)
def test_unknown_return(code: str, status: int) -> None:
    """An unknown return has one of two documented codes."""
    answer = Client(unknown_return=code).get("/v1/order_returns/orre_0")

    assert (status, code) == (answer.status, answer.code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "skew"}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"type": None}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"parent": None}, "ERROR_RETURN_ORDER_RETURN_ITEM"),
        ({"parent": "sku_0"}, "ERROR_RETURN_ORDER_RETURN_ITEM"),
        ({"type": "tax", "parent": None}, "ERROR_RETURN_ORDER_INVALID_TAX_ITEM"),
        ({"quantity": None}, "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"),
        ({"quantity": 0}, "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"),
        ({"quantity": 1.5}, "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"),
        ({"quantity": 3, "amount": 1}, "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"),
        ({"amount": None}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"amount": 0}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"amount": "1.001"}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"amount": 411}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"currency": "EUR"}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"description": 1}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
    ],
)
def test_item_faults(changes: dict[str, Any], code: str) -> None:
    """A faulty item refuses the whole return, and no money moves."""
    client = Client()
    order = client.in_status("paid")

    assert code == client.give_back(order, shipping_item(), _sku(client, **changes)).code
    assert order == client.retrieve(order)
    assert client.get("/v1/order_returns").data == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "ERROR_MISSING_ORDER_ITEMS"),
        ({"items": []}, "ERROR_MISSING_ORDER_ITEMS"),
        ({"items": "all"}, "ERROR_MISSING_ORDER_ITEMS"),
        ({"items": [1]}, "ERROR_CREATE_ORDER_RETURN_ITEM"),
        ({"items": [], "order_id": "order_0"}, "ERROR_MISSING_ORDER_ID"),
    ],
)
def test_body_faults(body: dict[str, Any], code: str) -> None:
    """A return needs items, and one order."""
    client = Client()
    order = client.in_status("paid")

    assert code == client.post(f"/v1/orders/{order['id']}/returns", body).code


@pytest.mark.parametrize(
    "code",
    [
        "ERROR_RETURN_ORDER_RETURN_ITEM",
        "ERROR_RETURN_ORDER_INVALID_SHIPPING_ITEM",
        "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY",
    ],
)
def test_item_that_is_not_in_the_order(code: str) -> None:
    """Three codes fit an item that the order does not have."""
    client = Client(return_item_not_in_order=code)
    item = sku_item(client.description.products[1], quantity=1)

    assert code == client.give_back(client.in_status("paid"), item).code


@pytest.mark.parametrize(("amount", "code"), [(0, ""), ("-0.01", "ERROR_CREATE_ORDER_RETURN_ITEM")])
def test_free_shipping_comes_back_for_nothing(amount: Any, code: str) -> None:
    """Shipping may be returned at 0, and never below."""
    client = Client()

    assert code == client.give_back(client.in_status("paid"), shipping_item(amount=amount)).code


def test_quantities_are_counted_over_all_returns() -> None:
    """What came back cannot come back again, within one return or across several."""
    client = Client()
    order = client.in_status("paid")
    one = _sku(client, amount=1)

    assert client.give_back(order, one, one, one).code == "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"
    assert client.give_back(order, one).status == 200
    assert client.give_back(order, one, one).code == "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"
    assert client.give_back(order, one).status == 200
    assert client.give_back(order, one).code == "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY"


def test_quantities_left_to_the_merchant() -> None:
    """Without the check only the total limits returns."""
    client = Client(check_return_quantities=False)
    order = client.in_status("paid")

    assert client.give_back(order, _sku(client, quantity=41, amount=1)).status == 200
    assert client.give_back(order, _sku(client, quantity=370, amount=1)).code == (
        "ERROR_CREATE_ORDER_RETURN_ITEM"
    )


def test_single_limit() -> None:
    """Where only each return alone is limited, the refund is what runs dry."""
    client = Client(return_limit="single", check_return_quantities=False)
    order = client.in_status("paid")

    assert client.give_back(order, _sku(client, amount=300)).status == 200
    assert client.give_back(order, _sku(client, amount=411)).code == "ERROR_CREATE_ORDER_RETURN_ITEM"
    assert client.give_back(order, _sku(client, amount=300)).code == "ERROR_CREATE_REFUND"


def test_tax_is_returned_as_an_item() -> None:
    """Tax comes back by an item of its own, and no more than was charged."""
    client = Client()
    order = client.in_status("paid", tax_percent=10)
    tax = {"type": "tax", "amount": 41, "quantity": 1}

    assert client.give_back(order, _sku(client)).data["amount"] == 200
    assert client.give_back(order, {**tax, "amount": 41.01}).code == "ERROR_RETURN_ORDER_INVALID_TAX_ITEM"
    assert client.give_back(order, {**tax, "amount": 21}).data["amount"] == 21
    assert client.give_back(order, tax).code == "ERROR_RETURN_ORDER_INVALID_TAX_ITEM"
    assert client.give_back(order, {**tax, "amount": 20}).data["amount"] == 20


def test_tax_is_returned_automatically_by_switch() -> None:
    """Each return carries its share of the tax, and all together the whole."""
    client = Client(return_tax_automatically=True)
    order = client.in_status("paid", tax_percent=10)
    amounts = [
        client.give_back(order, item).data["amount"] for item in (_sku(client), _sku(client), shipping_item())
    ]

    assert amounts == [220, 220, 11]
    assert client.retrieve(order)["status"] == "canceled"


def test_explicit_tax_comes_before_automatic_tax() -> None:
    """A return that names its tax is given no more; later ones get what is left."""
    client = Client(return_tax_automatically=True)
    order = client.in_status("paid", tax_percent=10)
    tax = {"type": "tax", "amount": 30, "quantity": 1}

    assert client.give_back(order, _sku(client), tax).data["amount"] == 230
    assert client.give_back(order, _sku(client)).data["amount"] == 211
    assert client.give_back(order, shipping_item()).data["amount"] == 10


def test_refund_of_an_open_payment() -> None:
    """An order may have been marked paid before its payment closed; then there is nothing to give back."""
    client = Client(card_close_seconds=60)
    order = client.pay(client.created()).data
    client.update(order, status="paid")

    assert client.give_back(order, _sku(client)).code == "PAYMENT_NOT_COMPLETED"
    client.wait(60)
    assert client.give_back(order, _sku(client)).status == 200


def test_refund_of_a_method_without_refunds() -> None:
    """Some methods cannot give money back."""
    client = Client()
    order = client.pay_with(client.created(), behaviour="non_card", refundable=False).data
    client.emulator.act(order["id"], "payment_closed", None, client.now)
    client.update(order, status="paid")

    assert client.give_back(order, _sku(client)).code == "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE"


@pytest.mark.parametrize(
    "code",
    [
        "PAYMENT_NOT_COMPLETED",
        "ERROR_CREATE_REFUND",
        "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE",
        "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS",
    ],
)
def test_refunds_that_fail(code: str) -> None:
    """A return whose refund fails is refused, or stands without a refund."""
    client = Client(refund_error=code)
    order = client.in_status("paid")
    assert code == client.give_back(order, _sku(client)).code
    assert order == client.retrieve(order)

    client.emulator.set_switches({"failed_refund": "return_without_refund"})
    assert client.give_back(order, _sku(client)).data["refund"] is None
    shown = client.retrieve(order)
    assert (shown["status"], shown["amount_returned"], shown["payment"]["refunded_amount"]) == (
        "returned",
        200,
        0,
    )


@pytest.mark.parametrize(("flag", "seen"), [("any", [True, True]), ("full", [False, True])])
def test_refunded_flag(flag: str, seen: list[bool]) -> None:
    """Whether a part makes a payment refunded is not documented."""
    client = Client(refunded_flag=flag)
    order = client.in_status("paid")
    flags = []
    for item in (_sku(client, quantity=2), shipping_item()):
        client.give_back(order, item)
        flags.append(client.retrieve(order)["payment"]["refunded"])

    assert seen == flags
