"""Probes the provider once more before a retry, if the first request may have been applied after all."""

from ordergate.domain.outcome import Applied, NotFound, Outcome, Unknown
from ordergate.gateway.accounts.routing import require_account_of
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.plans import probe
from ordergate.gateway.writes.prepared import ClaimedOperation
from ordergate.gateway.writes.problems import not_sent_again, probe_in_progress
from ordergate.gateway.writes.retry import MARKED, may_still_arrive, needs_probe_before_retry
from ordergate.gateway.writes.settle import settle_applied
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Operation


async def probe_before_retry(runtime: Runtime, operation: Operation) -> Answer | None:
    """Probe for a failed operation whose request may still have arrived.

    Returns:
        The answer if the operation was applied; None if the retry may be sent.

    Raises:
        Problem: The probe could not see the provider, so a retry could act twice. Or another process probes now.
    """
    if not may_still_arrive(operation):
        return None
    account = require_account_of(runtime.configuration, operation)
    acquired = await runtime.journal.write(tx.leases.acquire(operation.id, runtime.node, late=True))
    if acquired is None:
        now = await runtime.journal.read(tx.operations.find(operation.id))
        if now is not None and now.state == "failed":
            raise probe_in_progress(operation)
        return None  # another retry was faster, and the claim of this one finds it
    runtime.work.hold(operation.id)
    probe_in = runtime.configuration.late_look.total_seconds()
    try:
        outcome: Outcome = NotFound()
        if acquired.work is not None and acquired.work.command is not None:
            outcome = await probe(runtime, account, acquired.work.command, acquired.baseline)
        if isinstance(outcome, Applied) and acquired.work is not None:
            before = await runtime.journal.read(tx.orders.find(operation.order))
            claimed = ClaimedOperation(
                operation=acquired.operation,
                work=acquired.work,
                account=account,
                before=before,
                owner=runtime.node,
            )
            return await settle_applied(runtime, claimed, outcome)
        await runtime.journal.write(
            tx.operations.settle(
                acquired.operation,
                None,
                None,
                owner=runtime.node,
                late=True,
                probe_in=probe_in if operation.kind in MARKED else None,
            )
        )
    finally:
        runtime.work.release(operation.id)
    if isinstance(outcome, Unknown) and needs_probe_before_retry(operation):
        raise not_sent_again(operation, outcome.reason)
    return None  # a change reads its order before it is sent, and is refused if the order has it already
