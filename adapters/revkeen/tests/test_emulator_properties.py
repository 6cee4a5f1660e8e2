"""What holds for every input: no exception, always JSON, and amounts that add up."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from .emulator_client import Client, error_of, json_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["line_items", "customer_id", "currency", "metadata", "notes", "expires_at", "amount", "line_item_ids"]
)
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "description": st.text(min_size=1, max_size=20),
            "unit_price": st.integers(0, 2**31 - 1),
            "quantity": st.integers(1, 1000),
        }
    ),
    min_size=1,
    max_size=5,
)
OPERATIONS = ("", "/pay", "/cancel", "/fulfill", "PATCH", "/refunds")


def send(client: Client, operation: str, body: bytes):
    """Send bytes to one of the operations that take a body."""
    if operation == "/refunds":
        return client.send("POST", "/refunds", body)
    if operation == "":
        return client.send("POST", "/orders", body)
    path = f"/orders/{client.paid()['id']}"
    if operation == "PATCH":
        return client.send("PATCH", path, body)
    return client.send("POST", path + operation, body)


def check_answer(response):
    """An answer is JSON: an object when it went well, else the canonical envelope."""
    assert response.status in {200, 201, 400, 404, 409, 422}
    if response.status < 300:
        assert isinstance(json_of(response), dict)
        return
    error = error_of(response)
    assert {"type", "code", "message", "request_id"} <= set(error)
    assert all(isinstance(error[name], str) for name in ("type", "code", "message", "request_id"))


def check_amounts(order):
    """The documented and inferred money identities."""
    for line in order["line_items"]:
        assert line["subtotal"] == line["unit_price"] * line["quantity"]
        assert line["total"] == line["subtotal"] - line["discount"] + line["tax"]
    for name in ("subtotal", "discount", "tax"):
        assert order[name] == sum(line[name] for line in order["line_items"])
    assert order["total"] == order["subtotal"] - order["discount"] + order["tax"]
    assert order["amount_due"] == order["total"] - order["amount_paid"]
    assert 0 <= order["amount_refunded"] <= order["amount_paid"] <= order["total"]
    names = ("subtotal", "tax", "total", "amount_paid", "amount_refunded", "amount_due")
    assert all(type(order[name]) is int for name in names)


@settings(deadline=None)
@given(st.sampled_from(OPERATIONS), st.binary(max_size=200))
def test_any_bytes_are_answered(operation, body):
    """Whatever bytes arrive as a body, the answer is JSON and no exception."""
    check_answer(send(Client(), operation, body))


@settings(deadline=None)
@given(st.sampled_from(OPERATIONS), st.dictionaries(NAMES | st.text(), JSON, max_size=4))
def test_any_object_is_answered(operation, body):
    """Whatever JSON object arrives, known fields with odd values included, the answer is JSON."""
    check_answer(send(Client(), operation, msgspec.json.encode(body)))


@settings(deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]),
    st.text(max_size=30),
    st.text(max_size=40),
    st.text(max_size=10),
)
def test_any_path_query_and_key_are_answered(method, path, query, key):
    """Whatever the path, the query and the key, the answer is JSON."""
    client = Client()
    check_answer(client.send(method, f"/{path}", b"{}", query=query, key=key))
    check_answer(client.send("GET", "/orders", query=query))
    check_answer(client.send("GET", "/events", query=query))


@settings(deadline=None)
@given(LINES, st.integers(0, 100))
def test_created_orders_add_up(lines, tax):
    """Lines and order satisfy the identities, whatever the prices, quantities and tax."""
    client = Client(tax_percent=tax)
    order = client.create(*lines)

    check_amounts(order)
    assert order["subtotal"] == sum(line["unit_price"] * line["quantity"] for line in lines)
    assert order["amount_due"] == order["total"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "refund", "cancel", "fulfill", "3ds_ok", "3ds_fail", "payment_closed"]),
        st.integers(1, 3000) | st.none(),
        st.sampled_from(["tok_pays", "tok_declines", "tok_pending", "tok_challenge"]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=75)
@given(STEPS)
def test_amounts_hold_through_any_life(steps):
    """Whatever happens to an order, the identities hold and match the payments."""
    client = Client()
    order = client.create()
    path = f"/orders/{order['id']}"
    for what, amount, token in steps:
        client.now += 1
        if what == "pay":
            body = {"payment_token": token} | ({} if amount is None else {"amount": amount})
            client.send("POST", f"{path}/pay", body)
        elif what in {"cancel", "fulfill"}:
            client.send("POST", f"{path}/{what}", {})
        else:
            try:
                client.act(order, what, amount if what == "refund" else None)
            except ValueError:
                continue
    found = client.get(path)
    check_amounts(found)
    settled = [payment for payment in client.payments() if payment["status"] == "succeeded"]
    assert found["amount_paid"] == sum(payment["amount"] for payment in settled)
    assert found["amount_refunded"] == sum(payment["amount_refunded"] for payment in settled)
    assert (found["paid_at"] is not None) == (found["amount_due"] == 0)
