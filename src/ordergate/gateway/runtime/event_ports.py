"""What the use cases need for events and webhooks: the journal's part of it, and a way to the merchants' receivers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

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

Wake = Callable[[], None]


class EventJournal(Protocol):
    """The journal's part that keeps events, endpoints and deliveries.

    Events are recorded wherever the journal writes an order or settles an operation, in the same step.
    """

    def on_events(self, wake: Wake | None) -> None:
        """Call this after each write of this process that may have recorded events."""
        ...

    async def unnumbered_feeds(self, limit: int) -> list[Feed]:
        """Return feeds that have events without a number."""
        ...

    async def number_events(self, feed: Feed, limit: int) -> int:
        """Number a feed's events in the order in which they were recorded, and queue their deliveries.

        Processes that do so at once follow each other: a number, once it can be read, is never overtaken by a smaller
        one.

        Returns:
            How many; `limit` at most, and fewer where many endpoints are told of each: `limit` is of deliveries, too.
        """
        ...

    async def events(self, query: EventQuery) -> list[Event]:
        """Return up to ``limit + 1`` numbered events, so that the caller can tell whether there are more."""
        ...

    async def event(self, event_id: str) -> Event | None:
        """Return one event."""
        ...

    async def place_in_feed(self, feed: Feed, event_id: str) -> int | None:
        """Return an event's number; None where it has none yet, or is not of this feed."""
        ...

    async def order_events(self, order_id: str, *, after: str | None = None, limit: int = 100) -> list[Event]:
        """Return up to ``limit + 1`` events of one order, the oldest first, numbered or not yet.

        Args:
            order_id: The order.
            after: The id of an event of that order: only later ones.
            limit: How many to show; the one more tells whether there are more.
        """
        ...

    async def add_endpoint(self, endpoint: Endpoint, secret: SigningSecret, at_most: int) -> bool:
        """Keep an endpoint; False where its merchant has so many already."""
        ...

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return one endpoint."""
        ...

    async def endpoints(self, query: EndpointQuery) -> list[Endpoint]:
        """Return up to ``limit + 1`` endpoints, so that the caller can tell whether there are more."""
        ...

    async def change_endpoint(
        self, endpoint_id: str, changes: Mapping[str, object], *, only_at: str | None = None
    ) -> Endpoint | None:
        """Set fields of an endpoint, whoever else sets others at the same time; None where it is gone.

        Args:
            endpoint_id: Which.
            changes: The fields.
            only_at: Change nothing where its URL is another one by now.
        """
        ...

    async def delete_endpoint(self, endpoint_id: str) -> bool:
        """Forget an endpoint, its secrets and its deliveries; tell whether there was one."""
        ...

    async def rotate_secret(self, endpoint_id: str, secret: SigningSecret, ends_at: datetime) -> bool:
        """Keep a further secret, and end the others then; of many the newest stay. False where the endpoint is gone."""
        ...

    async def secrets(self, endpoint_id: str) -> list[SigningSecret]:
        """Return the secrets that sign now, the newest first."""
        ...

    async def outgoing_webhooks(self) -> OutgoingWebhooks:
        """Count what waits to be delivered to enabled endpoints, and the endpoints that are disabled.

        Raises:
            JournalUnavailableError: The store failed.
        """
        ...

    async def due_endpoints(self) -> list[str]:
        """Return the enabled endpoints that have something due which nobody living makes, the longest waiting first."""
        ...

    async def take_deliveries(self, endpoint_id: str, owner: str, limit: int) -> Parcel | None:
        """Make an endpoint's due deliveries this process's own; None where it is gone or disabled.

        Of each order only the first that is not delivered yet is due.
        """
        ...

    async def end_delivery(
        self, due: Due, owner: str, made: DeliveryTry, *, next_try_in: float | None
    ) -> None:
        """Record how a try went, unless the delivery has become another's.

        Args:
            due: As it was taken.
            owner: This process.
            made: The try; it was delivered where it has no detail.
            next_try_in: Seconds; None where there is no further try.
        """
        ...

    async def release_deliveries(self, owner: str, held: Collection[str]) -> None:
        """Let go of what this process has taken and does not hold: a failure of the store has hidden it from it."""
        ...

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """Return one delivery."""
        ...

    async def deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        """Return up to ``limit + 1`` deliveries, so that the caller can tell whether there are more."""
        ...

    async def replay(self, delivery_id: str) -> Delivery | None:
        """Let a delivery be made at once, with all its tries anew; None where it is gone."""
        ...

    async def replay_range(self, wanted: Range, limit: int) -> Replayed:
        """Let one batch of a range be delivered again, up to `limit` of its events; none where the endpoint is gone."""
        ...

    async def prune_deliveries(self, since: datetime, limit: int) -> int:
        """Forget deliveries that ended before; return how many, `limit` at most."""
        ...


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt to reach a receiver.

    Attributes:
        status: HTTP status; None where no whole answer came.
        retry_after: The header, as it was sent.
        detail: Why no answer came, for a human.
    """

    status: int | None
    retry_after: str | None = None
    detail: str | None = None


class WebhookSender(Protocol):
    """The way to the merchants' receivers: one request, one answer."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send a webhook; whatever goes wrong is in the reply."""
        ...
