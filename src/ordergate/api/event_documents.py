"""The documents of the API for events and webhooks: plain types that the server writes and the client reads."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from ordergate.domain.delivery import DeliveryState, DeliveryTry

_TYPE = msgspec.Meta(description="`order.created`, …; later releases may add types.")


class EventDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        id: Also the `webhook-id` of its deliveries.
        number: Its place in the merchant's feed, from 1 without gaps; null for a moment in an order's timeline.
        order: The id of the order that it is about.
        data: The order as it then was; of `operation.settled` the operation.
    """

    id: str
    number: int | None
    type: Annotated[str, _TYPE]
    timestamp: datetime
    order: str
    data: dict[str, Any]


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """Events, the oldest first."""

    data: list[EventDocument]
    has_more: bool


class EndpointDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A URL to which a merchant's events are delivered.

    Attributes:
        types: Of which; null for all.
        enabled: Events are queued and sent. While it is false, queued deliveries wait, and no event is queued.
        disabled_reason: Why the gateway has disabled it.
    """

    id: str
    merchant: str
    url: str
    types: list[str] | None
    description: str | None
    enabled: bool
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime


class EndpointSecretDocument(EndpointDocument, frozen=True, kw_only=True):
    """An endpoint with its new secret. The secret is returned only once, and never printed."""

    secret: str

    def __repr__(self) -> str:
        """Show stars."""
        return f"EndpointSecretDocument(id={self.id!r}, url={self.url!r}, secret=***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show stars in coloured tracebacks, too."""
        return [("id", self.id), ("url", self.url), ("secret", "***")]


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of endpoints, newest first."""

    data: list[EndpointDocument]
    has_more: bool


class DeliveryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint.

    Attributes:
        state: `failed` once every try has failed.
        tries: The latest, oldest first.
        next_try_at: Null while it is being made, waits for an earlier one of its order, or is over.
    """

    id: str
    endpoint: str
    event: str
    number: int
    type: Annotated[str, _TYPE]
    order: str
    state: DeliveryState
    tries: list[DeliveryTry]
    created_at: datetime
    next_try_at: datetime | None


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of deliveries, newest first."""

    data: list[DeliveryDocument]
    has_more: bool


class ReplayedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are made again."""

    replayed: int


class PingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a ping; `detail` says why it was not delivered."""

    delivered: bool
    http_status: int | None
    milliseconds: int
    detail: str | None
