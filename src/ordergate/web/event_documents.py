"""Makes the API's documents about events and webhooks from the results of the use cases."""

from typing import Any

import msgspec

from ordergate.api.event_documents import (
    DeliveryDocument,
    EndpointDocument,
    EndpointSecretDocument,
    EventDocument,
    PingDocument,
)
from ordergate.domain.delivery import DeliveryTry
from ordergate.journal.records.deliveries import Delivery, Endpoint
from ordergate.journal.records.events import Event


def event_document(event: Event) -> EventDocument:
    """Return the document of an event."""
    return EventDocument(
        id=event.id,
        number=event.number,
        type=event.type,
        timestamp=event.timestamp,
        order=event.order,
        data=msgspec.json.decode(event.data),
    )


def endpoint_document(endpoint: Endpoint) -> EndpointDocument:
    """Return the document of an endpoint, without its secrets."""
    return EndpointDocument(**_endpoint_fields(endpoint))


def endpoint_with_secret(endpoint: Endpoint, secret: str) -> EndpointSecretDocument:
    """Return an endpoint and its new secret."""
    return EndpointSecretDocument(**_endpoint_fields(endpoint), secret=secret)


def delivery_document(delivery: Delivery) -> DeliveryDocument:
    """Return the document of a delivery."""
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
    """Return the document of a ping."""
    return PingDocument(
        delivered=made.detail is None,
        http_status=made.http_status,
        milliseconds=made.milliseconds,
        detail=made.detail,
    )


def _endpoint_fields(endpoint: Endpoint) -> dict[str, Any]:
    fields = {name: getattr(endpoint, name) for name in EndpointDocument.__struct_fields__}
    return fields | {"types": None if endpoint.types is None else list(endpoint.types)}
