"""Recovery: finds out the outcome of writes whose response was lost, by probes. It never sends a write again.

Any number of processes on any number of hosts may run it. Each operation is acquired by one process at a time.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec
import structlog

from ordergate.domain.commands import CreateOrder
from ordergate.domain.errors import Problem
from ordergate.domain.operation import Probe
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Unknown
from ordergate.gateway.accounts.routing import account_of
from ordergate.gateway.runtime.background import in_background
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.carry_out import carry_out_accepted
from ordergate.gateway.writes.plans import probe
from ordergate.gateway.writes.prepared import ClaimedOperation, Failover
from ordergate.gateway.writes.settle import settle_absent, settle_applied, settle_refused, settle_unsent
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import AcquiredOperation, Operation
from ordergate.telemetry.log import note_operation

AT_ONCE = 16
"""Operations that one process recovers at the same time."""

CreateFailover = Callable[[Runtime, Operation, CreateOrder], Failover]
"""Returns the failover of a create that another process has accepted."""

_IDLE = 1.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_KEPT_PROBES = 20
_VERDICTS: dict[type[object], Literal["applied", "not_applied", "absent", "unclear"]] = {
    Applied: "applied",
    NotApplied: "not_applied",
    NotFound: "absent",
    Unknown: "unclear",
}

_log = structlog.get_logger("ordergate.recovery")


@contextlib.asynccontextmanager
async def recovering(runtime: Runtime, failover: CreateFailover) -> AsyncIterator[None]:
    """Recover unsettled operations in the background until the block ends.

    Args:
        runtime: This process.
        failover: For creates that were accepted and have no attempt yet.

    Raises:
        JournalUnavailableError: The journal failed at the start. Later failures are waited out.
    """
    await runtime.journal.write(tx.leases.reap_expired(runtime.node, runtime.work.held))
    running: set[asyncio.Task[None]] = set()

    async def do_round() -> float:
        running.difference_update([task for task in running if task.done()])
        if len(running) == AT_ONCE:
            return _IDLE
        started = await run_due(runtime, failover, AT_ONCE - len(running))
        running.update(started)
        return 0.0 if started else _IDLE

    worker = runtime.workers.run(
        "recovery", do_round, log=_log, failure="recovery.failed", after_failure=_IDLE
    )
    async with worker:
        yield


async def run_due(
    runtime: Runtime, failover: CreateFailover, at_most: int = AT_ONCE
) -> list["asyncio.Task[None]"]:
    """Acquire due operations, and return the tasks that recover them."""
    acquired = await runtime.journal.write(tx.leases.acquire_due(runtime.node, at_most))
    return [runtime.work.run(recover(runtime, failover, each), each.operation.id) for each in acquired]


async def recover(runtime: Runtime, failover: CreateFailover, acquired: AcquiredOperation) -> None:
    """Find out the outcome of an acquired operation, and record it. Failures are logged."""
    operation = acquired.operation
    with in_background(runtime, "recovery"):
        note_operation(operation.id, operation.order)
        try:
            await _recover(runtime, failover, acquired)
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - other operations wait for their turn
            _log.exception("recovery.failed")
            with contextlib.suppress(JournalUnavailableError):
                await _postpone(runtime, acquired, operation)


async def _recover(runtime: Runtime, failover: CreateFailover, acquired: AcquiredOperation) -> None:
    """Settle an operation, or schedule its next probe."""
    operation, work = acquired.operation, acquired.work
    account = account_of(runtime.configuration, operation)
    if work is None or account is None:
        await _postpone(runtime, acquired, operation)
        return
    before = await runtime.journal.read(tx.orders.find(operation.order))
    claimed = ClaimedOperation(
        operation=operation, work=work, account=account, before=before, owner=runtime.node
    )
    if operation.state == "in_progress" and not operation.attempts:
        command = work.command
        next_account = failover(runtime, operation, command) if isinstance(command, CreateOrder) else None
        with contextlib.suppress(Problem):
            await carry_out_accepted(runtime, claimed, acquired.request, next_account)
        return
    if work.command is None:
        await settle_unsent(runtime, claimed)
        return
    outcome = await probe(runtime, account, work.command, acquired.baseline)
    operation = with_probe(runtime, operation, outcome)
    claimed = msgspec.structs.replace(claimed, operation=operation)
    _log.info("operation.probed", account=account.name, found=operation.probes[-1].found)
    match outcome:
        case Applied():
            with contextlib.suppress(Problem):
                await settle_applied(runtime, claimed, outcome)
        case NotApplied() if operation.state != "failed":
            with contextlib.suppress(Problem):
                await settle_refused(runtime, claimed, outcome)
        case NotFound() if acquired.settles_in <= 0 and operation.state != "failed":
            await settle_absent(runtime, claimed)
        case _:
            await _postpone(runtime, acquired, operation)


async def _postpone(runtime: Runtime, acquired: AcquiredOperation, operation: Operation) -> None:
    """Schedule the next probe. An operation that is too old waits for a person."""
    if operation.state == "failed":
        await _end_delayed_probe(runtime, operation)
        return
    too_old = acquired.age > runtime.configuration.person_after.total_seconds()
    probe_in = None if too_old or acquired.work is None else _pause(operation, acquired.settles_in)
    if probe_in is None:
        _log.error("operation.needs_person", operation_id=operation.id, order_id=operation.order)
    await runtime.journal.write(
        tx.operations.leave_unknown(
            msgspec.structs.replace(operation, needs_person=probe_in is None),
            runtime.node,
            settles_in=None,
            probe_in=probe_in,
        )
    )
    if probe_in is not None:
        asyncio.get_running_loop().call_later(probe_in, runtime.workers.wake, "recovery")


async def _end_delayed_probe(runtime: Runtime, operation: Operation) -> None:
    """Schedule another delayed probe if this one could not see the provider; there are at most 20."""
    unclear = bool(operation.probes) and operation.probes[-1].found == "unclear"
    failures = sum(1 for each in operation.probes if each.found == "unclear")
    again = unclear and failures < _KEPT_PROBES
    await runtime.journal.write(
        tx.operations.settle(
            operation,
            None,
            None,
            owner=runtime.node,
            late=True,
            probe_in=runtime.configuration.late_look.total_seconds() if again else None,
        )
    )


def _pause(operation: Operation, settles_in: float) -> float:
    """Return the seconds to the next probe: exponential backoff, but not past the end of the settling time."""
    pause = min(_FIRST_PAUSE * 2.0 ** min(len(operation.probes), 10), _LONGEST_PAUSE)
    jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
    return min(jittered, settles_in + 0.05) if settles_in > 0 else jittered


def with_probe(
    runtime: Runtime, operation: Operation, outcome: Applied | NotApplied | NotFound | Unknown
) -> Operation:
    """Return the operation with one more probe."""
    detail = outcome.reason if isinstance(outcome, Unknown) else None
    detail = outcome.detail if isinstance(outcome, NotApplied) else detail
    made = Probe(at=runtime.steady_time(), found=_VERDICTS[type(outcome)], detail=detail)
    # A delayed probe that finds nothing does not change a settled operation.
    updated_at = operation.updated_at if operation.settled else runtime.steady_time()
    return msgspec.structs.replace(
        operation, probes=(*operation.probes[1 - _KEPT_PROBES :], made), updated_at=updated_at
    )
