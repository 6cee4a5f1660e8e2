"""Keys, scopes, versions, paths and rate limits: what happens before an operation."""

import pytest

from ordergate.spi.emulator import EmulatedRequest

from .emulator_client import NOBODY, NOW, Client, error_of, json_of


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": ""},
        {"x-api-key": "rk_sandbox_wrong"},
        {"x-api-key": "rk_live_wrong"},
        {"x-api-key": "", "authorization": "Bearer rk_sandbox_key"},
    ],
)
def test_a_wrong_key_is_a_401_with_a_bearer_challenge(headers):
    """A missing or wrong key gives the canonical 401 body and the challenge that names Bearer."""
    response = Client().send("GET", "/orders", headers=headers)

    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="revkeen-api"'
    error = error_of(response)
    assert error.pop("request_id").startswith("req_")
    assert error == {
        "type": "authentication_error",
        "code": "invalid_api_key",
        "message": "Authentication required",
    }


def test_the_key_in_a_bearer_header_is_not_taken():
    """An API key belongs in x-api-key only."""
    client = Client()
    headers = {"x-api-key": "", "authorization": f"Bearer {client.key}"}

    assert client.send("GET", "/orders", headers=headers).status == 401


def test_the_key_belongs_to_its_environment():
    """A sandbox key is refused in production and a live key on staging."""
    client = Client()
    live = client.key.replace("rk_sandbox_", "rk_live_")

    assert client.key.startswith("rk_sandbox_")
    assert client.send("GET", "/orders", headers={"x-api-key": live}).status == 401
    client.switch(environment="production")
    assert client.send("GET", "/orders").status == 401
    assert client.send("GET", "/orders", headers={"x-api-key": live}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/orders", ["orders:write"]),
        ("POST", "/orders", ["orders:read"]),
        ("GET", f"/orders/{NOBODY}", ["orders:write"]),
        ("PATCH", f"/orders/{NOBODY}", ["orders:read"]),
        ("POST", f"/orders/{NOBODY}/pay", ["orders:read"]),
        ("POST", f"/orders/{NOBODY}/cancel", ["orders:read"]),
        ("POST", f"/orders/{NOBODY}/fulfill", ["orders:read"]),
        ("GET", "/events", ["orders:*"]),
        ("POST", "/refunds", ["orders:*"]),
        ("GET", f"/customers/{NOBODY}/orders", ["orders:*"]),
    ],
)
def test_a_missing_scope_is_a_403(method, path, scopes):
    """Each operation wants its scope, and says which one is missing."""
    response = Client(key_scopes=scopes).send(method, path, {})

    assert response.status == 403
    assert json_of(response)["error"]["message"].startswith("The API key lacks the scope")


def test_scopes_are_enough_without_wildcards():
    """orders:read lists, orders:write creates."""
    client = Client(key_scopes=["orders:read", "orders:write"])

    client.create()
    assert client.get("/orders")["total_count"] == 1


@pytest.mark.parametrize(("asked", "effective"), [(None, "2026-05-01"), ("2026-05-01", "2026-05-01")])
@pytest.mark.parametrize("path", ["/orders", "/nothing", f"/orders/{NOBODY}"])
def test_the_version_is_echoed_on_every_response(path, asked, effective):
    """Answers and errors alike carry RevKeen-Version."""
    headers = {} if asked is None else {"revkeen-version": asked}

    assert Client().send("GET", path, headers=headers).headers["RevKeen-Version"] == effective


def test_the_version_is_echoed_on_a_401():
    """Even an unauthenticated answer names the version."""
    response = Client().send("GET", "/orders", headers={"x-api-key": "", "revkeen-version": "2026-05-01"})

    assert response.headers["RevKeen-Version"] == "2026-05-01"


@pytest.mark.parametrize("version", ["nonsense", "2026-05-01\r\nX-Evil: 1", ""])
def test_a_version_that_is_no_date_is_never_echoed(version):
    """Only dates are echoed, so that no header can be smuggled."""
    response = Client().send("GET", "/orders", headers={"revkeen-version": version})

    assert response.headers["RevKeen-Version"] == "2026-05-01"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/orders/"),
        ("GET", f"/orders/{NOBODY}/"),
        ("GET", f"/orders/{NOBODY}/pay"),
        ("DELETE", f"/orders/{NOBODY}"),
        ("PUT", "/orders"),
        ("POST", "/events"),
    ],
)
def test_unknown_paths_and_methods_are_404(method, path):
    """What does not exist is answered by the canonical 404."""
    response = Client().send(method, path, {})

    assert response.status == 404
    assert error_of(response)["code"] == "resource_not_found"


@pytest.mark.parametrize("path", ["/", "/v1/orders", "/orders", "/v2", ""])
def test_outside_of_the_base_path_there_is_nothing(path):
    """A base URL without /v2 finds nothing, with or without a key."""
    response = Client().emulator.handle(EmulatedRequest(method="GET", path=path), NOW)

    assert response.status == 404


def test_a_percent_encoded_id_is_decoded():
    """The path arrives as sent; an encoded id names the same order."""
    client = Client()
    order_id = client.create()["id"]
    encoded = order_id.replace("-", "%2D").upper()

    assert client.get(f"/orders/{encoded}")["id"] == order_id


@pytest.mark.parametrize(
    ("environment", "burst", "per_second"), [("staging", 200, 100 / 60), ("production", 2000, 1000 / 60)]
)
def test_limits_allow_the_burst_then_the_rate(environment, burst, per_second):
    """Once enforced, the environment's burst passes, one more is a 429, and time heals at the rate."""
    client = Client(rate_limits=True, environment=environment)
    if environment == "production":
        client.key = client.key.replace("rk_sandbox_", "rk_live_")

    assert {client.send("GET", "/orders").status for _ in range(burst)} == {200}
    refused = client.send("GET", "/orders")
    assert refused.status == 429
    client.now += 10
    statuses = [client.send("GET", "/orders").status for _ in range(int(10 * per_second) + 1)]
    assert statuses == [200] * int(10 * per_second) + [429]


def test_a_429_says_when_to_come_back():
    """Retry-After, X-RateLimit-* and details.retry_after agree, and obeying them helps."""
    client = Client(rate_limits=True, requests_per_minute=6, burst=1)
    client.send("GET", "/orders")
    response = client.send("GET", "/orders")

    assert response.headers["Retry-After"] == "10"
    assert response.headers["X-RateLimit-Limit"] == "6"
    assert response.headers["X-RateLimit-Remaining"] == "0"
    assert response.headers["X-RateLimit-Reset"] == str(int(NOW) + 10)
    error = error_of(response)
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["details"] == {"retry_after": 10}
    client.now += 10
    assert client.send("GET", "/orders").status == 200


def test_without_the_switch_nothing_is_limited():
    """Limits are off until switched on."""
    client = Client()

    assert {client.send("GET", "/orders").status for _ in range(300)} == {200}


def test_refused_keys_do_not_use_up_the_rate():
    """A 401 is answered before the limit counts."""
    client = Client(rate_limits=True, burst=1)
    client.send("GET", "/orders", headers={"x-api-key": "wrong"})

    assert client.send("GET", "/orders").status == 200


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", "validation_error"),
        (401, "authentication_error", "invalid_api_key"),
        (403, "authorization_error", "insufficient_permissions"),
        (404, "invalid_request_error", "resource_not_found"),
        (409, "invalid_request_error", "conflict"),
        (418, "invalid_request_error", "validation_error"),
        (422, "invalid_request_error", "unprocessable_entity"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "api_error", "internal_error"),
        (503, "api_error", "internal_error"),
    ],
)
def test_forced_failures_have_the_providers_form(status, kind, code):
    """A fault rule's failure looks like RevKeen's own."""
    response = Client().emulator.failure(status, NOW)

    assert response.status == status
    assert response.headers["RevKeen-Version"] == "2026-05-01"
    error = error_of(response)
    assert (error["type"], error["code"]) == (kind, code)
    assert error["request_id"].startswith("req_")


def test_a_forced_429_asks_for_a_pause():
    """A fault rule's rate limit carries Retry-After."""
    response = Client().emulator.rate_limited(NOW)

    assert (response.status, response.headers["Retry-After"]) == (429, "1")
