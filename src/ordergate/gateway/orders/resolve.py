"""Lets a person probe an unsettled write again, or resolve it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from math import ceil

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.draft import ResolveBody
from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.lifecycle import OperationKind, ReviewReason, accepted_with
from ordergate.domain.operation import Resolution
from ordergate.domain.outcome import Applied, NotApplied, Unknown
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderOrder
from ordergate.gateway.access.caller import OPERATOR_SCOPE, Caller
from ordergate.gateway.accounts.routing import require_account_of
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.orders.read import get_operation, read_command
from ordergate.gateway.runtime.order_log import log_status
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import probe, read_order
from ordergate.gateway.writes.prepared import ClaimedOperation
from ordergate.gateway.writes.recovery import recover, with_probe
from ordergate.gateway.writes.settle import settle_absent, settle_applied, settle_refused, settle_unsent
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import AcquiredOperation, Operation, Work


async def recheck_operation(runtime: Runtime, caller: Caller, operation_id: str) -> Operation:
    """Probe an unsettled operation now, and return the operation after that.

    One that is settled is returned as it is.

    Raises:
        Problem: ``not_found``, ``forbidden``, or ``invalid_state`` if a process works on the operation or it cannot be
            probed.
    """
    caller.require("orders:write")
    operation = await get_operation(runtime, caller, operation_id)
    if operation.settled:
        return operation
    require_account_of(runtime.configuration, operation)
    acquired = await _acquire(runtime, operation)
    await asyncio.shield(runtime.work.run(recover(runtime, failover_as_routed, acquired), operation.id))
    _require_work(acquired)
    return await get_operation(runtime, caller, operation_id)


async def resolve_operation(
    runtime: Runtime, caller: Caller, operation_id: str, body: ResolveBody
) -> Operation:
    """Settle an operation of unknown outcome as a person found it; the evidence is kept with it.

    The provider is probed first: its answer overrides a person's "not applied".

    To resolve an applied operation as applied accepts the review reasons of its order. This changes only the order.

    Raises:
        Problem: ``not_found``, ``forbidden``, ``invalid_state`` for a settled operation or one that a process works on,
            and for a resolution that the provider contradicts or cannot confirm. Or the failure to read the provider's
            order.
    """
    caller.require(OPERATOR_SCOPE)
    if body.unseen and body.as_ == "applied":
        raise invalid_request(
            "/unseen", "conflicting_fields", "Only an operation that was not applied can be unseen."
        )
    operation = await get_operation(runtime, caller, operation_id)
    resolution = Resolution(
        at=runtime.clock(), key=caller.key, outcome=body.as_, evidence=body.evidence, unseen=body.unseen
    )
    if operation.state == "succeeded" and body.as_ == "applied":
        await _accept(runtime, msgspec.structs.replace(operation, resolution=resolution))
        return await get_operation(runtime, caller, operation_id)
    if operation.settled:
        raise Problem(
            "invalid_state",
            f"The operation is settled as {operation.outcome}; there is nothing to resolve.",
            operation=operation.id,
        )
    acquired = await _acquire(runtime, operation)
    runtime.work.hold(operation.id)
    try:
        if body.as_ == "applied":
            await _settle_as_applied(runtime, acquired, body, resolution)
        else:
            await _settle_as_not_applied(runtime, acquired, resolution)
    finally:
        runtime.work.release(operation.id)
    return await get_operation(runtime, caller, operation_id)


async def _acquire(runtime: Runtime, operation: Operation) -> AcquiredOperation:
    acquired = await runtime.journal.write(tx.leases.acquire(operation.id, runtime.node))
    if acquired is None:
        raise Problem(
            "invalid_state",
            "The operation is being worked on at this moment; try again in a few seconds.",
            operation=operation.id,
            retry_after=5,
        )
    return acquired


def _require_work(acquired: AcquiredOperation) -> Work:
    if acquired.work is None:
        raise Problem(
            "invalid_state",
            "The gateway no longer has the command of this operation, so it cannot record the order. "
            "Import the order instead.",
            operation=acquired.operation.id,
        )
    return acquired.work


async def _claimed(runtime: Runtime, acquired: AcquiredOperation) -> ClaimedOperation:
    account = require_account_of(runtime.configuration, acquired.operation)
    work = _require_work(acquired)
    before = await runtime.journal.read(tx.orders.find(acquired.operation.order))
    return ClaimedOperation(
        operation=acquired.operation, work=work, account=account, before=before, owner=runtime.node
    )


@contextlib.asynccontextmanager
async def _released_on_failure(runtime: Runtime, operation: Operation) -> AsyncIterator[None]:
    """Release an operation unchanged, if the block fails."""
    try:
        yield
    except BaseException:
        probe_in = None if operation.needs_person else 0
        await runtime.journal.write(
            tx.operations.leave_unknown(operation, runtime.node, settles_in=None, probe_in=probe_in)
        )
        raise


async def _settle_as_not_applied(
    runtime: Runtime, acquired: AcquiredOperation, resolution: Resolution
) -> None:
    """Believe a person, unless the provider shows otherwise."""
    async with _released_on_failure(runtime, acquired.operation):
        claimed = await _claimed(runtime, acquired)
        if claimed.work.command is None:
            await settle_unsent(runtime, _resolved(runtime, claimed, resolution))
            return
        outcome = await probe(runtime, claimed.account, claimed.work.command, acquired.baseline)
    claimed = msgspec.structs.replace(claimed, operation=with_probe(runtime, claimed.operation, outcome))
    async with _released_on_failure(runtime, claimed.operation):
        if isinstance(outcome, Applied):
            await settle_applied(runtime, claimed, outcome)
        else:
            if isinstance(outcome, Unknown) and not resolution.unseen:
                raise _not_visible(claimed.operation, outcome.reason)
            if acquired.settles_in > 0 and not isinstance(outcome, NotApplied):
                raise Problem(
                    "invalid_state",
                    "The request may still arrive at the provider; resolve the operation when it no longer can.",
                    operation=claimed.operation.id,
                    retry_after=ceil(acquired.settles_in),
                )
            claimed = _resolved(runtime, claimed, resolution)
            if isinstance(outcome, NotApplied):
                with contextlib.suppress(Problem):  # the refusal itself, for a caller that waits
                    await settle_refused(runtime, claimed, outcome)
            else:
                await settle_absent(runtime, claimed)
    if isinstance(outcome, Applied):
        raise Problem(
            "invalid_state",
            "The provider shows that it was applied: the operation is settled as that.",
            operation=claimed.operation.id,
            order=claimed.operation.order,
        )


def _not_visible(operation: Operation, reason: str) -> Problem:
    detail = (
        f"{reason} So the provider does not prove that it was not applied. Probe again later; or, if you have "
        "other evidence, give unseen: true (--unseen)."
    )
    error = FieldError(pointer="/unseen", code="required", detail=detail)
    return Problem("invalid_state", detail, errors=[error], operation=operation.id)


def _resolved(runtime: Runtime, claimed: ClaimedOperation, resolution: Resolution) -> ClaimedOperation:
    operation = msgspec.structs.replace(
        claimed.operation, resolution=resolution, updated_at=runtime.steady_time(), needs_person=False
    )
    return msgspec.structs.replace(claimed, operation=operation)


async def _settle_as_applied(
    runtime: Runtime, acquired: AcquiredOperation, body: ResolveBody, resolution: Resolution
) -> None:
    """Read the order at the provider, and end the write as its caller wanted it."""
    async with _released_on_failure(runtime, acquired.operation):
        claimed = _resolved(runtime, await _claimed(runtime, acquired), resolution)
        command = _reading(claimed, body)
        seen = await read_order(runtime, claimed.account, command)
        await _refuse_foreign(runtime, claimed.operation, seen)
        await settle_applied(runtime, claimed, Applied(order=seen))


def _reading(claimed: ClaimedOperation, body: ResolveBody) -> RetrieveOrder:
    if claimed.operation.kind is not OperationKind.CREATE:
        if claimed.before is None:
            raise LookupError(f"{claimed.operation.order} is not in the journal")
        return read_command(claimed.before.record)
    if body.provider_order_id is None:
        raise invalid_request(
            "/provider_order_id",
            "required",
            "Give the id of the order that the create has made at the provider.",
        )
    return RetrieveOrder(provider_order_id=body.provider_order_id)


async def _refuse_foreign(runtime: Runtime, operation: Operation, seen: ProviderOrder) -> None:
    """Refuse an order that another operation has made, or that is in the journal already."""
    if operation.kind is not OperationKind.CREATE:
        return
    known = await runtime.journal.read(tx.orders.find_imported(operation.account, [seen.provider_order_id]))
    marked = {OPERATION_MARK: operation.id, MERCHANT_MARK: operation.merchant}
    foreign = any(seen.marks.get(mark, own) != own for mark, own in marked.items())
    if known or foreign:
        raise invalid_request(
            "/provider_order_id",
            "another_order",
            "That order was made by another operation, or the gateway knows it already: this create did not make "
            "it.",
        )


async def _accept(runtime: Runtime, operation: Operation) -> None:
    """Clear the review reasons that an operator accepts, and record the evidence."""
    stored = await runtime.journal.read(tx.orders.find(operation.order))
    accepted = accepted_with(operation.kind, stored.record.concerns) if stored is not None else []
    if stored is None or not accepted:
        raise Problem(
            "invalid_state",
            "The operation is settled as applied; there is nothing to resolve.",
            operation=operation.id,
        )
    after = _without(stored.record, accepted)
    if not await runtime.journal.write(tx.operations.accept(operation, after, stored.revision)):
        raise Problem("order_busy", "The order has just changed; try again.", order=operation.order)
    log_status(stored.record, after)


def _without(record: OrderRecord, accepted: list[ReviewReason]) -> OrderRecord:
    left = [concern for concern in record.concerns if concern not in accepted]
    return msgspec.structs.replace(record, concerns=left)
