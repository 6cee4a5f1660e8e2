"""What the journal does with events, once for every store: as in transactions.py."""

from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.erasure import without_persons
from ordergate.domain.events import EventType, SettledOperation, events_between
from ordergate.domain.identifiers import new_id
from ordergate.domain.order import Order
from ordergate.gateway.event_records import (
    Event,
    EventQuery,
)
from ordergate.gateway.records import Operation
from ordergate.journal import codec, search
from ordergate.journal.conversation import Batch, Query, Row, Transaction


def record_change(before: OrderRecord | None, after: OrderRecord) -> Transaction[None]:
    """Record what happened to an order between two records; in the step that writes the second."""
    types = events_between(before, after)
    if types:
        document = codec.encode(order_from_record(after))
        yield Batch("insert_event", [_event_columns(each, after, document) for each in types])


def record_settled(operation: Operation) -> Transaction[None]:
    """Record that an operation has settled whose caller may not know."""
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
    columns = {
        "id": new_id("evt"),
        "merchant": operation.merchant,
        "world": operation.world,
        "purpose": "",
        "order_id": operation.order,
        "type": EventType.OPERATION_SETTLED.value,
        "record": codec.encode(settled),
    }
    yield Query("insert_event", columns)


def redact_events(order_id: str) -> Transaction[None]:
    """Erase the personal data of an order from its events, and so from what is still to be delivered."""
    rows = yield Query("order_events", {"order_id": order_id})
    redacted = [
        {"id": row[0], "record": codec.encode(without_persons(msgspec.json.decode(row[7], type=Order)))}
        for row in rows
        if row[2] != EventType.OPERATION_SETTLED
    ]
    if redacted:
        yield Batch("replace_event", redacted)


def events(query: EventQuery) -> Transaction[list[Event]]:
    """Return up to ``limit + 1`` numbered events."""
    rows = yield Query(*search.events(query))
    return [_event(row) for row in rows]


def event(event_id: str) -> Transaction[Event | None]:
    """Return one event."""
    rows = yield Query("event_by_id", {"id": event_id})
    return _event(rows[0]) if rows else None


def order_events(order_id: str) -> Transaction[list[Event]]:
    """Return what happened to one order."""
    rows = yield Query("order_events", {"order_id": order_id})
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
        type=EventType(kind),
        merchant=merchant,
        world=world,
        order=order_id,
        timestamp=codec.moment(created_at),
        data=msgspec.Raw(bytes(record)),
    )
