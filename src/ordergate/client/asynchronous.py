"""The client: its resources, with one method for each call of the API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from ordergate.api.documents import (
    AccountDocument,
    ComparisonDocument,
    ComparisonList,
    OperationDocument,
    OperationList,
    RouteDocument,
    TranslationDocument,
)
from ordergate.api.event_documents import EventDocument, EventList
from ordergate.api.pages import Page, ProviderPage
from ordergate.api.receipts import Receipt
from ordergate.client import calls, event_calls
from ordergate.client.asynchronous_events import AsyncEvents, AsyncWebhookDeliveries, AsyncWebhookEndpoints
from ordergate.client.calls import Mode
from ordergate.client.connections import AsyncConnection
from ordergate.client.conversation import Call
from ordergate.client.options import (
    ComparisonOptions,
    CreateOptions,
    OperationFilters,
    OrderFilters,
    OwnedOptions,
    PageOptions,
    ProviderFilters,
    ReadOptions,
    TimelineOptions,
    WriteOptions,
)
from ordergate.client.wire import access_to
from ordergate.domain.draft import (
    CancelBody,
    Draft,
    FulfillBody,
    PayBody,
    ResolveBody,
    ReturnBody,
    UpdateBody,
)
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.order import Order, Return

T = TypeVar("T")


class AsyncOrders:
    """Orders, at whichever provider they are."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    async def create(self, draft: Draft, **options: Unpack[CreateOptions]) -> Order:
        """Create an order, at the account that the draft names or that the routing chooses."""
        return await self._connection.send(calls.create_order(draft, **options))

    async def get(
        self, order: Order | str, *, refresh: bool = False, **options: Unpack[ReadOptions]
    ) -> Order:
        """Read an order; with `refresh` the provider is read first."""
        return await self._connection.send(calls.get_order(order, refresh=refresh, **options))

    async def receipt(self, order: Order | str, **options: Unpack[ReadOptions]) -> Receipt:
        """Read the exchanges of an order with its provider, attempt by attempt."""
        return await self._connection.send(calls.get_receipt(order, **options))

    async def events(self, order: Order | str, **options: Unpack[TimelineOptions]) -> EventList:
        """Read one page of an order's events, the oldest first."""
        return await self._connection.send(event_calls.list_order_events(order, **options).call)

    def iterate_events(
        self, order: Order | str, **options: Unpack[TimelineOptions]
    ) -> AsyncIterator[EventDocument]:
        """Iterate over an order's events, the oldest first."""
        return self._connection.rows(event_calls.list_order_events(order, **options))

    async def list(self, **filters: Unpack[OrderFilters]) -> Page:
        """List one page of orders, newest first."""
        return await self._connection.send(calls.list_orders(**filters).call)

    def iterate(self, **filters: Unpack[OrderFilters]) -> AsyncIterator[Order]:
        """Iterate over all orders, page by page, newest first."""
        return self._connection.rows(calls.list_orders(**filters))

    async def pay(
        self, order: Order | str, body: PayBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Pay the amount due, or as the body says. Its return does not mean *paid*: read `payment_status`."""
        return await self._connection.send(calls.pay_order(order, body, **options))

    async def cancel(
        self, order: Order | str, body: CancelBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Cancel an order of which no money was taken."""
        return await self._connection.send(calls.cancel_order(order, body, **options))

    async def fulfill(
        self, order: Order | str, body: FulfillBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Fulfill all lines, or as the body says."""
        return await self._connection.send(calls.fulfill_order(order, body, **options))

    async def update(self, order: Order | str, body: UpdateBody, **options: Unpack[WriteOptions]) -> Order:
        """Change the fields in the body: an absent field stays, None clears."""
        return await self._connection.send(calls.update_order(order, body, **options))

    async def return_goods(
        self, order: Order | str, body: ReturnBody, **options: Unpack[WriteOptions]
    ) -> Return:
        """Take goods back, and refund them."""
        return await self._connection.send(calls.return_goods(order, body, **options))

    async def returns(self, order: Order | str, **options: Unpack[ReadOptions]) -> Sequence[Return]:
        """Read the returns, oldest first."""
        return await self._connection.send(calls.list_returns(order, **options))


class AsyncOperations:
    """Operations: the writes and their outcomes."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    async def get(self, operation_id: str, **options: Unpack[ReadOptions]) -> OperationDocument:
        """Read one write: its attempts, and whether it was applied."""
        return await self._connection.send(calls.get_operation(operation_id, **options))

    async def list(self, **filters: Unpack[OperationFilters]) -> OperationList:
        """List one page of writes, newest first."""
        return await self._connection.send(calls.list_operations(**filters).call)

    def iterate(self, **filters: Unpack[OperationFilters]) -> AsyncIterator[OperationDocument]:
        """Iterate over all operations, page by page, newest first."""
        return self._connection.rows(calls.list_operations(**filters))

    async def begin(self, write: Call[T], *, wait: int = 0) -> OperationDocument | T:
        """Have a write of `ordergate.client.calls` recorded, and return its operation without waiting for its end.

        Returns:
            Return the answer of the write itself, if it settles within `wait` seconds or was settled under the same key
            before.
        """
        return await self._connection.send(calls.begun(write, wait))

    async def wait(
        self, operation: OperationDocument | str, **options: Unpack[ReadOptions]
    ) -> OperationDocument:
        """Read one write, ever more seldom, until it has succeeded or failed.

        Raises:
            OutcomeUnknown: It was not in time, or only a person can find out.
        """
        return await self._connection.send(calls.settled(operation, **options))

    async def recheck(
        self, operation: OperationDocument | str, **options: Unpack[ReadOptions]
    ) -> OperationDocument:
        """Let the gateway probe the provider now for an unsettled operation; nothing is sent again."""
        return await self._connection.send(calls.recheck_operation(operation, **options))

    async def resolve(
        self, operation: OperationDocument | str, body: ResolveBody, **options: Unpack[ReadOptions]
    ) -> OperationDocument:
        """Resolve an operation that could not settle itself, with your evidence; needs an operator's key."""
        return await self._connection.send(calls.resolve_operation(operation, body, **options))


class AsyncAccounts:
    """Accounts at providers."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    async def list(self, **options: Unpack[ReadOptions]) -> Sequence[AccountDocument]:
        """List the accounts that the key reaches."""
        return await self._connection.send(calls.list_accounts(**options))

    async def get(self, account: str, **options: Unpack[ReadOptions]) -> AccountDocument:
        """Read one account: its capabilities, limits and health."""
        return await self._connection.send(calls.get_account(account, **options))

    async def orders(self, account: str, **filters: Unpack[ProviderFilters]) -> ProviderPage:
        """Read one page of the provider's own list; orders that were not made here have no `id`."""
        return await self._connection.send(calls.list_provider_orders(account, **filters).call)

    def iterate_orders(self, account: str, **filters: Unpack[ProviderFilters]) -> AsyncIterator[Order]:
        """Iterate over the provider's own list, page by page."""
        return self._connection.rows(calls.list_provider_orders(account, **filters))

    async def import_order(
        self, account: str, provider_order_id: str, **options: Unpack[OwnedOptions]
    ) -> Order:
        """Adopt an order that was made at the provider; it has no key: if its answer is lost, call it again."""
        return await self._connection.send(calls.import_order(account, provider_order_id, **options))


class AsyncLinks:
    """Links: the provider's ids of the merchant's own ids."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    async def put(
        self, kind: LinkKind, link_id: str, natives: Mapping[str, str], **options: Unpack[OwnedOptions]
    ) -> dict[str, str]:
        """Set the provider's id at the accounts in `natives`; links at other accounts stay."""
        return await self._connection.send(calls.put_link(kind, link_id, natives, **options))

    async def get(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> dict[str, str]:
        """Read the provider's id at each account."""
        return await self._connection.send(calls.get_link(kind, link_id, **options))

    async def delete(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> None:
        """Delete the links of an id."""
        await self._connection.send(calls.delete_link(kind, link_id, **options))

    async def import_links(self, links: Sequence[Link], **options: Unpack[OwnedOptions]) -> int:
        """Set many links, all of them or none; returns how many."""
        return await self._connection.send(calls.import_links(links, **options))


class AsyncComparisons:
    """Accounts side by side."""

    def __init__(self, connection: AsyncConnection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    async def create(
        self,
        draft: Draft,
        accounts: Sequence[str],
        mode: Mode = "translate",
        **options: Unpack[ComparisonOptions],
    ) -> ComparisonDocument:
        """Compare the requests of several accounts for a draft or, with `execute`, their real responses."""
        return await self._connection.send(calls.create_comparison(draft, accounts, mode, **options))

    async def get(self, comparison_id: str, **options: Unpack[ReadOptions]) -> ComparisonDocument:
        """Read a comparison."""
        return await self._connection.send(calls.get_comparison(comparison_id, **options))

    async def list(self, **options: Unpack[PageOptions]) -> ComparisonList:
        """List one page of comparisons, newest first."""
        return await self._connection.send(calls.list_comparisons(**options).call)

    def iterate(self, **options: Unpack[PageOptions]) -> AsyncIterator[ComparisonDocument]:
        """Iterate over all comparisons, page by page, newest first."""
        return self._connection.rows(calls.list_comparisons(**options))


class AsyncClient:
    """One gateway as one API key sees it. An ``AsyncClient`` belongs to one event loop; threads may share a ``Client``.

    Attributes:
        orders: Create, read, pay, cancel, fulfill, change, return.
        operations: The writes and their outcomes.
        accounts: The configured accounts, and the provider's own orders.
        links: The provider's ids of the merchant's own ids.
        comparisons: Accounts side by side.
        events: The events of orders.
        webhook_endpoints: The URLs for events.
        webhook_deliveries: The deliveries of events, and their replays.
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
            attempt_timeout: Seconds to wait in one attempt for each part of the response.
            http: The HTTP client, with its own proxies and certificates; the caller closes it.

        Raises:
            ValueError: An argument has an invalid value.
        """
        access = access_to(base_url, api_key, timeout=timeout, attempt_timeout=attempt_timeout)
        self._connection = AsyncConnection(access, http)
        self.orders = AsyncOrders(self._connection)
        self.operations = AsyncOperations(self._connection)
        self.accounts = AsyncAccounts(self._connection)
        self.links = AsyncLinks(self._connection)
        self.comparisons = AsyncComparisons(self._connection)
        self.events = AsyncEvents(self._connection)
        self.webhook_endpoints = AsyncWebhookEndpoints(self._connection)
        self.webhook_deliveries = AsyncWebhookDeliveries(self._connection)

    async def translate(
        self, draft: Draft, accounts: Sequence[str], **options: Unpack[OwnedOptions]
    ) -> Sequence[TranslationDocument]:
        """Read the requests for each account for a draft, byte for byte; nothing is sent."""
        return await self.send(calls.translate_order(draft, accounts, **options))

    async def explain_route(
        self, draft: Draft, idempotency_key: str | None = None, **options: Unpack[OwnedOptions]
    ) -> RouteDocument:
        """Read the route of a draft, with the reason; the key is that of its create."""
        return await self.send(calls.explain_route(draft, idempotency_key, **options))

    async def send(self, call: Call[T]) -> T:
        """Make one call of `ordergate.client.calls`, with all its repeats.

        Raises:
            OrdergateError: The error of the call.
        """
        return await self._connection.send(call)

    async def aclose(self) -> None:
        """Close the connections; a client of httpx that was given stays open."""
        await self._connection.aclose()

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
