"""What could be understood in two ways is refused at the door, the same whatever the store is."""

import asyncio
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, chairs, eventually, fresh_key, pointers, problem_of

ORDER = "ord_" + "0" * 32
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str | None:
    """Where the journal is: in a file, or in PostgreSQL."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


@pytest_asyncio.fixture
async def either(store: str | None, open_another: OpenShop) -> Shop:
    """A gateway with each store."""
    return await open_another(store=store)


@pytest.fixture
def provider() -> str:
    """One provider is enough: none is asked."""
    return "rapyd"


async def spoken(shop: Shop, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are, and return status and body of the answer."""
    address = urlsplit(shop.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def asked(shop: Shop, line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request, with the headers in the order and number that they are given."""
    lines = [
        f"{line} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_a_repeated_name_is_refused(shop: Shop) -> None:
    """A body in which a price stands twice creates nothing."""
    draft = json.dumps(shop.draft()).replace(
        '"unit_amount": 20000', '"unit_amount": 250000, "unit_amount": 1'
    )

    answer = await shop.call(
        "POST", "/v1/orders", content=draft.encode(), headers={**JSON, "Idempotency-Key": fresh_key()}
    )

    assert pointers(problem_of(answer, 400, "invalid_json")) == ["/line_items/0/unit_amount"]
    assert shop.emulator.orders == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Idempotency-Key", "idempotency_key_invalid"),
        ("Authorization", "repeated_header"),
        ("Content-Type", "repeated_header"),
        ("Ordergate-Duplicate", "repeated_header"),
    ],
)
@pytest.mark.parametrize("same", [True, False], ids=["the same twice", "two"])
async def test_a_repeated_header_is_refused(shop: Shop, name: str, code: str, same: bool) -> None:
    """Of two headers neither is taken, even if they say the same."""
    headers = {
        "Authorization": f"Bearer {shop.key}",
        "Idempotency-Key": "first",
        "Content-Type": "application/json",
        "Ordergate-Duplicate": "allow",
    }
    other = headers[name] if same else {"Authorization": "Bearer og_test_x"}.get(name, "second")
    lines = [f"{key}: {value}" for key, value in headers.items()]
    body = json.dumps(shop.draft()).encode()

    status, answered = await spoken(
        shop, asked(shop, "POST /v1/orders", *lines, f"{name.lower()}: {other}", body=body)
    )

    problem = json.loads(answered)
    assert (status, problem["code"], problem["outcome"]) == (400, code, "not_applied")
    assert name in problem["detail"]
    assert shop.emulator.orders == []


ELSEWHERE = (
    "/v1%2forders",
    "/v1%2Flinks%2Fproducts%2FC",
    "//v1/links/products/C",
    "/v1//links/products/C",
    "/v1/links//products/C",
    "/v1/links/products%2fC",
    "/v1%2flinks/products/C",
    "//v1/orders",
    "/v1//orders",
    f"/v1/orders/{ORDER}%2Fpay",
    f"/v1/orders/{ORDER}//pay",
    "//metrics",
    "/%2fmetrics",
    "//health/live",
    "//console",
    "/console%2Forders",
    "//schema/openapi.json",
    "/schema/assets//swagger-ui.css",
    "/v1/orders/%00",
    "/v1/links/products/a%00b",
    "/hooks/rapyd%00",
    "/console/orders/%00",
    "/%00",
)
"""Addresses that only look like others."""


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "OPTIONS"])
async def test_an_address_is_the_one_that_it_seems_to_be(either: Shop, method: str) -> None:
    """An encoded slash, an empty step and U+0000 lead nowhere, whatever the method; nothing is stored."""
    headers = f"Authorization: Bearer {either.key}", "Content-Type: application/json"
    for path in ELSEWHERE:
        status, answered = await spoken(
            either, asked(either, f"{method} {path}", *headers, body=b'{"rapyd":"sku_1"}')
        )
        problem = json.loads(answered)
        assert (status, problem["code"]) == (404, "not_found"), path

    for name in ("C", "products/C", "a"):
        problem_of(await either.get(f"/v1/links/products/{name}"), 404, "not_found")


async def test_a_parameter_with_the_null_character_is_refused(either: Shop) -> None:
    """Wherever parameters are taken, and whatever they are called."""
    for path in (
        "/v1/orders?reference=a%00b",
        "/v1/orders?account=%00",
        "/v1/accounts/rapyd/orders?customer=%00",
        "/v1/operations?state=%00",
        "/v1/links/products/C?merchant=a%00",
        "/v1/webhook_deliveries?endpoint=%00",
        "/v1/comparisons?starting_after=%00",
    ):
        answer = await either.get(path)
        problem = problem_of(answer, 422, "invalid_request")
        assert pointers(problem) == ["/" + path.partition("?")[2].partition("=")[0]], path


async def test_a_body_with_the_null_character_is_refused(either: Shop) -> None:
    """Every body that a write takes refuses the text, and names its place."""
    bodies = {
        ("POST", "/v1/orders"): ({**chairs(), "reference": "a\0"}, "/reference"),
        ("POST", f"/v1/orders/{ORDER}/pay"): ({"payment_method": "\0"}, "/payment_method"),
        ("POST", f"/v1/orders/{ORDER}/cancel"): ({"reason": "\0"}, "/reason"),
        ("POST", f"/v1/orders/{ORDER}/fulfill"): ({"carrier": "\0"}, "/carrier"),
        ("PATCH", f"/v1/orders/{ORDER}"): ({"metadata": {"a\0": "x"}}, "/metadata/a\0"),
        ("POST", f"/v1/orders/{ORDER}/returns"): (
            {"lines": [{"line_item_id": "\0", "quantity": 1}]},
            "/lines/0/line_item_id",
        ),
        ("PUT", "/v1/links/products/C"): ({"rapyd": "a\0"}, "/rapyd"),
        ("POST", "/v1/links/import"): (
            {"links": [{"kind": "products", "id": "a\0", "account": "rapyd", "native": "x"}]},
            "/links/0/id",
        ),
        ("POST", "/v1/accounts/rapyd/orders/import"): ({"provider_order_id": "a\0"}, "/provider_order_id"),
        ("POST", "/v1/translations"): (
            {"order": {**chairs(), "notes": "\0"}, "accounts": ["rapyd"]},
            "/order/notes",
        ),
        ("POST", "/v1/webhook_endpoints"): ({"url": "https://example.com/\0"}, "/url"),
        ("POST", "/v1/webhook_deliveries/replay"): ({"endpoint": "\0", "failed": True}, "/endpoint"),
    }
    for (method, path), (body, pointer) in bodies.items():
        answer = await either.call(method, path, json=body, headers={"Idempotency-Key": fresh_key()})
        assert pointers(problem_of(answer, 422, "invalid_request")) == [pointer], path


async def test_a_header_with_the_null_character_is_refused(either: Shop) -> None:
    """No header with U+0000 gets as far as the store."""
    for name in ("Idempotency-Key", "X-Request-Id", "Authorization", "Prefer"):
        lines = [f"Authorization: Bearer {either.key}", "Content-Type: application/json"]
        request = asked(either, "POST /v1/orders", *lines, f"{name}: a\0b", body=b"{}")
        status, _ = await spoken(either, request)
        assert status == 400


METHODS = {
    "/v1/orders": {"GET", "POST"},
    f"/v1/orders/{ORDER}": {"GET", "PATCH"},
    f"/v1/orders/{ORDER}/pay": {"POST"},
    "/v1/operations": {"GET"},
    "/v1/accounts": {"GET"},
    "/v1/links/products/CHAIR-1": {"GET", "PUT", "DELETE"},
    "/v1/admin/config": {"GET"},
    "/hooks/rapyd": {"POST"},
    "/health/live": {"GET"},
    "/metrics": {"GET"},
}


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without"])
async def test_options_tell_the_methods(shop: Shop, keyed: bool) -> None:
    """OPTIONS answers 204 and what an address takes, with a key and without."""
    caller = shop if keyed else shop.using(None)
    for path, methods in METHODS.items():
        answer = await caller.call("OPTIONS", path)
        assert answer.status_code == 204, (path, answer.text)
        assert {name.strip() for name in answer.headers["allow"].split(",")} - {"OPTIONS"} == methods, path
        assert answer.content == b""


async def test_options_of_every_route(shop: Shop) -> None:
    """No route of the description fails on OPTIONS."""
    described = (await shop.get("/schema/openapi.json")).json()
    for path in described["paths"]:
        filled = path.replace("{kind}", "products")
        for name in (
            "order_id",
            "operation_id",
            "account",
            "link_id",
            "endpoint_id",
            "delivery_id",
            "comparison_id",
        ):
            filled = filled.replace(f"{{{name}}}", "x")
        assert (await shop.call("OPTIONS", filled)).status_code == 204, path


@pytest.mark.parametrize("path", ["/v1/orders", "/hooks/rapyd", "/v1/links/import", "/console/sign-in"])
async def test_a_caller_who_goes_away_is_no_failure_of_ours(shop: Shop, path: str) -> None:
    """Half a body and a closed connection: told in the log as such, counted as nobody's 500, without traceback."""
    address = urlsplit(shop.url)
    media_type = "application/x-www-form-urlencoded" if path.startswith("/console") else "application/json"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shop.key}\r\n"
        f"Cookie: ordergate_sign_in=x\r\nContent-Type: {media_type}\r\n"
        "Idempotency-Key: gone\r\nContent-Length: 1000\r\n\r\n"
    )

    with capture_logs() as lines:
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(head.encode() + b'{"currency":')
            await asyncio.sleep(0)
        await eventually(lambda: any(line["event"] == "request" for line in lines))

    assert [line["event"] for line in lines] == ["request"], lines
    assert lines[0]["status"] == 0
    operator = await shop.another(None)
    metrics: httpx.Response = await operator.get("/metrics")
    assert 'status="5' not in metrics.text


async def test_a_file_may_be_left_unread(shop: Shop) -> None:
    """Who has read a file, or part of it, and goes away, is no failure either; the connection can be used again."""
    with capture_logs() as lines:
        for _ in range(20):
            assert (await shop.get("/schema/assets/swagger-ui-bundle.js")).status_code == 200
        address = urlsplit(shop.url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(b"GET /schema/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await eventually(lambda: len(lines) >= 21)

    assert {line["event"] for line in lines} == {"request"}
