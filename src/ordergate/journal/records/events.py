"""Events as the journal keeps them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.event_type import EventType
from ordergate.domain.mode import World

Purpose = Literal["comparison"]


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant's events in one world; those of comparisons are a feed of their own.

    Each is numbered from 1 without a gap, in an order that never changes.
    """

    merchant: str
    world: World
    purpose: Purpose | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        number: Its place in its feed; None for the moment before it has one.
        type: An :class:`EventType`, or an unknown type that a later release has recorded.
        order: The id of the order that it is about.
        timestamp: When it was recorded, by the store's clock.
        data: JSON: the order as it then was, or the operation.
    """

    id: str
    number: int | None
    type: str
    merchant: str
    world: World
    order: str
    timestamp: datetime
    data: msgspec.Raw


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of a feed to list, in its order."""

    feed: Feed
    after: int = 0
    type: EventType | None = None
    limit: int = 20
