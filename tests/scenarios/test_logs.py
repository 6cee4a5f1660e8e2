"""What a serving process writes down: enough to follow every request, and nobody's secrets."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    CUSTOMER,
    Emulator,
    Shop,
    body_of,
    plain_client,
    prepare_store,
    problem_of,
    product,
    shipping,
    write_config,
)

EMAIL = "grete.hermann@planted.example"
ADDRESS = {
    "name": "Grete Planted Hermann",
    "line_1": "7 Planted Street",
    "city": "Bremen",
    "country": "DE",
    "phone": "+4942112345678",
}
NOTES = "Planted: leave it at the back door"
TOKEN = "tok_planted_0123456789"
PERSONAL = (EMAIL, ADDRESS["name"], ADDRESS["line_1"], ADDRESS["phone"], NOTES)


def log_lines(file: Path) -> list[dict[str, Any]]:
    """The log's lines, each of which is JSON."""
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def config(tmp_path: Path, emulators: Mapping[str, Emulator]) -> Path:
    """A configuration that logs all there is to log."""
    return write_config(
        tmp_path,
        emulators,
        server={"log_level": "debug", "idempotency_wait": 0},
        account={"read_timeout": 0.5},
    )


async def busy_day(shop: Shop, operator_key: str) -> list[httpx.Response]:
    """Requests of every kind, with planted secrets and personal data in all of them."""
    draft = shop.draft(
        customer={"id": CUSTOMER, "email": EMAIL},
        shipping_address=ADDRESS,
        notes=NOTES,
        line_items=[product(), shipping()],
    )
    answers = [await shop.create(draft)]
    order = body_of(answers[0], 201)
    answers += [
        await shop.get(f"/v1/orders/{order['id']}", refresh="true"),
        await shop.pay(order, extensions={"revkeen": {"payment_token": TOKEN}}),
        await shop.using(f"{shop.key}x").get("/v1/orders"),
        await shop.using(operator_key).get("/v1/orders"),
        await shop.create({**draft, "customer": {"id": "nobody", "email": EMAIL + "@"}}),
        await shop.create({**draft, "shipping_address": {**ADDRESS, "country": "xx"}}),
        await shop.call("POST", "/v1/orders", content=json.dumps(draft)[:-5].encode()),
        await shop.get("/nothing"),
        await shop.get(f"/v1/links/customers/{EMAIL}"),
    ]
    for fault in ({"do": "drop", "at": "after"}, {"do": "html"}, {"do": "status", "status": 500}):
        shop.emulator.faults({**fault, "match": {"method": "POST"}})
        answers.append(await shop.create(draft))
        problem_of(answers[-1], 504, "outcome_unknown")
    return answers


def assert_one_line_for_each_request(lines: list[dict[str, Any]], answers: list[httpx.Response]) -> None:
    """Each request has one line, with the id that its caller was told, its status and its time."""
    requests = [line for line in lines if line["event"] == "request"]

    assert [line["request_id"] for line in requests] == [a.headers["x-request-id"] for a in answers]
    assert [line["status"] for line in requests] == [a.status_code for a in answers]
    for line, answer in zip(requests, answers, strict=True):
        assert line["method"] == answer.request.method
        if answer.request.url.path == "/nothing":
            assert line["path"] == "(no such address)"
        elif "{link_id}" not in line["path"]:
            assert line["path"].format(**line) == answer.request.url.path
        assert line["milliseconds"] >= line["provider_milliseconds"] >= 0
        assert line["timestamp"].endswith("Z")
    first = requests[0]
    assert (first["account"], first["merchant"], first["key_id"][:4]) == (
        answers[0].json()["account"],
        "acme",
        "key_",
    )


def assert_one_line_for_each_attempt(
    lines: list[dict[str, Any]], answers: list[httpx.Response], account: str
) -> None:
    """Each attempt at the provider has one line, tied to its request, or to the operation that is looked after."""
    ids = {answer.headers["x-request-id"] for answer in answers}

    for line in lines:
        if line["event"] == "provider.attempt":
            assert line["request_id"] in ids or line["work"] == "recovery"
            assert (line["account"], line["adapter"]) == (account, account)
            assert line["milliseconds"] > 0
            assert line["sent"] in {"yes", "maybe"}
            assert ("status" in line) == (line["sent"] == "yes")
    told = {
        "request",
        "provider.attempt",
        "operation.probed",
        "operation.settled",
        "order.status",
        "server.ready",
    }
    assert {line["event"] for line in lines} <= told


async def test_log_follows_every_request_and_keeps_secrets(
    config: Path, emulators: Mapping[str, Emulator], provider: str, start: Start
) -> None:
    """One line for each request and each provider attempt, tied by the request's id; no secret anywhere."""
    emulator = emulators[provider]
    key, operator_key = await prepare_store(config, emulators)
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        answers = await busy_day(shop, operator_key)
    assert gateway.end() == 0

    lines = log_lines(gateway.log)
    assert_one_line_for_each_request(lines, answers)
    assert_one_line_for_each_attempt(lines, answers, provider)
    assert len([line for line in lines if line["event"] == "provider.attempt"]) == emulator.requests
    secrets = [key, operator_key, TOKEN, *(v for e in emulators.values() for v in e.credentials.values())]
    # An id that the caller asked for may come back to the caller, but not into the log.
    refused = [
        answer for answer in answers if answer.status_code >= 400 and EMAIL not in answer.request.url.path
    ]
    shown = gateway.log.read_text() + "".join(answer.text for answer in refused)
    assert [secret for secret in (*secrets, *PERSONAL) if secret in shown] == []
    # The order's own record holds whom it is for; nothing on disk holds what authenticates or pays.
    stored = bytes_of_store(config.parent)
    assert EMAIL.encode() in stored
    assert [secret for secret in secrets if secret.encode() in stored] == []


def bytes_of_store(folder: Path) -> bytes:
    """All that the journal has written, whatever file of SQLite's it stands in."""
    return b"".join(file.read_bytes() for file in folder.glob("journal.db*"))


def test_server_without_keys(config: Path, start: Start) -> None:
    """A server without keys says how to make one, and serves loopback only."""
    gateway = start("serve", "--config", str(config), "--host", "0.0.0.0", "--port", "0", "--announce")

    url = gateway.line()

    assert url.startswith("http://127.0.0.1:")
    assert gateway.end() == 0
    said = gateway.log.read_text()
    assert "ordergate keys create --merchant acme" in said
    assert "0.0.0.0" in said


def story(file: Path, order_id: str) -> list[dict[str, Any]]:
    """What the log tells of one order: what ``jq 'select(.order_id == "…")'`` finds."""
    return [line for line in log_lines(file) if line.get("order_id") == order_id]


async def test_the_log_tells_the_story_of_an_order(
    config: Path, emulators: Mapping[str, Emulator], provider: str, start: Start
) -> None:
    """With its id alone: who asked, what was sent, what was lost, how it was found out, and each change of status."""
    emulator = emulators[provider]
    key, _ = await prepare_store(config, emulators)
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop"})
        lost = await shop.create(key="create-1")
        operation = problem_of(lost, 504, "outcome_unknown")["operation"]
        emulator.faults()
        await shop.settled(operation)
        again = await shop.create(key="create-1")
        order = body_of(again, 201)
        refused = await shop.give_back(
            order, lines=[{"line_item_id": order["line_items"][0]["id"], "quantity": 1}]
        )
        assert refused.status_code in {409, 422}
        paid = await shop.pay(order)
        body_of(paid, 200)
        await shop.until_paid(order)
    assert gateway.end() == 0

    lines = story(gateway.log, order["id"])
    by_request: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_request.setdefault(line["request_id"], []).append(line)

    def told(answer: httpx.Response) -> list[dict[str, Any]]:
        return by_request[answer.headers["x-request-id"]]

    assert {line["operation_id"] for line in told(lost)} == {operation}
    assert [line["event"] for line in told(lost)][:1] == ["provider.attempt"]
    assert told(lost)[0]["sent"] == "maybe"
    assert (told(lost)[-1]["event"], told(lost)[-1]["status"], told(lost)[-1]["code"]) == (
        "request",
        504,
        "outcome_unknown",
    )
    recovered = [line for line in lines if line.get("work") == "recovery"]
    assert {"provider.attempt", "operation.probed", "operation.settled"} <= {
        line["event"] for line in recovered
    }
    assert {line["operation_id"] for line in recovered} == {operation}
    assert [(line["event"], line["operation_id"]) for line in told(again)] == [("request", operation)]
    assert told(refused)[-1]["code"] == refused.json()["code"]
    settled = [line for line in told(paid) if line["event"] == "operation.settled"]
    assert [(line["kind"], line["outcome"]) for line in settled] == [("pay", "applied")]
    assert told(paid)[-1]["operation_id"] == settled[0]["operation_id"]
    changes = [line for line in lines if line["event"] == "order.status"]
    assert (changes[0]["before"], changes[0]["status"]) == (None, "open")
    assert changes[-1]["status"] == "paid"
    assert [line["before"] for line in changes[1:]] == [line["status"] for line in changes[:-1]]
    attempts = [line for line in log_lines(gateway.log) if line["event"] == "provider.attempt"]
    assert [line for line in attempts if line.get("order_id") != order["id"]] == []
    assert not {"order", "operation"} & {name for line in log_lines(gateway.log) for name in line}


def test_what_libraries_log_is_json_too(tmp_path: Path) -> None:
    """Any logger of Python's, asyncio's and uvicorn's among them, and warnings, write lines of the log's form."""
    script = """
import asyncio, logging, warnings
from ordergate.telemetry.log import configure_logging, finish_log
configure_logging("json", "info", serving=True)
logging.getLogger("asyncpg.pool").warning("pool is %s", "slow")
logging.getLogger("asyncpg").debug("never")
logging.getLogger("broken").warning("%d", "no number")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
warnings.warn("beware", UserWarning)

async def main():
    asyncio.get_running_loop().call_exception_handler({"message": "lost", "exception": ValueError("x")})

asyncio.run(main())
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {line["event"] for line in lines} == {"library.message"}
    assert [line["logger"] for line in lines] == ["asyncpg.pool", "uvicorn.error", "py.warnings", "asyncio"]
    assert lines[0]["message"] == "pool is slow"
    assert lines[1]["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert "beware" in lines[2]["message"]
    assert (lines[0]["level"], lines[3]["level"]) == ("warning", "error")
