"""Create, retrieve, update, cancel and fulfill."""

import pytest

from .emulator_client import LINE, NOBODY, Client, error_of, json_of

ORDER_KEYS = [
    "id", "object", "public_id", "customer_id", "status", "billing_type", "fulfillment_status", "currency",
    "subtotal", "discount", "tax", "total", "amount_paid", "amount_refunded", "amount_due", "line_items",
    "metadata", "notes", "invoice_id", "subscription_id", "created_at", "updated_at", "paid_at",
    "canceled_at", "fulfilled_at", "expires_at",
]  # fmt: skip


def test_a_new_order_is_a_bare_draft_with_every_key():
    """Create answers 201 with an Order, not wrapped, nulls included."""
    client = Client()
    body = {"line_items": [LINE], "metadata": {"merchant_ref": "A-1001"}}
    response = client.send("POST", "/orders", body)
    order = json_of(response)

    assert response.status == 201
    assert list(order) == ORDER_KEYS
    line = order["line_items"][0]
    assert order | {"id": 0, "public_id": 0, "line_items": 0} == {
        "id": 0, "object": "order", "public_id": 0, "customer_id": None, "status": "draft",
        "billing_type": "one_time", "fulfillment_status": "unfulfilled", "currency": "usd",
        "subtotal": 2500, "discount": 0, "tax": 0, "total": 2500, "amount_paid": 0, "amount_refunded": 0,
        "amount_due": 2500, "line_items": 0, "metadata": {"merchant_ref": "A-1001"}, "notes": None,
        "invoice_id": None, "subscription_id": None, "created_at": "2026-05-02T10:00:00Z",
        "updated_at": "2026-05-02T10:00:00Z", "paid_at": None, "canceled_at": None, "fulfilled_at": None,
        "expires_at": None,
    }  # fmt: skip
    assert line | {"id": 0} == {
        "id": 0, "product_id": None, "description": "Blue mug", "quantity": 2, "unit_price": 1250,
        "subtotal": 2500, "discount": 0, "tax": 0, "total": 2500, "metadata": {}, "position": 0,
    }  # fmt: skip


def test_a_new_order_keeps_what_it_was_given():
    """Every field of the create body comes back, the currency in lower case."""
    client = Client()
    catalog = client.emulator.catalog()
    fields = {
        "customer_id": client.customer,
        "currency": "EUR",
        "billing_type": "recurring",
        "metadata": {"a": [1, {"b": None}]},
        "notes": "Ring twice",
        "expires_at": "2026-06-01T12:00:00+02:00",
        "invoice_id": catalog["invoices"][0]["id"],
        "subscription_id": catalog["subscriptions"][0]["id"],
    }
    product_id = client.emulator.describe().products[0]
    order = client.create(LINE | {"product_id": product_id, "metadata": {"size": "L"}}, **fields)

    assert {name: order[name] for name in fields} == fields | {
        "currency": "eur",
        "expires_at": "2026-06-01T10:00:00Z",
    }
    assert order["line_items"][0]["product_id"] == product_id
    assert order["line_items"][0]["metadata"] == {"size": "L"}


def test_lines_keep_their_order_and_add_up():
    """Positions count from zero; quantity is 1 by default; free lines are legal."""
    order = Client().create(
        LINE, {"description": "Gift", "unit_price": 0}, {"description": "Fee", "unit_price": 3}
    )

    assert [line["position"] for line in order["line_items"]] == [0, 1, 2]
    assert [line["total"] for line in order["line_items"]] == [2500, 0, 3]
    assert order["line_items"][1]["quantity"] == 1
    assert order["total"] == order["amount_due"] == 2503


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"customer_id": NOBODY}, "customer_id"),
        ({"invoice_id": NOBODY}, "invoice_id"),
        ({"subscription_id": NOBODY}, "subscription_id"),
        ({"line_items": [LINE, LINE | {"product_id": NOBODY}]}, "line_items.1.product_id"),
    ],
)
def test_missing_references_are_404(fields, param):
    """A customer, product, invoice or subscription that does not exist is a 404, and nothing is created."""
    client = Client()
    response = client.send("POST", "/orders", {"line_items": [LINE], **fields})

    assert response.status == 404
    assert error_of(response)["code"] == "resource_not_found"
    assert error_of(response)["param"] == param
    assert client.emulator.state()["orders"] == []


def test_an_invoice_made_by_pay_can_be_linked():
    """An invoice exists once a payment created it."""
    client = Client()
    invoice_id = client.paid()["invoice_id"]

    assert client.create(invoice_id=invoice_id)["invoice_id"] == invoice_id


def test_retrieve_returns_what_create_returned():
    """An order reads the same afterwards, also by an upper case id."""
    client = Client()
    order = client.create()

    assert client.get(f"/orders/{order['id']}") == order
    assert client.get(f"/orders/{order['id'].upper()}") == order


@pytest.mark.parametrize(
    ("method", "suffix"),
    [("GET", ""), ("PATCH", ""), ("POST", "/pay"), ("POST", "/cancel"), ("POST", "/fulfill")],
)
def test_unknown_orders_are_404_and_odd_ids_400(method, suffix):
    """An id that names nothing is a 404; one that is no UUID breaks the parameter's format."""
    client = Client()

    assert client.send(method, f"/orders/{NOBODY}{suffix}", {}).status == 404
    odd = client.send(method, f"/orders/ord_1{suffix}", {})
    assert (odd.status, error_of(odd)["param"]) == (400, "id")


def test_update_changes_three_fields_and_null_clears():
    """Customer, metadata and notes change; null clears; metadata is replaced; the rest stays."""
    client = Client()
    order = client.create(metadata={"a": 1, "b": 2}, notes="old")
    client.now += 60
    body = {"customer_id": None, "notes": "new", "metadata": {"c": 3}}
    updated = json_of(client.send("PATCH", f"/orders/{order['id']}", body))

    assert updated == order | body | {"updated_at": "2026-05-02T10:01:00Z"}
    cleared = json_of(client.send("PATCH", f"/orders/{order['id']}", {"notes": None}))
    assert cleared["notes"] is None
    assert cleared["metadata"] == {"c": 3}


def test_update_to_a_missing_customer_is_404_and_changes_nothing():
    """The customer must exist."""
    client = Client()
    order = client.create(notes="old")
    body = {"customer_id": NOBODY, "notes": "new"}

    assert client.send("PATCH", f"/orders/{order['id']}", body).status == 404
    assert client.get(f"/orders/{order['id']}") == order


def test_an_update_event_tells_the_previous_attributes():
    """order.updated carries the new order and the old values of what changed."""
    client = Client()
    order = client.create(notes="old")
    client.now += 1
    client.send("PATCH", f"/orders/{order['id']}", {"notes": "new"})
    data = client.get("/events", "type=order.updated")["data"][0]["data"]

    assert data["previous_attributes"] == {"notes": "old"}
    assert data["object"] == client.get(f"/orders/{order['id']}")


def test_cancel_sets_status_and_time_and_leaves_the_amounts():
    """A canceled order keeps its amounts; the reason is returned nowhere."""
    client = Client()
    order = client.create()
    client.now += 5
    canceled = client.post(f"/orders/{order['id']}/cancel", {"reason": "changed my mind"})

    moment = "2026-05-02T10:00:05Z"
    assert canceled == order | {"status": "canceled", "canceled_at": moment, "updated_at": moment}


def test_fulfill_takes_all_lines_by_default():
    """Without line_item_ids the whole order is fulfilled; tracking is returned nowhere."""
    client = Client()
    order = client.paid()
    client.now += 5
    body = {"tracking_number": "1Z", "carrier": "ups", "notify_customer": False}
    fulfilled = client.post(f"/orders/{order['id']}/fulfill", body)

    moment = "2026-05-02T10:00:05Z"
    assert fulfilled == order | {
        "status": "fulfilled",
        "fulfillment_status": "fulfilled",
        "fulfilled_at": moment,
        "updated_at": moment,
    }


def test_fulfill_line_by_line():
    """Some lines make the fulfilment partial and leave the status; the last line fulfills the order."""
    client = Client()
    lines = [LINE, {"description": "Saucer", "unit_price": 300}]
    order = client.post(f"/orders/{client.create(*lines)['id']}/pay")
    first, second = (line["id"] for line in order["line_items"])
    path = f"/orders/{order['id']}/fulfill"
    partial = client.post(path, {"line_item_ids": [first.upper()]})

    assert (partial["status"], partial["fulfillment_status"]) == ("paid", "partial")
    assert partial["fulfilled_at"] is None
    again = client.send("POST", path, {"line_item_ids": [second, first]})
    assert (again.status, error_of(again)["param"]) == (400, "line_item_ids.1")
    whole = client.post(path, {"line_item_ids": [second]})
    assert (whole["status"], whole["fulfillment_status"]) == ("fulfilled", "fulfilled")


def test_fulfill_of_all_takes_the_remaining_lines():
    """After a partial fulfilment, the default means what is left."""
    client = Client()
    order = client.post(f"/orders/{client.create(LINE, LINE)['id']}/pay")
    path = f"/orders/{order['id']}/fulfill"
    client.post(path, {"line_item_ids": [order["line_items"][0]["id"]]})

    assert client.post(path)["fulfillment_status"] == "fulfilled"


@pytest.mark.parametrize("line_ids", [[], [NOBODY]])
def test_fulfill_of_no_or_foreign_lines_is_refused(line_ids):
    """An empty list is undefined and a foreign line unknown: both are a 400."""
    client = Client()
    path = f"/orders/{client.paid()['id']}/fulfill"

    assert client.send("POST", path, {"line_item_ids": line_ids}).status == 400


def test_the_life_of_an_order_in_events():
    """Each change leaves its events, in order, and each names the request that caused it."""
    client = Client()
    order = client.create()
    path = f"/orders/{order['id']}"
    client.send("PATCH", path, {"notes": "x"})
    client.post(f"{path}/pay", {"amount": 1000}, key="pay-1")
    client.post(f"{path}/pay", key="pay-2")
    client.post(f"{path}/fulfill")
    canceled = client.create()
    client.post(f"/orders/{canceled['id']}/cancel")

    assert client.event_types() == [
        "order.created",
        "order.updated",
        "payment.succeeded",
        "order.updated",
        "payment.succeeded",
        "order.paid",
        "order.fulfilled",
        "order.created",
        "order.canceled",
    ]
    paid = client.get("/events", "type=order.paid")["data"][0]
    assert paid["request"]["idempotency_key"] == "pay-2"
    assert paid["request"]["id"].startswith("req_")
    assert paid["data"]["object"]["status"] == "paid"
    assert "previous_attributes" not in paid["data"]
    assert (paid["object"], paid["livemode"], paid["created"]) == ("event", False, int(client.now))
