"""Who may do what: API keys, their scopes, and merchants who never learn of each other."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import (
    CUSTOMER,
    Emulator,
    Shop,
    body_of,
    eventually,
    fresh_key,
    link_all,
    pointers,
    problem_of,
    product,
    verdict,
)
from tests.scenarios.wire import connected, request

from ordergate.gateway.access.caller import MERCHANT_SCOPES, hash_key
from ordergate.gateway.runtime.known_keys import KEPT
from ordergate.journal import transactions as tx
from ordergate.web.app import create_app

SECRETS = {
    "revkeen": {"api_key": {"env": "LIVE_KEY"}},
    "rapyd": {"access_key": {"env": "LIVE_KEY"}, "secret_key": {"env": "LIVE_SECRET"}},
}
"""By adapter: how a production account is given its secrets."""

ELSEWHERE = ("192.0.2.1", "2001:db8::1")
ENVIRONMENT = {"LIVE_KEY": "rk_live_0123456789abcdef", "LIVE_SECRET": "sk_live_0123456789abcdef"}


async def two_merchants(open_another: OpenShop) -> tuple[Shop, Shop]:
    """Two merchants on the same accounts, each with links of his own."""
    shop = await open_another(account={"merchants": ["acme", "bolt"]}, server={"idempotency_wait": 0})
    await link_all(shop.journal, {shop.account: shop.emulator}, "bolt")
    return shop, await shop.another("bolt")


def every_call(order: str, operation: str, account: str) -> dict[tuple[str, str], str]:
    """Every call that needs a key, and the scope that it needs."""
    return {
        ("POST", "/v1/orders"): "orders:write",
        ("GET", "/v1/orders"): "orders:read",
        ("GET", f"/v1/orders/{order}"): "orders:read",
        ("GET", f"/v1/orders/{order}?refresh=true"): "orders:read",
        ("POST", f"/v1/orders/{order}/pay"): "payments:write",
        ("POST", f"/v1/orders/{order}/cancel"): "orders:write",
        ("POST", f"/v1/orders/{order}/fulfill"): "orders:write",
        ("GET", "/v1/operations"): "orders:read",
        ("GET", f"/v1/operations/{operation}"): "orders:read",
        ("GET", "/v1/accounts"): "orders:read",
        ("GET", f"/v1/accounts/{account}"): "orders:read",
        ("GET", f"/v1/accounts/{account}/orders"): "orders:read",
        ("POST", "/v1/links/import"): "links:write",
        ("PUT", "/v1/links/products/CHAIR-9"): "links:write",
        ("GET", "/v1/links/products/CHAIR-1"): "orders:read",
        ("DELETE", "/v1/links/products/CHAIR-1"): "links:write",
    }


async def knock(shop: Shop, method: str, path: str) -> httpx.Response:
    """Call with a body that is no order, so that nothing could come of it."""
    options: dict[str, Any] = {"json": {}} if method in {"POST", "PUT"} else {}
    return await shop.call(method, path, headers={"Idempotency-Key": fresh_key()}, **options)


async def revoke(shop: Shop, token: str | None) -> None:
    """Revoke a key, and wait until no process knows it from before."""
    assert token is not None
    key = await shop.journal.read(tx.keys.find(hash_key(token)))
    assert key is not None
    await shop.journal.write(tx.keys.revoke(key.id, datetime.now(UTC)))
    await asyncio.sleep(KEPT)


async def test_key_that_is_revoked_while_the_body_comes(shop: Shop) -> None:
    """Whatever the body would have written, it is 401, and nothing has happened."""
    order, going = await shop.order(), await shop.another()
    linked = {shop.account: shop.emulator.products[0]}
    key = fresh_key()
    writes = {
        ("POST", "/v1/orders"): shop.draft(),
        ("POST", f"/v1/orders/{order['id']}/pay"): {"expected_total": order["total"]},
        ("PATCH", f"/v1/orders/{order['id']}"): {"metadata": {"late": True}},
        ("PUT", "/v1/links/products/CHAIR-9"): linked,
        ("POST", "/v1/webhook_endpoints"): {"url": "https://shop.example.com/hooks", "events": ["*"]},
    }
    before, requests = await shop.operations(), shop.emulator.requests
    async with AsyncExitStack() as connections:
        begun = []
        for (method, path), body in writes.items():
            wire = await connections.enter_async_context(connected(shop.url))
            most, rest = request(method, path, going.key, body, Idempotency_Key=key)
            await wire.send(most)
            begun.append((wire, rest))
        await asyncio.sleep(0)
        await eventually(lambda: shop.gateway.metrics.in_flight == len(begun))
        await revoke(shop, going.key)
        for wire, rest in begun:
            await wire.send(rest)
            assert verdict(problem_of(await wire.answer(), 401, "unauthenticated")) == (
                "no",
                "not_applied",
                "after_fix",
            )

    assert await shop.operations() == before
    assert shop.emulator.requests == requests
    problem_of(await shop.get("/v1/links/products/CHAIR-9"), 404, "not_found")
    assert body_of(await shop.get("/v1/webhook_endpoints"), 200)["data"] == []


async def test_key_that_is_revoked_while_its_write_is_prepared(shop: Shop) -> None:
    """A pay reads the order first; a key that is revoked meanwhile pays nothing, and leaves its key free."""
    order, going, key = await shop.order(), await shop.another(), fresh_key()
    shop.emulator.faults({"match": {"method": "GET"}, "at": "before", "do": "delay", "seconds": 1})
    requests = shop.emulator.requests
    paying = asyncio.create_task(going.pay(order, key))
    await eventually(lambda: shop.emulator.requests > requests)
    await revoke(shop, going.key)

    refused = problem_of(await paying, 401, "unauthenticated")
    shop.emulator.faults()
    assert verdict(refused) == ("no", "not_applied", "after_fix")
    assert (await shop.read(order, refresh=True))["payment_status"] == "unpaid"
    body_of(await shop.pay(order, key), 200)


async def test_without_a_valid_key(shop: Shop) -> None:
    """Without a key, with garbage, with a revoked or an expired one: 401, everywhere, and nothing happens."""
    order = await shop.order()
    operation = (await shop.operations())[0]["id"]
    now = datetime.now(UTC)
    expired = await shop.another(expires_at=now - timedelta(seconds=1))
    revoked = await shop.another()
    ids = [key.id for key in await shop.journal.read(tx.keys.list_all())]
    await shop.journal.write(tx.keys.revoke(ids[-1], now))
    assert shop.key is not None
    headers = {
        "no key": None,
        "not bearer": f"Basic {shop.key}",
        "no scheme": shop.key,
        "garbage": "Bearer nonsense",
        "empty": "Bearer",
        "a key of nobody": "Bearer og_test_" + "x" * 43,
        "one letter off": f"Bearer {shop.key[:-1]}",
        "other case": f"Bearer {shop.key.upper()}",
        "expired": f"Bearer {expired.key}",
        "revoked": f"Bearer {revoked.key}",
    }
    stranger = shop.using(None)
    before = shop.emulator.state()

    wrong = {}
    for name, header in headers.items():
        for method, path in every_call(order["id"], operation, shop.account):
            given = {"Idempotency-Key": fresh_key()} | ({"Authorization": header} if header else {})
            answer = await stranger.call(method, path, headers=given)
            problem = problem_of(answer, 401, "unauthenticated")
            if not answer.headers["www-authenticate"].startswith("Bearer"):
                wrong[name, path] = dict(answer.headers)
            assert (problem["fault"], problem["retry"]) == ("caller", "after_fix")
            assert shop.key not in answer.text

    assert wrong == {}
    assert shop.emulator.state() == before
    assert len(await shop.operations()) == 1


async def test_scheme_in_any_case(shop: Shop) -> None:
    """The scheme's case does not matter (RFC 9110)."""
    answer = await shop.using(None).call("GET", "/v1/orders", headers={"Authorization": f"bearer {shop.key}"})

    body_of(answer, 200)


async def test_revocation(shop: Shop) -> None:
    """A key that was good a moment ago is refused within a second of its end, and stays so."""
    leaver = await shop.another()
    assert (await leaver.call("GET", "/v1/orders")).status_code == 200
    ids = [key.id for key in await shop.journal.read(tx.keys.list_all())]
    await shop.journal.write(tx.keys.revoke(ids[-1], datetime.now(UTC)))
    revoked_at = time.monotonic()

    while (answer := await leaver.call("GET", "/v1/orders")).status_code == 200:
        assert time.monotonic() < revoked_at + 5
        await asyncio.sleep(0.05)

    problem_of(answer, 401, "unauthenticated")
    await asyncio.sleep(KEPT)
    problem_of(await leaver.call("GET", "/v1/orders"), 401, "unauthenticated")


@pytest.mark.parametrize("scope", ["orders:read", "orders:write", "payments:write", "links:write"])
async def test_key_without_a_scope(shop: Shop, scope: str) -> None:
    """A key that lacks the scope of a call is refused with its name; for every other call it does."""
    order = await shop.order()
    operation = (await shop.operations())[0]["id"]
    narrow = await shop.another(scopes=tuple(name for name in MERCHANT_SCOPES if name != scope))
    before = shop.emulator.orders

    for (method, path), needed in every_call(order["id"], operation, shop.account).items():
        answer = await knock(narrow, method, path)
        if needed == scope:
            problem = problem_of(answer, 403, "forbidden")
            assert scope in problem["detail"], path
        else:
            assert answer.status_code != 403, path

    assert [row["id"] for row in shop.emulator.orders] == [row["id"] for row in before]


async def test_key_with_one_scope_can_use_it(shop: Shop) -> None:
    """One scope is enough for its calls."""
    order = await shop.order()
    reader = await shop.another(scopes=("orders:read",))
    payer = await shop.another(scopes=("payments:write",))

    assert await reader.read(order) == order
    body_of(await payer.pay(order), 200)
    problem_of(await payer.get(f"/v1/orders/{order['id']}"), 403, "forbidden")


async def test_merchants_never_meet(open_another: OpenShop) -> None:
    """What is one merchant's does not exist for another, through any call."""
    acme, bolt = await two_merchants(open_another)
    order = await acme.order(reference="order-1001", customer={"id": CUSTOMER})
    operation = (await acme.operations())[0]["id"]
    await acme.call("PUT", "/v1/links/products/SECRET-1", json={acme.account: acme.emulator.products[0]})
    before = acme.emulator.state()

    for method, path in (
        ("GET", f"/v1/orders/{order['id']}"),
        ("GET", f"/v1/orders/{order['id']}?refresh=true"),
        ("POST", f"/v1/orders/{order['id']}/pay"),
        ("POST", f"/v1/orders/{order['id']}/cancel"),
        ("POST", f"/v1/orders/{order['id']}/fulfill"),
        ("GET", f"/v1/operations/{operation}"),
        ("GET", "/v1/links/products/SECRET-1"),
        ("DELETE", "/v1/links/products/SECRET-1"),
    ):
        theirs = problem_of(await knock(bolt, method, path), 404, "not_found")
        nobodys = problem_of(
            await knock(bolt, method, path.replace(order["id"], "ord_" + "0" * 32)), 404, "not_found"
        )
        assert theirs["operation"] is theirs["order"] is theirs["provider"] is None
        assert theirs.keys() == nobodys.keys()

    assert body_of(await bolt.get("/v1/orders"), 200)["data"] == []
    assert body_of(await bolt.get("/v1/orders", reference="order-1001"), 200)["data"] == []
    assert await bolt.operations() == []
    for cursor in ("starting_after", "ending_before"):
        assert body_of(await bolt.get("/v1/orders", **{cursor: order["id"]}), 200)["data"] == []
    problem_of(await bolt.get(f"/v1/accounts/{bolt.account}/orders"), 403, "forbidden")
    answer = await bolt.create(bolt.draft(line_items=[product(sku="SECRET-1")]))
    assert order["id"] not in answer.text
    assert acme.emulator.state()["payments"] == before["payments"]
    assert await acme.read(order, refresh=True) == {
        **order,
        "synced_at": (await acme.read(order))["synced_at"],
    }
    body_of(await acme.get("/v1/links/products/SECRET-1"), 200)


async def test_unsettled_create_of_another(open_another: OpenShop) -> None:
    """Not even an order that is being created shows to another merchant."""
    acme, bolt = await two_merchants(open_another)
    acme.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop", "times": 1})
    unknown = problem_of(await acme.create(acme.draft(reference="order-1001")), 504, "outcome_unknown")

    theirs = problem_of(await bolt.get(f"/v1/orders/{unknown['order']}"), 404, "not_found")
    assert (theirs["operation"], theirs["order"]) == (None, None)
    # Nor does his reference stand in the way.
    body_of(await bolt.create(bolt.draft(reference="order-1001")), 201)


async def test_account_of_another(open_another: OpenShop) -> None:
    """An account that is not open to a merchant takes none of his orders, and is not there for him."""
    shop = await open_another()
    bolt = await shop.another("bolt")

    for draft in (
        bolt.draft(customer=None, line_items=[product(sku=None)]),
        {**bolt.draft(), "account": None},
    ):
        problem_of(await bolt.create(draft), 422, "no_route")
    assert body_of(await bolt.get("/v1/accounts"), 200)["data"] == []
    for path in (f"/v1/accounts/{shop.account}", f"/v1/accounts/{shop.account}/orders"):
        problem_of(await bolt.get(path), 404, "not_found")
    link = await bolt.call("PUT", "/v1/links/products/X", json={shop.account: "x"})
    assert pointers(problem_of(link, 422, "invalid_request")) == [f"/{shop.account}"]
    assert shop.emulator.requests == 0


async def test_test_and_live_are_two_worlds(
    open_another: OpenShop, emulators: Mapping[str, Emulator]
) -> None:
    """A test key cannot reach a production account, nor a live key an emulator; nor see the other's orders."""
    live_accounts = {
        f"{name}-live": {"adapter": name, "environment": "production", **SECRETS[name]} for name in emulators
    }
    shop = await open_another(environment=ENVIRONMENT, more_accounts=live_accounts)
    live = await shop.another(world="live")
    order = await shop.order(reference="order-1001")
    requests = shop.emulator.requests

    for who, account in ((shop, f"{shop.account}-live"), (live, shop.account)):
        problem = problem_of(await who.create(who.draft(account=account)), 422, "no_route")
        assert pointers(problem) == ["/account"]
        assert verdict(problem) == ("no", "not_applied", "after_fix")
        problem_of(await who.get(f"/v1/accounts/{account}"), 404, "not_found")
        problem_of(await who.get(f"/v1/accounts/{account}/orders"), 404, "not_found")
    listed = body_of(await live.get("/v1/accounts"), 200)["data"]
    assert {account["environment"] for account in listed} == {"production"}
    problem_of(await live.get(f"/v1/orders/{order['id']}"), 404, "not_found")
    problem_of(await live.pay(order), 404, "not_found")
    problem_of(await live.get("/v1/links/products/CHAIR-1"), 404, "not_found")
    assert body_of(await live.get("/v1/orders"), 200)["data"] == []
    assert await live.operations() == []
    assert shop.emulator.requests == requests


async def test_operator_reads_all_and_writes_nothing(open_another: OpenShop) -> None:
    """An operator's key reads every merchant's orders, operations and the provider's list, and makes no order."""
    acme, bolt = await two_merchants(open_another)
    orders = [await acme.order(), await bolt.order()]
    operator = await acme.another(None)
    before = acme.emulator.state()["payments"]

    for order in orders:
        assert await operator.read(order) == order
    listed = body_of(await operator.get("/v1/orders"), 200)["data"]
    assert {row["id"] for row in listed} == {order["id"] for order in orders}
    assert {row["order"] for row in await operator.operations()} == {order["id"] for order in orders}
    page = body_of(await operator.get(f"/v1/accounts/{acme.account}/orders"), 200)
    assert {row["id"] for row in page["data"]} == {order["id"] for order in orders}
    for refused in (
        await operator.create(),
        await operator.pay(orders[0]),
        await operator.cancel(orders[0]),
        await operator.fulfill(orders[0]),
    ):
        assert "operator" in problem_of(refused, 403, "forbidden")["detail"]
    assert acme.emulator.state()["payments"] == before
    assert len(acme.emulator.orders) == 2


async def test_links_are_put_read_and_deleted(shop: Shop) -> None:
    """A link is made, read, extended and forgotten; orders go on showing the merchant's id."""
    path = "/v1/links/products/CHAIR-9"
    problem_of(await shop.get(path), 404, "not_found")

    linked = {shop.account: shop.emulator.products[0]}
    assert body_of(await shop.call("PUT", path, json=linked), 200) == linked
    assert body_of(await shop.get(path), 200) == linked
    assert body_of(await shop.call("PUT", path, json={}), 200) == linked
    order = await shop.order(line_items=[product(sku="CHAIR-9")])
    changed = {shop.account: shop.emulator.products[1]}
    assert body_of(await shop.call("PUT", path, json=changed), 200) == changed

    deleted = await shop.call("DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    problem_of(await shop.call("DELETE", path), 404, "not_found")
    problem_of(await shop.get(path), 404, "not_found")
    assert (await shop.read(order, refresh=True))["line_items"][0]["sku"] == "CHAIR-9"


@pytest.mark.parametrize("name", ["CHAIR 9", "stuhl/gr\u00fcn", "a?b#c", "100%", "\u6905\u5b50", "x" * 255])
async def test_link_of_any_printable_id(shop: Shop, name: str) -> None:
    """The merchant's ids are his own: any printable text can be linked and ordered."""
    path = "/v1/links/products/" + "".join(f"%{byte:02X}" for byte in name.encode())
    linked = {shop.account: shop.emulator.products[0]}

    assert body_of(await shop.call("PUT", path, json=linked), 200) == linked
    order = await shop.order(line_items=[product(sku=name)])
    assert order["line_items"][0]["sku"] == name


async def test_link_is_used_at_once(shop: Shop) -> None:
    """A changed link counts from the next request."""
    for wanted in (shop.emulator.products[1], shop.emulator.products[2]):
        await shop.call("PUT", "/v1/links/products/CHAIR-1", json={shop.account: wanted})
        order = await shop.order()
        there = next(row for row in shop.emulator.orders if row["id"] == order["provider_order_id"])
        assert wanted in str(there)


async def test_operator_links_for_a_merchant(shop: Shop) -> None:
    """An operator links for the merchant that he names; a merchant only for himself."""
    operator = await shop.another(None)
    path = "/v1/links/products/CHAIR-9"
    linked = {shop.account: shop.emulator.products[0]}

    unnamed = problem_of(await operator.call("PUT", path, json=linked), 422, "invalid_request")
    assert pointers(unnamed) == ["/merchant"]
    body_of(await operator.call("PUT", f"{path}?merchant=acme", json=linked), 200)
    assert body_of(await shop.get(path), 200) == linked
    problem_of(await shop.call("PUT", f"{path}?merchant=bolt", json=linked), 403, "forbidden")
    problem_of(await shop.get(f"{path}?merchant=bolt"), 403, "forbidden")


async def test_cards_on_a_shared_production_account(
    open_another: OpenShop, emulators: Mapping[str, Emulator]
) -> None:
    """Where several merchants share a production account, nobody names another's customer or card there."""
    live_accounts = {
        f"{name}-live": {"adapter": name, "environment": "production", **SECRETS[name]} for name in emulators
    }
    shop = await open_another(environment=ENVIRONMENT, more_accounts=live_accounts)
    live = await shop.another(world="live")
    operator = await shop.another(None, world="live")
    account = f"{shop.account}-live"

    for kind in ("customers", "payment_methods"):
        refused = await live.call("PUT", f"/v1/links/{kind}/mine", json={account: "theirs"})
        problem_of(refused, 403, "forbidden")
        allowed = await operator.call("PUT", f"/v1/links/{kind}/mine?merchant=acme", json={account: "mine"})
        body_of(allowed, 200)
    body_of(await live.call("PUT", "/v1/links/products/CHAIR-1", json={account: "sku"}), 200)
    draft = live.draft(account=account, customer={"id": "provider:cus_of_somebody_else"})
    problem = problem_of(await live.create(draft), 403, "forbidden")
    assert pointers(problem) == ["/customer/id"]


async def test_addresses_without_a_key(shop: Shop) -> None:
    """Health, the description and the problem pages need no key."""
    stranger = shop.using(None)

    for path in ("/health/live", "/health/ready"):
        assert (await stranger.get(path)).json()["status"] == path.rpartition("/")[2]
    for path in ("/schema", "/schema/openapi.json", "/problems", "/problems/outcome_unknown"):
        assert (await stranger.get(path)).status_code == 200, path


async def test_metrics_are_for_this_machine_and_for_operators(shop: Shop) -> None:
    """This machine reads them without a key; from elsewhere, and through a proxy here, an operator's key does alone."""
    operator = await shop.another(None)
    assert shop.gateway is not None
    app = create_app(shop.gateway, max_body_bytes=1024)

    async def status(address: str, key: str | None, host: str = "localhost:8080", **passed_on: str) -> int:
        transport = httpx.ASGITransport(app, client=(address, 50000))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return (await client.get("/metrics", headers={**headers, **passed_on})).status_code

    assert [await status(address, None) for address in ("127.0.0.1", "::1")] == [200, 200]
    proxied = {"host": "pay.example.com"}, {"X-Forwarded-For": "192.0.2.1"}, {"Via": "1.1 proxy"}
    for place in (
        *({"address": "127.0.0.1", **how} for how in proxied),
        *({"address": a} for a in ELSEWHERE),
    ):
        assert await status(**place, key=None) == 401
        assert await status(**place, key="og_test_" + "x" * 43) == 401
        assert await status(**place, key=shop.key) == 403
        assert await status(**place, key=operator.key) == 200


async def test_guessed_keys_are_slowed_down(shop: Shop) -> None:
    """Many unknown keys from one address get 429 after a while; a key in use goes on working from there."""
    body_of(await shop.get("/v1/orders"), 200)
    answers = [await shop.using(f"og_test_{n:043}").get("/v1/orders") for n in range(25)]

    for answer in answers[:20]:
        problem_of(answer, 401, "unauthenticated")
    refused = problem_of(answers[-1], 429, "rate_limited")
    assert answers[-1].headers["retry-after"] == str(refused["retry_after"]) == "3"
    body_of(await shop.get("/v1/orders"), 200)
    problem_of(await shop.using(None).get("/v1/orders"), 401, "unauthenticated")


async def test_accounts_that_take_no_orders(open_another: OpenShop) -> None:
    """An account that accepts no new orders is passed over, or refused where it is named."""
    shop = await open_another(account={"accept": "existing"})

    named = problem_of(await shop.create(), 422, "no_route")
    assert pointers(named) == ["/account"]
    routed = problem_of(await shop.create({**shop.draft(), "account": None}), 422, "no_route")
    assert shop.account in routed["detail"]
    assert shop.emulator.requests == 0
