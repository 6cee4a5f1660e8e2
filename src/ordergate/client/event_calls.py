"""The calls of the API for events and webhooks: the request of each, and the reader of its answer."""

from dataclasses import replace
from typing import Unpack, cast

from ordergate.api.event_documents import (
    DeliveryDocument,
    DeliveryList,
    EndpointDocument,
    EndpointList,
    EndpointSecretDocument,
    EventDocument,
    EventList,
    PingDocument,
    ReplayedDocument,
)
from ordergate.client.building import (
    Listing,
    acting,
    by_id,
    order_path,
    post,
    read,
    segment,
    unwrapped,
)
from ordergate.client.conversation import Call
from ordergate.client.options import (
    DeliveryFilters,
    EventFilters,
    OwnedOptions,
    PageOptions,
    ReadOptions,
    TimelineOptions,
)
from ordergate.domain.order import Order
from ordergate.domain.webhook_bodies import EndpointBody, EndpointUpdate, ReplayBody, RotateBody


def list_events(**filters: Unpack[EventFilters]) -> Listing[EventList, EventDocument]:
    """GET /v1/events."""
    return Listing(read("/v1/events", EventList, filters), lambda page: page.data, _by_last_event)


def list_order_events(
    order: Order | str, **options: Unpack[TimelineOptions]
) -> Listing[EventList, EventDocument]:
    """GET /v1/orders/{id}/events."""
    call = read(f"{order_path(order)}/events", EventList, options)
    return Listing(call, lambda page: page.data, _by_last_event)


def create_webhook_endpoint(
    body: EndpointBody, **options: Unpack[OwnedOptions]
) -> Call[EndpointSecretDocument]:
    """POST /v1/webhook_endpoints."""
    return post("/v1/webhook_endpoints", EndpointSecretDocument, body, options, writes=True)


def list_webhook_endpoints(**options: Unpack[PageOptions]) -> Listing[EndpointList, EndpointDocument]:
    """GET /v1/webhook_endpoints."""
    return Listing(
        read("/v1/webhook_endpoints", EndpointList, options), lambda page: page.data, by_id(options)
    )


def get_webhook_endpoint(
    endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]
) -> Call[EndpointDocument]:
    """GET /v1/webhook_endpoints/{id}."""
    return read(_endpoint(endpoint), EndpointDocument, options)


def update_webhook_endpoint(
    endpoint: EndpointDocument | str, body: EndpointUpdate, **options: Unpack[ReadOptions]
) -> Call[EndpointDocument]:
    """PATCH /v1/webhook_endpoints/{id}."""
    call = post(_endpoint(endpoint), EndpointDocument, body, options, writes=True)
    return replace(call, method="PATCH")


def delete_webhook_endpoint(endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> Call[None]:
    """DELETE /v1/webhook_endpoints/{id}."""
    call = cast("Call[None]", acting(_endpoint(endpoint), EndpointDocument, options))
    return replace(call, method="DELETE", read=lambda _: None)


def rotate_webhook_secret(
    endpoint: EndpointDocument | str, body: RotateBody | None = None, **options: Unpack[ReadOptions]
) -> Call[EndpointSecretDocument]:
    """POST /v1/webhook_endpoints/{id}/rotate."""
    path = f"{_endpoint(endpoint)}/rotate"
    return post(path, EndpointSecretDocument, body or RotateBody(), options, writes=True)


def enable_webhook_endpoint(
    endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]
) -> Call[EndpointDocument]:
    """POST /v1/webhook_endpoints/{id}/enable."""
    return acting(f"{_endpoint(endpoint)}/enable", EndpointDocument, options)


def disable_webhook_endpoint(
    endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]
) -> Call[EndpointDocument]:
    """POST /v1/webhook_endpoints/{id}/disable."""
    return acting(f"{_endpoint(endpoint)}/disable", EndpointDocument, options)


def ping_webhook_endpoint(
    endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]
) -> Call[PingDocument]:
    """POST /v1/webhook_endpoints/{id}/ping."""
    return acting(f"{_endpoint(endpoint)}/ping", PingDocument, options)


def list_webhook_deliveries(**filters: Unpack[DeliveryFilters]) -> Listing[DeliveryList, DeliveryDocument]:
    """GET /v1/webhook_deliveries."""
    return Listing(
        read("/v1/webhook_deliveries", DeliveryList, filters), lambda page: page.data, by_id(filters)
    )


def replay_webhook_delivery(
    delivery: DeliveryDocument | str, **options: Unpack[ReadOptions]
) -> Call[DeliveryDocument]:
    """POST /v1/webhook_deliveries/{id}/replay."""
    named = segment(delivery if isinstance(delivery, str) else delivery.id)
    return acting(f"/v1/webhook_deliveries/{named}/replay", DeliveryDocument, options)


def replay_webhook_deliveries(body: ReplayBody, **options: Unpack[ReadOptions]) -> Call[int]:
    """POST /v1/webhook_deliveries/replay."""
    call = post("/v1/webhook_deliveries/replay", ReplayedDocument, body, options, writes=True)
    return unwrapped(call, lambda answer: answer.replayed)


def _endpoint(endpoint: EndpointDocument | str) -> str:
    return f"/v1/webhook_endpoints/{segment(endpoint if isinstance(endpoint, str) else endpoint.id)}"


def _by_last_event(page: EventList) -> dict[str, str]:
    return {"after": page.data[-1].id} if page.has_more and page.data else {}
