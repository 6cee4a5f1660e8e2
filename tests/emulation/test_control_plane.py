"""The calls under /_emulator."""

import logging
from typing import Any

import pytest
from tests.emulation.conftest import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_overview_says_what_there_is(server: Running) -> None:
    """The credentials and every call of the control plane are listed."""
    overview = (await server.client.get("/_emulator")).json()

    assert overview["credentials"] == {"api_key": "key_1"}
    assert overview["base_path"] == "/v2"
    assert {entry["call"] for entry in overview["calls"]} == {
        "GET /_emulator",
        "GET /_emulator/state",
        "POST /_emulator/reset",
        "GET /_emulator/faults",
        "PUT /_emulator/faults",
        "GET /_emulator/clock",
        "PUT /_emulator/clock",
        "POST /_emulator/orders/{order_id}/do",
        "GET /_emulator/catalog",
        "PUT /_emulator/catalog",
        "GET /_emulator/switches",
        "PUT /_emulator/switches",
        "GET /_emulator/webhooks",
        "PUT /_emulator/webhooks",
    }
    assert all(entry["does"].endswith(".") for entry in overview["calls"])


async def test_the_state_counts_provider_requests_only(server: Running) -> None:
    """Requests that went wrong count, calls of the control plane do not."""
    await server.order()
    await server.faults({"do": "drop", "times": 1}, {"do": "status", "status": 500, "times": 1})
    await server.raw(b"GET /v2/x HTTP/1.1\r\nHost: a\r\n\r\n")
    await server.client.get("/v2/x")
    await server.client.get("/_emulator/clock")

    state = (await server.client.get("/_emulator/state")).json()

    assert [order["id"] for order in state["orders"]] == ["ord_1"]
    assert (state["payments"], state["returns"]) == ([], [])
    assert (state["requests"], state["webhooks_sent"]) == (3, 0)


async def test_a_reset_forgets_everything(server: Running) -> None:
    """Orders, catalog, faults, clock and counters are as at the start."""
    await server.order()
    await server.client.put("/_emulator/clock", json={"offset_seconds": 90})
    await server.client.put("/_emulator/catalog", json={"products": []})
    await server.faults({"do": "drop"})

    answer = await server.client.post("/_emulator/reset")

    fresh = {"orders": [], "payments": [], "returns": [], "requests": 0, "webhooks_sent": 0}
    assert (answer.status_code, answer.json()) == (200, fresh)
    assert server.provider.resets == 1
    assert (await server.client.get("/_emulator/faults")).json() == {"rules": [], "hits": []}
    assert (await server.client.get("/_emulator/clock")).json()["offset_seconds"] == 0
    assert (await server.client.get("/_emulator/catalog")).json() == {"products": ["prod_1"]}
    assert (await server.order()).status_code == 201


@pytest.mark.parametrize("offset", [86_400, -86_400, 0.5, 0])
async def test_the_clock_moves_the_emulators_time(server: Running, offset: float) -> None:
    """The provider is told the shifted time, and the call says which."""
    before = (await server.client.get("/v2/x")).json()["now"]

    answer = (await server.client.put("/_emulator/clock", json={"offset_seconds": offset})).json()
    after = (await server.client.get("/v2/x")).json()["now"]

    assert answer["offset_seconds"] == offset
    assert after - before == pytest.approx(offset, abs=0.3)
    assert answer["now"] == pytest.approx(after, abs=0.3)


async def test_what_the_clock_makes_due_happens_at_once(server: Running) -> None:
    """A payment that would close later has closed once the clock is put ahead."""
    await server.order()

    await server.client.put("/_emulator/clock", json={"offset_seconds": 60})

    assert server.provider.orders[0]["status"] == "paid"


async def test_faults_are_shown_as_they_are_in_force(server: Running) -> None:
    """What a GET shows can be PUT again."""
    rule = {"match": {"path": "/orders"}, "do": "delay", "seconds": 0.5}
    await server.faults(rule)

    shown = (await server.client.get("/_emulator/faults")).json()
    await server.faults(*shown["rules"])

    assert shown["rules"][0].items() >= {"at": "before", "do": "delay", "seconds": 0.5}.items()
    assert (await server.client.get("/_emulator/faults")).json() == shown


async def test_something_is_done_to_an_order(server: Running) -> None:
    """The action and the amount reach the provider, and its order comes back."""
    await server.order()

    answer = await server.client.post("/_emulator/orders/ord_1/do", json={"action": "refund", "amount": 5})

    assert answer.status_code == 200
    assert answer.json().items() >= {"id": "ord_1", "action": "refund", "amount": 5}.items()


async def test_the_amount_of_an_action_may_be_left_out(server: Running) -> None:
    """Without an amount the whole is meant."""
    await server.order()

    answer = await server.client.post("/_emulator/orders/ord_1/do", json={"action": "3ds_ok"})

    assert answer.json()["amount"] is None


async def test_catalog_and_switches_are_replaced_and_shown(server: Running) -> None:
    """Both calls answer with what holds now, and a GET shows the same."""
    catalog = await server.client.put("/_emulator/catalog", json={"products": ["prod_9"]})
    switches = await server.client.put("/_emulator/switches", json={"strict": False})

    assert (
        catalog.json() == (await server.client.get("/_emulator/catalog")).json() == {"products": ["prod_9"]}
    )
    assert switches.json() == (await server.client.get("/_emulator/switches")).json() == {"strict": False}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("PUT", "/faults", "", 422, "not valid JSON"),
        ("PUT", "/faults", "nonsense", 422, "not valid JSON"),
        ("PUT", "/faults", "[" * 100_000, 422, "nested too deeply"),
        ("PUT", "/faults", "[]", 422, "Expected `object`"),
        ("PUT", "/faults", '{"rules":[{"do":"status"}]}', 422, "/rules/0: `status` is required"),
        ("PUT", "/faults", '{"rules":[{"do":"drop","times":0}]}', 422, "/rules/0/times: "),
        ("PUT", "/clock", "{}", 422, "/offset_seconds: The field is required."),
        ("PUT", "/clock", '{"offset_seconds":"5"}', 422, "/offset_seconds: Expected `float`"),
        ("PUT", "/clock", '{"offset_seconds":1e12}', 422, "at most 1000000000 each way"),
        ("PUT", "/clock", '{"offset_seconds":1,"zone":2}', 422, "/zone: "),
        ("POST", "/orders/ord_9/do", '{"action":"refund"}', 404, "There is no order 'ord_9' here."),
        ("POST", "/orders/ord_1/do", '{"action":"refund"}', 409, "The order is refunded already."),
        ("POST", "/orders/ord_1/do", "{}", 422, "/action: The field is required."),
        ("POST", "/orders/ord_1/do", '{"action":"explode"}', 422, "One of 3ds_ok"),
        ("POST", "/orders/ord_1/do", '{"action":"refund","amount":1.0}', 422, "/amount: Expected `int"),
        ("POST", "/orders/ord_1/do", '{"action":"refund","amount":0}', 422, "/amount: "),
        ("PUT", "/catalog", "{}", 422, "A catalog has products."),
        ("PUT", "/switches", "[]", 422, "Expected `object`"),
        ("PUT", "/switches", '{"lax":true}', 422, "There is one switch: strict."),
        ("PUT", "/webhooks", "{}", 422, "/url: The field is required."),
        ("PUT", "/webhooks", '{"url":"hooks"}', 422, "`url` is no http or https URL: hooks"),
        ("PUT", "/webhooks", '{"url":"ftp://a/b"}', 422, "`url` is no http or https URL"),
        ("PUT", "/webhooks", '{"url":"http://a:99999/"}', 422, "`url` is no http or https URL"),
        ("PUT", "/webhooks", '{"url":"http:///b"}', 422, "`url` is no http or https URL"),
        ("PUT", "/webhooks", '{"url":null,"loss":1}', 422, "/loss: "),
        ("PUT", "/webhooks", '{"url":null,"drop":1.5}', 422, "/drop: Expected `float` <= 1.0. True, false"),
        ("PUT", "/webhooks", '{"url":null,"duplicate":-1}', 422, "/duplicate: "),
        ("PUT", "/webhooks", '{"url":null,"reorder":"yes"}', 422, "/reorder: Expected `bool | float`"),
        ("PUT", "/webhooks", '{"url":null,"delay":-1}', 422, "/delay: "),
        ("PUT", "/webhooks", '{"url":null,"stale":0.5}', 422, "/stale: Expected `bool`"),
        ("PUT", "/webhooks", '{"url":null,"secret":""}', 422, "/secret: "),
        ("PUT", "/webhooks", '{"url":null,"secret":[]}', 422, "/secret: "),
        (
            "PUT",
            "/webhooks",
            '{"url":null,"secret":"s"}',
            422,
            "signs webhooks with its account's credentials",
        ),
        ("GET", "/nothing", "", 404, "Not Found"),
        ("DELETE", "/state", "", 405, "Method Not Allowed"),
        ("PUT", "/faults", " " * 10_000_001, 413, "Too Large"),
    ],
)
async def test_what_is_refused(
    server: Running, method: str, path: str, body: str, status: int, words: str
) -> None:
    """Every refusal is JSON with one sentence, and names the place when it is in the body."""
    await server.order()
    server.provider.orders[0]["status"] = "refunded"

    answer = await server.client.request(method, f"/_emulator{path}", content=body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


async def test_all_mistakes_are_named_together(server: Running) -> None:
    """One answer is enough to mend a whole document."""
    rules: list[dict[str, Any]] = [{"do": "drop", "times": 0}, {"do": "html", "status": 99}]

    error = (await server.client.put("/_emulator/faults", json={"rules": rules})).json()["error"]

    assert "/rules/0/times" in error
    assert "/rules/1/status" in error


async def test_rules_that_are_refused_leave_those_in_force(server: Running) -> None:
    """A wrong document changes nothing."""
    await server.faults({"do": "status", "status": 503})

    await server.client.put("/_emulator/faults", json={"rules": [{"do": "delay"}]})

    assert (await server.order()).status_code == 503


async def test_a_defect_behind_a_call_is_logged(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """An emulator that raises out of turn gives a 500 in the usual form, and a traceback."""
    server.provider.orders = [{"status": "nameless"}]

    with caplog.at_level(logging.ERROR):
        answer = await server.client.post("/_emulator/orders/ord_1/do", json={"action": "refund"})

    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    assert "KeyError" in caplog.text
