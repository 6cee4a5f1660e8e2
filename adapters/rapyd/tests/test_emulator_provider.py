"""The emulator as a whole: routes, envelopes, switches, rate limits, determinism, and any bytes at all."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.spi.emulator import EmulatedRequest, InvalidControlError, ProviderEmulator
from ordergate_rapyd.emulator import RapydEmulator, Switches
from ordergate_rapyd.emulator.errors import MESSAGES

from .emulator_client import START, Client, shipping_item

DEFAULT_SWITCHES = msgspec.json.decode(msgspec.json.encode(Switches()))
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_it_is_an_emulator() -> None:
    """The class fits the protocol that the server drives."""
    emulator: ProviderEmulator = RapydEmulator(seed=0)

    assert emulator.switches() == DEFAULT_SWITCHES


def test_success_has_an_empty_code_and_a_fresh_operation_id() -> None:
    """Every success is HTTP 200 with the same five members of ``status``."""
    client = Client()
    first, second = client.get("/v1/orders"), client.get("/v1/orders")
    status = first.envelope["status"]

    assert first.status == 200
    assert list(status) == ["error_code", "status", "message", "response_code", "operation_id"]
    operation_id = status.pop("operation_id")
    assert status == {"error_code": "", "status": "SUCCESS", "message": "", "response_code": ""}
    assert re.fullmatch(UUID, operation_id)
    assert operation_id != second.envelope["status"]["operation_id"]
    assert first.response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/orders/"),
        ("GET", "/orders"),
        ("GET", "/v1/orders/order_0/returns"),
        ("GET", "/v1/orders/order_0/pay"),
        ("PUT", "/v1/orders/order_0"),
        ("DELETE", "/v1/orders/order_0"),
        ("HEAD", "/v1/orders"),
        ("POST", "/v1/order_returns"),
        ("POST", "/v1/payments"),
        ("GET", "/v1/customers"),
    ],
)
def test_unknown_path_or_method(method: str, path: str) -> None:
    """Rapyd tells an unknown path by 401 and an empty message, never by 404 or 405."""
    client = Client()
    answer = client.send(client.signed(method, path))

    assert (answer.status, answer.code) == (401, "UNAUTHORIZED_API_CALL")
    assert answer.envelope["status"]["message"] == ""
    assert answer.envelope["status"]["response_code"] == "UNAUTHORIZED_API_CALL"


def test_authentication_comes_before_the_path() -> None:
    """Nobody learns without keys which paths exist."""
    assert Client().get("/nowhere", access_key="AKNOBODY").code == "UNAUTHENTICATED_API_CALL"


def test_escaped_path() -> None:
    """An id may be percent-encoded, and is signed as it was sent."""
    client = Client()
    order = client.created()

    assert client.get(f"/v1/orders/%6f{order['id'][1:]}").data == order


def test_currencies() -> None:
    """The list of currencies gives the decimals as strings."""
    currencies = {entry["code"]: entry for entry in Client().get("/v1/data/currencies").data}

    assert currencies["USD"] == {
        "code": "USD",
        "digits_after_decimal_separator": "2",
        "name": "US Dollar",
        "numeric_code": "840",
        "symbol": "$",
    }
    decimals = {code: entry["digits_after_decimal_separator"] for code, entry in currencies.items()}
    assert (decimals["JPY"], decimals["KWD"], decimals["CLF"]) == ("0", "3", "4")
    assert "XAU" not in currencies


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
def test_body_that_is_no_object(body: bytes) -> None:
    """JSON that is no object has nothing to say."""
    client = Client()
    answer = client.send(client.signed("POST", "/v1/orders", body))

    assert (answer.status, answer.code) == (400, "MISSING_INVALID_PARAMETERS")


@pytest.mark.parametrize(
    ("switch", "status"), [("MISSING_INVALID_PARAMETERS", 400), ("UNAUTHENTICATED_API_CALL", 401)]
)
def test_body_that_is_no_json(switch: str, status: int) -> None:
    """What cannot be parsed cannot be verified either."""
    client = Client(invalid_json=switch)
    answer = client.send(client.signed("POST", "/v1/orders", b"{", "{"))

    assert (answer.status, answer.code) == (status, switch)


def test_operation_id_on_errors() -> None:
    """A failure has an operation id, a blank one, or none."""
    seen = []
    for presence in ("set", "empty", "omitted"):
        status = Client(operation_id_on_errors=presence).get("/v1/orders/order_0").envelope["status"]
        seen.append(status.get("operation_id"))

    assert re.fullmatch(UUID, seen[0])
    assert seen[1:] == ["", None]


def _life(client: Client) -> list[bytes]:
    """Drive an emulator through most of what it does, and return every byte it answered."""
    answers = []
    order = client.created()
    for path, body in (
        ("/v1/orders", client.order_body(customer="cus_0")),
        (f"/v1/orders/{order['id']}", {"tax_percent": 13.5}),
        (f"/v1/orders/{order['id']}/pay", None),
        (f"/v1/orders/{order['id']}/returns", {"items": [shipping_item()]}),
        (f"/v1/orders/{order['id']}/returns", {"items": [shipping_item()]}),
    ):
        answers.append(client.post(path, body).response.body)
        client.wait(0.4)
    answers += [client.get(f"/v1/{name}").response.body for name in ("orders", "payments", "order_returns")]
    return [*answers, json.dumps(client.emulator.state()).encode()]


def test_equal_seeds_requests_and_times_give_equal_answers() -> None:
    """Everything repeats to the byte, after a reset too; another seed gives other ids."""
    client = Client(7)
    first = _life(client)
    client.emulator.reset()
    client.now = START

    assert first == _life(Client(7)) == _life(client)
    assert first != _life(Client(8))


def test_how_often_time_is_told_makes_no_difference() -> None:
    """Things happen at their own time, however late anyone looks."""
    states = []
    for step in (0.05, 5.0):
        client = Client(3)
        client.pay(client.created())
        client.wait(0.2)
        client.pay(client.created())
        for count in range(int(5 / step)):
            client.emulator.advance(client.now + (count + 1) * step)
        states.append(client.emulator.state())

    assert states[0] == states[1]


def test_reset_forgets_everything() -> None:
    """Orders, switches, salts and remembered answers are gone."""
    client = Client(idempotency="all_post", rate_limits=True, reject_reused_salts=True)
    client.post("/v1/orders", client.order_body(), idempotency="key", salt="same")
    client.emulator.reset()

    assert client.emulator.state() == {"orders": [], "payments": [], "returns": []}
    assert client.emulator.switches() == DEFAULT_SWITCHES
    client.emulator.set_switches({"idempotency": "all_post", "reject_reused_salts": True})
    body = client.order_body(upstream_id="other")
    assert client.post("/v1/orders", body, idempotency="key", salt="same").data["upstream_id"] == "other"


def test_state_shows_what_lists_show() -> None:
    """The control plane sees orders, payments and returns in the provider's own form, oldest first."""
    client = Client()
    for _ in range(2):
        client.give_back(client.in_status("paid"), shipping_item())
    names = {"orders": "orders", "payments": "payments", "returns": "order_returns"}

    assert client.emulator.state() == {name: client.get(f"/v1/{path}").data for name, path in names.items()}


def test_requests_per_minute() -> None:
    """From the 201st request on the minute is over, whoever asks, and the answer is not JSON."""
    client = Client(rate_limits=True)
    client.now = START - START % 60
    assert {client.get("/v1/orders").status for _ in range(200)} == {200}
    blocked = client.get("/v1/orders")
    assert blocked.response == client.emulator.rate_limited(client.now)
    assert blocked.status == 429
    assert blocked.response.headers["content-type"].startswith("text/html")
    assert not blocked.response.body.startswith(b"{")

    client.wait(59)
    assert client.get("/v1/orders", signature="x").status == 429
    client.wait(1)
    assert client.get("/v1/orders").status == 200


def test_requests_per_five_minutes() -> None:
    """After 1000 requests in five minutes nothing gets through for another five."""
    client = Client(rate_limits=True)
    client.now = START - START % 300
    for _ in range(5):
        assert {client.get("/v1/orders").status for _ in range(200)} == {200}
        client.wait(60)
    client.wait(-60)
    assert client.get("/v1/orders").status == 429
    client.wait(299)
    assert client.get("/v1/orders").status == 429
    client.wait(1)
    assert client.get("/v1/orders").status == 200


def test_no_rate_limit_by_default() -> None:
    """Tests may ask as often as they like."""
    client = Client()

    assert {client.get("/v1/orders").status for _ in range(1100)} == {200}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "MISSING_INVALID_PARAMETERS"),
        (401, "UNAUTHENTICATED_API_CALL"),
        (500, "INTERNAL_SERVER_ERROR"),
        (503, "SERVICE_UNAVAILABLE"),
    ],
)
def test_failures_for_fault_rules(status: int, code: str) -> None:
    """A fault rule gets an envelope with the status it asked for."""
    response = RapydEmulator(0).failure(status, START)
    envelope = json.loads(response.body)

    assert response.status == status
    assert (envelope["status"]["error_code"], envelope["status"]["status"]) == (code, "ERROR")


def test_odd_failures_for_fault_rules() -> None:
    """429 is the firewall's; a number that is no status is refused."""
    emulator = RapydEmulator(0)

    assert emulator.failure(429, START) == emulator.rate_limited(START)
    with pytest.raises(InvalidControlError, match="999 is no HTTP status"):
        emulator.failure(999, START)


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        ({"no_such_switch": True}, "unknown field `no_such_switch`"),
        ({"strict_signature": "yes"}, "Expected `bool`, got `str`"),
        ({"idempotency": "sometimes"}, "Invalid enum value 'sometimes'"),
        ({"card_close_seconds": -1}, "Expected `float` >= 0"),
    ],
)
def test_impossible_switches(switches: dict[str, Any], sentence: str) -> None:
    """An unknown name or value is refused, and nothing is changed, possible ones beside it included."""
    emulator = RapydEmulator(0)

    with pytest.raises(InvalidControlError, match=sentence):
        emulator.set_switches({"rate_limits": True, **switches})
    assert emulator.switches() == DEFAULT_SWITCHES


def test_switches_are_set_one_by_one() -> None:
    """Switches that are not named stay as they are."""
    emulator = RapydEmulator(0)
    emulator.set_switches({"rate_limits": True})
    emulator.set_switches({"three_ds_seconds": 5})

    assert emulator.switches() == {
        **DEFAULT_SWITCHES,
        "rate_limits": True,
        "three_ds_seconds": 5,
    }


View = Callable[[dict[str, Any]], Any]

VIEWS: list[tuple[dict[str, Any], View, Any, Any]] = [
    ({"missing_shipping_address": "null"}, lambda order: order["shipping_address"], {}, None),
    ({"embedded_payment": "id"}, lambda order: type(order["payment"]), dict, str),
    ({"item_amounts_as_strings": True}, lambda order: order["items"][0]["amount"], 200, "200"),
    ({"item_amounts_as_strings": True}, lambda order: order["returns"][0]["amount"], 10, "10"),
    ({"returns_element": "returns"}, lambda order: "refund" in order["returns"][0], False, True),
    ({"unknown_order_status": "new"}, lambda order: order["status"], "returned", "new"),
    ({"unknown_payment_status": "DLD"}, lambda order: order["payment"]["status"], "CLO", "DLD"),
    ({"coupon_in_response": True}, lambda order: order.get("coupon"), None, ""),
    ({"extra_response_fields": True}, lambda order: order.get("new_field"), None, "not documented"),
    (
        {"extra_response_fields": True},
        lambda order: order["payment"].get("new_object"),
        None,
        {"nested": [1, None, {}]},
    ),
    (
        {"status_transitions": "counters"},
        lambda order: list(order["status_transitions"].items()),
        [
            ("canceled", 0),
            ("fulfilled", 0),
            ("paid", int(START) + 1),
            ("returned", int(START) + 1),
            ("pending", int(START)),
            ("partial", 0),
        ],
        [("canceled", 0), ("fulfilled", 0), ("paid", 1), ("returned", 1), ("pending", 1)],
    ),
]


@pytest.mark.parametrize(("switches", "view", "default", "switched"), VIEWS)
def test_switches_of_the_responses(switches: dict[str, Any], view: View, default: Any, switched: Any) -> None:
    """Each open point of a response shows as documented, and in its other reading once switched."""
    client = Client(card_close_seconds=1)
    order = client.in_status("returned")
    assert default == view(order)

    client.emulator.set_switches(switches)
    assert switched == view(client.retrieve(order))


def test_every_switch_is_documented_and_tested() -> None:
    """No switch goes without a docstring in the source or without a mention in these tests."""
    source = inspect.getsource(Switches)
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_emulator_*.py"))
    for name in Switches.__struct_fields__:
        assert re.search(rf'\n    {name}: (?:[^\n]|\n(?!    """))*\n    """', source), name
        assert re.search(rf"\b{name}\b", tests), name


def test_messages_are_complete() -> None:
    """Each text is the provider's sentence, without traces of its wrapping."""
    assert len(MESSAGES) > 60
    assert all(text == text.strip() and text[0].isupper() for text in MESSAGES.values())


PATHS = [
    ("POST", "/v1/orders"),
    ("POST", "/v1/orders/{order}"),
    ("POST", "/v1/orders/{order}/pay"),
    ("POST", "/v1/orders/{order}/returns"),
    ("POST", "/v1/payments/completePayment"),
    ("GET", "/v1/orders"),
]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
ITEM_NAMES = st.sampled_from(["type", "amount", "quantity", "parent", "currency", "description"])
ITEM_VALUES = VALUES | st.sampled_from(["sku", "shipping", "tax", "USD", "{sku}", 1, "2"])
ITEMS = st.lists(st.dictionaries(ITEM_NAMES, ITEM_VALUES) | VALUES, max_size=3)
NAMES = st.sampled_from(
    [
        "customer",
        "currency",
        "email",
        "coupon",
        "metadata",
        "shipping_address",
        "tax_percent",
        "upstream_id",
        "status",
        "token",
    ]
)
BODIES = st.dictionaries(NAMES, VALUES | st.sampled_from(["USD", "{customer}", "paid"])).flatmap(
    lambda body: ITEMS.map(lambda items: {**body, "items": items})
)


def _check_answer(client: Client, request: EmulatedRequest) -> None:
    answer = client.send(request)
    envelope = answer.envelope

    assert answer.status in {200, 400, 401}
    assert list(envelope) == (["status", "data"] if answer.status == 200 else ["status"])
    assert envelope["status"]["status"] == ("SUCCESS" if answer.status == 200 else "ERROR")
    msgspec.json.encode(client.emulator.state())


@given(st.binary(), st.sampled_from(PATHS), st.booleans())
def test_any_bytes_get_an_envelope(body: bytes, path: tuple[str, str], strict: bool) -> None:
    """Whatever is sent, signed or not, is answered in Rapyd's form."""
    client = Client(strict_signature=strict)
    target = path[1].replace("{order}", client.in_status("paid")["id"])

    _check_answer(client, client.signed(path[0], target, body, body.decode("utf-8", "replace")))


@settings(deadline=None, max_examples=75)
@given(BODIES, st.sampled_from(PATHS))
def test_any_json_gets_an_envelope(body: dict[str, Any], path: tuple[str, str]) -> None:
    """So is any well-signed body, however wrong its members are."""
    client = Client(strict_signature=False)
    order = client.in_status("paid")
    text = json.dumps({**client.order_body(), **body})
    text = text.replace("{sku}", order["items"][0]["parent"]).replace("{customer}", order["customer"])
    target = path[1].replace("{order}", order["id"])

    _check_answer(client, client.signed(path[0], target, text.encode()))


@given(st.text(), st.text(), st.dictionaries(st.sampled_from(["access_key", "salt", "timestamp"]), st.text()))
def test_any_request_gets_an_envelope(path: str, query: str, headers: dict[str, str]) -> None:
    """No path, query or header breaks the form either."""
    client = Client()
    signed = client.signed("GET", f"/{path}?{query}".encode("utf-8", "replace").decode())

    _check_answer(client, signed)
    _check_answer(client, EmulatedRequest(method="GET", path=path, query=query, headers=headers))
