"""Events reach the merchant's receiver: each once, in order for each order, signed, whatever the receiver does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from tests.scenarios.conftest import OpenShop
from tests.scenarios.receiver import Receiver, receiving
from tests.scenarios.shop import PATIENCE, Shop, body_of, pointers, problem_of
from tests.scenarios.test_metrics import scrape, value

from ordergate.gateway.accounts.registry import installed_adapters

LIFE = ["order.created", "order.paid", "order.fulfilled"]
LOOPBACK = {"allow_networks": ["127.0.0.0/8"], "retries": [0.01] * 10}


@pytest.fixture(params=sorted(installed_adapters())[:1])
def provider(request: pytest.FixtureRequest) -> str:
    """One provider: what is told of the others' orders does not come here in another way."""
    return request.param


@pytest_asyncio.fixture
async def receivers() -> AsyncIterator[list[Receiver]]:
    """Two receivers."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(receiving()) for _ in range(2)]


@pytest.fixture
def receiver(receivers: list[Receiver]) -> Receiver:
    """A receiver."""
    return receivers[0]


@pytest_asyncio.fixture
async def told(open_another: OpenShop) -> Shop:
    """A shop that delivers webhooks to loopback, and tries again at once."""
    return await open_another(delivers=True, webhooks=LOOPBACK)


async def listen(shop: Shop, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    """Add an endpoint."""
    body = {"url": receiver.url, **fields}
    return body_of(await shop.call("POST", "/v1/webhook_endpoints", json=body), 201)


async def deliveries(shop: Shop, **filters: Any) -> list[dict[str, Any]]:
    return body_of(await shop.get("/v1/webhook_deliveries", **filters), 200)["data"]


async def until_delivered(shop: Shop, count: int, state: str = "delivered") -> list[dict[str, Any]]:
    """The deliveries, once so many are in this state."""
    deadline = time.monotonic() + PATIENCE
    while len(rows := await deliveries(shop, state=state, limit=100)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(await deliveries(shop))
        await asyncio.sleep(0.02)
    return rows


async def until_tried(shop: Shop) -> dict[str, Any]:
    """The one delivery that waits, once it was tried."""
    deadline = time.monotonic() + PATIENCE
    while not (rows := await deliveries(shop, state="pending")) or not rows[0]["tries"]:
        if time.monotonic() > deadline:
            raise TimeoutError(await deliveries(shop))
        await asyncio.sleep(0.02)
    return rows[0]


@pytest.mark.parametrize("provider", sorted(installed_adapters()), indirect=True)
async def test_an_orders_life_is_told_once_and_in_order(told: Shop, receiver: Receiver) -> None:
    """Created, paid, fulfilled: each once, in order, signed, with the order as it then was."""
    endpoint = await listen(told, receiver)

    order = await told.paid_order()
    body_of(await told.fulfill(order), 200)
    await told.read(order, refresh=True)
    feed = body_of(await told.get("/v1/events"), 200)
    came = await receiver.until(len(feed["data"]))

    types = [kind for kind in receiver.types() if kind != "order.payment_pending"]
    assert types == LIFE
    assert [(each.id, each.type, each.message["data"]) for each in came] == [
        (event["id"], event["type"], event["data"]) for event in feed["data"]
    ]
    assert [event["number"] for event in feed["data"]] == list(range(1, len(came) + 1))
    assert all(each.verified_by(endpoint["secret"]) for each in came)
    assert [each.message["data"]["status"] for each in came if each.type in LIFE] == [
        "open",
        "paid",
        "fulfilled",
    ]
    assert set(came[0].message) == {"type", "timestamp", "data"}
    timeline = body_of(await told.get(f"/v1/orders/{order['id']}/events"), 200)
    assert timeline == feed
    rows = await until_delivered(told, len(came))
    assert [row["tries"][0]["http_status"] for row in rows] == [200] * len(came)


async def test_a_failing_receiver_holds_back_only_that_order(told: Shop, receiver: Receiver) -> None:
    """What failed is tried again, signed afresh under the same id; later events of the order wait for it."""
    endpoint = await listen(told, receiver)
    failures = iter([500, 302, 500])
    receiver.answer = lambda came: (
        (next(failures, 200), ()) if came.type == "order.created" and came.order == stuck else (200, ())
    )
    stuck = ""
    first = await told.order()
    stuck = first["id"]
    receiver.came.clear()
    failures = iter([500, 302, 500])

    body_of(await told.post("/v1/webhook_deliveries/replay", {"endpoint": endpoint["id"], "after": 0}), 200)
    body_of(await told.cancel(first), 200)
    await told.order()
    await until_delivered(told, 3)

    assert receiver.types(first) == ["order.created"] * 4 + ["order.canceled"]
    tries = [each for each in receiver.came if each.type == "order.created" and each.order == stuck]
    assert len({each.id for each in tries}) == 1
    assert all(each.verified_by(endpoint["secret"]) for each in tries)
    (row,) = await deliveries(told, event=tries[0].id)
    assert [made["http_status"] for made in row["tries"]][-4:] == [500, 302, 500, 200]


async def test_one_that_never_answers_keeps_nobody_waiting(told: Shop, receivers: list[Receiver]) -> None:
    """While one endpoint takes requests and never answers, the other gets everything at once."""
    silent, quick = receivers
    silent.answer = lambda _: None
    endpoint = await listen(told, silent)
    await listen(told, quick)

    for _ in range(12):
        await told.order()
    await quick.until(12)

    waiting = await deliveries(told, endpoint=endpoint["id"], limit=100)
    assert [row["tries"] for row in waiting] == [[]] * 12  # not even the first attempt has ended meanwhile
    assert 1 <= len(silent.came) <= 8


async def test_types_and_worlds(told: Shop, receiver: Receiver) -> None:
    """An endpoint is told of its own types; one of the other world, or another merchant's, of nothing."""
    await listen(told, receiver, types=["order.canceled", "order.canceled"])
    other = await told.another("bolt")
    await listen(other, receiver)
    live = await told.another(world="live")
    url = "https://example.com/hooks"
    body_of(await live.call("POST", "/v1/webhook_endpoints", json={"url": url}), 201)

    order = await told.order()
    body_of(await told.cancel(order), 200)
    await receiver.until(1)
    await until_delivered(told, 1)

    assert receiver.types() == ["order.canceled"]
    assert await deliveries(other) == await deliveries(live) == []
    assert body_of(await other.get("/v1/events"), 200) == {"data": [], "has_more": False}
    filtered = body_of(await told.get("/v1/events", type="order.created"), 200)["data"]
    assert [event["order"] for event in filtered] == [order["id"]]


async def test_rotation_signs_with_both_secrets(told: Shop, receiver: Receiver) -> None:
    """During the overlap a receiver may know either secret; without one, only the new."""
    endpoint = await listen(told, receiver)
    place = f"/v1/webhook_endpoints/{endpoint['id']}"

    second = body_of(await told.call("POST", f"{place}/rotate", json={}), 200)
    await told.order()
    both = (await receiver.until(1))[0]
    third = body_of(await told.call("POST", f"{place}/rotate", json={"overlap_hours": 0}), 200)
    await told.order()
    new = (await receiver.until(2))[1]

    assert both.verified_by(endpoint["secret"])
    assert both.verified_by(second["secret"])
    assert len(both.headers["webhook-signature"].split()) == 2
    assert new.verified_by(third["secret"])
    assert not new.verified_by(endpoint["secret"])
    assert not new.verified_by(second["secret"])
    assert "secret" not in body_of(await told.get(place), 200)


async def test_gone_disables_and_enabling_goes_on(told: Shop, receiver: Receiver) -> None:
    """410 disables it and loses nothing: once enabled what waits and new events come, and the rest by a replay."""
    endpoint = await listen(told, receiver)
    place = f"/v1/webhook_endpoints/{endpoint['id']}"
    receiver.answer = lambda _: (410, ())

    await told.order()
    await receiver.until(1)
    await until_tried(told)
    gone = body_of(await told.get(place), 200)
    await told.order()
    feed = body_of(await told.get("/v1/events"), 200)["data"]
    receiver.answer = lambda _: (200, ())
    enabled = body_of(await told.call("POST", f"{place}/enable"), 200)
    await told.order()
    await until_delivered(told, 2)

    assert (gone["enabled"], gone["disabled_reason"]) == (False, "The receiver answered 410 Gone.")
    assert (enabled["enabled"], enabled["disabled_reason"]) == (True, None)
    assert len(feed) == 2
    assert len(receiver.came) == 3
    assert receiver.came[0].id == receiver.came[1].id == feed[0]["id"]
    replay = {"endpoint": endpoint["id"], "since": feed[0]["timestamp"], "until": feed[1]["timestamp"]}
    assert body_of(await told.call("POST", "/v1/webhook_deliveries/replay", json=replay), 200) == {
        "replayed": 2
    }
    await until_delivered(told, 3)
    await receiver.until(5)
    assert [each.id for each in receiver.came[3:]] == [event["id"] for event in feed]


async def test_a_disabled_endpoint_keeps_what_waits(told: Shop, receiver: Receiver) -> None:
    """What was queued before goes on once the endpoint is enabled again."""
    endpoint = await listen(told, receiver)
    place = f"/v1/webhook_endpoints/{endpoint['id']}"
    receiver.answer = lambda _: (429, [("Retry-After", "1")])
    await told.order()
    await receiver.until(1)

    off = body_of(await told.call("POST", f"{place}/disable"), 200)
    receiver.answer = lambda _: (200, ())
    await asyncio.sleep(1.2)
    assert len(receiver.came) == 1
    body_of(await told.call("POST", f"{place}/enable"), 200)
    await until_delivered(told, 1)

    assert off["enabled"] is False
    assert len(receiver.came) == 2


async def test_every_try_failed_and_is_replayed(open_another: OpenShop, receiver: Receiver) -> None:
    """After the last try a delivery has failed; alone or with all that failed it is made again."""
    shop = await open_another(delivers=True, webhooks={**LOOPBACK, "retries": [0.01, 0.01]})
    endpoint = await listen(shop, receiver)
    receiver.answer = lambda _: (500, ())
    order = await shop.order()
    body_of(await shop.cancel(order), 200)

    failed = await until_delivered(shop, 2, "failed")
    assert receiver.types() == ["order.created"] * 3 + ["order.canceled"] * 3
    receiver.answer = lambda _: (200, ())
    receiver.came.clear()
    one = body_of(await shop.call("POST", f"/v1/webhook_deliveries/{failed[0]['id']}/replay"), 200)
    await receiver.until(1)
    body = {"endpoint": endpoint["id"], "failed": True}
    many = body_of(await shop.call("POST", "/v1/webhook_deliveries/replay", json=body), 200)
    await until_delivered(shop, 2)

    assert one["state"] == "pending"
    assert many == {"replayed": 1}
    assert receiver.types() == ["order.canceled", "order.created"]
    assert [len(row["tries"]) for row in await deliveries(shop)] == [4, 4]


async def test_ping(told: Shop, receiver: Receiver) -> None:
    """A ping says at once how it went, and is no event."""
    endpoint = await listen(told, receiver)
    ping = f"/v1/webhook_endpoints/{endpoint['id']}/ping"

    good = body_of(await told.call("POST", ping), 200)
    receiver.answer = lambda _: (500, ())
    bad = body_of(await told.call("POST", ping), 200)

    assert (good["delivered"], good["http_status"], good["detail"]) == (True, 200, None)
    assert (bad["delivered"], bad["http_status"]) == (False, 500)
    assert receiver.types() == ["ping", "ping"]
    assert receiver.came[0].verified_by(endpoint["secret"])
    assert body_of(await told.get("/v1/events"), 200)["data"] == []


async def test_one_ping_at_a_time(told: Shop, receiver: Receiver) -> None:
    """While one is under way another is refused, so that nobody has the gateway send at will."""
    endpoint = await listen(told, receiver)
    ping = f"/v1/webhook_endpoints/{endpoint['id']}/ping"
    receiver.answer = lambda _: None

    first = asyncio.create_task(told.call("POST", ping))
    await receiver.until(1)
    second = await told.call("POST", ping)
    first.cancel()

    problem_of(second, 429, "rate_limited")


async def test_a_timeline_is_read_in_pages(told: Shop) -> None:
    """After an event of the order; what is none of its events is refused."""
    order, other = await told.order(), await told.order()
    body_of(await told.cancel(order), 200)
    place = f"/v1/orders/{order['id']}/events"

    first = body_of(await told.get(place, limit=1), 200)
    rest = body_of(await told.get(place, after=first["data"][0]["id"]), 200)
    strange = body_of(await told.get(f"/v1/orders/{other['id']}/events"), 200)["data"][0]["id"]

    assert (first["has_more"], [event["type"] for event in first["data"]]) == (True, ["order.created"])
    assert (rest["has_more"], [event["type"] for event in rest["data"]]) == (False, ["order.canceled"])
    for wrong in (strange, "1", "evt_gone"):
        assert pointers(problem_of(await told.get(place, after=wrong), 422, "invalid_request")) == ["/after"]


@pytest.mark.parametrize("after", ["9" * 19, "9" * 20, "9" * 40, "-1", "evt_gone"])
async def test_a_place_that_is_none(told: Shop, after: str) -> None:
    """A number beyond every feed's, or no number, is refused by name."""
    answer = await told.get("/v1/events", after=after)

    assert pointers(problem_of(answer, 422, "invalid_request")) == ["/after"]


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("http://example.com/hooks", True),
        ("ftp://example.com/hooks", False),
        ("example.com/hooks", False),
        ("https://user:pw@example.com/hooks", False),
        ("https://example.com/hooks#part", False),
        ("http://10.1.2.3/hooks", False),
        ("http://[::ffff:10.1.2.3]/hooks", False),
        ("http://169.254.169.254/latest", False),
        ("https://exa mple.com/", False),
        ("https://münchen.de/", False),
        ("http://example.com:99999/", False),
    ],
)
async def test_a_url_that_is_refused(told: Shop, url: str, *, live: bool) -> None:
    """Live keys need https; user names, fragments and private addresses are refused, and nothing is kept."""
    shop = await told.another(world="live") if live else told
    answer = await shop.call("POST", "/v1/webhook_endpoints", json={"url": url})

    problem = problem_of(answer, 422, "invalid_request")
    assert pointers(problem) == ["/url"]
    assert "pw" not in problem["detail"]
    assert body_of(await shop.get("/v1/webhook_endpoints"), 200)["data"] == []


async def test_loopback_is_refused_unless_allowed(open_another: OpenShop, receiver: Receiver) -> None:
    """Without the configuration's word nothing goes to this machine, by no name."""
    shop = await open_another(delivers=True, webhooks={"retries": []})
    port = receiver.url.rpartition(":")[2]
    endpoint = await listen(shop, receiver, url=f"http://localhost:{port}")

    ping = body_of(await shop.call("POST", f"/v1/webhook_endpoints/{endpoint['id']}/ping"), 200)
    await shop.order()
    (row,) = await until_delivered(shop, 1, "failed")

    assert "leads to no public address" in ping["detail"]
    assert "leads to no public address" in row["tries"][0]["detail"]
    assert receiver.came == []


async def test_endpoints_are_changed_listed_and_deleted(told: Shop, receivers: list[Receiver]) -> None:
    """What is changed counts from the next event on; what is deleted is gone with its deliveries."""
    first, second = receivers
    endpoint = await listen(told, first, description="mine")
    place = f"/v1/webhook_endpoints/{endpoint['id']}"

    changed = body_of(
        await told.call(
            "PATCH", place, json={"url": second.url, "types": ["order.paid"], "description": None}
        ),
        200,
    )
    order = await told.paid_order()
    await second.until(1)
    await until_delivered(told, 1)

    assert (changed["types"], changed["description"]) == (["order.paid"], None)
    assert second.types(order) == ["order.paid"]
    assert first.came == []
    assert body_of(await told.get("/v1/webhook_endpoints"), 200)["data"] == [
        body_of(await told.get(place), 200)
    ]
    assert (await told.call("DELETE", place)).status_code == 204
    problem_of(await told.get(place), 404, "not_found")
    assert await deliveries(told) == []
    wrong = await told.call("PATCH", place, json={"types": []})
    assert pointers(problem_of(wrong, 422, "invalid_request")) == ["/types"]


async def test_too_many_endpoints(told: Shop, receiver: Receiver) -> None:
    """The twenty-first endpoint is refused."""
    for _ in range(20):
        await listen(told, receiver)

    answer = await told.call("POST", "/v1/webhook_endpoints", json={"url": receiver.url})

    problem_of(answer, 409, "invalid_state")


async def test_who_may_not_read_orders_has_none_sent(told: Shop, receiver: Receiver) -> None:
    """A key for webhooks alone neither adds an endpoint nor leads one elsewhere: what is sent holds whole orders."""
    narrow = await told.another(scopes=("webhooks:write",))
    endpoint = await listen(told, receiver)
    place = f"/v1/webhook_endpoints/{endpoint['id']}"

    added = await narrow.call("POST", "/v1/webhook_endpoints", json={"url": receiver.url})
    moved = await narrow.call("PATCH", place, json={"url": receiver.url})

    assert "orders:read" in problem_of(added, 403, "forbidden")["detail"]
    assert "orders:read" in problem_of(moved, 403, "forbidden")["detail"]


async def test_an_operator_names_the_merchant(told: Shop, receiver: Receiver) -> None:
    """An operator adds an endpoint for a merchant and reads the merchant's feed."""
    operator = await told.another(None)
    unnamed = await operator.call("POST", "/v1/webhook_endpoints", json={"url": receiver.url})
    assert pointers(problem_of(unnamed, 422, "invalid_request")) == ["/merchant"]

    made = await operator.call(
        "POST", "/v1/webhook_endpoints", json={"url": receiver.url}, params={"merchant": "acme"}
    )
    await told.order()
    await receiver.until(1)

    assert body_of(made, 201)["merchant"] == "acme"
    assert len(body_of(await operator.get("/v1/events", merchant="acme"), 200)["data"]) == 1
    problem_of(await told.get("/v1/events", merchant="bolt"), 403, "forbidden")


async def test_metrics_tell_how_deliveries_stand(open_another: OpenShop, receiver: Receiver) -> None:
    """What waits and for how long, what was delivered and what failed, and what the gateway disabled."""
    shop = await open_another(delivers=True, webhooks={**LOOPBACK, "retries": [0.01, 3600]})

    async def until(**wanted: float) -> float:
        """Wait for the figures; return the age of the oldest delivery that waits."""
        deadline = time.monotonic() + PATIENCE
        while True:
            samples = await scrape(shop)
            counted = {
                result: value(samples, "ordergate_webhook_deliveries_total", result=result)
                for result in ("delivered", "failed", "gave_up")
            }
            found = {
                **counted,
                "waiting": value(samples, "ordergate_waiting_deliveries"),
                "disabled": value(samples, "ordergate_disabled_webhook_endpoints"),
                "disabled_here": value(samples, "ordergate_webhook_endpoints_disabled_total"),
            }
            if found == wanted:
                return value(samples, "ordergate_oldest_waiting_delivery_seconds") or 0.0
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)

    nothing = {"delivered": 0, "failed": 0, "gave_up": 0, "waiting": 0, "disabled": 0, "disabled_here": 0}
    await listen(shop, receiver)
    assert await until(**nothing) == 0
    receiver.answer = lambda _: (500, ())
    await shop.order()
    assert 0 < await until(**nothing | {"failed": 2, "waiting": 1}) < 600

    receiver.answer = lambda _: (410, ())
    await shop.order()

    assert await until(**nothing | {"failed": 3, "disabled": 1, "disabled_here": 1}) == 0
