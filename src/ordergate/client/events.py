"""What the feed of events tells."""

from datetime import datetime
from typing import Any

from ordergate.domain.order import Record


class Event(Record, frozen=True, kw_only=True):
    """One event of the feed.

    Attributes:
        id: Also the `webhook-id` of its deliveries.
        number: Its place in the feed.
        type: A later release may tell more than this one knows, so any word is taken.
        order: The id of the order that it is about.
        data: What the event is about, as it then was.
    """

    id: str
    number: int | None
    type: str
    timestamp: datetime
    order: str
    data: dict[str, Any]


class EventPage(Record, frozen=True, kw_only=True):
    """Events, the oldest first."""

    data: list[Event]
    has_more: bool
