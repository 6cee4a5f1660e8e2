"""Deliveries of events to webhook endpoints, and the outbox that numbers events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.identifiers import new_id
from ordergate.journal import codec
from ordergate.journal.records.deliveries import (
    Delivery,
    DeliveryBatch,
    DeliveryQuery,
    DueDelivery,
    Endpoint,
    OutgoingWebhooks,
    ReplayPage,
    ReplayRange,
)
from ordergate.journal.records.events import Feed
from ordergate.journal.transaction import Batch, Query, Row, Rows, Steps, transaction
from ordergate.journal.transactions import endpoints, events, list_queries

_KEPT_TRIES = 20
_FIRST, _LAST = 0, 2**62
"""Unix milliseconds before and after every event."""


@transaction()
def unnumbered_feeds(limit: int) -> Steps[list[Feed]]:
    """Return feeds that have events without a number."""
    rows = yield Query("unnumbered_feeds", {"limit": limit})
    return [
        Feed(merchant=merchant, world=world, purpose=purpose or None) for merchant, world, purpose in rows
    ]


@transaction(inline=True)
def number_events(feed: Feed, limit: int) -> Steps[int]:
    """Number a feed's events in the order in which they were recorded, and queue their deliveries.

    Processes that do so at once follow each other: a number, once it can be read, is never overtaken by a smaller
    one.

    Returns:
        The number of numbered events; at most `limit`, and fewer if many endpoints get each of them.
    """
    scope = _scope(feed)
    ((last,),) = yield Query("lock_feed", scope)
    receivers = (yield Query("enabled_endpoints", scope)) if feed.purpose is None else ()
    most = max(limit // max(len(receivers), 1), 1)
    rows = yield Query("number_events", {**scope, "last": last, "limit": most})
    if not rows:
        return 0
    yield Query("advance_feed", {**scope, "number": last + len(rows)})
    if receivers:
        numbered = sorted(rows, key=lambda row: row[3])
        for row in receivers:
            yield from _queue(codec.decode_endpoint(row[0]), numbered)
    return len(rows)


@transaction()
def outgoing_webhooks() -> Steps[OutgoingWebhooks]:
    """Count the deliveries that wait for enabled endpoints, and the disabled endpoints.

    Raises:
        JournalUnavailableError: The store failed.
    """
    ((waiting, oldest, disabled),) = yield Query("outgoing_webhooks", {})
    return OutgoingWebhooks(waiting=int(waiting), oldest=max(int(oldest), 0) / 1000, disabled=int(disabled))


@transaction()
def acquire(endpoint_id: str, owner: str, limit: int) -> Steps[DeliveryBatch | None]:
    """Acquire an endpoint's due deliveries for this process; None if the endpoint is deleted or disabled.

    Of each order only the first that is not delivered yet is due.
    """
    found = yield from endpoints.find(endpoint_id)
    if found is None or not found.enabled:
        return None
    taken = yield Query("acquire_deliveries", {"endpoint_id": endpoint_id, "owner": owner, "limit": limit})
    due = []
    for row in sorted(taken, key=lambda row: int(row[7])):
        told = yield from events.find(row[4])
        assert told is not None
        due.append(DueDelivery(delivery=_delivery(row), event=told, failures=row[12]))
    signing = yield from endpoints.find_secrets(endpoint_id)
    return DeliveryBatch(endpoint=found, secrets=tuple(signing), due=tuple(due))


@transaction()
def finish(due: DueDelivery, owner: str, made: DeliveryTry, *, next_try_in: float | None) -> Steps[None]:
    """Record the end of a try, unless another process has acquired the delivery.

    Args:
        due: As it was taken.
        owner: This process.
        made: The try. Without a detail it was delivered.
        next_try_in: Seconds; None if there is no further try.
    """
    delivered = made.detail is None
    state = "delivered" if delivered else ("failed" if next_try_in is None else "pending")
    columns = {
        "id": due.delivery.id,
        "owner": owner,
        "state": state,
        "failures": due.failures + (not delivered),
        "next_try_in": None if delivered or next_try_in is None else round(next_try_in * 1000),
        "record": codec.encode([*due.delivery.tries[1 - _KEPT_TRIES :], made]),
    }
    if (yield Query("finish_delivery", columns)) and state != "pending":
        place = {"endpoint_id": due.delivery.endpoint, "order_id": due.delivery.order}
        yield Query("release_next_delivery", place)


@transaction()
def release(owner: str, held: Collection[str]) -> Steps[None]:
    """Release deliveries that this process has acquired without knowing, because the journal failed after the write."""
    rows = yield Query("abandoned_deliveries", {"node": owner})
    for (delivery_id,) in rows:
        if delivery_id not in held:
            yield Query("release_delivery", {"id": delivery_id})


@transaction()
def find(delivery_id: str) -> Steps[Delivery | None]:
    """Return one delivery."""
    rows = yield Query("delivery_by_id", {"id": delivery_id})
    return _delivery(rows[0]) if rows else None


@transaction(listed=True)
def search(query: DeliveryQuery) -> Steps[list[Delivery]]:
    """Return up to ``limit + 1`` deliveries; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.deliveries(query))
    return list_queries.in_order([_delivery(row) for row in rows], query)


@transaction()
def replay(delivery_id: str) -> Steps[Delivery | None]:
    """Queue a delivery again with all its tries; None if it does not exist."""
    found = yield from find(delivery_id)
    if found is None:
        return None
    yield Query("endpoint_to_change", {"id": found.endpoint})
    if (yield Query("replay_delivery", {"id": delivery_id})):
        yield from _requeued(found.endpoint, [(found.event, found.order, found.type, found.number)])
    return (yield from find(delivery_id))


@transaction()
def replay_range(wanted: ReplayRange, limit: int) -> Steps[ReplayPage]:
    """Queue one batch of a range again, up to `limit` events; nothing if the endpoint does not exist."""
    kept = yield Query("endpoint_to_change", {"id": wanted.endpoint.id})
    if not kept:
        return ReplayPage(count=0, next_after=None)
    receiver = codec.decode_endpoint(kept[0][0])
    bounds = {
        "after": wanted.after,
        "since": _FIRST if wanted.since is None else codec.milliseconds(wanted.since),
        "until": _LAST if wanted.until is None else codec.milliseconds(wanted.until),
        "limit": limit,
    }
    if wanted.failed_only:
        rows = yield Query("failed_events", {"endpoint_id": receiver.id, **bounds})
    else:
        scope = {"merchant": receiver.merchant, "world": receiver.world}
        rows = yield Query("events_of_range", {**scope, **bounds})
    taken = {row[0] for row in (yield Query("events_with_delivery", {"endpoint_id": receiver.id}))}
    free = [row for row in rows if row[0] not in taken]
    chosen = yield from _queue(receiver, free, whatever_type=wanted.failed_only)
    if chosen:
        yield from _requeued(receiver.id, chosen)
    return ReplayPage(count=len(chosen), next_after=rows[-1][3] if len(rows) == limit else None)


@transaction()
def prune(since: datetime, limit: int) -> Steps[int]:
    """Forget deliveries that ended before; return how many, `limit` at most."""
    rows = yield Query("prune_deliveries", {"since": codec.milliseconds(since), "limit": limit})
    return len(rows)


def _queue(receiver: Endpoint, rows: Rows, *, whatever_type: bool = False) -> Steps[Rows]:
    """Queue events, given by id, order, type and number, for one endpoint; return those that match its types."""
    wanted = [row for row in rows if whatever_type or receiver.wants(row[2])]
    if wanted:
        yield Batch("queue_delivery", [_delivery_columns(receiver, row) for row in wanted])
        yield from _free(receiver.id, wanted)
    return wanted


def _requeued(endpoint_id: str, rows: Rows) -> Steps[None]:
    """Free deliveries that are made again, ahead of later ones of their orders that were due."""
    orders = {"endpoint_id": endpoint_id, "orders": _orders(rows)}
    yield Query("lock_deliveries_of_orders", {**orders, "first": _LAST})
    yield Query("hold_delivery", orders)
    yield from _free(endpoint_id, rows)


def _free(endpoint_id: str, rows: Rows) -> Steps[None]:
    first, last = rows[0][3], rows[-1][3]
    orders = {"endpoint_id": endpoint_id, "orders": _orders(rows)}
    yield Query("lock_deliveries_of_orders", {**orders, "first": first})
    yield Query("release_held_deliveries", {"endpoint_id": endpoint_id, "first": first, "last": last})


def _orders(rows: Rows) -> str:
    """As a JSON text, which both stores take apart."""
    return codec.encode(sorted({row[1] for row in rows})).decode()


def _scope(feed: Feed) -> dict[str, Any]:
    return {"merchant": feed.merchant, "world": feed.world, "purpose": feed.purpose or ""}


def _delivery_columns(receiver: Endpoint, row: Sequence[Any]) -> dict[str, Any]:
    event_id, order_id, kind, number = row
    return {
        "id": new_id("dlv"),
        "endpoint_id": receiver.id,
        "merchant": receiver.merchant,
        "world": receiver.world,
        "event_id": event_id,
        "order_id": order_id,
        "type": kind,
        "number": number,
        "record": b"[]",
    }


def _delivery(row: Row) -> Delivery:
    identifier, endpoint_id, merchant, world, event_id, order_id, kind, number, state, due_at, created_at = (
        row[:11]
    )
    return Delivery(
        id=identifier,
        endpoint=endpoint_id,
        merchant=merchant,
        world=world,
        event=event_id,
        order=order_id,
        type=kind,
        number=number,
        state=state,
        tries=codec.decode_tries(row[11]),
        created_at=codec.moment(created_at),
        next_try_at=codec.moment_or_none(due_at),
    )
