"""Events of orders, and the feeds that number them."""

from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.erasure import without_persons
from ordergate.domain.event_type import EventType
from ordergate.domain.events import ONCE, SettledOperation, events_between
from ordergate.domain.identifiers import new_id
from ordergate.domain.order import Order
from ordergate.journal import codec
from ordergate.journal.records.comparisons import COMPARISONS
from ordergate.journal.records.events import Event, EventQuery, Feed
from ordergate.journal.records.operations import Operation
from ordergate.journal.transaction import Batch, Query, Row, Steps, transaction
from ordergate.journal.transactions import list_queries

_ALL = 2**62


def record_change(before: OrderRecord | None, after: OrderRecord, order: Order) -> Steps[None]:
    """Record the events of a change between two records, in the transaction that writes the second one.

    Args:
        before: None for an order that is new.
        after: As it is kept now.
        order: The canonical order of `after`.
    """
    types = events_between(before, after, order=order)
    if before is not None and not ONCE.isdisjoint(types):
        recorded: set[EventType] = set()
        for each in sorted(ONCE.intersection(types)):
            if (yield Query("recorded_type", {"order_id": after.id, "type": each.value}, usual=[])):
                recorded.add(each)
        types = events_between(before, after, recorded, order=order)
    if types:
        document = codec.encode(order)
        new = [_event_columns(each, after, document) for each in types]
        yield Query("insert_event", new[0], usual=[]) if len(new) == 1 else Batch("insert_event", new)


def record_settled(operation: Operation) -> Steps[None]:
    """Record the event of a settled operation whose caller may not have the outcome."""
    assert operation.state in {"succeeded", "failed"}
    settled = SettledOperation(
        id=operation.id,
        kind=operation.kind,
        state=operation.state,
        outcome=operation.outcome,
        problem=operation.problem,
        order=operation.order,
        account=operation.account,
        reference=operation.reference,
        idempotency_key=operation.key,
    )
    rows = yield Query("order_purpose", {"id": operation.order})
    compared = operation.path == COMPARISONS or bool(rows and rows[0][0])
    columns = {
        "id": new_id("evt"),
        "merchant": operation.merchant,
        "world": operation.world,
        "purpose": "comparison" if compared else "",
        "order_id": operation.order,
        "type": EventType.OPERATION_SETTLED.value,
        "record": codec.encode(settled),
    }
    yield Query("insert_event", columns)


def redact_events(order_id: str) -> Steps[None]:
    """Erase the personal data of an order from its events, and so from its undelivered webhooks."""
    rows = yield Query("events_of_order", {"order_id": order_id, "after": None, "limit": _ALL})
    redacted = [
        {"id": row[0], "record": codec.encode(without_persons(msgspec.json.decode(row[7])))} for row in rows
    ]
    if redacted:
        yield Batch("replace_event", redacted)


@transaction(listed=True)
def search(query: EventQuery) -> Steps[list[Event]]:
    """Return up to ``limit + 1`` numbered events; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.events(query))
    return [_event(row) for row in rows]


@transaction()
def find(event_id: str) -> Steps[Event | None]:
    """Return one event."""
    rows = yield Query("event_by_id", {"id": event_id})
    return _event(rows[0]) if rows else None


@transaction()
def find_number(feed: Feed, event_id: str) -> Steps[int | None]:
    """Return an event's number; None if it has none yet, or is in another feed."""
    place = {"id": event_id, "merchant": feed.merchant, "world": feed.world, "purpose": feed.purpose or ""}
    rows = yield Query("number_of_event", place)
    return rows[0][0] if rows else None


@transaction()
def search_of_order(order_id: str, *, after: str | None = None, limit: int = 100) -> Steps[list[Event]]:
    """Return up to ``limit + 1`` events of one order, the oldest first, numbered or not yet.

    Args:
        order_id: The order.
        after: The id of an event of that order: only later ones.
        limit: The number of rows; the query returns one more if there are more.
    """
    rows = yield Query("events_of_order", {"order_id": order_id, "after": after, "limit": limit + 1})
    return [_event(row) for row in rows]


def _event_columns(kind: EventType, record: OrderRecord, document: bytes) -> dict[str, Any]:
    return {
        "id": new_id("evt"),
        "merchant": record.merchant,
        "world": record.world,
        "purpose": record.purpose or "",
        "order_id": record.id,
        "type": kind.value,
        "record": document,
    }


def _event(row: Row) -> Event:
    event_id, number, kind, merchant, world, order_id, created_at, record = row
    return Event(
        id=event_id,
        number=number,
        type=kind,
        merchant=merchant,
        world=world,
        order=order_id,
        timestamp=codec.moment(created_at),
        data=msgspec.Raw(bytes(record)),
    )
