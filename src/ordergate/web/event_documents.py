"""What the API answers about events and webhooks."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from ordergate.gateway.event_records import Delivery, DeliveryState, DeliveryTry, Endpoint, Event

_TYPE = msgspec.Meta(description="`order.created`, …; later releases may tell more.")


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
    """Where a merchant is told of events.

    Attributes:
        types: Of which; null for all.
        enabled: It is sent to; while it is not, what was queued waits, and nothing more is queued.
        disabled_reason: Why it is not, where the gateway has decided so.
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
    """An endpoint with its new secret, which is shown this once."""

    secret: str


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
    """How a ping went; `detail` says why it was not delivered."""

    delivered: bool
    http_status: int | None
    milliseconds: int
    detail: str | None


def event_document(event: Event) -> EventDocument:
    """Return what a caller reads of an event."""
    return EventDocument(
        id=event.id,
        number=event.number,
        type=event.type,
        timestamp=event.timestamp,
        order=event.order,
        data=msgspec.json.decode(event.data),
    )


def endpoint_document(endpoint: Endpoint) -> EndpointDocument:
    """Return what a caller reads of an endpoint: never its secrets."""
    return EndpointDocument(**_endpoint_fields(endpoint))


def endpoint_with_secret(endpoint: Endpoint, secret: str) -> EndpointSecretDocument:
    """Return an endpoint and its new secret."""
    return EndpointSecretDocument(**_endpoint_fields(endpoint), secret=secret)


def delivery_document(delivery: Delivery) -> DeliveryDocument:
    """Return what a caller reads of a delivery."""
    return DeliveryDocument(
        id=delivery.id,
        endpoint=delivery.endpoint,
        event=delivery.event,
        number=delivery.number,
        type=delivery.type,
        order=delivery.order,
        state=delivery.state,
        tries=list(delivery.tries),
        created_at=delivery.created_at,
        next_try_at=delivery.next_try_at,
    )


def ping_document(made: DeliveryTry) -> PingDocument:
    """Return what a caller reads of a ping."""
    return PingDocument(
        delivered=made.detail is None,
        http_status=made.http_status,
        milliseconds=made.milliseconds,
        detail=made.detail,
    )


def _endpoint_fields(endpoint: Endpoint) -> dict[str, Any]:
    fields = {name: getattr(endpoint, name) for name in EndpointDocument.__struct_fields__}
    return fields | {"types": None if endpoint.types is None else list(endpoint.types)}
