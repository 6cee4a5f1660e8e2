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
from tests.scenarios.shop import CARD, CUSTOMER, SKUS, Shop, free_port

import ordergate.client
from ordergate.client import (
    AsyncClient,
    AuthenticationError,
    CancelBody,
    Client,
    Draft,
    FulfillBody,
    Link,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknown,
    PayBody,
    PaymentStatus,
    PossibleDuplicateError,
    ProblemError,
    UpdateBody,
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
    begin, refused, awaited, webhook = map(textwrap.dedent, blocks)
    body = b'{"type":"order.paid","timestamp":"2026-03-01T12:00:00Z","data":{}}'
    names: dict[str, Any] = {"url": shop.url, "api_key": shop.key, "body": body, **_signed(body)}

    await asyncio.to_thread(_run, begin, names)
    with Client(shop.url, shop.key) as names["gateway"]:
        await asyncio.to_thread(_run, refused, names)
    await asyncio.to_thread(_run, awaited, names)
    _run(webhook, names)

    assert names["order"].total == 40000
    assert names["message"].type == "order.paid"


def _signed(body: bytes) -> dict[str, Any]:
    now, secret = datetime.now(UTC), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", now, body.decode()),
    }
    return {"secret": secret, "headers": headers}


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
