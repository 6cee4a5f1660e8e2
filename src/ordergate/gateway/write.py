"""How every write runs: claim its key, make the intent durable, send, make the answer durable, answer.

The order of these steps is the promise that one operation acts at most once. Each use case prepares its own
request and says how the order looks afterwards; everything else is here.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec
import structlog

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.errors import OutcomeWord, Problem
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.outcome import Applied, NotApplied, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.account import Account
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway, Renderer
from ordergate.gateway.conversation import named, read_order, say
from ordergate.gateway.idempotency import (
    answer_again,
    check_key,
    order_busy,
    outcome_unknown,
    possible_duplicate,
)
from ordergate.gateway.ports import JournalUnavailableError
from ordergate.gateway.records import (
    Attempt,
    Busy,
    Claimed,
    Duplicate,
    Intent,
    Operation,
    StoredOrder,
    StoredResponse,
)
from ordergate.observability import note_account
from ordergate.redaction import MASK
from ordergate.spi.adapter import Plan
from ordergate.spi.wire import WireRequest

MOVES_MONEY = frozenset({OperationKind.PAY, OperationKind.RETURN})
"""Operations whose unmapped errors prove nothing until the order has been read again."""

STORED_REFUSALS = frozenset({"payment_declined", "provider_rejected", "invalid_state"})
"""Refusals that the provider decided: a repeat of the key gets them again."""

_RACES = 5
_log = structlog.get_logger("ordergate.gateway")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One write as it was called.

    Attributes:
        key: The Idempotency-Key as sent; None if there was none.
        body: The parsed body: its canonical form tells whether a repeat is the same.
        order: The order to change; None for a create.
        reference: The merchant's order number, for a create.
        allow_duplicate: The caller knows that the reference was used before.
    """

    caller: Caller
    kind: OperationKind
    method: str
    path: str
    key: str | None
    body: msgspec.Struct
    order: str | None = None
    reference: str | None = None
    allow_duplicate: bool = False
    performed_by: Literal["provider", "gateway"] = "provider"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A write that nothing stands against any more.

    Attributes:
        plan: The conversation, stopped at its effectful request; None where the gateway does it itself.
        request: That request.
        before: The order as it was read just before; None for a create.
        finish: Makes the order's record from what the provider says afterwards.
        answer: Writes the call's normal answer; None for the order itself.
    """

    account: Account
    plan: Plan | None
    request: WireRequest | None
    before: StoredOrder | None
    finish: Callable[[Applied], OrderRecord]
    answer: Callable[[Renderer, OrderRecord], StoredResponse] | None = None


Prepare = Callable[[Operation], Awaitable[Prepared]]


async def write(gateway: Gateway, call: Call, prepare: Prepare) -> Answer:
    """Carry out one write, at most once for its key.

    Raises:
        Problem: Refused before anything was sent, refused by the provider, or of unknown outcome.
    """
    check_key(call.key)
    merchant = call.caller.require_merchant()
    for _ in range(_RACES):
        operation = _operation(gateway, call, merchant)
        existing = await gateway.journal.by_key(operation)
        if existing is not None and not existing.operation.expired(_since(gateway)):
            answer = await answer_again(gateway, existing, operation)
            if answer is not None:
                return answer
            operation = _next_attempt(gateway, existing.operation)
        prepared = await prepare(operation)
        note_account(prepared.account.name)
        operation = msgspec.structs.replace(
            operation,
            account=prepared.account.name,
            performed_by="gateway" if prepared.plan is None else call.performed_by,
        )
        claim = await gateway.journal.claim(_intent(gateway, call, operation, prepared))
        match claim:
            case Claimed():
                return await _in_own_task(gateway, _carry_out(gateway, call, claim.operation, prepared))
            case Duplicate():
                raise possible_duplicate(claim.operation)
            case Busy():
                raise order_busy(claim.operation)
    raise Problem("overloaded", "The order keeps changing under this call; repeat it.", retry_after=1)


def _operation(gateway: Gateway, call: Call, merchant: str) -> Operation:
    now = gateway.clock()
    return Operation(
        id=new_id("op"),
        merchant=merchant,
        world=call.caller.world,
        kind=call.kind,
        method=call.method,
        path=call.path,
        key=call.key,
        content_hash=sha256(msgspec.json.encode(call.body, order="deterministic")).hexdigest(),
        account="",
        order=call.order or new_id("ord"),
        reference=call.reference,
        state="in_progress",
        performed_by=call.performed_by,
        attempts=(Attempt(number=1, started_at=now),),
        outcome=None,
        problem=None,
        created_at=now,
        updated_at=now,
    )


def _next_attempt(gateway: Gateway, before: Operation) -> Operation:
    now = gateway.clock()
    attempt = Attempt(number=len(before.attempts) + 1, started_at=now)
    return msgspec.structs.replace(
        before,
        state="in_progress",
        outcome=None,
        problem=None,
        attempts=(*before.attempts, attempt),
        updated_at=now,
    )


def _intent(gateway: Gateway, call: Call, operation: Operation, prepared: Prepared) -> Intent:
    request = prepared.request
    body = None if request is None else request.body
    return Intent(
        operation=operation,
        request=MASK.encode() if request is not None and request.confidential else body,
        baseline=prepared.before.record.seen if prepared.before else None,
        revision=prepared.before.revision if prepared.before else None,
        allow_duplicate=call.allow_duplicate,
        since=_since(gateway),
    )


def _since(gateway: Gateway) -> datetime:
    return gateway.clock() - gateway.configuration.retention


async def _in_own_task(gateway: Gateway, work: Coroutine[None, None, Answer]) -> Answer:
    """Let the write end even if the caller goes away: it is cancelled, the write is not."""
    task = asyncio.create_task(work)
    gateway.running.add(task)

    def forget(ended: asyncio.Task[Answer]) -> None:
        gateway.running.discard(ended)
        if not ended.cancelled():
            ended.exception()  # marks it as seen: the caller may be gone

    task.add_done_callback(forget)
    return await asyncio.shield(task)


async def _carry_out(gateway: Gateway, call: Call, operation: Operation, prepared: Prepared) -> Answer:
    """Send, and record what came of it; from here on nobody may answer that nothing happened by default."""
    try:
        outcome, attempt = await _act(gateway, operation, prepared)
        return await _record(gateway, call, operation, prepared, outcome, attempt)
    except Problem:
        raise
    except Exception as error:
        _log.exception("write.failed", operation=operation.id, order=operation.order)
        with contextlib.suppress(JournalUnavailableError):
            await _settle(gateway, operation, "unknown", "internal_error")
        raise Problem(
            "internal_error",
            f"The gateway failed after the request was sent; GET /v1/operations/{operation.id} says what is known.",
            sent="maybe",
            outcome="unknown",
            operation=operation.id,
            order=operation.order,
            retry_after=5,
        ) from error


async def _act(gateway: Gateway, operation: Operation, prepared: Prepared) -> tuple[Outcome, Attempt]:
    if prepared.plan is None or prepared.request is None:
        assert prepared.before is not None
        attempt = msgspec.structs.replace(operation.attempts[-1], sent="no", finished_at=gateway.clock())
        return Applied(order=prepared.before.record.seen), attempt
    outcome, attempt = await say(gateway, prepared.account, prepared.plan, prepared.request, operation)
    if isinstance(outcome, NotApplied) and not outcome.mapped:
        gateway.metrics.unmapped_error(prepared.account.name, operation.kind.value, outcome.provider.code)
    if isinstance(outcome, NotApplied) and not outcome.mapped and operation.kind in MOVES_MONEY:
        outcome = await _look_again(gateway, prepared, outcome)
    return outcome, attempt


async def _look_again(gateway: Gateway, prepared: Prepared, refused: NotApplied) -> NotApplied | Unknown:
    """An error that nobody mapped, of a call that moves money, proves nothing until the order has been read."""
    assert prepared.before is not None
    before = prepared.before.record.seen
    try:
        now = await read_order(
            gateway, prepared.account, RetrieveOrder(provider_order_id=before.provider_order_id)
        )
    except Problem as problem:
        return Unknown(reason=f"{refused.detail} Then: {problem.detail}", provider=refused.provider)
    if not now.payment_pending and _money(now) == _money(before):
        return refused
    return Unknown(reason=f"{refused.detail} But the order has changed.", provider=refused.provider)


def _money(order: ProviderOrder) -> tuple[object, ...]:
    """Everything about an order that a payment or a refund would change."""
    return order.amount_paid, order.amount_refunded, order.phase, order.provider_status


async def _record(
    gateway: Gateway, call: Call, operation: Operation, prepared: Prepared, outcome: Outcome, attempt: Attempt
) -> Answer:
    operation = msgspec.structs.replace(
        operation, attempts=(*operation.attempts[:-1], attempt), updated_at=gateway.clock()
    )
    match outcome:
        case Applied():
            return await _applied(gateway, call, operation, prepared, outcome)
        case NotApplied():
            return await _not_applied(gateway, operation, prepared.account, outcome)
        case Unknown():
            await _settle(gateway, operation, "unknown", "outcome_unknown")
            provider = outcome.provider and named(outcome.provider, prepared.account)
            raise outcome_unknown(operation, outcome.reason, provider)
        case _:
            raise TypeError(f"a write came to {type(outcome).__name__}")


async def _applied(
    gateway: Gateway, call: Call, operation: Operation, prepared: Prepared, outcome: Applied
) -> Answer:
    record = _with_concerns(prepared.finish(outcome), outcome)
    if prepared.answer is not None:
        response = prepared.answer(gateway.renderer, record)
    else:
        created = call.kind is OperationKind.CREATE
        response = gateway.renderer.order(order_from_record(record), created=created)
    settled = msgspec.structs.replace(operation, state="succeeded", outcome="applied")
    await gateway.journal.settle(settled, response, record)
    return Answer(response, operation.account)


def _with_concerns(record: OrderRecord, outcome: Applied) -> OrderRecord:
    new = [concern for concern in outcome.concerns if concern not in record.concerns]
    return msgspec.structs.replace(record, concerns=record.concerns + new) if new else record


async def _not_applied(
    gateway: Gateway, operation: Operation, account: Account, outcome: NotApplied
) -> Answer:
    problem = Problem(
        outcome.code,
        outcome.detail,
        errors=outcome.errors,
        provider=named(outcome.provider, account),
        operation=operation.id,
        retry_after=outcome.retry_after,
        retry="new_key" if _needs_new_key(outcome.code, operation.kind) else None,
        sent=operation.attempts[-1].sent,
    )
    if outcome.code not in STORED_REFUSALS:
        await _settle(gateway, operation, "failed", outcome.code)
        raise problem
    response = gateway.renderer.problem(problem)
    settled = msgspec.structs.replace(operation, state="failed", outcome="not_applied", problem=outcome.code)
    await gateway.journal.settle(settled, response, None)
    return Answer(response, operation.account)


def _needs_new_key(code: str, kind: OperationKind) -> bool:
    """A refused payment may be tried again as it is; the refusal is kept under its key."""
    return code == "provider_rejected" and kind is OperationKind.PAY


async def _settle(
    gateway: Gateway, operation: Operation, state: Literal["failed", "unknown"], problem: str
) -> None:
    outcome: OutcomeWord = "unknown" if state == "unknown" else "not_applied"
    settled = msgspec.structs.replace(operation, state=state, outcome=outcome, problem=problem)
    await gateway.journal.settle(settled, None, None)
