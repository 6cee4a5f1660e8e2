"""Carries out a claimed write: attempts, failover, retries, and the end.

If the outcome stays unknown, recovery finds it out.
"""

import asyncio
import contextlib

import msgspec
import structlog

from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.outcome import Applied, NotApplied, Outcome, Unknown
from ordergate.gateway.accounts.routing import account_of
from ordergate.gateway.runtime.concurrency import waiting
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.attempt import attempt_once, with_attempt
from ordergate.gateway.writes.failover import fail_over
from ordergate.gateway.writes.plans import with_account
from ordergate.gateway.writes.prepared import ClaimedOperation, Failover, StartedPlan, start_plan
from ordergate.gateway.writes.problems import no_trace, outcome_unknown
from ordergate.gateway.writes.retry import (
    RETRY_PAUSES,
    AfterAttempt,
    after_attempt,
    all_attempts_over,
    is_idempotent,
)
from ordergate.gateway.writes.settle import (
    OrderKnownError,
    answer_of,
    record_persistently,
    settle_applied,
    settle_refused,
    wait_until_settled,
)
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import AcquiredOperation, Operation
from ordergate.spi.wire import WireRequest

_log = structlog.get_logger("ordergate.gateway")


async def carry_out(
    runtime: Runtime, claimed: ClaimedOperation, started: StartedPlan, failover: Failover | None = None
) -> Answer:
    """Send the write, and record its outcome.

    From here on, no failure may be reported as "not applied" without proof.

    Raises:
        Problem: The provider refused the write, or the outcome is unknown.
    """
    try:
        claimed, outcome = await attempt_once(runtime, claimed, started)
        while (step := _next_step(runtime, claimed, started, outcome, failover)) is AfterAttempt.FAIL_OVER:
            try:
                moved = failover and await fail_over(runtime, claimed, failover)
            except JournalUnavailableError:
                break  # the attempt is not recorded, so it is not sent
            if moved is None:
                break
            claimed, started, failover = moved
            claimed, outcome = await attempt_once(runtime, claimed, started)
        if step is AfterAttempt.RETRY and isinstance(outcome, Unknown):
            claimed, outcome = await _retry(runtime, claimed, started.request, outcome)
        return await _conclude(runtime, claimed, outcome)
    except Problem:
        raise
    except JournalUnavailableError as error:
        _log.warning(
            "write.not_recorded",
            operation=claimed.operation.id,
            order=claimed.operation.order,
            error=str(error),
        )
        with contextlib.suppress(JournalUnavailableError):
            await _give_up(runtime, claimed, "outcome_unknown")
        reason = f"{error}. The outcome could not be recorded; the gateway finds it out again."
        raise outcome_unknown(claimed.operation, reason) from error
    except Exception as error:
        _log.exception("write.failed", operation_id=claimed.operation.id, order_id=claimed.operation.order)
        with contextlib.suppress(JournalUnavailableError):
            await _give_up(runtime, claimed, "internal_error")
        raise Problem(
            "internal_error",
            f"The gateway failed after the request was sent; GET /v1/operations/{claimed.operation.id} has the "
            "known facts.",
            sent="maybe",
            outcome="unknown",
            operation=claimed.operation.id,
            order=claimed.operation.order,
            retry_after=5,
        ) from error


async def carry_out_accepted(
    runtime: Runtime, claimed: ClaimedOperation, request: bytes | None, failover: Failover | None
) -> Answer:
    """Carry out a write that was accepted and that has no attempt yet.

    Args:
        runtime: This process.
        claimed: The operation.
        request: The bytes that the adapter was going to send when the write was accepted.
        failover: For a create.

    Raises:
        Problem: As :func:`carry_out`.
    """
    try:
        started = start_plan(claimed.account, claimed.work.command)
    except Problem as problem:
        return await _refuse_unsent(runtime, claimed, f"By now it cannot be sent: {problem.detail}")
    if started.body != request:
        return await _refuse_unsent(
            runtime,
            claimed,
            "By now the adapter would send something else than was accepted; nothing was sent.",
        )
    operation = with_attempt(runtime, claimed.operation)
    if not await runtime.journal.write(
        tx.operations.start_attempt(operation, runtime.node, claimed.account.settling)
    ):
        raise outcome_unknown(operation, "Another process works on it.")
    claimed = msgspec.structs.replace(claimed, operation=operation, owner=None)
    return await carry_out(runtime, claimed, started, failover)


async def retry_lost(runtime: Runtime, acquired: AcquiredOperation, claimed: ClaimedOperation) -> None:
    """Retry a request whose response was lost, for a repeated key. If it stays unknown, recovery probes."""
    outcome: Outcome = (lost := Unknown(reason="The provider's answer was lost."))
    request = start_plan(claimed.account, claimed.work.command).request
    if request is not None and request.body == acquired.request:
        claimed, outcome = await _retry(runtime, claimed, request, lost)
    if isinstance(outcome, Unknown):
        attempted = claimed.operation != acquired.operation
        await leave_to_recovery(runtime, claimed.operation, attempted=attempted, exchanges=claimed.exchanges)
        return
    with contextlib.suppress(Problem):
        await _conclude(runtime, claimed, outcome)


async def leave_to_recovery(
    runtime: Runtime, operation: Operation, *, attempted: bool, exchanges: tuple[Exchange, ...] = ()
) -> None:
    """Record that the outcome is unknown, release the operation, and wake recovery.

    Args:
        runtime: This process.
        operation: The operation.
        attempted: This process has made an attempt, so the settling time starts now.
        exchanges: The exchanges of this process that are not in the journal yet.
    """
    over = attempted and _all_attempts_over(runtime, operation)
    await runtime.journal.write(
        tx.operations.leave_unknown(
            msgspec.structs.replace(operation, state="unknown", outcome="unknown"),
            runtime.node,
            settles_in=runtime.configuration.closed_settling if over else None,
            probe_in=0,
            exchanges=exchanges,
        )
    )
    runtime.workers.wake("recovery")


def _all_attempts_over(runtime: Runtime, operation: Operation) -> bool:
    account = account_of(runtime.configuration, operation)
    return account is not None and all_attempts_over(operation, account.settling)


def _next_step(
    runtime: Runtime,
    claimed: ClaimedOperation,
    started: StartedPlan,
    outcome: Outcome,
    failover: Failover | None,
) -> AfterAttempt:
    return after_attempt(
        claimed.operation,
        outcome,
        idempotent=isinstance(outcome, Unknown) and _is_idempotent(runtime, claimed, started.request),
        has_failover=failover is not None,
    )


def _is_idempotent(runtime: Runtime, claimed: ClaimedOperation, request: WireRequest | None) -> bool:
    """Return whether the provider would answer a retry of exactly this request without acting again."""
    command = claimed.work.command
    if request is None or command is None or claimed.work.confidential:
        return False
    again = start_plan(claimed.account, command).request
    return is_idempotent(
        claimed.operation,
        claimed.account.adapter.idempotent_for(command, claimed.account.settings),
        runtime.steady_time(),
        same_request=again is not None and (again.path, again.body) == (request.path, request.body),
    )


async def _retry(
    runtime: Runtime, claimed: ClaimedOperation, request: WireRequest | None, lost: Unknown
) -> tuple[ClaimedOperation, Outcome]:
    """Retry the same bytes while the caller waits, if the provider is idempotent.

    Applied is a proof. A refusal of the retry proves nothing about the first request: the effect of the first may be
    the reason for it.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + runtime.configuration.idempotency_wait
    outcome: Outcome = lost
    for pause in RETRY_PAUSES:
        if not _is_idempotent(runtime, claimed, request) or loop.time() + pause > deadline:
            break
        with waiting():
            await asyncio.sleep(pause)
        started = start_plan(claimed.account, claimed.work.command)
        operation = with_attempt(runtime, claimed.operation)
        try:
            recorded = await runtime.journal.write(
                tx.operations.start_attempt(operation, runtime.node, claimed.account.settling)
            )
        except JournalUnavailableError:
            break  # the attempt is not recorded, so it is not sent
        if not recorded:
            break
        claimed, result = await attempt_once(
            runtime, msgspec.structs.replace(claimed, operation=operation), started
        )
        if isinstance(result, Applied):
            return claimed, result
        if claimed.operation.attempts[-1].sent == "no":
            continue  # a retry that was not sent adds no information
        if isinstance(result, NotApplied):
            result = Unknown(reason=f"{lost.reason} Repeated: {result.detail}", provider=result.provider)
        outcome = result
    return claimed, outcome


async def _conclude(runtime: Runtime, claimed: ClaimedOperation, outcome: Outcome) -> Answer:
    match outcome:
        case Applied():
            try:
                return await settle_applied(runtime, claimed, outcome, just_made=claimed.before is None)
            except OrderKnownError as known:
                return await _wait_for_recovery(runtime, claimed, Unknown(reason=str(known)))
        case NotApplied():
            return await settle_refused(runtime, claimed, outcome)
        case Unknown():
            return await _wait_for_recovery(runtime, claimed, outcome)
        case _:
            raise TypeError(f"a write returned {type(outcome).__name__}")


async def _wait_for_recovery(runtime: Runtime, claimed: ClaimedOperation, outcome: Unknown) -> Answer:
    """Leave the operation to recovery, and wait for its outcome as long as the caller's request lasts."""
    await record_persistently(runtime, lambda: _give_up(runtime, claimed, "outcome_unknown"))
    existing = await record_persistently(
        runtime, lambda: runtime.journal.read(tx.operations.find_existing(claimed.operation.id))
    )
    if existing is None:
        raise LookupError(f"{claimed.operation.id} is not in the journal")
    if runtime.workers.runs("recovery"):
        existing = await wait_until_settled(runtime, existing)
    if not existing.operation.settled:
        provider = outcome.provider and with_account(outcome.provider, claimed.account)
        raise outcome_unknown(existing.operation, outcome.reason, provider)
    answer = await answer_of(runtime, existing)
    if answer is None:
        raise no_trace(existing.operation)
    return answer


async def _give_up(runtime: Runtime, claimed: ClaimedOperation, problem: str) -> None:
    operation = msgspec.structs.replace(claimed.operation, problem=problem)
    await leave_to_recovery(runtime, operation, attempted=True, exchanges=claimed.exchanges)


async def _refuse_unsent(runtime: Runtime, claimed: ClaimedOperation, detail: str) -> Answer:
    """Settle an accepted write without an attempt. Another process cannot have started one either."""
    return await settle_refused(
        runtime, claimed, NotApplied(code="provider_unavailable", detail=detail, provider=ProviderError())
    )
