"""What the journal does, once for every store: transactions as conversations.

A transaction yields queries and is sent their rows; a store runs it between BEGIN and COMMIT, and runs it anew
where another process came between. Nothing here knows which database answers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ordergate.domain.assembly import OrderRecord
from ordergate.journal import codec
from ordergate.journal.records.exchanges import EXCHANGES_KEPT, Exchange, OperationWithExchanges
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
    UnknownOperations,
    Work,
)
from ordergate.journal.records.orders import StoredOrder
from ordergate.journal.transaction import Query, RolledBack, Row, Steps, transaction
from ordergate.journal.transactions import events, list_queries, orders

_LOOKS = 3
"""How often a claim looks at what is in its way, where that changes under it."""


@transaction(inline=True)
def claim(intent: Intent) -> Steps[Claim]:
    """Make an intent durable, unless its key, its reference or its order is taken, or its API key is revoked.

    An intent with one attempt more than its operation has in the journal is the next attempt of it; it is
    let through only after one that was not applied and whose answer is not kept.
    """
    operation = intent.operation
    columns = codec.intent_columns(intent)
    lock = _reference_lock(operation)
    if lock is not None:
        yield lock
    first = len(operation.attempts) <= 1 and (yield from _duplicate(intent, columns)) is None
    # Nothing follows where nothing is taken and there is no order yet that could have changed.
    insert = Query("insert_operation", columns, single_statement=lock is None and intent.revision is None)
    if not (first and (yield insert)):
        yield from _claim_what_is_taken(intent, columns)
    # Only now: whoever held the order before has let go of it, and what it changed can be seen.
    if intent.revision is not None:
        rows = yield Query("order_revision", {"id": operation.order})
        if not rows or rows[0][0] != intent.revision:
            raise RolledBack(Stale())
    if lock is not None:
        yield lock._replace(statement="release_lock")
    return Claimed(operation)


def _claim_what_is_taken(intent: Intent, columns: dict[str, Any]) -> Steps[None]:
    """Claim all the same where what is in the way may be: an expired key, an attempt before.

    What is in the way may go, and something else come: it can be seen once it has kept the row out.
    """
    operation = intent.operation
    if (yield Query("revoked_key", {"api_key": intent.api_key})):
        raise RolledBack(Revoked())
    for _ in range(_LOOKS):
        existing = yield from find_by_key(operation)
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


@transaction(inline=True)
def start_attempt(operation: Operation, owner: str, settling: float) -> Steps[bool]:
    """Make one more attempt of an unsettled operation durable, before it is sent; False if it is another's.

    Args:
        operation: With the attempt that is about to begin as its last.
        owner: The process that will send it.
        settling: Seconds after which nothing of the attempt can still arrive.
    """
    columns = codec.operation_columns(operation) | {"owner": owner, "settling": codec.duration(settling)}
    return bool((yield Query("start_attempt", columns, single_statement=True)))


@transaction(inline=True)
def fail_over(
    operation: Operation, work: Work, request: bytes | None, owner: str, settling: float
) -> Steps[bool]:
    """Make an attempt at another account durable, before it is sent; False if it is another's.

    Args:
        operation: With its new account, and the attempt that is about to begin as its last.
        work: What is to be done there.
        request: The exact bytes to send there; stars where they hold a one-time token.
        owner: This process, which holds it.
        settling: Seconds after which nothing of the attempt can still arrive.
    """
    columns = codec.operation_columns(operation) | {
        "work": codec.encode(work),
        "request": request,
        "holder": owner,
        "settling": codec.duration(settling),
    }
    return bool((yield Query("fail_over_operation", columns, single_statement=True)))


@transaction(inline=True, records_events=True)
def settle(
    operation: Operation,
    response: StoredResponse | None,
    order: OrderRecord | None,
    *,
    before: StoredOrder | None = None,
    owner: str | None = None,
    late: bool = False,
    probe_in: float | None = None,
    exchanges: Sequence[Exchange] = (),
) -> Steps[bool | Stale]:
    """Record in one step how an operation ended, the answer to give again, and the order as it is now.

    Args:
        operation: As it ended; its last attempt must be the journal's.
        response: The answer to give again; None where a repeat may be sent, or is answered from the order.
        order: None where it did not change.
        before: The order and its row's revision that `order` was made from; None for a new order.
        owner: Settle only while this process holds it; None for whoever heard the provider's own answer.
        late: Settle only what was settled as not applied before.
        probe_in: Seconds until recovery looks for a late trace of it.
        exchanges: What was said to the provider about it since it was recorded last.

    Returns:
        False where it had ended otherwise, or another attempt had begun; ``Stale`` where the order has changed
        since that revision. Nothing is changed then.
    """
    said = yield from _said_so_far(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "response_status": response.status if response else None,
        "response_body": response.body if response else None,
        "holder": owner,
        "late": int(late),
        "probe_in": codec.duration(probe_in),
        "exchanges": codec.encode_exchanges(said),
    }
    ended = yield Query("settle_operation", columns)
    if not ended:
        return False
    if order is not None and not (yield from orders.write(order, before)):
        raise RolledBack(Stale())
    if ended[0][0] if not late else operation.state == "succeeded":
        yield from events.record_settled(operation)
    return True


def _said_so_far(operation: Operation, exchanges: Sequence[Exchange]) -> Steps[Sequence[Exchange]]:
    """What was said last, behind what is kept of earlier attempts; nothing where nothing is to be added."""
    if not exchanges or len(operation.attempts) == 1:
        return exchanges
    rows = yield Query("exchanges_of_operation", {"id": operation.id})
    earlier = codec.decode_exchanges(rows[0][0]) if rows else ()
    return (*earlier, *exchanges)[-EXCHANGES_KEPT:]


@transaction(inline=True)
def leave_unknown(
    operation: Operation,
    owner: str,
    *,
    settles_in: float | None,
    probe_in: float | None,
    exchanges: Sequence[Exchange] = (),
) -> Steps[bool]:
    """Give up an operation that this process holds, its outcome unknown.

    Args:
        operation: As it is now.
        owner: This process.
        settles_in: Seconds until nothing of it can still arrive; None to leave that as it was.
        probe_in: Seconds until recovery looks after it; None for a person to do so.
        exchanges: What was said to the provider about it since it was recorded last.

    Returns:
        False where it is settled, or another's.
    """
    said = yield from _said_so_far(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "holder": owner,
        "settles_in": codec.duration(settles_in),
        "probe_in": codec.duration(probe_in),
        "exchanges": codec.encode_exchanges(said),
    }
    return bool((yield Query("leave_unknown", columns, single_statement=True)))


@transaction()
def prune(since: datetime, limit: int) -> Steps[int]:
    """Free the keys of operations that were settled before, and forget what was kept for repeats and recovery.

    Their records stay. One that somebody works on, or will look after again, is left for later.

    Returns:
        How many, `limit` at most; never one that another process prunes at this moment.
    """
    rows = yield Query("prune_operations", {"since": codec.milliseconds(since), "limit": limit})
    yield Query("prune_comparisons", {"since": codec.milliseconds(since)})
    yield Query("prune_shadows", {"since": codec.milliseconds(since)})
    return len(rows)


@transaction(inline=True)
def find_by_key(operation: Operation) -> Steps[Existing | None]:
    """Return the operation that has this operation's key, in its merchant, world, method and path."""
    if operation.key is None:
        return None
    rows = yield Query("operation_by_key", codec.key_columns(operation))
    return _existing(rows[0]) if rows else None


@transaction(inline=True)
def find_existing(operation_id: str) -> Steps[Existing | None]:
    """Return one operation, and its answer to give again."""
    rows = yield Query("operation_by_id", {"id": operation_id})
    return _existing(rows[0]) if rows else None


@transaction(inline=True)
def find(operation_id: str) -> Steps[Operation | None]:
    """Return one operation."""
    found = yield from find_existing(operation_id)
    return found.operation if found else None


@transaction(listed=True)
def search(query: OperationQuery) -> Steps[list[Operation]]:
    """Return up to ``limit + 1`` operations, so that the caller can tell whether there are more."""
    rows = yield Query(*list_queries.operations(query))
    return list_queries.in_order([codec.decode_operation(row[0]) for row in rows], query.ending_before)


@transaction()
def find_with_exchanges(order_id: str) -> Steps[list[OperationWithExchanges]]:
    """Return an order's operations, oldest first, with what was said about them and is still kept."""
    rows = yield Query("operations_with_exchanges", {"order_id": order_id})
    return [
        OperationWithExchanges(
            operation=codec.decode_operation(record),
            work=None if work is None else codec.decode_work(work),
            request=None if request is None else bytes(request),
            exchanges=codec.decode_exchanges(exchanges),
        )
        for record, work, request, exchanges in rows
    ]


@transaction(inline=True)
def find_unsettled(order_id: str) -> Steps[Operation | None]:
    """Return the operation that keeps an order busy."""
    rows = yield Query("unsettled_operation", {"order_id": order_id})
    return codec.decode_operation(rows[0][0]) if rows else None


@transaction(inline=True, records_events=True)
def accept(operation: Operation, record: OrderRecord, revision: int) -> Steps[bool]:
    """Keep a person's word with an applied operation, and what it changes of its order.

    Args:
        operation: With the word.
        record: The order.
        revision: Of the row that the record was made from.

    Returns:
        False where the row has changed since: nothing is kept then.
    """
    stored = yield from orders.find(record.id)
    if stored is None or stored.revision != revision or not (yield from orders.write(record, stored)):
        return False
    yield Query("save_resolution", codec.operation_columns(operation))
    return True


@transaction()
def count_unknown() -> Steps[UnknownOperations]:
    """Count the operations of which it is not known what became."""
    (row,) = yield Query("unknown_operations", {})
    return UnknownOperations(number=row[0], oldest=max(row[1], 0) / 1000, need_person=row[2])


def _reference_lock(operation: Operation) -> Query | None:
    """Creates with one reference follow each other, so that the second one sees the first."""
    if operation.reference is None:
        return None
    return Query(
        "acquire_lock", {"name": f"reference {operation.merchant} {operation.world} {operation.reference}"}
    )


def _duplicate(intent: Intent, columns: dict[str, Any]) -> Steps[Duplicate | None]:
    if intent.operation.reference is None:
        return None
    since = codec.milliseconds(intent.since)
    rows = yield Query(
        "operation_by_reference",
        columns | {"since": since, "unknown_only": int(intent.allow_duplicate)},
    )
    return Duplicate(codec.decode_operation(rows[0][0])) if rows else None


def _obstacle(intent: Intent, columns: dict[str, Any]) -> Steps[Duplicate | Busy | None]:
    duplicate = yield from _duplicate(intent, columns)
    if duplicate is not None:
        return duplicate
    busy = yield from find_unsettled(intent.operation.order)
    return None if busy is None else Busy(busy)


def _existing(row: Row) -> Existing:
    record, status, body = row
    response = None if status is None else StoredResponse(status=status, body=bytes(body))
    return Existing(codec.decode_operation(record), response)


def _is_next_attempt(existing: Existing, wanted: Operation) -> bool:
    before = existing.operation
    return (
        before.id == wanted.id
        and existing.may_be_sent_again
        and len(before.attempts) + 1 == len(wanted.attempts)
    )
