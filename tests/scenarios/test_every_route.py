"""Every operation of the description, called by those who may not: nobody gets in, and nobody learns anything.

The calls come from the OpenAPI document, so an operation that is new fails here until this walk knows it.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import CUSTOMER, DOCUMENTED_MEMBERS, Shop, body_of, chairs, fresh_key

from ordergate.gateway.access.caller import MERCHANT_SCOPES, OPERATOR_SCOPE
from ordergate.journal import transactions as tx

SCOPES = (*MERCHANT_SCOPES, OPERATOR_SCOPE)
KEYLESS = {"health_live", "health_ready", "receive_webhook"}
PLANTED = "planted-by-acme"
LINK = "CHAIR-OF-ACME"

BODIES: Mapping[str, Any] = {
    "create_order": chairs(),
    "pay_order": {},
    "cancel_order": {},
    "fulfill_order": {},
    "update_order": {"notes": "mine now"},
    "return_goods": {"lines": [{"line_item_id": "li_" + "0" * 32, "quantity": 1}]},
    "resolve_operation": {"as": "not_applied", "evidence": "I say so"},
    "import_order": {"provider_order_id": "(acme's)"},
    "put_link": {},
    "import_links": {"links": []},
    "explain_route": {"order": chairs()},
    "translate_order": {"order": chairs(), "accounts": ["revkeen", "rapyd"]},
    "create_comparison": {"order": chairs(), "accounts": ["revkeen", "rapyd"]},
    "create_webhook_endpoint": {"url": "https://example.com/hooks"},
    "update_webhook_endpoint": {"description": "mine now"},
    "rotate_webhook_secret": {},
    "replay_webhook_deliveries": {"endpoint": "(acme's)", "failed": True},
}
"""By operation, a body with which nothing is wrong; those that are missing take none."""

READS_WITH_A_BODY = {"explain_route", "translate_order", "create_comparison"}
"""Operations that change nothing, though they are a POST; a comparison that is executed needs the right to write."""

STRANGERS: Mapping[str, tuple[int, Any]] = {
    "create_order": (422, None),
    "list_orders": (200, {"data": [], "has_more": False}),
    "list_operations": (200, {"data": [], "has_more": False}),
    "list_accounts": (200, {"data": []}),
    "put_link": (200, {}),
    "import_links": (200, {"imported": 0}),
    "explain_route": (200, None),
    "translate_order": (200, None),
    "create_comparison": (200, None),
    "list_comparisons": (200, {"data": [], "has_more": False}),
    "list_events": (200, {"data": [], "has_more": False}),
    "create_webhook_endpoint": (201, None),
    "list_webhook_endpoints": (200, None),
    "list_webhook_deliveries": (200, {"data": [], "has_more": False}),
}
"""What a stranger gets where it is no 404: his own, which is nothing; an order has no account to go to."""


SHARING: Mapping[str, tuple[int, Any]] = {
    "list_accounts": (200, None),
    "get_account": (200, None),
    "list_provider_orders": (403, None),
    "import_order": (403, None),
}
"""What else one gets who may use the same account: what it can do, but not what is in it."""


@dataclass(frozen=True)
class Call:
    """One operation of the description, with the ids of what is acme's."""

    name: str
    method: str
    path: str
    scope: str
    body: Any

    async def by(self, shop: Shop) -> tuple[int, dict[str, str], str]:
        """Call it."""
        headers = {"Idempotency-Key": fresh_key()}
        options = {} if self.body is None else {"json": self.body}
        answer = await shop.call(self.method, self.path, headers=headers, **options)
        return answer.status_code, dict(answer.headers), answer.text

    async def without_a_body(self, shop: Shop) -> tuple[int, dict[str, Any]]:
        """Announce a body, never send it, and return the problem that comes all the same."""
        place = urlsplit(shop.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = [f"{self.method} {self.path} HTTP/1.1", f"Host: {place.netloc}", "Connection: close"]
        head += [f"Authorization: Bearer {shop.key}"] if shop.key else []
        if self.method != "GET":
            head += ["Idempotency-Key: x", "Content-Type: application/json", "Content-Length: 100"]
        writer.write("\r\n".join([*head, "", ""]).encode())
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        status, _, body = answer.partition(b"\r\n\r\n")
        problem = json.loads(body)
        assert problem.keys() == DOCUMENTED_MEMBERS
        return int(status.split()[1]), problem


@dataclass(frozen=True)
class Walk:
    """Acme's shop, everything that is acme's, and every call to it."""

    shop: Shop
    calls: tuple[Call, ...]
    order: dict[str, Any]
    secrets: frozenset[str]

    def told(self, call: Call, text: str) -> set[str]:
        """What an answer tells of acme that was not asked by name."""
        named = call.path + json.dumps(call.body)
        return {secret for secret in self.secrets if secret in text and secret not in named}


@pytest_asyncio.fixture
async def walk(shop: Shop) -> Walk:
    """Through a shop with default settings."""
    return await walk_of(shop)


async def walk_of(shop: Shop) -> Walk:
    """Make an order of acme's, full of values that would be recognised, and every call to it."""
    await shop.call("PUT", f"/v1/links/products/{LINK}", json={shop.account: shop.emulator.products[0]})
    order = await shop.order(
        reference=f"{PLANTED}-reference",
        line_items=[{"sku": LINK, "description": PLANTED, "quantity": 1, "unit_amount": 31415}],
        metadata={"secret": PLANTED},
        notes=PLANTED,
    )
    operation = (await shop.operations())[0]
    draft = {"order": {**chairs(), "notes": PLANTED}, "accounts": [shop.account]}
    comparison = body_of(await shop.post("/v1/comparisons", draft), 200)
    endpoint, delivery = await _told(shop)
    description = (await shop.get("/schema/openapi.json")).json()
    ids = {
        "order_id": order["id"],
        "operation_id": operation["id"],
        "comparison_id": comparison["id"],
        "account": shop.account,
        "kind": "products",
        "link_id": LINK,
        "endpoint_id": endpoint,
        "delivery_id": delivery,
    }
    secrets = {PLANTED, "31415", LINK, CUSTOMER, shop.emulator.products[0], order["line_items"][0]["id"]}
    secrets |= {order["id"], operation["id"], order["provider_order_id"], endpoint, delivery}
    return Walk(
        shop=shop,
        calls=tuple(_calls(description, ids, order["provider_order_id"])),
        order=order,
        secrets=frozenset(secrets),
    )


async def _told(shop: Shop) -> tuple[str, str]:
    """Have acme's order told to an endpoint of acme's that is disabled: its id, and the delivery's."""
    body = {"url": f"https://{PLANTED}.example.com/"}
    endpoint = body_of(await shop.call("POST", "/v1/webhook_endpoints", json=body), 201)["id"]
    body_of(await shop.call("POST", f"/v1/webhook_endpoints/{endpoint}/disable"), 200)
    everything = {"endpoint": endpoint, "after": 0}
    body_of(await shop.call("POST", "/v1/webhook_deliveries/replay", json=everything), 200)
    (delivery,) = body_of(await shop.get("/v1/webhook_deliveries"), 200)["data"]
    return endpoint, delivery["id"]


def _calls(description: Mapping[str, Any], ids: Mapping[str, str], native: str) -> Iterator[Call]:
    """Every operation that needs a key; a KeyError names what this walk has yet to learn."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            if name in KEYLESS:
                assert "security" not in operation, name
                continue
            ((scope,),) = (requirement["key"] for requirement in operation["security"])
            body = BODIES[name] if "requestBody" in operation else None
            if name == "import_order":
                body = {"provider_order_id": native}
            if name == "replay_webhook_deliveries":
                body = {**body, "endpoint": ids["endpoint_id"]}
            yield Call(name, method.upper(), path.format_map(ids), scope, body)


async def _nothing_happened(walk: Walk, requests: int) -> None:
    assert walk.shop.emulator.requests == requests
    assert await walk.shop.read(walk.order) == walk.order
    assert len(await walk.shop.operations()) == 1
    body_of(await walk.shop.get(f"/v1/links/products/{LINK}"), 200)


async def test_the_description_names_a_scope_for_every_operation(walk: Walk) -> None:
    """Each operation has one scope that there is; reading never needs the right to write, nor writing to read."""
    assert {call.scope for call in walk.calls} <= set(SCOPES)
    for call in walk.calls:
        reads = call.method == "GET" or call.name in READS_WITH_A_BODY
        assert call.scope == OPERATOR_SCOPE or (call.scope == "orders:read") == reads, call
    assert {call.name for call in walk.calls} >= BODIES.keys() | STRANGERS.keys()


@pytest.mark.parametrize("who", ["another merchant", "the other world", "who shares the account"])
async def test_what_is_acmes_is_not_there_for_others(open_another: OpenShop, who: str) -> None:
    """To another merchant's key, and to acme's own live key, nothing that is acme's exists, by any call."""
    shared = who == "who shares the account"
    shop = await open_another(account={"merchants": ["acme", "bolt"]} if shared else {})
    walk = await walk_of(shop)
    live = who == "the other world"
    other = await shop.another("acme" if live else "bolt", world="live" if live else "test")
    expected = {**STRANGERS, **SHARING} if shared else STRANGERS
    requests = shop.emulator.requests

    wrong = {}
    for call in walk.calls:
        if call.scope == OPERATOR_SCOPE:
            continue
        status, headers, text = await call.by(other)
        wanted, body = expected.get(call.name, (404, None))
        told = walk.told(call, text + str(headers))
        if status != wanted or told or (body is not None and json.loads(text) != body):
            wrong[call.name] = (status, told, text)

    assert wrong == {}
    await _nothing_happened(walk, requests)


SENDS_ORDERS = {"create_webhook_endpoint", "update_webhook_endpoint"}
"""What needs `orders:read` besides its own scope: what is sent from then on holds whole orders."""


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_without_a_scope_is_refused_unread(walk: Walk, scope: str) -> None:
    """Without the scope an operation names it, before it reads a body or asks anybody; with it alone it answers."""
    narrow = await walk.shop.another(scopes=tuple(name for name in MERCHANT_SCOPES if name != scope))
    alone = await walk.shop.another("bolt", scopes=(scope,))
    requests = walk.shop.emulator.requests

    for call in walk.calls:
        if call.scope == scope:
            status, problem = await call.without_a_body(narrow)
            assert (status, problem["code"]) == (403, "forbidden"), call
            assert scope in problem["detail"], call
            answered = {403} if call.name in SENDS_ORDERS else {200, 201, 404, 422}
            assert (await call.by(alone))[0] in answered, call
        elif call.scope != OPERATOR_SCOPE:
            assert (await call.without_a_body(alone))[0] == 403, call

    await _nothing_happened(walk, requests)


@pytest.mark.parametrize("key", ["none", "ended", "revoked"])
async def test_nobody_gets_in_without_a_valid_key(walk: Walk, key: str) -> None:
    """Without a key, with one that has ended and with one that was revoked: 401 everywhere, body unread."""
    shop = walk.shop
    ended = await shop.another(None, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    revoked = await shop.another(None)
    await shop.journal.write(
        tx.keys.revoke((await shop.journal.read(tx.keys.list_all()))[-1].id, datetime.now(UTC))
    )
    stranger = {"none": shop.using(None), "ended": ended, "revoked": revoked}[key]
    requests = shop.emulator.requests

    for call in walk.calls:
        status, problem = await call.without_a_body(stranger)
        assert (status, problem["code"]) == (401, "unauthenticated"), call
        assert walk.told(call, json.dumps(problem)) == set(), call

    await _nothing_happened(walk, requests)


async def test_a_limited_key_is_refused_unread(open_another: OpenShop) -> None:
    """A key that has used up its minute gets 429 with the seconds to wait, from every operation, body unread."""
    shop = await open_another(server={"key_requests_per_minute": 20})
    walk = await walk_of(shop)
    answers = [await shop.get("/v1/orders") for _ in range(20)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert answers[-1].headers["retry-after"] == "3"
    requests = shop.emulator.requests

    for call in walk.calls:
        status, problem = await call.without_a_body(shop)
        assert (status, problem["code"], problem["retry_after"]) == (429, "rate_limited", 3), call
        assert problem["outcome"] == (None if call.method == "GET" else "not_applied"), call
        assert (problem["sent"], problem["retry"]) == ("no", "same_key"), call

    await _nothing_happened(replace(walk, shop=await shop.another()), requests)
