"""A merchant's Python: the client against the gateway itself, and every example that is shown of it."""

import ast
import asyncio
import os
import re
import textwrap
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook
from tests.scenarios.conftest import OpenShop
from tests.scenarios.receiver import receiving
from tests.scenarios.shop import CARD, CUSTOMER, MERCHANT, SKUS, Shop, free_port

import ordergate.client
from ordergate.client import (
    AsyncClient,
    AuthenticationError,
    CancelBody,
    Client,
    Draft,
    EndpointBody,
    EndpointUpdate,
    EventType,
    FulfillBody,
    Link,
    NoAnswerError,
    NotFoundError,
    OperationDocument,
    Order,
    OutcomeUnknown,
    PayBody,
    PaymentStatus,
    PossibleDuplicateError,
    ProblemError,
    ReplayBody,
    ResolveBody,
    RotateBody,
    UpdateBody,
    WebhookVerificationError,
    calls,
    verify_webhook,
)

README = (Path(__file__).parents[2] / "README.md").read_text()


class LosesAnswers(httpx.AsyncBaseTransport):
    """Sends on over a real connection, and loses the first answers on their way back."""

    def __init__(self, through: httpx.AsyncClient, times: int) -> None:
        self._through = through
        self.left = times
        self.keys: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._through.send(request)
        self.keys.append(request.headers.get("Idempotency-Key"))
        if self.left:
            self.left -= 1
            raise httpx.ReadError("the connection was closed", request=request)
        return answer


def client_of(shop: Shop, http: httpx.AsyncClient | None = None, **options: Any) -> AsyncClient:
    assert shop.key is not None
    return AsyncClient(shop.url, shop.key, http=http or shop.client, **options)


@pytest_asyncio.fixture
async def merchant(shop: Shop) -> AsyncIterator[AsyncClient]:
    """The client of the shop's merchant."""
    async with client_of(shop) as client:
        yield client


def draft_of(shop: Shop, **changes: Any) -> Draft:
    return msgspec.convert(shop.draft(**changes), Draft)


async def test_the_life_of_an_order(shop: Shop, merchant: AsyncClient) -> None:
    """Created, changed, paid, fulfilled and found again, each step typed."""
    order = await merchant.orders.create(draft_of(shop, reference="1001"))
    changed = await merchant.orders.update(order, UpdateBody(metadata={"gift": True}))
    await merchant.orders.pay(order, PayBody(payment_method=CARD))
    await shop.until_paid({"id": order.id})
    paid = await merchant.orders.get(order)
    fulfilled = await merchant.orders.fulfill(order, FulfillBody(tracking_number="T-1"))
    writes = [each async for each in merchant.operations.iterate(limit=2)]

    assert (order.total, order.customer.id if order.customer else None) == (41000, CUSTOMER)
    assert changed.metadata == {"gift": True}
    assert paid.amount_paid == 41000
    assert fulfilled.fulfillments[0].tracking_number == "T-1"
    assert {each.kind for each in writes} == {"create", "update", "pay", "fulfill"}
    assert await merchant.operations.get(writes[-1].id) == writes[-1]
    assert (await merchant.orders.list(reference="1001")).data == [await merchant.orders.get(order)]
    assert len({each.idempotency_key for each in writes}) == 4


async def test_orders_are_gone_through(shop: Shop, merchant: AsyncClient) -> None:
    """All pages of the gateway's list, and of the provider's own."""
    orders = [await merchant.orders.create(draft_of(shop)) for _ in range(3)]
    made = [order.id for order in orders]
    canceled = await merchant.orders.cancel(orders[0], CancelBody(reason="a mistake"))

    assert [each.id async for each in merchant.orders.iterate(limit=2)] == made[::-1]
    assert [each.id async for each in merchant.orders.iterate(status=canceled.status)] == made[:1]
    there = [each.id async for each in merchant.accounts.iterate_orders(shop.account, limit=2)]
    assert sorted(filter(None, there)) == made


async def test_accounts_links_and_what_providers_would_make_of_it(shop: Shop, merchant: AsyncClient) -> None:
    """Everything around orders, read into its types."""
    draft, account = draft_of(shop, reference="1001"), shop.account
    named = "A/B 1%"

    assert (await merchant.accounts.get(account)).health.status == "ok"
    assert account in {each.name for each in await merchant.accounts.list()}
    assert await merchant.links.put("products", named, {account: "sku_1"}) == {account: "sku_1"}
    assert await merchant.links.get("products", named) == {account: "sku_1"}
    await merchant.links.delete("products", named)
    assert (
        await merchant.links.import_links([Link(kind="products", id=named, account=account, native="sku_1")])
        == 1
    )
    (translation,) = await merchant.translate(draft, [account])
    assert translation.requests
    assert translation.problem is None
    assert (await merchant.explain_route(draft)).account == account
    comparison = await merchant.comparisons.create(draft, [account], "execute")
    assert comparison.results[0].order is not None
    assert [each.id async for each in merchant.comparisons.iterate()] == [comparison.id]
    assert await merchant.comparisons.get(comparison.id) == comparison
    adopted = await merchant.accounts.import_order(
        account, (await merchant.orders.create(draft)).provider_order_id
    )
    assert adopted.reference == "1001"


async def test_events_are_gone_through(shop: Shop, merchant: AsyncClient) -> None:
    """The feed over all its pages, from any place on, of one type or of comparisons; and one order's timeline."""
    orders = [await merchant.orders.create(draft_of(shop)) for _ in range(3)]
    await merchant.orders.cancel(orders[0])
    await merchant.comparisons.create(draft_of(shop), [shop.account], "execute")
    operator = client_of(await shop.another(None))

    feed = [each async for each in merchant.events.iterate(limit=2)]
    created = [each async for each in merchant.events.iterate(type=EventType.ORDER_CREATED, limit=1)]
    compared = [each async for each in operator.events.iterate(merchant=MERCHANT, purpose="comparison")]
    timeline = [each async for each in merchant.orders.iterate_events(orders[0], limit=1)]

    assert [each.number for each in feed] == list(range(1, len(feed) + 1))
    assert created == [each for each in feed if each.type == "order.created"]
    assert [each.order for each in created] == [order.id for order in orders]
    assert timeline == [each for each in feed if each.order == orders[0].id]
    assert timeline[-1].type == "order.canceled"
    assert (await merchant.orders.events(orders[0], after=timeline[0].id)).data == timeline[1:]
    assert [each async for each in merchant.events.iterate(after=feed[1].id)] == feed[2:]
    assert [each async for each in operator.events.iterate(merchant=MERCHANT)] == feed
    assert {each.order for each in compared}.isdisjoint(each.order for each in feed)
    assert compared[0].data["purpose"] == "comparison"


async def test_a_receipt(shop: Shop, merchant: AsyncClient) -> None:
    """What was sent and answered, typed."""
    order = await merchant.orders.create(draft_of(shop))

    receipt = await merchant.orders.receipt(order)

    (attempt,) = receipt.operations[0].attempts
    exchange = attempt.exchanges[0]
    assert (receipt.order, attempt.account, exchange.request.method) == (order.id, shop.account, "POST")
    assert exchange.answer is not None
    assert order.provider_order_id in exchange.answer.body


async def test_a_write_is_begun_and_waited_for(open_another: OpenShop) -> None:
    """The operation at once, the outcome later; once it has ended, the same key is the order."""
    shop = await open_another(recovers=True)
    merchant = client_of(shop)
    create = calls.create_order(draft_of(shop))

    begun = await merchant.operations.begin(create)
    assert isinstance(begun, OperationDocument)
    ended = await merchant.operations.wait(begun)
    order = await merchant.operations.begin(create)
    paid = await merchant.operations.begin(calls.pay_order(ended.order), wait=5)

    assert (begun.state, ended.state, ended.outcome) == ("in_progress", "succeeded", "applied")
    assert isinstance(order, Order)
    assert isinstance(paid, Order)
    assert order.id == paid.id == begun.order
    assert len(shop.emulator.orders) == 1


async def test_an_operator_resolves_what_stays_unknown(open_another: OpenShop) -> None:
    """What a person found out settles the write; its key may be sent again."""
    shop = await open_another(
        account={"read_timeout": 0.3}, server={"idempotency_wait": 0}, recovery={"closed_settling": 0.0}
    )
    merchant, operator = client_of(shop), client_of(await shop.another(None))
    shop.emulator.faults({"match": {"method": "POST", "path": "*/orders"}, "at": "before", "do": "drop"})
    with pytest.raises(OutcomeUnknown) as unknown:
        await merchant.orders.create(draft_of(shop), idempotency_key="mine", timeout=0.5)
    shop.emulator.faults()
    assert unknown.value.operation is not None

    found = ResolveBody(as_="not_applied", evidence="There is none.")
    resolved = await operator.operations.resolve(unknown.value.operation, found)
    order = await merchant.orders.create(draft_of(shop), idempotency_key="mine")

    assert (resolved.state, resolved.outcome) == ("failed", "not_applied")
    assert (await merchant.operations.wait(unknown.value.operation)).order == order.id


async def test_a_merchant_has_a_lost_write_looked_for(open_another: OpenShop) -> None:
    """What the provider shows now settles the write at once."""
    shop = await open_another(account={"read_timeout": 0.3}, server={"idempotency_wait": 0})
    merchant = client_of(shop)
    shop.emulator.faults({"match": {"method": "POST", "path": "*/orders"}, "at": "after", "do": "drop"})
    with pytest.raises(OutcomeUnknown) as unknown:
        await merchant.orders.create(draft_of(shop), idempotency_key="mine", timeout=0.5)
    shop.emulator.faults()
    assert unknown.value.operation is not None

    rechecked = await merchant.operations.recheck(unknown.value.operation)

    assert (rechecked.state, rechecked.outcome) == ("succeeded", "applied")
    assert await merchant.operations.recheck(rechecked) == rechecked


async def test_webhooks_from_their_endpoint_to_their_replay(open_another: OpenShop) -> None:
    """An endpoint is added, tried out, told of an order, changed, rotated, switched and removed."""
    shop = await open_another(delivers=True, webhooks={"allow_networks": ["127.0.0.0/8"]})
    merchant = client_of(shop)
    endpoints, deliveries = merchant.webhook_endpoints, merchant.webhook_deliveries
    async with receiving() as receiver:
        made = await endpoints.create(EndpointBody(url=receiver.url, types=[EventType.ORDER_CREATED]))
        ping = await endpoints.ping(made)
        order = await merchant.orders.create(draft_of(shop))
        came = (await receiver.until(2))[1]
        (delivery,) = [each async for each in deliveries.iterate(order=order.id or "")]
        rotated = await endpoints.rotate(made, RotateBody(overlap_hours=0))
        again = await deliveries.replay(delivery)
        repeated = (await receiver.until(3))[2]
        many = await deliveries.replay_many(ReplayBody(endpoint=made.id, after=0))
        await receiver.until(4)

    message = verify_webhook(made.secret, came.headers, came.body)
    assert ping.delivered
    assert (message.type, message.id, message.data["id"]) == ("order.created", delivery.event, order.id)
    assert verify_webhook(rotated.secret, repeated.headers, repeated.body).id == message.id
    assert (again.id, many) == (delivery.id, 1)
    with pytest.raises(WebhookVerificationError):
        verify_webhook(made.secret, repeated.headers, repeated.body)
    changed = await endpoints.update(made, EndpointUpdate(description="the shop's", types=None))
    assert (changed.url, changed.types, changed.description) == (receiver.url, None, "the shop's")
    assert not (await endpoints.disable(made)).enabled
    assert (await endpoints.enable(made)).enabled
    assert (await endpoints.list()).data == [await endpoints.get(made.id)]
    assert made.secret not in repr([made, rotated])
    await endpoints.delete(made)
    assert [each async for each in endpoints.iterate()] == []


async def test_refusals_are_exceptions(shop: Shop, merchant: AsyncClient) -> None:
    """Each with the whole problem."""
    first = await merchant.orders.create(draft_of(shop, reference="1001"))

    with pytest.raises(NotFoundError):
        await merchant.orders.get("ord_none")
    with pytest.raises(PossibleDuplicateError) as duplicate:
        await merchant.orders.create(draft_of(shop, reference="1001"))
    second = await merchant.orders.create(draft_of(shop, reference="1001"), allow_duplicate=True)
    with pytest.raises(ProblemError, match="/currency") as invalid:
        await merchant.orders.create(draft_of(shop, currency="XXX"))
    with pytest.raises(AuthenticationError):
        await AsyncClient(shop.url, "og_test_nobody", http=shop.client).orders.list()

    assert duplicate.value.problem.order == first.id
    assert second.id != first.id
    assert [error.pointer for error in invalid.value.problem.errors] == ["/currency"]


async def test_a_key_of_ones_own_makes_one_order(shop: Shop, merchant: AsyncClient) -> None:
    """The same key is the same order; the same key for something else is refused."""
    first = await merchant.orders.create(draft_of(shop), idempotency_key="order-1001")
    again = await merchant.orders.create(draft_of(shop), idempotency_key="order-1001")
    with pytest.raises(ProblemError) as reused:
        await merchant.orders.create(draft_of(shop, notes="other"), idempotency_key="order-1001")

    assert again == first
    assert reused.value.code == "idempotency_key_reused"
    assert len(shop.emulator.orders) == 1


async def test_answers_that_are_lost_between_client_and_gateway(shop: Shop) -> None:
    """The gateway got the create three times, under one key; there is one order."""
    loses = LosesAnswers(shop.client, times=2)
    async with httpx.AsyncClient(transport=loses) as http:
        order = await client_of(shop, http).orders.create(draft_of(shop))

    assert len(loses.keys) == 3
    assert len(set(loses.keys)) == 1
    assert [each async for each in client_of(shop).orders.iterate()] == [order]
    assert len(shop.emulator.orders) == 1


async def test_answers_that_are_lost_at_the_provider(open_another: OpenShop) -> None:
    """The order exists, its answer never came: the client repeats its key until the gateway has proof."""
    shop = await open_another(recovers=True)
    shop.emulator.faults(
        {"match": {"method": "POST", "path": "/orders"}, "at": "after", "do": "drop", "times": 1}
    )

    order = await client_of(shop).orders.create(draft_of(shop))

    assert order.total == 41000
    assert len(shop.emulator.orders) == 1
    (operation,) = [each async for each in client_of(shop).operations.iterate()]
    assert operation.order == order.id


async def test_an_outcome_that_stays_unknown(open_another: OpenShop) -> None:
    """When the time is up the caller knows which operation to read."""
    shop = await open_another(account={"read_timeout": 0.3}, server={"idempotency_wait": 0})
    shop.emulator.faults({"match": {"method": "POST", "path": "/orders"}, "at": "before", "do": "drop"})

    with pytest.raises(OutcomeUnknown) as unknown:
        await client_of(shop).orders.create(draft_of(shop), idempotency_key="mine", timeout=1)

    assert unknown.value.operation is not None
    operation = await client_of(shop).operations.get(unknown.value.operation)
    assert (operation.state, operation.idempotency_key) == ("unknown", "mine")
    assert operation.order == unknown.value.order


def test_a_gateway_that_does_not_listen_is_named() -> None:
    """The blocking client says what went wrong with the connection."""
    with (
        Client(f"http://127.0.0.1:{free_port()}", "og_test_1") as client,
        pytest.raises(NoAnswerError, match="ConnectError"),
    ):
        client.orders.list(timeout=0.1)


def _run(source: str, names: dict[str, Any]) -> None:
    """Run an example as it stands; it may say `async with` without a function around it."""
    result = eval(compile(source, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if result is not None:
        asyncio.run(result)


async def test_the_examples_in_the_package_run(shop: Shop) -> None:
    """The blocks of the package's docstring, one after the other."""
    assert shop.key is not None
    assert ordergate.client.__doc__ is not None
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", ordergate.client.__doc__, flags=re.MULTILINE)
    begin, refused, awaited, unhurried, told, webhook = map(textwrap.dedent, blocks)
    body = b'{"type":"order.paid","timestamp":"2026-03-01T12:00:00Z","data":{}}'
    names: dict[str, Any] = {"url": shop.url, "api_key": shop.key, "body": body}

    await asyncio.to_thread(_run, begin, names)
    with Client(shop.url, shop.key) as names["gateway"]:
        await asyncio.to_thread(_run, refused, names)
    await asyncio.to_thread(_run, awaited, names)
    with Client(shop.url, shop.key) as names["gateway"]:
        names["another"] = msgspec.structs.replace(names["draft"], reference="1002")
        await asyncio.to_thread(_run, unhurried, names)
        await asyncio.to_thread(_run, told, names)
    names["headers"] = _signature(names["secret"], body)
    _run(webhook, names)

    assert names["order"].total == 40000
    assert names["operation"].state == "succeeded"
    assert names["event"].order == names["operation"].order
    assert names["message"].type == "order.paid"


def _signature(secret: str, body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", now, body.decode()),
    }


async def test_the_example_in_the_readme_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newcomer copies creates and pays an order."""
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.setitem(os.environ, "GATEWAY", shop.url)
    monkeypatch.setitem(os.environ, "KEY", shop.key or "")

    await asyncio.to_thread(_run, block, {})

    (order,) = (await client_of(shop).orders.list()).data
    assert (order.reference, order.total) == ("1001", 41000)
    assert order.payment_status in {PaymentStatus.PENDING, PaymentStatus.PAID}
    assert SKUS[0] in {line.sku for line in order.line_items}
