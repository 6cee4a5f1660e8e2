"""What the journal does with feeds, webhook endpoints and deliveries, once for every store: as in transactions.py."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.identifiers import new_id
from ordergate.journal import codec
from ordergate.journal.records.deliveries import (
    Delivery,
    DeliveryQuery,
    Due,
    Endpoint,
    EndpointQuery,
    OutgoingWebhooks,
    Parcel,
    Range,
    Replayed,
    SigningSecret,
)
from ordergate.journal.records.events import Feed
from ordergate.journal.transaction import Batch, Query, Row, Rows, Transaction
from ordergate.journal.transactions import search
from ordergate.journal.transactions.events import event

_KEPT_TRIES = 20
_KEPT_SECRETS = 3
_FIRST, _LAST = 0, 2**62
"""Unix milliseconds before and after every event."""


def unnumbered_feeds(limit: int) -> Transaction[list[Feed]]:
    """Return feeds that have events without a number."""
    rows = yield Query("unnumbered_feeds", {"limit": limit})
    return [
        Feed(merchant=merchant, world=world, purpose=purpose or None) for merchant, world, purpose in rows
    ]


def number_events(feed: Feed, limit: int) -> Transaction[int]:
    """Number a feed's events, and queue their deliveries."""
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


def add_endpoint(endpoint: Endpoint, secret: SigningSecret, at_most: int) -> Transaction[bool]:
    """Keep an endpoint, unless its merchant has so many already."""
    scope = {"merchant": endpoint.merchant, "world": endpoint.world}
    lock = Query("take_lock", {"name": f"endpoints {endpoint.world} {endpoint.merchant}"})
    yield lock
    ((count,),) = yield Query("count_endpoints", scope)
    if count < at_most:
        yield Query("insert_endpoint", _endpoint_columns(endpoint))
        yield Query("insert_secret", _secret_columns(endpoint.id, secret))
    yield lock._replace(statement="drop_lock")
    return bool(count < at_most)


def endpoint(endpoint_id: str) -> Transaction[Endpoint | None]:
    """Return one endpoint."""
    rows = yield Query("endpoint_by_id", {"id": endpoint_id})
    return codec.decode_endpoint(rows[0][0]) if rows else None


def endpoints(query: EndpointQuery) -> Transaction[list[Endpoint]]:
    """Return up to ``limit + 1`` endpoints."""
    rows = yield Query(*search.endpoints(query))
    return search.in_order([codec.decode_endpoint(row[0]) for row in rows], query.ending_before)


def change_endpoint(
    endpoint_id: str, changes: Mapping[str, Any], only_at: str | None
) -> Transaction[Endpoint | None]:
    """Set fields of an endpoint."""
    rows = yield Query("endpoint_to_change", {"id": endpoint_id})
    if not rows:
        return None
    kept = codec.decode_endpoint(rows[0][0])
    if only_at is not None and kept.url != only_at:
        return kept
    changed = msgspec.structs.replace(kept, **changes)
    yield Query("replace_endpoint", _endpoint_columns(changed))
    return changed


def delete_endpoint(endpoint_id: str) -> Transaction[bool]:
    """Forget an endpoint, its secrets and its deliveries."""
    found = yield Query("delete_endpoint", {"id": endpoint_id})
    yield Query("delete_secrets", {"id": endpoint_id})
    yield Query("delete_deliveries", {"id": endpoint_id})
    return bool(found)


def rotate_secret(endpoint_id: str, secret: SigningSecret, ends_at: datetime) -> Transaction[bool]:
    """Keep a further secret, and end the others then."""
    rows = yield Query("endpoint_to_change", {"id": endpoint_id})
    if not rows:
        return False
    yield Query("forget_secrets", {"id": endpoint_id})
    yield Query("end_secrets", {"id": endpoint_id, "ends_at": codec.milliseconds(ends_at)})
    yield Query("insert_secret", _secret_columns(endpoint_id, secret))
    yield Query("keep_newest_secrets", {"id": endpoint_id, "kept": _KEPT_SECRETS})
    return True


def secrets(endpoint_id: str) -> Transaction[list[SigningSecret]]:
    """Return the secrets that sign now."""
    rows = yield Query("secrets_of_endpoint", {"id": endpoint_id})
    return [SigningSecret(value=value, ends_at=_time(ends_at)) for value, ends_at in rows]


def outgoing_webhooks() -> Transaction[OutgoingWebhooks]:
    """Count what waits to be delivered to enabled endpoints, and the endpoints that are not."""
    ((waiting, oldest, disabled),) = yield Query("outgoing_webhooks", {})
    return OutgoingWebhooks(waiting=int(waiting), oldest=max(int(oldest), 0) / 1000, disabled=int(disabled))


def due_endpoints() -> Transaction[list[str]]:
    """Return the enabled endpoints that have something due."""
    rows = yield Query("due_endpoints", {})
    return [str(row[0]) for row in rows]


def take_deliveries(endpoint_id: str, owner: str, limit: int) -> Transaction[Parcel | None]:
    """Make an endpoint's due deliveries one process's own."""
    found = yield from endpoint(endpoint_id)
    if found is None or not found.enabled:
        return None
    taken = yield Query("take_deliveries", {"endpoint_id": endpoint_id, "owner": owner, "limit": limit})
    due = []
    for row in sorted(taken, key=lambda row: int(row[7])):
        told = yield from event(row[4])
        assert told is not None
        due.append(Due(delivery=_delivery(row), event=told, failures=row[12]))
    signing = yield from secrets(endpoint_id)
    return Parcel(endpoint=found, secrets=tuple(signing), due=tuple(due))


def end_delivery(due: Due, owner: str, made: DeliveryTry, *, next_try_in: float | None) -> Transaction[None]:
    """Record how a try went, and let go of the order's next one where this one is over."""
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
    if (yield Query("end_delivery", columns)) and state != "pending":
        place = {"endpoint_id": due.delivery.endpoint, "order_id": due.delivery.order}
        yield Query("free_next", place)


def release_deliveries(owner: str, held: Collection[str]) -> Transaction[None]:
    """Let go of what nobody living makes."""
    rows = yield Query("abandoned_deliveries", {"node": owner})
    for (delivery_id,) in rows:
        if delivery_id not in held:
            yield Query("release_delivery", {"id": delivery_id})


def delivery(delivery_id: str) -> Transaction[Delivery | None]:
    """Return one delivery."""
    rows = yield Query("delivery_by_id", {"id": delivery_id})
    return _delivery(rows[0]) if rows else None


def deliveries(query: DeliveryQuery) -> Transaction[list[Delivery]]:
    """Return up to ``limit + 1`` deliveries."""
    rows = yield Query(*search.deliveries(query))
    return search.in_order([_delivery(row) for row in rows], query.ending_before)


def replay(delivery_id: str) -> Transaction[Delivery | None]:
    """Let a delivery be made at once, with all its tries anew."""
    found = yield from delivery(delivery_id)
    if found is None:
        return None
    yield Query("endpoint_to_change", {"id": found.endpoint})
    if (yield Query("replay_delivery", {"id": delivery_id})):
        yield from _requeued(found.endpoint, [(found.event, found.order, found.type, found.number)])
    return (yield from delivery(delivery_id))


def replay_range(wanted: Range, limit: int) -> Transaction[Replayed]:
    """Let one batch of a range be delivered again."""
    kept = yield Query("endpoint_to_change", {"id": wanted.endpoint.id})
    if not kept:
        return Replayed(count=0, next_after=None)
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
    taken = {row[0] for row in (yield Query("taken_events", {"endpoint_id": receiver.id}))}
    free = [row for row in rows if row[0] not in taken]
    chosen = yield from _queue(receiver, free, whatever_type=wanted.failed_only)
    if chosen:
        yield from _requeued(receiver.id, chosen)
    return Replayed(count=len(chosen), next_after=rows[-1][3] if len(rows) == limit else None)


def prune_deliveries(since: datetime, limit: int) -> Transaction[int]:
    """Forget deliveries that ended before."""
    rows = yield Query("prune_deliveries", {"since": codec.milliseconds(since), "limit": limit})
    return len(rows)


def _queue(receiver: Endpoint, rows: Rows, *, whatever_type: bool = False) -> Transaction[Rows]:
    """Queue events, given by id, order, type and number, for one endpoint; return those that it is told of."""
    wanted = [row for row in rows if whatever_type or receiver.wants(row[2])]
    if wanted:
        yield Batch("queue_delivery", [_delivery_columns(receiver, row) for row in wanted])
        yield from _free(receiver.id, wanted)
    return wanted


def _requeued(endpoint_id: str, rows: Rows) -> Transaction[None]:
    """Free deliveries that are made again, ahead of later ones of their orders that were due."""
    orders = {"endpoint_id": endpoint_id, "orders": _orders(rows)}
    yield Query("wait_for_ending", {**orders, "first": _LAST})
    yield Query("hold_back", orders)
    yield from _free(endpoint_id, rows)


def _free(endpoint_id: str, rows: Rows) -> Transaction[None]:
    first, last = rows[0][3], rows[-1][3]
    orders = {"endpoint_id": endpoint_id, "orders": _orders(rows)}
    yield Query("wait_for_ending", {**orders, "first": first})
    yield Query("free_deliveries", {"endpoint_id": endpoint_id, "first": first, "last": last})


def _orders(rows: Rows) -> str:
    """As a JSON text, which both stores take apart."""
    return codec.encode(sorted({row[1] for row in rows})).decode()


def _scope(feed: Feed) -> dict[str, Any]:
    return {"merchant": feed.merchant, "world": feed.world, "purpose": feed.purpose or ""}


def _endpoint_columns(kept: Endpoint) -> dict[str, Any]:
    return {
        "id": kept.id,
        "merchant": kept.merchant,
        "world": kept.world,
        "enabled": int(kept.enabled),
        "record": codec.encode(kept),
    }


def _secret_columns(endpoint_id: str, secret: SigningSecret) -> dict[str, Any]:
    ends_at = None if secret.ends_at is None else codec.milliseconds(secret.ends_at)
    return {"id": endpoint_id, "secret": secret.value, "ends_at": ends_at}


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
        next_try_at=_time(due_at),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else codec.moment(milliseconds)
