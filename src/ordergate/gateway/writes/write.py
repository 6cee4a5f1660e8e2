"""Runs a write: claim its key, make the intent durable, send, make the answer durable, answer.

This order guarantees that an operation acts at most once. Each use case prepares its command and its change; the rest
is here. Recovery finds out an outcome that is unknown at the end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec

from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.gateway.access.caller import Caller, key_revoked
from ordergate.gateway.accounts.routing import account_of, ineligibility
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.attempt import with_attempt
from ordergate.gateway.writes.carry_out import carry_out, carry_out_accepted, leave_to_recovery, retry_lost
from ordergate.gateway.writes.idempotency import answer_again, check_body, check_key
from ordergate.gateway.writes.late_probe import probe_before_retry
from ordergate.gateway.writes.prepared import (
    ClaimedOperation,
    PreparedWrite,
    StartedPlan,
    journaled_body,
    start_plan,
    work_of,
)
from ordergate.gateway.writes.problems import order_busy, outcome_unknown, possible_duplicate
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import (
    Busy,
    Claim,
    Claimed,
    Duplicate,
    Existing,
    Intent,
    Operation,
    Revoked,
    Work,
)
from ordergate.telemetry.log import note_account, note_operation

_RACES = 5


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of a call that concern how a write is done.

    Attributes:
        key: The Idempotency-Key; None if there is none.
        wait: Seconds after which the caller gets 202 instead of the answer; None to wait for the answer.
    """

    key: str | None
    wait: float | None = None


class WriteCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a write.

    Attributes:
        body: The parsed body. A repeated key must have the same body, in its canonical form.
        order: The order to change; None for a create.
        reference: The merchant's order number, for a create.
        allow_duplicate: The caller confirms that the reference may be used a second time.
    """

    caller: Caller
    kind: OperationKind
    method: str
    path: str
    options: CallOptions
    body: msgspec.Struct
    order: str | None = None
    reference: str | None = None
    allow_duplicate: bool = False
    performed_by: Literal["provider", "gateway"] = "provider"


Prepare = Callable[[Operation], Awaitable[PreparedWrite]]
"""Checks a write and prepares its command; raises a problem if the write is refused."""


async def write(runtime: Runtime, call: WriteCall, prepare: Prepare) -> Answer:
    """Run one write, at most once for its key.

    Raises:
        Problem: The write was refused before it was sent, or by the provider, or its outcome is unknown.
    """
    check_key(call.options.key)
    merchant = call.caller.require_merchant()
    for race in range(_RACES):
        operation = _operation(runtime, call, merchant)
        # The preparation of a create sends nothing, so the claim itself may find a repeated key.
        read_first = race or call.kind is not OperationKind.CREATE
        existing = await runtime.journal.read(tx.operations.find_by_key(operation)) if read_first else None
        if existing is not None and not existing.operation.expired(_since(runtime)):
            note_operation(existing.operation.id, existing.operation.order)
            check_body(existing, operation)
            answer = await _answer_repeated_key(runtime, call, existing)
            if answer is not None:
                return answer
            now = await runtime.journal.read(tx.operations.find_existing(existing.operation.id)) or existing
            operation = with_attempt(runtime, now.operation)
        try:
            prepared = await prepare(operation)
        except Problem as problem:
            if await _overtaken(runtime, operation, existing):
                continue
            problem.sent = "no"  # the preparation only reads
            raise
        note_account(prepared.account.name)
        answer = await _claim_and_run(runtime, call, operation, prepared)
        if answer is not None:
            return answer
    raise Problem("overloaded", "The order keeps changing under this call; repeat it.", retry_after=1)


async def _overtaken(runtime: Runtime, operation: Operation, existing: Existing | None) -> bool:
    """Return whether the same key was used meanwhile: the problem may be the effect of that call."""
    now = await runtime.journal.read(tx.operations.find_by_key(operation))
    return now is not None and (existing is None or now.operation != existing.operation)


def _operation(runtime: Runtime, call: WriteCall, merchant: str) -> Operation:
    now = runtime.steady_time()
    return Operation(
        id=new_id("op"),
        merchant=merchant,
        world=call.caller.world,
        kind=call.kind,
        method=call.method,
        path=call.path,
        key=call.options.key,
        content_hash=sha256(msgspec.json.encode(call.body, order="deterministic")).hexdigest(),
        account="",
        adapter="",
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


def _since(runtime: Runtime) -> datetime:
    return runtime.steady_time() - runtime.configuration.retention


async def _claim_and_run(
    runtime: Runtime, call: WriteCall, operation: Operation, prepared: PreparedWrite
) -> Answer | None:
    """Make the intent durable, and carry it out; None if the order or the key changed meanwhile."""
    started = start_plan(prepared.account, prepared.command)
    work = work_of(prepared, started)
    latest = msgspec.structs.replace(operation.attempts[-1], account=prepared.account.name)
    operation = msgspec.structs.replace(
        operation,
        account=prepared.account.name,
        adapter=prepared.account.adapter.name,
        attempts=(*operation.attempts[:-1], latest),
        performed_by="gateway" if started.plan is None else call.performed_by,
    )
    # Any process may start an accepted write, except one with a one-time token, which is not in the journal.
    accepts = call.options.wait is not None and not work.confidential and len(operation.attempts) == 1
    if accepts:
        operation = msgspec.structs.replace(operation, attempts=())
    claim = await _claim(runtime, call, operation, prepared, started, work)
    match claim:
        case Claimed():
            note_operation(operation.id, operation.order)
            claimed = ClaimedOperation(
                operation=operation, work=work, account=prepared.account, before=prepared.before
            )
            running = (
                carry_out_accepted(runtime, claimed, started.body, prepared.failover)
                if accepts
                else carry_out(runtime, claimed, started, prepared.failover)
            )
            return await _answer_in_time(runtime, call, operation, runtime.work.run(running, operation.id))
        case Duplicate():
            raise possible_duplicate(claim.operation)
        case Busy():
            raise order_busy(claim.operation)
        case Revoked():
            raise key_revoked()
        case _:
            return None


async def _claim(
    runtime: Runtime,
    call: WriteCall,
    operation: Operation,
    prepared: PreparedWrite,
    started: StartedPlan,
    work: Work,
) -> Claim | None:
    """Make the intent durable; None if a new configuration has removed the account meanwhile."""
    accepted = not operation.attempts
    intent = Intent(
        operation=operation,
        work=work,
        owner=None if accepted else runtime.node,
        request=journaled_body(started),
        revision=prepared.before.revision if prepared.before else None,
        settling=prepared.account.settling,
        allow_duplicate=call.allow_duplicate,
        since=operation.updated_at - runtime.configuration.retention,
        api_key=call.caller.key,
    )
    runtime.work.hold(operation.id)
    try:
        async with runtime.account_swap.reader:
            return (
                await runtime.journal.write(tx.operations.claim(intent))
                if _account_takes_it(runtime, operation)
                else None
            )
    except JournalUnavailableError as error:
        if not accepted:
            raise  # only this process could send it, and does not
        raise outcome_unknown(
            operation, f"{error}. It is not known whether the write was recorded; if it was, it will be sent."
        ) from error
    finally:
        runtime.work.release(operation.id)


def _account_takes_it(runtime: Runtime, operation: Operation) -> bool:
    if operation.kind is OperationKind.CREATE:
        account = runtime.configuration.accounts.get(operation.account)
        return ineligibility(account, operation.merchant, operation.world) is None
    return account_of(runtime.configuration, operation) is not None


async def _answer_in_time(
    runtime: Runtime, call: WriteCall, operation: Operation, task: "asyncio.Task[Answer]"
) -> Answer:
    """Wait for the answer, at most for the caller's wait timeout. The write continues if the caller disconnects."""
    if call.options.wait is None:
        return await asyncio.shield(task)
    await asyncio.wait([task], timeout=call.options.wait)
    if not task.done() or isinstance(task.exception(), JournalUnavailableError):
        return await _accepted(runtime, operation)
    return task.result()


async def _accepted(runtime: Runtime, operation: Operation) -> Answer:
    try:
        now = await runtime.journal.read(tx.operations.find(operation.id)) or operation
    except JournalUnavailableError:
        now = operation  # it is recorded, and goes on
    return Answer(runtime.renderer.accepted(now), now.account, accepted=True)


async def _answer_repeated_key(runtime: Runtime, call: WriteCall, existing: Existing) -> Answer | None:
    """Answer a repeated key; None if the operation may be sent again, as its next attempt.

    Raises:
        Problem: The operation is in progress, or its outcome is still unknown.
    """
    operation = existing.operation
    try:
        if operation.state == "unknown":
            await _find_out(runtime, operation)
        if call.options.wait is not None and not operation.settled:
            return await _accepted(runtime, operation)
        return await answer_again(runtime, existing) or await probe_before_retry(runtime, operation)
    except JournalUnavailableError as error:
        if operation.settled:
            raise
        raise outcome_unknown(operation, f"{error}.") from error


async def _find_out(runtime: Runtime, operation: Operation) -> None:
    """Start to find out an unknown outcome: retry the same bytes, or let recovery probe."""
    account = account_of(runtime.configuration, operation)
    acquired = (
        None
        if account is None
        else await runtime.journal.write(tx.leases.acquire(operation.id, runtime.node))
    )
    if account is None or acquired is None:
        return
    if acquired.work is None or acquired.work.command is None:
        await leave_to_recovery(runtime, acquired.operation, attempted=False)
        return
    before = await runtime.journal.read(tx.orders.find(operation.order))
    claimed = ClaimedOperation(
        operation=acquired.operation, work=acquired.work, account=account, before=before
    )
    runtime.work.run(retry_lost(runtime, acquired, claimed), operation.id)
