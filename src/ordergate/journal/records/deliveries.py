"""What the journal keeps of events, webhook endpoints and deliveries, and what it is asked of them."""

from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.delivery import DeliveryState, DeliveryTry
from ordergate.domain.mode import World
from ordergate.journal.records.events import Event


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a merchant wants to be told of events.

    Attributes:
        id: ``wh_…``.
        types: Of which events; None for all.
        enabled: It is sent to; while it is not, what was queued waits, and nothing more is queued.
        disabled_reason: Why it is not, where the gateway itself has decided so.
        failing_since: When a try failed first after the last that was delivered; None where none has.
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
        """Whether it is told of such events."""
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
    """A delivery whose time has come, and that this process alone makes.

    Attributes:
        failures: Tries that have failed since it was queued, or replayed.
    """

    delivery: Delivery
    event: Event
    failures: int


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of an endpoint; it shows itself to nobody who prints it.

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
    """How the deliveries of all merchants stand.

    Attributes:
        waiting: Deliveries to enabled endpoints that are not made yet.
        oldest: Seconds since the oldest of them was queued; 0 if there is none.
        disabled: Endpoints that nothing is sent to.
    """

    waiting: int
    oldest: float
    disabled: int


class DeliveryBatch(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with the secrets to sign with, the newest first, and what is due there."""

    endpoint: Endpoint
    secrets: tuple[SigningSecret, ...]
    due: tuple[DueDelivery, ...]


class EndpointQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which endpoints to list; newest first by id."""

    world: World
    merchant: str | None = None
    limit: int = 20
    starting_after: str | None = None
    ending_before: str | None = None


class DeliveryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to list; newest first by id."""

    world: World
    merchant: str | None = None
    endpoint: str | None = None
    state: DeliveryState | None = None
    event: str | None = None
    order: str | None = None
    limit: int = 20
    starting_after: str | None = None
    ending_before: str | None = None


class ReplayRange(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to one endpoint are made again.

    Attributes:
        failed_only: Those that have failed for good; else every event of the range that the endpoint is told of,
            whether or not it was delivered or queued before.
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
    """How many deliveries a batch has queued again, and where the next one begins; None where there is none."""

    count: int
    next_after: int | None
