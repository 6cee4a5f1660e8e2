"""Operations: how a write is claimed, attempted and settled.

A transaction yields queries and gets their rows. A store runs it between BEGIN and COMMIT, and runs it again after a
conflict with another process. Transactions do not depend on the database.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.order import Order
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
"""How often a claim checks the conflicting row, if that row changes meanwhile."""


@transaction(inline=True)
def claim(intent: Intent) -> Steps[Claim]:
    """Make an intent durable, unless its key, its reference or its order is taken, or its API key is revoked.

    An intent with one more attempt than the recorded operation is its next attempt. It is claimed only if the operation
    may be sent again.
    """
    operation = intent.operation
    columns = codec.intent_columns(intent)
    if operation.reference is not None:
        insert = Query("insert_operation_of_new_reference", columns)
    else:
        insert = Query("insert_operation", columns, usual=[(operation.id,)])
    # A single statement suffices if nothing conflicts and there is no order yet that could have changed.
    insert = insert._replace(single_statement=intent.revision is None)
    if len(operation.attempts) > 1 or not (yield insert):
        yield from _claim_despite_conflict(intent, columns)
    # This comes after the insert: the operation before is settled, and its change is visible now.
    if intent.revision is not None:
        rows = yield Query("order_revision", {"id": operation.order}, usual=[(intent.revision,)])
        if not rows or rows[0][0] != intent.revision:
            raise RolledBack(Stale())
    return Claimed(operation)


def _claim_despite_conflict(intent: Intent, columns: dict[str, Any]) -> Steps[None]:
    """Claim despite a conflicting row, if that is allowed: an expired key, a used reference, or an earlier attempt.

    The conflicting row may be deleted and another one inserted. It is read after it has caused the conflict.
    """
    operation = intent.operation
    if operation.reference is not None:
        yield Query("lock_reference", columns)
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
        ineligibility = yield from _conflict(intent, columns)
        if ineligibility is not None:
            raise RolledBack(ineligibility)
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
        work: The write for that account.
        request: The exact bytes to send; asterisks if they contain a one-time token.
        owner: This process, which has claimed the operation.
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
    shown: Order | None = None,
    before: StoredOrder | None = None,
    owner: str | None = None,
    late: bool = False,
    probe_in: float | None = None,
    exchanges: Sequence[Exchange] = (),
) -> Steps[bool | Stale]:
    """Record in one step how an operation ended, the answer to give again, and the order as it is now.

    Args:
        operation: As it ended; its last attempt must be the journal's.
        response: The answer to a repeated key; None if the operation may be sent again, or the answer comes from the
            order.
        order: None if the order has not changed.
        shown: The canonical order of `order`, if the caller has it.
        before: The order and its row's revision that `order` was made from; None for a new order.
        owner: Settle only if this process has the operation; None for the process that got the provider's response.
        late: Settle only an operation that was settled as not applied.
        probe_in: Seconds until recovery makes a delayed probe.
        exchanges: The exchanges that are not recorded yet.

    Returns:
        False if the operation was settled otherwise, or has another attempt; ``Stale`` if the order has changed since
        that revision. Nothing changes then.
    """
    said = yield from _with_earlier_exchanges(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "response_status": response.status if response else None,
        "response_body": response.body if response else None,
        "holder": owner,
        "late": int(late),
        "probe_in": codec.duration(probe_in),
        "exchanges": codec.encode_exchanges(said),
    }
    at_once = owner is None and not late and _sent_at_once(operation)
    ended = yield Query("settle_operation", columns, usual=[(0,)] if at_once else None)
    if not ended:
        return False
    if order is not None and not (yield from orders.write(order, before, shown)):
        raise RolledBack(Stale())
    if ended[0][0] if not late else operation.state == "succeeded":
        yield from events.record_settled(operation)
    return True


def _with_earlier_exchanges(operation: Operation, exchanges: Sequence[Exchange]) -> Steps[Sequence[Exchange]]:
    """Return the new exchanges after the stored ones of earlier attempts; empty if there is nothing to add."""
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
    """Release an operation of this process with an unknown outcome.

    Args:
        operation: As it is now.
        owner: This process.
        settles_in: Seconds until nothing of it can still arrive; None to leave that as it was.
        probe_in: Seconds until recovery probes; None if a person has to resolve the operation.
        exchanges: The exchanges that are not recorded yet.

    Returns:
        False if it is settled, or another process has it.
    """
    said = yield from _with_earlier_exchanges(operation, exchanges)
    columns = codec.operation_columns(operation) | {
        "holder": owner,
        "settles_in": codec.duration(settles_in),
        "probe_in": codec.duration(probe_in),
        "exchanges": codec.encode_exchanges(said),
    }
    return bool((yield Query("leave_unknown", columns, single_statement=True)))


@transaction()
def prune(since: datetime, limit: int) -> Steps[int]:
    """Delete the keys, requests and answers of operations that were settled before a time.

    Their records stay. Operations that a process works on, or that have a delayed probe, are left for later.

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
    """Return up to ``limit + 1`` operations; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.operations(query))
    return list_queries.in_order([codec.decode_operation(row[0]) for row in rows], query)


@transaction()
def find_with_exchanges(order_id: str) -> Steps[list[OperationWithExchanges]]:
    """Return an order's operations with their stored exchanges, oldest first."""
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
    """Record a person's resolution of an applied operation, and the change of its order.

    Args:
        operation: With the word.
        record: The order.
        revision: Of the row that the record was made from.

    Returns:
        False if the row has changed since that revision. Nothing changes then.
    """
    stored = yield from orders.find(record.id)
    if stored is None or stored.revision != revision or not (yield from orders.write(record, stored)):
        return False
    yield Query("save_resolution", codec.operation_columns(operation))
    return True


@transaction()
def count_unknown() -> Steps[UnknownOperations]:
    """Count the operations with an unknown outcome."""
    (row,) = yield Query("unknown_operations", {})
    return UnknownOperations(number=row[0], oldest=max(row[1], 0) / 1000, need_person=row[2])


def _duplicate(intent: Intent, columns: dict[str, Any]) -> Steps[Duplicate | None]:
    if intent.operation.reference is None:
        return None
    since = codec.milliseconds(intent.since)
    rows = yield Query(
        "operation_by_reference",
        columns | {"since": since, "unknown_only": int(intent.allow_duplicate)},
    )
    return Duplicate(codec.decode_operation(rows[0][0])) if rows else None


def _conflict(intent: Intent, columns: dict[str, Any]) -> Steps[Duplicate | Busy | None]:
    duplicate = yield from _duplicate(intent, columns)
    if duplicate is not None:
        return duplicate
    busy = yield from find_unsettled(intent.operation.order)
    return None if busy is None else Busy(busy)


def _sent_at_once(operation: Operation) -> bool:
    """Whether the first attempt began with the operation, so that its caller waits for the outcome."""
    return bool(operation.attempts) and operation.attempts[0].started_at == operation.created_at


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
