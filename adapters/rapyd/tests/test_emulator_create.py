"""Creating and retrieving orders."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from ordergate_rapyd.emulator.errors import MESSAGES

from .emulator_client import START, Client, shipping_item, sku_item

ADDRESS = {
    "name": "John Doe",
    "line_1": "123 First Street",
    "city": "Anytown",
    "state": "NY",
    "country": "US",
    "zip": "12345",
    "phone_number": "12125559999",
}
MEMBERS = [
    "id",
    "amount",
    "amount_returned",
    "payment",
    "created",
    "customer",
    "currency",
    "email",
    "external_coupon_code",
    "items",
    "metadata",
    "returns",
    "shipping_address",
    "status",
    "status_transitions",
    "updated",
    "upstream_id",
    "tax_percent",
]
ADDRESS_MEMBERS = [
    "id",
    "name",
    "line_1",
    "line_2",
    "line_3",
    "city",
    "state",
    "country",
    "zip",
    "phone_number",
    "metadata",
    "canton",
    "district",
    "created_at",
]


def test_created_order_has_the_documented_shape() -> None:
    """The members, their order and their values are those of the documented sample."""
    client = Client()
    answer = client.post("/v1/orders", client.order_body(shipping_address=ADDRESS, email="johndoe@rapyd.net"))
    order = answer.data

    assert list(answer.envelope) == ["status", "data"]
    assert list(order) == MEMBERS
    assert list(order["shipping_address"]) == ADDRESS_MEMBERS
    address_id = order["shipping_address"].pop("id")
    assert (order.pop("id")[:6], address_id[:8]) == ("order_", "address_")
    assert order == {
        "amount": 410,
        "amount_returned": 0,
        "payment": None,
        "created": int(START),
        "customer": client.description.customer,
        "currency": "USD",
        "email": "johndoe@rapyd.net",
        "external_coupon_code": "",
        "items": [
            {
                "amount": 200,
                "currency": "USD",
                "description": "Deluxe Gamer's Chair",
                "parent": client.description.products[0],
                "quantity": 2,
                "type": "sku",
            },
            {
                "amount": 10,
                "currency": "USD",
                "description": "Shipping",
                "parent": "",
                "quantity": 1,
                "type": "shipping",
            },
        ],
        "metadata": {},
        "returns": [],
        "shipping_address": {
            **ADDRESS,
            "line_2": "",
            "line_3": "",
            "metadata": {},
            "canton": "",
            "district": "",
            "created_at": int(START),
        },
        "status": "created",
        "status_transitions": {
            "canceled": 0,
            "fulfilled": 0,
            "paid": 0,
            "returned": 0,
            "pending": 0,
            "partial": 0,
        },
        "updated": int(START),
        "upstream_id": "2025-11-18a",
        "tax_percent": 0,
    }


def test_numbers_are_not_padded() -> None:
    """Whole amounts are integers on the wire, others carry no trailing zero."""
    client = Client()
    answer = client.post("/v1/orders", client.order_body(tax_percent=15))

    assert b'"amount":471.5,' in answer.response.body
    assert b'"amount":200,' in answer.response.body
    assert b'"tax_percent":15' in answer.response.body


def test_retrieve_answers_what_create_answered() -> None:
    """An order that nothing happened to reads the same later."""
    client = Client()
    order = client.created()
    client.wait(3600)

    assert order == client.retrieve(order)


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [("ERROR_GET_ORDER", 400, "ERROR_GET_ORDER"), ("UNAUTHORIZED_API_CALL", 401, "UNAUTHORIZED_API_CALL")],
)
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("POST", "/pay")])
def test_unknown_order(switch: str, status: int, code: str, method: str, path: str) -> None:
    """An id that does not exist has one of two documented codes, never 404."""
    client = Client(unknown_order=switch)
    answer = client.send(client.signed(method, f"/v1/orders/order_0{path}"))

    assert (answer.status, answer.code, answer.envelope["status"]["message"]) == (
        status,
        code,
        MESSAGES.get(code, ""),
    )


Fault = Callable[[Client, dict[str, Any]], None]


def _items(*items: dict[str, Any]) -> Fault:
    def fault(_client: Client, body: dict[str, Any]) -> None:
        body["items"] = list(items)

    return fault


def _every_item(kind: str, **changes: Any) -> Fault:
    def fault(_client: Client, body: dict[str, Any]) -> None:
        for item in body["items"]:
            if item.get("type") == kind:
                item.update(changes)

    return fault


def _member(**changes: Any) -> Fault:
    return lambda _client, body: body.update(changes)


def _customer(**wanted: Any) -> Fault:
    def fault(client: Client, body: dict[str, Any]) -> None:
        body["customer"] = client.entry("customers", **wanted)["id"]
        body.pop("email", None)

    return fault


def _coupon(**wanted: Any) -> Fault:
    return lambda client, body: body.update(coupon=client.entry("coupons", **wanted)["id"])


def _without(kind: str) -> Fault:
    def fault(_client: Client, body: dict[str, Any]) -> None:
        body["items"] = [item for item in body["items"] if item["type"] != kind]

    return fault


def _same_sku(_client: Client, body: dict[str, Any]) -> None:
    body["items"] = [*body["items"], *(item for item in body["items"] if item["type"] == "sku")]


def _shippable(client: Client, body: dict[str, Any]) -> None:
    parent = client.entry("skus", shippable=True)["id"]
    body["items"] = [*body["items"], {**sku_item(parent), "currency": body["currency"]}]
    body.pop("shipping_address", None)


FAULTS: list[tuple[str, Fault]] = [
    ("ERROR_ORDER_MISSING_CURRENCY", _member(currency="")),
    ("ERROR_MISSING_CUSTOMER", _member(customer="cus_0")),
    ("IDENTITY_PROOF_REQUIRED", _customer(identity_proof_required=True)),
    ("ERROR_MISSING_ORDER_ITEMS", _items()),
    ("ERROR_ORDER_ITEM_INVALID_TYPE", lambda _, body: body["items"].append({"type": "skew"})),
    ("ERROR_ORDER_MISSING_SKU_ITEM", _without("sku")),
    ("ERROR_ORDER_MISSING_SHIPPING_ITEM", _without("shipping")),
    ("ERROR_INVALID_ORDER_CURRENCY", _every_item("sku", currency="EUR")),
    ("ERROR_MISSING_PRODUCT_TOKEN", _every_item("sku", parent="sku_0")),
    ("ERROR_ORDER_SAME_SKU_PRESENT_IN_MORE_THAN_ONE_ORDER_ITEM", _same_sku),
    ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("sku", amount=0)),
    ("ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY", _every_item("shipping", quantity=2)),
    ("ERROR_ORDER_INVALID_TAX_PERCENT", _member(tax_percent=-1)),
    ("ERROR_ORDER_INVALID_EMAIL", _member(email="nobody")),
    ("ERROR_INVALID_ORDER_SHIPPING_ADDRESS", _shippable),
    ("ERROR_INVALID_COUPON_TYPE", _coupon(duration="forever")),
    ("INVALID_ADDRESS_NAME", _member(shipping_address={**ADDRESS, "name": ""})),
    ("MISSING_INVALID_PARAMETERS", _every_item("sku", quantity=0)),
]
"""One fault per check, in the order of the checks."""

EXCLUSIVE = {
    ("ERROR_MISSING_CUSTOMER", "IDENTITY_PROOF_REQUIRED"),
    ("ERROR_ORDER_MISSING_SKU_ITEM", "ERROR_ORDER_MISSING_SHIPPING_ITEM"),
    ("ERROR_INVALID_ORDER_SHIPPING_ADDRESS", "INVALID_ADDRESS_NAME"),
}
"""Pairs that one request cannot have: two customers, no item at all, an absent address that is wrong."""

PAIRS = [
    (first, second)
    for first, second in itertools.combinations(FAULTS, 2)
    if (first[0], second[0]) not in EXCLUSIVE
]


@pytest.mark.parametrize(("code", "fault"), FAULTS, ids=[code for code, _ in FAULTS])
def test_each_check_has_its_code(code: str, fault: Fault) -> None:
    """A single fault is answered with its code and its text, and makes no order."""
    client = Client()
    body = client.order_body()
    fault(client, body)
    answer = client.post("/v1/orders", body)

    assert (answer.status, answer.code) == (400, code)
    assert answer.envelope["status"] == {
        "error_code": code,
        "status": "ERROR",
        "message": MESSAGES[code],
        "response_code": code,
        "operation_id": answer.envelope["status"]["operation_id"],
    }
    assert list(answer.envelope) == ["status"]
    assert client.emulator.state()["orders"] == []


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda fault: fault[0])
def test_first_check_wins(first: tuple[str, Fault], second: tuple[str, Fault]) -> None:
    """Of two faults the one that is checked first is answered."""
    (code, fault), (_, later) = first, second
    client = Client()
    body = client.order_body()
    later(client, body)
    fault(client, body)

    assert code == client.post("/v1/orders", body).code


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("ERROR_ORDER_MISSING_CURRENCY", _member(currency=None)),
        ("ERROR_ORDER_MISSING_CURRENCY", _member(currency="  ")),
        ("ERROR_ORDER_MISSING_CURRENCY", _member(currency=840)),
        ("ERROR_ORDER_MISSING_CURRENCY", _member(currency="usd")),
        ("ERROR_ORDER_MISSING_CURRENCY", _member(currency="ZZZ")),
        ("ERROR_MISSING_CUSTOMER", _member(customer=None)),
        ("ERROR_MISSING_CUSTOMER", _member(customer=["cus"])),
        ("ERROR_MISSING_ORDER_ITEMS", _member(items=None)),
        ("ERROR_MISSING_ORDER_ITEMS", _member(items={})),
        ("ERROR_ORDER_ITEM_INVALID_TYPE", _member(items=[1])),
        ("ERROR_ORDER_ITEM_INVALID_TYPE", _member(items=[{"type": {}}])),
        ("ERROR_ORDER_ITEM_INVALID_TYPE", _member(items=[{"type": None}])),
        ("ERROR_INVALID_ORDER_CURRENCY", _every_item("sku", currency=None)),
        ("ERROR_INVALID_ORDER_CURRENCY", _every_item("shipping", currency="usd")),
        ("ERROR_ORDER_ITEM_MISSING_PARENT", _every_item("sku", parent=None)),
        ("ERROR_ORDER_ITEM_MISSING_PARENT", _every_item("sku", parent="")),
        ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("sku", amount=None)),
        ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("sku", amount="ten")),
        ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("sku", amount=-1)),
        ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("sku", amount=1.234)),
        ("ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER", _every_item("shipping", amount=-0.01)),
        ("ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY", _every_item("shipping", quantity=0)),
        (
            "ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY",
            lambda _, body: body["items"].append(shipping_item()),
        ),
        ("ERROR_ORDER_INVALID_TAX_PERCENT", _member(tax_percent=100.5)),
        ("ERROR_ORDER_INVALID_TAX_PERCENT", _member(tax_percent=1.23456)),
        ("ERROR_ORDER_INVALID_TAX_PERCENT", _member(tax_percent="much")),
        ("ERROR_MISSING_ORDER_EMAIL", _customer(about="has no email: orders must bring one")),
        ("ERROR_ORDER_INVALID_EMAIL", _member(email=7)),
        ("ERROR_ORDER_INVALID_EMAIL", _member(email=f"{'x' * 510}@example.com")),
        ("ERROR_GET_COUPON", _member(coupon="coupon_0")),
        ("ERROR_GET_COUPON", _member(coupon=[])),
        ("ERROR_INVALID_COUPON_TYPE", _coupon(duration_in_months=3)),
        ("ERROR_INVALID_COUPON_TYPE", _coupon(discount_duration_in_uses=5)),
        ("ERROR_ORDER_COUPON_INVALID_CURRENCY", _coupon(currency="EUR")),
        ("INVALID_ADDRESS_NAME", _member(shipping_address={"line_1": "1 Street"})),
        ("INVALID_ADDRESS_LINE_1", _member(shipping_address={"name": "John Doe"})),
        ("INVALID_ADDRESS_PHONE_NUMBER", _member(shipping_address={**ADDRESS, "phone_number": "12-34"})),
        ("INVALID_ADDRESS_ZIP", _member(shipping_address={**ADDRESS, "zip": "#"})),
        ("MISSING_INVALID_PARAMETERS", _member(shipping_address={**ADDRESS, "country": "usa"})),
        ("MISSING_INVALID_PARAMETERS", _member(shipping_address={**ADDRESS, "city": 1})),
        ("MISSING_INVALID_PARAMETERS", _member(shipping_address="Anytown")),
        ("MISSING_INVALID_PARAMETERS", _member(metadata=[])),
        ("MISSING_INVALID_PARAMETERS", _member(upstream_id=1)),
        ("MISSING_INVALID_PARAMETERS", _every_item("sku", quantity=None)),
        ("MISSING_INVALID_PARAMETERS", _every_item("sku", quantity=1.5)),
        ("MISSING_INVALID_PARAMETERS", _every_item("sku", description=1)),
    ],
)
def test_other_ways_to_fail(code: str, fault: Fault) -> None:
    """Absent, malformed and out of range are told apart as documented."""
    client = Client()
    body = client.order_body()
    fault(client, body)

    assert code == client.post("/v1/orders", body).code


def test_nulls_are_absent() -> None:
    """Rapyd's own SDK sends null for whatever is not set, in items and addresses too."""
    client = Client()
    body = client.order_body(shipping_address={**ADDRESS, "line_2": None, "metadata": None})
    body.update(coupon=None, email=None, metadata=None, tax_percent=None, external_coupon_code=None)
    body["items"][0]["description"] = None
    body["items"][1].update(quantity=None, parent=None)
    order = client.post("/v1/orders", body).data

    assert (order["amount"], order["email"]) == (410, "johndoe@example.com")
    assert order["items"][1]["quantity"] == 1


def test_strings_serve_as_numbers() -> None:
    """Amounts, quantities and rates may be sent as strings."""
    client = Client()
    body = client.order_body(tax_percent="13.5")
    body["items"][0].update(amount="200.00", quantity="2")
    order = client.post("/v1/orders", body).data

    assert (order["amount"], order["tax_percent"]) == (465.35, 13.5)


@pytest.mark.parametrize(("length", "code"), [(512, ""), (513, "ERROR_ORDER_INVALID_EMAIL")])
def test_email_has_a_limit(length: int, code: str) -> None:
    """An address may have 512 characters."""
    assert code == _code(Client(), email="@example.com".rjust(length, "x"))


def test_free_shipping() -> None:
    """Shipping, and only shipping, may cost nothing."""
    client = Client()
    items = [sku_item(client.description.products[0]), shipping_item(amount=0)]

    assert client.created(items=items)["amount"] == 400


def test_upstream_id_is_generated() -> None:
    """An order without the merchant's id is given one; the same id may repeat."""
    client = Client()
    ids = [client.created(upstream_id=None)["upstream_id"] for _ in range(2)]

    assert all(ids)
    assert ids[0] != ids[1]
    assert client.created()["upstream_id"] == client.created()["upstream_id"]


def test_same_request_twice_makes_two_orders() -> None:
    """Nothing protects a create from being repeated, the idempotency header included."""
    client = Client()
    first, second = (
        client.post("/v1/orders", client.order_body(), idempotency="same").data for _ in range(2)
    )

    assert first["id"] != second["id"]
    assert len(client.emulator.state()["orders"]) == 2


def test_metadata_comes_back_as_javascript_writes_it() -> None:
    """The merchant's object is kept, with its nulls; numbers and number-like keys change their form."""
    client = Client()
    body = client.order_body(metadata={"b": None, "1": 1.50, "note": "café/π \ud83d"})
    request = b'{"metadata":{"b":null,"1":1.50,"note":"caf\\u00e9\\/\\u03c0 \\ud83d"},'
    canonical = '{"metadata":{"1":1.5,"b":null,"note":"café/π \\ud83d"},'
    del body["metadata"]
    rest = client.signed("POST", "/", _compact(body)).body[1:]
    signed = client.signed("POST", "/v1/orders", request + rest, canonical + rest.decode())
    answer = client.send(signed)

    assert '"metadata":{"1":1.5,"b":null,"note":"café/π \ufffd"}'.encode() in answer.response.body


def _compact(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("currency", "price", "tax_percent", "amount"),
    [
        ("USD", "0.01", "5", "10.52"),
        ("JPY", "105", "10", "242"),
        ("KWD", "0.001", "12.3456", "11.237"),
        ("CLF", "0.0001", "0.01", "10.0012"),
    ],
)
def test_tax_is_rounded_half_up_to_the_smallest_unit(
    currency: str, price: str, tax_percent: str, amount: str
) -> None:
    """Tax on goods and shipping is rounded once, to the decimals of the currency."""
    client = Client()
    items = [
        sku_item(client.description.products[0], currency=currency, amount=price),
        shipping_item(currency=currency, amount="10"),
    ]
    body = client.order_body(currency=currency, items=items, tax_percent=tax_percent)
    answer = client.post("/v1/orders", body)

    assert f'"amount":{amount},'.encode() in answer.response.body.partition(b'"items"')[0]


TOTALS = [
    ({}, {}, 410),
    ({"tax_percent": 15}, {}, 471.5),
    ({"tax_percent": 15}, {"tax_base": "goods"}, 470),
    ({"coupon": {"percent_off": 10}}, {}, 370),
    ({"coupon": {"currency": "USD"}}, {}, 405),
    ({"coupon": {"percent_off": 10}, "tax_percent": 10}, {}, 407),
    ({"coupon": {"percent_off": 10}, "tax_percent": 10}, {"tax_after_discount": False}, 411),
]


@pytest.mark.parametrize(("changes", "switches", "amount"), TOTALS)
def test_totals(changes: dict[str, Any], switches: dict[str, Any], amount: float) -> None:
    """The total is goods less discount, plus shipping, plus tax on what the switches say."""
    client = Client(**switches)
    if "coupon" in changes:
        changes = {**changes, "coupon": client.entry("coupons", **changes["coupon"])["id"]}

    assert amount == client.created(**changes)["amount"]


def test_rounding_is_a_switch() -> None:
    """A tie of half a cent goes up, or to the even cent."""
    amounts = {}
    for rounding in ("half_up", "half_even"):
        client = Client(rounding=rounding)
        items = [sku_item(client.description.products[0], amount=1, quantity=1), shipping_item(amount=0)]
        amounts[rounding] = client.created(items=items, tax_percent=0.5)["amount"]

    assert amounts == {"half_up": 1.01, "half_even": 1}


def test_amount_off_never_exceeds_the_goods() -> None:
    """A coupon cannot make goods cheaper than free."""
    client = Client()
    items = [sku_item(client.description.products[0], amount=1, quantity=1), shipping_item()]

    assert client.created(items=items, coupon=client.entry("coupons", currency="USD")["id"])["amount"] == 10


def test_tax_and_discount_show_as_lines() -> None:
    """What is charged beyond the items sent shows as items of its own, after them, and sums up."""
    client = Client()
    coupon = client.entry("coupons", percent_off=10)["id"]
    order = client.created(coupon=coupon, tax_percent=10)

    assert [item["type"] for item in order["items"]] == ["sku", "shipping", "discount", "tax"]
    assert order["items"][2] == {
        "amount": -40,
        "currency": "USD",
        "description": "Discount",
        "parent": coupon,
        "quantity": 1,
        "type": "discount",
    }
    assert order["amount"] == sum(item["amount"] * item["quantity"] for item in order["items"])


def test_computed_lines_are_switches() -> None:
    """The lines can be left out, renamed, or turned positive."""
    client = Client(tax_and_discount_lines=False)
    changes = {"coupon": client.entry("coupons", percent_off=10)["id"], "tax_percent": 10}
    assert [item["type"] for item in client.created(**changes)["items"]] == ["sku", "shipping"]

    client = Client(discount_line_type="coupon", discount_line_sign="positive")
    line = client.created(**changes)["items"][2]
    assert (line["type"], line["amount"]) == ("coupon", 40)


def _code(client: Client, **changes: Any) -> str:
    return client.post("/v1/orders", client.order_body(**changes)).code


def test_switches_of_validation() -> None:
    """Each open point of the validation has its other reading."""
    client = Client(lower_case_currency="upper_case")
    assert client.created(currency="usd")["currency"] == "USD"

    client = Client(unknown_currency="accept")
    items = [
        sku_item(client.description.products[0], currency="ZZZ"),
        shipping_item(currency="ZZZ"),
    ]
    assert client.created(currency="ZZZ", items=items)["currency"] == "ZZZ"

    client = Client(unique_upstream_id=True)
    assert [_code(client), _code(client)] == ["", "INVALID_FIELDS"]
    answer = client.post("/v1/orders", client.order_body())
    assert answer.envelope["status"]["response_code"] == "INVALID_FIELDS - [UPSTREAM_ID]"

    client = Client(sku_price_must_match=True)
    assert _code(client) == ""
    items = [sku_item(client.description.products[0], amount=199), shipping_item()]
    assert _code(client, items=items) == "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER"

    assert _code(Client(limit_tax_percent=False), tax_percent=120) == ""
    items = [sku_item("sku_0"), shipping_item()]
    assert _code(Client(unknown_sku="ERROR_ORDER_ITEM_MISSING_PARENT"), items=items) == (
        "ERROR_ORDER_ITEM_MISSING_PARENT"
    )
    client = Client(coupon_rule="duration_once")
    assert _code(client, coupon=client.entry("coupons", percent_off=10)["id"]) == "ERROR_INVALID_COUPON_TYPE"


@pytest.mark.parametrize(
    ("changes", "lenient", "strict"),
    [
        ({}, "", ""),
        ({"name": "O'Neil"}, "", "INVALID_ADDRESS_NAME"),
        ({"line_1": "Apt. 4"}, "", "INVALID_ADDRESS_LINE_1"),
    ],
)
def test_address_characters(changes: dict[str, str], lenient: str, strict: str) -> None:
    """Special characters are refused only when the error texts are taken at their word."""
    address = {**ADDRESS, **changes}

    assert lenient == _code(Client(), shipping_address=address)
    assert strict == _code(Client(address_characters="strict"), shipping_address=address)


def test_shippable_sku_with_an_address() -> None:
    """A shippable SKU is fine once there is an address."""
    client = Client()
    items = [sku_item(client.entry("skus", shippable=True)["id"]), shipping_item()]

    assert client.created(items=items, shipping_address=ADDRESS)["amount"] == 410
