"""The merchants' feeds of events: numbered once they are committed, complete and in an order that never changes.

Events are recorded with the change that they tell, by many processes at once, and become visible in any order. A pass
gives them their numbers afterwards, one process at a time for each feed, and queues their deliveries. It runs after
every write of this process, and now and then for those of processes that died before.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import structlog

from ordergate.domain.errors import invalid_request
from ordergate.domain.identifiers import is_id
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Gateway
from ordergate.gateway.event_records import Event, EventQuery, Feed
from ordergate.gateway.ports import JournalUnavailableError
from ordergate.gateway.read import visible_order

BATCH = 500
"""Events that one transaction numbers at most."""

_FEEDS = 100
_IDLE = 1.0
_GATHER = 0.02
"""Seconds between a write and the pass that it wakes: writes of the same moment share the pass."""
_LARGEST = 2**62

_log = structlog.get_logger("ordergate.events")


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a feed, and whether there are more after it."""

    data: list[Event]
    has_more: bool


@contextlib.asynccontextmanager
async def announcing(gateway: Gateway) -> AsyncIterator[None]:
    """Number events in the background, from now on; failures of the journal are waited out."""
    woken = asyncio.Event()
    gateway.journal.on_events(woken.set)
    task = asyncio.create_task(_number_for_ever(gateway, woken))
    try:
        yield
    finally:
        gateway.journal.on_events(None)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def number_all(gateway: Gateway) -> int:
    """Number every event that is committed, and return how many there were.

    Raises:
        JournalUnavailableError: The journal does not answer; what was numbered is.
    """
    total = 0
    while feeds := await gateway.journal.unnumbered_feeds(_FEEDS):
        for feed in feeds:
            total += await gateway.journal.number_events(feed, BATCH)
    if total and gateway.wake_deliveries is not None:
        gateway.wake_deliveries()
    return total


async def list_events(gateway: Gateway, query: EventQuery) -> EventPage:
    """Return one page of a feed; all that was committed before is in it, or on a page after it."""
    if query.feed in await gateway.journal.unnumbered_feeds(_FEEDS):
        await number_all(gateway)
    events = await gateway.journal.events(query)
    return EventPage(data=events[: query.limit], has_more=len(events) > query.limit)


async def order_timeline(gateway: Gateway, caller: Caller, order_id: str) -> list[Event]:
    """Return what happened to one order, the oldest first.

    Raises:
        Problem: ``not_found``.
    """
    await visible_order(gateway, caller, order_id)
    return await gateway.journal.order_events(order_id)


async def place_in_feed(gateway: Gateway, feed: Feed, after: str | None) -> int:
    """Return the number after which to read: `after` is a number, or an event's id.

    Raises:
        Problem: ``invalid_request``: it is neither, or no event of this feed.
    """
    if after is None:
        return 0
    if after.isascii() and after.isdigit() and int(after[:20]) <= _LARGEST:
        return int(after)
    event = await gateway.journal.event(after) if is_id(after, "evt") else None
    if event is None or event.number is None or (event.merchant, event.world) != (feed.merchant, feed.world):
        raise invalid_request(
            "/after",
            "invalid_cursor",
            "Give the number or the id of the last event that you have; 0 is the beginning.",
        )
    return event.number


async def _number_for_ever(gateway: Gateway, woken: asyncio.Event) -> None:
    while True:
        try:
            await number_all(gateway)
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - whatever fails once, events must be numbered
            _log.exception("numbering.failed")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), _IDLE)
            await asyncio.sleep(_GATHER)
        woken.clear()
