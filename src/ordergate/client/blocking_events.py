# Generated from asynchronous_events.py; see CONTRIBUTING.
"""The client's resources for events and webhooks, with one method for each call of the API."""

from collections.abc import Iterator
from typing import Unpack

from ordergate.api.event_documents import (
    DeliveryDocument,
    DeliveryList,
    EndpointDocument,
    EndpointList,
    EndpointSecretDocument,
    EventDocument,
    EventList,
    PingDocument,
)
from ordergate.client import event_calls
from ordergate.client.connections import Connection
from ordergate.client.options import DeliveryFilters, EventFilters, OwnedOptions, PageOptions, ReadOptions
from ordergate.domain.webhook_bodies import EndpointBody, EndpointUpdate, ReplayBody, RotateBody


class Events:
    """The merchant's feed: complete, in an order that never changes, the oldest first."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def list(self, **filters: Unpack[EventFilters]) -> EventList:
        """Read one page of events."""
        return self._connection.send(event_calls.list_events(**filters).call)

    def iterate(self, **filters: Unpack[EventFilters]) -> Iterator[EventDocument]:
        """Iterate over the present events; start the next time `after` the id of the last one."""
        return self._connection.rows(event_calls.list_events(**filters))


class WebhookEndpoints:
    """Webhook endpoints: the URLs for events."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def create(self, body: EndpointBody, **options: Unpack[OwnedOptions]) -> EndpointSecretDocument:
        """Have events sent to a URL from now on; keep the `secret`, which is shown this once."""
        return self._connection.send(event_calls.create_webhook_endpoint(body, **options))

    def list(self, **options: Unpack[PageOptions]) -> EndpointList:
        """List one page of endpoints, newest first."""
        return self._connection.send(event_calls.list_webhook_endpoints(**options).call)

    def iterate(self, **options: Unpack[PageOptions]) -> Iterator[EndpointDocument]:
        """Iterate over all endpoints, page by page, newest first."""
        return self._connection.rows(event_calls.list_webhook_endpoints(**options))

    def get(self, endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> EndpointDocument:
        """Read one endpoint."""
        return self._connection.send(event_calls.get_webhook_endpoint(endpoint, **options))

    def update(
        self, endpoint: EndpointDocument | str, body: EndpointUpdate, **options: Unpack[ReadOptions]
    ) -> EndpointDocument:
        """Change the fields in the body: an absent field stays, None clears."""
        return self._connection.send(event_calls.update_webhook_endpoint(endpoint, body, **options))

    def delete(self, endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> None:
        """Delete an endpoint and its queued deliveries; the events stay in the feed."""
        self._connection.send(event_calls.delete_webhook_endpoint(endpoint, **options))

    def rotate(
        self,
        endpoint: EndpointDocument | str,
        body: RotateBody | None = None,
        **options: Unpack[ReadOptions],
    ) -> EndpointSecretDocument:
        """Create a new secret, which is returned only once. For a day, or as the body says, the old one also signs."""
        return self._connection.send(event_calls.rotate_webhook_secret(endpoint, body, **options))

    def enable(self, endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> EndpointDocument:
        """Enable an endpoint: its waiting deliveries are sent first."""
        return self._connection.send(event_calls.enable_webhook_endpoint(endpoint, **options))

    def disable(self, endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> EndpointDocument:
        """Disable an endpoint: queued deliveries wait, and no event is queued."""
        return self._connection.send(event_calls.disable_webhook_endpoint(endpoint, **options))

    def ping(self, endpoint: EndpointDocument | str, **options: Unpack[ReadOptions]) -> PingDocument:
        """Send a signed `ping` now, and return its result; it is no event and has no retry."""
        return self._connection.send(event_calls.ping_webhook_endpoint(endpoint, **options))


class WebhookDeliveries:
    """AsyncEvents on their way to endpoints."""

    def __init__(self, connection: Connection) -> None:
        """Send the calls through a client."""
        self._connection = connection

    def list(self, **filters: Unpack[DeliveryFilters]) -> DeliveryList:
        """List one page of deliveries with their tries, newest first."""
        return self._connection.send(event_calls.list_webhook_deliveries(**filters).call)

    def iterate(self, **filters: Unpack[DeliveryFilters]) -> Iterator[DeliveryDocument]:
        """Iterate over all deliveries, page by page, newest first."""
        return self._connection.rows(event_calls.list_webhook_deliveries(**filters))

    def replay(self, delivery: DeliveryDocument | str, **options: Unpack[ReadOptions]) -> DeliveryDocument:
        """Deliver one event again, with all its tries."""
        return self._connection.send(event_calls.replay_webhook_delivery(delivery, **options))

    def replay_many(self, body: ReplayBody, **options: Unpack[ReadOptions]) -> int:
        """Deliver failed events, or all events of a range, to one endpoint again; returns how many."""
        return self._connection.send(event_calls.replay_webhook_deliveries(body, **options))
