"""Sends a create through the next account of its route, after the first one has certainly not created it."""

import msgspec
import structlog

from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.attempt import with_attempt
from ordergate.gateway.writes.prepared import (
    ClaimedOperation,
    Failover,
    StartedPlan,
    journaled_body,
    start_plan,
    work_of,
)
from ordergate.journal import transactions as tx
from ordergate.telemetry.log import note_account

_log = structlog.get_logger("ordergate.gateway")


async def fail_over(
    runtime: Runtime, claimed: ClaimedOperation, failover: Failover
) -> tuple[ClaimedOperation, StartedPlan, Failover | None] | None:
    """Record an attempt at the next account; None if there is no other account, or another process has the operation.

    Returns:
        The operation with the attempt, its started plan, and the next failover.

    Raises:
        JournalUnavailableError: The attempt was not recorded, so nothing may be sent.
    """
    async with runtime.account_swap.reader:
        prepared = await failover(claimed.operation)
        if prepared is None:
            return None
        account = prepared.account
        started = start_plan(account, prepared.command)
        work = work_of(prepared, started)
        moved = msgspec.structs.replace(claimed.operation, account=account.name, adapter=account.adapter.name)
        operation = with_attempt(runtime, moved)
        recorded = await runtime.journal.write(
            tx.operations.fail_over(operation, work, journaled_body(started), runtime.node, account.settling)
        )
    if not recorded:
        return None
    note_account(account.name)
    _log.warning("write.moved", operation_id=operation.id, order_id=operation.order, account=account.name)
    claimed = msgspec.structs.replace(claimed, operation=operation, work=work, account=account)
    return claimed, started, prepared.failover
