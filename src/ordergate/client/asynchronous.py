"""The client for asyncio: the same calls, awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from ordergate.client import calls
from ordergate.client.calls import Listing, Mode
from ordergate.client.conversation import Answer, Call, NoAnswer, Waiting
from ordergate.client.events import Event, EventPage
from ordergate.client.options import (
    ComparisonOptions,
    CreateOptions,
    EventFilters,
    OperationFilters,
    OrderFilters,
    OwnedOptions,
    PageOptions,
    ProviderFilters,
    ReadOptions,
    WriteOptions,
)
from ordergate.client.wire import access_to, answer_of, no_answer
from ordergate.documents import (
    AccountDocument,
    ComparisonDocument,
    ComparisonList,
    OperationDocument,
    OperationList,
    RouteDocument,
    TranslationDocument,
)
from ordergate.domain.draft import CancelBody, Draft, FulfillBody, PayBody, ReturnBody, UpdateBody
from ordergate.domain.order import Order, Return
from ordergate.gateway.pages import Page, ProviderPage
from ordergate.gateway.records import Link, LinkKind

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")


class AsyncOrders:
    """Orders, at whichever provider they are."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def create(self, draft: Draft, **options: Unpack[CreateOptions]) -> Order:
        """Create an order, at the account that the draft names or that the routing chooses."""
        return await self._client.send(calls.create_order(draft, **options))

    async def get(
        self, order: Order | str, *, refresh: bool = False, **options: Unpack[ReadOptions]
    ) -> Order:
        """Read an order; with `refresh` the provider is read first."""
        return await self._client.send(calls.get_order(order, refresh=refresh, **options))

    async def list(self, **filters: Unpack[OrderFilters]) -> Page:
        """List one page of orders, newest first."""
        return await self._client.send(calls.list_orders(**filters).call)

    def iterate(self, **filters: Unpack[OrderFilters]) -> AsyncIterator[Order]:
        """Go through all orders, page by page, newest first."""
        return self._client.rows(calls.list_orders(**filters))

    async def pay(
        self, order: Order | str, body: PayBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Pay what is due, or as the body says; that it returns is not yet *paid*: read `payment_status`."""
        return await self._client.send(calls.pay_order(order, body, **options))

    async def cancel(
        self, order: Order | str, body: CancelBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Cancel an order of which no money was taken."""
        return await self._client.send(calls.cancel_order(order, body, **options))

    async def fulfill(
        self, order: Order | str, body: FulfillBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Say that the goods were handed over: all of them, or as the body says."""
        return await self._client.send(calls.fulfill_order(order, body, **options))

    async def update(self, order: Order | str, body: UpdateBody, **options: Unpack[WriteOptions]) -> Order:
        """Change what the body names: what is left out stays, None clears."""
        return await self._client.send(calls.update_order(order, body, **options))

    async def return_goods(
        self, order: Order | str, body: ReturnBody, **options: Unpack[WriteOptions]
    ) -> Return:
        """Take goods back, and refund them."""
        return await self._client.send(calls.return_goods(order, body, **options))

    async def returns(self, order: Order | str, **options: Unpack[ReadOptions]) -> Sequence[Return]:
        """Read what has come back, oldest first."""
        return await self._client.send(calls.list_returns(order, **options))


class AsyncOperations:
    """Writes, and what became of them."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def get(self, operation_id: str, **options: Unpack[ReadOptions]) -> OperationDocument:
        """Read one write: its attempts, and whether it was applied."""
        return await self._client.send(calls.get_operation(operation_id, **options))

    async def list(self, **filters: Unpack[OperationFilters]) -> OperationList:
        """List one page of writes, newest first."""
        return await self._client.send(calls.list_operations(**filters).call)

    def iterate(self, **filters: Unpack[OperationFilters]) -> AsyncIterator[OperationDocument]:
        """Go through all writes, page by page, newest first."""
        return self._client.rows(calls.list_operations(**filters))


class AsyncAccounts:
    """Accounts at providers."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def list(self, **options: Unpack[ReadOptions]) -> Sequence[AccountDocument]:
        """List the accounts that the key reaches."""
        return await self._client.send(calls.list_accounts(**options))

    async def get(self, account: str, **options: Unpack[ReadOptions]) -> AccountDocument:
        """Read one account: what its provider can do, limits, health."""
        return await self._client.send(calls.get_account(account, **options))

    async def orders(self, account: str, **filters: Unpack[ProviderFilters]) -> ProviderPage:
        """Read one page of the provider's own list; orders that were not made here have no `id`."""
        return await self._client.send(calls.list_provider_orders(account, **filters).call)

    def iterate_orders(self, account: str, **filters: Unpack[ProviderFilters]) -> AsyncIterator[Order]:
        """Go through the provider's own list, page by page."""
        return self._client.rows(calls.list_provider_orders(account, **filters))

    async def import_order(
        self, account: str, provider_order_id: str, **options: Unpack[OwnedOptions]
    ) -> Order:
        """Adopt an order that was made at the provider; it has no key: if its answer is lost, call it again."""
        return await self._client.send(calls.import_order(account, provider_order_id, **options))


class AsyncLinks:
    """What the merchant's own ids are called at each account."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def put(
        self, kind: LinkKind, link_id: str, natives: Mapping[str, str], **options: Unpack[OwnedOptions]
    ) -> dict[str, str]:
        """Say what an id is called at the accounts that `natives` names; others are left as they are."""
        return await self._client.send(calls.put_link(kind, link_id, natives, **options))

    async def get(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> dict[str, str]:
        """Read what an id is called at each account."""
        return await self._client.send(calls.get_link(kind, link_id, **options))

    async def delete(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> None:
        """Forget what an id is called."""
        await self._client.send(calls.delete_link(kind, link_id, **options))

    async def import_links(self, links: Sequence[Link], **options: Unpack[OwnedOptions]) -> int:
        """Set many links, all of them or none; returns how many."""
        return await self._client.send(calls.import_links(links, **options))


class AsyncComparisons:
    """Accounts side by side."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def create(
        self,
        draft: Draft,
        accounts: Sequence[str],
        mode: Mode = "translate",
        **options: Unpack[ComparisonOptions],
    ) -> ComparisonDocument:
        """Compare what accounts are sent for a draft or, with `execute`, what they really answer."""
        return await self._client.send(calls.create_comparison(draft, accounts, mode, **options))

    async def get(self, comparison_id: str, **options: Unpack[ReadOptions]) -> ComparisonDocument:
        """Read a comparison."""
        return await self._client.send(calls.get_comparison(comparison_id, **options))

    async def list(self, **options: Unpack[PageOptions]) -> ComparisonList:
        """List one page of comparisons, newest first."""
        return await self._client.send(calls.list_comparisons(**options).call)

    def iterate(self, **options: Unpack[PageOptions]) -> AsyncIterator[ComparisonDocument]:
        """Go through all comparisons, page by page, newest first."""
        return self._client.rows(calls.list_comparisons(**options))


class AsyncEvents:
    """The merchant's feed: complete, in an order that never changes, the oldest first."""

    def __init__(self, client: "AsyncClient") -> None:
        """Belong to a client."""
        self._client = client

    async def list(self, **filters: Unpack[EventFilters]) -> EventPage:
        """Read one page of events."""
        return await self._client.send(calls.list_events(**filters).call)

    def iterate(self, **filters: Unpack[EventFilters]) -> AsyncIterator[Event]:
        """Go through the events there are now; begin the next time `after` the last one's id."""
        return self._client.rows(calls.list_events(**filters))


class AsyncClient:
    """One gateway as one API key sees it. It belongs to one event loop.

    Attributes:
        orders: Create, read, pay, cancel, fulfill, change, return.
        operations: What became of each write.
        accounts: What is configured, and the provider's own orders.
        links: What the merchant's own ids are called at each account.
        comparisons: Accounts side by side.
        events: What happened.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 60.0,
        attempt_timeout: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Connect with the first call.

        Args:
            base_url: The gateway's: ``https://orders.example.com``.
            api_key: ``og_test_…`` or ``og_live_…``.
            timeout: Seconds for a call with all its repeats.
            attempt_timeout: Seconds to wait in one attempt for the answer to begin, or to go on.
            http: Sends the requests, with its own proxies and certificates; whoever made it closes it.

        Raises:
            ValueError: An argument cannot be what it should.
        """
        self._access = access_to(base_url, api_key, timeout=timeout, attempt_timeout=attempt_timeout)
        self._owned = http is None
        self._http = httpx.AsyncClient() if http is None else http
        self.orders = AsyncOrders(self)
        self.operations = AsyncOperations(self)
        self.accounts = AsyncAccounts(self)
        self.links = AsyncLinks(self)
        self.comparisons = AsyncComparisons(self)
        self.events = AsyncEvents(self)

    async def translate(
        self, draft: Draft, accounts: Sequence[str], **options: Unpack[OwnedOptions]
    ) -> Sequence[TranslationDocument]:
        """Read what each account would be sent for a draft, byte for byte; nothing is sent."""
        return await self.send(calls.translate_order(draft, accounts, **options))

    async def explain_route(
        self, draft: Draft, idempotency_key: str | None = None, **options: Unpack[OwnedOptions]
    ) -> RouteDocument:
        """Read where a draft would go, and why; the key is the one that its create would have."""
        return await self.send(calls.explain_route(draft, idempotency_key, **options))

    async def send(self, call: Call[T]) -> T:
        """Make one call, with all its repeats.

        Raises:
            OrdergateError: What it ended with.
        """
        conversation = self._access.begin(call)
        step = next(conversation)
        while True:
            reply: Answer | NoAnswer | None = None
            if isinstance(step, Waiting):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    reply = answer_of(await self._http.request(**self._access.request(step)))
                except httpx.RequestError as error:
                    reply = no_answer(error)
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                answer: T = end.value
                return answer

    async def rows(self, listing: Listing[P, R]) -> AsyncIterator[R]:
        """Go through a list, page by page; each page is one call."""
        following: Listing[P, R] | None = listing
        while following is not None:
            page = await self.send(following.call)
            for row in following.rows(page):
                yield row
            following = following.following(page)

    async def aclose(self) -> None:
        """Close the connections; a client of httpx that was given stays open."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use it until the block ends."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.aclose()
