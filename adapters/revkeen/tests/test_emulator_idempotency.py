"""Idempotency keys: what is repeated, what conflicts, what is stored and for how long."""

import pytest

from .emulator_client import LINE, NOBODY, Client, error_of

DAY = 24 * 60 * 60


def test_a_repeat_returns_the_stored_answer():
    """Same key, path and body: status, headers and body again, marked as replayed; one order exists."""
    client = Client()
    first = client.send("POST", "/orders", client.new_order(), key="k1")
    client.now += 60
    second = client.send("POST", "/orders", client.new_order(), key="k1")

    assert "Idempotency-Replayed" not in first.headers
    assert second.headers == {**first.headers, "Idempotency-Replayed": "true"}
    assert (second.status, second.body) == (first.status, first.body)
    assert len(client.emulator.state()["orders"]) == 1


def test_a_replay_keeps_its_stored_version():
    """The stored headers return, even when the repeat asks for another version."""
    client = Client()
    client.send("POST", "/orders", client.new_order(), key="k1")
    again = client.send(
        "POST", "/orders", client.new_order(), key="k1", headers={"revkeen-version": "2027-01-01"}
    )

    assert again.headers["RevKeen-Version"] == "2026-05-01"


@pytest.mark.parametrize("body", [b'{"line_items": [] }', b"", b"{}"])
def test_another_body_conflicts(body):
    """Same key with other bytes is a 409 idempotency_conflict, and the first answer stays stored."""
    client = Client()
    first = client.send("POST", "/orders", client.new_order(), key="k1")
    response = client.send("POST", "/orders", body, key="k1")

    assert response.status == 409
    error = error_of(response)
    assert (error["type"], error["code"]) == ("invalid_request_error", "idempotency_conflict")
    assert "Idempotency-Replayed" not in response.headers
    assert client.send("POST", "/orders", client.new_order(), key="k1").body == first.body


def test_bodies_compare_by_their_bytes():
    """The same JSON with other whitespace is another body."""
    client = Client()
    order_id = client.create()["id"]

    assert client.send("POST", f"/orders/{order_id}/pay", b"{}", key="k").status == 200
    assert client.send("POST", f"/orders/{order_id}/pay", b"{ }", key="k").status == 409


def test_keys_belong_to_method_and_path():
    """One key on two orders' pay, or on pay and cancel, is no repeat."""
    client = Client()
    first, second = client.create()["id"], client.create()["id"]

    for path in (f"/orders/{first}/pay", f"/orders/{second}/pay", f"/orders/{first}/fulfill"):
        response = client.send("POST", path, {}, key="k")
        assert response.status == 200
        assert "Idempotency-Replayed" not in response.headers


def test_without_a_key_nothing_is_repeated():
    """Two creates without key are two orders."""
    client = Client()

    assert client.create()["id"] != client.create()["id"]


def test_patch_honours_keys():
    """PATCH is repeated too."""
    client = Client()
    path = f"/orders/{client.create()['id']}"
    client.send("PATCH", path, {"notes": "a"}, key="k")

    assert client.send("PATCH", path, {"notes": "a"}, key="k").headers["Idempotency-Replayed"] == "true"
    assert client.send("PATCH", path, {"notes": "b"}, key="k").status == 409


def test_get_ignores_keys():
    """Reads are never stored."""
    client = Client()
    client.send("GET", "/orders", key="k")
    client.create()
    response = client.send("GET", "/orders", key="k")

    assert "Idempotency-Replayed" not in response.headers
    assert client.get("/orders")["total_count"] == 1


@pytest.mark.parametrize(("age", "orders"), [(DAY - 1, 1), (DAY, 2), (DAY + 1, 2)])
def test_a_key_lives_for_24_hours_from_its_first_use(age, orders):
    """After 24 hours the key is forgotten; a repeat in between does not prolong it."""
    client = Client()
    client.send("POST", "/orders", client.new_order(), key="k")
    client.now += DAY / 2
    client.send("POST", "/orders", client.new_order(), key="k")
    client.now += age - DAY / 2
    client.send("POST", "/orders", client.new_order(), key="k")

    assert len(client.emulator.state()["orders"]) == orders


def test_a_decline_is_repeated_for_its_key():
    """The same key returns the old decline; only a new key charges anew."""
    client = Client()
    path = f"/orders/{client.create()['id']}/pay"
    body = {"payment_method_id": client.method("card_declined")}
    first = client.send("POST", path, body, key="k1")
    second = client.send("POST", path, body, key="k1")

    assert (first.status, second.status, second.body) == (400, 400, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(client.payments()) == 1
    client.send("POST", path, body, key="k2")
    assert len(client.payments()) == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/orders", {}, 400),
        ("/orders", {"line_items": [LINE], "customer_id": NOBODY}, 404),
        (f"/orders/{NOBODY}/pay", {}, 404),
        ("/nothing", {}, 404),
    ],
)
def test_refusals_are_stored(path, body, status):
    """Validation errors and 404s are kept under their key."""
    client = Client()
    client.send("POST", path, body, key="k")
    response = client.send("POST", path, body, key="k")

    assert (response.status, response.headers["Idempotency-Replayed"]) == (status, "true")


def test_a_403_is_stored():
    """Permission errors are kept under their key, even after the scope was granted."""
    client = Client(key_scopes=["orders:read"])
    client.send("POST", "/orders", client.new_order(), key="k")
    client.switch(key_scopes=["orders:*"])

    assert client.send("POST", "/orders", client.new_order(), key="k").status == 403


def test_a_401_and_a_429_are_not_stored():
    """What is refused before the handler may be tried again with its key."""
    client = Client(api_key_status="revoked")
    assert client.send("POST", "/orders", client.new_order(), key="k").status == 401
    client.switch(api_key_status="active", rate_limits=True, burst=1, requests_per_minute=60)
    client.send("GET", "/orders")
    assert client.send("POST", "/orders", client.new_order(), key="k").status == 429
    client.now += 1

    assert client.send("POST", "/orders", client.new_order(), key="k").status == 201


def test_a_replay_does_not_outlive_its_api_key():
    """A revoked key is a 401, whatever was stored."""
    client = Client()
    client.send("POST", "/orders", client.new_order(), key="k")
    client.switch(api_key_status="revoked")

    assert client.send("POST", "/orders", client.new_order(), key="k").status == 401


@pytest.mark.parametrize(
    ("outage", "stored", "taken"), [("before_charge", False, 0), ("after_charge", True, 2500)]
)
def test_a_500_is_stored_once_the_gateway_was_called(outage, stored, taken):
    """Before the charge the same key tries again; after it the 500 returns for 24 hours, the money gone."""
    client = Client(pay_outage=outage)
    order_id = client.create()["id"]
    assert client.send("POST", f"/orders/{order_id}/pay", {}, key="k").status == 500
    assert client.get(f"/orders/{order_id}")["amount_paid"] == taken
    client.switch(pay_outage="none")
    response = client.send("POST", f"/orders/{order_id}/pay", {}, key="k")

    assert response.status == (500 if stored else 200)
    assert ("Idempotency-Replayed" in response.headers) is stored
    assert client.get(f"/orders/{order_id}")["amount_paid"] == 2500
    assert len(client.payments()) == 1


@pytest.mark.parametrize(("key", "status"), [("", 400), ("x", 201), ("x" * 255, 201), ("x" * 256, 400)])
def test_a_key_has_1_to_255_characters(key, status):
    """Empty and over-long keys are a 400."""
    client = Client()

    assert client.send("POST", "/orders", client.new_order(), key=key).status == status


def test_a_running_request_is_a_conflict_of_its_own():
    """While the first request counts as running its key gives 409; afterwards the stored answer."""
    client = Client(idempotency_running_seconds=2.0)
    client.send("POST", "/orders", client.new_order(), key="k")
    running = client.send("POST", "/orders", client.new_order(), key="k")

    assert (running.status, error_of(running)["code"]) == (409, "idempotency_in_progress")
    client.now += 2
    assert client.send("POST", "/orders", client.new_order(), key="k").status == 201
    assert len(client.emulator.state()["orders"]) == 1
