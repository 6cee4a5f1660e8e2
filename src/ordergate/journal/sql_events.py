"""The journal's part for events and webhooks on any SQL database, and how a database runs a transaction."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

from ordergate.domain.delivery import DeliveryTry
from ordergate.journal.records.deliveries import (
    Delivery,
    DeliveryQuery,
    Due,
    Endpoint,
    EndpointQuery,
    OutgoingWebhooks,
    Parcel,
    Range,
    Replayed,
    SigningSecret,
)
from ordergate.journal.records.events import Event, EventQuery, Feed
from ordergate.journal.transaction import Transaction
from ordergate.journal.transactions import deliveries as delivery_transactions
from ordergate.journal.transactions import events as event_transactions

T = TypeVar("T")

LIST_SECONDS = 5.0
"""Seconds that a page of a list may take: a filter that no index serves reads many rows to find a few."""


class SqlEvents(ABC):
    """Implements :class:`ordergate.gateway.runtime.event_ports.EventJournal`; the methods are described there."""

    _wake: Callable[[], None] | None = None

    @abstractmethod
    async def _write(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction and make it durable; `begin` makes it anew where it has to be run again.

        Raises:
            JournalUnavailableError: The store failed; nothing was kept.
        """

    @abstractmethod
    async def _read(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction that changes nothing.

        Raises:
            JournalUnavailableError: The store failed.
        """

    @abstractmethod
    def waiting_writes(self) -> int:
        """Return how many writes of this process wait to be durable."""

    @abstractmethod
    async def _list(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction that reads a page of a list: it takes LIST_SECONDS at most, and no room from others.

        Raises:
            ListTooSlowError: It was ended for that.
            JournalUnavailableError: The store failed.
        """

    async def _check(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction that tries whether the store takes a write, whatever others ask it at the time.

        Raises:
            JournalUnavailableError: It does not.
        """
        return await self._write_briefly(begin)

    async def _look_up(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction that reads a few rows by their index, where a store has a shorter way for that.

        Raises:
            JournalUnavailableError: The store failed.
        """
        return await self._read(begin)

    async def _write_briefly(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction that reads and writes a few rows by their index, where a store has a shorter way for that.

        Raises:
            JournalUnavailableError: As of :meth:`_write`.
        """
        return await self._write(begin)

    async def _write_events(self, begin: Callable[[], Transaction[T]]) -> T:
        """Run a transaction of one order that may record events, and say so afterwards."""
        result = await self._write_briefly(begin)
        if self._wake is not None:
            self._wake()
        return result

    def on_events(self, wake: Callable[[], None] | None) -> None:
        """Call this after each write of this process that may have recorded events."""
        self._wake = wake

    async def unnumbered_feeds(self, limit: int) -> list[Feed]:
        """Return feeds that have events without a number."""
        return await self._read(lambda: delivery_transactions.unnumbered_feeds(limit))

    async def number_events(self, feed: Feed, limit: int) -> int:
        """Number a feed's events, and queue their deliveries."""
        return await self._write_briefly(lambda: delivery_transactions.number_events(feed, limit))

    async def events(self, query: EventQuery) -> list[Event]:
        """Return up to ``limit + 1`` numbered events."""
        return await self._list(lambda: event_transactions.events(query))

    async def event(self, event_id: str) -> Event | None:
        """Return one event."""
        return await self._read(lambda: event_transactions.event(event_id))

    async def place_in_feed(self, feed: Feed, event_id: str) -> int | None:
        """Return an event's number; None where it has none yet, or is not of this feed."""
        return await self._read(lambda: event_transactions.place_in_feed(feed, event_id))

    async def order_events(self, order_id: str, *, after: str | None = None, limit: int = 100) -> list[Event]:
        """Return up to ``limit + 1`` of an order's events."""
        return await self._read(lambda: event_transactions.order_events(order_id, after, limit))

    async def add_endpoint(self, endpoint: Endpoint, secret: SigningSecret, at_most: int) -> bool:
        """Keep an endpoint, unless its merchant has so many already."""
        return await self._write(lambda: delivery_transactions.add_endpoint(endpoint, secret, at_most))

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return one endpoint."""
        return await self._read(lambda: delivery_transactions.endpoint(endpoint_id))

    async def endpoints(self, query: EndpointQuery) -> list[Endpoint]:
        """Return up to ``limit + 1`` endpoints."""
        return await self._list(lambda: delivery_transactions.endpoints(query))

    async def change_endpoint(
        self, endpoint_id: str, changes: Mapping[str, object], *, only_at: str | None = None
    ) -> Endpoint | None:
        """Set fields of an endpoint."""
        return await self._write(lambda: delivery_transactions.change_endpoint(endpoint_id, changes, only_at))

    async def delete_endpoint(self, endpoint_id: str) -> bool:
        """Forget an endpoint, its secrets and its deliveries."""
        return await self._write(lambda: delivery_transactions.delete_endpoint(endpoint_id))

    async def rotate_secret(self, endpoint_id: str, secret: SigningSecret, ends_at: datetime) -> bool:
        """Keep a further secret, and end the others then."""
        return await self._write(lambda: delivery_transactions.rotate_secret(endpoint_id, secret, ends_at))

    async def secrets(self, endpoint_id: str) -> list[SigningSecret]:
        """Return the secrets that sign now."""
        return await self._read(lambda: delivery_transactions.secrets(endpoint_id))

    async def outgoing_webhooks(self) -> OutgoingWebhooks:
        """Count what waits to be delivered, and disabled endpoints."""
        return await self._read(delivery_transactions.outgoing_webhooks)

    async def due_endpoints(self) -> list[str]:
        """Return the enabled endpoints that have something due."""
        return await self._read(delivery_transactions.due_endpoints)

    async def take_deliveries(self, endpoint_id: str, owner: str, limit: int) -> Parcel | None:
        """Make an endpoint's due deliveries this process's own."""
        return await self._write(lambda: delivery_transactions.take_deliveries(endpoint_id, owner, limit))

    async def end_delivery(
        self, due: Due, owner: str, made: DeliveryTry, *, next_try_in: float | None
    ) -> None:
        """Record how a try went."""
        await self._write(
            lambda: delivery_transactions.end_delivery(due, owner, made, next_try_in=next_try_in)
        )

    async def release_deliveries(self, owner: str, held: Collection[str]) -> None:
        """Let go of what nobody living makes."""
        await self._write(lambda: delivery_transactions.release_deliveries(owner, held))

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """Return one delivery."""
        return await self._read(lambda: delivery_transactions.delivery(delivery_id))

    async def deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        """Return up to ``limit + 1`` deliveries."""
        return await self._list(lambda: delivery_transactions.deliveries(query))

    async def replay(self, delivery_id: str) -> Delivery | None:
        """Let a delivery be made at once, with all its tries anew."""
        return await self._write(lambda: delivery_transactions.replay(delivery_id))

    async def replay_range(self, wanted: Range, limit: int) -> Replayed:
        """Let one batch of a range be delivered again."""
        return await self._write(lambda: delivery_transactions.replay_range(wanted, limit))

    async def prune_deliveries(self, since: datetime, limit: int) -> int:
        """Forget deliveries that ended before."""
        return await self._write(lambda: delivery_transactions.prune_deliveries(since, limit))
