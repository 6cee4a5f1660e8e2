"""Strict bodies: what each schema refuses, and the envelope that says so."""

import pytest

from .emulator_client import LINE, NOBODY, Client, error_of

DEEP = b'{"line_items":' + b"[" * 100_000


def lines(**change):
    """A create body whose only line is changed; None as a value stays null."""
    return {"line_items": [{**LINE, **change}]}


def order(**fields):
    """A create body with more fields."""
    return {"line_items": [LINE], **fields}


CREATE = [
    ({}, "line_items"),
    (order(line_items=None), "line_items"),
    (order(line_items=[]), "line_items"),
    (order(line_items={}), "line_items"),
    (order(line_items=["mug"]), "line_items.0"),
    (order(line_items=[LINE, {"description": "x"}]), "line_items.1.unit_price"),
    ({"line_items": [{"unit_price": 1}]}, "line_items.0.description"),
    (lines(description=""), "line_items.0.description"),
    (lines(description="x" * 501), "line_items.0.description"),
    (lines(description=None), "line_items.0.description"),
    (lines(unit_price=-1), "line_items.0.unit_price"),
    (lines(unit_price=10.0), "line_items.0.unit_price"),
    (lines(unit_price=12.5), "line_items.0.unit_price"),
    (lines(unit_price="1250"), "line_items.0.unit_price"),
    (lines(unit_price=True), "line_items.0.unit_price"),
    (lines(unit_price=2**53), "line_items.0.unit_price"),
    (lines(unit_price=2**80), "line_items.0.unit_price"),
    (lines(unit_price=2**52, quantity=4), "line_items"),
    (lines(quantity=0), "line_items.0.quantity"),
    (lines(quantity=None), "line_items.0.quantity"),
    (lines(quantity=1.0), "line_items.0.quantity"),
    (lines(product_id=None), "line_items.0.product_id"),
    (lines(product_id="SKU-1"), "line_items.0.product_id"),
    (lines(metadata=[]), "line_items.0.metadata"),
    (lines(metadata=None), "line_items.0.metadata"),
    (lines(price_id=NOBODY), "line_items.0.price_id"),
    (lines(tax=1), "line_items.0.tax"),
    (order(customer_id=None), "customer_id"),
    (order(customer_id="cus_1"), "customer_id"),
    (order(customer_id=NOBODY + "\n"), "customer_id"),
    (order(customer_id=NOBODY.replace("-", "")), "customer_id"),
    (order(currency="us"), "currency"),
    (order(currency="usdx"), "currency"),
    (order(currency=None), "currency"),
    (order(currency=840), "currency"),
    (order(billing_type="monthly"), "billing_type"),
    (order(billing_type=None), "billing_type"),
    (order(metadata=None), "metadata"),
    (order(metadata="x"), "metadata"),
    (order(notes=None), "notes"),
    (order(notes="x" * 1001), "notes"),
    (order(expires_at=None), "expires_at"),
    (order(expires_at="tomorrow"), "expires_at"),
    (order(expires_at="2026-06-01"), "expires_at"),
    (order(expires_at="2026-06-01T10:00:00"), "expires_at"),
    (order(expires_at=1777716000), "expires_at"),
    (order(expires_at="0001-01-01T00:00:00+12:00"), "expires_at"),
    (order(invoice_id=None), "invoice_id"),
    (order(subscription_id="sub_1"), "subscription_id"),
    (order(total=2500), "total"),
    (order(lineItems=[]), "lineItems"),
    ({"line_items": [LINE], "": 1}, None),
]

UPDATE = [
    ({"customer_id": "x"}, "customer_id"),
    ({"metadata": None}, "metadata"),
    ({"notes": "x" * 1001}, "notes"),
    ({"notes": 1}, "notes"),
    ({"line_items": [LINE]}, "line_items"),
    ({"currency": "eur"}, "currency"),
]

PAY = [
    ({"amount": 0}, "amount"),
    ({"amount": -5}, "amount"),
    ({"amount": 10.0}, "amount"),
    ({"amount": "10"}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": None}, "amount"),
    ({"payment_method_id": "pm_1"}, "payment_method_id"),
    ({"payment_method_id": None}, "payment_method_id"),
    ({"payment_token": None}, "payment_token"),
    ({"payment_token": 5}, "payment_token"),
    ({"currency": "usd"}, "currency"),
]

CANCEL = [({"reason": None}, "reason"), ({"reason": "x" * 501}, "reason"), ({"why": "x"}, "why")]

FULFILL = [
    ({"tracking_number": "x" * 101}, "tracking_number"),
    ({"tracking_number": None}, "tracking_number"),
    ({"carrier": "x" * 51}, "carrier"),
    ({"line_item_ids": None}, "line_item_ids"),
    ({"line_item_ids": NOBODY}, "line_item_ids"),
    ({"line_item_ids": [NOBODY, "line"]}, "line_item_ids.1"),
    ({"notify_customer": "yes"}, "notify_customer"),
    ({"notify_customer": 1}, "notify_customer"),
    ({"notify_customer": None}, "notify_customer"),
    ({"quantity": 1}, "quantity"),
]

REFUND = [
    ({}, "payment_id"),
    ({"payment_id": "pay_1"}, "payment_id"),
    ({"payment_id": NOBODY, "amount_minor": 1.0}, "amount_minor"),
    ({"payment_id": NOBODY, "amount": 1}, "amount"),
]


def check(client, method, path, body, param):
    """Send a body that must be refused; the envelope must name the field."""
    before = client.emulator.state()
    response = client.send(method, path, body)

    assert response.status == 400
    error = error_of(response)
    assert (error["type"], error["code"]) == ("invalid_request_error", "validation_error")
    assert error.get("param") == param
    if param is not None:
        assert error["details"] == {"fields": {param: [error["message"]]}}
    assert client.emulator.state() == before


@pytest.mark.parametrize(("body", "param"), CREATE)
def test_create_refuses(body, param):
    """Create takes its schema and nothing else: no nulls, no floats, no unknown fields."""
    check(Client(), "POST", "/orders", body, param)


@pytest.mark.parametrize(("body", "param"), UPDATE)
def test_update_refuses(body, param):
    """Update takes three fields, of which metadata cannot be null."""
    client = Client()
    check(client, "PATCH", f"/orders/{client.create()['id']}", body, param)


@pytest.mark.parametrize(("body", "param"), PAY)
def test_pay_refuses(body, param):
    """Pay takes integers from 1, and no nulls."""
    client = Client()
    check(client, "POST", f"/orders/{client.create()['id']}/pay", body, param)


@pytest.mark.parametrize(("body", "param"), CANCEL)
def test_cancel_refuses(body, param):
    """Cancel takes a reason of at most 500 characters."""
    client = Client()
    check(client, "POST", f"/orders/{client.create()['id']}/cancel", body, param)


@pytest.mark.parametrize(("body", "param"), FULFILL)
def test_fulfill_refuses(body, param):
    """Fulfill takes short texts, UUIDs and a true boolean."""
    client = Client()
    check(client, "POST", f"/orders/{client.paid()['id']}/fulfill", body, param)


@pytest.mark.parametrize(("body", "param"), REFUND)
def test_refund_refuses(body, param):
    """A refund names its payment; amounts are integers."""
    check(Client(), "POST", "/refunds", body, param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"\xff\xfe",
        b'{"a":"\\ud800"}',
        b"NaN",
        b"{}{}",
        DEEP,
        b"1" * 5000,
    ],
)
@pytest.mark.parametrize("suffix", ["", "/pay", "/cancel", "/fulfill"])
def test_bodies_that_are_no_json_object(body, suffix):
    """Broken JSON, an absent body and other top levels are a 400 without a field."""
    client = Client()
    path = f"/orders/{client.create()['id']}{suffix}" if suffix else "/orders"
    check(client, "POST", path, body, None)


@pytest.mark.parametrize(
    "body",
    [
        lines(description="x" * 500, unit_price=0, quantity=1),
        lines(unit_price=2**31),
        lines(metadata={"deep": [[[{"a": None}]]], "n": 1.5, "big": 10**30}),
        order(notes="x" * 1000, metadata={}),
        order(notes="", currency="JPY"),
        order(expires_at="2026-06-01T10:00:00.123456Z"),
        order(expires_at="2020-01-01T00:00:00Z"),
    ],
)
def test_create_takes_the_limits(body):
    """What lies on a limit, or has none, is taken."""
    assert Client().send("POST", "/orders", body).status == 201


def test_metadata_nested_too_deep_is_refused():
    """Nesting is bounded, far beyond what anyone needs."""
    nested: dict = {}
    for _ in range(200):
        nested = {"a": nested}

    assert Client().send("POST", "/orders", order(metadata=nested)).status == 400
