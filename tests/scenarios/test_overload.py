"""Beyond capacity the gateway refuses at once and says so; what only waits for a provider takes none of it."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, body_of, eventually, fresh_key, problem_of, verdict
from tests.scenarios.test_metrics import scrape, value

from ordergate.client import AsyncClient
from ordergate.gateway.runtime.concurrency import MOST, Place

pytestmark = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)


@contextmanager
def crowded(shop: Shop, competing: int = MOST) -> Iterator[None]:
    """As if so many requests were being worked on."""
    assert shop.gateway is not None
    limit = shop.gateway.concurrency
    places = [limit.enter(preferred=True) for _ in range(competing)]
    try:
        yield
    finally:
        for place in places:
            assert place is not None
            place.leave()


async def test_write_that_is_refused_was_not_begun(shop: Shop) -> None:
    """It says so, and when to come back; the same key does it then."""
    key = fresh_key()
    with crowded(shop):
        refused = await shop.create(key=key, headers={"X-Request-Id": "mine-1"})
    begun = await shop.operations()

    problem = problem_of(refused, 503, "overloaded")
    assert verdict(problem) == ("no", "not_applied", "same_key")
    assert problem["instance"] == "/v1/orders"
    assert problem["retry_after"] == int(refused.headers["retry-after"]) >= 1
    assert problem["request_id"] == refused.headers["x-request-id"] == "mine-1"
    assert refused.headers["ordergate-config"] == shop.gateway.configuration.hash
    assert "server-timing" in refused.headers
    assert begun == []
    body_of(await shop.create(key=key), 201)


async def test_refusal_comes_before_the_key_and_the_body(shop: Shop) -> None:
    """A key that nobody has is not looked up, and a body that does not come is not waited for."""
    with crowded(shop):
        unknown = await shop.using("og_test_unknown").get("/v1/orders")
        head = await shop.call("HEAD", "/v1/orders")
        host, port = re.fullmatch(r"http://(.+):(\d+)", shop.url).groups()
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        writer.close()
        await writer.wait_closed()

    assert problem_of(unknown, 503, "overloaded")["outcome"] is None
    assert (head.status_code, head.content) == (503, b"")
    assert int(head.headers["content-length"]) > 0
    assert answer.startswith(b"HTTP/1.1 503")


async def test_those_who_look_after_it_are_let_in(shop: Shop) -> None:
    """Health and metrics always; operations, the console and webhooks until there is twice as much to do."""
    operator = await shop.another(None)
    with crowded(shop):
        looks = {
            path: (await operator.get(path)).status_code
            for path in (
                "/health/live",
                "/health/ready",
                "/v1/operations",
                "/v1/admin/config",
                "/v1/accounts",
            )
        }
        hook = await shop.call("POST", "/hooks/nobody", json={})
        samples = await scrape(shop)
    with crowded(shop, MOST * 2):
        beyond = [(await operator.get(path)).status_code for path in ("/health/ready", "/v1/operations")]
        await scrape(shop)

    assert looks.pop("/v1/accounts") == 503
    assert set(looks.values()) == {200}
    assert hook.status_code == 401
    assert beyond == [200, 503]
    assert value(samples, "ordergate_requests_shed_total") == 1
    assert value(samples, "ordergate_requests_competing") == MOST
    assert value(samples, "ordergate_requests_limit") == MOST


async def test_typed_client_comes_back(shop: Shop) -> None:
    """It waits as it is told, and then has its answer."""
    assert shop.key is not None
    async with AsyncClient(shop.url, shop.key) as client:
        with crowded(shop):
            asking = asyncio.create_task(client.orders.list(limit=1))
            await eventually(lambda: shop.gateway.concurrency._refused == 1)
        page = await asking

    assert page.data == []


async def test_slow_provider_takes_nothing_from_a_fast_one(open_another: OpenShop, emulators: dict) -> None:
    """More calls wait for a slow provider than may compete; another's orders are made meanwhile, none refused."""
    shop = await open_another()
    limit = shop.gateway.concurrency
    slow, each = emulators["rapyd"], 4
    slow.faults({"match": {"method": "POST"}, "at": "before", "do": "delay", "seconds": 2.0})
    limit.limit, limit.target = float(each), 1e9  # it does not fall, and does not grow far
    waiting = []
    for _ in range(5):
        waiting += [
            asyncio.create_task(shop.create(shop.draft(account="rapyd", customer={"id": "cust-42"})))
            for _ in range(each)
        ]
        await _all_wait(shop, "rapyd", len(waiting))

    fast = [await shop.create() for _ in range(10)]

    assert not any(task.done() for task in waiting)
    assert {answer.status_code for answer in fast} == {201}
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}


async def _all_wait(shop: Shop, name: str, number: int) -> None:
    """Wait until so many calls to the account are on their way, and nothing else is done."""
    gateway = shop.gateway
    account = gateway.configuration.accounts[name]
    await eventually(
        lambda: gateway.transport.health(account).in_flight == number and not gateway.concurrency.competing
    )


async def test_slow_body_takes_nothing_either(shop: Shop) -> None:
    """Who sends his request slowly competes only for as long as there is something to do."""
    limit = shop.gateway.concurrency
    entered: list[Place] = []
    enter = limit.enter

    def noted(*, preferred: bool = False) -> Place | None:
        place = enter(preferred=preferred)
        entered.extend([] if place is None else [place])
        return place

    limit.enter = noted  # type: ignore[method-assign]
    host, port = re.fullmatch(r"http://(.+):(\d+)", shop.url).groups()
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.key}\r\nIdempotency-Key: slow\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
    await eventually(lambda: len(entered) == 1 and entered[0]._aside == 1)
    competing = limit.competing
    writer.close()
    await writer.wait_closed()

    assert competing == 0
    await eventually(lambda: entered[0]._left)
