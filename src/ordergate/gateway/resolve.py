"""Lets a person say what became of a write that could not settle itself."""

from math import ceil

import msgspec

from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.draft import ResolveBody
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.outcome import Applied
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderOrder
from ordergate.gateway.caller import OPERATOR_SCOPE, Caller
from ordergate.gateway.context import Gateway
from ordergate.gateway.conversation import read_order
from ordergate.gateway.order_log import refresh
from ordergate.gateway.outcomes import Held, applied, nothing_done
from ordergate.gateway.read import get_operation, read_command
from ordergate.gateway.records import Operation, Resolution, Taken
from ordergate.gateway.routing import require_home


async def resolve_operation(
    gateway: Gateway, caller: Caller, operation_id: str, body: ResolveBody
) -> Operation:
    """Settle an operation of unknown outcome as a person found it; the evidence is kept with it.

    An applied operation whose order stands in review as a late write is accepted by resolving it as applied: that
    changes the order alone.

    Raises:
        Problem: ``not_found``, ``forbidden``, ``invalid_state`` for what is settled or being worked on, or what kept
            the provider's order from being read.
    """
    caller.require(OPERATOR_SCOPE)
    operation = await get_operation(gateway, caller, operation_id)
    resolution = Resolution(at=gateway.clock(), key=caller.key, outcome=body.as_, evidence=body.evidence)
    if operation.state == "succeeded" and body.as_ == "applied":
        await _accept_late_write(gateway, operation)
        return operation
    if operation.settled:
        raise Problem(
            "invalid_state",
            f"The operation is settled as {operation.outcome}; there is nothing to resolve.",
            operation=operation.id,
        )
    taken = await gateway.journal.take(operation.id, gateway.node)
    if taken is None:
        raise Problem(
            "invalid_state",
            "The operation is being worked on at this moment; try again in a few seconds.",
            operation=operation.id,
            retry_after=5,
        )
    gateway.hold(operation.id)
    try:
        await _settle(gateway, taken, body, resolution)
    except BaseException:
        await gateway.journal.leave_unknown(
            taken.operation,
            gateway.node,
            settles_in=None,
            look_in=None if taken.operation.needs_person else 0,
        )
        raise
    finally:
        gateway.release(operation.id)
    return await get_operation(gateway, caller, operation_id)


async def _settle(gateway: Gateway, taken: Taken, body: ResolveBody, resolution: Resolution) -> None:
    operation = msgspec.structs.replace(
        taken.operation, resolution=resolution, updated_at=gateway.steady_time(), needs_person=False
    )
    account = require_home(gateway.configuration, operation)
    if taken.work is None:
        raise Problem(
            "invalid_state",
            "An older release recorded this operation without what its order needs; import the order instead.",
            operation=operation.id,
        )
    before = await gateway.journal.order(operation.order)
    held = Held(operation=operation, work=taken.work, account=account, before=before, owner=gateway.node)
    if body.as_ == "not_applied":
        if taken.settles_in > 0:
            raise Problem(
                "invalid_state",
                "What was sent may still arrive; say so once nothing can.",
                operation=operation.id,
                retry_after=ceil(taken.settles_in),
            )
        await nothing_done(gateway, held)
        return
    if operation.kind is OperationKind.CREATE:
        if body.provider_order_id is None:
            raise invalid_request(
                "/provider_order_id", "required", "Say which order at the provider the create has made."
            )
        command = RetrieveOrder(provider_order_id=body.provider_order_id)
    elif before is None:
        raise LookupError(f"{operation.order} is not in the journal")
    else:
        command = read_command(before.record)
    seen = await read_order(gateway, account, command)
    await _refuse_foreign(gateway, operation, seen)
    await applied(gateway, held, Applied(order=seen))


async def _refuse_foreign(gateway: Gateway, operation: Operation, seen: ProviderOrder) -> None:
    """Refuse an order that another operation has made, or that is in the journal already."""
    if operation.kind is not OperationKind.CREATE:
        return
    known = await gateway.journal.adopted(operation.account, [seen.provider_order_id])
    marked = {OPERATION_MARK: operation.id, MERCHANT_MARK: operation.merchant}
    foreign = any(seen.marks.get(mark, own) != own for mark, own in marked.items())
    if known or foreign:
        raise invalid_request(
            "/provider_order_id",
            "another_order",
            "That order was made by another operation, or is known here already: it is not what this create made.",
        )


async def _accept_late_write(gateway: Gateway, operation: Operation) -> None:
    stored = await gateway.journal.order(operation.order)
    if stored is None or ReviewReason.LATE_WRITE not in stored.record.concerns:
        raise Problem(
            "invalid_state",
            "The operation is settled as applied; there is nothing to resolve.",
            operation=operation.id,
        )
    concerns = [concern for concern in stored.record.concerns if concern is not ReviewReason.LATE_WRITE]
    record = msgspec.structs.replace(stored.record, concerns=concerns)
    kept = await refresh(gateway, record, stored)
    if ReviewReason.LATE_WRITE in kept.record.concerns:
        raise Problem("order_busy", "The order has just changed; try again.", order=operation.order)
