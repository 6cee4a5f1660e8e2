"""Records of webhook endpoints and deliveries, and the queries for them."""

from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.delivery import DeliveryState, DeliveryTry
from ordergate.domain.mode import World
from ordergate.journal.records.events import Event
from ordergate.journal.records.paging import PageQuery


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A URL to which a merchant's events are delivered.

    Attributes:
        id: ``wh_…``.
        types: Of which events; None for all.
        enabled: Events are queued and sent. While it is false, queued deliveries wait and no event is queued.
        disabled_reason: Why the gateway itself has disabled the endpoint; None otherwise.
        failing_since: Time of the first failed try after the last delivered one; None without a failed try.
    """

    id: str
    merchant: str
    world: World
    url: str
    types: tuple[str, ...] | None
    description: str | None
    enabled: bool
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None = None

    def wants(self, kind: str) -> bool:
        """Whether the endpoint receives events of this type."""
        return self.types is None or kind in self.types


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint.

    Attributes:
        state: ``failed`` once every try has failed.
        tries: The latest, oldest first.
        next_try_at: Null once there is none.
    """

    id: str
    endpoint: str
    merchant: str
    world: World
    event: str
    number: int
    type: str
    order: str
    state: DeliveryState
    tries: tuple[DeliveryTry, ...]
    created_at: datetime
    next_try_at: datetime | None


class DueDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A due delivery that this process has acquired.

    Attributes:
        failures: Tries that have failed since it was queued, or replayed.
    """

    delivery: Delivery
    event: Event
    failures: int


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A signing secret of an endpoint. Its repr does not contain the secret.

    Attributes:
        value: ``whsec_…``.
        ends_at: Until when it signs; None for as long as the endpoint is there.
    """

    value: str
    ends_at: datetime | None

    def __repr__(self) -> str:
        """Show stars."""
        return "SigningSecret(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show stars in coloured tracebacks, too."""
        return [("value", "***")]


class OutgoingWebhooks(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the deliveries and endpoints of all merchants.

    Attributes:
        waiting: Deliveries to enabled endpoints that are not made yet.
        oldest: Seconds since the oldest of them was queued; 0 if there is none.
        disabled: Endpoints that nothing is sent to.
    """

    waiting: int
    oldest: float
    disabled: int


class DeliveryBatch(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, its signing secrets with the newest first, and its due deliveries."""

    endpoint: Endpoint
    secrets: tuple[SigningSecret, ...]
    due: tuple[DueDelivery, ...]


class EndpointQuery(PageQuery, frozen=True, kw_only=True):
    """Which endpoints to list."""


class DeliveryQuery(PageQuery, frozen=True, kw_only=True):
    """Which deliveries to list."""

    endpoint: str | None = None
    state: DeliveryState | None = None
    event: str | None = None
    order: str | None = None


class ReplayRange(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to one endpoint are made again.

    Attributes:
        failed_only: Replay only deliveries that have failed finally. Otherwise replay every event of the range that
            matches the endpoint's types, delivered or not.
        since: Of events from then on.
        until: Of events up to then.
        after: Of events with a larger number.
    """

    endpoint: Endpoint
    failed_only: bool
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0


class ReplayPage(msgspec.Struct, frozen=True, kw_only=True):
    """The number of deliveries that a batch has queued, and the start of the next batch; None after the last."""

    count: int
    next_after: int | None
