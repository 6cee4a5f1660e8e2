"""Records what became of a write, and makes the caller's answer of it: one place for every way to find out.

The process that sent it, recovery and a person who resolves it all end here.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.changes import OrderMade, changed, made
from ordergate.domain.commands import CreateOrder
from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.outcome import Applied, NotApplied
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.concurrency import waiting
from ordergate.gateway.runtime.order_log import log_settled, log_status
from ordergate.gateway.runtime.runtime import Answer, Gateway
from ordergate.gateway.writes.conversation import named
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Existing, Operation, Stale, StoredResponse, Work
from ordergate.journal.records.orders import StoredOrder

STORED_REFUSALS = frozenset({"payment_declined", "provider_rejected", "invalid_state"})
"""Refusals that the provider decided: a repeat of the key gets them again."""

LEAVES_A_MARK = frozenset({OperationKind.CREATE, OperationKind.PAY})
"""Operations that are proven by our own mark or key; others by a change, as long as nobody else changes the order."""

NOTHING_FOUND = "provider_unavailable"
"""The problem of an operation that was sent, not answered, and proven not applied."""

_RACES = 10
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5

T = TypeVar("T")
_log = structlog.get_logger("ordergate.gateway")


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that this process works on, with all that its end needs.

    Attributes:
        before: The order as it was before the write; None for a create.
        owner: This process, where the operation may have been taken from it; None where it heard the provider.
        exchanges: What this process has said to the provider about it, and has not recorded yet.
    """

    operation: Operation
    work: Work
    account: Account
    before: StoredOrder | None
    owner: str | None = None
    exchanges: tuple[Exchange, ...] = ()


async def recorded(gateway: Gateway, record: Callable[[], Awaitable[T]]) -> T:
    """Record what a provider answered; while the journal does not take it, try again as long as a caller waits.

    Raises:
        JournalUnavailableError: The caller's time is over.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + gateway.configuration.idempotency_wait, _FIRST_PAUSE
    while True:
        try:
            return await record()
        except JournalUnavailableError:
            if loop.time() + pause > deadline:
                raise
        with waiting():
            await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def applied(gateway: Gateway, held: Held, outcome: Applied) -> Answer:
    """Record that the provider did it, the order as it is now, and the call's normal answer.

    A write that was taken for not applied before puts its order in review. What the gateway does itself exists once it
    is recorded: after it was taken for not applied it is not done any more.
    """
    operation = msgspec.structs.replace(
        held.operation,
        state="succeeded",
        outcome="applied",
        problem=None,
        needs_person=False,
        updated_at=gateway.steady_time(),
    )
    raced = False
    for _ in range(_RACES):
        record = _record_after(gateway, held, outcome)
        response = normal_answer(gateway, operation.kind, record)
        settled = await _settle(gateway, held, operation, response, record)
        if settled is False and operation.performed_by == "provider":
            record = msgspec.structs.replace(record, concerns=[*record.concerns, ReviewReason.LATE_WRITE])
            response = normal_answer(gateway, operation.kind, record)
            settled = await _settle(gateway, held, operation, response, record, late=True)
            if settled is True:
                _log.warning("operation.late_write", operation_id=operation.id, order_id=operation.order)
        if settled is True:
            log_settled(operation)
            log_status(None if held.before is None else held.before.record, record)
            if raced:
                await _read_again(gateway, held)
            return Answer(response, operation.account)
        if settled is False:
            return await answer_of_others(gateway, operation)
        raced = True
        before = await recorded(gateway, lambda: gateway.journal.read(tx.orders.find(operation.order)))
        held = msgspec.structs.replace(held, before=before)
    raise outcome_unknown(operation, "The order keeps changing under it.")


async def _settle(
    gateway: Gateway,
    held: Held,
    operation: Operation,
    response: StoredResponse | None,
    record: OrderRecord | None,
    *,
    late: bool = False,
    probe_in: float | None = None,
) -> bool | Stale:
    return await recorded(
        gateway,
        lambda: gateway.journal.write(
            tx.operations.settle(
                operation,
                response,
                record,
                before=held.before if record is not None else None,
                owner=held.owner,
                late=late,
                probe_in=probe_in,
                exchanges=held.exchanges,
            )
        ),
    )


async def _read_again(gateway: Gateway, held: Held) -> None:
    """Somebody read the order while the answer was on its way: which of both is newer nobody knows."""
    if held.before is None:
        return
    native = held.before.record.seen.provider_order_id
    with contextlib.suppress(JournalUnavailableError):
        await gateway.journal.write(
            tx.resync.queue_order(held.account.name, native, gateway.configuration.inbound.pace)
        )
    if gateway.wake_inbound is not None:
        gateway.wake_inbound()


async def refused(gateway: Gateway, held: Held, outcome: NotApplied) -> Answer:
    """Record that the provider did nothing; its own decision is the answer to every repeat of the key.

    Raises:
        Problem: The refusal, where a repeat may be sent.
    """
    operation = held.operation
    problem = Problem(
        outcome.code,
        outcome.detail,
        errors=outcome.errors,
        provider=named(outcome.provider, held.account),
        operation=operation.id,
        retry_after=outcome.retry_after,
        retry="new_key" if _needs_new_key(outcome.code, operation.kind) else None,
        sent=operation.attempts[-1].sent if operation.attempts else "no",
    )
    stored = gateway.renderer.problem(problem) if outcome.code in STORED_REFUSALS else None
    if not await _not_applied(gateway, held, outcome.code, stored):
        return await answer_of_others(gateway, operation)
    if stored is None:
        raise problem
    return Answer(stored, operation.account)


async def absent(gateway: Gateway, held: Held) -> None:
    """Record that there is no trace of it at the provider and none can come any more, or that a person says so.

    It is looked for once more, much later.

    Only a mark of our own tells what it is after others may have changed the order, too.
    """
    late_look = gateway.configuration.late_look.total_seconds()
    marked = held.operation.kind in LEAVES_A_MARK
    await _not_applied(gateway, held, NOTHING_FOUND, None, probe_in=late_look if marked else None)


async def nothing_done(gateway: Gateway, held: Held) -> None:
    """Record that it was never sent."""
    await _not_applied(gateway, held, NOTHING_FOUND, None)


async def _not_applied(
    gateway: Gateway,
    held: Held,
    problem: str,
    response: StoredResponse | None,
    *,
    probe_in: float | None = None,
) -> bool:
    settled = msgspec.structs.replace(
        held.operation,
        state="failed",
        outcome="not_applied",
        problem=problem,
        needs_person=False,
        updated_at=gateway.steady_time(),
    )
    ended = await _settle(gateway, held, settled, response, None, probe_in=probe_in) is True
    if ended:
        log_settled(settled)
    return ended


def normal_answer(gateway: Gateway, kind: OperationKind, record: OrderRecord) -> StoredResponse:
    """Return what a call of this kind answers when it was applied."""
    if kind is OperationKind.RETURN and record.returns:
        return gateway.renderer.returned(record.returns[-1])
    return gateway.renderer.order(order_from_record(record), created=kind is OperationKind.CREATE)


async def answer_of(gateway: Gateway, existing: Existing) -> Answer | None:
    """Return a settled operation's answer; None where it was not applied and may be sent again."""
    operation = existing.operation
    if existing.response is not None:
        return Answer(existing.response, operation.account)
    if operation.state == "failed":
        return None
    stored = await gateway.journal.read(tx.orders.find(operation.order))
    if stored is None:
        raise LookupError(f"{operation.id} was applied, and its order is not in the journal")
    return Answer(normal_answer(gateway, operation.kind, stored.record), operation.account)


async def answer_of_others(gateway: Gateway, operation: Operation) -> Answer:
    """Return the answer of an operation that somebody else has settled in the meantime.

    Raises:
        Problem: It is unsettled again, or was settled as not applied.
    """
    existing = await gateway.journal.read(tx.operations.find_existing(operation.id))
    if existing is None or not existing.operation.settled:
        raise outcome_unknown(operation, "Another process works on it.")
    answer = await answer_of(gateway, existing)
    if answer is None:
        raise found_nothing(existing.operation)
    return answer


async def wait_until_settled(gateway: Gateway, existing: Existing) -> Existing:
    """Wait until the operation is settled, or the caller's patience ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + gateway.configuration.idempotency_wait
    pause = 0.02
    while not existing.operation.settled and loop.time() < deadline:
        with waiting():
            await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
        pause = min(pause * 1.5, 0.5)
        with contextlib.suppress(JournalUnavailableError):
            found = await gateway.journal.read(tx.operations.find_existing(existing.operation.id))
            existing = found or existing
    return existing


def found_nothing(operation: Operation) -> Problem:
    """Return the answer of a write that was sent, not answered, and proven not applied."""
    return Problem(
        NOTHING_FOUND,
        "The provider did not answer, and shows no trace of it: it was not applied. Repeat the same "
        "Idempotency-Key to send it again.",
        sent="maybe",
        operation=operation.id,
        retry_after=1,
    )


def cannot_be_seen(operation: Operation, reason: str) -> Problem:
    """Return the answer of a repeat that is not sent, since nobody can see whether the first was applied."""
    return Problem(
        NOTHING_FOUND,
        f"{reason} So it cannot be seen whether the first request was applied, and nothing was sent. Repeat the same "
        "Idempotency-Key later.",
        sent="maybe",
        operation=operation.id,
        retry_after=5,
    )


def looked_for(operation: Operation) -> Problem:
    """Return the answer of a repeat that comes while somebody looks at the provider for what the first has done."""
    return Problem(
        "idempotency_in_progress",
        "The provider is looked at this moment for what the first request has done; repeat it later.",
        operation=operation.id,
        order=operation.order,
        retry_after=2,
    )


def outcome_unknown(operation: Operation, reason: str, provider: ProviderError | None = None) -> Problem:
    """Return the problem of a write that may have been applied."""
    person = " It cannot settle by itself: a person has to resolve it." if operation.needs_person else ""
    return Problem(
        "outcome_unknown",
        f"{reason} It may have been applied.{person} Repeat the same Idempotency-Key, or read "
        f"GET /v1/operations/{operation.id}; do not send it under another key.",
        operation=operation.id,
        order=operation.order,
        provider=provider,
        retry_after=5,
    )


def _record_after(gateway: Gateway, held: Held, outcome: Applied) -> OrderRecord:
    now = gateway.steady_time()
    command, change = held.work.command, held.work.change
    if isinstance(change, OrderMade):
        if not isinstance(command, CreateOrder):
            raise TypeError("only a create makes an order")
        return made(command, change, held.work.notices, outcome, now)
    if held.before is None:
        raise LookupError(f"{held.operation.order} is not in the journal")
    return changed(held.before.record, change, held.work.notices, outcome, now)


def _needs_new_key(code: str, kind: OperationKind) -> bool:
    """A refused payment may be tried again as it is; the refusal is kept under its key."""
    return code == "provider_rejected" and kind is OperationKind.PAY
