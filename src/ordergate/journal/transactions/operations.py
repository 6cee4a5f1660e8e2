"""What the journal does, once for every store: transactions as conversations.

A transaction yields queries and is sent their rows; a store runs it between BEGIN and COMMIT, and runs it anew
where another process came between. Nothing here knows which database answers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.mode import World
from ordergate.journal import codec
from ordergate.journal.records.comparisons import compared_key
from ordergate.journal.records.exchanges import EXCHANGES_KEPT, Exchange, Told
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.records.links import LinkKey, LinkQuery, Links, Progress, StoredLink
from ordergate.journal.records.operations import (
    Busy,
    Claim,
    Claimed,
    Duplicate,
    Existing,
    Intent,
    Operation,
    OperationQuery,
    Revoked,
    Stale,
    StoredResponse,
    Taken,
    UnknownOperations,
    Work,
)
from ordergate.journal.records.orders import AccountUse, OrderQuery, StoredOrder
from ordergate.journal.records.provider_events import order_subject
from ordergate.journal.transaction import Batch, Query, RolledBack, Row, Transaction
from ordergate.journal.transactions import search
from ordergate.journal.transactions.events import record_change, record_settled, redact_events
from ordergate.spi.adapter import Baseline

_OWN_PATIENCE = 5_000
"""Milliseconds after which an operation of this process's own that it does not work on has been lost by it."""

_LOOKS = 3
"""How often a claim looks at what is in its way, where that changes under it."""

_BATCH_SIZE = 5_000
"""Rows of an import that are sent to the store at once: it reports its progress in between."""


def claim(intent: Intent) -> Transaction[Claim]:
    """Make an intent durable, unless its key, its reference or its order is taken, or its API key is revoked."""
    operation = intent.operation
    columns = codec.intent_columns(intent)
    lock = _reference_lock(operation)
    if lock is not None:
        yield lock
    first = len(operation.attempts) <= 1 and (yield from _duplicate(intent, columns)) is None
    # Nothing follows where nothing is taken and there is no order yet that could have changed.
    insert = Query("insert_operation", columns, enough=lock is None and intent.revision is None)
    if not (first and (yield insert)):
        yield from _claim_what_is_taken(intent, columns)
    # Only now: whoever held the order before has let go of it, and what it changed can be seen.
    if intent.revision is not None:
        rows = yield Query("order_revision", {"id": operation.order})
        if not rows or rows[0][0] != intent.revision:
            raise RolledBack(Stale())
    if lock is not None:
        yield lock._replace(statement="drop_lock")
    return Claimed(operation)


def _claim_what_is_taken(intent: Intent, columns: dict[str, Any]) -> Transaction[None]:
    """Claim all the same where what is in the way may be: an expired key, an attempt before.

    What is in the way may go, and something else come: it can be seen once it has kept the row out.
    """
    operation = intent.operation
    if (yield Query("revoked_key", {"api_key": intent.api_key})):
        raise RolledBack(Revoked())
    for _ in range(_LOOKS):
        existing = yield from by_key(operation)
        if existing is not None and existing.operation.expired(intent.since):
            yield Query("expire_key", {"id": existing.operation.id})
            existing = None
        if existing is None and len(operation.attempts) > 1:
            raise RolledBack(Stale())  # a repeat of a key that has expired since: it is a new operation's
        if existing is not None and not _is_next_attempt(existing, operation):
            raise RolledBack(existing)
        obstacle = yield from _obstacle(intent, columns)
        if obstacle is not None:
            raise RolledBack(obstacle)
        if existing is None:
            if (yield Query("insert_operation", columns)):
                return
        elif (yield Query("reopen_operation", columns)):
            return
        else:
            raise RolledBack(existing)  # another repeat of the key was faster
    raise LookupError(f"{operation.id} cannot be recorded, and nothing is seen in its way")


def begin_attempt(operation: Operation, owner: str, settling: float) -> Transaction[bool]:
    """Make one more attempt of an unsettled operation durable."""
    columns = codec.operation_columns(operation) | {"owner": owner, "settling": _milliseconds(settling)}
    return bool((yield Query("begin_attempt", columns, enough=True)))


def move(
    operation: Operation, work: Work, request: bytes | None, owner: str, settling: float
) -> Transaction[bool]:
    """Make an attempt at another account durable."""
    columns = codec.operation_columns(operation) | {
        "work": codec.encode(work),
        "request": request,
        "holder": owner,
        "settling": _milliseconds(settling),
    }
    return bool((yield Query("move_operation", columns, enough=True)))


def settle(
    operation: Operation,
    response: StoredResponse | None,
    order: OrderRecord | None,
    *,
    before: StoredOrder | None,
    owner: str | None,
    late: bool,
    look_again_in: float | None,
    exchanges: Sequence[Exchange] = (),
) -> Transaction[bool | Stale]:
    """Record how an operation ended, the answer to give again, the order, and what happened to it."""
    said = yield from _said_so_far(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "response_status": response.status if response else None,
        "response_body": response.body if response else None,
        "holder": owner,
        "late": int(late),
        "look_again_in": _milliseconds(look_again_in),
        "exchanges": codec.encode_exchanges(said),
    }
    ended = yield Query("settle_operation", columns)
    if not ended:
        return False
    if order is not None and not (yield from _write_order(order, before)):
        raise RolledBack(Stale())
    if ended[0][0] if not late else operation.state == "succeeded":
        yield from record_settled(operation)
    return True


def _said_so_far(operation: Operation, exchanges: Sequence[Exchange]) -> Transaction[Sequence[Exchange]]:
    """What was said last, behind what is kept of earlier attempts; nothing where nothing is to be added."""
    if not exchanges or len(operation.attempts) == 1:
        return exchanges
    rows = yield Query("exchanges_of_operation", {"id": operation.id})
    earlier = codec.decode_exchanges(rows[0][0]) if rows else ()
    return (*earlier, *exchanges)[-EXCHANGES_KEPT:]


def leave_unknown(
    operation: Operation,
    owner: str,
    *,
    settles_in: float | None,
    look_in: float | None,
    exchanges: Sequence[Exchange] = (),
) -> Transaction[bool]:
    """Give up an operation of unknown outcome."""
    said = yield from _said_so_far(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "holder": owner,
        "settles_in": _milliseconds(settles_in),
        "look_in": _milliseconds(look_in),
        "exchanges": codec.encode_exchanges(said),
    }
    return bool((yield Query("leave_unknown", columns, enough=True)))


def take(operation_id: str, owner: str, *, late: bool = False) -> Transaction[Taken | None]:
    """Look after one operation of unknown outcome that nobody does."""
    rows = yield Query("unowned_operation", {"id": operation_id, "late": int(late)})
    return (yield from _taken(rows[0], owner)) if rows else None


def take_due(owner: str, limit: int) -> Transaction[list[Taken]]:
    """Look after operations whose time has come."""
    rows = yield Query("due_operations", {"limit": limit})
    taken = []
    for row in rows:
        one = yield from _taken(row, owner)
        taken.append(one)
    return taken


def look_soon(operation_id: str) -> Transaction[None]:
    """Let an operation of unknown outcome be looked after at once."""
    yield Query("look_soon", {"id": operation_id})


def stay_alive(node: str, seconds: float, *, serves: bool) -> Transaction[int]:
    """Prolong a process's lease, forget those that ended long ago, and count the living that serve."""
    yield Query("stay_alive", {"node": node, "lease": _milliseconds(seconds), "serves": int(serves)})
    yield Query("forget_nodes", {})
    yield Query("keep_host_time", {})
    ((serving,),) = yield Query("serving_nodes", {})
    return int(serving)


def time_now() -> Transaction[datetime]:
    """Return the time by the store's clock."""
    ((now,),) = yield Query("time_now", {})
    return codec.moment(now)


def leave(node: str) -> Transaction[None]:
    """End a process's lease."""
    yield Query("leave", {"node": node})


def forget_dead(node: str, held: Collection[str]) -> Transaction[int]:
    """Let go of every operation that nobody works on any more."""
    rows = yield Query("abandoned_operations", {"node": node, "patience": _OWN_PATIENCE})
    found = [codec.decode_operation(row[0]) for row in rows]
    abandoned = [operation for operation in found if operation.id not in held]
    for operation in abandoned:
        yield Query("give_up_operation", codec.operation_columns(_cut_off(operation)))
    return len(abandoned)


def prune(since: datetime, limit: int) -> Transaction[int]:
    """Free the keys of operations settled before, and forget what was kept for their repeats."""
    rows = yield Query("prune_operations", {"since": codec.milliseconds(since), "limit": limit})
    yield Query("prune_comparisons", {"since": codec.milliseconds(since)})
    yield Query("prune_shadows", {"since": codec.milliseconds(since)})
    return len(rows)


def by_key(operation: Operation) -> Transaction[Existing | None]:
    """Return the operation that has this operation's key."""
    if operation.key is None:
        return None
    rows = yield Query("operation_by_key", codec.key_columns(operation))
    return _existing(rows[0]) if rows else None


def by_id(operation_id: str) -> Transaction[Existing | None]:
    """Return one operation, and its answer to give again."""
    rows = yield Query("operation_by_id", {"id": operation_id})
    return _existing(rows[0]) if rows else None


def operation(operation_id: str) -> Transaction[Operation | None]:
    """Return one operation."""
    found = yield from by_id(operation_id)
    return found.operation if found else None


def operations(query: OperationQuery) -> Transaction[list[Operation]]:
    """Return up to ``limit + 1`` operations."""
    rows = yield Query(*search.operations(query))
    return search.in_order([codec.decode_operation(row[0]) for row in rows], query.ending_before)


def told(order_id: str) -> Transaction[list[Told]]:
    """Return an order's operations with what was said about them, oldest first."""
    rows = yield Query("told_of_order", {"order_id": order_id})
    return [
        Told(
            operation=codec.decode_operation(record),
            work=None if work is None else codec.decode_work(work),
            request=None if request is None else bytes(request),
            exchanges=codec.decode_exchanges(exchanges),
        )
        for record, work, request, exchanges in rows
    ]


def unsettled(order_id: str) -> Transaction[Operation | None]:
    """Return the operation that keeps an order busy."""
    rows = yield Query("unsettled_operation", {"order_id": order_id})
    return codec.decode_operation(rows[0][0]) if rows else None


def order(order_id: str) -> Transaction[StoredOrder | None]:
    """Return one order."""
    rows = yield Query("order_by_id", {"id": order_id})
    return StoredOrder(codec.decode_order(rows[0][0]), rows[0][1]) if rows else None


def orders(query: OrderQuery) -> Transaction[list[OrderRecord]]:
    """Return up to ``limit + 1`` orders."""
    rows = yield Query(*search.orders(query))
    return search.in_order([codec.decode_order(row[0]) for row in rows], query.ending_before)


def refresh(record: OrderRecord, revision: int) -> Transaction[StoredOrder]:
    """Keep what the provider said, unless the row has changed since."""
    stored = yield from order(record.id)
    if stored is not None and stored.revision == revision and (yield from _write_order(record, stored)):
        return StoredOrder(record, revision + 1)
    stored = yield from order(record.id)
    if stored is None:
        raise LookupError(f"{record.id} is not in the journal")
    return stored


def accept(operation: Operation, record: OrderRecord, revision: int) -> Transaction[bool]:
    """Keep a person's word with an applied operation and its order, unless the order's row has changed since."""
    stored = yield from order(record.id)
    if stored is None or stored.revision != revision or not (yield from _write_order(record, stored)):
        return False
    yield Query("keep_resolution", codec.operation_columns(operation))
    return True


def redact(record: OrderRecord, revision: int) -> Transaction[StoredOrder | Busy | Stale]:
    """Replace an order's record by a redacted one, and erase what its operations held of it."""
    rows = yield Query(
        "refresh_order",
        codec.order_columns(record, order_from_record(record).status) | {"revision": revision},
    )
    if not rows:
        return Stale()
    # Only now: a write that came between would have been seen by the row that it shares.
    under_way = yield Query("operation_under_way", {"order_id": record.id})
    if under_way:
        raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
    yield Query("redact_operations", {"order_id": record.id})
    yield from _redact_comparisons(record.merchant, record.world, record.comparison, record.reference)
    yield from redact_events(record.id)
    subject = order_subject(record.seen.provider_order_id)
    yield Query(
        "redact_provider_events", {"account": record.account, "subject": subject, "order_id": record.id}
    )
    return StoredOrder(record, rows[0][0])


def redact_unmade(operation: Operation, comparison: str | None) -> Transaction[Busy | None]:
    """Erase what the operations of an order that was never made held of it."""
    yield Query("redact_operations", {"order_id": operation.order})
    # Only now: a repeat that came between has the row, and is seen.
    under_way = yield Query("operation_under_way", {"order_id": operation.order})
    if under_way:
        raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
    yield from _redact_comparisons(operation.merchant, operation.world, comparison, operation.reference)
    return None


def _redact_comparisons(
    merchant: str, world: World, comparison: str | None, reference: str | None
) -> Transaction[None]:
    """Forget the comparison that an order was made for, with what was said there, and those of its reference."""
    scope = {"merchant": merchant, "world": world}
    if comparison is not None:
        keys = {**scope, "keys": compared_key(comparison, "%")}
        yield Query("redact_compared", keys)
        under_way = yield Query("compared_under_way", keys)
        if under_way:
            raise RolledBack(Busy(codec.decode_operation(under_way[0][0])))
        yield Query("forget_comparison", {"id": comparison})
    if reference is not None:
        yield Query("forget_comparisons_of_reference", {**scope, "reference": reference})


def adopt(record: OrderRecord) -> Transaction[OrderRecord]:
    """Keep an order that was made elsewhere, unless it is known already."""
    native = record.seen.provider_order_id
    lock = Query("take_lock", {"name": f"order {record.account} {native}"})
    yield lock
    known = yield from adopted(record.account, [native])
    if native not in known:
        yield from _write_order(record, None)
    yield lock._replace(statement="drop_lock")
    return known.get(native, record)


def adopted(account: str, provider_order_ids: Iterable[str]) -> Transaction[dict[str, OrderRecord]]:
    """Return, by the provider's id, those orders of an account that the gateway knows."""
    found = {}
    for native in provider_order_ids:
        rows = yield Query("adopted_order", {"account": account, "provider_order_id": native})
        if rows:
            found[native] = codec.decode_order(rows[0][0])
    return found


def use_of_account(account: str) -> Transaction[AccountUse]:
    """Count what an account cannot be removed for."""
    ((open_orders,),) = yield Query("open_orders_of_account", {"account": account})
    ((not_settled,),) = yield Query("unsettled_of_account", {"account": account})
    return AccountUse(open_orders=open_orders, unsettled=not_settled)


def unknown_operations() -> Transaction[UnknownOperations]:
    """Count the operations of which it is not known what became."""
    (row,) = yield Query("unknown_operations", {})
    return UnknownOperations(number=row[0], oldest=max(row[1], 0) / 1000, need_person=row[2])


def put_links(key: LinkKey, links: Links) -> Transaction[None]:
    """Set what one id is called at the named accounts."""
    for account, native in links.items():
        yield Query("put_link", msgspec.structs.asdict(key) | {"account": account, "native": native})


def import_links(
    merchant: str, world: World, links: Sequence[Link], progress: Progress | None
) -> Transaction[None]:
    """Set many links."""
    scope = {"merchant": merchant, "world": world}
    for start in range(0, len(links), _BATCH_SIZE):
        part = links[start : start + _BATCH_SIZE]
        yield Batch("put_link", [scope | msgspec.structs.asdict(link) for link in part])
        if progress is not None:
            progress(start + len(part))


def list_links(query: LinkQuery) -> Transaction[list[StoredLink]]:
    """Return up to ``limit + 1`` links."""
    rows = yield Query(*search.links(query))
    return [
        StoredLink(merchant=merchant, kind=kind, id=identifier, account=account, native=native)
        for merchant, kind, identifier, account, native in rows
    ]


def linked_merchants(world: World) -> Transaction[list[str]]:
    """Return who has links."""
    rows = yield Query("linked_merchants", {"world": world})
    return sorted(str(row[0]) for row in rows)


def linked_accounts() -> Transaction[dict[tuple[World, str], int]]:
    """Return how many links name each account."""
    rows = yield Query("linked_accounts", {})
    return {(world, account): int(count) for world, account, count in rows}


def links(key: LinkKey) -> Transaction[Links]:
    """Return what one id is called at every account."""
    rows = yield Query("links_of_id", msgspec.structs.asdict(key))
    return {str(account): str(native) for account, native in rows}


def delete_links(key: LinkKey) -> Transaction[bool]:
    """Forget an id's links."""
    return bool((yield Query("delete_links", msgspec.structs.asdict(key))))


def native_ids(
    merchant: str, world: World, account: str, ids: Iterable[tuple[LinkKind, str]]
) -> Transaction[dict[tuple[LinkKind, str], str]]:
    """Return what the ids are called at one account."""
    wanted = msgspec.json.encode(list(ids)).decode()
    scope = {"merchant": merchant, "world": world, "account": account}
    rows = yield Query("native_ids", {**scope, "ids": wanted})
    return {(kind, identifier): str(native) for kind, identifier, native in rows}


def merchant_id(
    merchant: str, world: World, account: str, kind: LinkKind, native: str
) -> Transaction[str | None]:
    """Return which of the merchant's ids is called so at one account."""
    rows = yield Query(
        "merchant_id",
        {"merchant": merchant, "world": world, "account": account, "kind": kind, "native": native},
    )
    return str(rows[0][0]) if rows else None


def add_key(key: ApiKey, secret_hash: bytes) -> Transaction[None]:
    """Keep an API key by its hash."""
    yield Query("add_key", {"id": key.id, "secret_hash": secret_hash, "record": codec.encode(key)})


def find_key(secret_hash: bytes) -> Transaction[ApiKey | None]:
    """Return the key with this hash."""
    rows = yield Query("find_key", {"secret_hash": secret_hash})
    return codec.decode_key(rows[0][0]) if rows else None


def keys() -> Transaction[list[ApiKey]]:
    """Return every key, oldest first."""
    rows = yield Query("all_keys", {})
    return [
        msgspec.structs.replace(codec.decode_key(record), last_used_at=_time(used)) for record, used in rows
    ]


def rotate_key(key_id: str, replacement: ApiKey, secret_hash: bytes, ends_at: datetime) -> Transaction[bool]:
    """Keep a key's replacement, and end the key then."""
    rows = yield Query("key_by_id", {"id": key_id})
    key = codec.decode_key(rows[0][0]) if rows else None
    if key is None or key.revoked_at is not None or key.replaced_by is not None:
        return False
    yield from add_key(replacement, secret_hash)
    yield _replace_key(msgspec.structs.replace(key, expires_at=ends_at, replaced_by=replacement.id))
    return True


def touch_keys(uses: Mapping[str, datetime]) -> Transaction[None]:
    """Record when keys were used last."""
    for key_id, time in sorted(uses.items()):  # in one order everywhere, so that no two wait for each other
        yield Query("touch_key", {"id": key_id, "used_at": codec.milliseconds(time)})


def revoke_key(key_id: str, now: datetime) -> Transaction[bool]:
    """Revoke a key."""
    rows = yield Query("key_by_id", {"id": key_id})
    if not rows:
        return False
    key = codec.decode_key(rows[0][0])
    yield _replace_key(msgspec.structs.replace(key, revoked_at=key.revoked_at or now))
    return True


def add_session(key_id: str, token_hash: bytes, seconds: float, kept: int) -> Transaction[None]:
    """Keep a session, and forget those that are over or of which the key has too many."""
    yield Query("forget_sessions", {})
    yield Query(
        "add_session", {"token_hash": token_hash, "key_id": key_id, "lifetime": round(seconds * 1000)}
    )
    yield Query("keep_newest_sessions", {"key_id": key_id, "kept": kept})


def session_key(token_hash: bytes) -> Transaction[ApiKey | None]:
    """Return the key that a session was opened with."""
    rows = yield Query("session_key", {"token_hash": token_hash})
    return codec.decode_key(rows[0][0]) if rows else None


def end_session(token_hash: bytes) -> Transaction[None]:
    """Forget a session."""
    yield Query("end_session", {"token_hash": token_hash})


def count_secrets() -> Transaction[int]:
    """Count the signing secrets of webhook endpoints."""
    ((count,),) = yield Query("SELECT count(*) FROM webhook_secrets", {})
    return int(count)


def check_writable() -> Transaction[None]:
    """Write something, and nothing that stays: a lease that nobody has, over at once."""
    nobody = {"node": f"nobody_{token_hex(8)}"}
    yield Query("stay_alive", {**nobody, "lease": 0, "serves": 0})
    yield Query("leave", nobody)


def ping() -> Transaction[None]:
    """Ask for anything."""
    yield Query("ping", {})


def _write_order(record: OrderRecord, before: StoredOrder | None) -> Transaction[bool]:
    """Write an order, and what happened to it; False where it is not any more as it was `before`."""
    order = order_from_record(record)
    columns = codec.order_columns(record, order.status)
    if before is None:
        yield Query("save_order", columns)
    elif not (yield Query("refresh_order", columns | {"revision": before.revision})):
        return False
    yield from record_change(None if before is None else before.record, record, order)
    return True


def _replace_key(key: ApiKey) -> Query:
    revoked_at = None if key.revoked_at is None else codec.milliseconds(key.revoked_at)
    return Query("replace_key", {"id": key.id, "record": codec.encode(key), "revoked_at": revoked_at})


def _reference_lock(operation: Operation) -> Query | None:
    """Creates with one reference follow each other, so that the second one sees the first."""
    if operation.reference is None:
        return None
    return Query(
        "take_lock", {"name": f"reference {operation.merchant} {operation.world} {operation.reference}"}
    )


def _duplicate(intent: Intent, columns: dict[str, Any]) -> Transaction[Duplicate | None]:
    if intent.operation.reference is None:
        return None
    since = codec.milliseconds(intent.since)
    rows = yield Query(
        "operation_by_reference",
        columns | {"since": since, "unknown_only": int(intent.allow_duplicate)},
    )
    return Duplicate(codec.decode_operation(rows[0][0])) if rows else None


def _obstacle(intent: Intent, columns: dict[str, Any]) -> Transaction[Duplicate | Busy | None]:
    duplicate = yield from _duplicate(intent, columns)
    if duplicate is not None:
        return duplicate
    busy = yield from unsettled(intent.operation.order)
    return None if busy is None else Busy(busy)


def _existing(row: Row) -> Existing:
    record, status, body = row
    response = None if status is None else StoredResponse(status=status, body=bytes(body))
    return Existing(codec.decode_operation(record), response)


def _is_next_attempt(existing: Existing, wanted: Operation) -> bool:
    """Whether a repeat of the key may send again: nothing happened, and the answer was not one to keep."""
    before = existing.operation
    return (
        before.id == wanted.id
        and before.state == "failed"
        and existing.response is None
        and len(before.attempts) + 1 == len(wanted.attempts)
    )


def _taken(row: Row, owner: str) -> Transaction[Taken]:
    record, work, request, settles_in, age, newest_order, newest_created_at = row
    found = _cut_off(codec.decode_operation(record))
    yield Query("take_operation", codec.operation_columns(found) | {"holder": owner})
    return Taken(
        operation=found,
        work=None if work is None else codec.decode_work(work),
        request=None if request is None else bytes(request),
        baseline=Baseline(
            newest_order=newest_order,
            newest_created_at=_time(newest_created_at),
            recorded_at=found.created_at,
        ),
        settles_in=(settles_in or 0) / 1000,
        age=age / 1000,
    )


def _cut_off(found: Operation) -> Operation:
    """Nobody works on it any more: it may have been sent, unless no attempt of it was begun."""
    if found.state != "in_progress" or not found.attempts:
        return found
    return msgspec.structs.replace(found, state="unknown", outcome="unknown")


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else codec.moment(milliseconds)
