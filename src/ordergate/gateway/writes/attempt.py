"""Makes one attempt of a write: sends its request once, and returns the outcome."""

import msgspec

from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.domain.outcome import Applied, NotApplied, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import OUTCOME_NAMES, read_order, send_plan
from ordergate.gateway.writes.prepared import ClaimedOperation, StartedPlan
from ordergate.gateway.writes.retry import STORED_REFUSALS
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Operation

MOVES_MONEY = frozenset({OperationKind.PAY, OperationKind.RETURN})
"""The kinds for which an unmapped error proves nothing until the order has been read again."""


def with_attempt(runtime: Runtime, before: Operation) -> Operation:
    """Return the operation with one more attempt, which starts now at the operation's account."""
    now = runtime.steady_time()
    attempt = Attempt(number=len(before.attempts) + 1, account=before.account or None, started_at=now)
    return msgspec.structs.replace(
        before,
        state="in_progress",
        outcome=None,
        problem=None,
        attempts=(*before.attempts, attempt),
        updated_at=now,
    )


async def attempt_once(
    runtime: Runtime, claimed: ClaimedOperation, started: StartedPlan
) -> tuple[ClaimedOperation, Outcome]:
    """Make the recorded attempt; return the operation with the end of the attempt, and the outcome."""
    if started.plan is None or started.request is None:
        return _done_by_gateway(runtime, claimed)
    kind = claimed.operation.kind
    outcome, attempt, exchanges = await send_plan(
        runtime,
        claimed.account,
        started.plan,
        started.request,
        claimed.operation,
        before=None if claimed.before is None else claimed.before.record.seen,
        started_at=started.started_at,
    )
    if isinstance(outcome, NotApplied) and not outcome.mapped:
        runtime.metrics.unmapped_error(claimed.account.name, kind.value, outcome.provider.code)
        if kind in MOVES_MONEY:
            outcome = await _check_order(runtime, claimed, outcome)
    instead = _done_instead(claimed, outcome) if isinstance(outcome, NotApplied) else None
    if instead is not None:
        operation = msgspec.structs.replace(claimed.operation, performed_by="gateway")
        claimed, outcome = msgspec.structs.replace(claimed, operation=operation), instead
    name = "not_sent" if attempt.sent == "no" else OUTCOME_NAMES.get(type(outcome), "unknown")
    runtime.metrics.attempt(claimed.account.name, kind.value, name)
    return _with_end(claimed, attempt, exchanges), outcome


def _done_by_gateway(runtime: Runtime, claimed: ClaimedOperation) -> tuple[ClaimedOperation, Outcome]:
    """The adapter sends nothing: the gateway itself does the write."""
    if claimed.before is None:
        raise TypeError("only a change of an order can be made without its provider")
    attempt = msgspec.structs.replace(
        claimed.operation.attempts[-1], sent="no", closed=True, finished_at=runtime.steady_time()
    )
    return _with_end(claimed, attempt), Applied(order=claimed.before.record.seen)


def _done_instead(claimed: ClaimedOperation, refusal: NotApplied) -> Applied | None:
    """Return the outcome if the gateway can do the refused write itself, without any money; None otherwise.

    An order that costs nothing is paid even if its provider accepts no payment of zero. Such a provider regards the
    order as unpaid, and may also refuse to fulfill it.
    """
    if claimed.before is None or refusal.code not in STORED_REFUSALS:
        return None
    record, kind = claimed.before.record, claimed.operation.kind
    free = record.seen.total == record.seen.amount_paid == 0
    if free and (
        kind is OperationKind.PAY or (kind is OperationKind.FULFILL and record.paid_here is not None)
    ):
        return Applied(order=record.seen)
    return None


async def _check_order(
    runtime: Runtime, claimed: ClaimedOperation, refusal: NotApplied
) -> NotApplied | Unknown:
    """Read the order after an unmapped error of a call that moves money: the error alone proves nothing."""
    if claimed.before is None:
        raise TypeError("only an existing order's money is moved")
    before = claimed.before.record.seen
    try:
        now = await read_order(
            runtime, claimed.account, RetrieveOrder(provider_order_id=before.provider_order_id)
        )
    except Problem as problem:
        return Unknown(reason=f"{refusal.detail} Then: {problem.detail}", provider=refusal.provider)
    if not now.payment_pending and _money(now) == _money(before):
        return refusal
    return Unknown(reason=f"{refusal.detail} But the order has changed.", provider=refusal.provider)


def _money(order: ProviderOrder) -> tuple[object, ...]:
    """Return everything about an order that a payment or a refund changes."""
    return order.amount_paid, order.amount_refunded, order.phase, order.provider_status


def _with_end(
    claimed: ClaimedOperation, attempt: Attempt, exchanges: tuple[Exchange, ...] = ()
) -> ClaimedOperation:
    operation = msgspec.structs.replace(
        claimed.operation,
        attempts=(*claimed.operation.attempts[:-1], attempt),
        updated_at=attempt.finished_at or claimed.operation.updated_at,
    )
    return msgspec.structs.replace(claimed, operation=operation, exchanges=(*claimed.exchanges, *exchanges))
