"""The merchants' feeds of events: numbered once they are committed, complete and in an order that never changes.

Many processes record events, each in the transaction of the change, and the commits become visible in any order. The
outbox numbers committed events afterwards, one process at a time for each feed, and queues their deliveries. It runs
after every write of this process, and now and then for processes that died before.
"""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import structlog

from ordergate.domain.errors import invalid_request
from ordergate.domain.identifiers import is_id
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders.read import visible_order
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.events import Event, EventQuery, Feed

BATCH = 200
"""Events that one transaction numbers at most, and deliveries that it queues."""

_FEEDS = 100
_PASSES = 40
"""Most transactions that one reader waits for: other processes may write faster than it numbers."""
_IDLE = 1.0
_GATHER = 0.05
"""Seconds between a write and the pass that it wakes, and between passes: writes of the same moment share one."""
_DIGITS = 19
"""Digits from which a number may exceed the 64 bits of the databases."""

_log = structlog.get_logger("ordergate.events")


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a feed; `has_more` is true if another page follows."""

    data: list[Event]
    has_more: bool


@contextlib.asynccontextmanager
async def outbox(runtime: Runtime) -> AsyncIterator[None]:
    """Number committed events in the background until the block ends."""

    async def do_round() -> float:
        numbered = await number_round(runtime)
        return 0.0 if numbered >= BATCH else _GATHER if numbered else _IDLE

    worker = runtime.workers.run(
        "outbox",
        do_round,
        log=_log,
        failure="numbering.failed",
        after_failure=_IDLE,
        gather=lambda: _GATHER,
    )
    runtime.journal.on_events(lambda: runtime.workers.wake("outbox"))
    try:
        async with worker:
            yield
    finally:
        runtime.journal.on_events(None)


async def number_round(runtime: Runtime) -> int:
    """Number a batch of each feed that has events without a number, and return how many there were.

    A failure of one feed is logged, and the other feeds are numbered.

    Raises:
        JournalUnavailableError: The journal failed. Numbered events stay numbered.
    """
    total = 0
    for feed in await runtime.journal.read(tx.deliveries.unnumbered_feeds(_FEEDS)):
        try:
            total += await runtime.journal.write(tx.deliveries.number_events(feed, BATCH))
        except JournalUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - a failure of one feed stops no other
            _log.exception("numbering.failed", merchant=feed.merchant, world=feed.world)
    if total:
        runtime.workers.wake("delivery")
    return total


async def number_feed(runtime: Runtime, feed: Feed) -> None:
    """Number the committed events of one feed, independent of concurrent writes.

    Raises:
        JournalUnavailableError: The journal failed. Numbered events stay numbered.
    """
    total = 0
    for _ in range(_PASSES):
        numbered = await runtime.journal.write(tx.deliveries.number_events(feed, BATCH))
        total += numbered
        if not numbered:
            break
    if total:
        runtime.workers.wake("delivery")


async def list_events(runtime: Runtime, query: EventQuery) -> EventPage:
    """Return one page of a feed. Events that were committed before are in it, or on a later page."""
    if query.feed in await runtime.journal.read(tx.deliveries.unnumbered_feeds(_FEEDS)):
        await number_feed(runtime, query.feed)
    events = await runtime.journal.read(tx.events.search(query))
    return _page(events, query.limit)


async def order_timeline(
    runtime: Runtime, caller: Caller, order_id: str, *, after: str | None = None, limit: int = 100
) -> EventPage:
    """Return a page of the events of one order, the oldest first.

    Args:
        runtime: The gateway.
        caller: Who asks.
        order_id: The order.
        after: The id of the event of this order after which to read; None for the beginning.
        limit: Events on the page.

    Raises:
        Problem: ``not_found``; ``invalid_request`` if `after` is no event of this order.
    """
    await visible_order(runtime, caller, order_id)
    if after is not None:
        last = await runtime.journal.read(tx.events.find(after)) if is_id(after, "evt") else None
        if last is None or last.order != order_id:
            raise invalid_request(
                "/after", "invalid_cursor", "Give the id of the last event of this order that you have."
            )
    return _page(
        await runtime.journal.read(tx.events.search_of_order(order_id, after=after, limit=limit)), limit
    )


async def place_in_feed(runtime: Runtime, feed: Feed, after: str | None) -> int:
    """Return the number after which to read: `after` is a number, or an event's id.

    Raises:
        Problem: ``invalid_request``: it is neither, or no event of this feed.
    """
    if after is None:
        return 0
    if after.isascii() and after.isdigit() and len(after) < _DIGITS:
        return int(after)
    place = await runtime.journal.read(tx.events.find_number(feed, after)) if is_id(after, "evt") else None
    if place is None:
        raise invalid_request(
            "/after",
            "invalid_cursor",
            "Give the number or the id of the last event that you have; 0 is the beginning.",
        )
    return place


def _page(events: list[Event], limit: int) -> EventPage:
    return EventPage(data=events[:limit], has_more=len(events) > limit)
