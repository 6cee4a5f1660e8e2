"""What the control plane reaches: description, state, actions, catalog, switches, reset, determinism."""

import ast
import pathlib
import sys
import uuid

import msgspec
import pytest

from ordergate.spi.emulator import InvalidControlError, ProviderEmulator, UnknownOrderError
from ordergate_revkeen import emulator as package
from ordergate_revkeen.emulator import RevKeenEmulator

from .emulator_client import LINE, NOBODY, NOW, Client


def script(client):
    """A little of everything; return every answer and the state."""
    answers = [client.send("POST", "/orders", client.new_order(), key="k")]
    order = msgspec.json.decode(answers[0].body)
    for path, body in [
        (f"/orders/{order['id']}/pay", {"amount": 500}),
        (f"/orders/{order['id']}/pay", {"payment_token": "tok_declines"}),
        (f"/orders/{order['id']}/pay", {"payment_token": "tok_challenge"}),
        ("/nothing", {}),
    ]:
        client.now += 1
        answers.append(client.send("POST", path, body))
    client.act(order, "3ds_ok")
    answers += [client.send("GET", "/events", query="limit=100"), client.send("GET", "/orders")]
    return answers, client.emulator.state()


def test_it_is_a_provider_emulator():
    """The class satisfies the interface that the server drives."""
    emulator: ProviderEmulator = RevKeenEmulator()

    assert emulator.describe().base_path == "/v2"


def test_the_description_names_what_exists():
    """Credentials, customer, products and methods come from the catalog; the first method is the default."""
    client = Client()
    description, catalog = client.emulator.describe(), client.emulator.catalog()
    customer = catalog["customers"][0]

    assert description.credentials["api_key"].startswith("rk_sandbox_")
    assert description.webhook_secret.startswith("whsec_")
    assert description.customer == customer["id"]
    assert "@" in customer["email"]
    assert description.payment_methods[0] == customer["default_payment_method_id"]
    assert set(description.products) == {product["id"] for product in catalog["products"]}
    assert len(description.products) >= 3
    every = [description.customer, *description.products, *description.payment_methods]
    assert all(uuid.UUID(found).version == 4 for found in every)


def test_equal_seeds_give_equal_answers():
    """Same seed, requests and times: every byte is the same."""
    assert script(Client(seed=7)) == script(Client(seed=7))


def test_other_seeds_give_other_ids_and_keys():
    """Another seed shares no key and no id."""
    first, second = RevKeenEmulator(1).describe(), RevKeenEmulator(2).describe()

    assert first.credentials != second.credentials
    assert not set(first.payment_methods) & set(second.payment_methods)


def test_reset_starts_anew():
    """After reset the emulator is as it was at first, switches and catalog included."""
    client = Client(seed=7)
    first = script(client)
    client.switch(default_limit=5, api_key_status="revoked")
    client.emulator.replace_catalog(b"{}")
    client.emulator.reset()
    client.now = NOW

    assert client.emulator.state() == {"orders": [], "payments": [], "returns": []}
    assert script(client) == first


def test_state_shows_orders_and_payments_oldest_first():
    """State holds whole orders and payments in the order of their creation."""
    client = Client()
    first, second = client.paid(), client.create()
    state = client.emulator.state()

    assert [order["id"] for order in state["orders"]] == [first["id"], second["id"]]
    assert state["orders"][1] == second
    assert state["returns"] == []
    (payment,) = state["payments"]
    assert payment | {"id": 0} == {
        "id": 0, "object": "payment", "order_id": first["id"], "amount": 2500, "amount_refunded": 0,
        "currency": "USD", "status": "succeeded", "awaiting": None,
        "payment_method_id": client.method("succeeds"), "failure_code": None,
        "created_at": "2026-05-02T10:00:00Z",
    }  # fmt: skip


def test_act_refunds_in_parts_and_as_a_whole():
    """The dashboard refunds over several payments, and without amount all that is left."""
    client = Client()
    order = client.order_in("partially_paid")
    client.post(f"/orders/{order['id']}/pay")

    part = client.act(order, "refund", 1600)
    assert (part["amount_refunded"], part["status"]) == (1600, "paid")
    assert [payment["amount_refunded"] for payment in client.payments()] == [100, 1500]
    whole = client.act(order, "refund")
    assert (whole["amount_refunded"], whole["status"]) == (2500, "refunded")


def test_act_cancels():
    """The dashboard cancels what a client could cancel, without a request behind the event."""
    client = Client()
    order = client.create()

    assert client.act(order, "dashboard_cancel")["status"] == "canceled"
    event = client.get("/events", "type=order.canceled")["data"][0]
    assert event["request"] == {"id": None, "idempotency_key": None}


@pytest.mark.parametrize(
    ("status", "action", "amount"),
    [
        ("draft", "payment_closed", None),
        ("draft", "3ds_ok", None),
        ("draft", "3ds_fail", None),
        ("draft", "refund", None),
        ("draft", "explode", None),
        ("draft", "dashboard_cancel", 100),
        ("paid", "refund", 0),
        ("paid", "refund", -1),
        ("paid", "refund", 2501),
        ("paid", "payment_closed", None),
        ("paid", "dashboard_cancel", None),
        ("canceled", "refund", None),
        ("refunded", "refund", None),
    ],
)
def test_impossible_actions_are_refused(status, action, amount):
    """What cannot happen raises with a sentence, and changes nothing."""
    client = Client()
    order = client.order_in(status)
    before = client.emulator.state()

    with pytest.raises(InvalidControlError, match=r"\w+ \w+"):
        client.act(order, action, amount)
    assert client.emulator.state() == before


def test_a_challenge_is_not_closed_by_payment_closed():
    """A challenged payment waits for its challenge, a settling one for its settlement."""
    client = Client()
    for token, wrong in (("tok_challenge", "payment_closed"), ("tok_pending", "3ds_ok")):
        order = client.create()
        client.post(f"/orders/{order['id']}/pay", {"payment_token": token})
        with pytest.raises(InvalidControlError, match="awaits"):
            client.act(order, wrong)


def test_acting_on_an_unknown_order():
    """An order that does not exist is an error of its own."""
    with pytest.raises(UnknownOrderError, match=NOBODY):
        RevKeenEmulator().act(NOBODY, "refund", None, NOW)


def test_the_catalog_reads_back():
    """What catalog() shows can be put back unchanged."""
    emulator = RevKeenEmulator()
    catalog = emulator.catalog()
    emulator.replace_catalog(msgspec.json.encode(catalog))

    assert emulator.catalog() == catalog
    assert all(entry["behaviour"] for entries in catalog.values() for entry in entries)


def test_a_replaced_catalog_is_in_force():
    """New customers exist, old ones are gone."""
    client = Client()
    method = {"id": NOBODY, "customer_id": NOBODY, "outcome": "card_declined"}
    customer = {"id": NOBODY, "email": "a@example.com", "default_payment_method_id": NOBODY}
    client.emulator.replace_catalog(
        msgspec.json.encode({"customers": [customer], "payment_methods": [method]})
    )

    assert client.send("POST", "/orders", client.new_order()).status == 404
    order = client.create(customer_id=NOBODY)
    assert client.send("POST", f"/orders/{order['id']}/pay", {}).status == 400


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "This is not a catalog"),
        (b"[]", "This is not a catalog"),
        (b'{"people":[]}', "people"),
        (b'{"customers":[{"id":"x","email":"a@b"}]}', "customers"),
        (b'{"customers":[{"id":"%s"}]}' % NOBODY.encode(), "email"),
        (b'{"products":[{"id":"%s","name":"x","unit_price":1.5}]}' % NOBODY.encode(), "unit_price"),
        (b'{"payment_methods":[{"id":"%s","customer_id":"%s"}]}' % ((NOBODY.encode(),) * 2), "no customer"),
        (b'{"payment_tokens":[{"token":"t"},{"token":"t"}]}', "twice"),
        (b'{"payment_tokens":[{"token":"t","outcome":"explodes"}]}', "outcome"),
        (
            b'{"customers":[{"id":"%s","email":"a@b","default_payment_method_id":"%s"}]}'
            % ((NOBODY.encode(),) * 2),
            "no payment method",
        ),
    ],
)
def test_what_is_no_catalog_is_refused(document, why):
    """A catalog is checked strictly; a refused one changes nothing."""
    emulator = RevKeenEmulator()
    before = emulator.catalog()

    with pytest.raises(InvalidControlError, match=why):
        emulator.replace_catalog(document)
    assert emulator.catalog() == before


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ({"no_such_switch": 1}, "no_such_switch"),
        ({"create_status": 204}, "create_status"),
        ({"rate_limits": 1}, "rate_limits"),
        ({"tax_percent": 1.5}, "tax_percent"),
        ({"new_order_status": "paid"}, "paid"),
        ({"default_limit": 50, "limit_over_maximum": "explode"}, "limit_over_maximum"),
    ],
)
def test_impossible_switches_are_refused(switches, why):
    """An unknown name or value raises, and no switch of the call has moved."""
    emulator = RevKeenEmulator()
    before = emulator.switches()

    with pytest.raises(InvalidControlError, match=why):
        emulator.set_switches(switches)
    assert emulator.switches() == before


def test_switches_keep_their_values():
    """Setting one switch leaves the others; all are plain JSON."""
    emulator = RevKeenEmulator()
    emulator.set_switches({"create_status": 200})
    emulator.set_switches({"omitted_events": ["order.updated"]})
    switches = emulator.switches()

    assert (switches["create_status"], switches["omitted_events"]) == (200, ["order.updated"])
    assert msgspec.json.decode(msgspec.json.encode(switches)) == switches


def test_emulators_do_not_share_state():
    """Two emulators of one seed are two accounts."""
    first, second = Client(), Client()
    first.create(LINE)

    assert second.emulator.state()["orders"] == []


def test_the_emulator_reads_nothing_of_the_adapter():
    """Emulator and adapter are two readings of one documentation: they share only the interface and the toolkit."""
    folder = pathlib.Path(package.__file__).parent
    nodes = [node for file in folder.glob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    foreign = {node.module for node in imports if node.level == 0}
    foreign |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}

    assert {node.level for node in imports} == {0, 1}
    outside = {name for name in foreign if name.split(".")[0] not in sys.stdlib_module_names}
    toolkit = {name for name in outside if name.startswith("ordergate.spi.emulator_toolkit.")}
    assert outside - toolkit == {"msgspec", "ordergate.spi.emulator", "ordergate.spi.tables"}
