"""Nobody learns the name of an account that is closed to him: it is answered as one that does not exist."""

import json
from typing import Any

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, chairs, fresh_key, problem_of

CLOSED, NOWHERE = "bolts-own", "does-not"
"""As long as one another."""


@pytest_asyncio.fixture
async def shop(open_another: OpenShop, emulators: Any, provider: str) -> Shop:
    """A gateway with an account of another merchant."""
    emulator = emulators[provider]
    verification = (
        {"webhook_url": "http://localhost/hooks/bolts-own"}
        if emulator.webhook_secret is None
        else {"webhook_secrets": [emulator.webhook_secret]}
    )
    closed = {
        "adapter": provider,
        "environment": "emulator",
        "base_url": emulator.base_url,
        "merchants": ["bolt"],
        **emulator.credentials,
        **verification,
    }
    return await open_another(
        more_accounts={CLOSED: closed}, routing={"rules": [{"when": {"currency": ["GBP"]}, "use": [CLOSED]}]}
    )


CALLS: dict[str, tuple[str, str, Any]] = {
    "create": ("POST", "/v1/orders", {**chairs(), "account": "NAME"}),
    "translate": ("POST", "/v1/translations", {"order": chairs(), "accounts": ["NAME"]}),
    "compare": ("POST", "/v1/comparisons", {"order": chairs(), "accounts": ["NAME"]}),
    "compare two": ("POST", "/v1/comparisons", {"order": chairs(), "accounts": ["revkeen", "NAME"]}),
    "execute": ("POST", "/v1/comparisons", {"order": chairs(), "accounts": ["NAME"], "mode": "execute"}),
    "explain": ("POST", "/v1/routes/explain", {"order": {**chairs(), "account": "NAME"}}),
    "link": ("PUT", "/v1/links/products/x", {"NAME": "y"}),
    "links": (
        "POST",
        "/v1/links/import",
        {"links": [{"kind": "products", "id": "x", "account": "NAME", "native": "y"}]},
    ),
    "account": ("GET", "/v1/accounts/NAME", None),
    "account's orders": ("GET", "/v1/accounts/NAME/orders", None),
    "import": ("POST", "/v1/accounts/NAME/orders/import", {"provider_order_id": "x"}),
    "orders": ("GET", "/v1/orders?account=NAME", None),
    "webhook": ("POST", "/hooks/NAME", {"id": "x"}),
    "signed webhook": ("POST", "/hooks/NAME", {"id": "y"}),
}
"""By what it is: a call with a name in it."""

OWN = ("x-request-id", "date", "server-timing", "content-length")
"""Headers that differ from call to call."""


def shown(answer: httpx.Response, name: str) -> tuple[int, dict[str, str], Any]:
    """What an answer tells, without the name that was asked for, and what differs from call to call."""
    headers = {key: value for key, value in answer.headers.items() if key not in OWN}
    body = json.loads(answer.text.replace(name, "NAME"))
    for key in ("request_id", "id", "created_at"):
        body.pop(key, None)
    for result in body.get("results", []):
        (result.get("problem") or {}).pop("request_id", None)
        result.pop("latency_ms", None)
        result.pop("request", None) if result["account"] != "NAME" else None
        result.pop("requests", None) if result["account"] != "NAME" else None
    return answer.status_code, headers, body


@pytest.mark.parametrize("call", CALLS)
async def test_a_closed_account_is_answered_as_none(shop: Shop, call: str) -> None:
    """Status, headers and body are the same for an account of another merchant and for one that is none."""
    method, path, body = CALLS[call]
    told = []
    for name in (CLOSED, NOWHERE):
        answer = await shop.call(
            method,
            path.replace("NAME", name),
            content=None if body is None else json.dumps(body).replace("NAME", name).encode(),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": fresh_key(),
                **({"salt": "x", "timestamp": "1", "signature": "x"} if call == "signed webhook" else {}),
            },
        )
        told.append(shown(answer, name))

    assert told[0] == told[1]


async def test_a_rule_does_not_tell_of_closed_accounts(shop: Shop) -> None:
    """Where a rule names only accounts of others, a merchant reads that none may take the order."""
    answer = await shop.post("/v1/routes/explain", {"order": {**chairs(), "currency": "GBP"}})

    assert CLOSED not in answer.text
    assert answer.json()["skipped"] == []


async def test_the_log_tells_what_the_caller_does_not(shop: Shop) -> None:
    """Why a webhook was refused stands in the log: there is no such account, or the signature is wrong."""
    with capture_logs() as lines:
        for name in (CLOSED, NOWHERE):
            answer = await shop.using(None).call("POST", f"/hooks/{name}", json={})
            problem_of(answer, 401, "bad_signature")

    told = [(line["account"], line["code"]) for line in lines if line["event"] == "webhook.refused"]
    assert told == [(CLOSED, "bad_signature"), ("(unknown)", "not_found")]
