"""The request bodies for webhooks: endpoints, and replays of deliveries."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ordergate.domain.draft import Body, Time
from ordergate.domain.event_type import EventType

MAX_URL = 2048

Url = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_URL, description="https://…; with a test key http:// will do."),
]
Types = Annotated[
    list[EventType],
    Meta(
        min_length=1,
        max_length=100,
        description="The types of events to deliver; leave it out for all types.",
    ),
]
Description = Annotated[str, Meta(max_length=255)]


class EndpointBody(Body, frozen=True, kw_only=True):
    """A new endpoint."""

    url: Url
    types: Types | None = None
    description: Description | None = None


class EndpointUpdate(Body, frozen=True, kw_only=True):
    """The changes of an endpoint; null clears: `types` to all."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


class RotateBody(Body, frozen=True, kw_only=True):
    """How long the old secrets also sign, beside the new one."""

    overlap_hours: Annotated[int, Meta(ge=0, le=168)] = 24


class ReplayBody(Body, frozen=True, kw_only=True):
    """Which deliveries to one endpoint to make again.

    All that failed for good (`failed`), or everything since a time or after an event's number, whether or not it was
    delivered, or even queued, before.
    """

    endpoint: str
    failed: bool = False
    since: Time | None = None
    until: Time | None = None
    after: Annotated[int, Meta(ge=0, le=2**62)] | None = None
