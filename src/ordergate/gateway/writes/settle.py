"""Settles operations: records the outcome with the order, and returns the caller's answer.

The process that sent the write, recovery, and a person who resolves the operation all use these functions.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.changes import OrderMade, changed, made
from ordergate.domain.commands import CreateOrder
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.order import Order
from ordergate.domain.outcome import Applied, NotApplied
from ordergate.gateway.runtime.concurrency import waiting
from ordergate.gateway.runtime.order_log import log_settled, log_status
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.plans import with_account
from ordergate.gateway.writes.prepared import ClaimedOperation
from ordergate.gateway.writes.problems import no_trace, outcome_unknown
from ordergate.gateway.writes.retry import MARKED, NO_TRACE, STORED_REFUSALS, needs_new_key
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Existing, Operation, OrderKnown, Stale, StoredResponse

_RACES = 10
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5

T = TypeVar("T")
_log = structlog.get_logger("ordergate.gateway")


async def record_persistently(runtime: Runtime, record: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write to the journal until it succeeds or the caller's wait timeout is over.

    Raises:
        JournalUnavailableError: The timeout is over.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + runtime.configuration.idempotency_wait, _FIRST_PAUSE
    while True:
        try:
            return await record()
        except JournalUnavailableError:
            if loop.time() + pause > deadline:
                raise
        with waiting():
            await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


class OrderKnownError(Exception):
    """The provider answered a create with an order that the journal had before."""


async def settle_applied(
    runtime: Runtime, claimed: ClaimedOperation, outcome: Applied, *, just_made: bool = False
) -> Answer:
    """Record that the write was applied, the order as it is now, and the answer.

    If the operation was already settled as not applied, its order goes into review (``late_write``). A write that the
    gateway does itself exists only in the record, so after "not applied" it is not done any more.

    Args:
        runtime: This process.
        claimed: The operation.
        outcome: The order as it is now.
        just_made: The provider has just answered that it made the order.

    Raises:
        OrderKnownError: It cannot have made the order just now. Nothing is recorded.
    """
    operation = msgspec.structs.replace(
        claimed.operation,
        state="succeeded",
        outcome="applied",
        problem=None,
        needs_person=False,
        updated_at=runtime.steady_time(),
    )
    raced = False
    for _ in range(_RACES):
        record = _record_after(claimed, outcome, operation.updated_at)
        settled, response = await _settle_as(runtime, claimed, operation, record, just_made=just_made)
        if isinstance(settled, OrderKnown):
            raise OrderKnownError(
                f"{claimed.account.adapter.title} has answered with {outcome.order.provider_order_id!r}, an order that "
                "was there before."
            )
        if settled is False and operation.performed_by == "provider":
            record = msgspec.structs.replace(record, concerns=[*record.concerns, ReviewReason.LATE_WRITE])
            settled, response = await _settle_as(runtime, claimed, operation, record, late=True)
            if settled is True:
                _log.warning("operation.late_write", operation_id=operation.id, order_id=operation.order)
        if settled is True:
            log_settled(operation)
            log_status(None if claimed.before is None else claimed.before.record, record)
            if raced:
                await _read_again(runtime, claimed)
            return Answer(response, operation.account)
        if settled is False:
            return await answer_of_others(runtime, operation)
        raced = True
        before = await record_persistently(
            runtime, lambda: runtime.journal.read(tx.orders.find(operation.order))
        )
        claimed = msgspec.structs.replace(claimed, before=before)
    raise outcome_unknown(operation, "The order keeps changing under it.")


async def _settle_as(
    runtime: Runtime,
    claimed: ClaimedOperation,
    operation: Operation,
    record: OrderRecord,
    *,
    just_made: bool = False,
    late: bool = False,
) -> tuple[bool | Stale | OrderKnown, StoredResponse]:
    """Settle a write that was applied; return the journal's answer, and the caller's."""
    order = order_from_record(record)
    response = _answer_with(runtime, operation.kind, record, order)
    settled = await _settle(
        runtime, claimed, operation, response, record, order, just_made=just_made, late=late
    )
    return settled, response


async def _settle(
    runtime: Runtime,
    claimed: ClaimedOperation,
    operation: Operation,
    response: StoredResponse | None,
    record: OrderRecord | None,
    order: Order | None = None,
    *,
    just_made: bool = False,
    late: bool = False,
    probe_in: float | None = None,
) -> bool | Stale | OrderKnown:
    return await record_persistently(
        runtime,
        lambda: runtime.journal.write(
            tx.operations.settle(
                operation,
                response,
                record,
                shown=order,
                before=claimed.before if record is not None else None,
                just_made=just_made,
                owner=claimed.owner,
                late=late,
                probe_in=probe_in,
                exchanges=claimed.exchanges,
            )
        ),
    )


async def _read_again(runtime: Runtime, claimed: ClaimedOperation) -> None:
    """Queue a resync: the order was read while the answer was on its way, so either may be newer."""
    if claimed.before is None:
        return
    native = claimed.before.record.seen.provider_order_id
    with contextlib.suppress(JournalUnavailableError):
        await runtime.journal.write(
            tx.resync.queue_order(claimed.account.name, native, runtime.configuration.inbound.pace)
        )
    runtime.workers.wake("resync")


async def settle_refused(runtime: Runtime, claimed: ClaimedOperation, outcome: NotApplied) -> Answer:
    """Record that the write was not applied. The provider's own refusal is stored as the answer to its key.

    Raises:
        Problem: The refusal, if a retry may be sent.
    """
    operation = claimed.operation
    problem = Problem(
        outcome.code,
        outcome.detail,
        errors=outcome.errors,
        provider=with_account(outcome.provider, claimed.account),
        operation=operation.id,
        retry_after=outcome.retry_after,
        retry="new_key" if needs_new_key(outcome.code, operation.kind) else None,
        sent=operation.attempts[-1].sent if operation.attempts else "no",
    )
    stored = runtime.renderer.problem(problem) if outcome.code in STORED_REFUSALS else None
    if not await _not_applied(runtime, claimed, outcome.code, stored):
        return await answer_of_others(runtime, operation)
    if stored is None:
        raise problem
    return Answer(stored, operation.account)


async def settle_absent(runtime: Runtime, claimed: ClaimedOperation) -> None:
    """Record that the provider has no trace of the write and none can appear, or that a person resolved it so.

    A delayed probe follows, if our own mark would identify the write even after other changes of the order.
    """
    late_look = runtime.configuration.late_look.total_seconds()
    marked = claimed.operation.kind in MARKED
    await _not_applied(runtime, claimed, NO_TRACE, None, probe_in=late_look if marked else None)


async def settle_unsent(runtime: Runtime, claimed: ClaimedOperation) -> None:
    """Record that the write was never sent."""
    await _not_applied(runtime, claimed, NO_TRACE, None)


async def _not_applied(
    runtime: Runtime,
    claimed: ClaimedOperation,
    problem: str,
    response: StoredResponse | None,
    *,
    probe_in: float | None = None,
) -> bool:
    settled = msgspec.structs.replace(
        claimed.operation,
        state="failed",
        outcome="not_applied",
        problem=problem,
        needs_person=False,
        updated_at=runtime.steady_time(),
    )
    ended = await _settle(runtime, claimed, settled, response, None, probe_in=probe_in) is True
    if ended:
        log_settled(settled)
    return ended


def normal_answer(runtime: Runtime, kind: OperationKind, record: OrderRecord) -> StoredResponse:
    """Return the answer of an applied write of this kind."""
    return _answer_with(runtime, kind, record, order_from_record(record))


def _answer_with(runtime: Runtime, kind: OperationKind, record: OrderRecord, order: Order) -> StoredResponse:
    if kind is OperationKind.RETURN and record.returns:
        return runtime.renderer.returned(record.returns[-1])
    return runtime.renderer.order(order, created=kind is OperationKind.CREATE)


async def answer_of(runtime: Runtime, existing: Existing) -> Answer | None:
    """Return the answer of a settled operation; None if it was not applied and may be sent again."""
    operation = existing.operation
    if existing.response is not None:
        return Answer(existing.response, operation.account)
    if operation.state == "failed":
        return None
    stored = await runtime.journal.read(tx.orders.find(operation.order))
    if stored is None:
        raise LookupError(f"{operation.id} was applied, and its order is not in the journal")
    return Answer(normal_answer(runtime, operation.kind, stored.record), operation.account)


async def answer_of_others(runtime: Runtime, operation: Operation) -> Answer:
    """Return the answer of an operation that another process has settled.

    Raises:
        Problem: The operation is unsettled, or was not applied.
    """
    existing = await runtime.journal.read(tx.operations.find_existing(operation.id))
    if existing is None or not existing.operation.settled:
        raise outcome_unknown(operation, "Another process works on it.")
    answer = await answer_of(runtime, existing)
    if answer is None:
        raise no_trace(existing.operation)
    return answer


async def wait_until_settled(runtime: Runtime, existing: Existing) -> Existing:
    """Wait until the operation is settled, or the caller's wait timeout is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + runtime.configuration.idempotency_wait
    pause = 0.02
    while not existing.operation.settled and loop.time() < deadline:
        with waiting():
            await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
        pause = min(pause * 1.5, 0.5)
        with contextlib.suppress(JournalUnavailableError):
            found = await runtime.journal.read(tx.operations.find_existing(existing.operation.id))
            existing = found or existing
    return existing


def _record_after(claimed: ClaimedOperation, outcome: Applied, now: datetime) -> OrderRecord:
    command, change = claimed.work.command, claimed.work.change
    if isinstance(change, OrderMade):
        if not isinstance(command, CreateOrder):
            raise TypeError("only a create makes an order")
        return made(command, change, claimed.work.notices, outcome, now)
    if claimed.before is None:
        raise LookupError(f"{claimed.operation.order} is not in the journal")
    return changed(claimed.before.record, change, claimed.work.notices, outcome, now)
