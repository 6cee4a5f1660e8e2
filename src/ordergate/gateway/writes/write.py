"""How every write runs: claim its key, make the intent durable, send, make the answer durable, answer.

The order of these steps is the promise that one operation acts at most once. Each use case prepares its own
command and says what it changes; everything else is here. What is still unknown then, recovery finds out.
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
from ordergate.gateway.accounts.routing import home_of, obstacle
from ordergate.gateway.runtime.runtime import Answer, Gateway
from ordergate.gateway.writes.attempt import (
    ask_again,
    carry_out,
    carry_out_accepted,
    leave,
    look_before_sending,
    with_attempt,
)
from ordergate.gateway.writes.idempotency import (
    answer_again,
    check_body,
    check_key,
    order_busy,
    possible_duplicate,
)
from ordergate.gateway.writes.outcomes import Held, outcome_unknown
from ordergate.gateway.writes.prepared import Begun, Prepared, begin, kept_bytes, work_of
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


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How a caller wants a write to be done, apart from what is to be done.

    Attributes:
        key: The Idempotency-Key as sent; None if there was none.
        patience: Seconds that the caller waits before it goes on without the answer; None for as long as it takes.
    """

    key: str | None
    patience: float | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One write as it was called.

    Attributes:
        body: The parsed body: its canonical form tells whether a repeat is the same.
        order: The order to change; None for a create.
        reference: The merchant's order number, for a create.
        allow_duplicate: The caller knows that the reference was used before.
    """

    caller: Caller
    kind: OperationKind
    method: str
    path: str
    delivery: Delivery
    body: msgspec.Struct
    order: str | None = None
    reference: str | None = None
    allow_duplicate: bool = False
    performed_by: Literal["provider", "gateway"] = "provider"


Prepare = Callable[[Operation], Awaitable[Prepared]]


async def write(gateway: Gateway, call: Call, prepare: Prepare) -> Answer:
    """Carry out one write, at most once for its key.

    Raises:
        Problem: Refused before anything was sent, refused by the provider, or of unknown outcome.
    """
    check_key(call.delivery.key)
    merchant = call.caller.require_merchant()
    for race in range(_RACES):
        operation = _operation(gateway, call, merchant)
        # Preparing a create asks no provider: that its key was used before may be left to the claim to find.
        looks = race or call.kind is not OperationKind.CREATE
        existing = await gateway.journal.read(tx.operations.find_by_key(operation)) if looks else None
        if existing is not None and not existing.operation.expired(_since(gateway)):
            note_operation(existing.operation.id, existing.operation.order)
            check_body(existing, operation)
            answer = await _repeated(gateway, call, existing)
            if answer is not None:
                return answer
            now = await gateway.journal.read(tx.operations.find_existing(existing.operation.id)) or existing
            operation = with_attempt(gateway, now.operation)
        try:
            prepared = await prepare(operation)
        except Problem as problem:
            if await _overtaken(gateway, operation, existing):
                continue
            problem.sent = "no"  # preparing only reads: of the write itself nothing has left
            raise
        note_account(prepared.account.name)
        answer = await _claim_and_run(gateway, call, operation, prepared)
        if answer is not None:
            return answer
    raise Problem("overloaded", "The order keeps changing under this call; repeat it.", retry_after=1)


async def _overtaken(gateway: Gateway, operation: Operation, existing: Existing | None) -> bool:
    """Whether the same key has been at work meanwhile: what stands against this call may be its own effect."""
    now = await gateway.journal.read(tx.operations.find_by_key(operation))
    return now is not None and (existing is None or now.operation != existing.operation)


def _operation(gateway: Gateway, call: Call, merchant: str) -> Operation:
    now = gateway.steady_time()
    return Operation(
        id=new_id("op"),
        merchant=merchant,
        world=call.caller.world,
        kind=call.kind,
        method=call.method,
        path=call.path,
        key=call.delivery.key,
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


def _since(gateway: Gateway) -> datetime:
    return gateway.steady_time() - gateway.configuration.retention


async def _claim_and_run(
    gateway: Gateway, call: Call, operation: Operation, prepared: Prepared
) -> Answer | None:
    """Make the intent durable and carry it out; None where the order or the key changed hands meanwhile."""
    begun = begin(prepared.account, prepared.command)
    work = work_of(prepared, begun)
    latest = msgspec.structs.replace(operation.attempts[-1], account=prepared.account.name)
    operation = msgspec.structs.replace(
        operation,
        account=prepared.account.name,
        adapter=prepared.account.adapter.name,
        attempts=(*operation.attempts[:-1], latest),
        performed_by="gateway" if begun.plan is None else call.performed_by,
    )
    # Any process may begin a write that was accepted; not one with a one-time token, which is not journaled.
    accepts = call.delivery.patience is not None and not work.confidential and len(operation.attempts) == 1
    if accepts:
        operation = msgspec.structs.replace(operation, attempts=())
    claim = await _claim(gateway, call, operation, prepared, begun, work)
    match claim:
        case Claimed():
            note_operation(operation.id, operation.order)
            held = Held(operation=operation, work=work, account=prepared.account, before=prepared.before)
            running = (
                carry_out_accepted(
                    gateway, held, begun.request.body if begun.request else None, prepared.elsewhere
                )
                if accepts
                else carry_out(gateway, held, begun, prepared.elsewhere)
            )
            return await _answer_in_time(gateway, call, operation, gateway.run(running, operation.id))
        case Duplicate():
            raise possible_duplicate(claim.operation)
        case Busy():
            raise order_busy(claim.operation)
        case Revoked():
            raise key_revoked()
        case _:
            return None


async def _claim(
    gateway: Gateway, call: Call, operation: Operation, prepared: Prepared, begun: Begun, work: Work
) -> Claim | None:
    """Make the intent durable; None where a new configuration has taken its account away meanwhile."""
    accepted = not operation.attempts
    intent = Intent(
        operation=operation,
        work=work,
        owner=None if accepted else gateway.node,
        request=kept_bytes(begun),
        revision=prepared.before.revision if prepared.before else None,
        settling=prepared.account.settling,
        allow_duplicate=call.allow_duplicate,
        since=_since(gateway),
        api_key=call.caller.key,
    )
    gateway.hold(operation.id)
    try:
        async with gateway.placing.reader:
            return (
                await gateway.journal.write(tx.operations.claim(intent))
                if _still_there(gateway, operation)
                else None
            )
    except JournalUnavailableError as error:
        if not accepted:
            raise  # nobody but this process may begin it, and this one does not
        raise outcome_unknown(
            operation, f"{error}. Whether it was recorded, and so begins, is not known."
        ) from error
    finally:
        gateway.release(operation.id)


def _still_there(gateway: Gateway, operation: Operation) -> bool:
    if operation.kind is OperationKind.CREATE:
        account = gateway.configuration.accounts.get(operation.account)
        return obstacle(account, operation.merchant, operation.world) is None
    return home_of(gateway.configuration, operation) is not None


async def _answer_in_time(
    gateway: Gateway, call: Call, operation: Operation, task: "asyncio.Task[Answer]"
) -> Answer:
    """Let the write end even if the caller goes away, or prefers not to wait: it is cancelled, the write is not."""
    if call.delivery.patience is None:
        return await asyncio.shield(task)
    await asyncio.wait([task], timeout=call.delivery.patience)
    if not task.done() or isinstance(task.exception(), JournalUnavailableError):
        return await _accepted(gateway, operation)
    return task.result()


async def _accepted(gateway: Gateway, operation: Operation) -> Answer:
    try:
        now = await gateway.journal.read(tx.operations.find(operation.id)) or operation
    except JournalUnavailableError:
        now = operation  # it is recorded and goes on: that the store is gone now is no reason to deny it
    return Answer(gateway.renderer.accepted(now), now.account, accepted=True)


async def _repeated(gateway: Gateway, call: Call, existing: Existing) -> Answer | None:
    """Answer a repeat of a key; None if it may be sent, as the next attempt of the same operation.

    Raises:
        Problem: Its operation is in progress, or of unknown outcome still.
    """
    operation = existing.operation
    try:
        if operation.state == "unknown":
            await _find_out(gateway, operation)
        if call.delivery.patience is not None and not operation.settled:
            return await _accepted(gateway, operation)
        return await answer_again(gateway, existing) or await look_before_sending(gateway, operation)
    except JournalUnavailableError as error:
        if operation.settled:
            raise
        raise outcome_unknown(operation, f"{error}.") from error


async def _find_out(gateway: Gateway, operation: Operation) -> None:
    """Begin what can be done about an unknown outcome: ask the provider again under its key, or look there."""
    account = home_of(gateway.configuration, operation)
    taken = (
        None
        if account is None
        else await gateway.journal.write(tx.leases.acquire(operation.id, gateway.node))
    )
    if account is None or taken is None:
        return
    if taken.work is None or taken.work.command is None:
        await leave(gateway, taken.operation, anew=False)
        return
    before = await gateway.journal.read(tx.orders.find(operation.order))
    held = Held(operation=taken.operation, work=taken.work, account=account, before=before)
    gateway.run(ask_again(gateway, taken, held), operation.id)
