"""Pay in all its outcomes, and refunds."""

import pytest

from .emulator_client import LINE, NOBODY, Client, error_of, json_of


def test_pay_in_full_by_the_default_card():
    """`{}` charges the customer's default card at once: paid, with an invoice."""
    client = Client()
    order = client.create()
    client.now += 5
    response = client.send("POST", f"/orders/{order['id']}/pay", {})
    paid = json_of(response)

    assert response.status == 200
    moment = "2026-05-02T10:00:05Z"
    assert paid == order | {
        "status": "paid",
        "amount_paid": 2500,
        "amount_due": 0,
        "invoice_id": paid["invoice_id"],
        "paid_at": moment,
        "updated_at": moment,
    }
    assert paid["invoice_id"] is not None
    (payment,) = client.payments()
    assert payment["payment_method_id"] == client.emulator.describe().payment_methods[0]
    assert (payment["order_id"], payment["amount"], payment["status"]) == (order["id"], 2500, "succeeded")


def test_pay_in_parts():
    """A part makes the order partially_paid without paid_at; the rest makes it paid, on one invoice."""
    client = Client()
    path = f"/orders/{client.create()['id']}/pay"
    part = client.post(path, {"amount": 1000})

    assert (part["status"], part["amount_paid"], part["amount_due"]) == ("partially_paid", 1000, 1500)
    assert part["paid_at"] is None
    rest = client.post(path, {"amount": 1500})
    assert (rest["status"], rest["amount_paid"], rest["amount_due"]) == ("paid", 2500, 0)
    assert rest["invoice_id"] == part["invoice_id"] is not None


def test_pay_more_than_is_due_is_refused():
    """Over-payment is a 400 that names amount, and nothing is charged."""
    client = Client()
    response = client.send("POST", f"/orders/{client.create()['id']}/pay", {"amount": 2501})

    assert (response.status, error_of(response)["param"]) == (400, "amount")
    assert client.payments() == []


@pytest.mark.parametrize("outcome", ["insufficient_funds", "expired_card", "card_declined"])
def test_a_decline_leaves_the_order_alone(outcome):
    """A declined payment is an error reply and a payment.failed event; the order is unchanged."""
    client = Client()
    order = client.create()
    client.now += 5
    body = {"payment_method_id": client.method(outcome)}
    response = client.send("POST", f"/orders/{order['id']}/pay", body)

    assert response.status == 400
    assert error_of(response)["code"] == "validation_error"
    assert client.get(f"/orders/{order['id']}") == order
    event = client.get("/events", "type=payment.failed")["data"][0]
    assert event["data"]["object"]["failure_code"] == outcome
    assert client.post(f"/orders/{order['id']}/pay")["status"] == "paid"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"payment_method_id": NOBODY}, 404, "payment_method_id"),
        ({"payment_token": "tok_unknown"}, 400, "payment_token"),
        ({"payment_method_id": NOBODY, "payment_token": "tok_pays"}, 400, "payment_token"),
    ],
)
def test_pay_by_what_does_not_exist(body, status, param):
    """Unknown methods are 404, unknown tokens and both at once 400."""
    client = Client()
    response = client.send("POST", f"/orders/{client.create()['id']}/pay", body)

    assert (response.status, error_of(response)["param"]) == (status, param)
    assert client.payments() == []


def test_a_guest_pays_by_token_only():
    """An order without customer takes a payment_token; a saved method or `{}` is refused."""
    client = Client()
    path = f"/orders/{client.post('/orders', {'line_items': [LINE]})['id']}/pay"

    assert client.send("POST", path, {}).status == 400
    assert client.send("POST", path, {"payment_method_id": client.method("succeeds")}).status == 400
    assert client.post(path, {"payment_token": "tok_pays"})["status"] == "paid"


def test_a_customer_without_method_pays_by_token_only():
    """The second customer has no default method, and may not use another customer's."""
    client = Client()
    customer_id = client.emulator.catalog()["customers"][1]["id"]
    path = f"/orders/{client.create(customer_id=customer_id)['id']}/pay"

    assert client.send("POST", path, {}).status == 400
    assert client.send("POST", path, {"payment_method_id": client.method("succeeds")}).status == 404
    assert client.post(path, {"payment_token": "tok_pays"})["status"] == "paid"


def test_a_single_use_token_is_spent_by_one_charge():
    """tok_pays_once pays once; tok_pays pays as often as wanted."""
    client = Client()
    paths = [f"/orders/{client.create()['id']}/pay" for _ in range(3)]

    assert client.post(paths[0], {"payment_token": "tok_pays_once"})["status"] == "paid"
    assert client.send("POST", paths[1], {"payment_token": "tok_pays_once"}).status == 400
    for path in paths[1:]:
        assert client.post(path, {"payment_token": "tok_pays"})["status"] == "paid"


@pytest.mark.parametrize("token", ["tok_declines", "tok_insufficient_funds"])
def test_tokens_decline_too(token):
    """Declining tokens behave as declining cards do."""
    client = Client()
    path = f"/orders/{client.create()['id']}/pay"

    assert client.send("POST", path, {"payment_token": token}).status == 400
    assert client.payments()[0]["status"] == "failed"


def test_an_asynchronous_payment_is_a_2xx_that_is_not_paid():
    """A pending payment answers 200 with status pending and all still due; later it closes."""
    client = Client()
    order = client.create()
    pending = client.post(f"/orders/{order['id']}/pay", {"payment_method_id": client.method("pending")})

    assert (pending["status"], pending["amount_due"], pending["paid_at"]) == ("pending", 2500, None)
    assert client.send("POST", f"/orders/{order['id']}/pay", {}).status == 409
    closed = client.act(order, "payment_closed")
    assert (closed["status"], closed["amount_paid"]) == ("paid", 2500)
    assert client.event_types() == ["order.created", "order.updated", "payment.succeeded", "order.paid"]


def test_a_challenge_passed_or_failed():
    """A challenged payment is pending until 3ds_ok pays it or 3ds_fail restores the order."""
    client = Client()
    body = {"payment_method_id": client.method("needs_challenge")}
    passed, failed = client.create(), client.create()
    for order in (passed, failed):
        assert client.post(f"/orders/{order['id']}/pay", body)["status"] == "pending"

    assert client.act(passed, "3ds_ok")["status"] == "paid"
    restored = client.act(failed, "3ds_fail")
    assert (restored["status"], restored["amount_due"]) == ("draft", 2500)
    assert client.payments()[1]["failure_code"] == "authentication_failed"
    assert client.event_types()[-2:] == ["payment.failed", "order.updated"]
    assert client.post(f"/orders/{failed['id']}/pay")["status"] == "paid"


def test_a_failed_rest_goes_back_to_partially_paid():
    """Restoring means the status before pay, whatever it was."""
    client = Client()
    order = client.order_in("partially_paid")
    body = {"payment_method_id": client.method("needs_challenge")}
    client.post(f"/orders/{order['id']}/pay", body)

    assert client.act(order, "3ds_fail")["status"] == "partially_paid"


def test_pending_payments_close_by_themselves_at_their_own_time():
    """With a delay set, the payment closes when due, however late anyone looks."""
    client = Client(pay_answers_pending=True, pending_payment_seconds=1.0)
    order = client.paid()
    assert order["status"] == "pending"

    client.emulator.advance(client.now + 0.9)
    assert client.emulator.state()["orders"][0]["status"] == "pending"
    client.now += 50
    closed = client.get(f"/orders/{order['id']}")
    assert (closed["status"], closed["paid_at"]) == ("paid", "2026-05-02T10:00:01Z")


def test_a_challenge_never_ends_by_itself():
    """The delay is for settlement; a challenge waits for the customer."""
    client = Client(pending_payment_seconds=1.0)
    order = client.create()
    client.post(f"/orders/{order['id']}/pay", {"payment_token": "tok_challenge"})
    client.now += 3600

    assert client.get(f"/orders/{order['id']}")["status"] == "pending"


def test_a_free_order_becomes_paid_without_a_charge():
    """A total of zero is settled by pay, with an invoice and no payment."""
    client = Client()
    paid = client.post(f"/orders/{client.create({'description': 'Gift', 'unit_price': 0})['id']}/pay")

    assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 0, 0)
    assert paid["paid_at"] is not None
    assert client.payments() == []


def test_refund_in_parts():
    """Refunds add up to amount_refunded; only the last part makes the order refunded."""
    client = Client()
    order = client.paid()
    payment_id = client.get("/events", "type=payment.succeeded")["data"][0]["data"]["object"]["id"]
    response = client.send("POST", "/refunds", {"payment_id": payment_id, "amount_minor": 1000})

    assert response.status == 201
    refund = json_of(response)["data"]
    assert (refund["amount_minor"], refund["currency"], refund["status"]) == (1000, "USD", "succeeded")
    part = client.get(f"/orders/{order['id']}")
    assert (part["status"], part["amount_refunded"], part["amount_due"]) == ("paid", 1000, 0)
    client.post("/refunds", {"payment_id": payment_id, "reason": "damaged"})
    whole = client.get(f"/orders/{order['id']}")
    assert (whole["status"], whole["amount_refunded"], whole["amount_paid"]) == ("refunded", 2500, 2500)
    assert client.event_types()[-4:] == [
        "refund.created",
        "refund.succeeded",
        "payment.refunded",
        "order.updated",
    ]


@pytest.mark.parametrize(("amount", "status"), [(2500, 201), (2501, 422), (0, 400), (-1, 400)])
def test_a_refund_above_the_charge_is_a_422(amount, status):
    """The amount rule is a business rule; below 1 is a validation error."""
    client = Client()
    client.paid()
    body = {"payment_id": client.payments()[0]["id"], "amount_minor": amount}

    assert client.send("POST", "/refunds", body).status == status


def test_a_refund_of_nothing_known_is_a_404():
    """The payment must exist."""
    assert Client().send("POST", "/refunds", {"payment_id": NOBODY}).status == 404


def test_canceling_voids_a_pending_payment():
    """By default the money of a canceled order is never taken."""
    client = Client(pending_payment_seconds=1.0)
    order = client.create()
    client.post(f"/orders/{order['id']}/pay", {"payment_token": "tok_pending"})
    client.post(f"/orders/{order['id']}/cancel")
    client.now += 10

    assert client.get(f"/orders/{order['id']}")["amount_paid"] == 0
    assert client.payments()[0]["status"] == "canceled"
