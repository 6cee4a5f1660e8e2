# Generated from asynchronous.py; see CONTRIBUTING.
"""The client: its resources, with one method for each call of the API."""

from collections.abc import Iterator, Mapping, Sequence
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
from ordergate.client.blocking_events import Events, WebhookDeliveries, WebhookEndpoints
from ordergate.client.calls import Mode
from ordergate.client.connections import Connection
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


class Orders:
    """Orders, at whichever provider they are."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def create(self, draft: Draft, **options: Unpack[CreateOptions]) -> Order:
        """Create an order, at the account that the draft names or that the routing chooses."""
        return self._connection.send(calls.create_order(draft, **options))

    def get(self, order: Order | str, *, refresh: bool = False, **options: Unpack[ReadOptions]) -> Order:
        """Read an order; with `refresh` the provider is read first."""
        return self._connection.send(calls.get_order(order, refresh=refresh, **options))

    def receipt(self, order: Order | str, **options: Unpack[ReadOptions]) -> Receipt:
        """Read the exchanges of an order with its provider, attempt by attempt."""
        return self._connection.send(calls.get_receipt(order, **options))

    def events(self, order: Order | str, **options: Unpack[TimelineOptions]) -> EventList:
        """Read one page of an order's events, the oldest first."""
        return self._connection.send(event_calls.list_order_events(order, **options).call)

    def iterate_events(
        self, order: Order | str, **options: Unpack[TimelineOptions]
    ) -> Iterator[EventDocument]:
        """Iterate over an order's events, the oldest first."""
        return self._connection.rows(event_calls.list_order_events(order, **options))

    def list(self, **filters: Unpack[OrderFilters]) -> Page:
        """List one page of orders, newest first."""
        return self._connection.send(calls.list_orders(**filters).call)

    def iterate(self, **filters: Unpack[OrderFilters]) -> Iterator[Order]:
        """Iterate over all orders, page by page, newest first."""
        return self._connection.rows(calls.list_orders(**filters))

    def pay(self, order: Order | str, body: PayBody | None = None, **options: Unpack[WriteOptions]) -> Order:
        """Pay the amount due, or as the body says. Its return does not mean *paid*: read `payment_status`."""
        return self._connection.send(calls.pay_order(order, body, **options))

    def cancel(
        self, order: Order | str, body: CancelBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Cancel an order of which no money was taken."""
        return self._connection.send(calls.cancel_order(order, body, **options))

    def fulfill(
        self, order: Order | str, body: FulfillBody | None = None, **options: Unpack[WriteOptions]
    ) -> Order:
        """Fulfill all lines, or as the body says."""
        return self._connection.send(calls.fulfill_order(order, body, **options))

    def update(self, order: Order | str, body: UpdateBody, **options: Unpack[WriteOptions]) -> Order:
        """Change the fields in the body: an absent field stays, None clears."""
        return self._connection.send(calls.update_order(order, body, **options))

    def return_goods(self, order: Order | str, body: ReturnBody, **options: Unpack[WriteOptions]) -> Return:
        """Take goods back, and refund them."""
        return self._connection.send(calls.return_goods(order, body, **options))

    def returns(self, order: Order | str, **options: Unpack[ReadOptions]) -> Sequence[Return]:
        """Read the returns, oldest first."""
        return self._connection.send(calls.list_returns(order, **options))


class Operations:
    """Operations: the writes and their outcomes."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def get(self, operation_id: str, **options: Unpack[ReadOptions]) -> OperationDocument:
        """Read one write: its attempts, and whether it was applied."""
        return self._connection.send(calls.get_operation(operation_id, **options))

    def list(self, **filters: Unpack[OperationFilters]) -> OperationList:
        """List one page of writes, newest first."""
        return self._connection.send(calls.list_operations(**filters).call)

    def iterate(self, **filters: Unpack[OperationFilters]) -> Iterator[OperationDocument]:
        """Iterate over all operations, page by page, newest first."""
        return self._connection.rows(calls.list_operations(**filters))

    def begin(self, write: Call[T], *, wait: int = 0) -> OperationDocument | T:
        """Have a write of `ordergate.client.calls` recorded, and return its operation without waiting for its end.

        Returns:
            Return the answer of the write itself, if it settles within `wait` seconds or was settled under the same key
            before.
        """
        return self._connection.send(calls.begun(write, wait))

    def wait(self, operation: OperationDocument | str, **options: Unpack[ReadOptions]) -> OperationDocument:
        """Read one write, ever more seldom, until it has succeeded or failed.

        Raises:
            OutcomeUnknown: It was not in time, or only a person can find out.
        """
        return self._connection.send(calls.settled(operation, **options))

    def recheck(
        self, operation: OperationDocument | str, **options: Unpack[ReadOptions]
    ) -> OperationDocument:
        """Let the gateway probe the provider now for an unsettled operation; nothing is sent again."""
        return self._connection.send(calls.recheck_operation(operation, **options))

    def resolve(
        self, operation: OperationDocument | str, body: ResolveBody, **options: Unpack[ReadOptions]
    ) -> OperationDocument:
        """Resolve an operation that could not settle itself, with your evidence; needs an operator's key."""
        return self._connection.send(calls.resolve_operation(operation, body, **options))


class Accounts:
    """Accounts at providers."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def list(self, **options: Unpack[ReadOptions]) -> Sequence[AccountDocument]:
        """List the accounts that the key reaches."""
        return self._connection.send(calls.list_accounts(**options))

    def get(self, account: str, **options: Unpack[ReadOptions]) -> AccountDocument:
        """Read one account: its capabilities, limits and health."""
        return self._connection.send(calls.get_account(account, **options))

    def orders(self, account: str, **filters: Unpack[ProviderFilters]) -> ProviderPage:
        """Read one page of the provider's own list; orders that were not made here have no `id`."""
        return self._connection.send(calls.list_provider_orders(account, **filters).call)

    def iterate_orders(self, account: str, **filters: Unpack[ProviderFilters]) -> Iterator[Order]:
        """Iterate over the provider's own list, page by page."""
        return self._connection.rows(calls.list_provider_orders(account, **filters))

    def import_order(self, account: str, provider_order_id: str, **options: Unpack[OwnedOptions]) -> Order:
        """Adopt an order that was made at the provider; it has no key: if its answer is lost, call it again."""
        return self._connection.send(calls.import_order(account, provider_order_id, **options))


class Links:
    """Links: the provider's ids of the merchant's own ids."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def put(
        self, kind: LinkKind, link_id: str, natives: Mapping[str, str], **options: Unpack[OwnedOptions]
    ) -> dict[str, str]:
        """Set the provider's id at the accounts in `natives`; links at other accounts stay."""
        return self._connection.send(calls.put_link(kind, link_id, natives, **options))

    def get(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> dict[str, str]:
        """Read the provider's id at each account."""
        return self._connection.send(calls.get_link(kind, link_id, **options))

    def delete(self, kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> None:
        """Delete the links of an id."""
        self._connection.send(calls.delete_link(kind, link_id, **options))

    def import_links(self, links: Sequence[Link], **options: Unpack[OwnedOptions]) -> int:
        """Set many links, all of them or none; returns how many."""
        return self._connection.send(calls.import_links(links, **options))


class Comparisons:
    """Accounts side by side."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def create(
        self,
        draft: Draft,
        accounts: Sequence[str],
        mode: Mode = "translate",
        **options: Unpack[ComparisonOptions],
    ) -> ComparisonDocument:
        """Compare the requests of several accounts for a draft or, with `execute`, their real responses."""
        return self._connection.send(calls.create_comparison(draft, accounts, mode, **options))

    def get(self, comparison_id: str, **options: Unpack[ReadOptions]) -> ComparisonDocument:
        """Read a comparison."""
        return self._connection.send(calls.get_comparison(comparison_id, **options))

    def list(self, **options: Unpack[PageOptions]) -> ComparisonList:
        """List one page of comparisons, newest first."""
        return self._connection.send(calls.list_comparisons(**options).call)

    def iterate(self, **options: Unpack[PageOptions]) -> Iterator[ComparisonDocument]:
        """Iterate over all comparisons, page by page, newest first."""
        return self._connection.rows(calls.list_comparisons(**options))


class Client:
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
        http: httpx.Client | None = None,
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
        self._connection = Connection(access, http)
        self.orders = Orders(self._connection)
        self.operations = Operations(self._connection)
        self.accounts = Accounts(self._connection)
        self.links = Links(self._connection)
        self.comparisons = Comparisons(self._connection)
        self.events = Events(self._connection)
        self.webhook_endpoints = WebhookEndpoints(self._connection)
        self.webhook_deliveries = WebhookDeliveries(self._connection)

    def translate(
        self, draft: Draft, accounts: Sequence[str], **options: Unpack[OwnedOptions]
    ) -> Sequence[TranslationDocument]:
        """Read the requests for each account for a draft, byte for byte; nothing is sent."""
        return self.send(calls.translate_order(draft, accounts, **options))

    def explain_route(
        self, draft: Draft, idempotency_key: str | None = None, **options: Unpack[OwnedOptions]
    ) -> RouteDocument:
        """Read the route of a draft, with the reason; the key is that of its create."""
        return self.send(calls.explain_route(draft, idempotency_key, **options))

    def send(self, call: Call[T]) -> T:
        """Make one call of `ordergate.client.calls`, with all its repeats.

        Raises:
            OrdergateError: The error of the call.
        """
        return self._connection.send(call)

    def close(self) -> None:
        """Close the connections; a client of httpx that was given stays open."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Use it until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()
